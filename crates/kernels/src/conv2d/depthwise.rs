//! Convolution of each channel alone: nothing is shared between channels, so vectors run over them.
//!
//! With `M` outputs a channel, the input is first repeated `M` times, and its gradient summed over them.
//!
//! A vector of channels of some rows is copied into a near cache, zeros around it included. There every output pixel sees
//! its taps at the same distances, so several are summed together and each tap's weight is read once for all of them.

use std::ops::Range;

use super::{Conv2d, Sizes};
use crate::buffer::Buffer;
use crate::float::Float;
use crate::gemm::Finish;
use crate::reduce::{column_sums, row_sums};
use crate::shared::Shared;
use crate::simd::{Kernel, Vector, places};
use crate::threads::{parallel, parallel_rows, rows_per_task, threads};

/// Places that a near cache holds of the rows which a task copies,
const NEAR: usize = 512;
/// and vectors of channels at each: whole cache lines beside each other.
const TOGETHER: usize = 2;
/// Fewest channels of a task.
const CHANNELS: usize = 64;
/// Fewer multiply-adds run on the calling thread.
const SMALL: usize = 1 << 16;
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
    let axes = [0, 1].map(|axis| Axis {
        from: sizes.input[axis],
        to: sizes.output[axis],
        taps: geometry.kernel[axis],
        stride: geometry.stride[axis],
        dilation: geometry.dilation[axis],
        before: geometry.padding[axis][0] as isize,
        apart: 1,
    });
    correlate(x, w, false, bias, finish, axes, y);
}

/// `dy [B, OH, OW, O]`, `w [KH, KW, 1, O]`, `dx [B, H, W, C]`.
///
/// Each pixel of the input sees the output's pixels, as far apart as the stride, through the taps in reverse.
pub(super) fn backward_data<E: Float>(
    dy: &[E],
    sizes: &Sizes,
    w: &[E],
    geometry: &Conv2d,
    dx: &mut [E],
) {
    let axes = [0, 1].map(|axis| Axis {
        from: sizes.output[axis],
        to: sizes.input[axis],
        taps: geometry.kernel[axis],
        stride: 1,
        dilation: geometry.dilation[axis],
        before: (geometry.reach(axis) - 1) as isize - geometry.padding[axis][0] as isize,
        apart: geometry.stride[axis],
    });
    let times = sizes.o / sizes.c;
    if times == 1 {
        return correlate(dy, w, true, None, Finish::NONE, axes, dx);
    }
    let mut wide = Buffer::scratch(dx.len() * times);
    correlate(dy, w, true, None, Finish::NONE, axes, &mut wide);
    row_sums(&wide, times, dx);
}

/// How pixels see each other along an axis.
///
/// `from` pixels lie `apart` places apart, after `before` places of zeros; pixel `i` of `to` sees through tap `k` the place
/// `i stride + k dilation`.
#[derive(Clone, Copy)]
struct Axis {
    from: usize,
    to: usize,
    taps: usize,
    stride: usize,
    dilation: usize,
    before: isize,
    apart: usize,
}

impl Axis {
    /// The places that so many pixels see.
    fn places(&self, pixels: usize) -> usize {
        (pixels.max(1) - 1) * self.stride + (self.taps - 1) * self.dilation + 1
    }

    /// The places `first .. first + len` that are pixels: each one's place, counted from `first`, and its number.
    fn pixels(&self, first: usize, len: usize) -> Vec<(usize, usize)> {
        let pixel = |place: usize| {
            let at = usize::try_from((first + place) as isize - self.before).ok()?;
            let pixel = at / self.apart;
            (at % self.apart == 0 && pixel < self.from).then_some((place, pixel))
        };
        (0..len).filter_map(pixel).collect()
    }
}

/// `to[i, j] = finish(bias + sum over the taps of what pixel (i, j) sees through each, times its weight)`, for each channel
/// alone: `w [KH, KW, 1, O]`, of which the last tap is the first with `reverse`.
fn correlate<E: Float>(
    from: &[E],
    w: &[E],
    reverse: bool,
    bias: Option<&[E]>,
    finish: Finish<'_, E>,
    [down, across]: [Axis; 2],
    to: &mut [E],
) {
    let taps = down.taps * across.taps;
    let channels = w.len() / taps;
    let (work, picture) = (to.len() * taps, down.to * across.to * channels);
    let wide = across.places(across.to);
    // As many rows as a near cache holds, and some channels.
    let room = (NEAR / wide).saturating_sub(down.places(1));
    let high = (room / down.stride + 1).min(down.to);
    let rows = down.to.div_ceil(high);
    let blocks = to.len().checked_div(picture).unwrap_or(0) * rows;
    let most = channels.div_ceil(CHANNELS);
    let parts = (4 * threads()).div_ceil(blocks.max(1)).min(most).max(1);
    let some = channels.div_ceil(parts).next_multiple_of(CHANNELS);
    let parts = channels.div_ceil(some);
    let to = Shared::new(to);
    let run = |task: usize| {
        let (block, j) = (task / parts, task % parts * some);
        let (picture, first) = (block / rows, block % rows * high);
        E::dispatch(Correlate {
            from: &from[picture * down.from * across.from * channels..],
            w,
            reverse,
            bias,
            finish,
            down,
            across,
            picture,
            rows: first..down.to.min(first + high),
            cols: j..channels.min(j + some),
            channels,
            to: &to,
        });
    };
    if work < SMALL {
        (0..blocks * parts).for_each(run);
    } else {
        parallel(blocks * parts, run);
    }
}

