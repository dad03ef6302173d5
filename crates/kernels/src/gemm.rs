//! Matrix products.
//!
//! `B` is packed into panels of `NR` columns, `A` into panels of `MR` rows, and a tile of `MR x NR` sums
//! stays in registers over a block of `KC` steps (Goto and van de Geijn 2008). Every element of `C` is
//! summed over `k` in the same order (blocks of `KC`, one fused multiply-add a step within each), whatever
//! its place, the size of the product and the number of threads.

mod pack;

use self::pack::{GROUP, PackPanels, check_right};
pub(crate) use self::pack::{Left, NO_ROW};
pub use self::pack::{Packed, pack};
use crate::buffer::Buffer;
use crate::float::Float;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector, prefetch};
use crate::threads::parallel;

/// Steps of `k` summed in registers before a tile is written.
const KC: usize = 256;
/// Largest block of rows and of columns a task takes: an `A` block that stays in the second-level cache.
const MB: usize = 96;
const NB: usize = 512;
/// Products with fewer multiply-adds run on the calling thread.
const SMALL: usize = 1 << 16;
/// Tasks wanted for a large product, so that threads finish together.
const TASKS: usize = 12;

/// A matrix to read: element `(i, j)` is `data[i * row_stride + j * col_stride]`.
#[derive(Clone, Copy, Debug)]
pub struct Mat<'a, E> {
    /// The elements.
    pub data: &'a [E],
    /// Distance from a row to the next.
    pub row_stride: usize,
    /// Distance from a column to the next.
    pub col_stride: usize,
}

impl<'a, E> Mat<'a, E> {
    /// A row-major matrix with `cols` columns.
    pub fn new(data: &'a [E], cols: usize) -> Self {
        Mat {
            data,
            row_stride: cols,
            col_stride: 1,
        }
    }
    /// The transpose of a row-major matrix with `cols` columns.
    pub fn t(data: &'a [E], cols: usize) -> Self {
        Mat {
            data,
            row_stride: 1,
            col_stride: cols,
        }
    }
    /// Whether a matrix of `rows x cols` lies inside the data.
    fn holds(&self, rows: usize, cols: usize) -> bool {
        rows == 0
            || cols == 0
            || (rows - 1) * self.row_stride + (cols - 1) * self.col_stride < self.data.len()
    }
}

/// A matrix to write: element `(i, j)` is `data[i * row_stride + j]`.
#[derive(Debug)]
pub struct MatMut<'a, E> {
    /// The elements.
    pub data: &'a mut [E],
    /// Distance from a row to the next.
    pub row_stride: usize,
}

impl<'a, E> MatMut<'a, E> {
    /// A row-major matrix with `cols` columns.
    pub fn new(data: &'a mut [E], cols: usize) -> Self {
        MatMut {
            data,
            row_stride: cols,
        }
    }
}

/// What a product does with what `C` holds.
#[derive(Clone, Copy)]
enum Start<'a, E> {
    /// Forgets it.
    Zero,
    /// Forgets it and starts from this row.
    Bias(&'a [E]),
    /// Adds to it.
    Keep,
}

/// The right factor of a product.
#[derive(Clone, Copy)]
enum Right<'a, E: Float> {
    Packed(&'a Packed<E>),
    /// Each panel is packed just before its use, into memory that stays in a near cache.
    Plain(Mat<'a, E>),
}

/// A block of rows and columns of a product.
struct Block<'a, E: Float> {
    a: Left<'a, E>,
    b: Right<'a, E>,
    k: usize,
    n: usize,
    start: Start<'a, E>,
    c: &'a Shared<'a, E>,
    stride: usize,
    rows: std::ops::Range<usize>,
    cols: std::ops::Range<usize>,
}

impl<E: Float> Kernel<E> for Block<'_, E> {
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

