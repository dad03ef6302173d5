//! Convolution of each channel alone: nothing is shared between channels, so vectors run over them.
//!
//! With `M` outputs a channel, the input is first repeated `M` times, and its gradient summed over them.

use super::{Conv2d, Sizes, pixels};
use crate::buffer::Buffer;
use crate::float::Float;
use crate::gemm::Finish;
use crate::reduce::{column_sums, row_sums};
use crate::simd::{Kernel, Vector, places};
use crate::threads::{parallel_rows, rows_per_task};

/// Vectors of channels summed together, so that finding a tap's pixel costs little.
const ABREAST: usize = 4;
/// Parts that the sum over all pixels is cut into.
const PARTS: usize = 16;

/// For each place along an axis the (tap, place) pairs that meet there.
type Meetings = Vec<Vec<(usize, usize)>>;

/// The meetings of `places` outputs with what `find(place, tap)` says they see.
fn meetings(taps: usize, places: usize, find: impl Fn(usize, usize) -> Option<usize>) -> Meetings {
    let at = |place: usize| {
        (0..taps)
            .filter_map(|tap| Some((tap, find(place, tap)?)))
            .collect()
    };
    (0..places).map(at).collect()
}

/// The input pixels that each output pixel sees, down and across.
fn sources(geometry: &Conv2d, sizes: &Sizes) -> [Meetings; 2] {
    [0, 1].map(|axis| {
        meetings(geometry.kernel[axis], sizes.output[axis], |place, tap| {
            geometry.source(axis, place, tap, sizes.input[axis])
        })
    })
}

/// Each of `x`'s elements `times` times over.
fn repeated<E: Float>(x: &[E], times: usize) -> Buffer<E> {
    let mut y = Buffer::scratch(x.len() * times);
    parallel_rows(&mut y, times, rows_per_task(times), |first, y| {
        for (y, x) in y.chunks_exact_mut(times).zip(&x[first..]) {
            y.fill(*x);
        }
    });
    y
}

/// `x [B, H, W, C]`, `w [KH, KW, 1, O]`, `y [B, OH, OW, O]`.
pub(super) fn forward<E: Float>(
    x: &[E],
    sizes: &Sizes,
    w: &[E],
    bias: Option<&[E]>,
    finish: Finish<'_, E>,
    geometry: &Conv2d,
    y: &mut [E],
) {
    let times = sizes.o / sizes.c;
    let wide = (times > 1).then(|| repeated(x, times));
    let x = wide.as_deref().unwrap_or(x);
    let meet = sources(geometry, sizes);
    correlate(x, sizes.input, w, bias, finish, geometry, &meet, y);
}

/// `dy [B, OH, OW, O]`, `w [KH, KW, 1, O]`, `dx [B, H, W, C]`.
pub(super) fn backward_data<E: Float>(
    dy: &[E],
    sizes: &Sizes,
    w: &[E],
    geometry: &Conv2d,
    dx: &mut [E],
) {
    let meet = [0, 1].map(|axis| {
        meetings(geometry.kernel[axis], sizes.input[axis], |place, tap| {
            geometry.target(axis, place, tap, sizes.output[axis])
        })
    });
    let times = sizes.o / sizes.c;
    if times == 1 {
        return correlate(dy, sizes.output, w, None, Finish::NONE, geometry, &meet, dx);
    }
    let mut wide = Buffer::scratch(dx.len() * times);
    let none = Finish::NONE;
    correlate(dy, sizes.output, w, None, none, geometry, &meet, &mut wide);
    row_sums(&wide, times, dx);
}

/// `to[i, j] = finish(bias + sum over the taps (k, l) and pixels that meet there of from w[k, l])`, for each channel alone:
/// pictures of `size` `[H, W]` in `from`, `w [KH, KW, 1, O]`.
fn correlate<E: Float>(
    from: &[E],
    size: [usize; 2],
    w: &[E],
    bias: Option<&[E]>,
    finish: Finish<'_, E>,
    geometry: &Conv2d,
    [down, across]: &[Meetings; 2],
    to: &mut [E],
) {
    let taps = pixels(geometry.kernel);
    let channels = w.len() / taps;
    let (row, picture) = (across.len() * channels, pixels(size) * channels);
    parallel_rows(to, row, rows_per_task(row * taps), |first, to| {
        for (i, to) in to.chunks_exact_mut(row).enumerate() {
            let (b, y) = ((first + i) / down.len(), (first + i) % down.len());
            E::dispatch(Correlate {
                from: &from[b * picture..][..picture],
                width: size[1],
                w,
                kw: geometry.kernel[1],
                bias,
                finish: finish.from((first + i) * row),
                down: &down[y],
                across,
                channels,
                to,
            });
        }
    });
}

