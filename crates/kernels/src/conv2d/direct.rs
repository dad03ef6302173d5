//! Convolution of pictures of few channels, as a network's first layer has it: pieces of so few elements are too short to
//! point at.
//!
//! Tasks copy the rows that they see into a band with zeros around it. What a pixel sees then lies at the same distances from the
//! pixel's corner for all of them, and a tile of pixels side by side meets a panel of the weight tap by tap.

use std::ops::Range;

use super::{Conv2d, Sizes};
use crate::buffer::Buffer;
use crate::float::Float;
use crate::gemm::{Finish, Panels, add_rows};
use crate::shared::Shared;
use crate::simd::{Kernel, Vector};
use crate::threads::{parallel, threads};

/// Multiply-adds that are worth a task.
const TASK: usize = 1 << 17;
/// Tasks wanted for each thread, so that all finish together.
const EACH: usize = 4;

/// `x [B, H, W, C]`, a packed `w [KH KW C, O]`, `y [B, OH, OW, O]`.
pub(super) fn forward<E: Float>(
    x: &[E],
    sizes: &Sizes,
    w: &Panels<E>,
    bias: Option<&[E]>,
    finish: Finish<'_, E>,
    geometry: &Conv2d,
    y: &mut [E],
) {
    let (c, [oh, ow]) = (sizes.c, sizes.output);
    let [kh, kw] = geometry.kernel;
    let width = (ow - 1) * geometry.stride[1] + geometry.reach(1);
    let line = width * c;
    // What a kernel row sees is one piece where its taps lie side by side.
    let (across, len) = match geometry.dilation[1] {
        1 => (1, kw * c),
        _ => (kw, c),
    };
    let [down, right] = [geometry.dilation[0] * line, geometry.dilation[1] * c];
    let pieces = (0..kh).flat_map(|ky| (0..across).map(move |kx| ky * down + kx * right));
    let pieces: Vec<usize> = pieces.collect();
    // So many rows that each task has something to do, and each thread a task.
    let work = ow * pieces.len() * len * sizes.o;
    let parts = (EACH * threads()).div_ceil(sizes.batch);
    let high = oh.div_ceil(parts).max(TASK.div_ceil(work.max(1))).min(oh);
    let parts = oh.div_ceil(high);
    let y = Shared::new(y);
    parallel(sizes.batch * parts, |task| {
        let (picture, first) = (task / parts, task % parts * high);
        let rows = first..oh.min(first + high);
        let picture_size = sizes.input[0] * sizes.input[1] * c;
        let from = &x[picture * picture_size..][..picture_size];
        let band = band(from, sizes, geometry, rows.clone(), width);
        for oy in rows {
            E::dispatch(Line {
                band: &band[(oy - first) * geometry.stride[0] * line..],
                pieces: &pieces,
                len,
                step: geometry.stride[1] * c,
                w,
                bias,
                finish,
                pixels: ow,
                place: (picture * oh + oy) * ow * sizes.o,
                y: &y,
            });
        }
    });
}

/// What output rows of a picture see, `width` pixels wide, with zeros where they see beyond it.
fn band<E: Float>(
    picture: &[E],
    sizes: &Sizes,
    geometry: &Conv2d,
    rows: Range<usize>,
    width: usize,
) -> Buffer<E> {
    let ([h, w], c) = (sizes.input, sizes.c);
    let [above, left] = geometry.before();
    let seen = (rows.len() - 1) * geometry.stride[0] + geometry.reach(0);
    let first = rows.start * geometry.stride[0];
    let inside = left.min(width)..(left + w).min(width);
    let mut band = Buffer::scratch(seen * width * c);
    for (i, to) in band.chunks_exact_mut(width * c).enumerate() {
        let Some(from) = (first + i).checked_sub(above).filter(|&from| from < h) else {
            to.fill(E::ZERO);
            continue;
        };
        to[..inside.start * c].fill(E::ZERO);
        to[inside.end * c..].fill(E::ZERO);
        let from = &picture[from * w * c..][..inside.len() * c];
        to[inside.start * c..inside.end * c].copy_from_slice(from);
    }
    band
}

/// A row of output pixels.
struct Line<'a, E: Float> {
    /// From what the first pixel's first tap sees on.
    band: &'a [E],
    /// Where the pieces that a pixel sees begin from its corner on, ascending, and their elements.
    pieces: &'a [usize],
    len: usize,
    /// Elements from a pixel's corner to the next.
    step: usize,
    w: &'a Panels<E>,
    bias: Option<&'a [E]>,
    finish: Finish<'a, E>,
    pixels: usize,
    /// Where the row begins in `y`.
    place: usize,
    y: &'a Shared<'a, E>,
}

