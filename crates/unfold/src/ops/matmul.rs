//! The product of two matrices, or of the matrices of two batches.

use unfold_kernels::{self as kernels, Batch, Buffer, Mat};

use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Shape, Tensor};

/// Y = A B.
struct Matmul;

/// `[M, K, N]` of a product, given the factors' shapes.
fn sizes(a: Shape, b: Shape) -> [usize; 3] {
    let (a, b) = (a.dims(), b.dims());
    [a[a.len() - 2], a[a.len() - 1], b[b.len() - 1]]
}

/// The matrices of a batch, `[rows, cols]` each in memory, as they are or transposed.
fn matrices<E>(data: &[E], [rows, cols]: [usize; 2], transposed: bool) -> Batch<'_, E> {
    let first = if transposed {
        Mat::t(data, cols)
    } else {
        Mat::new(data, cols)
    };
    Batch {
        first,
        apart: rows * cols,
    }
}

impl<E: Float> Op<E> for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        match (inputs[0].dims(), inputs[1].dims()) {
            (&[m, k], &[l, n]) if k == l => Ok(vec![[m, n].into()]),
            (&[b, m, k], &[c, l, n]) if (b, k) == (c, l) => Ok(vec![[b, m, n].into()]),
            _ => Err(format!(
                "expected matrices [M, K] and [K, N], or as many of each, got {} and {}",
                inputs[0], inputs[1]
            )),
        }
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let [m, k, n] = sizes(inputs[0].shape(), inputs[1].shape());
        let a = matrices(inputs[0].data(), [m, k], false);
        let b = matrices(inputs[1].data(), [k, n], false);
        kernels::gemm_batch([m, n, k], a, b, false, &mut outputs[0]);
    }

    fn reads(&self) -> Reads {
        Reads::Inputs
    }

    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let (a, b) = (saved.shapes[0], saved.shapes[1]);
        let [m, k, n] = sizes(a, b);
        let dy = matrices(only(gradients).data(), [m, n], false);
        vec![
            // dA = dY B^T
            gradient(wanted[0], a, |da| {
                let bt = matrices(saved.input(1), [k, n], true);
                kernels::gemm_batch([m, k, n], dy, bt, false, da);
            }),
            // dB = A^T dY
            gradient(wanted[1], b, |db| {
                let at = matrices(saved.input(0), [m, k], true);
                kernels::gemm_batch([k, n, m], at, dy, false, db);
            }),
        ]
    }
}

impl<E: Float> Tensor<E> {
    /// The matrix product `[M, K] x [K, N] -> [M, N]`, or of each pair of two batches: `[B, M, K] x [B, K, N] -> [B, M, N]`.
    ///
    /// # Panics
    /// When the shapes are not of that form.
    #[track_caller]
    pub fn matmul(&self, b: &Tensor<E>) -> Tensor<E> {
        apply_one(Matmul, &[self, b])
    }
}
