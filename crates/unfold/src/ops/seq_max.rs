//! The largest value over time, for each feature of each sequence.

use unfold_kernels::{self as kernels, Buffer};

use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Ragged, Shape, Tensor};

/// y_b = max over t of x_(t,b); the first of equal maxima gets the gradient.
struct SeqMax {
    sequences: Ragged,
    /// The row of x that each output came from, [B, C]; empty where no gradient may be wanted.
    rows: Buffer<u32>,
}

impl<E: Float> Op<E> for SeqMax {
    fn name(&self) -> &'static str {
        "seq_max"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        pooled(inputs[0], &self.sequences)
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        if inputs[0].tracked() {
            self.rows = Buffer::scratch(outputs[0].len());
        }
        let c = inputs[0].dim(1);
        kernels::seq_max(
            inputs[0].data(),
            c,
            &self.sequences,
            &mut outputs[0],
            &mut self.rows,
        );
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
            kernels::seq_max_backward(&self.rows, only(gradients).data(), x.dims()[1], dx);
        })]
    }
}

/// The shape `[B, C]` of ragged sequences `[N, C]` pooled over time.
pub(super) fn pooled(x: Shape, sequences: &Ragged) -> Result<Vec<Shape>, String> {
    let rows = sequences.rows();
    match *x.dims() {
        [n, c] if n == rows => Ok(vec![[sequences.batch(), c].into()]),
        _ => Err(format!(
            "expected input [{rows}, C] for {rows} steps in all, got {x}"
        )),
    }
}

impl<E: Float> Tensor<E> {
    /// The maximum over time of ragged sequences: `[N, C] -> [B, C]`. Of equal maxima the first
    /// gets the gradient.
    ///
    /// # Panics
    /// When this is not `[N, C]` with a row for every step.
    #[track_caller]
    pub fn seq_max(&self, sequences: &Ragged) -> Tensor<E> {
        let op = SeqMax {
            sequences: sequences.clone(),
            rows: Buffer::scratch(0),
        };
        apply_one(op, &[self])
    }
}