impl<E: Float> Kernel<E> for Line<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        match V::TILE_ROWS {
            4 => self.tiles::<V, 4, 2>(),
            6 => self.tiles::<V, 6, 4>(),
            12 => self.tiles::<V, 12, 4>(),
            other => unreachable!("no tile of {other} rows"),
        }
    }
}

impl<E: Float> Line<'_, E> {
    /// Tiles of `R` pixels, or `LOW` where no more are left.
    #[inline(always)]
    fn tiles<V: Vector<Elem = E>, const R: usize, const LOW: usize>(&self) {
        let (k, o) = self.w.shape();
        for j in (0..o).step_by(2 * V::LANES) {
            let b = self.w.panel(j, 2 * V::LANES);
            let narrow = o - j <= V::LANES;
            assert!(b.len() == k * 2 * V::LANES && self.pieces.len() * self.len == k);
            let mut i = 0;
            while i < self.pixels {
                i += match (self.pixels - i <= LOW, narrow) {
                    (false, false) => self.tile::<V, R, 2>(i, j, b),
                    (true, false) => self.tile::<V, LOW, 2>(i, j, b),
                    (false, true) => self.tile::<V, R, 1>(i, j, b),
                    (true, true) => self.tile::<V, LOW, 1>(i, j, b),
                };
            }
        }
    }

    /// `R` pixels from one on, or as many as are left, and the columns of a panel from `j` on; gives `R`.
    #[inline(always)]
    fn tile<V: Vector<Elem = E>, const R: usize, const W: usize>(
        &self,
        i: usize,
        j: usize,
        b: &[E],
    ) -> usize {
        let (o, live) = (self.w.shape().1, R.min(self.pixels - i));
        // Pixels past the last one are the last one again.
        let mut rows = [0; R];
        for (r, row) in rows.iter_mut().enumerate() {
            *row = (i + r.min(live - 1)) * self.step;
        }
        let reach = self.pieces.last().map_or(0, |last| last + self.len);
        assert!(rows[R - 1] + reach <= self.band.len());
        let mut sums = [[V::splat(E::ZERO); W]; R];
        let mut b = b.as_ptr();
        for &piece in self.pieces {
            // SAFETY: the last pixel sees inside the band through the last piece, and `b` has two vectors for each element.
            unsafe {
                let from = rows.map(|row| self.band.as_ptr().add(row + piece));
                sums = add_rows::<V, R, W, 1>(sums, self.len, from, b, None);
                b = b.add(self.len * 2 * V::LANES);
            }
        }
        let columns = (W * V::LANES).min(o - j);
        if let Some(bias) = self.bias {
            let mut add = [V::splat(E::ZERO); W];
            for (add, bias) in add.iter_mut().zip(bias[j..j + columns].chunks(V::LANES)) {
                *add = V::read(bias);
            }
            for sums in &mut sums {
                for (sum, add) in sums.iter_mut().zip(&add) {
                    *sum = sum.add(*add);
                }
            }
        }
        let place = self.place + i * o + j;
        if live < R || columns < W * V::LANES || self.finish.add.is_some() {
            // A copy in memory, for pixels are counted: the sums themselves can then stay in registers.
            for (r, sums) in { sums }.iter().enumerate().take(live) {
                let at = place + r * o;
                // SAFETY: each task has its own rows.
                let to = unsafe { self.y.part(at, columns) };
                for (w, (sum, to)) in sums.iter().zip(to.chunks_mut(V::LANES)).enumerate() {
                    let at = at + w * V::LANES;
                    self.finish.apply(*sum, at..at + to.len()).write(to);
                }
            }
            return R;
        }
        let mut to = [std::ptr::null_mut::<E>(); R];
        for (r, to) in to.iter_mut().enumerate() {
            // SAFETY: as above.
            *to = unsafe { self.y.part(place + r * o, W * V::LANES) }.as_mut_ptr();
        }
        let sums = self.finish.activation.apply_all(sums);
        for (sums, to) in sums.iter().zip(to) {
            for (w, sum) in sums.iter().enumerate() {
                // SAFETY: `to` has room for `W` vectors.
                unsafe { sum.store(to.add(w * V::LANES)) };
            }
        }
        R
    }
}
