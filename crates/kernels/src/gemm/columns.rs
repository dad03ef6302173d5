//! Products whose left factor has its columns in memory: `C = A^T B`, the form of every weight's gradient.
//!
//! Neither factor is packed as a whole: a block of the right one is, for as long as it is in use.

use std::ops::Range;

use super::panels::fill;
use super::pieces::Pieces;
use super::{Mat, each};
use crate::buffer::Buffer;
use crate::float::Float;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector, prefetch};
use crate::threads::{parallel, rows_per_task, threads};
use crate::zeros::Zeros;

/// Most rows and columns of a task that sums over all pictures.
const TALL: usize = 320;
const WIDE: usize = 128;
/// Steps summed in registers before a tile is written: a panel of so many stays in the nearest cache.
const KC: usize = 256;
/// Tasks wanted for a large product, so that threads finish together.
const TASKS: usize = 12;

/// `C = A^T B`: `a [k, m]` in pieces, `b [k, n]` with rows `b_stride` apart, `c [m, n]` with rows `c_stride` apart.
///
/// # Panics
/// If the shapes do not fit.
pub(super) fn product<E: Float>(
    a: Pieces<'_, E>,
    b: Mat<'_, E>,
    n: usize,
    accumulate: bool,
    (c, c_stride): (&mut [E], usize),
) {
    let (k, m) = (a.pictures * a.rows, a.check());
    assert!(
        b.holds(k, n) && c_stride >= n && Mat::new(&*c, c_stride).holds(m, n),
        "product: b [{k}, {n}] or c [{m}, {n}] exceeds its data"
    );
    if m == 0 || n == 0 {
        return;
    }
    let zeros = Zeros::new(a.len);
    // Blocks of C that stay in a near cache: of columns, of pieces and within a piece.
    let cols = n.div_ceil(n.div_ceil(WIDE)).next_multiple_of(64);
    let pieces = m / a.len;
    let blocks = |tall: usize| {
        let (some, within) = if a.len > tall {
            (1, a.len.div_ceil(a.len.div_ceil(tall)).next_multiple_of(12))
        } else {
            (tall / a.len, a.len)
        };
        let blocks = [
            pieces.div_ceil(some),
            a.len.div_ceil(within),
            n.div_ceil(cols),
        ];
        (some, within, blocks)
    };
    let all: usize = blocks(TALL).2.iter().product();
    // With few blocks the steps are cut as well, and the parts added up in their order.
    let part = k
        .div_ceil(TASKS.div_ceil(all))
        .next_multiple_of(KC)
        .max(4 * KC);
    let parts = k.div_ceil(part).max(1);
    // Then threads share rows, which shows in no sum.
    let (some, within, blocks) = match all * parts < threads() {
        true => blocks(m.div_ceil(threads()).next_multiple_of(12).min(TALL)),
        false => blocks(TALL),
    };
    let all: usize = blocks.iter().product();
    let run = |c: &Shared<'_, E>, first: usize, stride: usize, part_index: usize, block: usize| {
        let (column, block) = (block % blocks[2], block / blocks[2]);
        let (inner, outer) = (block % blocks[1], block / blocks[1]);
        let cut = |i: usize, size: usize, end: usize| i * size..end.min((i + 1) * size);
        E::dispatch(Columns {
            a,
            zeros: &zeros,
            b,
            accumulate: accumulate && parts == 1,
            c,
            c_place: (first, stride),
            pieces: cut(outer, some, pieces),
            within: cut(inner, within, a.len),
            cols: cut(column, cols, n),
            steps: cut(part_index, part, k),
        });
    };
    if parts == 1 {
        let c = Shared::new(c);
        return each(m * n * k, all, |block| run(&c, 0, c_stride, 0, block));
    }
    let mut sums = Buffer::scratch(parts * m * n);
    let shared = Shared::new(&mut sums);
    each(m * n * k, all * parts, |task| {
        let (part, block) = (task / all, task % all);
        run(&shared, part * m * n, n, part, block);
    });
    let c = Shared::new(c);
    let rows = rows_per_task(parts * n);
    parallel(m.div_ceil(rows), |task| {
        for i in task * rows..m.min((task + 1) * rows) {
            // SAFETY: each task has its own rows of C.
            let c = unsafe { c.part(i * c_stride, n) };
            if !accumulate {
                c.fill(E::ZERO);
            }
            for part in 0..parts {
                let sums = &sums[(part * m + i) * n..][..n];
                c.iter_mut().zip(sums).for_each(|(c, sum)| *c += *sum);
            }
        }
    });
}

/// A block of a transposed product, over some of its steps.
struct Columns<'a, E: Float> {
    a: Pieces<'a, E>,
    zeros: &'a [E],
    b: Mat<'a, E>,
    /// Whether to add to what C holds.
    accumulate: bool,
    c: &'a Shared<'a, E>,
    /// Where the first element goes, and the distance of rows.
    c_place: (usize, usize),
    pieces: Range<usize>,
    within: Range<usize>,
    cols: Range<usize>,
    steps: Range<usize>,
}

