//! The squared distance to a target.

use crate::{Float, Tensor};

impl<E: Float> Tensor<E> {
    /// The sum over all elements of (y - t)^2: over a sequence, the error summed over time.
    /// Composed of [`Tensor::sub`], [`Tensor::square`] and [`Tensor::sum`].
    ///
    /// # Panics
    /// When the shapes differ.
    #[track_caller]
    pub fn squared_error(&self, targets: &Tensor<E>) -> Tensor<E> {
        assert!(
            self.shape() == targets.shape(),
            "squared_error: expected targets {} for input {}, got {}",
            self.shape(),
            self.shape(),
            targets.shape()
        );
        self.sub(targets).square().sum()
    }
}
