//! A softmax over large vocabularies.

use crate::nn::{Linear, Pass, Scope};
use crate::ops::IGNORE;
use crate::{Float, Tensor};

/// The adaptive softmax (Grave et al. 2017) over V classes, of which the most frequent come first.
///
/// `cutoffs` c_1 < c_2 < … < c_K cut the classes into a head 0..c_1 and K tails c_i..c_(i+1), with
/// c_(K+1) = V. The head chooses among its own classes and the tails, a tail among its classes from
/// fewer features: C / div_value^i in tail i, counted from 1.
///
/// log p(v) = log softmax(x H)_v in the head, else log softmax(x H)_(c_1 + i - 1) + log softmax(x P_i W_i)_(v - c_i)
///
/// Only rows whose target lies in a tail meet that tail's weights, so a step over words costs about as
/// much as one over the head alone. As `torch.nn.AdaptiveLogSoftmaxWithLoss` without a bias.
///
/// Shapes: x `[N, C]`, H `[C, c_1 + K]` (`head.weight`), P_i `[C, C / div_value^i]`
/// (`tail{i - 1}.projection.weight`), W_i `[C / div_value^i, c_(i+1) - c_i]` (`tail{i - 1}.output.weight`).
///
/// ```
/// use unfold::Tensor;
/// use unfold::nn::{AdaptiveSoftmax, Params, Pass};
///
/// let mut params = Params::<f32>::new(1);
/// let softmax = AdaptiveSoftmax::new(&mut params.scope("softmax"), 16, 1000, &[100, 400], 4.0);
/// let (pass, x) = (Pass::evaluation(&params), Tensor::full([2, 16], 0.5));
/// let loss = softmax.loss(&pass, &x, &[3, 999]).item();
/// let p = softmax.log_probabilities(&pass, &x); // [2, 1000]
/// assert!((loss + (p.data()[3] + p.data()[1999]) / 2.0).abs() < 1e-5);
/// ```
#[derive(Clone, Debug)]
pub struct AdaptiveSoftmax {
    head: Linear,
    tails: Vec<Tail>,
    /// Where the tails begin, and V.
    cutoffs: Vec<usize>,
}

/// The projection to fewer features, and the choice among a tail's classes.
#[derive(Clone, Debug)]
struct Tail {
    projection: Linear,
    output: Linear,
}

impl Tail {
    /// `[N, C]` to logits of the tail's classes.
    fn forward<E: Float>(&self, pass: &Pass<E>, x: &Tensor<E>) -> Tensor<E> {
        self.output.forward(pass, &self.projection.forward(pass, x))
    }
}

impl AdaptiveSoftmax {
    /// Chooses from `inputs` features among `vocabulary` classes; `div_value` is 4 as a rule.
    ///
    /// # Panics
    /// Unless there is a cutoff, cutoffs rise from above 0 to below `vocabulary`, and `div_value` is at
    /// least 1.
    #[track_caller]
    pub fn new<E: Float>(
        scope: &mut Scope<'_, E>,
        inputs: usize,
        vocabulary: usize,
        cutoffs: &[usize],
        div_value: f64,
    ) -> AdaptiveSoftmax {
        let mut ends = cutoffs.to_vec();
        ends.push(vocabulary);
        assert!(
            cutoffs.first().is_some_and(|&first| first > 0) && ends.is_sorted_by(|a, b| a < b),
            "adaptive_softmax: expected cutoffs that rise from above 0 to below {vocabulary}, got {cutoffs:?}"
        );
        assert!(
            div_value >= 1.0,
            "adaptive_softmax: expected a div_value of at least 1, got {div_value}"
        );
        let choices = cutoffs[0] + cutoffs.len();
        let head = Linear::without_bias(&mut scope.scope("head"), inputs, choices);
        let mut size = inputs as f64;
        let tails = ends.windows(2).enumerate().map(|(i, ends)| {
            size /= div_value;
            let (features, classes) = ((size as usize).max(1), ends[1] - ends[0]);
            let mut scope = scope.scope(&format!("tail{i}"));
            Tail {
                projection: Linear::without_bias(&mut scope.scope("projection"), inputs, features),
                output: Linear::without_bias(&mut scope.scope("output"), features, classes),
            }
        });
        AdaptiveSoftmax {
            head,
            tails: tails.collect(),
            cutoffs: ends,
        }
    }

