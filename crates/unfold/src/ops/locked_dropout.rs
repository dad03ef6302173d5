//! Dropout with one mask for all steps of a sequence (Gal and Ghahramani 2016).

use unfold_kernels::{self as kernels, BinaryOp, Buffer};

use super::dropout::draw_mask;
use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::random::Key;
use crate::{Float, Ragged, Shape, Tensor};

/// y_(t,b) = x_(t,b) m_b with m = 0 with probability p, else 1 / (1 - p).
struct LockedDropout<E: Float> {
    p: f64,
    key: Key,
    sequences: Ragged,
    /// [B, C]
    mask: Buffer<E>,
}

impl<E: Float> LockedDropout<E> {
    /// Multiplies the rows of `x` by their sequences' rows of the mask.
    fn multiply(&self, x: &[E], y: &mut [E]) {
        let sequences = &self.sequences;
        let c = self.mask.len() / sequences.batch().max(1);
        let mut t = 0;
        while t < sequences.steps() {
            let alive = sequences.alive(t);
            // Until the shortest of them ends, steps are the rows of a matrix [steps, alive C].
            let end = sequences.lengths()[alive - 1];
            let rows = sequences.offset(t) * c..sequences.offset(end) * c;
            let mask = &self.mask[..alive * c];
            kernels::binary_rows(BinaryOp::Mul, &x[rows.clone()], mask, &mut y[rows]);
            t = end;
        }
    }
}

impl<E: Float> Op<E> for LockedDropout<E> {
    fn name(&self) -> &'static str {
        "locked_dropout"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let (x, rows) = (inputs[0], self.sequences.rows());
        if !(0.0..=1.0).contains(&self.p) {
            return Err(format!("expected a probability in 0..=1, got {}", self.p));
        }
        match *x.dims() {
            [n, _] if n == rows => Ok(vec![x]),
            _ => Err(format!(
                "expected input [{rows}, C] for {rows} steps, got {x}"
            )),
        }
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        self.mask = Buffer::scratch(self.sequences.batch() * inputs[0].dim(1));
        draw_mask(self.p, self.key, &mut self.mask);
        self.multiply(inputs[0].data(), &mut outputs[0]);
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
        vec![gradient(wanted[0], saved.shapes[0], |dx| {
            self.multiply(only(gradients).data(), dx);
        })]
    }
}

impl<E: Float> Tensor<E> {
    /// [`Tensor::dropout`] of ragged sequences `[N, C]` with one mask `[B, C]` for all steps: a feature
    /// that is dropped at one step of a sequence is dropped at all of them.
    ///
    /// # Panics
    /// When `p` is not in 0..=1, or this is not `[N, C]` with a row for every step.
    #[track_caller]
    pub fn locked_dropout(&self, p: f64, key: Key, sequences: &Ragged) -> Tensor<E> {
        let op = LockedDropout {
            p,
            key,
            sequences: sequences.clone(),
            mask: Buffer::scratch(0),
        };
        apply_one(op, &[self])
    }
}
