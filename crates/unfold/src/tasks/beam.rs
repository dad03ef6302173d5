//! Beam search: the likeliest text that a search of some width finds.

use unfold_kernels::log_sum_exp;

/// A continuation and ln of its probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Continuation {
    /// Its words; the last one is the end where it ended by itself.
    pub words: Vec<u32>,
    /// ln of its probability given what stands before it.
    pub log_probability: f64,
}

/// A search that goes on word by word: [`Beam::advance`] says which streams go on with which words.
pub(super) struct Beam {
    width: usize,
    /// Whether every text comes to an end, as captions do: one that has none is then no answer where others have.
    all_end: bool,
    /// The power of a text's length that its ln p is divided by.
    length_power: f64,
    live: Vec<Continuation>,
    ended: Vec<Continuation>,
}

/// How the streams of a search go on: stream i is as stream `from[i]` was, and reads `words[i]`.
pub(super) struct Advance {
    pub(super) from: Vec<usize>,
    pub(super) words: Vec<u32>,
}

impl Beam {
    /// A search in `width` streams. Texts are ranked by ln p / length^`length_power`: 1 for the mean over words, 0 for ln p
    /// itself, which favours short ones. Where texts `all_end`, as captions do, the search goes on until none that has not ended is
    /// better than those found, and an end counts among the best continuations of twice the width; else it ends with `width` ends,
    /// each of which was among the best of the width. A single stream takes the likeliest word each time.
    pub(super) fn new(width: usize, all_end: bool, length_power: f64) -> Beam {
        let empty = Continuation {
            words: Vec::new(),
            log_probability: 0.0,
        };
        Beam {
            width,
            all_end,
            length_power,
            // At first all streams are the same one.
            live: vec![empty],
            ended: Vec::new(),
        }
    }

    /// Goes on by a word, given the scores of all words after each stream, `[width, V]`. A text that ends, with the word `end`,
    /// leaves its place to others; `banned` is never written. Nothing when the search is over.
    pub(super) fn advance(
        &mut self,
        logits: &[f32],
        end: Option<u32>,
        banned: &[u32],
    ) -> Option<Advance> {
        let (width, classes) = (self.width, logits.len() / self.width);
        // Each of the width may be an end, which takes no place.
        let most = 2 * width;
        let mut next: Vec<(usize, u32, f64)> = Vec::new();
        for (b, continuation) in self.live.iter().enumerate() {
            let scores = &logits[b * classes..][..classes];
            let before = continuation.log_probability - f64::from(log_sum_exp(scores));
            let best = best(scores, most, banned).into_iter();
            next.extend(best.map(|(word, score)| (b, word, before + f64::from(score))));
        }
        next.sort_unstable_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
        next.truncate(most);
        let ends_among = match self.all_end && width > 1 {
            true => most,
            false => width,
        };
        let (mut from, mut words, mut longer) = (Vec::new(), Vec::new(), Vec::new());
        for (place, (b, word, log_probability)) in next.into_iter().enumerate() {
            let ends = Some(word) == end;
            if ends && place >= ends_among {
                continue;
            }
            let mut continuation = self.live[b].clone();
            continuation.words.push(word);
            continuation.log_probability = log_probability;
            if ends {
                self.ended.push(continuation);
            } else if longer.len() < width {
                from.push(b);
                words.push(word);
                longer.push(continuation);
            }
        }
        self.live = longer;
        if self.is_over() {
            return None;
        }
        from.resize(width, 0);
        words.resize(width, words[0]);
        Some(Advance { from, words })
    }

    /// Whether enough has been found.
    fn is_over(&self) -> bool {
        if self.live.is_empty() {
            return true;
        }
        if self.ended.len() < self.width {
            return false;
        }
        if !self.all_end {
            return true;
        }
        let mut ended: Vec<f64> = self.ended.iter().map(|c| self.rank(c)).collect();
        ended.sort_unstable_by(|a, b| b.total_cmp(a));
        let worst = ended[self.width - 1];
        self.live.iter().all(|c| self.rank(c) <= worst)
    }

    /// What texts are ordered by: the higher, the better.
    fn rank(&self, c: &Continuation) -> f64 {
        c.log_probability / (c.words.len().max(1) as f64).powf(self.length_power)
    }

    /// The best `width` texts, best first. Those that have not ended are among them or, where all should, after them.
    pub(super) fn finish(self) -> Vec<Continuation> {
        let ended = self.ended.iter().map(|c| (false, c));
        let live = self.live.iter().map(|c| (self.all_end, c));
        let mut all: Vec<(bool, &Continuation)> = ended.chain(live).collect();
        all.sort_by(|(a_late, a), (b_late, b)| {
            let by_rank = || self.rank(b).total_cmp(&self.rank(a));
            let order = a_late.cmp(b_late).then_with(by_rank);
            order.then_with(|| a.words.cmp(&b.words))
        });
        let best = all.into_iter().take(self.width);
        best.map(|(_, c)| c.clone()).collect()
    }
}

