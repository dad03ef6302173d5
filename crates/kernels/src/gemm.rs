//! Matrix products.
//!
//! `B` is packed into panels of `NR` columns, `A` into panels of `MR` rows, and a tile of `MR x NR` sums
//! stays in registers over a block of `KC` steps (Goto and van de Geijn 2008). Every element of `C` is
//! summed over `k` in the same order (blocks of `KC`, one fused multiply-add a step within each), whatever
//! its place, the size of the product and the number of threads.

use crate::buffer::Buffer;
use crate::float::Float;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector};
use crate::threads::parallel;

/// Steps of `k` summed in registers before a tile is written.
const KC: usize = 256;
/// Largest block of rows and of columns a task takes: an `A` block that stays in the second-level cache.
const MB: usize = 96;
const NB: usize = 512;
/// Products with fewer multiply-adds run on the calling thread.
const SMALL: usize = 1 << 16;
/// Tasks wanted for a large product, so that threads finish together.
const TASKS: usize = 16;

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

/// In an index of rows: a row of zeros.
pub(crate) const NO_ROW: u32 = u32::MAX;

/// The left factor of a product.
#[derive(Clone, Copy)]
pub(crate) enum Left<'a, E> {
    /// A matrix.
    Mat(Mat<'a, E>),
    /// Row `i` is row `index[i]` of a row-major matrix with `cols` columns.
    Rows {
        data: &'a [E],
        cols: usize,
        index: &'a [u32],
    },
    /// The transpose of that.
    Columns {
        data: &'a [E],
        cols: usize,
        index: &'a [u32],
    },
}

