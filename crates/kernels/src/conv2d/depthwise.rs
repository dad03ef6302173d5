//! Convolution of each channel alone: nothing is shared between channels, so vectors run over them.
//!
//! With `M` outputs a channel, the input is first repeated `M` times, and its gradient summed over them.
//!
//! Pixels that see through the same taps lie in runs, at the same distances from what they see: several are summed together,
//! each tap's weight is read once for all of them, and so is a pixel that several of them see. At a picture's edge, where a run is one pixel, several vectors of
//! channels are.

use std::ops::Range;

use super::{Conv2d, Sizes};
use crate::buffer::Buffer;
use crate::float::Float;
use crate::gemm::Finish;
use crate::reduce::{column_sums, row_sums};
use crate::shared::Shared;
use crate::simd::{Kernel, Vector, places};
use crate::threads::{parallel_if, parallel_rows, rows_per_task, threads};

/// Channels of a task.
const CHANNELS: usize = 128;
/// Tasks wanted for each thread, so that all finish together.
const EACH: usize = 4;
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

/// Taps through which a row sees and those through which a column does, as taps of the pixel where they meet.
fn pairs(down: &[Tap], across: &[Tap]) -> Vec<Tap> {
    let meet = |a: &Tap, b: &Tap| Tap {
        w: a.w + b.w,
        from: a.from + b.from,
    };
    let row = |a| across.iter().map(move |b| meet(a, b));
    down.iter().flat_map(row).collect()
}

impl Axis {
    /// What a pixel of `to` sees through each tap: `w` elements lie between weights of taps, `from` between pixels.
    fn seen(self, pixel: usize, [w, from]: [usize; 2], reverse: bool) -> impl Iterator<Item = Tap> {
        let meet = move |tap: usize| {
            let place = (pixel * self.stride + tap * self.dilation) as isize - self.before;
            let place = usize::try_from(place).ok()?;
            let seen = place / self.apart;
            let weight = if reverse { self.taps - 1 - tap } else { tap };
            let meets = place % self.apart == 0 && seen < self.from;
            meets.then_some(Tap {
                w: weight * w,
                from: seen * from,
            })
        };
        (0..self.taps).filter_map(meet)
    }

    /// The pixels of `to` in as few runs as possible, distances as in [`Axis::seen`].
    fn runs(&self, distances: [usize; 2], reverse: bool) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for first in 0..self.apart.min(self.to) {
            for pixel in (first..self.to).step_by(self.apart) {
                let taps = self.seen(pixel, distances, reverse);
                let weights = taps.map(|tap| tap.w);
                match runs.last_mut() {
                    Some(run) if pixel > first && weights.eq(run.taps.iter().map(|tap| tap.w)) => {
                        run.count += 1;
                    }
                    _ => runs.push(Run {
                        first: pixel,
                        count: 1,
                        taps: self.seen(pixel, distances, reverse).collect(),
                    }),
                }
            }
        }
        runs
    }
}

/// A tap through which something is seen: where its weights begin, and what it sees.
#[derive(Clone, Copy)]
struct Tap {
    w: usize,
    from: usize,
}

/// Pixels along an axis that see through the same taps, a constant step from each to the next, as is what they see.
struct Run {
    first: usize,
    count: usize,
    /// Of the first one.
    taps: Vec<Tap>,
}

/// Pixels that see through the same taps: those of a run down and of a run across.
struct Block<'a> {
    down: &'a Run,
    across: &'a Run,
    /// Of the first one, what is seen furthest last.
    taps: Vec<Tap>,
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
    let pictures = to.len().checked_div(picture).unwrap_or(0);
    // Some channels, and so many rows that all threads have work.
    let strips = channels.div_ceil(CHANNELS);
    let parts = (EACH * threads()).div_ceil((pictures * strips).max(1));
    let high = down.to.div_ceil(parts).max(1);
    let parts = down.to.div_ceil(high);
    let line = across.from * channels;
    let runs = [
        down.runs([across.taps * channels, line], reverse),
        across.runs([channels, channels], reverse),
    ];
    let block = |down, across| Block {
        down,
        across,
        taps: pairs(&down.taps, &across.taps),
    };
    let blocks = runs[0]
        .iter()
        .flat_map(|down| runs[1].iter().map(move |across| block(down, across)));
    let blocks: Vec<Block<'_>> = blocks.collect();
    let to = Shared::new(to);
    let run = |task: usize| {
        let (block, j) = (task / strips, task % strips * CHANNELS);
        let (picture, first) = (block / parts, block % parts * high);
        E::dispatch(Correlate {
            from: &from[picture * down.from * across.from * channels..],
            w,
            bias,
            finish,
            down,
            across,
            blocks: &blocks,
            picture,
            rows: first..down.to.min(first + high),
            cols: j..channels.min(j + CHANNELS),
            channels,
            to: &to,
        });
    };
    let tasks = pictures * parts * strips;
    parallel_if(work >= SMALL, tasks, run);
}

