//! Tools for tests: closeness, repeatable odd values, gradient checks by finite differences.

use crate::random::Key;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Repeatable values in -1..1, different for every name.
pub fn values(name: &str, shape: impl Into<Shape>) -> Tensor<f64> {
    let (key, shape) = (Key::new(0).named(name), shape.into());
    let values = (0..shape.len() as u64).map(|i| 2.0 * key.uniform(i) - 1.0);
    Tensor::from_vec(values.collect(), shape)
}

/// The largest difference between two lists, relative to the larger magnitude where that
/// exceeds 1. Infinite when lengths differ or a value is not a number.
pub fn difference(a: &[f64], b: &[f64]) -> f64 {
    if a.len() != b.len() {
        return f64::INFINITY;
    }
    let worst = a.iter().zip(b).map(|(a, b)| {
        let difference = (a - b).abs() / a.abs().max(b.abs()).max(1.0);
        if difference.is_nan() && a != b {
            f64::INFINITY
        } else {
            difference
        }
    });
    worst.fold(0.0, f64::max)
}

/// The largest [`difference`] between the gradients that [`Tensor::backward`] gives for `f` and
/// central finite differences, over every element of every input.
///
/// `f` must be smooth at the inputs and return any shape; it is reduced to a scalar with fixed
/// unequal weights, so that a gradient that is merely uniform cannot pass.
pub fn gradient_error(inputs: &[Tensor<f64>], f: impl Fn(&[Tensor<f64>]) -> Tensor<f64>) -> f64 {
    let scalar = |inputs: &[Tensor<f64>]| {
        let y = f(inputs);
        let weights = values("gradient weights", y.shape()).affine(1.0, 0.3);
        y.mul(&weights).sum()
    };
    let watched: Vec<_> = inputs.iter().map(Tensor::watch).collect();
    let gradients = scalar(&watched).backward();
    let mut worst: f64 = 0.0;
    for (i, input) in inputs.iter().enumerate() {
        let analytic = match gradients.get(&watched[i]) {
            Some(gradient) => gradient.to_vec(),
            None => vec![0.0; input.len()],
        };
        const STEP: f64 = 1e-5;
        let numeric: Vec<f64> = (0..input.len())
            .map(|j| {
                let at = |delta: f64| {
                    let mut moved = inputs.to_vec();
                    let mut values = input.to_vec();
                    values[j] += delta;
                    moved[i] = Tensor::from_vec(values, input.shape());
                    scalar(&moved).item()
                };
                (at(STEP) - at(-STEP)) / (2.0 * STEP)
            })
            .collect();
        worst = worst.max(difference(&analytic, &numeric));
    }
    worst
}
