//! Matrix products.
//!
//! A tile of rows and two vectors of columns stays in registers over a block of steps, while the right factor
//! comes from panels of the tile's columns, and the left one from tiles of its rows if that many columns meet them
//! (Goto and van de Geijn 2008). Results do not depend on the number of threads: every element is summed in one order.

mod columns;
mod cut;
mod few;
mod panels;
mod pieces;
mod rows;

use std::ops::Range;

pub(crate) use self::panels::{Panels, fill};
pub(crate) use self::pieces::{NOWHERE, Pieces, Places};
use self::rows::Left;
pub(crate) use self::rows::add_rows;
use crate::activation::Activation;
use crate::denormals::Flush;
use crate::float::Float;
use crate::simd::Vector;
use crate::threads::{parallel_if, parallel_rows, rows_per_task, threads};

/// Most steps summed in registers before a tile is written: its panel stays in a near cache.
const KC: usize = 512;
/// Products with fewer multiply-adds run on the calling thread.
const SMALL: usize = 1 << 16;
/// Fewest rows, and most elements of the right factor, for which that is packed as a whole: a part of the cache that cores
/// share, beside the other factor.
const SHARED: (usize, usize) = (96, 1 << 20);
/// Fewest rows, columns and elements of a product whose left factor's columns are packed as rows are.
const TILED: (usize, usize, usize) = (24, 96, 1 << 15);

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
    /// Its transpose.
    pub fn transposed(self) -> Self {
        Mat {
            data: self.data,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }
    /// Whether a matrix of `rows x cols` lies inside the data.
    fn holds(&self, rows: usize, cols: usize) -> bool {
        let [down, across] = [(rows, self.row_stride), (cols, self.col_stride)]
            .map(|(n, stride)| n.saturating_sub(1).checked_mul(stride));
        let last = down.zip(across).and_then(|(a, b)| a.checked_add(b));
        rows == 0 || cols == 0 || last.is_some_and(|last| last < self.data.len())
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

/// What becomes of the sums of a product or a convolution before they are written: `y = activation(sums + add)`.
#[derive(Clone, Copy, Debug)]
pub struct Finish<'a, E> {
    /// Added to the sums: as many elements as `y`, in its order.
    pub add: Option<&'a [E]>,
    /// What follows.
    pub activation: Activation,
}

impl<E> Finish<'_, E> {
    /// Sums are written as they are.
    pub const NONE: Self = Finish {
        add: None,
        activation: Activation::Identity,
    };
}

impl<'a, E: Float> Finish<'a, E> {
    /// For the elements of `y` from one on.
    pub(crate) fn from(self, first: usize) -> Self {
        Finish {
            add: self.add.map(|add| &add[first..]),
            ..self
        }
    }

    /// The elements of `y` at `place`, given their sums.
    #[inline(always)]
    pub(crate) fn apply<V: Vector<Elem = E>>(self, sums: V, place: Range<usize>) -> V {
        let sums = match self.add {
            Some(add) => sums.add(V::read(&add[place])),
            None => sums,
        };
        self.activation.apply(sums)
    }
}

