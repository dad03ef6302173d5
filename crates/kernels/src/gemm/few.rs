//! Products of very few rows with a matrix that is read once: as fast as memory gives it.

use std::ops::Range;

use super::{Mat, MatMut, Start, blocks, each};
use crate::buffer::Buffer;
use crate::float::Float;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector, places};

/// Most rows.
pub(super) const ROWS: usize = 3;
/// Rows of `B` read side by side.
const STEPS: usize = 8;
/// Parts that the columns are cut into, of a whole number of cache lines.
const PARTS: usize = 4;

/// `C = start + A B`, all fitting: `a [m, k]` with rows in memory, as `b [k, n]`, with `m` at most [`ROWS`].
pub(super) fn product<E: Float>(
    (m, n, k): (usize, usize, usize),
    a: Mat<'_, E>,
    b: Mat<'_, E>,
    start: Start<'_, E>,
    c: MatMut<'_, E>,
) {
    let stride = c.row_stride;
    let c = Shared::new(c.data);
    let cols = n.div_ceil(PARTS).next_multiple_of(64);
    each(m * n * k, n.div_ceil(cols), |task| {
        let cols = task * cols..n.min((task + 1) * cols);
        let mut sums = Buffer::<E>::scratch(m * cols.len());
        // In blocks, to have the bits of any other product.
        for block in blocks(k) {
            let p0 = block.start;
            sums.fill(E::ZERO);
            if !block.is_empty() {
                E::dispatch(Some {
                    a: a.data,
                    a_stride: a.row_stride,
                    b: &b.data[cols.start..],
                    b_stride: b.row_stride,
                    cols: cols.len(),
                    steps: block,
                    sums: &mut sums,
                });
            }
            for (i, sums) in sums.chunks_exact(cols.len()).enumerate() {
                // SAFETY: each task has its own columns of C.
                let c = unsafe { c.part(i * stride + cols.start, cols.len()) };
                match start {
                    Start::Zero if p0 == 0 => c.copy_from_slice(sums),
                    Start::Bias(bias) if p0 == 0 => {
                        let bias = &bias[cols.clone()];
                        let sums = sums.iter().zip(bias);
                        c.iter_mut()
                            .zip(sums)
                            .for_each(|(c, (sum, bias))| *c = *sum + *bias);
                    }
                    _ => c.iter_mut().zip(sums).for_each(|(c, sum)| *c = *sum + *c),
                }
            }
        }
    });
}

/// Some steps of some columns of all rows.
struct Some<'a, E> {
    a: &'a [E],
    a_stride: usize,
    /// From the first column on.
    b: &'a [E],
    b_stride: usize,
    cols: usize,
    steps: Range<usize>,
    /// Row after row.
    sums: &'a mut [E],
}

impl<E: Float> Kernel<E> for Some<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let n = self.cols;
        for p in self.steps.clone().step_by(STEPS) {
            let steps = STEPS.min(self.steps.end - p);
            for (i, sums) in self.sums.chunks_exact_mut(n).enumerate() {
                let a = &self.a[i * self.a_stride + p..][..steps];
                let row = |step: usize| &self.b[(p + step) * self.b_stride..][..n];
                if let Ok(a) = <[E; STEPS]>::try_from(a) {
                    let rows: [&[E]; STEPS] = std::array::from_fn(row);
                    for at in places::<V>(n) {
                        let mut sum = V::read(&sums[at.clone()]);
                        for (a, row) in a.iter().zip(&rows) {
                            sum = V::splat(*a).mul_add(V::read(&row[at.clone()]), sum);
                        }
                        sum.write(&mut sums[at]);
                    }
                    continue;
                }
                for (step, a) in a.iter().enumerate() {
                    let row = row(step);
                    for at in places::<V>(n) {
                        let sum = V::read(&sums[at.clone()]);
                        let product = V::splat(*a).mul_add(V::read(&row[at.clone()]), sum);
                        product.write(&mut sums[at]);
                    }
                }
            }
        }
    }
}
