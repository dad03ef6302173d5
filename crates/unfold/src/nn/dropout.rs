//! Dropout.

use crate::nn::Pass;
use crate::{Float, Tensor};

/// Dropout (Srivastava et al. 2014): in training each value becomes 0 with probability p and is
/// divided by 1 - p otherwise; outside training nothing changes.
///
/// ```
/// use unfold::nn::{Dropout, Params, Pass};
/// use unfold::{Tensor, random::Key};
///
/// let params = Params::<f32>::new(1);
/// let x = Tensor::full([1000], 1.0);
/// let dropout = Dropout::new(0.5);
/// assert_eq!(dropout.forward(&Pass::evaluation(&params), &x).data(), x.data());
/// let y = dropout.forward(&Pass::training(&params, Key::new(1)), &x);
/// assert!(y.data().iter().all(|&y| y == 0.0 || y == 2.0));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    probability: f64,
}

impl Dropout {
    /// Drops with this probability.
    ///
    /// # Panics
    /// Unless `probability` is in 0..1.
    #[track_caller]
    pub fn new(probability: f64) -> Dropout {
        assert!(
            (0.0..1.0).contains(&probability),
            "dropout: expected a probability of at least 0 and below 1, got {probability}"
        );
        Dropout { probability }
    }

    /// Any shape to the same shape.
    pub fn forward<E: Float>(&self, pass: &Pass<E>, x: &Tensor<E>) -> Tensor<E> {
        if self.probability == 0.0 {
            return x.clone();
        }
        pass.key()
            .map_or_else(|| x.clone(), |key| x.dropout(self.probability, key))
    }
}
