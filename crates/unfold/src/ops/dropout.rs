//! Dropout (Srivastava et al. 2014), in its inverted form.

use unfold_kernels::{self as kernels, BinaryOp, Buffer};

use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::random::Key;
use crate::{Float, Shape, Tensor};

/// y = x m with m = 0 with probability p, else 1 / (1 - p).
struct Dropout<E: Float> {
    p: f64,
    key: Key,
    mask: Buffer<E>,
}

impl<E: Float> Op<E> for Dropout<E> {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        if !(0.0..=1.0).contains(&self.p) {
            return Err(format!("expected a probability in 0..=1, got {}", self.p));
        }
        Ok(vec![inputs[0]])
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let x = inputs[0].data();
        self.mask = Buffer::scratch(x.len());
        draw_mask(self.p, self.key, &mut self.mask);
        kernels::binary(BinaryOp::Mul, x, &self.mask, &mut outputs[0]);
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
            kernels::binary(BinaryOp::Mul, only(gradients).data(), &self.mask, dx);
        })]
    }
}

/// Fills `mask` with 0 with probability p, else 1 / (1 - p).
pub(super) fn draw_mask<E: Float>(p: f64, key: Key, mask: &mut [E]) {
    let keep = E::from_f64(if p < 1.0 { 1.0 / (1.0 - p) } else { 0.0 });
    // One random word an element; an element drops where its word is below p 2^32.
    let limit = (p * f64::from(u32::MAX)) as u32;
    const BLOCK: usize = 4096;
    kernels::parallel_rows(mask, 1, BLOCK, |first, mask| {
        for (i, four) in mask.chunks_mut(4).enumerate() {
            let words = key.block((first / 4 + i) as u64);
            for (m, word) in four.iter_mut().zip(words) {
                *m = if word < limit || p >= 1.0 {
                    E::ZERO
                } else {
                    keep
                };
            }
        }
    });
}

impl<E: Float> Tensor<E> {
    /// Sets each element to zero with probability `p` and scales the others by 1 / (1 - p), so
    /// that the expectation stays. The same key drops the same elements.
    ///
    /// # Panics
    /// When `p` is not in 0..=1.
    #[track_caller]
    pub fn dropout(&self, p: f64, key: Key) -> Tensor<E> {
        let mask = Buffer::scratch(0);
        apply_one(Dropout { p, key, mask }, &[self])
    }
}
