//! Pooling over time.

use serde::{Deserialize, Serialize};

use crate::{Float, Ragged, Tensor};

/// Pooling over time: one vector for each sequence, whatever its length.
///
/// | pool | result |
/// | --- | --- |
/// | `Max` | y_c = max over t of x_(t,c): did the feature occur anywhere (Kim 2014) |
/// | `Mean` | y_c = mean over t of x_(t,c) |
///
/// Shapes, with B sequences of C features: x `[sum(len), C]`, y `[B, C]`.
///
/// ```
/// use unfold::nn::Pool;
/// use unfold::{Ragged, Tensor};
///
/// let sequences = Ragged::new(&[2, 1]); // rows: (t0, b0), (t0, b1), (t1, b0)
/// let x = Tensor::from_vec(vec![1.0f32, 5.0, 3.0], [3, 1]);
/// assert_eq!(Pool::Max.forward(&x, &sequences).data(), [3.0, 5.0]);
/// assert_eq!(Pool::Mean.forward(&x, &sequences).data(), [2.0, 5.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pool {
    /// The largest value over time.
    Max,
    /// The mean over time.
    Mean,
}

impl Pool {
    /// `[sum(len), C]` to `[B, C]`.
    #[track_caller]
    pub fn forward<E: Float>(self, x: &Tensor<E>, sequences: &Ragged) -> Tensor<E> {
        match self {
            Pool::Max => x.seq_max(sequences),
            Pool::Mean => x.seq_mean(sequences),
        }
    }
}
