//! Choosing a word from the scores of all words.

use std::cmp::Ordering;

use crate::random::Key;

/// How the next word is drawn. The default draws from the model's own probabilities.
#[derive(Clone, Debug, PartialEq)]
pub struct Sampling {
    /// Scores are divided by this before probabilities are made of them: below 1 the likely words
    /// become likelier. 0 always takes the likeliest (greedy).
    pub temperature: f64,
    /// Draw from the so many likeliest words alone; 0 for all (Fan et al. 2018).
    pub top_k: usize,
    /// Draw from the fewest likeliest words that have this probability together (Holtzman et al.
    /// 2020); 1 for all.
    pub top_p: f64,
    /// Draw from the words whose surprise is nearest to the expected one, as many as have this
    /// probability together (Meister et al. 2023); 1 for all.
    pub typical: f64,
    /// Scores of words that were there lately are divided by this where above 0, else multiplied
    /// (Keskar et al. 2019); 1 for no penalty.
    pub repetition_penalty: f64,
}

impl Default for Sampling {
    fn default() -> Sampling {
        Sampling {
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            typical: 1.0,
            repetition_penalty: 1.0,
        }
    }
}

/// How many of the last words the repetition penalty is for.
pub(in crate::tasks) const RECENT: usize = 64;

/// Draws words; its lists are kept from word to word.
#[derive(Clone, Debug)]
pub struct Sampler {
    sampling: Sampling,
    /// Words and their probabilities, likeliest first as far as they were looked at.
    ranked: Vec<(u32, f64)>,
}

impl Sampler {
    /// A sampler.
    pub fn new(sampling: Sampling) -> Sampler {
        Sampler {
            sampling,
            ranked: Vec::new(),
        }
    }

    /// Draws a word: its number, by the scores of all words `[V]`. `recent` are the words that the
    /// penalty is for; `banned` are never drawn; `number` is the draw's own, so that equal keys and
    /// numbers draw alike.
    ///
    /// # Panics
    /// When every word is banned.
    pub fn draw(
        &mut self,
        logits: &[f32],
        recent: &[u32],
        banned: &[u32],
        key: Key,
        number: u64,
    ) -> u32 {
        let Sampling {
            temperature,
            top_k,
            top_p,
            typical,
            repetition_penalty,
        } = self.sampling;
        let score = |(word, &logit): (usize, &f32)| {
            let word = word as u32;
            let mut score = f64::from(logit);
            if repetition_penalty != 1.0 && recent.contains(&word) {
                score = match score > 0.0 {
                    true => score / repetition_penalty,
                    false => score * repetition_penalty,
                };
            }
            (word, score)
        };
        let ranked = &mut self.ranked;
        ranked.clear();
        let scored = logits.iter().enumerate().map(score);
        ranked.extend(scored.filter(|(word, _)| !banned.contains(word)));
        assert!(!ranked.is_empty(), "draw: every word is banned");
        let order = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if temperature == 0.0 {
            return ranked.iter().min_by(|a, b| order(a, b)).expect("a word").0;
        }
        let kept = match top_k {
            0 => ranked.len(),
            k => k.min(ranked.len()),
        };
        if kept < ranked.len() {
            ranked.select_nth_unstable_by(kept - 1, order);
            ranked.truncate(kept);
        }
        let scores = ranked.iter().map(|&(_, score)| score);
        let best = scores.fold(f64::NEG_INFINITY, f64::max);
        for (_, score) in ranked.iter_mut() {
            *score = ((*score - best) / temperature).exp();
        }
        normalize(ranked);
        if typical < 1.0 {
            let entropy: f64 = -ranked
                .iter()
                .map(|&(_, p)| p * p.max(1e-300).ln())
                .sum::<f64>();
            let strange = |p: f64| (-p.max(1e-300).ln() - entropy).abs();
            nucleus(ranked, typical, |a, b| {
                strange(a.1).total_cmp(&strange(b.1)).then(a.0.cmp(&b.0))
            });
        }
        if top_p < 1.0 {
            nucleus(ranked, top_p, order);
        }
        let mut left = key.uniform(number);
        let drawn = |p| {
            left -= p;
            left < 0.0
        };
        let place = match typical < 1.0 || top_p < 1.0 {
            // They are few, and in order.
            true => ranked.iter().map(|&(_, p)| p).position(drawn),
            false => sort_until(ranked, order, drawn),
        };
        ranked[place.unwrap_or(ranked.len() - 1)].0
    }
}

fn normalize(ranked: &mut [(u32, f64)]) {
    let sum: f64 = ranked.iter().map(|(_, p)| p).sum();
    ranked.iter_mut().for_each(|(_, p)| *p /= sum);
}

