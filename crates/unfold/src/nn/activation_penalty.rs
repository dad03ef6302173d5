//! Penalties on what a recurrent network puts out.

use crate::{Float, Ragged, Tensor};

/// Activation regularisation and temporal activation regularisation (Merity et al. 2017), to be added to the
/// loss of a training step:
///
/// α mean(d²) + β mean((y_(t+1) - y_t)²)
///
/// with y the outputs of the last recurrent layer, d the same after dropout, both `[sum(len), D]`, and the
/// second mean over successive steps of one sequence.
///
/// ```
/// use unfold::nn::ActivationPenalty;
/// use unfold::{Ragged, Tensor};
///
/// // One sequence of three steps and one of two.
/// let y = Tensor::from_vec(vec![1.0, 5.0, 2.0, 5.0, 4.0], [5, 1]);
/// let penalty = ActivationPenalty { alpha: 0.0, beta: 3.0 };
/// let squares = [1.0, 0.0, 4.0]; // of 2 - 1, 5 - 5, 4 - 2
/// let loss = penalty.forward(&y, &y, &Ragged::new(&[3, 2]));
/// assert_eq!(loss.item(), squares.iter().sum::<f32>());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ActivationPenalty {
    /// α: how much large outputs cost. 2 by default.
    pub alpha: f64,
    /// β: how much changes from step to step cost. 1 by default.
    pub beta: f64,
}

impl Default for ActivationPenalty {
    /// As Merity et al. have it for the Penn Treebank.
    fn default() -> ActivationPenalty {
        ActivationPenalty {
            alpha: 2.0,
            beta: 1.0,
        }
    }
}

impl ActivationPenalty {
    /// The penalty, one number, of outputs `y` `[sum(len), D]` that dropout made `dropped`.
    ///
    /// # Panics
    /// When `y` has not a row for every step.
    #[track_caller]
    pub fn forward<E: Float>(
        &self,
        dropped: &Tensor<E>,
        y: &Tensor<E>,
        sequences: &Ragged,
    ) -> Tensor<E> {
        let (rows, firsts) = (sequences.rows(), sequences.batch());
        assert!(
            y.dims().len() == 2 && y.dim(0) == rows,
            "activation_penalty: expected outputs [{rows}, D] for {rows} steps, got {}",
            y.shape()
        );
        let large = dropped.square().mean().affine(self.alpha, 0.0);
        if self.beta == 0.0 || rows == firsts {
            return large;
        }
        // The row one step before each row that has one.
        let before: Vec<u32> = (1..sequences.steps())
            .flat_map(|t| sequences.offset(t - 1)..sequences.offset(t - 1) + sequences.alive(t))
            .map(|row| row as u32)
            .collect();
        let after = y.narrow(0, firsts, rows - firsts); // [sum(len) - B, D]
        let changes = after.sub(&y.gather(&before)); // [sum(len) - B, D]
        large.add(&changes.square().mean().affine(self.beta, 0.0))
    }
}
