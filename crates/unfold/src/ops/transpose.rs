//! The transpose of a matrix.

use unfold_kernels::{self as kernels, Buffer};

use super::{Op, Reads, Saved, Wanted, apply_one, only};
use crate::{Float, Shape, Tensor};

/// Y = X^T.
struct Transpose;

impl<E: Float> Op<E> for Transpose {
    fn name(&self) -> &'static str {
        "transpose"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        match *inputs[0].dims() {
            [m, n] => Ok(vec![[n, m].into()]),
            _ => Err(format!("expected a matrix [M, N], got {}", inputs[0])),
        }
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let (m, n) = (inputs[0].dim(0), inputs[0].dim(1));
        kernels::transpose(inputs[0].data(), n, m, &mut outputs[0]);
    }

    fn reads(&self) -> Reads {
        Reads::Nothing
    }

    fn backward(
        &self,
        _: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        vec![wanted[0].then(|| only(gradients).transpose())]
    }
}

impl<E: Float> Tensor<E> {
    /// The transpose `[M, N] -> [N, M]`.
    ///
    /// # Panics
    /// When this is not a matrix.
    #[track_caller]
    pub fn transpose(&self) -> Tensor<E> {
        apply_one(Transpose, &[self])
    }
}
