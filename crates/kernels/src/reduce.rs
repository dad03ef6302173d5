//! Sums. The order of additions depends on shape alone.

use crate::buffer::Buffer;
use crate::float::Float;
use crate::simd::{Kernel, Vector};
use crate::threads::{parallel_rows, rows_per_task};

/// Elements summed together before partial sums are added up.
const CHUNK: usize = 4096;

struct Sum<'a, E>(&'a [E]);

impl<E: Float> Kernel<E> for Sum<'_, E> {
    type Out = E;
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) -> E {
        // Four sums at once: one alone would wait for itself.
        let mut sums = [V::splat(E::ZERO); 4];
        for block in self.0.chunks(4 * V::LANES) {
            for (sum, x) in sums.iter_mut().zip(block.chunks(V::LANES)) {
                *sum = sum.add(V::read(x));
            }
        }
        sums[0].add(sums[1]).add(sums[2].add(sums[3])).reduce_sum()
    }
}

/// The sum of all elements.
pub fn sum<E: Float>(x: &[E]) -> E {
    let mut partial = Buffer::<E>::scratch(x.len().div_ceil(CHUNK));
    parallel_rows(&mut partial, 1, 8, |first, partial| {
        for (i, sum) in partial.iter_mut().enumerate() {
            let start = (first + i) * CHUNK;
            *sum = E::dispatch(Sum(&x[start..x.len().min(start + CHUNK)]));
        }
    });
    partial.iter().fold(E::ZERO, |sum, &x| sum + x)
}

/// The sum of the squares of all elements, added up in `f64`.
pub fn sum_sq<E: Float>(x: &[E]) -> f64 {
    let mut partial = Buffer::<f64>::scratch(x.len().div_ceil(CHUNK));
    parallel_rows(&mut partial, 1, 8, |first, partial| {
        for (i, sum) in partial.iter_mut().enumerate() {
            let start = (first + i) * CHUNK;
            *sum = E::dispatch(SumSquares(&x[start..x.len().min(start + CHUNK)]));
        }
    });
    partial.iter().sum()
}

pub(crate) struct SumSquares<'a, E>(pub(crate) &'a [E]);

impl<E: Float> Kernel<E> for SumSquares<'_, E> {
    type Out = f64;
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) -> f64 {
        // Eight fixed lanes of f64, whatever the vector.
        let mut sums = [0.0; 8];
        for block in self.0.chunks(8) {
            for (sum, x) in sums.iter_mut().zip(block) {
                let x = x.to_f64();
                *sum += x * x;
            }
        }
        sums.iter().sum()
    }
}

struct ColumnSums<'a, E> {
    x: &'a [E],
    c: usize,
    first: usize,
    out: &'a mut [E],
}

impl<E: Float> Kernel<E> for ColumnSums<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        for row in self.x.chunks_exact(self.c) {
            let row = &row[self.first..][..self.out.len()];
            for (out, x) in self.out.chunks_mut(V::LANES).zip(row.chunks(V::LANES)) {
                V::read(out).add(V::read(x)).write(out);
            }
        }
    }
}

/// The sums of the columns of `x [R, C]`, in `out [C]`; added to it with `accumulate`.
///
/// # Panics
/// If `x` is not a whole number of rows.
pub fn column_sums<E: Float>(x: &[E], out: &mut [E], accumulate: bool) {
    let c = out.len();
    assert!(
        x.len().is_multiple_of(c.max(1)),
        "column_sums: expected [R, {c}], got {} elements",
        x.len()
    );
    if !accumulate {
        out.fill(E::ZERO);
    }
    let columns = rows_per_task(x.len() / c.max(1)).next_multiple_of(64);
    parallel_rows(out, 1, columns, |first, out| {
        E::dispatch(ColumnSums { x, c, first, out });
    });
}

/// The sums of the rows of `x [R, C]`, in `out [R]`.
///
/// # Panics
/// If `x` has not that shape.
pub fn row_sums<E: Float>(x: &[E], c: usize, out: &mut [E]) {
    assert_eq!(x.len(), out.len() * c, "row_sums: x is [R, {c}]");
    parallel_rows(out, 1, rows_per_task(c), |first, out| {
        for (r, out) in out.iter_mut().enumerate() {
            *out = E::dispatch(Sum(&x[(first + r) * c..][..c]));
        }
    });
}
