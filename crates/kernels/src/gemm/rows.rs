//! Products whose left factor has its rows in memory: `C = start + A B`.
//!
//! Only the right factor is packed; a tile's rows are read where they lie.

use std::ops::Range;

use super::panels::{GROUP, fill};
use super::pieces::{Pieces, Places};
use super::{Finish, KC, Mat, Right, Start, TASKS, each};
use crate::buffer::Buffer;
use crate::float::Float;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector, places as vectors, prefetch};

/// Most rows of a task: so many times a panel from a farther cache is used.
const ROWS: usize = 192;
/// Fewest columns for which a task's rows are packed.
const WIDE: usize = 256;

/// `C = finish(start + A B)`: `a [m, k]` in pieces, `b [k, n]`, rows of `c` at their places.
///
/// # Panics
/// If the shapes do not fit, or rows of `c` overlap.
pub(super) fn product<E: Float>(
    a: Pieces<'_, E>,
    b: Right<'_, E>,
    n: usize,
    start: Start<'_, E>,
    finish: Finish<'_, E>,
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
    let run = |rows: Range<usize>, cols: Range<usize>| {
        // Rows that many columns meet are worth copying together.
        if cols.len() >= WIDE && rows.len() >= 12 {
            E::dispatch(Rows::<E, true> {
                a,
                zeros: &zeros,
                b,
                k,
                start,
                finish,
                c: &c,
                to,
                rows,
                cols,
            });
        } else {
            E::dispatch(Rows::<E, false> {
                a,
                zeros: &zeros,
                b,
                k,
                start,
                finish,
                c: &c,
                to,
                rows,
                cols,
            });
        }
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
struct Rows<'a, E: Float, const PACK: bool> {
    a: Pieces<'a, E>,
    zeros: &'a [E],
    b: Right<'a, E>,
    k: usize,
    start: Start<'a, E>,
    finish: Finish<'a, E>,
    c: &'a Shared<'a, E>,
    to: Places<'a>,
    rows: Range<usize>,
    cols: Range<usize>,
}

impl<E: Float, const PACK: bool> Kernel<E> for Rows<'_, E, PACK> {
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

/// A tile whose rows are read where they lie. Dispatched by itself: in a function of its own the sums have all
/// registers.
struct Tile<'a, E: Float, const PACK: bool> {
    rows: &'a Rows<'a, E, PACK>,
    places: &'a [(usize, usize)],
    left: usize,
    j: usize,
    p0: usize,
    b: &'a [E],
}

impl<E: Float, const PACK: bool> Kernel<E> for Tile<'_, E, PACK> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        match V::TILE_ROWS {
            4 => self.of::<V, 4, 2, 1>(),
            6 => self.of::<V, 6, 4, 2>(),
            12 => self.of::<V, 12, 8, 4>(),
            other => unreachable!("no tile of {other} rows"),
        }
    }
}

impl<E: Float, const PACK: bool> Tile<'_, E, PACK> {
    #[inline(always)]
    fn of<V: Vector<Elem = E>, const MR: usize, const MID: usize, const LOW: usize>(&self) {
        let Tile {
            rows,
            places,
            left,
            j,
            p0,
            b,
        } = *self;
        match left {
            left if left <= LOW => rows.tile::<V, LOW>(places, left, j, p0, b),
            left if left <= MID => rows.tile::<V, MID>(places, left, j, p0, b),
            _ => rows.tile::<V, MR>(places, left, j, p0, b),
        }
    }
}

