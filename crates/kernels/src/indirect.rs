//! Products whose left factor is read where it lies, through pointers: pieces of memory side by side, such as the
//! pixels under the taps of a convolution.
//!
//! A tile's row is a pointer to the current piece (Dukhan 2019, "The Indirect Convolution Algorithm"), so no patch
//! is ever copied. Only the right factor is packed, into panels of a tile's columns.

use std::ops::Range;

use crate::buffer::Buffer;
use crate::float::Float;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector, prefetch};
use crate::threads::{parallel, parallel_rows, rows_per_task};

/// Steps summed in registers before a tile is written: a panel of so many stays in the nearest cache.
const KC: usize = 256;
/// Most rows of a task: so many times a panel from a farther cache is used.
const ROWS: usize = 192;
/// Most rows and columns of a task that sums over all pictures.
const TALL: usize = 320;
const WIDE: usize = 128;
/// Tasks wanted for a large product, so that threads finish together.
const TASKS: usize = 12;
/// Products with fewer multiply-adds run on the calling thread.
const SMALL: usize = 1 << 16;

/// In the starts of pieces: a piece of zeros.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// A matrix that lies in pieces, the same for each of several pictures: row `i` of a picture is its pieces that begin
/// at `starts[i]`, `starts[rows + i]`, `starts[2 rows + i]`, .. side by side.
#[derive(Clone, Copy)]
pub(crate) struct Pieces<'a, E> {
    pub(crate) data: &'a [E],
    pub(crate) pictures: usize,
    /// Elements from a picture to the next.
    pub(crate) picture: usize,
    /// Rows of a picture.
    pub(crate) rows: usize,
    /// Elements of a piece.
    pub(crate) len: usize,
    pub(crate) starts: &'a [u32],
}

impl<E: Float> Pieces<'_, E> {
    /// Columns of the matrix, once every piece is seen to lie inside the data.
    fn check(&self) -> usize {
        let pieces = self.starts.len().checked_div(self.rows).unwrap_or(0);
        assert_eq!(
            self.starts.len(),
            pieces * self.rows,
            "starts [pieces, rows]"
        );
        let last = self.starts.iter().filter(|start| **start != NOWHERE).max();
        if let (Some(&last), Some(before)) = (last, self.pictures.checked_sub(1)) {
            let end = before * self.picture + last as usize + self.len;
            assert!(end <= self.data.len(), "a piece exceeds its data");
        }
        pieces * self.len
    }

    /// Where a piece of a row lies.
    ///
    /// # Safety
    /// The pieces were checked, and `zeros` holds a piece.
    #[inline(always)]
    unsafe fn piece(&self, (picture, row): (usize, usize), piece: usize, zeros: &[E]) -> *const E {
        match self.starts[piece * self.rows + row] {
            NOWHERE => zeros.as_ptr(),
            // SAFETY: inside the data, by the check, as every picture before the last.
            start => unsafe {
                self.data
                    .as_ptr()
                    .add(picture * self.picture + start as usize)
            },
        }
    }

    /// The row after one, perhaps of the next picture.
    #[inline(always)]
    fn after(&self, (picture, row): (usize, usize)) -> (usize, usize) {
        if row + 1 == self.rows {
            (picture + 1, 0)
        } else {
            (picture, row + 1)
        }
    }
}

/// Copies one panel's columns of a matrix with the given strides: `[step][column]`, zeros right of the `live` ones.
#[inline(always)]
fn fill_panel<V: Vector>(
    from: &[V::Elem],
    [row, col]: [usize; 2],
    live: usize,
    to: &mut [V::Elem],
) {
    let width = 2 * V::LANES;
    let left = live.min(V::LANES);
    if col == 1 {
        for (p, to) in to.chunks_exact_mut(width).enumerate() {
            let from = &from[p * row..][..live];
            V::read(&from[..left]).write(&mut to[..V::LANES]);
            V::read(&from[left..]).write(&mut to[V::LANES..]);
        }
        return;
    }
    if live < width {
        to.fill(V::Elem::default());
    }
    for j in 0..live {
        for (p, to) in to.chunks_exact_mut(width).enumerate() {
            to[j] = from[j * col + p * row];
        }
    }
}

