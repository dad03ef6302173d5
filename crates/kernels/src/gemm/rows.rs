//! Products that sum along the rows of their left factor: `C = start + A B`.
//!
//! A task packs the block of its rows that the next steps read, as tiles do, unless few columns meet them: then a tile's
//! rows are read where they lie. The right factor comes packed, or a task packs a few panels at a time.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::cut::{ROWS, WIDE, cut, heavy, part};
use super::panels::{GROUP, fill};
use super::pieces::{Pieces, Places};
use super::{Finish, Mat, Right, Start, blocks, each};
use crate::activation::Activation;
use crate::buffer::Buffer;
use crate::float::Float;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector, places as vectors, prefetch};
use crate::zeros::Zeros;

/// Elements of the panels that rows meet at once: what the nearest cache holds beside other things.
const NEAR: usize = 1 << 12;

/// The left factor of a product.
#[derive(Clone, Copy)]
pub(super) enum Left<'a, E> {
    /// Its rows lie in memory, in pieces.
    Rows(Pieces<'a, E>),
    /// Its columns do, so many rows of them: `(columns, rows)`.
    Columns(Mat<'a, E>, usize),
}

impl<E: Float> Left<'_, E> {
    /// How many rows there are, in pictures and in each picture.
    fn rows(&self) -> (usize, usize) {
        match self {
            Left::Rows(a) => (a.pictures, a.rows),
            Left::Columns(_, rows) => (*rows, 1),
        }
    }
}

