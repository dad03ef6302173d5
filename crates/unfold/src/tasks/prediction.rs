//! What a classifier answers.

use serde::Serialize;

use crate::Tensor;

/// One answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// The most likely label.
    pub label: String,
    /// Its probability.
    pub probability: f32,
    /// All labels with their probabilities, most likely first.
    pub probabilities: Vec<(String, f32)>,
}

impl Prediction {
    /// The answer that logits mean.
    pub(super) fn of(labels: &[String], logits: &[f32]) -> Prediction {
        Prediction::ranked(labels, softmax(logits))
    }

    /// The answer that logits mean of which each is about one label alone: its probability is their logistic function.
    pub(super) fn of_each(labels: &[String], logits: &[f32]) -> Prediction {
        let each = logits.iter().map(|x| 1.0 / (1.0 + (-x).exp()));
        Prediction::ranked(labels, each.collect())
    }

    fn ranked(labels: &[String], probabilities: Vec<f32>) -> Prediction {
        let mut ranked: Vec<(String, f32)> = labels.iter().cloned().zip(probabilities).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let (label, probability) = ranked[0].clone();
        Prediction {
            label,
            probability,
            probabilities: ranked,
        }
    }
}

/// The place of the largest logit; the first of equals.
pub(super) fn best(logits: &[f32]) -> usize {
    let mut best = 0;
    for (i, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = i;
        }
    }
    best
}

/// The probabilities that logits mean.
pub(super) fn softmax(logits: &[f32]) -> Vec<f32> {
    Tensor::from_slice(logits, [1, logits.len()])
        .softmax()
        .to_vec()
}

/// The mean cross-entropy, in nats, of the logits of some examples; 0 of none.
pub(super) fn mean_loss(scores: &[Vec<f32>], truth: &[usize]) -> f64 {
    if scores.is_empty() {
        return 0.0;
    }
    let targets: Vec<u32> = truth.iter().map(|&t| t as u32).collect();
    let logits = Tensor::from_vec(scores.concat(), [scores.len(), scores[0].len()]);
    logits
        .cross_entropy(&targets, &Default::default())
        .item()
        .into()
}