impl<E: Float> Left<'_, E> {
    #[inline(always)]
    fn at(&self, i: usize, p: usize) -> E {
        let row = |data: &[E], cols: usize, row: u32, j: usize| {
            if row == NO_ROW {
                E::ZERO
            } else {
                data[row as usize * cols + j]
            }
        };
        match *self {
            Left::Mat(a) => a.data[i * a.row_stride + p * a.col_stride],
            Left::Rows { data, cols, index } => row(data, cols, index[i], p),
            Left::Columns { data, cols, index } => row(data, cols, index[p], i),
        }
    }

    fn check(&self, m: usize, k: usize) {
        let (rows, fits) = match *self {
            Left::Mat(a) => (m, a.holds(m, k)),
            Left::Rows { cols, index, .. } => {
                (index.len(), index.len() == m && (m == 0 || cols == k))
            }
            Left::Columns { cols, index, .. } => {
                (index.len(), index.len() == k && (k == 0 || cols == m))
            }
        };
        assert!(
            fits,
            "gemm: a [{m}, {k}] exceeds its data or its index of {rows} rows"
        );
    }

    /// Copies rows `i0 .. i0 + rows`, steps `p0 .. p0 + steps` into panels of `height` rows:
    /// `[panel][step][row]`, with zeros below the last row.
    #[inline(always)]
    fn pack(&self, height: usize, i0: usize, rows: usize, p0: usize, steps: usize, out: &mut [E]) {
        for (panel, out) in out
            .chunks_exact_mut(height * steps)
            .take(rows.div_ceil(height))
            .enumerate()
        {
            let first = panel * height;
            for r in 0..height {
                if first + r >= rows {
                    out.iter_mut()
                        .skip(r)
                        .step_by(height)
                        .for_each(|x| *x = E::ZERO);
                    continue;
                }
                let i = i0 + first + r;
                let to = out.iter_mut().skip(r).step_by(height);
                match *self {
                    Left::Mat(a) if a.col_stride == 1 => {
                        let from = &a.data[i * a.row_stride + p0..][..steps];
                        to.zip(from).for_each(|(to, from)| *to = *from);
                    }
                    Left::Rows { data, cols, index } if index[i] != NO_ROW => {
                        let from = &data[index[i] as usize * cols + p0..][..steps];
                        to.zip(from).for_each(|(to, from)| *to = *from);
                    }
                    Left::Rows { .. } => to.for_each(|x| *x = E::ZERO),
                    _ => to.enumerate().for_each(|(p, x)| *x = self.at(i, p0 + p)),
                }
            }
        }
    }

    /// [`Left::pack`] where consecutive rows lie together: whole steps at a time.
    #[inline(always)]
    fn pack_columns(
        &self,
        height: usize,
        i0: usize,
        rows: usize,
        p0: usize,
        steps: usize,
        out: &mut [E],
    ) {
        for (panel, out) in out
            .chunks_exact_mut(height * steps)
            .take(rows.div_ceil(height))
            .enumerate()
        {
            let first = i0 + panel * height;
            let live = height.min(i0 + rows - first);
            for (p, out) in out.chunks_exact_mut(height).enumerate() {
                let from = match *self {
                    Left::Mat(a) => Some(&a.data[first + (p0 + p) * a.col_stride..][..live]),
                    Left::Rows { .. } => unreachable!("rows do not lie together"),
                    Left::Columns { data, cols, index } => {
                        let row = index[p0 + p];
                        (row != NO_ROW).then(|| &data[row as usize * cols + first..][..live])
                    }
                };
                match from {
                    Some(from) => out[..live].copy_from_slice(from),
                    None => out[..live].fill(E::ZERO),
                }
                out[live..].fill(E::ZERO);
            }
        }
    }

    fn rows_lie_together(&self) -> bool {
        match self {
            Left::Mat(a) => a.row_stride == 1 && a.col_stride != 1,
            Left::Rows { .. } => false,
            Left::Columns { .. } => true,
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

/// The right factor of a product, packed for repeated use.
pub struct Packed<E: Float> {
    data: Buffer<E>,
    k: usize,
    n: usize,
}

/// Columns of a packed panel.
struct Width;

impl<E> Kernel<E> for Width {
    type Out = usize;
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) -> usize {
        2 * V::LANES
    }
}

/// Packs `b [k, n]` for [`gemm_packed`].
///
/// # Panics
/// If the matrix exceeds its data.
pub fn pack<E: Float>(k: usize, n: usize, b: Mat<'_, E>) -> Packed<E> {
    assert!(
        b.holds(k, n),
        "gemm: b [{k}, {n}] exceeds its {} elements",
        b.data.len()
    );
    let width = E::dispatch(Width);
    let panels = n.div_ceil(width);
    // Blocks of KC steps one after the other; within one, panel by panel: [block][panel][step][column].
    let mut data = Buffer::scratch(panels * width * k);
    let out = Shared::new(&mut data);
    let fill = |panel: usize| {
        let first = panel * width;
        let live = width.min(n - first);
        for p0 in (0..k).step_by(KC) {
            let steps = KC.min(k - p0);
            // SAFETY: each panel of each block has its own place.
            let out = unsafe { out.part((p0 * panels + panel * steps) * width, steps * width) };
            if b.col_stride == 1 {
                for (p, row) in out.chunks_exact_mut(width).enumerate() {
                    row[..live].copy_from_slice(&b.data[(p0 + p) * b.row_stride + first..][..live]);
                    row[live..].fill(E::ZERO);
                }
            } else {
                for j in 0..width {
                    for (p, row) in out.chunks_exact_mut(width).enumerate() {
                        row[j] = match j < live {
                            true => b.data[(p0 + p) * b.row_stride + (first + j) * b.col_stride],
                            false => E::ZERO,
                        };
                    }
                }
            }
        }
    };
    if k * n < SMALL {
        (0..panels).for_each(fill);
    } else {
        parallel(panels, fill);
    }
    Packed { data, k, n }
}

/// A block of rows and columns of a product.
struct Block<'a, E: Float> {
    a: Left<'a, E>,
    b: &'a Packed<E>,
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
            4 => self.tiles::<V, 4>(),
            6 => self.tiles::<V, 6>(),
            8 => self.tiles::<V, 8>(),
            12 => self.tiles::<V, 12>(),
            other => unreachable!("no tile of {other} rows"),
        }
    }
}