/// Some channels of some rows of a picture.
struct Correlate<'a, E> {
    /// From the picture on.
    from: &'a [E],
    w: &'a [E],
    bias: Option<&'a [E]>,
    finish: Finish<'a, E>,
    down: Axis,
    across: Axis,
    blocks: &'a [Block<'a>],
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
        for block in self.blocks {
            let Run { first, count, .. } = *block.down;
            let row = |i: usize| first + i * self.down.apart;
            let inside = |i: &usize| self.rows.contains(&row(*i));
            let from = (0..count).find(inside).unwrap_or(count);
            let to = (from..count).find(|i| !inside(i)).unwrap_or(count);
            let fours = block.across.count / 4 * 4;
            let slide = self.slides(block.across);
            for i in from..to {
                let at = At {
                    block,
                    row: row(i),
                    i,
                };
                for n in (0..fours).step_by(4) {
                    match slide {
                        Some([3, 1]) => self.four::<V, 3, 1>(at, n),
                        Some([3, 2]) => self.four::<V, 3, 2>(at, n),
                        Some([5, 1]) => self.four::<V, 5, 1>(at, n),
                        _ => _ = self.across::<V, 4, 2>(at, n),
                    }
                }
            }
            // Of fewer pixels more vectors of channels are summed together.
            for i in from..to {
                let at = At {
                    block,
                    row: row(i),
                    i,
                };
                let mut n = fours;
                while n < block.across.count {
                    n += match block.across.count - n {
                        2.. => self.across::<V, 2, 4>(at, n),
                        _ => self.across::<V, 1, 8>(at, n),
                    };
                }
            }
        }
    }
}

/// The first `live` elements from `p` on.
///
/// # Safety
/// `p` is valid for reading so many.
#[inline(always)]
unsafe fn read<V: Vector>(p: *const V::Elem, live: usize) -> V {
    // SAFETY: by the caller's promise.
    unsafe {
        if live == V::LANES {
            V::load(p)
        } else {
            V::load_part(p, live)
        }
    }
}

/// A row of a block: which it is among all, and among the block's.
#[derive(Clone, Copy)]
struct At<'a> {
    block: &'a Block<'a>,
    row: usize,
    i: usize,
}