/// Some channels of some rows of a picture.
struct Correlate<'a, E> {
    /// From the picture on.
    from: &'a [E],
    w: &'a [E],
    reverse: bool,
    bias: Option<&'a [E]>,
    finish: Finish<'a, E>,
    down: Axis,
    across: Axis,
    picture: usize,
    rows: Range<usize>,
    cols: Range<usize>,
    channels: usize,
    to: &'a Shared<'a, E>,
}

impl<E: Float> Kernel<E> for Correlate<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let Self { down, across, .. } = self;
        let (high, wide) = (down.places(self.rows.len()), across.places(across.to));
        let lines = down.pixels(self.rows.start * down.stride, high);
        let columns = across.pixels(0, wide);
        let taps = down.taps * across.taps;
        // Some vectors of channels at each place; zeros where there is no pixel stay zeros.
        let span = TOGETHER * V::LANES;
        let mut near = Buffer::<E>::zeros(high * wide * span);
        let mut weights = Buffer::<E>::scratch(taps * V::LANES);
        let offset = |tap: usize| {
            let (ky, kx) = (tap / across.taps, tap % across.taps);
            (ky * down.dilation * wide + kx * across.dilation) * span
        };
        let offsets: Vec<usize> = (0..taps).map(offset).collect();
        for j in (self.cols.start..self.cols.end).step_by(V::LANES) {
            let part = (j - self.cols.start) % span;
            if part == 0 {
                let live = span.min(self.cols.end - j);
                for &(place, y) in &lines {
                    for &(column, x) in &columns {
                        let from = &self.from[(y * across.from + x) * self.channels + j..][..live];
                        let to = &mut near[(place * wide + column) * span..][..span];
                        let (first, second) = from.split_at(live.min(V::LANES));
                        V::read(first).write(&mut to[..V::LANES]);
                        V::read(second).write(&mut to[V::LANES..]);
                    }
                }
            }
            let near = &near[part..];
            let live = V::LANES.min(self.cols.end - j);
            for (tap, to) in weights.chunks_exact_mut(V::LANES).enumerate() {
                let tap = if self.reverse { taps - 1 - tap } else { tap };
                V::read(&self.w[tap * self.channels + j..][..live]).write(to);
            }
            let start = match self.bias {
                Some(bias) => V::read(&bias[j..j + live]),
                None => V::splat(E::ZERO),
            };
            for row in self.rows.clone() {
                let line = (row - self.rows.start) * down.stride * wide;
                let line = &near[line * span..];
                let to = (self.picture * down.to + row) * across.to;
                let mut x = 0;
                while x < across.to {
                    // The last ones may be computed twice.
                    let left = across.to - x;
                    let n = match across.to {
                        8.. => 8,
                        4.. => 4,
                        _ => 1,
                    };
                    x -= n - n.min(left);
                    let at = (to + x) * self.channels + j;
                    let from = &line[x * across.stride * span..];
                    match n {
                        8 => self.pixels::<V, 8>(start, from, &weights, &offsets, at, live),
                        4 => self.pixels::<V, 4>(start, from, &weights, &offsets, at, live),
                        _ => self.pixels::<V, 1>(start, from, &weights, &offsets, at, live),
                    }
                    x += n;
                }
            }
        }
    }
}

impl<E: Float> Correlate<'_, E> {
    /// `N` pixels, the first of which begins at `at`: `from` is what they see from the first tap on.
    #[inline(always)]
    fn pixels<V: Vector<Elem = E>, const N: usize>(
        &self,
        start: V,
        from: &[E],
        weights: &[E],
        offsets: &[usize],
        at: usize,
        live: usize,
    ) {
        let mut sums = [start; N];
        let apart = self.across.stride * TOGETHER * V::LANES;
        let last = offsets
            .last()
            .map_or(0, |last| last + (N - 1) * apart + V::LANES);
        assert!(last <= from.len() && weights.len() == offsets.len() * V::LANES);
        for (tap, offset) in offsets.iter().enumerate() {
            // SAFETY: no tap is further than the last one, and each has its weight.
            let (from, w) = unsafe {
                let w = V::load(weights.as_ptr().add(tap * V::LANES));
                (from.as_ptr().add(*offset), w)
            };
            for (n, sum) in sums.iter_mut().enumerate() {
                // SAFETY: as above.
                *sum = unsafe { V::load(from.add(n * apart)) }.mul_add(w, *sum);
            }
        }
        for (n, sum) in sums.into_iter().enumerate() {
            let at = at + n * self.channels;
            // SAFETY: each task has its own rows and channels.
            let to = unsafe { self.to.part(at, live) };
            self.finish.apply(sum, at..at + live).write(to);
        }
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
