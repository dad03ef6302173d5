//! Products whose left factor has its rows in memory: `C = start + A B`.
//!
//! Only the right factor is packed; a tile's rows are read where they lie.

use std::ops::Range;

use super::panels::{GROUP, fill};
use super::pieces::{Pieces, Places};
use super::{KC, Mat, Right, Start, TASKS, each};
use crate::buffer::Buffer;
use crate::float::Float;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector, prefetch};

/// Most rows of a task: so many times a panel from a farther cache is used.
const ROWS: usize = 192;

/// `C = start + A B`: `a [m, k]` in pieces, `b [k, n]`, rows of `c` at their places.
///
/// # Panics
/// If the shapes do not fit, or rows of `c` overlap.
pub(super) fn product<E: Float>(
    a: Pieces<'_, E>,
    b: Right<'_, E>,
    n: usize,
    start: Start<'_, E>,
    c: &mut [E],
    to: Places<'_>,
) {
    let (m, k) = (a.pictures * a.rows, a.check());
    let fits = match b {
        Right::Packed(b) => b.k == k && b.n == n,
        Right::Plain(b) => b.holds(k, n),
    };
    let bias = match start {
        Start::Bias(bias) => bias.len() == n,
        _ => true,
    };
    assert!(
        fits && bias && to.starts.len() == a.rows,
        "product: a [{m}, {k}], b [{k}, {n}] and {} rows of c",
        to.starts.len()
    );
    let ordered = to
        .starts
        .windows(2)
        .all(|w| w[0] as usize + n <= w[1] as usize);
    let last = to.starts.last().map_or(0, |&last| last as usize + n);
    assert!(
        ordered && (a.pictures <= 1 || last <= to.picture),
        "product: rows of c overlap"
    );
    if m == 0 || n == 0 {
        return;
    }
    let zeros = Buffer::zeros(a.len);
    let c = Shared::new(c);
    let run = |rows, cols| {
        E::dispatch(Rows {
            a,
            zeros: &zeros,
            b,
            k,
            start,
            c: &c,
            to,
            rows,
            cols,
        });
    };
    let (mut rows, mut cols) = (ROWS, n.next_multiple_of(64));
    let whole = matches!(b, Right::Plain(_)); // cut by columns alone: each fills its own panels
    if whole {
        rows = m.next_multiple_of(12);
    }
    while m.div_ceil(rows) * n.div_ceil(cols) < TASKS {
        match (rows > 24 && !whole, cols > 64) {
            (wide, true) if !wide || cols > 2 * rows => cols = (cols / 2).next_multiple_of(64),
            (true, _) => rows /= 2,
            _ => break,
        }
    }
    let across = n.div_ceil(cols);
    each(m * n * k, m.div_ceil(rows) * across, |task| {
        let (i, j) = (task / across * rows, task % across * cols);
        run(i..m.min(i + rows), j..n.min(j + cols));
    });
}

/// Some rows and columns of a product.
struct Rows<'a, E: Float> {
    a: Pieces<'a, E>,
    zeros: &'a [E],
    b: Right<'a, E>,
    k: usize,
    start: Start<'a, E>,
    c: &'a Shared<'a, E>,
    to: Places<'a>,
    rows: Range<usize>,
    cols: Range<usize>,
}

impl<E: Float> Kernel<E> for Rows<'_, E> {
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

