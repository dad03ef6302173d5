//! The parts of a corpus as rows of tokens.

use std::sync::Arc;

use crate::data::{Codec, Corpus, CorpusPart, TokenStream};
use crate::error::Result;
use crate::tasks::files::{hash, mix};
use crate::train::{Observer, Stage};

/// The tokens of each part.
pub(super) struct Parts {
    pub(super) train: Arc<TokenStream>,
    /// Nothing where there is no such part, or in it no token that another one follows.
    pub(super) valid: Option<Arc<TokenStream>>,
    /// As `valid`.
    pub(super) test: Option<Arc<TokenStream>>,
}

impl Parts {
    /// The training part, encoded already, and those that are held out.
    pub(super) fn new(
        train: Arc<TokenStream>,
        codec: &Codec,
        corpus: &Corpus,
        observer: &mut dyn Observer,
    ) -> Result<Parts> {
        let mut held_out = |part| match corpus.has(part) {
            true => encode(codec, corpus, part, observer).map(|s| Some(s).filter(|s| s.len() > 1)),
            false => Ok(None),
        };
        Ok(Parts {
            valid: held_out(CorpusPart::Valid)?,
            test: held_out(CorpusPart::Test)?,
            train,
        })
    }

    /// The part that says how good a model is.
    pub(super) fn to_measure(&self) -> (CorpusPart, Arc<TokenStream>) {
        let (part, stream) = match (&self.test, &self.valid) {
            (Some(test), _) => (CorpusPart::Test, test),
            (None, Some(valid)) => (CorpusPart::Valid, valid),
            (None, None) => (CorpusPart::Train, &self.train),
        };
        (part, Arc::clone(stream))
    }
}

/// All tokens of a part.
pub(super) fn encode(
    codec: &Codec,
    corpus: &Corpus,
    part: CorpusPart,
    observer: &mut dyn Observer,
) -> Result<Arc<TokenStream>> {
    let mut watch = |share| observer.stage(Stage::Encoding, share);
    codec.stream(corpus, part, &mut watch).map(Arc::new)
}

/// A number that changes with any token.
pub(super) fn fingerprint(stream: &TokenStream) -> u64 {
    let mut state = hash(&[]);
    stream.visit(0, &mut |tokens| {
        for token in tokens {
            state = mix(state, &token.to_le_bytes());
        }
    });
    state
}
