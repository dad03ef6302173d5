//! What training a classifier minimises.

use serde::{Deserialize, Serialize};

use crate::Tensor;
use crate::error::{Error, Result};
use crate::ops::CrossEntropy;

/// The loss of a classifier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossConfig {
    /// How a wrong answer is measured in training; validation and test always tell the cross-entropy.
    pub kind: LossKind,
    /// The share of the target's probability spread evenly over all classes.
    pub label_smoothing: f64,
    /// Whether rare classes count more, each class the same in all.
    pub balanced: bool,
}

/// The losses as recipes name them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// -log of the probability of the right class.
    #[default]
    CrossEntropy,
    /// The squared distance of the logits to [`TARGET`] for the right class and 0 for the
    /// others (Hui and Belkin 2021): for a linear model, ridge regression. It never grows sure
    /// without end, which makes it the better one where features outnumber texts by far.
    SquaredError,
}

/// The logit of the right class under [`LossKind::SquaredError`]: where the others are 0,
/// softmax then finds it near certain, and halfway there likely.
pub const TARGET: f64 = 10.0;

impl LossConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Naming the key and what it may be.
    pub fn check(&self) -> Result<()> {
        if (0.0..1.0).contains(&self.label_smoothing) {
            return Ok(());
        }
        Err(Error::recipe(
            "loss.label_smoothing",
            format!("is {}", self.label_smoothing),
            "choose a share from 0 up to, but not, 1",
        ))
    }

    /// The loss for training examples with the given labels.
    pub(super) fn over(&self, labels: &[usize], classes: usize) -> Loss {
        let share = |class| labels.iter().filter(|&&l| l == class).count().max(1) as f64;
        let even = labels.len() as f64 / classes as f64;
        Loss {
            kind: self.kind,
            options: CrossEntropy {
                label_smoothing: self.label_smoothing,
                class_weights: self
                    .balanced
                    .then(|| (0..classes).map(|class| even / share(class)).collect()),
            },
        }
    }
}

/// A loss that knows its classes.
pub(super) struct Loss {
    kind: LossKind,
    options: CrossEntropy,
}

impl Loss {
    /// The (weighted) mean loss of logits `[B, V]` against B class numbers.
    pub(super) fn of(&self, logits: &Tensor, targets: &[u32]) -> Tensor {
        match self.kind {
            LossKind::CrossEntropy => logits.clone().cross_entropy(targets, &self.options),
            LossKind::SquaredError => squared(logits, targets, &self.options),
        }
    }
}

fn squared(logits: &Tensor, targets: &[u32], options: &CrossEntropy) -> Tensor {
    let (rows, classes) = (logits.dim(0), logits.dim(1));
    let smooth = options.label_smoothing;
    let weight = |target: usize| options.class_weights.as_ref().map_or(1.0, |w| w[target]);
    let total: f64 = targets.iter().map(|&t| weight(t as usize)).sum();
    let mut wanted = vec![(TARGET * smooth / classes as f64) as f32; rows * classes];
    let mut weights = Vec::with_capacity(rows * classes);
    for (row, &target) in wanted.chunks_exact_mut(classes).zip(targets) {
        row[target as usize] += (TARGET * (1.0 - smooth)) as f32;
        let share = weight(target as usize) / total;
        weights.extend(std::iter::repeat_n(share as f32, classes));
    }
    let wanted = Tensor::from_vec(wanted, [rows, classes]);
    let weights = Tensor::from_vec(weights, [rows, classes]);
    logits.sub(&wanted).square().mul(&weights).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squared_error_counts_classes_alike_when_balanced() {
        let config = LossConfig {
            kind: LossKind::SquaredError,
            label_smoothing: 0.5,
            balanced: true,
        };
        // Three of class 0, one of class 1: weights 2/3 and 2.
        let loss = config.over(&[0, 0, 0, 1], 2);
        let logits = Tensor::from_vec(vec![7.5, 2.5, 0.0, 0.0], [2, 2]);
        // Row 0 wants (7.5, 2.5) and is right; row 1 wants (2.5, 7.5): 62.5, three times as heavy.
        let value = loss.of(&logits, &[0, 1]).item();
        assert!((value - 62.5 * 0.75).abs() < 1e-4, "{value}");
    }
}
