//! The product of two matrices.

use unfold_kernels::{self as kernels, Buffer, Mat, MatMut};

use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Shape, Tensor};

/// Y = A B.
struct Matmul;

impl<E: Float> Op<E> for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        match (inputs[0].dims(), inputs[1].dims()) {
            (&[m, k], &[l, n]) if k == l => Ok(vec![[m, n].into()]),
            _ => Err(format!(
                "expected matrices [M, K] and [K, N], got {} and {}",
                inputs[0], inputs[1]
            )),
        }
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let (m, k, n) = (inputs[0].dim(0), inputs[0].dim(1), inputs[1].dim(1));
        let (a, b) = (Mat::new(inputs[0].data(), k), Mat::new(inputs[1].data(), n));
        kernels::gemm(m, n, k, a, b, false, MatMut::new(&mut outputs[0], n));
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
        let (m, k, n) = (a.dims()[0], a.dims()[1], b.dims()[1]);
        let dy = Mat::new(only(gradients).data(), n);
        vec![
            // dA = dY B^T
            gradient(wanted[0], a, |da| {
                let bt = Mat::t(saved.input(1), n);
                kernels::gemm(m, k, n, dy, bt, false, MatMut::new(da, k));
            }),
            // dB = A^T dY
            gradient(wanted[1], b, |db| {
                let at = Mat::t(saved.input(0), k);
                kernels::gemm(k, n, m, at, dy, false, MatMut::new(db, n));
            }),
        ]
    }
}

impl<E: Float> Tensor<E> {
    /// The matrix product `[M, K] x [K, N] -> [M, N]`.
    ///
    /// # Panics
    /// When the shapes are not of that form.
    #[track_caller]
    pub fn matmul(&self, b: &Tensor<E>) -> Tensor<E> {
        apply_one(Matmul, &[self, b])
    }
}
