//! Dropout with one mask for all steps of a sequence.

use crate::nn::Pass;
use crate::{Float, Ragged, Tensor};

/// Locked, or variational, dropout (Gal and Ghahramani 2016; Merity et al. 2017): in training each
/// feature of each sequence becomes 0 at all of its steps with probability p, and is divided by
/// 1 - p otherwise; outside training nothing changes.
///
/// y_(t,b) = x_(t,b) ⊙ m_b
///
/// Shapes, with B sequences and C features: x and y `[sum(len), C]`, the mask m `[B, C]`.
///
/// ```
/// use unfold::nn::{LockedDropout, Params, Pass};
/// use unfold::{Ragged, Tensor, random::Key};
///
/// let params = Params::<f32>::new(1);
/// let x = Tensor::full([6, 100], 1.0); // two sequences of three steps
/// let dropout = LockedDropout::new(0.5);
/// let y = dropout.forward(&Pass::training(&params, Key::new(1)), &x, &Ragged::new(&[3, 3]));
/// let steps: Vec<_> = y.data().chunks(200).collect();
/// assert!(steps[0] == steps[1] && steps[1] == steps[2]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LockedDropout {
    probability: f64,
}

impl LockedDropout {
    /// Drops with this probability.
    ///
    /// # Panics
    /// Unless `probability` is in 0..1.
    #[track_caller]
    pub fn new(probability: f64) -> LockedDropout {
        assert!(
            (0.0..1.0).contains(&probability),
            "locked_dropout: expected a probability of at least 0 and below 1, got {probability}"
        );
        LockedDropout { probability }
    }

    /// `[sum(len), C]` to the same shape.
    ///
    /// # Panics
    /// When `x` has not a row for every step.
    #[track_caller]
    pub fn forward<E: Float>(
        &self,
        pass: &Pass<E>,
        x: &Tensor<E>,
        sequences: &Ragged,
    ) -> Tensor<E> {
        if self.probability == 0.0 {
            return x.clone();
        }
        match pass.key() {
            Some(key) => x.locked_dropout(self.probability, key, sequences),
            None => x.clone(),
        }
    }
}
