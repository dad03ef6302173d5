//! The mean over time, for each feature of each sequence.

use unfold_kernels::{self as kernels, Buffer};

use super::seq_max::pooled;
use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Ragged, Shape, Tensor};

/// y_b = the mean over t of x_(t,b).
struct SeqMean {
    sequences: Ragged,
}

impl<E: Float> Op<E> for SeqMean {
    fn name(&self) -> &'static str {
        "seq_mean"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        pooled(inputs[0], &self.sequences)
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let c = inputs[0].dim(1);
        kernels::seq_mean(inputs[0].data(), c, &self.sequences, &mut outputs[0]);
    }

    fn reads(&self) -> Reads {
        Reads::Nothing
    }

    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let x = saved.shapes[0];
        vec![gradient(wanted[0], x, |dx| {
            kernels::seq_mean_backward(only(gradients).data(), x.dims()[1], &self.sequences, dx);
        })]
    }
}

impl<E: Float> Tensor<E> {
    /// The mean over time of ragged sequences: `[N, C] -> [B, C]`.
    ///
    /// # Panics
    /// When this is not `[N, C]` with a row for every step.
    #[track_caller]
    pub fn seq_mean(&self, sequences: &Ragged) -> Tensor<E> {
        let sequences = sequences.clone();
        apply_one(SeqMean { sequences }, &[self])
    }
}
