//! Captions as words, and all their metrics at once.

use serde::{Deserialize, Serialize};

use super::{bleu, cider, cider_d, rouge_l};

/// A caption to be scored and those that people gave the same picture, all of them as words.
#[derive(Debug)]
pub struct Captioned<'a, S> {
    /// The caption to be scored.
    pub candidate: &'a [S],
    /// What people said; at least one caption.
    pub references: &'a [Vec<S>],
}

impl<S> Clone for Captioned<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Captioned<'_, S> {}

/// How good captions are, by the metrics of coco-caption. METEOR and SPICE, which need dictionaries, are not among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CaptionScores {
    /// BLEU with words alone, in 0..=1.
    pub bleu1: f64,
    /// BLEU with runs of up to 2 words.
    pub bleu2: f64,
    /// BLEU with runs of up to 3 words.
    pub bleu3: f64,
    /// BLEU with runs of up to 4 words.
    pub bleu4: f64,
    /// ROUGE-L, in 0..=1.
    pub rouge_l: f64,
    /// CIDEr, in 0..=10.
    pub cider: f64,
    /// CIDEr-D, in 0..=10. This is what coco-caption and most papers call CIDEr.
    pub cider_d: f64,
}

impl CaptionScores {
    /// Scores a set of captions. Words are compared as they are: bring candidates and references to the same form first,
    /// such as that of [`caption_words`](crate::data::caption_words).
    ///
    /// # Panics
    /// When a caption has no reference.
    pub fn of<S: AsRef<str>>(captions: &[Captioned<'_, S>]) -> CaptionScores {
        let [bleu1, bleu2, bleu3, bleu4] = bleu(captions);
        CaptionScores {
            bleu1,
            bleu2,
            bleu3,
            bleu4,
            rouge_l: rouge_l(captions),
            cider: cider(captions),
            cider_d: cider_d(captions),
        }
    }
}

impl<'a, S: AsRef<str>> Captioned<'a, S> {
    /// The references, at least one.
    #[track_caller]
    pub(super) fn checked(&self) -> &'a [Vec<S>] {
        assert!(
            !self.references.is_empty(),
            "captions: expected at least one reference for each candidate, got none"
        );
        self.references
    }
}

/// Words as text.
pub(super) fn words<S: AsRef<str>>(tokens: &[S]) -> Vec<&str> {
    tokens.iter().map(AsRef::as_ref).collect()
}
