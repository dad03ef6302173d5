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
/// Parts that the product is cut into, by blocks of steps and by columns, of which each part has whole cache lines.
const PARTS: usize = 4;

/// `C = start + A B`, all fitting: `a [m, k]` with rows in memory, as `b [k, n]`, with `m` at most [`ROWS`].
pub(super) fn product<E: Float>(
    (m, n, k): (usize, usize, usize),
    a: Mat<'_, E>,
    b: Mat<'_, E>,
    start: Start<'_, E>,
    c: MatMut<'_, E>,
) {
    let count = blocks(k).count();
    let cols = n.div_ceil(PARTS.div_ceil(count)).next_multiple_of(64);
    let across = n.div_ceil(cols);
    // Each block by itself, to have the bits of any other product.
    let mut sums = Buffer::<E>::zeros(count * m * n);
    let to = Shared::new(&mut sums);
    each(m * n * k, count * across, |task| {
        let (index, first) = (task / across, task % across * cols);
        let steps = blocks(k).nth(index).expect("a block of steps");
        if steps.is_empty() {
            return;
        }
        E::dispatch(Some {
            a: a.data,
            a_stride: a.row_stride,
            b: &b.data[first..],
            b_stride: b.row_stride,
            cols: cols.min(n - first),
            steps,
            sums: &to,
            rows: m,
            first: index * m * n + first,
            apart: n,
        });
    });
    let rows = c.data.chunks_mut(c.row_stride).take(m);
    for (i, c) in rows.enumerate() {
        let c = &mut c[..n];
        for index in 0..count {
            let sums = &sums[(index * m + i) * n..][..n];
            match start {
                Start::Zero if index == 0 => c.copy_from_slice(sums),
                Start::Bias(bias) if index == 0 => {
                    let sums = sums.iter().zip(bias);
                    c.iter_mut()
                        .zip(sums)
                        .for_each(|(c, (sum, bias))| *c = *sum + *bias);
                }
                _ => c.iter_mut().zip(sums).for_each(|(c, sum)| *c = *sum + *c),
            }
        }
    }
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
    /// Of some rows, the first of which begins at `first`, each `apart` elements after the one before.
    sums: &'a Shared<'a, E>,
    rows: usize,
    first: usize,
    apart: usize,
}

impl<E: Float> Kernel<E> for Some<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let n = self.cols;
        for p in self.steps.clone().step_by(STEPS) {
            let steps = STEPS.min(self.steps.end - p);
            for i in 0..self.rows {
                // SAFETY: each task has its own blocks and columns.
                let sums = unsafe { self.sums.part(self.first + i * self.apart, n) };
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