impl<E: Float> Rows<'_, E> {
    #[inline(always)]
    fn tiles<V: Vector<Elem = E>, const MR: usize, const MID: usize, const LOW: usize>(&self) {
        let (width, k) = (2 * V::LANES, self.k);
        let near = match self.b {
            Right::Packed(_) => 0,
            Right::Plain(_) => GROUP * width * KC.min(k),
        };
        let mut near = Buffer::<E>::scratch(near);
        // Each row's place, and after the last one itself again, for tiles that reach beyond.
        let (a, rows) = (&self.a, self.rows.len());
        let mut places = [(0, 0); ROWS + 12];
        let mut place = (self.rows.start / a.rows, self.rows.start % a.rows);
        for (r, to) in places[..rows.next_multiple_of(MR)].iter_mut().enumerate() {
            *to = place;
            if r + 1 < rows {
                place = a.after(place);
            }
        }
        // Once also without a step, to write the bias.
        for p0 in (0..k.max(1)).step_by(KC) {
            let steps = KC.min(k - p0);
            for (panel, j) in self.cols.clone().step_by(width).enumerate() {
                let b = match self.b {
                    Right::Packed(b) => &b.data[(j / width * k + p0) * width..],
                    Right::Plain(b) => {
                        if panel % GROUP == 0 && steps > 0 {
                            let from = Mat {
                                data: &b.data[p0 * b.row_stride + j * b.col_stride..],
                                ..b
                            };
                            let live = (GROUP * width).min(self.cols.end - j);
                            fill::<V>(from, steps, live, &mut near, steps * width);
                        }
                        &near[panel % GROUP * steps * width..]
                    }
                };
                let b = &b[..steps * width];
                let share = b.len().div_ceil(rows.div_ceil(MR));
                for i in (0..rows).step_by(MR) {
                    // What comes next is on its way while this tile is computed.
                    let next = b.as_ptr().wrapping_add(k * width + i / MR * share);
                    prefetch(next, share);
                    for &(picture, row) in &places[i..i + MR] {
                        let place = picture * self.to.picture + self.to.starts[row] as usize + j;
                        prefetch(self.c.place(place), width);
                    }
                    match &places[i..] {
                        tile if rows - i <= LOW => self.tile::<V, LOW>(tile, rows - i, j, p0, b),
                        tile if rows - i <= MID => self.tile::<V, MID>(tile, rows - i, j, p0, b),
                        tile => self.tile::<V, MR>(tile, rows - i, j, p0, b),
                    }
                }
            }
        }
    }

    /// Adds the steps from `p0` on, those of `b`, to the tile of the first `left` rows of these places and the columns
    /// from `j` on.
    #[inline(always)]
    fn tile<V: Vector<Elem = E>, const R: usize>(
        &self,
        places: &[(usize, usize)],
        left: usize,
        j: usize,
        p0: usize,
        b: &[E],
    ) {
        let places = places.first_chunk::<R>().expect("places past the last row");
        let (rows, live) = (R.min(left), (2 * V::LANES).min(self.cols.end - j));
        if rows == R && live == 2 * V::LANES {
            // The same with constants: the sums go from their registers to memory.
            self.part::<V, R>(places, j, p0, b, R, 2 * V::LANES);
        } else {
            self.part::<V, R>(places, j, p0, b, rows, live);
        }
    }

    #[inline(always)]
    fn part<V: Vector<Elem = E>, const R: usize>(
        &self,
        places: &[(usize, usize); R],
        j: usize,
        p0: usize,
        b: &[E],
        rows: usize,
        live: usize,
    ) {
        let Rows { a, c, to, .. } = self;
        let (width, left) = (2 * V::LANES, live.min(V::LANES));
        let mut sums = [[V::splat(E::ZERO); 2]; R];
        if p0 > 0 || matches!(self.start, Start::Keep) {
            for (sums, &(picture, row)) in sums.iter_mut().zip(places).take(rows) {
                // SAFETY: each task has its own rows and columns of C, and rows do not overlap.
                let c = unsafe { c.part(picture * to.picture + to.starts[row] as usize + j, live) };
                *sums = [V::read(&c[..left]), V::read(&c[left..])];
            }
        } else if let Start::Bias(bias) = self.start {
            let bias = &bias[j..j + live];
            sums = [[V::read(&bias[..left]), V::read(&bias[left..])]; R];
        }
        let (mut b, mut steps) = (b.as_ptr(), b.len() / width);
        let (mut piece, mut at) = match p0 {
            0 => (0, 0),
            p0 => (p0 / a.len, p0 % a.len),
        };
        while steps > 0 {
            let n = steps.min(a.len - at);
            let mut from = [self.zeros.as_ptr(); R];
            for (from, &place) in from.iter_mut().zip(places) {
                // SAFETY: the pieces were checked and `zeros` is one; `at` lies inside a piece.
                *from = unsafe { a.piece(place, piece, self.zeros).add(at) };
            }
            // SAFETY: `n` elements of each piece are left, and `steps >= n` rows of the panel.
            unsafe {
                add_rows::<V, R>(&mut sums, n, from, b);
                b = b.add(n * width);
            }
            (piece, at, steps) = (piece + 1, 0, steps - n);
        }
        for (sums, &(picture, row)) in sums.iter().zip(places).take(rows) {
            // SAFETY: as above.
            let c = unsafe { c.part(picture * to.picture + to.starts[row] as usize + j, live) };
            sums[0].write(&mut c[..left]);
            sums[1].write(&mut c[left..]);
        }
    }
}

/// Adds `steps` steps to a tile: row `r` reads along `from[r]`.
///
/// # Safety
/// Each of `from` is valid for reading `steps` elements, and `b` for `2 * LANES * steps`.
#[inline(always)]
unsafe fn add_rows<V: Vector, const R: usize>(
    sums: &mut [[V; 2]; R],
    steps: usize,
    from: [*const V::Elem; R],
    b: *const V::Elem,
) {
    for p in 0..steps {
        // SAFETY: step `p`, inside by the caller's promise.
        let (b0, b1) = unsafe {
            let b = b.add(p * 2 * V::LANES);
            (V::load(b), V::load(b.add(V::LANES)))
        };
        for (sums, from) in sums.iter_mut().zip(&from) {
            // SAFETY: as above.
            let x = V::splat(unsafe { *from.add(p) });
            sums[0] = x.mul_add(b0, sums[0]);
            sums[1] = x.mul_add(b1, sums[1]);
        }
    }
}
