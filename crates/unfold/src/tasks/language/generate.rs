//! Writing: a model's own words fed back to it.

use unfold_kernels::log_sum_exp;

use super::model::LanguageModel;
use super::sample::{RECENT, Sampler, Sampling};
use super::step::{Stepper, StreamState};
use crate::data::Codec;
use crate::random::Key;

/// A text that goes on: an iterator over the model's words, without end.
///
/// The unknown word is never written.
pub struct Generator<'m> {
    stepper: Stepper<'m>,
    sampler: Sampler,
    state: StreamState,
    key: Key,
    drawn: u64,
    recent: Vec<u32>,
    logits: Vec<f32>,
    banned: Vec<u32>,
}

/// A word that might have come next, and how likely it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Its number.
    pub word: u32,
    /// Its probability under the model, before any [`Sampling`].
    pub probability: f64,
}

impl<'m> Generator<'m> {
    pub(super) fn new(model: &'m LanguageModel, sampling: Sampling, seed: u64) -> Generator<'m> {
        let stepper = Stepper::new(model);
        let mut generator = Generator {
            state: stepper.start(1),
            stepper,
            sampler: Sampler::new(sampling),
            key: Key::new(seed).named("generation"),
            drawn: 0,
            recent: Vec::new(),
            logits: vec![0.0; model.codec().classes()],
            banned: vec![Codec::UNKNOWN],
        };
        if let Some(before) = model.codec().before() {
            generator.read(&[before]);
        }
        generator
    }

    /// Never writes these words; none takes all bans back but that of the unknown word.
    pub fn ban(&mut self, words: &[u32]) {
        self.banned.truncate(1);
        self.banned.extend_from_slice(words);
    }

    /// Reads some words, as if it had written them.
    pub fn read(&mut self, words: &[u32]) {
        let Some((last, before)) = words.split_last() else {
            return;
        };
        for &word in before {
            self.stepper.read(&[word], &mut self.state);
        }
        let logits = self.stepper.step(&[*last], &mut self.state);
        self.logits.copy_from_slice(logits);
        self.recent.extend_from_slice(words);
        let old = self.recent.len().saturating_sub(RECENT);
        self.recent.drain(..old);
    }

    /// Draws the next word without reading it.
    pub fn draw(&mut self) -> u32 {
        let number = self.drawn;
        self.drawn += 1;
        let (logits, recent, banned) = (&self.logits, &self.recent, &self.banned);
        self.sampler.draw(logits, recent, banned, self.key, number)
    }

    /// How likely a word is to come next.
    ///
    /// # Panics
    /// When there is no such word.
    pub fn candidate(&self, word: u32) -> Candidate {
        let log_sum = f64::from(log_sum_exp(&self.logits));
        let logit = f64::from(self.logits[word as usize]);
        Candidate {
            word,
            probability: (logit - log_sum).exp(),
        }
    }

    /// The likeliest next words, likeliest first.
    pub fn candidates(&self, count: usize) -> Vec<Candidate> {
        let log_sum = f64::from(log_sum_exp(&self.logits));
        let mut all: Vec<Candidate> = (0..)
            .zip(&self.logits)
            .map(|(word, &logit)| Candidate {
                word,
                probability: (f64::from(logit) - log_sum).exp(),
            })
            .collect();
        let order = |a: &Candidate, b: &Candidate| {
            b.probability
                .total_cmp(&a.probability)
                .then(a.word.cmp(&b.word))
        };
        let count = count.min(all.len());
        if count > 0 && count < all.len() {
            all.select_nth_unstable_by(count - 1, order);
        }
        all.truncate(count);
        all.sort_unstable_by(order);
        all
    }
}

impl Iterator for Generator<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let word = self.draw();
        self.read(&[word]);
        Some(word)
    }
}
