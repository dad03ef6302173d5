//! Lookahead: slow values that a few fast steps explore for.

use serde::{Deserialize, Serialize};

use unfold_kernels::{self as kernels, Buffer};

use super::{CHUNK, Range};
use crate::Float;
use crate::error::{Error, Result};

/// Lookahead (Zhang et al. 2019): slow values follow the optimizer's, which begin anew from them every few steps.
///
/// Every `every` steps, φ ← φ + α (θ - φ) and θ ← φ, θ being all values of the parameters and φ their slow copy. α falls
/// from 1 to `alpha`, as 1 - (1 - `alpha`) pʳ at the share p of all steps with r = `rise`; where that is 0 it is `alpha`
/// throughout, as in the paper.
///
/// ```
/// use unfold::nn::Lookahead;
/// let config: Lookahead = serde_json::from_str(r#"{"alpha": 0.8}"#).unwrap();
/// assert_eq!(config, Lookahead { every: 5, alpha: 0.8, rise: 0.0 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lookahead {
    /// After how many steps the slow values follow.
    pub every: usize,
    /// How far they go at last: the share of the way.
    pub alpha: f64,
    /// How late holding back sets in: 0 from the first step, 3 mostly in the last third.
    pub rise: f64,
}

impl Default for Lookahead {
    fn default() -> Lookahead {
        Lookahead {
            every: 5,
            alpha: 0.5,
            rise: 0.0,
        }
    }
}

impl Lookahead {
    /// Checks the settings, so that a mistake in a recipe is told before training starts.
    ///
    /// # Errors
    /// When a setting lies outside its range.
    pub fn check(&self) -> Result<()> {
        let settings = [
            ("every", self.every as f64, Range::AboveZero),
            ("alpha", 1.0 - self.alpha, Range::Share),
            ("rise", self.rise, Range::AtLeastZero),
        ];
        match settings
            .iter()
            .find(|(_, value, range)| !range.holds(*value))
        {
            None => Ok(()),
            Some(("alpha", ..)) => Err(Error::recipe(
                "train.lookahead.alpha",
                format!("is {}", self.alpha),
                "choose a number above 0 and up to 1",
            )),
            Some((name, value, range)) => Err(Error::recipe(
                format!("train.lookahead.{name}"),
                format!("is {value}"),
                format!("choose a number {}", range.text()),
            )),
        }
    }
}

/// Lookahead at work.
#[derive(Clone)]
pub(super) struct Slow<E: Float> {
    config: Lookahead,
    /// How many steps there will be in all.
    total: u64,
    /// φ
    pub(super) values: Buffer<E>,
}

impl<E: Float> Slow<E> {
    pub(super) fn new(config: Lookahead, values: &[E], total: u64) -> Slow<E> {
        Slow {
            config,
            total,
            values: Buffer::from_slice(values),
        }
    }

    /// Follows the values after this step, from 1, if it is time to: always at the end, so that what is kept is slow.
    pub(super) fn follow(&mut self, step: u64, fast: &mut [E]) {
        let Lookahead { every, alpha, rise } = self.config;
        if !step.is_multiple_of(every as u64) && step != self.total {
            return;
        }
        let progress = step as f64 / self.total as f64;
        let share = E::from_f64(1.0 - (1.0 - alpha) * progress.powf(rise));
        kernels::parallel_parts([&mut self.values[..], fast], CHUNK, |_, [slow, fast]| {
            for (slow, fast) in slow.iter_mut().zip(fast) {
                *slow += (*fast - *slow) * share;
                *fast = *slow;
            }
        });
    }
}