impl<E: Float, const PACK: bool> Rows<'_, E, PACK> {
    #[inline(always)]
    fn tiles<V: Vector<Elem = E>, const MR: usize, const MID: usize, const LOW: usize>(&self) {
        let (width, k) = (2 * V::LANES, self.k);
        let near = match self.b {
            Right::Packed(_) => 0,
            Right::Plain(_) => GROUP * width * KC.min(k),
        };
        let mut near = Buffer::<E>::scratch(near);
        let packed = if PACK {
            self.rows.len().next_multiple_of(MR) * KC.min(k)
        } else {
            0
        };
        let mut packed = Buffer::<E>::scratch(packed);
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
            if PACK {
                for (places, to) in places[..rows.next_multiple_of(MR)]
                    .chunks_exact(MR)
                    .zip(packed.chunks_exact_mut((MR * steps).max(1)))
                {
                    for (r, &place) in places.iter().enumerate() {
                        self.pack_row(place, p0, to[r..].iter_mut().step_by(MR));
                    }
                }
            }
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
                    if PACK {
                        let a = &packed[i * steps..];
                        match &places[i..] {
                            tile if rows - i <= LOW => {
                                self.packed_tile::<V, MR, LOW>(tile, rows - i, j, p0, (a, b));
                            }
                            tile if rows - i <= MID => {
                                self.packed_tile::<V, MR, MID>(tile, rows - i, j, p0, (a, b));
                            }
                            tile => self.packed_tile::<V, MR, MR>(tile, rows - i, j, p0, (a, b)),
                        }
                        continue;
                    }
                    E::dispatch(Tile {
                        rows: self,
                        places: &places[i..],
                        left: rows - i,
                        j,
                        p0,
                        b,
                    });
                }
            }
        }
        if !self.finish.is_none() {
            self.finish::<V>(&places[..rows]);
        }
    }

    /// What becomes of the sums of the rows at these places. A pass of its own over what is still in a near cache: as part
    /// of a tile's end it would take the registers of the sums.
    #[inline(always)]
    fn finish<V: Vector<Elem = E>>(&self, places: &[(usize, usize)]) {
        for &(picture, row) in places {
            let place = picture * self.to.picture + self.to.starts[row] as usize + self.cols.start;
            // SAFETY: each task has its own rows and columns of C, and rows do not overlap.
            let c = unsafe { self.c.part(place, self.cols.len()) };
            for at in vectors::<V>(c.len()) {
                let sums = V::read(&c[at.clone()]);
                let sums = self.finish.apply(sums, place + at.start..place + at.end);
                sums.write(&mut c[at]);
            }
        }
    }

    /// Copies elements of a row from step `p0` on.
    #[inline(always)]
    fn pack_row<'t>(
        &self,
        place: (usize, usize),
        p0: usize,
        mut to: impl ExactSizeIterator<Item = &'t mut E>,
    ) where
        E: 't,
    {
        let a = &self.a;
        let (mut piece, mut at) = (p0 / a.len.max(1), p0 % a.len.max(1));
        while to.len() > 0 {
            let n = to.len().min(a.len - at);
            // SAFETY: the pieces were checked and `zeros` is one; `n` elements from `at` on lie inside a piece.
            let from =
                unsafe { std::slice::from_raw_parts(a.piece(place, piece, self.zeros).add(at), n) };
            from.iter().zip(&mut to).for_each(|(x, to)| *to = *x);
            (piece, at) = (piece + 1, 0);
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
        let sums = self.sums::<V, R>(places, p0, b);
        self.write::<V, R>(places, left, j, p0, &sums);
    }

    /// The sums of a tile over the steps from `p0` on, those of `b`. By value, so that they stay in registers.
    #[inline(always)]
    fn sums<V: Vector<Elem = E>, const R: usize>(
        &self,
        places: &[(usize, usize); R],
        p0: usize,
        b: &[E],
    ) -> [[V; 2]; R] {
        let a = &self.a;
        let (width, mut sums) = (2 * V::LANES, [[V::splat(E::ZERO); 2]; R]);
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
                sums = add_rows::<V, R, 1>(sums, n, from, b);
                b = b.add(n * width);
            }
            (piece, at, steps) = (piece + 1, 0, steps - n);
        }
        sums
    }

    /// As [`Rows::tile`], with the rows packed: `[step][row]`.
    #[inline(always)]
    fn packed_tile<V: Vector<Elem = E>, const MR: usize, const R: usize>(
        &self,
        places: &[(usize, usize)],
        left: usize,
        j: usize,
        p0: usize,
        (a, b): (&[E], &[E]),
    ) {
        let places = places.first_chunk::<R>().expect("places past the last row");
        let steps = b.len() / (2 * V::LANES);
        assert!(R <= MR && a.len() >= steps * MR);
        let sums = [[V::splat(E::ZERO); 2]; R];
        let from = std::array::from_fn(|r| a.as_ptr().wrapping_add(r));
        // SAFETY: `a` has MR elements and `b` two vectors for each of `steps` steps.
        let sums = unsafe { add_rows::<V, R, MR>(sums, steps, from, b.as_ptr()) };
        self.write::<V, R>(places, left, j, p0, &sums);
    }

    /// Adds the sums over a block of steps to what C has from the blocks before, or from the start.
    #[inline(always)]
    fn write<V: Vector<Elem = E>, const R: usize>(
        &self,
        places: &[(usize, usize); R],
        left: usize,
        j: usize,
        p0: usize,
        sums: &[[V; 2]; R],
    ) {
        let (rows, live) = (R.min(left), (2 * V::LANES).min(self.cols.end - j));
        if rows == R && live == 2 * V::LANES {
            // The same with constants: the sums go from their registers to memory.
            self.write_part::<V, R>(places, j, p0, sums, R, 2 * V::LANES);
        } else {
            self.write_part::<V, R>(places, j, p0, sums, rows, live);
        }
    }

    #[inline(always)]
    fn write_part<V: Vector<Elem = E>, const R: usize>(
        &self,
        places: &[(usize, usize); R],
        j: usize,
        p0: usize,
        sums: &[[V; 2]; R],
        rows: usize,
        live: usize,
    ) {
        let to = &self.to;
        let start = if p0 > 0 { Start::Keep } else { self.start };
        for (sums, &(picture, row)) in sums.iter().zip(places).take(rows) {
            let place = picture * to.picture + to.starts[row] as usize + j;
            // SAFETY: each task has its own rows and columns of C, and rows do not overlap.
            let c = unsafe { self.c.part(place, live) };
            let (left, right) = c.split_at_mut(V::LANES.min(live));
            match start {
                Start::Zero => {
                    sums[0].write(left);
                    sums[1].write(right);
                }
                Start::Bias(bias) => {
                    let (from, more) = bias[j..j + live].split_at(left.len());
                    sums[0].add(V::read(from)).write(left);
                    sums[1].add(V::read(more)).write(right);
                }
                Start::Keep => {
                    sums[0].add(V::read(left)).write(left);
                    sums[1].add(V::read(right)).write(right);
                }
            }
        }
    }
}

/// Adds `steps` steps to a tile: row `r` reads along `from[r]`, `APART` elements from a step to the next.
///
/// # Safety
/// Each of `from` is valid for reading `steps` such elements, and `b` for `2 * LANES * steps`.
#[inline(always)]
unsafe fn add_rows<V: Vector, const R: usize, const APART: usize>(
    mut sums: [[V; 2]; R],
    steps: usize,
    from: [*const V::Elem; R],
    b: *const V::Elem,
) -> [[V; 2]; R] {
    for p in 0..steps {
        // SAFETY: step `p`, inside by the caller's promise.
        let (b0, b1) = unsafe {
            let b = b.add(p * 2 * V::LANES);
            (V::load(b), V::load(b.add(V::LANES)))
        };
        for (sums, from) in sums.iter_mut().zip(&from) {
            // SAFETY: as above.
            let x = V::splat(unsafe { *from.add(p * APART) });
            sums[0] = x.mul_add(b0, sums[0]);
            sums[1] = x.mul_add(b1, sums[1]);
        }
    }
    sums
}