/// A right factor `[k, n]` in panels: `[panel][step][column]`.
pub(crate) struct Panels<E: Float> {
    data: Buffer<E>,
    k: usize,
    n: usize,
}

/// Columns of a panel.
struct Width;

impl<E> Kernel<E> for Width {
    type Out = usize;
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) -> usize {
        2 * V::LANES
    }
}

/// One panel of matrices that follow each other.
struct Fill<'a, E> {
    b: &'a [E],
    starts: &'a [usize],
    strides: [usize; 2],
    live: usize,
    to: &'a mut [E],
}

impl<E: Float> Kernel<E> for Fill<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let matrix = self.to.len() / self.starts.len();
        for (&start, to) in self.starts.iter().zip(self.to.chunks_exact_mut(matrix)) {
            fill_panel::<V>(&self.b[start..], self.strides, self.live, to);
        }
    }
}

impl<E: Float> Panels<E> {
    /// Packs matrices of `steps` rows and `n` columns, one below the other: element `(p, j)` of each is
    /// `b[start + p strides[0] + j strides[1]]`.
    pub(crate) fn new(
        b: &[E],
        starts: &[usize],
        steps: usize,
        n: usize,
        strides: [usize; 2],
    ) -> Self {
        let (width, k) = (E::dispatch(Width), starts.len() * steps);
        let mut data = Buffer::scratch(n.div_ceil(width) * width * k);
        parallel_rows(
            &mut data,
            width * k,
            rows_per_task(width * k),
            |first, to| {
                for (panel, to) in to.chunks_exact_mut(width * k).enumerate() {
                    let j = (first + panel) * width;
                    E::dispatch(Fill {
                        b: &b[j * strides[1]..],
                        starts,
                        strides,
                        live: width.min(n - j),
                        to,
                    });
                }
            },
        );
        Panels { data, k, n }
    }
}

/// Where the rows of a product go: row `i` of a picture begins at `starts[i]`.
#[derive(Clone, Copy)]
pub(crate) struct Places<'a> {
    /// Elements from a picture to the next.
    pub(crate) picture: usize,
    pub(crate) starts: &'a [u32],
}

/// `C = A B + bias`: `a [m, k]` in pieces, `b [k, n]`, `bias [n]`, rows of `c` at their places.
///
/// # Panics
/// If the shapes do not fit, or rows of `c` overlap.
pub(crate) fn rows_product<E: Float>(
    a: Pieces<'_, E>,
    b: &Panels<E>,
    bias: Option<&[E]>,
    c: &mut [E],
    to: Places<'_>,
) {
    let (m, n) = (a.pictures * a.rows, b.n);
    assert!(
        a.check() == b.k && to.starts.len() == a.rows && bias.is_none_or(|bias| bias.len() == n),
        "rows_product: a [{m}, {}] and {} rows of c",
        b.k,
        to.starts.len()
    );
    let ordered = to
        .starts
        .windows(2)
        .all(|w| w[0] as usize + n <= w[1] as usize);
    let last = to.starts.last().map_or(0, |&last| last as usize + n);
    assert!(
        ordered && (a.pictures <= 1 || last <= to.picture),
        "rows_product: rows of c overlap"
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
            bias,
            c: &c,
            to,
            rows,
            cols,
        });
    };
    let (mut rows, mut cols) = (ROWS, n.next_multiple_of(64));
    while m.div_ceil(rows) * n.div_ceil(cols) < TASKS {
        match (rows > 24, cols > 64) {
            (wide, true) if !wide || cols > 2 * rows => cols = (cols / 2).next_multiple_of(64),
            (true, _) => rows /= 2,
            _ => break,
        }
    }
    let across = n.div_ceil(cols);
    each(m * n * b.k, m.div_ceil(rows) * across, |task| {
        let (i, j) = (task / across * rows, task % across * cols);
        run(i..m.min(i + rows), j..n.min(j + cols));
    });
}

/// Runs the tasks of a product of so many multiply-adds.
fn each(size: usize, tasks: usize, f: impl Fn(usize) + Sync) {
    if size < SMALL {
        (0..tasks).for_each(f);
    } else {
        parallel(tasks, f);
    }
}

