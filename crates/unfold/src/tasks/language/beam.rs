//! Beam search: the likeliest continuation that a search of some width finds.

use super::generate::log_sum;
use super::model::LanguageModel;
use super::step::Stepper;
use crate::data::Codec;

/// A continuation and ln of its probability.
#[derive(Clone, Debug, PartialEq)]
pub struct Continuation {
    /// Its words; the last one is `<eos>` where it ended by itself.
    pub words: Vec<u32>,
    /// ln of its probability given the prompt.
    pub log_probability: f64,
}

/// The `width` likeliest continuations of a prompt of at most `length` words that the search finds,
/// likeliest first by the mean of ln p over their words. One that has ended leaves its place to
/// others.
pub(super) fn search(
    model: &LanguageModel,
    prompt: &[u32],
    width: usize,
    length: usize,
) -> Vec<Continuation> {
    let codec = model.codec();
    let (stepper, eos, classes) = (Stepper::new(model), codec.eos(), codec.classes());
    let mut state = stepper.start(width);
    let mut logits = vec![0.0; width * classes];
    for word in codec.before().iter().chain(prompt) {
        logits.copy_from_slice(stepper.step(&vec![*word; width], &mut state));
    }
    let empty = Continuation {
        words: Vec::new(),
        log_probability: 0.0,
    };
    // At first all streams are the same one.
    let (mut beam, mut ended) = (vec![empty], Vec::new());
    for _ in 0..length {
        let mut next: Vec<(usize, u32, f64)> = Vec::new();
        for (b, continuation) in beam.iter().enumerate() {
            let scores = &logits[b * classes..][..classes];
            let log_sum = log_sum(scores);
            let all = (0..).zip(scores);
            let written = all.filter(|(word, _)| *word != Codec::UNKNOWN);
            next.extend(written.map(|(word, &score)| {
                let log_p = f64::from(score) - log_sum;
                (b, word, continuation.log_probability + log_p)
            }));
        }
        let likelier = |a: &(usize, u32, f64), b: &(usize, u32, f64)| {
            b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1)))
        };
        // Each of the width may be an end, which takes no place.
        let most = (2 * width).min(next.len());
        if most > 0 && most < next.len() {
            next.select_nth_unstable_by(most - 1, likelier);
        }
        next.truncate(most);
        next.sort_unstable_by(likelier);
        let (mut from, mut words, mut longer) = (Vec::new(), Vec::new(), Vec::new());
        for (b, word, log_probability) in next {
            let mut continuation = beam[b].clone();
            continuation.words.push(word);
            continuation.log_probability = log_probability;
            if Some(word) == eos {
                ended.push(continuation);
            } else if longer.len() < width {
                from.push(b);
                words.push(word);
                longer.push(continuation);
            }
        }
        beam = longer;
        if beam.is_empty() || ended.len() >= width {
            break;
        }
        from.resize(width, 0);
        words.resize(width, words[0]);
        state.select(&from);
        logits.copy_from_slice(stepper.step(&words, &mut state));
    }
    ended.extend(beam);
    let mean = |c: &Continuation| c.log_probability / c.words.len().max(1) as f64;
    ended.sort_by(|a, b| mean(b).total_cmp(&mean(a)).then(a.words.cmp(&b.words)));
    ended.truncate(width);
    ended
}
