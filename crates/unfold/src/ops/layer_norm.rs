//! Layer normalisation (Ba, Kiros, Hinton 2016) over the last axis.

use unfold_kernels::{self as kernels, Buffer};

use super::{Op, Reads, Saved, Wanted, apply_one, only};
use crate::{Float, Shape, Tensor};

/// y = gamma (x - mean) / sqrt(variance + eps) + beta.
struct LayerNorm<E: Float> {
    eps: f64,
    mean: Buffer<E>,
    /// 1 / sqrt(variance + eps) of each row.
    rstd: Buffer<E>,
}

impl<E: Float> Op<E> for LayerNorm<E> {
    fn name(&self) -> &'static str {
        "layer_norm"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let (x, c) = (inputs[0], inputs[0].last());
        if x.rank() == 0 || inputs[1].dims() != [c] || inputs[2].dims() != [c] {
            let (gamma, beta) = (inputs[1], inputs[2]);
            return Err(format!(
                "expected gamma [{c}] and beta [{c}] for input {x}, got {gamma} and {beta}"
            ));
        }
        Ok(vec![x])
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let (x, c) = (inputs[0].data(), inputs[1].len());
        self.mean = Buffer::scratch(x.len() / c.max(1));
        self.rstd = Buffer::scratch(x.len() / c.max(1));
        kernels::layer_norm(
            x,
            inputs[1].data(),
            inputs[2].data(),
            E::from_f64(self.eps),
            &mut outputs[0],
            &mut self.mean,
            &mut self.rstd,
        );
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
        let mut dx = Buffer::scratch(saved.shapes[0].len());
        let mut dgamma = Buffer::scratch(saved.shapes[1].len());
        let mut dbeta = Buffer::scratch(saved.shapes[2].len());
        kernels::layer_norm_backward(
            saved.input(0),
            saved.input(1),
            &self.mean,
            &self.rstd,
            only(gradients).data(),
            &mut dx,
            &mut dgamma,
            &mut dbeta,
        );
        [dx, dgamma, dbeta]
            .into_iter()
            .zip(&saved.shapes)
            .zip(wanted)
            .map(|((d, shape), &wanted)| wanted.then(|| Tensor::from_buffer(d, *shape)))
            .collect()
    }
}

impl<E: Float> Tensor<E> {
    /// gamma (x - mean) / sqrt(variance + eps) + beta, with mean and (biased) variance over the
    /// last axis: `[.., C] -> [.., C]` with gamma and beta `[C]`.
    ///
    /// # Panics
    /// When gamma or beta do not fit.
    #[track_caller]
    pub fn layer_norm(&self, gamma: &Tensor<E>, beta: &Tensor<E>, eps: f64) -> Tensor<E> {
        let op = LayerNorm {
            eps,
            mean: Buffer::scratch(0),
            rstd: Buffer::scratch(0),
        };
        apply_one(op, &[self, gamma, beta])
    }
}
