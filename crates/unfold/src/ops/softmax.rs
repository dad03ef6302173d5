//! Softmax and its logarithm along the last axis.

use unfold_kernels::{self as kernels, Buffer};

use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Shape, Tensor};

/// y_i = e^x_i / sum_j e^x_j, or its logarithm.
struct Softmax {
    log: bool,
}

impl<E: Float> Op<E> for Softmax {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax" } else { "softmax" }
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        if inputs[0].rank() == 0 {
            return Err("expected at least one axis, got a scalar".into());
        }
        Ok(vec![inputs[0]])
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let c = inputs[0].shape().last();
        let kernel = if self.log {
            kernels::log_softmax
        } else {
            kernels::softmax
        };
        kernel(inputs[0].data(), c, &mut outputs[0]);
    }

    fn reads(&self) -> Reads {
        Reads::Outputs
    }

    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let shape = saved.shapes[0];
        let kernel = if self.log {
            kernels::log_softmax_backward
        } else {
            kernels::softmax_backward
        };
        vec![gradient(wanted[0], shape, |dx| {
            let dy = only(gradients).data();
            kernel(saved.output(0), dy, shape.last(), dx);
        })]
    }
}

impl<E: Float> Tensor<E> {
    /// e^x_i / sum_j e^x_j along the last axis.
    ///
    /// # Panics
    /// For a scalar.
    #[track_caller]
    pub fn softmax(&self) -> Tensor<E> {
        apply_one(Softmax { log: false }, &[self])
    }

    /// The logarithm of [`Tensor::softmax`], without its overflow.
    ///
    /// # Panics
    /// For a scalar.
    #[track_caller]
    pub fn log_softmax(&self) -> Tensor<E> {
        apply_one(Softmax { log: true }, &[self])
    }
}
