//! The loss of independent yes/no questions.

use unfold_kernels::{self as kernels, Buffer, UnaryOp};

use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Shape, Tensor};

/// The mean of -(t log s(x) + (1 - t) log(1 - s(x))) with s the sigmoid.
struct BinaryCrossEntropy;

impl<E: Float> Op<E> for BinaryCrossEntropy {
    fn name(&self) -> &'static str {
        "binary_cross_entropy"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        if inputs[0] != inputs[1] {
            let (x, t) = (inputs[0], inputs[1]);
            return Err(format!("expected targets {x} for logits {x}, got {t}"));
        }
        Ok(vec![[].into()])
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let (x, t) = (inputs[0].data(), inputs[1].data());
        let mut losses = Buffer::scratch(x.len());
        for ((loss, &x), &t) in losses.iter_mut().zip(x).zip(t) {
            // max(x, 0) - x t + log(1 + e^-|x|): the same value without overflow.
            *loss = x.max(E::ZERO) - x * t + (E::ONE + (-x.abs()).exp()).ln();
        }
        outputs[0][0] = kernels::sum(&losses) / E::from_usize(x.len().max(1));
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
        let (x, t) = (saved.input(0), saved.input(1));
        let scale = only(gradients).item() / E::from_usize(x.len().max(1));
        vec![
            // (s(x) - t) / n
            gradient(wanted[0], saved.shapes[0], |dx| {
                kernels::unary(UnaryOp::Sigmoid, x, dx);
                for (dx, &t) in dx.iter_mut().zip(t) {
                    *dx = scale * (*dx - t);
                }
            }),
            gradient(wanted[1], saved.shapes[1], |dt| {
                kernels::affine(x, -scale, E::ZERO, dt);
            }),
        ]
    }
}

impl<E: Float> Tensor<E> {
    /// The mean binary cross-entropy of logits against targets in 0..=1 of the same shape.
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn binary_cross_entropy(&self, targets: &Tensor<E>) -> Tensor<E> {
        apply_one(BinaryCrossEntropy, &[self, targets])
    }
}