/// `C = finish(start + A B)`: `a [m, k]`, `b [k, n]`, rows of `c` at their places.
///
/// # Panics
/// If the shapes do not fit, or rows of `c` overlap.
pub(super) fn product<E: Float>(
    a: Left<'_, E>,
    b: Right<'_, E>,
    (n, k): (usize, usize),
    start: Start<'_, E>,
    finish: Finish<'_, E>,
    c: &mut [E],
    to: Places<'_>,
) {
    let (pictures, a_rows) = a.rows();
    let m = pictures * a_rows;
    let fits = match b {
        Right::Packed(b) => b.k == k && b.n == n,
        Right::Plain(b) => b.holds(k, n),
    };
    let whole = match a {
        Left::Rows(a) => a.check() == k,
        Left::Columns(a, m) => a.holds(m, k),
    };
    let bias = match start {
        Start::Bias(bias) => bias.len() == n,
        _ => true,
    };
    assert!(
        whole && fits && bias && to.starts.len() == a_rows,
        "product: a [{m}, {k}], b [{k}, {n}] and {} rows of c",
        to.starts.len()
    );
    let ordered = to
        .starts
        .windows(2)
        .all(|w| w[0] as usize + n <= w[1] as usize);
    let last = to.starts.last().map_or(0, |&last| last as usize + n);
    assert!(
        ordered && (pictures <= 1 || last <= to.picture),
        "product: rows of c overlap"
    );
    assert!(
        u32::try_from(m).is_ok(),
        "product: {m} rows are more than a place can name"
    );
    if m == 0 || n == 0 {
        return;
    }
    let zeros = Zeros::new(match a {
        Left::Rows(a) => a.len,
        Left::Columns(..) => 0,
    });
    let c = Shared::new(c);
    let parts = cut((m, n, k), matches!(b, Right::Plain(_)));
    each(m * n * k, parts[0] * parts[1], |task| {
        let [rows, cols] = part([m, n], parts, task);
        let zeros = &zeros;
        // Rows that many columns meet are worth copying together, or few where the columns are on their way meanwhile.
        let wide = cols.len() >= WIDE || heavy((m, n, k)) && cols.len() > 64;
        if matches!(a, Left::Columns(..)) || wide && rows.len() >= 12 {
            E::dispatch(Rows::<E, true> {
                a,
                zeros,
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
                zeros,
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
    });
}

/// Some rows and columns of a product.
struct Rows<'a, E: Float, const PACK: bool> {
    a: Left<'a, E>,
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

/// Tiles side by side whose rows are read where they lie. Dispatched by themselves: in a function of its own a tile's sums
/// have all registers.
struct Tiles<'a, E: Float, const PACK: bool> {
    rows: &'a Rows<'a, E, PACK>,
    places: &'a [Place],
    left: usize,
    cols: Range<usize>,
    p0: usize,
    steps: usize,
    /// The panels of the columns, and the distance from one to the next.
    b: &'a [E],
    apart: usize,
}

impl<E: Float, const PACK: bool> Kernel<E> for Tiles<'_, E, PACK> {
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

impl<E: Float, const PACK: bool> Tiles<'_, E, PACK> {
    #[inline(always)]
    fn of<V: Vector<Elem = E>, const MR: usize, const MID: usize, const LOW: usize>(self) {
        let Tiles {
            rows,
            places,
            left,
            p0,
            ..
        } = self;
        let width = 2 * V::LANES;
        for (panel, j) in self.cols.step_by(width).enumerate() {
            let b = &self.b[panel * self.apart..][..self.steps * width];
            match (left, rows.narrow::<V>(j)) {
                (left, true) if left <= LOW => rows.tile::<V, LOW, 1>(places, left, j, p0, b),
                (left, true) if left <= MID => rows.tile::<V, MID, 1>(places, left, j, p0, b),
                (left, true) => rows.tile::<V, MR, 1>(places, left, j, p0, b),
                (left, _) if left <= LOW => rows.tile::<V, LOW, 2>(places, left, j, p0, b),
                (left, _) if left <= MID => rows.tile::<V, MID, 2>(places, left, j, p0, b),
                (left, _) => rows.tile::<V, MR, 2>(places, left, j, p0, b),
            }
        }
    }
}

impl<E: Float, const PACK: bool> Rows<'_, E, PACK> {
    #[inline(always)]
    fn tiles<V: Vector<Elem = E>, const MR: usize, const MID: usize, const LOW: usize>(&self) {
        let (width, k, rows) = (2 * V::LANES, self.k, self.rows.len());
        let longest = blocks(k).map(|steps| steps.len()).max().unwrap_or(0);
        let near = match self.b {
            Right::Packed(_) => 0,
            Right::Plain(_) => GROUP * width * longest,
        };
        let packed = if PACK {
            rows.next_multiple_of(MR) * longest
        } else {
            0
        };
        let mut near = Buffer::<E>::scratch(near);
        let mut packed = Buffer::<E>::scratch(packed);
        // Each row's place, and after the last one itself again, for tiles that reach beyond.
        let (_, in_picture) = self.a.rows();
        let mut places = [const { MaybeUninit::uninit() }; ROWS + 12];
        let (mut picture, mut row) = (self.rows.start / in_picture, self.rows.start % in_picture);
        let whole = &mut places[..rows.next_multiple_of(MR)];
        for (r, place) in whole.iter_mut().enumerate() {
            place.write(Place {
                picture: picture as u32,
                row: row as u32,
                to: picture * self.to.picture + self.to.starts[row] as usize,
            });
            if r + 1 < rows {
                row += 1;
                if row == in_picture {
                    (picture, row) = (picture + 1, 0);
                }
            }
        }
        // SAFETY: all of them have been written.
        let places = unsafe { &*(std::ptr::from_ref(whole) as *const [Place]) };
        for block in blocks(k) {
            let (p0, steps) = (block.start, block.len());
            if PACK {
                for (i, to) in packed[..rows.next_multiple_of(MR) * steps]
                    .chunks_exact_mut((MR * steps).max(1))
                    .enumerate()
                {
                    self.pack::<V, MR>(places, i * MR, p0, to);
                }
            }
            // Rows that are read where they lie meet as many panels at once as stay in the nearest cache.
            let together = if PACK {
                1
            } else {
                (NEAR / (width * steps).max(1)).max(1)
            };
            let together = match self.b {
                Right::Packed(_) => together,
                Right::Plain(_) if together < GROUP => 1,
                Right::Plain(_) => GROUP,
            };
            for (group, j) in self.cols.clone().step_by(together * width).enumerate() {
                let cols = j..self.cols.end.min(j + together * width);
                let (b, apart) = match self.b {
                    Right::Packed(b) => (&b.data()[(j / width * k + p0) * width..], k * width),
                    Right::Plain(b) => {
                        let panel = group * together % GROUP;
                        if panel == 0 && steps > 0 {
                            let from = Mat {
                                data: &b.data[p0 * b.row_stride + j * b.col_stride..],
                                ..b
                            };
                            let live = (GROUP * width).min(self.cols.end - j);
                            fill::<V>(from, steps, live, &mut near, steps * width);
                        }
                        (&near[panel * steps * width..], steps * width)
                    }
                };
                // Beside packed rows what comes next is on its way while a tile is computed: its share of the next panel, step by
                // step.
                let next = match self.b {
                    _ if cols.end < self.cols.end => Some(b.as_ptr().wrapping_add(apart)),
                    Right::Packed(b) if block.end < k => {
                        let first = (self.cols.start / width * k + block.end) * width;
                        Some(b.data()[first..].as_ptr())
                    }
                    _ => None,
                };
                let every = next.map_or(0, |_| width.div_ceil(rows.div_ceil(MR)));
                let next = next.unwrap_or(b.as_ptr());
                for i in (0..rows).step_by(MR) {
                    for &place in &places[i..i + MR] {
                        prefetch(self.c.place(place.to + j), cols.len());
                    }
                    if !PACK {
                        E::dispatch(Tiles {
                            rows: self,
                            places: &places[i..],
                            left: rows - i,
                            cols: cols.clone(),
                            p0,
                            steps,
                            b,
                            apart,
                        });
                        continue;
                    }
                    let next = Next {
                        from: next.wrapping_add(i / MR * every * steps),
                        every,
                    };
                    let both = (&packed[i * steps..], &b[..steps * width]);
                    let (at, left) = (&places[i..], rows - i);
                    match (left, self.narrow::<V>(j)) {
                        (left, true) => {
                            self.packed_tile::<V, MR, MR, 1>(at, left, j, p0, both, next);
                        }
                        (left, _) if left <= LOW => {
                            self.packed_tile::<V, MR, LOW, 2>(at, left, j, p0, both, next);
                        }
                        (left, _) if left <= MID => {
                            self.packed_tile::<V, MR, MID, 2>(at, left, j, p0, both, next);
                        }
                        (left, _) => {
                            self.packed_tile::<V, MR, MR, 2>(at, left, j, p0, both, next);
                        }
                    }
                }
            }
        }
        if self.finish.add.is_some() {
            self.finish::<V>(&places[..rows]);
        }
    }

    /// Whether one vector holds the columns that are left from `j` on.
    #[inline(always)]
    fn narrow<V: Vector<Elem = E>>(&self, j: usize) -> bool {
        self.cols.end - j <= V::LANES
    }

    /// What becomes of the sums of the rows at these places where something is added to them. A pass of its own over what
    /// is still in a near cache: as part of a tile's end it would take the registers of the sums.
    #[inline(always)]
    fn finish<V: Vector<Elem = E>>(&self, places: &[Place]) {
        // Rows that follow each other are one run.
        let mut run = 0..0;
        for place in places {
            let first = place.to + self.cols.start;
            if first != run.end {
                self.finish_run::<V>(run);
                run = first..first;
            }
            run.end += self.cols.len();
        }
        self.finish_run::<V>(run);
    }

    /// What becomes of the sums in a part of C.
    #[inline(always)]
    fn finish_run<V: Vector<Elem = E>>(&self, run: Range<usize>) {
        // SAFETY: each task has its own rows and columns of C, and rows do not overlap.
        let c = unsafe { self.c.part(run.start, run.len()) };
        for at in vectors::<V>(c.len()) {
            let sums = V::read(&c[at.clone()]);
            let sums = (self.finish).apply(sums, run.start + at.start..run.start + at.end);
            sums.write(&mut c[at]);
        }
    }

    /// Copies a tile's rows, from the task's row `i` on, and their steps from `p0` on: `[step][row]`.
    #[inline(always)]
    fn pack<V: Vector<Elem = E>, const MR: usize>(
        &self,
        places: &[Place],
        i: usize,
        p0: usize,
        mut to: &mut [E],
    ) {
        let a = match &self.a {
            Left::Rows(a) => a,
            Left::Columns(a, _) => {
                let i = self.rows.start + i;
                let live = MR.min(self.rows.end - i);
                for (to, p) in to.chunks_exact_mut(MR).zip(p0..) {
                    let column = &a.data[p * a.col_stride + i..][..live];
                    // A constant length is copied by a few instructions.
                    match <&[E; MR]>::try_from(column) {
                        Ok(column) => to.copy_from_slice(column),
                        Err(_) => to[..live].copy_from_slice(column),
                    }
                }
                return;
            }
        };
        let places = places[i..].first_chunk::<MR>().expect("a tile of rows");
        let (mut piece, mut at) = (p0 / a.len.max(1), p0 % a.len.max(1));
        while !to.is_empty() {
            let n = (to.len() / MR).min(a.len - at);
            let mut from = [self.zeros.as_ptr(); MR];
            for (from, &place) in from.iter_mut().zip(places) {
                // SAFETY: the pieces were checked and `zeros` is one; `at` lies inside a piece.
                *from = unsafe { a.piece(place.into(), piece, self.zeros).add(at) };
            }
            let (some, rest) = to.split_at_mut(n * MR);
            // SAFETY: `n` elements of each piece are left.
            unsafe { pack::<V, MR>(from, some) };
            (piece, at, to) = (piece + 1, 0, rest);
        }
    }

    /// Adds the steps from `p0` on, those of `b`, to the tile of the first `left` rows of these places and the columns
    /// from `j` on.
    #[inline(always)]
    fn tile<V: Vector<Elem = E>, const R: usize, const W: usize>(
        &self,
        places: &[Place],
        left: usize,
        j: usize,
        p0: usize,
        b: &[E],
    ) {
        let places = places.first_chunk::<R>().expect("places past the last row");
        let steps = b.len() / (2 * V::LANES);
        let sums = self.sums::<V, R, W>(places, p0, b);
        self.write::<V, R, W>(places, left, j, (p0, steps), &sums);
    }

    /// The sums of a tile over the steps from `p0` on, those of `b`. By value, so that they stay in registers.
    #[inline(always)]
    fn sums<V: Vector<Elem = E>, const R: usize, const W: usize>(
        &self,
        places: &[Place; R],
        p0: usize,
        b: &[E],
    ) -> [[V; W]; R] {
        let (width, mut sums) = (2 * V::LANES, [[V::splat(E::ZERO); W]; R]);
        let Left::Rows(a) = &self.a else {
            unreachable!("columns are packed");
        };
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
                *from = unsafe { a.piece(place.into(), piece, self.zeros).add(at) };
            }
            // SAFETY: `n` elements of each piece are left, and `steps >= n` rows of the panel.
            unsafe {
                sums = add_rows::<V, R, W, 1>(sums, n, from, b, None);
                b = b.add(n * width);
            }
            (piece, at, steps) = (piece + 1, 0, steps - n);
        }
        sums
    }

    /// As [`Rows::tile`], with the rows packed: `[step][row]`.
    #[inline(always)]
    fn packed_tile<V: Vector<Elem = E>, const MR: usize, const R: usize, const W: usize>(
        &self,
        places: &[Place],
        left: usize,
        j: usize,
        p0: usize,
        (a, b): (&[E], &[E]),
        next: Next<E>,
    ) {
        let places = places.first_chunk::<R>().expect("places past the last row");
        let steps = b.len() / (2 * V::LANES);
        assert!(R <= MR && a.len() >= steps * MR);
        let sums = [[V::splat(E::ZERO); W]; R];
        let from = std::array::from_fn(|r| a.as_ptr().wrapping_add(r));
        // SAFETY: `a` has MR elements and `b` two vectors for each of `steps` steps.
        let sums = unsafe { add_rows::<V, R, W, MR>(sums, steps, from, b.as_ptr(), Some(next)) };
        self.write::<V, R, W>(places, left, j, (p0, steps), &sums);
    }

    /// Adds the sums over a block of steps to what C has from the blocks before, or from the start.
    #[inline(always)]
    fn write<V: Vector<Elem = E>, const R: usize, const W: usize>(
        &self,
        places: &[Place; R],
        left: usize,
        j: usize,
        (p0, steps): (usize, usize),
        sums: &[[V; W]; R],
    ) {
        let start = if p0 > 0 { Start::Keep } else { self.start };
        // After the last block of steps an activation follows at once, unless something is added before it.
        let last = p0 + steps == self.k && self.finish.add.is_none();
        let activation = if last {
            self.finish.activation
        } else {
            Activation::Identity
        };
        let (rows, live) = (R.min(left), (W * V::LANES).min(self.cols.end - j));
        if rows < R || live < W * V::LANES {
            // A copy in memory, for rows are counted: the sums themselves can then stay in registers.
            let sums = *sums;
            return self.write_part::<V, R, W>(places, j, start, activation, &sums, rows, live);
        }
        let mut to = [std::ptr::null_mut::<E>(); R];
        for (to, place) in to.iter_mut().zip(places) {
            // SAFETY: each task has its own rows and columns of C, and rows do not overlap.
            let c = unsafe { self.c.part(place.to + j, W * V::LANES) };
            *to = c.as_mut_ptr();
        }
        // Loops so short that they are unrolled: the sums go from their registers to memory.
        let mut sums = *sums;
        match start {
            Start::Zero => {}
            Start::Bias(bias) => {
                let mut add = [V::splat(E::ZERO); W];
                for (add, bias) in add.iter_mut().zip(bias[j..j + live].chunks(V::LANES)) {
                    *add = V::read(bias);
                }
                for sums in &mut sums {
                    for (sum, add) in sums.iter_mut().zip(&add) {
                        *sum = sum.add(*add);
                    }
                }
            }
            Start::Keep => {
                for (sums, to) in sums.iter_mut().zip(to) {
                    for (w, sum) in sums.iter_mut().enumerate() {
                        // SAFETY: `to` has room for `W` vectors.
                        *sum = sum.add(unsafe { V::load(to.add(w * V::LANES)) });
                    }
                }
            }
        }
        let sums = activation.apply_all(sums);
        for (sums, to) in sums.iter().zip(to) {
            for (w, sum) in sums.iter().enumerate() {
                // SAFETY: as above.
                unsafe { sum.store(to.add(w * V::LANES)) };
            }
        }
    }

    /// The first `rows` rows and `live` columns of a tile.
    #[inline(always)]
    fn write_part<V: Vector<Elem = E>, const R: usize, const W: usize>(
        &self,
        places: &[Place; R],
        j: usize,
        start: Start<'_, E>,
        activation: Activation,
        sums: &[[V; W]; R],
        rows: usize,
        live: usize,
    ) {
        for (sums, &place) in sums.iter().zip(places).take(rows) {
            // SAFETY: each task has its own rows and columns of C, and rows do not overlap.
            let c = unsafe { self.c.part(place.to + j, live) };
            for ((w, sum), c) in sums.iter().enumerate().zip(c.chunks_mut(V::LANES)) {
                let sum = match start {
                    Start::Zero => *sum,
                    Start::Bias(bias) => sum.add(V::read(&bias[j + w * V::LANES..][..c.len()])),
                    Start::Keep => sum.add(V::read(c)),
                };
                activation.apply(sum).write(c);
            }
        }
    }
}

