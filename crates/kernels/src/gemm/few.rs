//! Products of very few rows with a matrix that is read once: as fast as memory gives it.

use super::{Mat, MatMut, Start, each};
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
        for i in 0..m {
            // SAFETY: each task has its own columns of C.
            let c = unsafe { c.part(i * stride + cols.start, cols.len()) };
            match start {
                Start::Zero => c.fill(E::ZERO),
                Start::Bias(bias) => c.copy_from_slice(&bias[cols.clone()]),
                Start::Keep => {}
            }
        }
        for p in (0..k).step_by(STEPS) {
            for i in 0..m {
                // SAFETY: as above.
                let c = unsafe { c.part(i * stride + cols.start, cols.len()) };
                let steps = STEPS.min(k - p);
                let from = p * b.row_stride + cols.start;
                E::dispatch(Some {
                    a: &a.data[i * a.row_stride + p..][..steps],
                    b: &b.data[from..from + (steps - 1) * b.row_stride + cols.len()],
                    stride: b.row_stride,
                    c,
                });
            }
        }
    });
}

/// Some steps of one row.
struct Some<'a, E> {
    a: &'a [E],
    b: &'a [E],
    stride: usize,
    c: &'a mut [E],
}

impl<E: Float> Kernel<E> for Some<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let Some { a, b, stride, c } = self;
        let n = c.len();
        if let Ok(a) = <[E; STEPS]>::try_from(a) {
            let rows: [&[E]; STEPS] = std::array::from_fn(|p| &b[p * stride..][..n]);
            for at in places::<V>(n) {
                let mut sum = V::read(&c[at.clone()]);
                for (a, row) in a.iter().zip(&rows) {
                    sum = V::splat(*a).mul_add(V::read(&row[at.clone()]), sum);
                }
                sum.write(&mut c[at]);
            }
            return;
        }
        for (p, a) in a.iter().enumerate() {
            let row = &b[p * stride..][..n];
            for at in places::<V>(n) {
                let sum = V::splat(*a).mul_add(V::read(&row[at.clone()]), V::read(&c[at.clone()]));
                sum.write(&mut c[at]);
            }
        }
    }
}