    /// The mean of -log p(target) over rows `x` `[N, C]`, one number. Rows whose target is
    /// [`IGNORE`] do not count.
    ///
    /// # Panics
    /// When there are not N targets, or one is too large.
    #[track_caller]
    pub fn loss<E: Float>(&self, pass: &Pass<E>, x: &Tensor<E>, targets: &[u32]) -> Tensor<E> {
        let (rows, vocabulary) = (targets.len(), self.cutoffs[self.tails.len()]);
        assert!(
            x.dims().len() == 2 && x.dim(0) == rows,
            "adaptive_softmax: expected input [{rows}, C] for {rows} targets, got {}",
            x.shape()
        );
        let outside = |t: &&u32| **t as usize >= vocabulary && **t != IGNORE;
        if let Some(target) = targets.iter().find(outside) {
            panic!("adaptive_softmax: expected targets below {vocabulary}, got {target}");
        }
        let choices: Vec<u32> = targets.iter().map(|&t| self.choice(t)).collect();
        let counted = targets.iter().filter(|&&t| t != IGNORE).count();
        let logits = self.head.forward(pass, x); // [N, c_1 + K]
        let mut loss = logits.cross_entropy(&choices, &Default::default());
        for (i, tail) in self.tails.iter().enumerate() {
            let (choice, first) = ((self.cutoffs[0] + i) as u32, self.cutoffs[i] as u32);
            let rows: Vec<u32> = (0..targets.len() as u32)
                .filter(|&row| choices[row as usize] == choice)
                .collect();
            if rows.is_empty() {
                continue;
            }
            let own: Vec<u32> = rows.iter().map(|&r| targets[r as usize] - first).collect();
            let logits = tail.forward(pass, &x.gather(&rows)); // [rows, c_(i+1) - c_i]
            let share = rows.len() as f64 / counted as f64;
            let within = logits.cross_entropy(&own, &Default::default());
            loss = loss.add(&within.affine(share, 0.0));
        }
        loss
    }

    /// What the head chooses for a class: the class itself or its tail.
    fn choice(&self, class: u32) -> u32 {
        let starts = &self.cutoffs[..self.tails.len()];
        match starts.iter().rposition(|&start| class as usize >= start) {
            Some(tail) if class != IGNORE => (starts[0] + tail) as u32,
            _ => class,
        }
    }

    /// The logarithms of all probabilities: `[N, C]` to `[N, V]`.
    #[track_caller]
    pub fn log_probabilities<E: Float>(&self, pass: &Pass<E>, x: &Tensor<E>) -> Tensor<E> {
        let head = self.head.forward(pass, x).log_softmax(); // [N, c_1 + K]
        let mut parts = vec![head.narrow(1, 0, self.cutoffs[0])]; // [N, c_1]
        for (i, tail) in self.tails.iter().enumerate() {
            let within = tail.forward(pass, x).log_softmax(); // [N, c_(i+1) - c_i]
            let whole = head.narrow(1, self.cutoffs[0] + i, 1); // [N, 1]
            parts.push(within.add(&whole));
        }
        Tensor::concat(&parts.iter().collect::<Vec<_>>(), 1) // [N, V]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Params;

    #[test]
    fn ignored_rows_do_not_count() {
        let mut params = Params::<f64>::new(1);
        let softmax = AdaptiveSoftmax::new(&mut params.scope("softmax"), 4, 9, &[3, 6], 2.0);
        let pass = Pass::evaluation(&params);
        let x = Tensor::from_vec((0..12).map(|i| (i as f64).sin()).collect(), [3, 4]);
        let p = softmax.log_probabilities(&pass, &x); // [3, 9]
        let loss = softmax.loss(&pass, &x, &[7, IGNORE, 1]).item();
        assert!((loss + (p.data()[7] + p.data()[2 * 9 + 1]) / 2.0).abs() < 1e-12);
        let nothing = softmax.loss(&pass, &x, &[IGNORE; 3]).item();
        assert_eq!(nothing, 0.0);
    }

    #[test]
    #[should_panic(
        expected = "adaptive_softmax: expected cutoffs that rise from above 0 to below 9, got [3, 9]"
    )]
    fn cutoffs_must_fit() {
        let mut params = Params::<f64>::new(1);
        AdaptiveSoftmax::new(&mut params.scope("softmax"), 4, 9, &[3, 9], 2.0);
    }
}
