//! Stochastic gradient descent.

use serde::{Deserialize, Serialize};

use super::{Moment, Range, Rule};
use crate::Float;

/// Stochastic gradient descent with momentum.
///
/// With rate η, momentum μ, dampening τ and weight decay λ:
///
/// g ← g + λ w;  v ← μ v + (1 - τ) g, or v ← g at the first step;  w ← w - η v
///
/// and with Nesterov's momentum w ← w - η (g + μ v).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// μ: how much of the last step's direction is kept. 0 by default.
    pub momentum: f64,
    /// τ: how much of the gradient momentum leaves out. 0 by default.
    pub dampening: f64,
    /// Whether the gradient is taken ahead of the step (Sutskever et al. 2013).
    pub nesterov: bool,
    /// λ: how strongly weights are drawn to 0. 0 by default.
    pub weight_decay: f64,
}

impl<E: Float> Rule<E> for Sgd {
    fn slots(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 {
            &[]
        } else {
            &["velocity"]
        }
    }

    fn settings(&self) -> Vec<(&'static str, f64, Range)> {
        vec![
            ("momentum", self.momentum, Range::Share),
            ("dampening", self.dampening, Range::Share),
            ("weight_decay", self.weight_decay, Range::AtLeastZero),
        ]
    }

    fn leaves_still(&self, at: &Moment) -> bool {
        self.momentum == 0.0 && (self.weight_decay == 0.0 || !at.decay)
    }

    fn update(&self, at: &Moment, values: &mut [E], gradients: &[E], slots: &mut [&mut [E]]) {
        let rate = E::from_f64(at.rate);
        let decay: E = at.decay(self.weight_decay);
        let all = values.iter_mut().zip(gradients);
        let [velocity] = slots else {
            for (w, &g) in all {
                *w = *w - rate * (g + decay * *w);
            }
            return;
        };
        let momentum = E::from_f64(self.momentum);
        let (keep, take) = match at.step {
            1 => (E::ZERO, E::ONE),
            _ => (momentum, E::from_f64(1.0 - self.dampening)),
        };
        for ((w, &g), v) in all.zip(velocity.iter_mut()) {
            let g = g + decay * *w;
            *v = keep * *v + take * g;
            let step = if self.nesterov { g + momentum * *v } else { *v };
            *w = *w - rate * step;
        }
    }
}
