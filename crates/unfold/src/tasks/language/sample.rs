//! Choosing a word from the scores of all words.

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
    /// Words and their probabilities, likeliest first.
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
        ranked.sort_unstable_by(order);
        let best = ranked[0].1;
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
            ranked.sort_by(|a, b| strange(a.1).total_cmp(&strange(b.1)).then(a.0.cmp(&b.0)));
            nucleus(ranked, typical);
        }
        if top_p < 1.0 {
            ranked.sort_by(order);
            nucleus(ranked, top_p);
        }
        let mut left = key.uniform(number);
        for &(word, p) in ranked.iter() {
            left -= p;
            if left < 0.0 {
                return word;
            }
        }
        ranked[ranked.len() - 1].0
    }
}

fn normalize(ranked: &mut [(u32, f64)]) {
    let sum: f64 = ranked.iter().map(|(_, p)| p).sum();
    ranked.iter_mut().for_each(|(_, p)| *p /= sum);
}

/// Keeps the first words that have `share` of the probability together, one at least.
fn nucleus(ranked: &mut Vec<(u32, f64)>, share: f64) {
    let mut sum = 0.0;
    let reached = ranked.iter().position(|(_, p)| {
        sum += p;
        sum >= share
    });
    ranked.truncate(reached.map_or(ranked.len(), |last| last + 1));
    normalize(ranked);
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
