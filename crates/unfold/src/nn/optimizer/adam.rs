//! Adam, with weight decay as a penalty or decoupled.

use serde::{Deserialize, Serialize};

use super::{Moment, Range, Rule};
use crate::Float;

/// Adam (Kingma and Ba 2015).
///
/// At step t, with rate η and weight decay λ:
///
/// g ← g + λ w;  m ← β₁ m + (1 - β₁) g;  v ← β₂ v + (1 - β₂) g²;
/// w ← w - η m̂ / (√v̂ + ε)  with m̂ = m / (1 - β₁ᵗ), v̂ = v / (1 - β₂ᵗ)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// β₁: how much of the mean gradient is kept. 0.9 by default.
    pub beta1: f64,
    /// β₂: how much of the mean square is kept. 0.999 by default.
    pub beta2: f64,
    /// ε: keeps the quotient finite. 1e-8 by default.
    pub epsilon: f64,
    /// λ: a penalty on large weights, added to the gradient. 0 by default.
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Adam {
        Adam {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
        }
    }
}

/// Adam with decoupled weight decay (Loshchilov and Hutter 2019): as [`Adam`], but in place of
/// the penalty w ← w - η λ w before each step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamW {
    /// β₁: how much of the mean gradient is kept. 0.9 by default.
    pub beta1: f64,
    /// β₂: how much of the mean square is kept. 0.999 by default.
    pub beta2: f64,
    /// ε: keeps the quotient finite. 1e-8 by default.
    pub epsilon: f64,
    /// λ: the share, times the rate, by which weights shrink. 0.01 by default.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> AdamW {
        AdamW {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.01,
        }
    }
}

impl<E: Float> Rule<E> for Adam {
    fn slots(&self) -> &'static [&'static str] {
        &["mean", "mean_square"]
    }

    fn settings(&self) -> Vec<(&'static str, f64, Range)> {
        vec![
            ("beta1", self.beta1, Range::Share),
            ("beta2", self.beta2, Range::Share),
            ("epsilon", self.epsilon, Range::AboveZero),
            ("weight_decay", self.weight_decay, Range::AtLeastZero),
        ]
    }

    fn update(&self, at: &Moment, values: &mut [E], gradients: &[E], slots: &mut [&mut [E]]) {
        let [mean, mean_square] = slots else {
            unreachable!("two slots");
        };
        let Adam {
            beta1,
            beta2,
            epsilon,
            ..
        } = *self;
        adam(
            at,
            beta1,
            beta2,
            epsilon,
            E::ONE,
            at.decay(self.weight_decay),
            values,
            gradients,
            mean,
            mean_square,
        );
    }
}

impl<E: Float> Rule<E> for AdamW {
    fn slots(&self) -> &'static [&'static str] {
        &["mean", "mean_square"]
    }

    fn settings(&self) -> Vec<(&'static str, f64, Range)> {
        vec![
            ("beta1", self.beta1, Range::Share),
            ("beta2", self.beta2, Range::Share),
            ("epsilon", self.epsilon, Range::AboveZero),
            ("weight_decay", self.weight_decay, Range::AtLeastZero),
        ]
    }

    fn update(&self, at: &Moment, values: &mut [E], gradients: &[E], slots: &mut [&mut [E]]) {
        let [mean, mean_square] = slots else {
            unreachable!("two slots");
        };
        let AdamW {
            beta1,
            beta2,
            epsilon,
            ..
        } = *self;
        let keep = E::ONE - E::from_f64(at.rate) * at.decay(self.weight_decay);
        adam(
            at,
            beta1,
            beta2,
            epsilon,
            keep,
            E::ZERO,
            values,
            gradients,
            mean,
            mean_square,
        );
    }
}

/// Both forms: weights are first scaled by `keep`, gradients raised by `penalty` times the weight.
fn adam<E: Float>(
    at: &Moment,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    keep: E,
    penalty: E,
    values: &mut [E],
    gradients: &[E],
    mean: &mut [E],
    mean_square: &mut [E],
) {
    let steps = at.step as f64;
    let rate = E::from_f64(at.rate / (1.0 - beta1.powf(steps)));
    let scale = E::from_f64((1.0 - beta2.powf(steps)).sqrt().recip());
    let (fresh1, fresh2) = (E::from_f64(1.0 - beta1), E::from_f64(1.0 - beta2));
    let (beta1, beta2) = (E::from_f64(beta1), E::from_f64(beta2));
    let epsilon = E::from_f64(epsilon);
    let all = values.iter_mut().zip(gradients);
    for ((w, &g), (m, v)) in all.zip(mean.iter_mut().zip(mean_square)) {
        let g = g + penalty * *w;
        *m = beta1 * *m + fresh1 * g;
        *v = beta2 * *v + fresh2 * g * g;
        *w = keep * *w - rate * *m / (v.sqrt() * scale + epsilon);
    }
}