/// The right factor of a product.
#[derive(Clone, Copy)]
enum Right<'a, E: Float> {
    Packed(&'a Panels<E>),
    /// Each panel is packed just before its use, into memory that stays in a near cache.
    Plain(Mat<'a, E>),
}

/// The blocks of steps that are summed in registers: as few as possible, of nearly equal length, and one of no step where
/// there is none, for the start.
fn blocks(k: usize) -> impl Iterator<Item = Range<usize>> {
    let count = k.div_ceil(KC).max(1);
    (0..count).map(move |i| k * i / count..k * (i + 1) / count)
}

/// Runs the tasks of a product of so many multiply-adds.
fn each(size: usize, tasks: usize, f: impl Fn(usize) + Sync) {
    parallel_if(size >= SMALL, tasks, f);
}

/// `C = start + A B` with rows or columns of `a` in memory.
fn product<E: Float>(
    (m, n, k): (usize, usize, usize),
    a: Mat<'_, E>,
    b: Mat<'_, E>,
    start: Start<'_, E>,
    c: MatMut<'_, E>,
) {
    let _flush = Flush::start();
    for (name, fits, rows, cols, len) in [
        ("a", a.holds(m, k), m, k, a.data.len()),
        ("b", b.holds(k, n), k, n, b.data.len()),
    ] {
        assert!(
            fits,
            "gemm: {name} [{rows}, {cols}] exceeds its {len} elements"
        );
    }
    if m == 0 || n == 0 {
        return;
    }
    let (stride, len) = (c.row_stride, c.data.len());
    assert!(
        stride >= n && Mat::new(&*c.data, stride).holds(m, n),
        "gemm: c [{m}, {n}] with rows {stride} apart exceeds its {len} elements"
    );
    let in_rows = a.col_stride == 1 || k == 1;
    if in_rows && m <= few::ROWS && b.col_stride == 1 {
        return few::product((m, n, k), a, b, start, c);
    }
    assert!(
        in_rows || a.row_stride == 1 || m == 1,
        "gemm: a's rows or its columns must lie in memory, got strides {} and {}",
        a.row_stride,
        a.col_stride
    );
    let tiled = m >= TILED.0 && n >= TILED.1 && m * n >= TILED.2;
    if !in_rows && !tiled {
        if let Start::Bias(bias) = start {
            let rows = c.data.chunks_mut(stride).take(m);
            rows.for_each(|c| c[..n].copy_from_slice(bias));
        }
        let columns = Pieces::rows(a.data, k, a.col_stride, m);
        let keep = !matches!(start, Start::Zero);
        return columns::product(columns, b, n, keep, (c.data, stride));
    }
    let left = match in_rows {
        true => Left::Rows(Pieces::rows(a.data, m, a.row_stride, k)),
        false => Left::Columns(a, m),
    };
    // A right factor that several tasks meet is packed once for all of them.
    let shared = m >= SHARED.0 && n.saturating_mul(k) <= SHARED.1;
    let panels = shared.then(|| Panels::new(b.data, &[0], k, n, [b.row_stride, b.col_stride]));
    let right = panels.as_ref().map_or(Right::Plain(b), Right::Packed);
    let to = Places {
        picture: stride,
        starts: &[0],
    };
    rows::product(left, right, (n, k), start, Finish::NONE, c.data, to);
}

/// `C = A B`, or `C += A B` with `accumulate`: `a [m, k]`, `b [k, n]`, `c [m, n]`.
///
/// # Panics
/// If a matrix exceeds its data, or neither the rows nor the columns of `a` lie in memory.
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
    product((m, n, k), a, b, start, c);
}

/// `C = A B + bias`: `a [m, k]`, `b [k, n]`, `bias [n]`, `c [m, n]`.
///
/// # Panics
/// As [`gemm`], or if the bias has not `n` elements.
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
    product((m, n, k), a, b, Start::Bias(bias), c);
}

/// Matrices of one form to read, each `apart` elements after the one before; 0 for a single one that stands for all.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a, E> {
    /// The first one, with the data of all.
    pub first: Mat<'a, E>,
    /// Distance from one to the next.
    pub apart: usize,
}

impl<'a, E> Batch<'a, E> {
    fn matrix(&self, index: usize) -> Mat<'a, E> {
        let start = (index * self.apart).min(self.first.data.len());
        Mat {
            data: &self.first.data[start..],
            ..self.first
        }
    }
}