impl<E: Float> Block<'_, E> {
    #[inline(always)]
    fn tiles<V: Vector<Elem = E>, const MR: usize>(&self) {
        let width = 2 * V::LANES;
        let (k, n) = (self.b.k, self.b.n);
        let panels = n.div_ceil(width);
        let rows = self.rows.len();
        if k == 0 {
            return self.start_only();
        }
        let mut packed = Buffer::<E>::scratch(rows.div_ceil(MR) * MR * KC.min(k));
        for p0 in (0..k).step_by(KC) {
            let steps = KC.min(k - p0);
            if self.a.rows_lie_together() {
                self.a
                    .pack_columns(MR, self.rows.start, rows, p0, steps, &mut packed);
            } else {
                self.a
                    .pack(MR, self.rows.start, rows, p0, steps, &mut packed);
            }
            let start = if p0 == 0 { self.start } else { Start::Keep };
            for j in (self.cols.start..self.cols.end).step_by(width) {
                let at = (p0 * panels + j / width * steps) * width;
                let b = &self.b.data[at..][..steps * width];
                for (panel, a) in packed
                    .chunks_exact(MR * steps)
                    .take(rows.div_ceil(MR))
                    .enumerate()
                {
                    let i = self.rows.start + panel * MR;
                    // SAFETY: `a` holds MR and `b` 2 LANES elements for each of `steps` steps.
                    let sums = unsafe { tile::<V, MR>(steps, a.as_ptr(), b.as_ptr()) };
                    self.write::<V, MR>(i, j, start, &sums);
                }
            }
        }
    }

    /// Adds or stores the sums of the tile whose corner is `(i, j)`.
    #[inline(always)]
    fn write<V: Vector<Elem = E>, const MR: usize>(
        &self,
        i: usize,
        j: usize,
        start: Start<'_, E>,
        sums: &[[V; 2]; MR],
    ) {
        let live = (2 * V::LANES).min(self.cols.end - j);
        let rows = MR.min(self.rows.end - i);
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

/// The sums of a tile: `MR` rows of two vectors.
///
/// # Safety
/// `a` is valid for reading `MR * steps` elements and `b` for `2 * LANES * steps`.
#[inline(always)]
unsafe fn tile<V: Vector, const MR: usize>(
    steps: usize,
    a: *const V::Elem,
    b: *const V::Elem,
) -> [[V; 2]; MR] {
    let mut sums = [[V::splat(V::Elem::default()); 2]; MR];
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

/// `C = start + A B`.
fn product<E: Float>(
    m: usize,
    a: Left<'_, E>,
    b: &Packed<E>,
    start: Start<'_, E>,
    c: MatMut<'_, E>,
    threads: bool,
) {
    let (n, k) = (b.n, b.k);
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
    if !threads || m * n * k.max(1) < SMALL {
        E::dispatch(Block {
            a,
            b,
            start,
            c: &c,
            stride,
            rows: 0..m,
            cols: 0..n,
        });
        return;
    }
    // Cut by shape alone. Both block sizes are multiples of every tile's.
    let (mut rows, mut cols) = (MB.min(m), NB.min(n));
    let tasks = |rows: usize, cols: usize| m.div_ceil(rows) * n.div_ceil(cols);
    while tasks(rows, cols) < TASKS && (rows > 24 || cols > 128) {
        if rows > 24 && rows * 2 >= cols {
            rows = (rows / 2).next_multiple_of(12);
        } else if cols > 128 {
            cols = (cols / 2).next_multiple_of(64);
        } else {
            rows = (rows / 2).next_multiple_of(12);
        }
    }
    cols = cols.next_multiple_of(64);
    let across = n.div_ceil(cols);
    parallel(m.div_ceil(rows) * across, |task| {
        let (i, j) = (task / across * rows, task % across * cols);
        let (rows, cols) = (i..m.min(i + rows), j..n.min(j + cols));
        E::dispatch(Block {
            a,
            b,
            start,
            c: &c,
            stride,
            rows,
            cols,
        });
    });
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
    product(m, Left::Mat(a), &pack(k, n, b), start, c, true);
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
    product(m, Left::Mat(a), &pack(k, n, b), Start::Bias(bias), c, true);
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
    product(m, Left::Mat(a), b, start, c, false);
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
    product(m, a, &pack(k, n, b), start, c, true);
}