impl<E: Float> Kernel<E> for Columns<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        match V::TILE_ROWS {
            4 => self.tiles::<V, 4, 2, 1>(),
            6 => self.tiles::<V, 6, 4, 2>(),
            12 => self.tiles::<V, 12, 8, 4>(),
            other => unreachable!("no tile of {other} rows"),
        }
    }
}

impl<E: Float> Columns<'_, E> {
    #[inline(always)]
    fn tiles<V: Vector<Elem = E>, const MR: usize, const MID: usize, const LOW: usize>(&self) {
        let (a, width) = (&self.a, 2 * V::LANES);
        let mut near = Buffer::scratch(self.cols.len().div_ceil(width) * width * KC);
        let mut from = [self.zeros.as_ptr(); KC];
        let (first, end) = (self.steps.start, self.steps.end);
        // Once also without a step, to write zeros.
        for p0 in (first..end.max(first + 1)).step_by(KC) {
            let steps = KC.min(end - p0);
            if steps > 0 {
                let b = self.b;
                let from = Mat {
                    data: &b.data[p0 * b.row_stride + self.cols.start * b.col_stride..],
                    ..b
                };
                fill::<V>(from, steps, self.cols.len(), &mut near, steps * width);
            }
            for piece in self.pieces.clone() {
                let mut place = (p0 / a.rows.max(1), p0 % a.rows.max(1));
                for from in &mut from[..steps] {
                    // SAFETY: the pieces were checked and `zeros` is one.
                    *from = unsafe { a.piece(place, piece, self.zeros) };
                    place = a.after(place);
                }
                for (panel, j) in self.cols.clone().step_by(width).enumerate() {
                    let b = &near[panel * steps * width..][..steps * width];
                    let mut at = self.within.start;
                    while at < self.within.end {
                        let (from, keep) = (&from[..steps], p0 > first || self.accumulate);
                        for r in 0..MR {
                            let row = piece * a.len + at + r;
                            let place = self.c_place.0 + row * self.c_place.1 + j;
                            prefetch(self.c.place(place), width);
                        }
                        at += match self.within.end - at {
                            left if left >= MR => self.tile::<V, MR>(piece, at, j, keep, from, b),
                            left if left >= MID => self.tile::<V, MID>(piece, at, j, keep, from, b),
                            left if left >= LOW => self.tile::<V, LOW>(piece, at, j, keep, from, b),
                            _ => self.tile::<V, 1>(piece, at, j, keep, from, b),
                        };
                    }
                }
            }
        }
    }

    /// The tile of `R` rows from element `at` of a piece on and of the columns from `j` on. Gives `R`.
    #[inline(always)]
    fn tile<V: Vector<Elem = E>, const R: usize>(
        &self,
        piece: usize,
        at: usize,
        j: usize,
        keep: bool,
        from: &[*const E],
        b: &[E],
    ) -> usize {
        let (width, live) = (2 * V::LANES, (2 * V::LANES).min(self.cols.end - j));
        if live == width {
            self.part::<V, R>(piece, at, j, keep, from, b, width);
        } else {
            self.part::<V, R>(piece, at, j, keep, from, b, live);
        }
        R
    }

    #[inline(always)]
    #[expect(
        clippy::too_many_arguments,
        reason = "a tile's place, its factors and its width"
    )]
    fn part<V: Vector<Elem = E>, const R: usize>(
        &self,
        piece: usize,
        at: usize,
        j: usize,
        keep: bool,
        from: &[*const E],
        b: &[E],
        live: usize,
    ) {
        let left = live.min(V::LANES);
        let (first, stride) = self.c_place;
        let corner = first + (piece * self.a.len + at) * stride + j;
        let mut sums = [[V::splat(E::ZERO); 2]; R];
        assert!(at + R <= self.a.len && b.len() == from.len() * 2 * V::LANES);
        for (p, from) in from.iter().enumerate() {
            // SAFETY: `R` elements from `at` on lie inside the piece, and `b` has a row for each of `from`.
            let (from, b0, b1) = unsafe {
                let b = b.as_ptr().add(p * 2 * V::LANES);
                (from.add(at), V::load(b), V::load(b.add(V::LANES)))
            };
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: as above.
                let x = V::splat(unsafe { *from.add(r) });
                sums[0] = x.mul_add(b0, sums[0]);
                sums[1] = x.mul_add(b1, sums[1]);
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            // SAFETY: as above.
            let c = unsafe { self.c.part(corner + r * stride, live) };
            let (left, right) = c.split_at_mut(left);
            if keep {
                sums[0].add(V::read(left)).write(left);
                sums[1].add(V::read(right)).write(right);
            } else {
                sums[0].write(left);
                sums[1].write(right);
            }
        }
    }
}
