//! Bounds on gradients and weights.

use serde::{Deserialize, Serialize};

use unfold_kernels::reduce;

use crate::Float;
use crate::nn::{ParamId, Params};

/// How gradients are kept from growing too large; in a recipe `{ norm = 5.0 }` or
/// `{ value = 1.0 }`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clip {
    /// See [`clip_norm`].
    Norm(f64),
    /// See [`clip_value`].
    Value(f64),
}

impl Clip {
    /// Applies the bound to all gradients of a model. Gives their norm before, where it was
    /// needed.
    pub fn apply<E: Float>(self, gradients: &mut [E]) -> Option<f64> {
        match self {
            Clip::Norm(limit) => Some(clip_norm(gradients, limit)),
            Clip::Value(limit) => {
                clip_value(gradients, limit);
                None
            }
        }
    }
}

/// Scales all gradients together so that their norm is at most `limit` (Pascanu, Mikolov and
/// Bengio 2013); gives the norm they had. A norm that is not finite changes nothing.
///
/// ```
/// let mut gradients = [3.0f32, 4.0];
/// assert_eq!(unfold::nn::clip_norm(&mut gradients, 1.0), 5.0);
/// assert!((gradients[0] - 0.6).abs() < 1e-5);
/// ```
pub fn clip_norm<E: Float>(gradients: &mut [E], limit: f64) -> f64 {
    let norm = reduce::sum_sq(gradients).sqrt();
    // As PyTorch has it: the small number keeps the quotient finite.
    let scale = limit / (norm + 1e-6);
    if scale < 1.0 && norm.is_finite() {
        let scale = E::from_f64(scale);
        gradients.iter_mut().for_each(|g| *g = *g * scale);
    }
    norm
}

/// Bounds each gradient between minus and plus `limit`.
///
/// ```
/// let mut gradients = [3.0f32, -0.5, -4.0];
/// unfold::nn::clip_value(&mut gradients, 1.0);
/// assert_eq!(gradients, [1.0, -0.5, -1.0]);
/// ```
pub fn clip_value<E: Float>(gradients: &mut [E], limit: f64) {
    let (low, high) = (E::from_f64(-limit), E::from_f64(limit));
    for g in gradients {
        if *g > high {
            *g = high;
        } else if *g < low {
            *g = low;
        }
    }
}

/// Keeps each output's incoming weights within a norm: columns of a weight `[.., O]` that are
/// longer than `limit` are scaled back to it. Kim (2014) does so with 3 on the last layer after
/// each step.
///
/// ```
/// use unfold::nn::{Init, Params, max_norm};
/// let mut params = Params::<f32>::new(0);
/// let weight = params.scope("head").add("weight", [2, 2], Init::Values(vec![3.0, 0.1, 4.0, 0.2]));
/// max_norm(&mut params, weight, 1.0);
/// let capped = params.get(weight);
/// assert!((capped[0] - 0.6).abs() < 1e-6 && (capped[2] - 0.8).abs() < 1e-6);
/// assert_eq!([capped[1], capped[3]], [0.1, 0.2]);
/// ```
pub fn max_norm<E: Float>(params: &mut Params<E>, weight: ParamId, limit: f64) {
    let outputs = params.entry(weight).shape.last();
    let mut squares = vec![0.0; outputs];
    for row in params.get(weight).chunks_exact(outputs.max(1)) {
        for (sum, w) in squares.iter_mut().zip(row) {
            *sum += w.to_f64() * w.to_f64();
        }
    }
    let scales: Vec<E> = squares
        .iter()
        .map(|square| E::from_f64((limit / square.sqrt()).min(1.0)))
        .collect();
    for row in params.get_mut(weight).chunks_exact_mut(outputs.max(1)) {
        for (w, scale) in row.iter_mut().zip(&scales) {
            *w = *w * *scale;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_that_are_not_finite_stay_to_be_seen() {
        let mut gradients = [1.0f32, f32::INFINITY];
        assert_eq!(clip_norm(&mut gradients, 1.0), f64::INFINITY);
        assert_eq!(gradients, [1.0, f32::INFINITY]);
        let mut gradients = [2.0f32, f32::NAN];
        Clip::Value(1.0).apply(&mut gradients);
        assert!(gradients[0] == 1.0 && gradients[1].is_nan());
    }

    #[test]
    fn a_recipe_names_the_bound() {
        let clip: Clip = serde_json::from_str(r#"{"norm": 5}"#).unwrap();
        assert_eq!(clip, Clip::Norm(5.0));
        assert_eq!(serde_json::to_string(&Clip::Value(1.0)).unwrap(), r#"{"value":1.0}"#);
    }
}
