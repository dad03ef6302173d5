//! Dropout of whole channels.

use crate::nn::Pass;
use crate::{Float, Tensor};

/// Spatial dropout (Tompson et al. 2015): in training each channel of each picture becomes 0 with probability p and is divided
/// by 1 - p otherwise; outside training nothing changes. Neighbouring pixels say much the same, so single ones left out teach little.
///
/// y_(b, i, j) = x_(b, i, j) ⊙ m_b
///
/// Shapes, with B pictures of C channels: x and y `[B, .., C]`, the mask m `[B, C]`.
///
/// ```
/// use unfold::nn::{Params, Pass, SpatialDropout};
/// use unfold::{Tensor, random::Key};
///
/// let params = Params::<f32>::new(1);
/// let x = Tensor::full([1, 2, 2, 100], 1.0);
/// let y = SpatialDropout::new(0.5).forward(&Pass::training(&params, Key::new(1)), &x);
/// let pixels: Vec<_> = y.data().chunks(100).collect();
/// assert!(pixels.iter().all(|pixel| *pixel == pixels[0]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SpatialDropout {
    probability: f64,
}

impl SpatialDropout {
    /// Drops with this probability.
    ///
    /// # Panics
    /// Unless `probability` is in 0..1.
    #[track_caller]
    pub fn new(probability: f64) -> SpatialDropout {
        assert!(
            (0.0..1.0).contains(&probability),
            "spatial_dropout: expected a probability of at least 0 and below 1, got {probability}"
        );
        SpatialDropout { probability }
    }

    /// `[B, .., C]` to the same shape.
    pub fn forward<E: Float>(&self, pass: &Pass<E>, x: &Tensor<E>) -> Tensor<E> {
        if self.probability == 0.0 {
            return x.clone();
        }
        pass.key()
            .map_or_else(|| x.clone(), |key| x.spatial_dropout(self.probability, key))
    }
}