/// A row's picture and its number there, and where its first element goes.
#[derive(Clone, Copy)]
struct Place {
    picture: u32,
    row: u32,
    to: usize,
}

impl From<Place> for (usize, usize) {
    #[inline(always)]
    fn from(place: Place) -> (usize, usize) {
        (place.picture as usize, place.row as usize)
    }
}

/// Memory to ask for ahead of time, `every` elements at each step.
#[derive(Clone, Copy)]
pub(crate) struct Next<E> {
    from: *const E,
    every: usize,
}

/// Adds `steps` steps to a tile: row `r` reads along `from[r]`, `APART` elements from a step to the next.
///
/// # Safety
/// Each of `from` is valid for reading `steps` such elements, and `b` for `2 * LANES * steps`.
#[inline(always)]
pub(crate) unsafe fn add_rows<V: Vector, const R: usize, const W: usize, const APART: usize>(
    mut sums: [[V; W]; R],
    steps: usize,
    from: [*const V::Elem; R],
    b: *const V::Elem,
    mut next: Option<Next<V::Elem>>,
) -> [[V; W]; R] {
    for p in 0..steps {
        if let Some(next) = &mut next {
            prefetch(next.from, 1);
            next.from = next.from.wrapping_add(next.every);
        }
        let mut columns = [V::splat(V::Elem::ZERO); W];
        for (w, columns) in columns.iter_mut().enumerate() {
            // SAFETY: step `p`, inside by the caller's promise.
            *columns = unsafe { V::load(b.add((2 * p + w) * V::LANES)) };
        }
        for (sums, from) in sums.iter_mut().zip(&from) {
            // SAFETY: as above.
            let x = V::splat(unsafe { *from.add(p * APART) });
            for (sum, column) in sums.iter_mut().zip(&columns) {
                *sum = x.mul_add(*column, *sum);
            }
        }
    }
    sums
}

/// Copies elements of some rows: `to` is `[step][row]`.
///
/// # Safety
/// Each of `from` is valid for reading `to.len() / R` elements.
#[inline(always)]
unsafe fn pack<V: Vector, const R: usize>(from: [*const V::Elem; R], to: &mut [V::Elem]) {
    let (steps, to) = (to.len() / R, to.as_mut_ptr());
    let squares = steps / 4 * 4;
    // The last square may take rows that one before it has taken.
    for first in (0..R).step_by(4).map(|first| first.min(R - 4)) {
        let mut p = 0;
        while p < squares {
            // SAFETY: four steps from `p` on lie inside each row, and so do their places.
            unsafe {
                let four = std::array::from_fn(|r| from[first + r].wrapping_add(p));
                V::transpose4(four, to.add(p * R + first), R);
            }
            p += 4;
        }
    }
    for p in squares..steps {
        for (r, from) in from.iter().enumerate() {
            // SAFETY: inside the row, and the row's place.
            unsafe { *to.add(p * R + r) = *from.add(p) };
        }
    }
}
