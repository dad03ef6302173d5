//! CIDEr and CIDEr-D (Vedantam et al. 2015).

use std::collections::{BTreeSet, HashMap};

use super::captions::{Captioned, words};
use super::ngrams::{LONGEST, counts};

/// The spread of the penalty for captions of another length, in words.
const SIGMA: f64 = 6.0;

/// The mean of CIDEr over captions, in 0..=10; 0 of nothing.
///
/// A caption is a vector for each run length from 1 to 4: how often it has each run of words, times the logarithm of the
/// number of pictures over that of pictures with this run in a reference (equation 1). CIDEr is ten times the mean cosine
/// of the vectors of caption and reference, over references and lengths (equations 2 and 3). What a caption is worth
/// therefore depends on the whole set, and in a set of one picture it is 0.
///
/// # Panics
/// When a caption has no reference.
#[track_caller]
pub fn cider<S: AsRef<str>>(captions: &[Captioned<'_, S>]) -> f64 {
    mean(captions, cosine)
}

/// The mean of CIDEr-D over captions, in 0..=10: as [`cider`], but a run counts at most as often as the reference has it,
/// and captions of another length are penalised by a Gaussian with a spread of 6 words (equation 4). This is what
/// coco-caption reports as CIDEr.
///
/// # Panics
/// When a caption has no reference.
#[track_caller]
pub fn cider_d<S: AsRef<str>>(captions: &[Captioned<'_, S>]) -> f64 {
    mean(captions, clipped)
}

/// The weights of a caption's runs.
struct Weighted<'a, 'w> {
    /// The runs of each length, ordered, and their weights.
    runs: [Vec<(&'a [&'w str], f64)>; LONGEST],
    /// The norms of the vectors of each length.
    norms: [f64; LONGEST],
    /// Pairs of neighbouring words, which coco-caption takes for the length.
    pairs: usize,
}

/// In how many pictures each run occurs.
struct Frequencies<'a, 'w> {
    pictures: HashMap<&'a [&'w str], usize>,
    total: f64,
}

#[track_caller]
fn mean<S: AsRef<str>>(
    captions: &[Captioned<'_, S>],
    similarity: fn(&Weighted<'_, '_>, &Weighted<'_, '_>, usize) -> f64,
) -> f64 {
    let references: Vec<Vec<Vec<&str>>> = captions
        .iter()
        .map(|caption| caption.checked().iter().map(|r| words(r)).collect())
        .collect();
    let frequencies = Frequencies::of(&references);
    let score = |(caption, references): (&Captioned<'_, S>, &Vec<Vec<&str>>)| {
        let candidate = words(caption.candidate);
        let candidate = frequencies.weigh(&candidate);
        let mut sum = 0.0;
        for reference in references {
            let reference = frequencies.weigh(reference);
            sum += (0..LONGEST)
                .map(|n| similarity(&candidate, &reference, n))
                .sum::<f64>();
        }
        10.0 * sum / (LONGEST * references.len()) as f64
    };
    let sum: f64 = captions.iter().zip(&references).map(score).sum();
    sum / captions.len().max(1) as f64
}

impl<'a, 'w> Frequencies<'a, 'w> {
    fn of(references: &'a [Vec<Vec<&'w str>>]) -> Self {
        let mut pictures = HashMap::new();
        for references in references {
            let runs: BTreeSet<&[&str]> = references
                .iter()
                .flat_map(|r| counts(r).into_keys())
                .collect();
            for run in runs {
                *pictures.entry(run).or_default() += 1;
            }
        }
        Frequencies {
            pictures,
            total: references.len() as f64,
        }
    }

    fn weigh<'b>(&self, words: &'b [&'w str]) -> Weighted<'b, 'w> {
        let mut weighted = Weighted {
            runs: Default::default(),
            norms: [0.0; LONGEST],
            pairs: words.len().saturating_sub(1),
        };
        for (run, count) in counts(words) {
            // A run that no reference has is as rare as one that a single picture has.
            let pictures = self.pictures.get(run).copied().unwrap_or(1);
            let weight = count as f64 * (self.total.ln() - (pictures as f64).ln());
            let n = run.len() - 1;
            weighted.norms[n] += weight * weight;
            weighted.runs[n].push((run, weight));
        }
        weighted.norms = weighted.norms.map(f64::sqrt);
        weighted
    }
}

impl Weighted<'_, '_> {
    /// The sum of `term` over the runs of n + 1 words that both have, by the norms of both.
    fn product(&self, other: &Weighted<'_, '_>, n: usize, term: fn(f64, f64) -> f64) -> f64 {
        let theirs = &other.runs[n];
        let shared = self.runs[n].iter().filter_map(|(run, weight)| {
            let at = theirs.binary_search_by(|(their, _)| their.cmp(run)).ok()?;
            Some(term(*weight, theirs[at].1))
        });
        let sum: f64 = shared.sum();
        let norms = self.norms[n] * other.norms[n];
        if norms == 0.0 { sum } else { sum / norms }
    }
}

fn cosine(candidate: &Weighted<'_, '_>, reference: &Weighted<'_, '_>, n: usize) -> f64 {
    candidate.product(reference, n, |a, b| a * b)
}

fn clipped(candidate: &Weighted<'_, '_>, reference: &Weighted<'_, '_>, n: usize) -> f64 {
    let further = candidate.pairs.abs_diff(reference.pairs) as f64;
    let penalty = (-further * further / (2.0 * SIGMA * SIGMA)).exp();
    candidate.product(reference, n, |a, b| a.min(b) * b) * penalty
}
