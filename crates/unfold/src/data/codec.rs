//! Text to the classes of a language model and back.

use serde::{Deserialize, Serialize};

use super::encoder::Reader;
use super::{
    Corpus, CorpusPart, Encoder, Ends, TokenConfig, TokenStream, TokenWriter, Vocabulary, Watch,
    concurrent,
};
use crate::error::{Error, Result};

/// Texts encoded together.
const BLOCK: usize = 4096;

/// The tokens that a language model reads and predicts: class 0 is `<unk>`, every unknown word;
/// class 1 is `<eos>`, the end of a text, where texts have ends; the words follow, most frequent
/// first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Codec {
    encoder: Encoder,
    ends: Ends,
}

impl Codec {
    /// The class of every unknown word.
    pub const UNKNOWN: u32 = 0;

    /// Learns the words of a corpus' training part, while `watch` is told how far it is.
    ///
    /// # Errors
    /// As [`Encoder::fit`] and [`Corpus::visit`].
    pub fn fit(
        corpus: &Corpus,
        ends: Ends,
        config: &TokenConfig,
        watch: &mut Watch<'_>,
    ) -> Result<Codec> {
        let ends = corpus.ends(ends, config.tokenizer);
        let read: &mut Reader<'_> = &mut |visit| {
            corpus.visit(CorpusPart::Train, ends, watch, visit)?;
            // Choosing words, and above all pieces, among what was read takes a while of its own.
            watch(None);
            Ok(())
        };
        // Running text is never cut off.
        let config = TokenConfig {
            max_length: 0,
            ..config.clone()
        };
        let encoder = Encoder::learn(read, &config)?;
        Ok(Codec { encoder, ends })
    }

    /// How many classes there are, V.
    pub fn classes(&self) -> usize {
        // Everything but the encoder's empty place, and `<eos>`.
        self.encoder.size() - 1 + usize::from(self.eos().is_some())
    }

    /// The class of the end of a text, where texts have ends.
    pub fn eos(&self) -> Option<u32> {
        (self.ends != Ends::Never).then_some(1)
    }

    /// What a text is taken to follow: the end of another one, or where texts have no ends a line
    /// break, where that is known.
    pub fn before(&self) -> Option<u32> {
        // As characters have it, and as byte-level pieces spell it.
        let line_break = || self.class("\n").or_else(|| self.class("Ċ"));
        self.eos().or_else(line_break)
    }

    /// Where texts end.
    pub fn ends(&self) -> Ends {
        self.ends
    }

    /// The encoder behind the classes.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// The word that a class stands for.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn word(&self, class: u32) -> &str {
        if Some(class) == self.eos() {
            return "<eos>";
        }
        let word = self.encoder.vocabulary().word(self.id(class));
        word.unwrap_or_else(|| panic!("class {class} of {}", self.classes()))
    }

    /// The class of a word that is known.
    pub fn class(&self, word: &str) -> Option<u32> {
        match self.eos() {
            Some(eos) if word == "<eos>" => Some(eos),
            _ => self.encoder.vocabulary().id(word).map(|id| match id {
                Vocabulary::UNKNOWN => Codec::UNKNOWN,
                id => id - 1 + self.eos().unwrap_or(0),
            }),
        }
    }

    /// The encoder's number of a class that is not `<eos>`.
    pub(super) fn id(&self, class: u32) -> u32 {
        match class {
            Codec::UNKNOWN => Vocabulary::UNKNOWN,
            class => class + 1 - self.eos().unwrap_or(0),
        }
    }

    /// The tokens of a text; none for an empty one.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let tokens = self.encoder.tokens(text).into_iter();
        tokens
            .map(|(_, word)| self.class(&word).unwrap_or(Codec::UNKNOWN))
            .collect()
    }

    /// The words of a text that are not known, each once.
    pub fn unknown(&self, text: &str) -> Vec<String> {
        let mut unknown: Vec<String> = Vec::new();
        for (_, word) in self.encoder.tokens(text) {
            if self.class(&word).is_none() && !unknown.contains(&word) {
                unknown.push(word);
            }
        }
        unknown
    }

    /// All tokens of a part of a corpus, each text with its end, while `watch` is told how far it is.
    ///
    /// # Errors
    /// As [`Corpus::visit`], or when there is no token.
    pub fn stream(
        &self,
        corpus: &Corpus,
        part: CorpusPart,
        watch: &mut Watch<'_>,
    ) -> Result<TokenStream> {
        let mut stream = TokenWriter::default();
        let mut texts: Vec<String> = Vec::new();
        let eos = self.eos();
        let mut flush = |texts: &mut Vec<String>| {
            let all = concurrent::map(texts, |text| {
                let mut ids = self.encode(text);
                ids.extend(eos);
                ids
            });
            texts.clear();
            all.iter().try_for_each(|ids| stream.push(ids))
        };
        corpus.visit(part, self.ends, watch, &mut |text| {
            texts.push(text.to_owned());
            match texts.len() {
                BLOCK => flush(&mut texts),
                _ => Ok(()),
            }
        })?;
        flush(&mut texts)?;
        let stream = stream.finish()?;
        if stream.is_empty() {
            let problem = format!("the {} part holds no token", part.name());
            return Err(Error::data(corpus.name(), problem, "give more text"));
        }
        Ok(stream)
    }
}
