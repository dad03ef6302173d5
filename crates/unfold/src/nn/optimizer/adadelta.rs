//! Adadelta.

use serde::{Deserialize, Serialize};

use super::{Moment, Range, Rule};
use crate::Float;

/// Adadelta (Zeiler 2012): steps in the units of the weights, which leaves little to the
/// learning rate; 1 is usual.
///
/// With rate η and weight decay λ:
///
/// g ← g + λ w;  s ← ρ s + (1 - ρ) g²;  u ← g √(d + ε) / √(s + ε);
/// d ← ρ d + (1 - ρ) u²;  w ← w - η u
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adadelta {
    /// ρ: how much of the running means is kept. 0.9 by default.
    pub rho: f64,
    /// ε: where steps start from. 1e-6 by default.
    pub epsilon: f64,
    /// λ: a penalty on large weights, added to the gradient. 0 by default.
    pub weight_decay: f64,
}

impl Default for Adadelta {
    fn default() -> Adadelta {
        Adadelta {
            rho: 0.9,
            epsilon: 1e-6,
            weight_decay: 0.0,
        }
    }
}

impl<E: Float> Rule<E> for Adadelta {
    fn slots(&self) -> &'static [&'static str] {
        &["mean_square", "mean_square_step"]
    }

    fn settings(&self) -> Vec<(&'static str, f64, Range)> {
        vec![
            ("rho", self.rho, Range::Share),
            ("epsilon", self.epsilon, Range::AboveZero),
            ("weight_decay", self.weight_decay, Range::AtLeastZero),
        ]
    }

    fn update(&self, at: &Moment, values: &mut [E], gradients: &[E], slots: &mut [&mut [E]]) {
        let [squares, steps] = slots else {
            unreachable!("two slots");
        };
        let rate = E::from_f64(at.rate);
        let decay: E = at.decay(self.weight_decay);
        let (rho, fresh) = (E::from_f64(self.rho), E::from_f64(1.0 - self.rho));
        let epsilon = E::from_f64(self.epsilon);
        let all = values.iter_mut().zip(gradients);
        for ((w, &g), (s, d)) in all.zip(squares.iter_mut().zip(steps.iter_mut())) {
            let g = g + decay * *w;
            *s = rho * *s + fresh * g * g;
            let step = g * ((*d + epsilon) / (*s + epsilon)).sqrt();
            *d = rho * *d + fresh * step * step;
            *w = *w - rate * step;
        }
    }
}