impl<E: Float> Block<'_, E> {
    /// Goes through the block in tiles of `MR` rows, the last ones perhaps of `MID` or `LOW`.
    #[inline(always)]
    fn tiles<V: Vector<Elem = E>, const MR: usize, const MID: usize, const LOW: usize>(&self) {
        let width = 2 * V::LANES;
        let (k, n) = (self.k, self.n);
        let panels = n.div_ceil(width);
        let rows = self.rows.len();
        if k == 0 {
            return self.start_only();
        }
        let mut packed = Buffer::<E>::scratch(rows.div_ceil(MR) * MR * KC.min(k));
        let near = match self.b {
            Right::Packed(_) => 0,
            Right::Plain(_) => GROUP * width * KC.min(k),
        };
        let mut near = Buffer::<E>::scratch(near);
        for p0 in (0..k).step_by(KC) {
            let steps = KC.min(k - p0);
            self.a
                .pack::<MR>(self.rows.start, rows, p0, steps, &mut packed);
            let start = if p0 == 0 { self.start } else { Start::Keep };
            for (panel, j) in self.cols.clone().step_by(width).enumerate() {
                let b = match self.b {
                    Right::Packed(b) => &b.data[(p0 * panels + j / width * steps) * width..],
                    Right::Plain(b) => {
                        if panel % GROUP == 0 {
                            let packing = PackPanels {
                                b,
                                steps: p0..p0 + steps,
                                cols: j..self.cols.end.min(j + GROUP * width),
                                out: &mut near,
                            };
                            packing.run::<V>();
                        }
                        &near[panel % GROUP * steps * width..]
                    }
                };
                let (b, next) = b.split_at(steps * width);
                let tiles = rows.div_ceil(MR);
                let share = b.len().div_ceil(tiles);
                for (panel, a) in packed.chunks_exact(MR * steps).take(tiles).enumerate() {
                    let i = self.rows.start + panel * MR;
                    // What comes next is on its way while this tile is computed.
                    prefetch(next.as_ptr().wrapping_add(panel * share), share);
                    for r in 0..MR {
                        prefetch(self.c.place((i + r) * self.stride + j), width);
                    }
                    match self.rows.end - i {
                        left if left <= LOW => self.tile::<V, MR, LOW>(i, j, start, a, b),
                        left if left <= MID => self.tile::<V, MR, MID>(i, j, start, a, b),
                        _ => self.tile::<V, MR, MR>(i, j, start, a, b),
                    }
                }
            }
        }
    }

    /// The tile of `R` rows whose corner is `(i, j)`, from a panel of `MR` rows and one of columns.
    #[inline(always)]
    fn tile<V: Vector<Elem = E>, const MR: usize, const R: usize>(
        &self,
        i: usize,
        j: usize,
        start: Start<'_, E>,
        a: &[E],
        b: &[E],
    ) {
        let steps = a.len() / MR;
        assert!(R <= MR && b.len() == steps * 2 * V::LANES);
        // SAFETY: `a` holds MR and `b` 2 LANES elements for each of `steps` steps.
        let sums = unsafe { sums::<V, MR, R>(steps, a.as_ptr(), b.as_ptr()) };
        self.write::<V, R>(i, j, start, &sums);
    }

    /// Adds or stores the sums of the tile whose corner is `(i, j)`.
    #[inline(always)]
    fn write<V: Vector<Elem = E>, const R: usize>(
        &self,
        i: usize,
        j: usize,
        start: Start<'_, E>,
        sums: &[[V; 2]; R],
    ) {
        let width = 2 * V::LANES;
        let live = width.min(self.cols.end - j);
        let rows = R.min(self.rows.end - i);
        if live == width && rows == R {
            // The same with constants: the sums go from their registers to memory.
            self.write_part::<V, R>(i, j, start, sums, R, width);
        } else {
            self.write_part::<V, R>(i, j, start, sums, rows, live);
        }
    }

    #[inline(always)]
    fn write_part<V: Vector<Elem = E>, const R: usize>(
        &self,
        i: usize,
        j: usize,
        start: Start<'_, E>,
        sums: &[[V; 2]; R],
        rows: usize,
        live: usize,
    ) {
        for (r, sums) in sums.iter().enumerate().take(rows) {
            // SAFETY: each task has its own rows and columns of C.
            let c = unsafe { self.c.part((i + r) * self.stride + j, live) };
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

    /// The product over no steps at all.
    fn start_only(&self) {
        for i in self.rows.clone() {
            // SAFETY: each task has its own rows and columns of C.
            let c = unsafe {
                self.c
                    .part(i * self.stride + self.cols.start, self.cols.len())
            };
            match self.start {
                Start::Zero => c.fill(E::ZERO),
                Start::Bias(bias) => c.copy_from_slice(&bias[self.cols.clone()]),
                Start::Keep => {}
            }
        }
    }
}

/// The sums of a tile: the first `R` of `MR` rows, of two vectors each.
///
/// # Safety
/// `R` is at most `MR`; `a` is valid for reading `MR * steps` elements and `b` for `2 * LANES * steps`.
#[inline(always)]
unsafe fn sums<V: Vector, const MR: usize, const R: usize>(
    steps: usize,
    a: *const V::Elem,
    b: *const V::Elem,
) -> [[V; 2]; R] {
    let mut sums = [[V::splat(V::Elem::default()); 2]; R];
    for p in 0..steps {
        // SAFETY: step `p` of both panels, inside by the caller's promise.
        let (b0, b1) = unsafe {
            let b = b.add(p * 2 * V::LANES);
            (V::load(b), V::load(b.add(V::LANES)))
        };
        for (r, sums) in sums.iter_mut().enumerate() {
            // SAFETY: row `r` of step `p`, inside by the caller's promise.
            let x = V::splat(unsafe { *a.add(p * MR + r) });
            sums[0] = x.mul_add(b0, sums[0]);
            sums[1] = x.mul_add(b1, sums[1]);
        }
    }
    sums
}

/// `C = start + A B`, on the calling thread alone unless `threads`.
fn product<E: Float>(
    (m, n, k): (usize, usize, usize),
    a: Left<'_, E>,
    b: Right<'_, E>,
    start: Start<'_, E>,
    c: MatMut<'_, E>,
    threads: bool,
) {
    a.check(m, k);
    if m == 0 || n == 0 {
        return;
    }
    assert!(
        c.row_stride >= n && (m - 1) * c.row_stride + n <= c.data.len(),
        "gemm: c [{m}, {n}] with rows {} apart exceeds its {} elements",
        c.row_stride,
        c.data.len()
    );
    let stride = c.row_stride;
    let c = Shared::new(c.data);
    let run = |rows, cols| {
        E::dispatch(Block {
            a,
            b,
            k,
            n,
            start,
            c: &c,
            stride,
            rows,
            cols,
        });
    };
    if !threads || m * n * k.max(1) < SMALL {
        return run(0..m, 0..n);
    }
    let (rows, cols) = cut(m, n, matches!(b, Right::Packed(_)));
    let across = n.div_ceil(cols);
    parallel(m.div_ceil(rows) * across, |task| {
        let (i, j) = (task / across * rows, task % across * cols);
        run(i..m.min(i + rows), j..n.min(j + cols));
    });
}

/// The rows and columns of a task, by shape alone. Columns are a multiple of every panel's; rows are whole
/// unless they may be cut.
fn cut(m: usize, n: usize, cut_rows: bool) -> (usize, usize) {
    let (mut rows, mut cols) = (MB.min(m), NB.min(n));
    if !cut_rows {
        rows = m;
    }
    while m.div_ceil(rows) * n.div_ceil(cols) < TASKS {
        if cut_rows && rows > 24 && (rows * 2 >= cols || cols <= 128) {
            rows = (rows / 2).next_multiple_of(12);
        } else if cols > if cut_rows { 128 } else { 64 } {
            cols = (cols / 2).next_multiple_of(64);
        } else {
            break;
        }
    }
    (rows, cols.next_multiple_of(64))
}

/// `C = start + A B` with a right factor used once.
fn product_once<E: Float>(
    (m, n, k): (usize, usize, usize),
    a: Left<'_, E>,
    b: Mat<'_, E>,
    start: Start<'_, E>,
    c: MatMut<'_, E>,
) {
    check_right(k, n, b);
    // A panel that few rows use is packed at its use: writing all of B elsewhere would take longer than that.
    // With few columns too, there would be too few tasks.
    if m <= 24 || (m <= MB && n >= 2 * NB) {
        product((m, n, k), a, Right::Plain(b), start, c, true);
    } else {
        let b = pack(k, n, b);
        product((m, n, k), a, Right::Packed(&b), start, c, true);
    }
}

/// `C = A B`, or `C += A B` with `accumulate`: `a [m, k]`, `b [k, n]`, `c [m, n]`.
///
/// # Panics
/// If a matrix exceeds its data.
pub fn gemm<E: Float>(
    m: usize,
    n: usize,
    k: usize,
    a: Mat<'_, E>,
    b: Mat<'_, E>,
    accumulate: bool,
    c: MatMut<'_, E>,
) {
    let start = if accumulate { Start::Keep } else { Start::Zero };
    product_once((m, n, k), Left::Mat(a), b, start, c);
}

/// `C = A B + bias`: `a [m, k]`, `b [k, n]`, `bias [n]`, `c [m, n]`.
///
/// # Panics
/// If a matrix exceeds its data, or the bias has not `n` elements.
pub fn gemm_bias<E: Float>(
    m: usize,
    n: usize,
    k: usize,
    a: Mat<'_, E>,
    b: Mat<'_, E>,
    bias: &[E],
    c: MatMut<'_, E>,
) {
    assert_eq!(bias.len(), n, "gemm: expected a bias of {n}");
    product_once((m, n, k), Left::Mat(a), b, Start::Bias(bias), c);
}

/// `C = A B` or `C += A B` with a packed `b [k, n]`, on the calling thread: `a [m, k]`, `c [m, n]`.
///
/// # Panics
/// If a matrix exceeds its data.
pub fn gemm_packed<E: Float>(
    m: usize,
    a: Mat<'_, E>,
    b: &Packed<E>,
    accumulate: bool,
    c: MatMut<'_, E>,
) {
    let start = if accumulate { Start::Keep } else { Start::Zero };
    product(
        (m, b.n, b.k),
        Left::Mat(a),
        Right::Packed(b),
        start,
        c,
        false,
    );
}

/// `C = A B` or `C += A B` with rows of the left factor chosen by an index.
pub(crate) fn gemm_indexed<E: Float>(
    m: usize,
    n: usize,
    k: usize,
    a: Left<'_, E>,
    b: Mat<'_, E>,
    accumulate: bool,
    c: MatMut<'_, E>,
) {
    let start = if accumulate { Start::Keep } else { Start::Zero };
    product_once((m, n, k), a, b, start, c);
}
