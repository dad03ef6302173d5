//! Adam, with weight decay as a penalty or decoupled.

use serde::{Deserialize, Serialize};

use unfold_kernels as kernels;

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

/// What [`Adam`] and [`AdamW`] keep beside the values.
const SLOTS: &[&str] = &["mean", "mean_square"];

impl<E: Float> Rule<E> for Adam {
    fn slots(&self) -> &'static [&'static str] {
        SLOTS
    }

    fn settings(&self) -> Vec<(&'static str, f64, Range)> {
        settings(self.beta1, self.beta2, self.epsilon, self.weight_decay)
    }

    fn update(&self, at: &Moment, values: &mut [E], gradients: &[E], slots: &mut [&mut [E]]) {
        let step = kernels::Adam {
            penalty: at.decay(self.weight_decay),
            ..step(at, self.beta1, self.beta2, self.epsilon)
        };
        update(step, values, gradients, slots);
    }
}

impl<E: Float> Rule<E> for AdamW {
    fn slots(&self) -> &'static [&'static str] {
        SLOTS
    }

    fn settings(&self) -> Vec<(&'static str, f64, Range)> {
        settings(self.beta1, self.beta2, self.epsilon, self.weight_decay)
    }

    fn update(&self, at: &Moment, values: &mut [E], gradients: &[E], slots: &mut [&mut [E]]) {
        let step = kernels::Adam {
            keep: E::ONE - E::from_f64(at.rate) * at.decay(self.weight_decay),
            ..step(at, self.beta1, self.beta2, self.epsilon)
        };
        update(step, values, gradients, slots);
    }
}

fn settings(
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    weight_decay: f64,
) -> Vec<(&'static str, f64, Range)> {
    vec![
        ("beta1", beta1, Range::Share),
        ("beta2", beta2, Range::Share),
        ("epsilon", epsilon, Range::AboveZero),
        ("weight_decay", weight_decay, Range::AtLeastZero),
    ]
}

/// A step without weight decay of either kind.
fn step<E: Float>(at: &Moment, beta1: f64, beta2: f64, epsilon: f64) -> kernels::Adam<E> {
    let steps = at.step as f64;
    kernels::Adam {
        keep: E::ONE,
        penalty: E::ZERO,
        mean: [beta1, 1.0 - beta1].map(E::from_f64),
        mean_square: [beta2, 1.0 - beta2].map(E::from_f64),
        rate: E::from_f64(at.rate / (1.0 - beta1.powf(steps))),
        scale: E::from_f64((1.0 - beta2.powf(steps)).sqrt().recip()),
        epsilon: E::from_f64(epsilon),
    }
}

fn update<E: Float>(
    step: kernels::Adam<E>,
    values: &mut [E],
    gradients: &[E],
    slots: &mut [&mut [E]],
) {
    let [mean, mean_square] = slots else {
        unreachable!("two slots");
    };
    kernels::adam(step, values, gradients, mean, mean_square);
}
