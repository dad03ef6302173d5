//! The transpose of a matrix.

use crate::float::Float;
use crate::threads::{parallel_rows, rows_per_task};

/// Rows and columns of a square of elements whose cache lines stay near.
const SQUARE: usize = 16;

/// `y [C, R]` is the transpose of `x`, whose `R` rows of `C` elements begin `stride` elements apart.
///
/// # Panics
/// If the rows exceed `x`, or `y` has no whole number of rows of `R` elements.
pub fn transpose<E: Float>(x: &[E], stride: usize, rows: usize, y: &mut [E]) {
    let cols = y.len().checked_div(rows).unwrap_or(0);
    let holds = y.is_empty() || (stride >= cols && (rows - 1) * stride + cols <= x.len());
    assert!(
        holds && y.len() == rows * cols,
        "transpose: [{rows}, {cols}] with rows {stride} apart in {} elements, into {}",
        x.len(),
        y.len()
    );
    let some = rows_per_task(rows).next_multiple_of(SQUARE);
    parallel_rows(y, rows, some, |first, y| {
        for (block, y) in y.chunks_mut(SQUARE * rows).enumerate() {
            let j = first + block * SQUARE;
            for i in (0..rows).step_by(SQUARE) {
                for (j, y) in (j..).zip(y.chunks_exact_mut(rows)) {
                    let to = y[i..].iter_mut().take(SQUARE).enumerate();
                    to.for_each(|(r, to)| *to = x[(i + r) * stride + j]);
                }
            }
        }
    });
}
