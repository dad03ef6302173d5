//! RMSprop.

use serde::{Deserialize, Serialize};

use super::{Moment, Range, Rule};
use crate::Float;

/// RMSprop (Tieleman and Hinton 2012): the gradient over its running root mean square.
///
/// With rate η and weight decay λ:
///
/// g ← g + λ w;  s ← α s + (1 - α) g²;  u ← g / (√s + ε);  w ← w - η u
///
/// When centered (Graves 2013), a ← α a + (1 - α) g and √(s - a²) takes the place of √s. With
/// momentum μ, v ← μ v + u;  w ← w - η v.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsProp {
    /// α: how much of the running means is kept. 0.99 by default.
    pub alpha: f64,
    /// ε: keeps the quotient finite. 1e-8 by default.
    pub epsilon: f64,
    /// μ: how much of the last step's direction is kept. 0 by default.
    pub momentum: f64,
    /// Whether the mean gradient is taken off the mean square.
    pub centered: bool,
    /// λ: a penalty on large weights, added to the gradient. 0 by default.
    pub weight_decay: f64,
}

impl Default for RmsProp {
    fn default() -> RmsProp {
        RmsProp {
            alpha: 0.99,
            epsilon: 1e-8,
            momentum: 0.0,
            centered: false,
            weight_decay: 0.0,
        }
    }
}

impl<E: Float> Rule<E> for RmsProp {
    fn slots(&self) -> &'static [&'static str] {
        match (self.centered, self.momentum == 0.0) {
            (false, true) => &["mean_square"],
            (false, false) => &["mean_square", "velocity"],
            (true, true) => &["mean_square", "mean"],
            (true, false) => &["mean_square", "mean", "velocity"],
        }
    }

    fn settings(&self) -> Vec<(&'static str, f64, Range)> {
        vec![
            ("alpha", self.alpha, Range::Share),
            ("epsilon", self.epsilon, Range::AboveZero),
            ("momentum", self.momentum, Range::Share),
            ("weight_decay", self.weight_decay, Range::AtLeastZero),
        ]
    }

    fn update(&self, at: &Moment, values: &mut [E], gradients: &[E], slots: &mut [&mut [E]]) {
        let rate = E::from_f64(at.rate);
        let decay: E = at.decay(self.weight_decay);
        let (alpha, fresh) = (E::from_f64(self.alpha), E::from_f64(1.0 - self.alpha));
        let (momentum, epsilon) = (E::from_f64(self.momentum), E::from_f64(self.epsilon));
        let (mean_square, rest) = slots.split_first_mut().expect("a mean square");
        let (mean, velocity) = rest.split_at_mut(usize::from(self.centered));
        for (i, (w, &g)) in values.iter_mut().zip(gradients).enumerate() {
            let g = g + decay * *w;
            let s = &mut mean_square[i];
            *s = alpha * *s + fresh * g * g;
            let mut variance = *s;
            if let [mean] = mean {
                mean[i] = alpha * mean[i] + fresh * g;
                // Rounding may leave a constant gradient a variance below 0.
                variance = (variance - mean[i] * mean[i]).max(E::ZERO);
            }
            let mut step = g / (variance.sqrt() + epsilon);
            if let [velocity] = velocity {
                velocity[i] = momentum * velocity[i] + step;
                step = velocity[i];
            }
            *w = *w - rate * step;
        }
    }
}