impl<E: Float> Correlate<'_, E> {
    /// Taps and stride of pixels that see pixels side by side.
    fn slides(&self, run: &Run) -> Option<[usize; 2]> {
        let mut pairs = run.taps.windows(2);
        let beside = pairs.all(|pair| pair[1].from == pair[0].from + self.channels);
        beside.then_some([run.taps.len(), self.across.stride])
    }

    /// Four pixels of a row from the `n`th on, that see `K` pixels side by side, each `S` further than the one before: all
    /// channels.
    #[inline(always)]
    fn four<V: Vector<Elem = E>, const K: usize, const S: usize>(&self, at: At<'_>, n: usize) {
        let mut j = self.cols.start;
        while j + 2 * V::LANES <= self.cols.end {
            self.slide::<V, K, S>(at, n, j);
            j += 2 * V::LANES;
        }
        self.rest::<V, 4>(at, n, j);
    }

    /// `N` pixels of a row from the `n`th on: all channels, `M` vectors together as long as there are so many.
    #[inline(always)]
    fn across<V: Vector<Elem = E>, const N: usize, const M: usize>(
        &self,
        at: At<'_>,
        n: usize,
    ) -> usize {
        let mut j = self.cols.start;
        while j + M * V::LANES <= self.cols.end {
            self.sums::<V, N, M>(at, n, j, V::LANES);
            j += M * V::LANES;
        }
        self.rest::<V, N>(at, n, j);
        N
    }

    /// `N` pixels of a row from the `n`th on: the channels from `j` on, a vector after the other.
    #[inline(always)]
    fn rest<V: Vector<Elem = E>, const N: usize>(&self, at: At<'_>, n: usize, mut j: usize) {
        while j + V::LANES <= self.cols.end {
            self.sums::<V, N, 1>(at, n, j, V::LANES);
            j += V::LANES;
        }
        if j < self.cols.end {
            self.sums::<V, N, 1>(at, n, j, self.cols.end - j);
        }
    }

    /// `N` pixels of a row from the `n`th on, and `M` vectors of channels from `j` on, `live` channels in the last.
    #[inline(always)]
    fn sums<V: Vector<Elem = E>, const N: usize, const M: usize>(
        &self,
        at: At<'_>,
        n: usize,
        j: usize,
        live: usize,
    ) {
        let step = self.across.stride * self.channels;
        let width = (M - 1) * V::LANES + live;
        let mut sums = self.begun::<V, N, M>(j, width);
        let first = self.first::<N>(at, n, j, width);
        for tap in &at.block.taps {
            // SAFETY: no tap sees further than the last one, and each has its weights.
            let (from_w, from) = unsafe {
                (
                    self.w.as_ptr().add(tap.w + j),
                    self.from.as_ptr().add(tap.from + first),
                )
            };
            let mut weights = [V::splat(E::ZERO); M];
            for (m, w) in weights.iter_mut().enumerate() {
                // SAFETY: as above.
                *w = unsafe { read(from_w.add(m * V::LANES), live) };
            }
            for (n, sums) in sums.iter_mut().enumerate() {
                for (m, (sum, w)) in sums.iter_mut().zip(&weights).enumerate() {
                    // SAFETY: as above.
                    let x: V = unsafe { read(from.add(n * step + m * V::LANES), live) };
                    *sum = x.mul_add(*w, *sum);
                }
            }
        }
        self.finished(sums, at, n, j, width);
    }

    /// As [`sums`](Self::sums), of four pixels that see `K` pixels side by side, each `S` further than the one before, and two
    /// vectors of channels: each of those pixels is read once for all that see it.
    #[inline(always)]
    fn slide<V: Vector<Elem = E>, const K: usize, const S: usize>(
        &self,
        at: At<'_>,
        n: usize,
        j: usize,
    ) {
        let width = 2 * V::LANES;
        let mut sums = self.begun::<V, 4, 2>(j, width);
        let first = self.first::<4>(at, n, j, width);
        for taps in at.block.taps.as_chunks::<K>().0 {
            // SAFETY: no tap sees further than the last one, and each has its weights.
            let load = |p: *const E, m: usize| unsafe { V::load(p.add(m * V::LANES)) };
            let weights: [[V; 2]; K] = std::array::from_fn(|k| {
                // SAFETY: as above.
                let w = unsafe { self.w.as_ptr().add(taps[k].w + j) };
                std::array::from_fn(|m| load(w, m))
            });
            for i in 0..3 * S + K {
                // SAFETY: as above.
                let from = unsafe {
                    self.from
                        .as_ptr()
                        .add(taps[0].from + first + i * self.channels)
                };
                for m in 0..2 {
                    let x = load(from, m);
                    for (n, sums) in sums.iter_mut().enumerate() {
                        if let Some(weights) = weights.get(i.wrapping_sub(n * S)) {
                            sums[m] = x.mul_add(weights[m], sums[m]);
                        }
                    }
                }
            }
        }
        self.finished(sums, at, n, j, width);
    }

    /// The bias of `width` channels from `j` on, or zeros, for each pixel.
    #[inline(always)]
    fn begun<V: Vector<Elem = E>, const N: usize, const M: usize>(
        &self,
        j: usize,
        width: usize,
    ) -> [[V; M]; N] {
        let mut sums = [[V::splat(E::ZERO); M]; N];
        if let Some(bias) = self.bias {
            for (m, bias) in bias[j..j + width].chunks(V::LANES).enumerate() {
                let bias = V::read(bias);
                for sums in &mut sums {
                    sums[m] = bias;
                }
            }
        }
        sums
    }

    /// How much further than its block's first pixel the `n`th of a row sees, from channel `j` on; checked for `N` pixels.
    #[inline(always)]
    fn first<const N: usize>(&self, at: At<'_>, n: usize, j: usize, width: usize) -> usize {
        let step = self.across.stride * self.channels;
        let line = self.down.stride * self.across.from * self.channels;
        let first = at.i * line + n * step + j;
        let reach = |tap: &Tap| tap.from + first + (N - 1) * step + width;
        let reach = at.block.taps.last().map_or(0, reach);
        assert!(reach <= self.from.len() && j + width <= self.channels);
        first
    }

    /// Writes `width` channels from `j` on of `N` pixels, the `n`th of a row and those after it.
    #[inline(always)]
    fn finished<V: Vector<Elem = E>, const N: usize, const M: usize>(
        &self,
        sums: [[V; M]; N],
        At { block, row, .. }: At<'_>,
        n: usize,
        j: usize,
        width: usize,
    ) {
        let channels = self.channels;
        let to = (self.picture * self.down.to + row) * self.across.to + block.across.first;
        let to = (to + n * self.across.apart) * channels + j;
        let apart = self.across.apart * channels;
        if width < M * V::LANES || self.finish.add.is_some() {
            // A copy in memory, for channels are counted: the sums themselves can then stay in registers.
            for (n, sums) in { sums }.iter().enumerate() {
                let at = to + n * apart;
                // SAFETY: each task has its own rows and channels.
                let to = unsafe { self.to.part(at, width) };
                for (m, (sum, to)) in sums.iter().zip(to.chunks_mut(V::LANES)).enumerate() {
                    let at = at + m * V::LANES;
                    self.finish.apply(*sum, at..at + to.len()).write(to);
                }
            }
            return;
        }
        let mut places = [std::ptr::null_mut::<E>(); N];
        for (n, place) in places.iter_mut().enumerate() {
            // SAFETY: as above.
            *place = unsafe { self.to.part(to + n * apart, M * V::LANES) }.as_mut_ptr();
        }
        let sums = self.finish.activation.apply_all(sums);
        for (sums, place) in sums.iter().zip(places) {
            for (m, sum) in sums.iter().enumerate() {
                // SAFETY: each place has room for `M` vectors.
                unsafe { sum.store(place.add(m * V::LANES)) };
            }
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