/// Keeps the words that come first in an order and have `share` of the probability together, one at least, and sorts
/// them.
fn nucleus(
    ranked: &mut Vec<(u32, f64)>,
    share: f64,
    order: impl Fn(&(u32, f64), &(u32, f64)) -> Ordering,
) {
    let mut sum = 0.0;
    let reached = sort_until(ranked, order, |p| {
        sum += p;
        sum >= share
    });
    ranked.truncate(reached.map_or(ranked.len(), |last| last + 1));
    normalize(ranked);
}

/// Words sorted at once at first; twice as many with each further block.
const BLOCK: usize = 32;

/// Sorts words from the first on until the probability of one says that it is enough, and gives its place; all are
/// sorted where none does. Mostly a few of many thousand words have nearly all of the probability.
fn sort_until(
    ranked: &mut [(u32, f64)],
    order: impl Fn(&(u32, f64), &(u32, f64)) -> Ordering,
    mut enough: impl FnMut(f64) -> bool,
) -> Option<usize> {
    let mut sorted = 0;
    while sorted < ranked.len() {
        let rest = &mut ranked[sorted..];
        let block = sorted.max(BLOCK).min(rest.len());
        if block < rest.len() {
            rest.select_nth_unstable_by(block - 1, &order);
        }
        rest[..block].sort_unstable_by(&order);
        if let Some(place) = rest[..block].iter().position(|&(_, p)| enough(p)) {
            return Some(sorted + place);
        }
        sorted += block;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the words' probabilities are.
    const SHARES: [f32; 4] = [0.1, 0.4, 0.3, 0.2];

    /// How often each word is drawn in ten thousand draws.
    fn shares(sampling: Sampling, recent: &[u32], banned: &[u32]) -> [f64; 4] {
        let mut sampler = Sampler::new(sampling);
        let logits = SHARES.map(f32::ln);
        let mut counts = [0.0; 4];
        for i in 0..10_000 {
            counts[sampler.draw(&logits, recent, banned, Key::new(1), i) as usize] += 1e-4;
        }
        counts
    }

    fn close(got: [f64; 4], expected: [f64; 4]) {
        let near = got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.02);
        assert!(near, "{got:?}, expected {expected:?}");
    }

    #[test]
    fn words_are_sorted_as_far_as_is_needed() {
        let words = |i: u32| (i, f64::from(i * 7919 % 1000) / 499_500.0);
        let order = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        let mut all: Vec<(u32, f64)> = (0..1000).map(words).collect();
        all.sort_by(order);
        for place in [0, 31, 32, 500, 999] {
            let mut some: Vec<(u32, f64)> = (0..1000).map(words).collect();
            let mut left = place;
            let found = sort_until(&mut some, order, |_| {
                left -= 1;
                left < 0
            });
            assert_eq!(found, Some(place as usize));
            assert_eq!(some[..=place as usize], all[..=place as usize]);
        }
        assert_eq!(sort_until(&mut all, order, |_| false), None);
    }

    #[test]
    fn words_come_as_often_as_they_should() {
        let plain = Sampling::default;
        close(shares(plain(), &[], &[]), [0.1, 0.4, 0.3, 0.2]);
        let greedy = Sampling {
            temperature: 0.0,
            ..plain()
        };
        close(shares(greedy.clone(), &[], &[]), [0.0, 1.0, 0.0, 0.0]);
        close(shares(greedy, &[], &[1]), [0.0, 0.0, 1.0, 0.0]);
        let cold = Sampling {
            temperature: 0.5,
            ..plain()
        };
        // Squares: 1, 16, 9, 4 of 30.
        close(shares(cold, &[], &[]), [0.033, 0.533, 0.3, 0.133]);
        let two = Sampling {
            top_k: 2,
            ..plain()
        };
        close(shares(two, &[], &[]), [0.0, 0.571, 0.429, 0.0]);
        let most = Sampling {
            top_p: 0.6,
            ..plain()
        };
        close(shares(most, &[], &[]), [0.0, 0.571, 0.429, 0.0]);
        // The entropy is 1.28: the nearest surprise is 1.20, then 1.61 and 0.92.
        let typical = Sampling {
            typical: 0.45,
            ..plain()
        };
        close(shares(typical, &[], &[]), [0.0, 0.0, 0.6, 0.4]);
        // A score of ln 0.4 twice is ln 0.16.
        let penalty = Sampling {
            repetition_penalty: 2.0,
            ..plain()
        };
        close(shares(penalty, &[1], &[]), [0.132, 0.211, 0.395, 0.263]);
    }
}
