//! Group normalisation (Wu and He 2018): parts of the channels of each picture by their own mean and variance.

use unfold_kernels::{self as kernels, Buffer, GroupNorm};

use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Shape, Tensor};

/// y = gamma (x - mean) / sqrt(variance + eps) + beta.
struct GroupNormOp<E: Float> {
    groups: usize,
    eps: f64,
    /// The mean and 1 / sqrt(variance + eps) of each group of each picture, [B, 2, G].
    figures: Buffer<E>,
}

impl<E: Float> GroupNormOp<E> {
    fn sizes(&self, x: Shape) -> GroupNorm {
        GroupNorm {
            batch: x.dims()[0],
            channels: x.last(),
            groups: self.groups,
        }
    }
}

impl<E: Float> Op<E> for GroupNormOp<E> {
    fn name(&self) -> &'static str {
        "group_norm"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let (x, gamma, beta) = (inputs[0], inputs[1], inputs[2]);
        let (c, groups) = (x.last(), self.groups);
        if x.rank() < 2 || groups == 0 || c % groups != 0 {
            return Err(format!(
                "expected an input [B, .., C] of channels in {groups} equal groups, got {x}"
            ));
        }
        if gamma.dims() != [c] || beta.dims() != [c] {
            return Err(format!(
                "expected gamma [{c}] and beta [{c}] for input {x}, got {gamma} and {beta}"
            ));
        }
        Ok(vec![x])
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let sizes = self.sizes(inputs[0].shape());
        self.figures = Buffer::scratch(sizes.batch * 2 * sizes.groups);
        kernels::group_norm(
            inputs[0].data(),
            sizes,
            inputs[1].data(),
            inputs[2].data(),
            E::from_f64(self.eps),
            &mut outputs[0],
            &mut self.figures,
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
        let (x, c) = (saved.shapes[0], saved.shapes[0].last());
        let (mut dgamma, mut dbeta) = (Buffer::scratch(c), Buffer::scratch(c));
        let dx = gradient(Wanted::Tensor, x, |dx| {
            kernels::group_norm_backward(
                saved.input(0),
                self.sizes(x),
                saved.input(1),
                &self.figures,
                only(gradients).data(),
                dx,
                &mut dgamma,
                &mut dbeta,
            );
        });
        let figure = |d, i: usize| Some(Tensor::from_buffer(d, saved.shapes[i]));
        let all = [dx, figure(dgamma, 1), figure(dbeta, 2)];
        let all = all.into_iter().zip(wanted);
        all.map(|(d, &wanted)| d.filter(|_| wanted.is())).collect()
    }
}

impl<E: Float> Tensor<E> {
    /// gamma (x - mean) / sqrt(variance + eps) + beta, with mean and (biased) variance of each picture over all its pixels and each
    /// of `groups` equal parts of its channels: `[B, .., C] -> [B, .., C]` with gamma and beta `[C]`.
    ///
    /// # Panics
    /// When the groups do not divide the channels, or gamma or beta do not fit.
    #[track_caller]
    pub fn group_norm(
        &self,
        groups: usize,
        gamma: &Tensor<E>,
        beta: &Tensor<E>,
        eps: f64,
    ) -> Tensor<E> {
        let figures = Buffer::scratch(0);
        let op = GroupNormOp {
            groups,
            eps,
            figures,
        };
        apply_one(op, &[self, gamma, beta])
    }
}
