//! BLEU (Papineni et al. 2002).

use std::collections::BTreeMap;

use super::captions::{Captioned, words};
use super::ngrams::{LONGEST, counts};

/// Added to a count of matches and to a length, so that 0 of 0 is nearly 0 (as in coco-caption).
const TINY: f64 = 1e-15;
/// Added to what is divided by.
const SMALL: f64 = 1e-9;

/// BLEU-1 to BLEU-4 of all captions together: the geometric mean of the shares of runs of 1, 2, … words that a reference
/// has too (each as often as one reference has it at most), times a penalty where the captions are shorter in all than
/// the references nearest to them in length. Each is in 0..=1; 0 of nothing.
///
/// # Panics
/// When a caption has no reference.
#[track_caller]
pub fn bleu<S: AsRef<str>>(captions: &[Captioned<'_, S>]) -> [f64; 4] {
    let (mut length, mut wanted) = (0, 0);
    let (mut matches, mut runs) = ([0; LONGEST], [0; LONGEST]);
    for caption in captions {
        let candidate = words(caption.candidate);
        let references: Vec<Vec<&str>> = caption.checked().iter().map(|r| words(r)).collect();
        let lengths = references.iter().map(Vec::len);
        // Of two that are equally near the shorter one.
        let nearest = lengths.min_by_key(|&r| (r.abs_diff(candidate.len()), r));
        length += candidate.len();
        wanted += nearest.unwrap_or(0);
        let mut most: BTreeMap<&[&str], usize> = BTreeMap::new();
        for reference in &references {
            for (run, count) in counts(reference) {
                let most = most.entry(run).or_default();
                *most = count.max(*most);
            }
        }
        for (run, count) in counts(&candidate) {
            let known = most.get(run).copied().unwrap_or(0);
            matches[run.len() - 1] += count.min(known);
        }
        for (before, runs) in runs.iter_mut().enumerate() {
            *runs += candidate.len().saturating_sub(before);
        }
    }
    let ratio = (length as f64 + TINY) / (wanted as f64 + SMALL);
    let brevity = if ratio < 1.0 {
        (1.0 - 1.0 / ratio).exp()
    } else {
        1.0
    };
    let mut product = 1.0;
    std::array::from_fn(|i| {
        product *= (matches[i] as f64 + TINY) / (runs[i] as f64 + SMALL);
        product.powf(1.0 / (i + 1) as f64) * brevity
    })
}
