//! Bounds on gradients and weights.

use crate::Float;
use crate::nn::{ParamId, Params};

/// The Euclidean norm of all gradients together.
pub fn gradient_norm<E: Float>(params: &Params<E>) -> f64 {
    params.flat().sum_sq().sqrt()
}

/// Scales all gradients together so that their norm is at most `limit` (Pascanu, Mikolov and
/// Bengio 2013); gives the norm they had. A norm that is not finite changes nothing.
///
/// ```
/// use unfold::nn::{Init, Params, Pass, clip_norm};
/// use unfold::random::Key;
/// let mut params = Params::<f64>::new(0);
/// let x = params.scope("a").add("x", [2], Init::Values(vec![3.0, 4.0]));
/// let pass = Pass::training(&params, Key::new(0));
/// params.backward(&pass, pass.param(x).square().sum());
/// assert_eq!(clip_norm(&mut params, 5.0), 10.0);
/// assert!((params.grads()[0] - 3.0).abs() < 1e-5);
/// ```
pub fn clip_norm<E: Float>(params: &mut Params<E>, limit: f64) -> f64 {
    let norm = gradient_norm(params);
    // As PyTorch has it: the small number keeps the quotient finite.
    let scale = limit / (norm + 1e-6);
    if scale < 1.0 && norm.is_finite() {
        let scale = E::from_f64(scale);
        let scale_all = |part: &mut [E]| part.iter_mut().for_each(|g| *g = *g * scale);
        params.flat_mut().change(scale_all);
    }
    norm
}

/// Bounds each gradient between minus and plus `limit`; one that is no number stays so.
pub fn clip_value<E: Float>(params: &mut Params<E>, limit: f64) {
    let (low, high) = (E::from_f64(-limit), E::from_f64(limit));
    params.flat_mut().change(|part| {
        for g in part {
            if *g > high {
                *g = high;
            } else if *g < low {
                *g = low;
            }
        }
    });
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
    use crate::nn::{Init, Pass};
    use crate::random::Key;

    /// Parameters whose gradients are these.
    fn with_gradients(gradients: &[f64]) -> Params<f64> {
        let mut params = Params::new(0);
        let x = params.scope("a").add("x", [gradients.len()], Init::Ones);
        let pass = Pass::training(&params, Key::new(0));
        params.backward(&pass, pass.param(x).sum());
        params.grads_mut().copy_from_slice(gradients);
        params
    }

    #[test]
    fn gradients_that_are_not_finite_stay_to_be_seen() {
        let mut params = with_gradients(&[1.0, f64::INFINITY]);
        assert_eq!(clip_norm(&mut params, 1.0), f64::INFINITY);
        assert_eq!(params.grads(), [1.0, f64::INFINITY]);
        let mut params = with_gradients(&[2.0, f64::NAN, -3.0]);
        clip_value(&mut params, 1.0);
        assert!(params.grads()[1].is_nan());
        assert_eq!([params.grads()[0], params.grads()[2]], [1.0, -1.0]);
    }
}
