//! ROUGE-L (Lin 2004).

use super::captions::{Captioned, words};

/// How much more recall counts than precision.
const BETA: f64 = 1.2;

/// The mean of ROUGE-L over captions, in 0..=1; 0 of nothing.
///
/// Of a caption it is `(1 + β²) P R / (R + β² P)` with β = 1.2, where P is the longest common subsequence with a reference
/// by the length of the caption, R by that of the reference, and each is the largest over the references (as in
/// coco-caption).
///
/// # Panics
/// When a caption has no reference.
#[track_caller]
pub fn rouge_l<S: AsRef<str>>(captions: &[Captioned<'_, S>]) -> f64 {
    let sum: f64 = captions
        .iter()
        .map(|caption| {
            let candidate = words(caption.candidate);
            let (mut precision, mut recall) = (0.0_f64, 0.0_f64);
            for reference in caption.checked() {
                let reference = words(reference);
                let common = common(&candidate, &reference) as f64;
                precision = precision.max(common / candidate.len().max(1) as f64);
                recall = recall.max(common / reference.len().max(1) as f64);
            }
            if precision == 0.0 || recall == 0.0 {
                return 0.0;
            }
            let beta = BETA * BETA;
            (1.0 + beta) * precision * recall / (recall + beta * precision)
        })
        .sum();
    sum / captions.len().max(1) as f64
}

/// The length of the longest common subsequence. Two that are empty have one word, the empty one, in common: coco-caption
/// splits text at spaces, which leaves that.
fn common(a: &[&str], b: &[&str]) -> usize {
    if a.is_empty() && b.is_empty() {
        return 1;
    }
    // One row of the usual table: best[j] is for what was seen of a, and the first j words of b.
    let mut best = vec![0; b.len() + 1];
    for word in a {
        let mut diagonal = 0;
        for (j, other) in b.iter().enumerate() {
            let above = best[j + 1];
            best[j + 1] = if word == other {
                diagonal + 1
            } else {
                above.max(best[j])
            };
            diagonal = above;
        }
    }
    best[b.len()]
}