/// One row of pixels.
struct Correlate<'a, E> {
    /// A picture, and its pixels a row.
    from: &'a [E],
    width: usize,
    w: &'a [E],
    kw: usize,
    bias: Option<&'a [E]>,
    finish: Finish<'a, E>,
    down: &'a [(usize, usize)],
    across: &'a Meetings,
    channels: usize,
    to: &'a mut [E],
}

impl<E: Float> Kernel<E> for Correlate<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let block = ABREAST * V::LANES;
        for x in 0..self.across.len() {
            let mut j = 0;
            while j < self.channels {
                let left = self.channels - j;
                let (at, live) = (x * self.channels + j, left.min(V::LANES));
                if left >= block {
                    let sums = self.sums::<V, ABREAST>(x, j, block);
                    let to = self.to[at..].chunks_exact_mut(V::LANES);
                    for (i, (sum, to)) in sums.iter().zip(to).enumerate() {
                        let at = at + i * V::LANES;
                        self.finish.apply(*sum, at..at + V::LANES).write(to);
                    }
                    j += block;
                } else {
                    let sums = self.sums::<V, 1>(x, j, live);
                    let sums = self.finish.apply(sums[0], at..at + live);
                    sums.write(&mut self.to[at..at + live]);
                    j += live;
                }
            }
        }
    }
}

impl<E: Float> Correlate<'_, E> {
    /// The sums at a pixel of `live` channels from `j` on.
    #[inline(always)]
    fn sums<V: Vector<Elem = E>, const N: usize>(&self, x: usize, j: usize, live: usize) -> [V; N] {
        let mut sums = [V::splat(E::ZERO); N];
        if let Some(bias) = self.bias {
            for (sum, bias) in sums.iter_mut().zip(bias[j..j + live].chunks(V::LANES)) {
                *sum = V::read(bias);
            }
        }
        for &(ky, y) in self.down {
            for &(kx, x) in &self.across[x] {
                let from = &self.from[(y * self.width + x) * self.channels + j..][..live];
                let w = &self.w[(ky * self.kw + kx) * self.channels + j..][..live];
                let pairs = from.chunks(V::LANES).zip(w.chunks(V::LANES));
                for (sum, (from, w)) in sums.iter_mut().zip(pairs) {
                    *sum = V::read(from).mul_add(V::read(w), *sum);
                }
            }
        }
        sums
    }
}

/// `x [B, H, W, C]`, `dy [B, OH, OW, O]`, `dw [KH, KW, 1, O]`.
pub(super) fn backward_weights<E: Float>(
    x: &[E],
    sizes: &Sizes,
    dy: &[E],
    geometry: &Conv2d,
    dw: &mut [E],
) {
    let times = sizes.o / sizes.c;
    let wide = (times > 1).then(|| repeated(x, times));
    let x = wide.as_deref().unwrap_or(x);
    let [down, across] = &sources(geometry, sizes);
    let rows = sizes.batch * down.len();
    let part = rows.div_ceil(PARTS);
    let parts = rows.div_ceil(part);
    let mut sums = Buffer::zeros(parts * dw.len());
    parallel_rows(&mut sums, dw.len(), 1, |index, sums| {
        for row in index * part..rows.min((index + 1) * part) {
            E::dispatch(RowWeights {
                x,
                sizes,
                dy,
                row,
                kw: geometry.kernel[1],
                down: &down[row % down.len()],
                across,
                sums,
            });
        }
    });
    column_sums(&sums, dw, false);
}

/// What one row of output pixels adds to the weight's gradient.
struct RowWeights<'a, E> {
    x: &'a [E],
    sizes: &'a Sizes,
    dy: &'a [E],
    row: usize,
    kw: usize,
    down: &'a [(usize, usize)],
    across: &'a Meetings,
    sums: &'a mut [E],
}

impl<E: Float> Kernel<E> for RowWeights<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let ([h, width], o) = (self.sizes.input, self.sizes.o);
        let picture = self.row / self.sizes.output[0];
        for &(ky, y) in self.down {
            let x = &self.x[(picture * h + y) * width * o..][..width * o];
            for (at, meet) in self.across.iter().enumerate() {
                let dy = &self.dy[(self.row * self.across.len() + at) * o..][..o];
                for &(kx, column) in meet {
                    let x = &x[column * o..][..o];
                    let sums = &mut self.sums[(ky * self.kw + kx) * o..][..o];
                    for at in places::<V>(o) {
                        let sum = V::read(&sums[at.clone()]);
                        let x = V::read(&x[at.clone()]);
                        x.mul_add(V::read(&dy[at.clone()]), sum)
                            .write(&mut sums[at]);
                    }
                }
            }
        }
    }
}
