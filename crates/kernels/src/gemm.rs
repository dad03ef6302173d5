//! Matrix products.
//!
//! A tile of rows and two vectors of columns stays in registers over a block of `KC` steps, while the right factor
//! comes from panels of the tile's columns (Goto and van de Geijn 2008). The left factor is never packed: rows are
//! read along, columns across, where they lie. Results do not depend on the number of threads: work is cut by shape
//! alone, and every element is summed in one order.

mod columns;
mod few;
mod panels;
mod pieces;
mod rows;

use std::ops::Range;

use self::columns::TALL;
pub(crate) use self::panels::Panels;
pub(crate) use self::pieces::{NOWHERE, Pieces, Places};
use crate::activation::Activation;
use crate::buffer::Buffer;
use crate::float::Float;
use crate::simd::Vector;
use crate::threads::parallel;
use crate::transpose::transpose;

/// Steps summed in registers before a tile is written: a panel of so many stays in the nearest cache.
const KC: usize = 256;
/// Products with fewer multiply-adds run on the calling thread.
const SMALL: usize = 1 << 16;
/// Tasks wanted for a large product, so that threads finish together.
const TASKS: usize = 12;
/// A right factor that at most so many rows meet is packed at its use: a few panels at a time, never as a whole.
const FEW_ROWS: usize = 96;

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
    /// Whether sums are written as they are.
    fn is_none(&self) -> bool {
        self.add.is_none() && self.activation == Activation::Identity
    }

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

/// Runs the tasks of a product of so many multiply-adds.
fn each(size: usize, tasks: usize, f: impl Fn(usize) + Sync) {
    if size < SMALL {
        (0..tasks).for_each(f);
    } else {
        parallel(tasks, f);
    }
}

/// `C = start + A B` with rows or columns of `a` in memory.
fn product<E: Float>(
    (m, n, k): (usize, usize, usize),
    a: Mat<'_, E>,
    b: Mat<'_, E>,
    start: Start<'_, E>,
    c: MatMut<'_, E>,
) {
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
        stride >= n && (m - 1) * stride + n <= len,
        "gemm: c [{m}, {n}] with rows {stride} apart exceeds its {len} elements"
    );
    if a.col_stride == 1 || k == 1 {
        if m <= few::ROWS && b.col_stride == 1 {
            return few::product((m, n, k), a, b, start, c);
        }
        let rows = Pieces::rows(a.data, m, a.row_stride, k);
        let to = Places {
            picture: stride,
            starts: &[0],
        };
        if m <= FEW_ROWS {
            return rows::product(rows, Right::Plain(b), n, start, Finish::NONE, c.data, to);
        }
        let b = Panels::new(b.data, &[0], k, n, [b.row_stride, b.col_stride]);
        return rows::product(rows, Right::Packed(&b), n, start, Finish::NONE, c.data, to);
    }
    assert!(
        a.row_stride == 1 || m == 1,
        "gemm: a's rows or its columns must lie in memory, got strides {} and {}",
        a.row_stride,
        a.col_stride
    );
    if m > TALL && n >= 2 * TALL {
        // Many rows: a block of B would be packed again for each few of them.
        let mut rows = Buffer::scratch(m * k);
        transpose(a.data, a.col_stride, k, &mut rows);
        return product((m, n, k), Mat::new(&rows, k), b, start, c);
    }
    if let Start::Bias(bias) = start {
        let rows = c.data.chunks_mut(stride).take(m);
        rows.for_each(|c| c[..n].copy_from_slice(bias));
    }
    let columns = Pieces::rows(a.data, k, a.col_stride, m);
    let keep = !matches!(start, Start::Zero);
    columns::product(columns, b, n, keep, (c.data, stride));
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
    rows::product(a, Right::Packed(b), b.n, start, finish, c, to);
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