/// Some rows and columns of a product.
struct Rows<'a, E: Float> {
    a: Pieces<'a, E>,
    zeros: &'a [E],
    b: &'a Panels<E>,
    bias: Option<&'a [E]>,
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
        let (width, k) = (2 * V::LANES, self.b.k);
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
            for j in self.cols.clone().step_by(width) {
                let b = &self.b.data[(j / width * k + p0) * width..][..steps * width];
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
        if p0 > 0 {
            for (sums, &(picture, row)) in sums.iter_mut().zip(places).take(rows) {
                // SAFETY: each task has its own rows and columns of C, and rows do not overlap.
                let c = unsafe { c.part(picture * to.picture + to.starts[row] as usize + j, live) };
                *sums = [V::read(&c[..left]), V::read(&c[left..])];
            }
        } else if let Some(bias) = self.bias {
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

/// `C = A^T B`: `a [k, m]` in pieces, `b [k, n]` with rows `b_stride` apart, `c [m, n]` with rows `c_stride` apart.
///
/// # Panics
/// If the shapes do not fit.
pub(crate) fn columns_product<E: Float>(
    a: Pieces<'_, E>,
    (b, b_stride): (&[E], usize),
    n: usize,
    (c, c_stride): (&mut [E], usize),
) {
    let (k, m) = (a.pictures * a.rows, a.check());
    let holds = |rows: usize, stride: usize, len: usize| {
        rows == 0 || n == 0 || (stride >= n && (rows - 1) * stride + n <= len)
    };
    assert!(
        holds(k, b_stride, b.len()) && holds(m, c_stride, c.len()),
        "columns_product: b [{k}, {n}] or c [{m}, {n}] exceeds its data"
    );
    if m == 0 || n == 0 {
        return;
    }
    let zeros = Buffer::zeros(a.len);
    // Blocks of C that stay in a near cache: of columns, of pieces and within a piece.
    let cols = n.div_ceil(n.div_ceil(WIDE)).next_multiple_of(64);
    let pieces = m / a.len;
    let (some, within) = if a.len > TALL {
        (1, a.len.div_ceil(a.len.div_ceil(TALL)).next_multiple_of(12))
    } else {
        (TALL / a.len, a.len)
    };
    let blocks = [
        pieces.div_ceil(some),
        a.len.div_ceil(within),
        n.div_ceil(cols),
    ];
    let all: usize = blocks.iter().product();
    // With few blocks the steps are cut as well, and the parts added up in their order.
    let part = k
        .div_ceil(TASKS.div_ceil(all))
        .next_multiple_of(KC)
        .max(4 * KC);
    let parts = k.div_ceil(part).max(1);
    let run = |c: &Shared<'_, E>, first: usize, stride: usize, part_index: usize, block: usize| {
        let (column, block) = (block % blocks[2], block / blocks[2]);
        let (inner, outer) = (block % blocks[1], block / blocks[1]);
        let cut = |i: usize, size: usize, end: usize| i * size..end.min((i + 1) * size);
        E::dispatch(Columns {
            a,
            zeros: &zeros,
            b: (b, b_stride),
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
            c.copy_from_slice(&sums[i * n..][..n]);
            for part in 1..parts {
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
    /// The elements and the distance of rows.
    b: (&'a [E], usize),
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
            for (panel, j) in self.cols.clone().step_by(width).enumerate() {
                let live = width.min(self.cols.end - j);
                let to = &mut near[panel * steps * width..][..steps * width];
                if steps > 0 {
                    let (b, stride) = self.b;
                    fill_panel::<V>(&b[p0 * stride + j..], [stride, 1], live, to);
                }
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
                        let (from, keep) = (&from[..steps], p0 > first);
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
        if keep {
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: each task has its own rows and columns of C.
                let c = unsafe { self.c.part(corner + r * stride, live) };
                *sums = [V::read(&c[..left]), V::read(&c[left..])];
            }
        }
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
            sums[0].write(&mut c[..left]);
            sums[1].write(&mut c[left..]);
        }
    }
}
