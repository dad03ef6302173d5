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
        match (self.centered, slots) {
            (false, [s]) => self.run::<E, false, false>(at, values, gradients, s, &mut [], &mut []),
            (false, [s, v]) => self.run::<E, false, true>(at, values, gradients, s, &mut [], v),
            (true, [s, a]) => self.run::<E, true, false>(at, values, gradients, s, a, &mut []),
            (true, [s, a, v]) => self.run::<E, true, true>(at, values, gradients, s, a, v),
            _ => unreachable!("the slots named above"),
        }
    }
}

impl RmsProp {
    /// `mean` is empty unless `CENTERED`, `velocity` unless `MOMENTUM`. Each form is its own loop,
    /// without a branch in it.
    fn run<E: Float, const CENTERED: bool, const MOMENTUM: bool>(
        &self,
        at: &Moment,
        values: &mut [E],
        gradients: &[E],
        mean_square: &mut [E],
        mean: &mut [E],
        velocity: &mut [E],
    ) {
        let rate = E::from_f64(at.rate);
        let decay: E = at.decay(self.weight_decay);
        let (alpha, fresh) = (E::from_f64(self.alpha), E::from_f64(1.0 - self.alpha));
        let (momentum, epsilon) = (E::from_f64(self.momentum), E::from_f64(self.epsilon));
        let n = values.len();
        let (gradients, mean_square) = (&gradients[..n], &mut mean_square[..n]);
        let mean = &mut mean[..if CENTERED { n } else { 0 }];
        let velocity = &mut velocity[..if MOMENTUM { n } else { 0 }];
        for i in 0..n {
            let g = gradients[i] + decay * values[i];
            let s = alpha * mean_square[i] + fresh * g * g;
            mean_square[i] = s;
            let mut variance = s;
            if CENTERED {
                let a = alpha * mean[i] + fresh * g;
                mean[i] = a;
                // Rounding may leave a constant gradient a variance below 0.
                variance = (s - a * a).max(E::ZERO);
            }
            let mut step = g / (variance.sqrt() + epsilon);
            if MOMENTUM {
                step += momentum * velocity[i];
                velocity[i] = step;
            }
            values[i] = values[i] - rate * step;
        }
    }
}
