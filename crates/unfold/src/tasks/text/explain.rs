//! Which words decided.

use std::ops::Range;

use super::batch::{Encoded, Input, assemble};
use super::model::TextModel;
use crate::nn::Pass;
use crate::ops::CrossEntropy;
use crate::tasks::prediction::{best, softmax};
use crate::tensor::Tensor;

/// How a word's share in an answer is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Explain {
    /// The derivative of the log-probability along each word's vector (gradient times input):
    /// one backward pass, exact for small changes.
    Gradient,
    /// How much the probability falls when the word is left out: one forward pass a word.
    Occlusion,
}

impl TextModel {
    /// How much each word of `text`, as [`TextModel::clean`] gives it, spoke for `label` (by number; the answer when `None`): its
    /// place in the text and its share, positive when for, negative when against.
    pub fn explain(
        &self,
        text: &str,
        method: Explain,
        label: Option<usize>,
    ) -> Vec<(Range<usize>, f32)> {
        let spans: Vec<Range<usize>> = self
            .card
            .encoder
            .tokens(text)
            .into_iter()
            .map(|(span, _)| span)
            .collect();
        let whole = self.encode(&[text]).swap_remove(0);
        let label = label.unwrap_or_else(|| best(&self.scores(&self.params, &[&whole])[0]));
        let shares = match (method, &whole) {
            (Explain::Occlusion, _) => self.occlusion(text, &whole, &spans, label),
            (Explain::Gradient, Encoded::Sequence(_)) => self.gradient(&whole, label),
            (Explain::Gradient, Encoded::Bag(_)) => self.bag_gradient(text, &whole, &spans, label),
        };
        // A text longer than the model reads has words beyond its last share.
        spans.into_iter().zip(shares).collect()
    }

    /// The text encoded once without each of its words.
    fn without_each(&self, text: &str, spans: &[Range<usize>]) -> Vec<Encoded> {
        let without = |span: &Range<usize>| [&text[..span.start], " ", &text[span.end..]].concat();
        self.encode(&spans.iter().map(without).collect::<Vec<_>>())
    }

    fn occlusion(
        &self,
        text: &str,
        whole: &Encoded,
        spans: &[Range<usize>],
        label: usize,
    ) -> Vec<f32> {
        let variants = self.without_each(text, spans);
        let mut all = vec![whole];
        all.extend(&variants);
        let scores = self.scores(&self.params, &all);
        let probability: Vec<f32> = scores.iter().map(|s| softmax(s)[label]).collect();
        probability[1..]
            .iter()
            .map(|p| probability[0] - p)
            .collect()
    }

    /// The derivative of log p(label) with respect to what the network reads first, and that.
    fn derivative(&self, text: &Encoded, label: usize) -> (Input, Tensor, Tensor) {
        let input = assemble(&[text], 0.0, None);
        let pass = Pass::evaluation(&self.params);
        let first = self.network.read(&pass, &input).watch();
        let logits = self.network.decide(&pass, &input, &first);
        let loss = logits.cross_entropy(&[label as u32], &CrossEntropy::default());
        let gradients = loss.backward();
        let gradient = gradients.get(&first).expect("the answer reads its input");
        // The loss is -log p.
        let gradient = gradient.neg();
        (input, first.detach(), gradient)
    }

    fn gradient(&self, text: &Encoded, label: usize) -> Vec<f32> {
        let (_, words, gradient) = self.derivative(text, label);
        words.mul(&gradient).sum_axis(1).to_vec() // one sequence: row t is word t
    }

    /// A word of a bag takes part in several n-grams; its share is the derivative along the
    /// change of the bag when the word is left out.
    fn bag_gradient(
        &self,
        text: &str,
        whole: &Encoded,
        spans: &[Range<usize>],
        label: usize,
    ) -> Vec<f32> {
        if spans.is_empty() {
            return Vec::new();
        }
        let (_, bag, gradient) = self.derivative(whole, label);
        let variants = self.without_each(text, spans);
        let input = assemble(&variants.iter().collect::<Vec<_>>(), 0.0, None);
        let without = self.network.read(&Pass::evaluation(&self.params), &input);
        bag.sub(&without).mul(&gradient).sum_axis(1).to_vec()
    }
}