/// Scores that are looked at together: few of them are among the highest.
const LOOK: usize = 32;

/// The `most` highest scores and their words, best first and of equals the first; none that is banned.
fn best(scores: &[f32], most: usize, banned: &[u32]) -> Vec<(u32, f32)> {
    let mut best: Vec<(u32, f32)> = Vec::with_capacity(most + 1);
    // What a score must exceed.
    let mut last = f32::NEG_INFINITY;
    for (block, scores) in (0..).step_by(LOOK).zip(scores.chunks(LOOK)) {
        // All of them, with no way out halfway: so the compiler makes vectors of it.
        let any = scores
            .iter()
            .fold(false, |any, score| any | (*score > last));
        if best.len() == most && !any {
            continue;
        }
        for (word, &score) in (block..).zip(scores) {
            if (best.len() == most && score <= last) || banned.contains(&word) {
                continue;
            }
            let place = best.partition_point(|(_, other)| *other >= score);
            best.insert(place, (word, score));
            best.truncate(most);
            last = best[best.len() - 1].1;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores after a text: word 0 ends it. The likeliest first word leads to a poor second one.
    fn scores(words: &[u32]) -> Vec<f32> {
        let shares: [f32; 3] = match words {
            [] => [0.05, 0.55, 0.4],
            [1] => [0.32, 0.35, 0.33],
            _ => [0.9, 0.05, 0.05],
        };
        shares.map(f32::ln).to_vec()
    }

    fn search(width: usize, length_power: f64, length: usize) -> Vec<Continuation> {
        run(Beam::new(width, false, length_power), length)
    }

    fn run(mut beam: Beam, length: usize) -> Vec<Continuation> {
        let width = beam.width;
        let mut streams = vec![Vec::new(); width];
        for _ in 0..length {
            let logits: Vec<f32> = streams.iter().flat_map(|words| scores(words)).collect();
            let Some(Advance { from, words }) = beam.advance(&logits, Some(0), &[]) else {
                break;
            };
            let longer = |(from, word): (&usize, &u32)| [&streams[*from][..], &[*word]].concat();
            streams = from.iter().zip(&words).map(longer).collect();
        }
        beam.finish()
    }

    #[test]
    fn a_wider_search_finds_what_a_narrow_one_misses() {
        // One stream goes past an end that is the second choice.
        assert_eq!(search(1, 0.0, 9)[0].words, [1, 1, 0]);
        let found = search(3, 0.0, 9);
        // 0.4 x 0.9 against 0.55 x 0.35 x 0.9.
        assert_eq!(found[0].words, [2, 0]);
        assert!((found[0].log_probability - 0.36f64.ln()).abs() < 1e-6);
        assert!(found.len() == 3 && found[1].log_probability <= found[0].log_probability);
    }

    #[test]
    fn the_best_words_come_in_order() {
        let scores = [1.0, 3.0, 2.0, 3.0, 5.0, 0.0];
        assert_eq!(best(&scores, 3, &[4]), [(1, 3.0), (3, 3.0), (2, 2.0)]);
        assert_eq!(best(&scores[..2], 3, &[]), [(1, 3.0), (0, 1.0)]);
        // Longer than what is looked at together.
        let scores: Vec<f32> = (0..1000).map(|i| (i * 389 % 997) as f32).collect();
        let mut sorted: Vec<(u32, f32)> = (0..).zip(scores.iter().copied()).collect();
        sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
        assert_eq!(best(&scores, 10, &[]), sorted[..10]);
    }

    #[test]
    fn the_length_counts_as_asked() {
        assert_eq!(search(3, 0.0, 9)[0].words.len(), 2);
        // Where every word makes it worse, the shortest one wins.
        assert_eq!(search(3, -3.0, 9)[0].words, [0]);
    }

    #[test]
    fn texts_that_all_end_do() {
        let found = |width, length| -> Vec<Vec<u32>> {
            let all = run(Beam::new(width, true, 1.0), length);
            all.into_iter().map(|c| c.words).collect()
        };
        // After two words there are ends, and better texts without one.
        assert_eq!(found(2, 2), [vec![2, 0], vec![1, 0]]);
        assert_eq!(found(3, 9)[0], [2, 0]);
        assert!(found(3, 9).iter().all(|words| words.last() == Some(&0)));
        // One stream is greedy, and what has no end by then is better than nothing.
        assert_eq!(found(1, 9), [[1, 1, 0]]);
        assert_eq!(found(1, 2), [[1, 1]]);
    }

    #[test]
    fn what_does_not_end_is_cut() {
        let found = search(2, 1.0, 1);
        assert_eq!(
            found.iter().map(|c| &c.words[..]).collect::<Vec<_>>(),
            [[1], [2]]
        );
    }
}