/// `C_i = A_i B_i` for each of some pairs of matrices, or `C_i += A_i B_i` with `accumulate`: `a [m, k]`, `b [k, n]`,
/// `c [batch, m, n]`. The bits are those of [`gemm`].
///
/// # Panics
/// As [`gemm`], or if `c` is not a whole number of matrices.
pub fn gemm_batch<E: Float>(
    [m, n, k]: [usize; 3],
    a: Batch<'_, E>,
    b: Batch<'_, E>,
    accumulate: bool,
    c: &mut [E],
) {
    let size = m * n;
    if size == 0 {
        return;
    }
    assert!(
        c.len().is_multiple_of(size),
        "gemm: {} elements are not a number of [{m}, {n}]",
        c.len()
    );
    let one = |index: usize, c: &mut [E]| {
        let (a, b) = (a.matrix(index), b.matrix(index));
        gemm(m, n, k, a, b, accumulate, MatMut::new(c, n));
    };
    let batch = c.len() / size;
    if batch < 2 * threads() {
        let products = c.chunks_exact_mut(size).enumerate();
        return products.for_each(|(index, c)| one(index, c));
    }
    // Each thread has some of them as a whole.
    parallel_rows(c, size, rows_per_task(size * k), |first, c| {
        let products = (first..).zip(c.chunks_exact_mut(size));
        products.for_each(|(index, c)| one(index, c));
    });
}

/// A right factor in the order in which products read it, for many products.
pub struct PackedMat<E: Float>(Panels<E>);

impl<E: Float> PackedMat<E> {
    /// Packs `b [k, n]`.
    ///
    /// # Panics
    /// If the matrix exceeds its data.
    pub fn new(k: usize, n: usize, b: Mat<'_, E>) -> Self {
        assert!(b.holds(k, n), "PackedMat: [{k}, {n}] exceeds its data");
        PackedMat(Panels::new(
            b.data,
            &[0],
            k,
            n,
            [b.row_stride, b.col_stride],
        ))
    }
}

/// `C = A B + bias` with a packed right factor: rows of `a [m, k]` and of `c [m, n]` follow each other, `bias [n]`.
///
/// # Panics
/// If the shapes do not fit.
pub fn gemm_packed<E: Float>(a: &[E], b: &PackedMat<E>, bias: &[E], c: &mut [E]) {
    let (k, n) = b.0.shape();
    let m = c.len().checked_div(n).unwrap_or(0);
    assert!(
        a.len() == m * k && c.len() == m * n && bias.len() == n,
        "gemm: expected [{m}, {k}], a bias of {n} and [{m}, {n}], got {}, {} and {} elements",
        a.len(),
        bias.len(),
        c.len()
    );
    let to = Places {
        picture: n,
        starts: &[0],
    };
    rows_product(
        Pieces::rows(a, m, k, k),
        &b.0,
        Some(bias),
        Finish::NONE,
        c,
        to,
    );
}

/// `C = finish(A B + bias)`: `a [m, k]` in pieces, a packed `b [k, n]`, `bias [n]`, rows of `c` at their places.
///
/// # Panics
/// If the shapes do not fit, or rows of `c` overlap.
pub(crate) fn rows_product<E: Float>(
    a: Pieces<'_, E>,
    b: &Panels<E>,
    bias: Option<&[E]>,
    finish: Finish<'_, E>,
    c: &mut [E],
    to: Places<'_>,
) {
    let start = bias.map_or(Start::Zero, Start::Bias);
    rows::product(
        Left::Rows(a),
        Right::Packed(b),
        (b.n, b.k),
        start,
        finish,
        c,
        to,
    );
}

/// `C = A^T B`, or `C += A^T B` with `accumulate`: `a [k, m]` in pieces, `b [k, n]` with rows `b_stride` apart,
/// `c [m, n]` with rows `c_stride` apart.
///
/// # Panics
/// If the shapes do not fit.
pub(crate) fn columns_product<E: Float>(
    a: Pieces<'_, E>,
    (b, b_stride): (&[E], usize),
    n: usize,
    accumulate: bool,
    c: (&mut [E], usize),
) {
    columns::product(a, Mat::new(b, b_stride), n, accumulate, c);
}
