//! Text to the classes of a language model and back.

use std::collections::HashSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::encoder::Reader;
use super::stream::Measure;
use super::{
    Corpus, CorpusPart, Encoder, Ends, TokenConfig, TokenKind, TokenStream, TokenWriter,
    Vocabulary, Watch, concurrent,
};
use crate::error::{Error, Result};

/// Texts, or bytes of them, encoded together.
const TEXTS: usize = 4096;
const BYTES: usize = 1 << 24;
/// The word that the end of a text is.
const EOS: &str = "<eos>";

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
            corpus.visit(CorpusPart::Train, ends, watch, &mut |text, _| visit(text))?;
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

    /// What a person should know of the words that were learned.
    pub fn note(&self) -> Option<String> {
        let config = self.encoder.config();
        let learned = self.encoder.size() - 2;
        let words = matches!(config.tokenizer, TokenKind::Words | TokenKind::Whitespace);
        (words && config.max_size > 0 && learned == config.max_size).then(|| {
            format!(
                "the {learned} most frequent words are known and all others are <unk> (tokens.max_size); \
                 tokens.max_size = 0 knows all, for which model.cutoffs save time"
            )
        })
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
            return EOS;
        }
        let word = self.encoder.vocabulary().word(self.id(class));
        word.unwrap_or_else(|| panic!("class {class} of {}", self.classes()))
    }

    /// The text that a class stands for: of a piece not its spelling in the vocabulary, in which bytes have
    /// letters of their own. A piece that is no whole letter, and what stands for no text, keep theirs.
    ///
    /// # Panics
    /// When there is no such class.
    pub fn text(&self, class: u32) -> String {
        let word = self.word(class);
        let kind = self.encoder.config().tokenizer;
        let piece = matches!(kind, TokenKind::File | TokenKind::Bpe) && Some(class) != self.eos();
        let text = piece.then(|| self.encoder.decode_file(&[self.id(class)]));
        let whole = |text: &String| !text.is_empty() && !text.contains('\u{fffd}');
        text.flatten()
            .filter(whole)
            .unwrap_or_else(|| word.to_owned())
    }

    /// The class that `text` is a single token of, as inside a text or at its beginning, or that the vocabulary
    /// spells so.
    pub fn named(&self, text: &str) -> Option<u32> {
        let single = |text: &str| match self.encode(text)[..] {
            [class] if class != Codec::UNKNOWN => Some(class),
            _ => None,
        };
        single(&format!(" {text}"))
            .or_else(|| single(text))
            .or_else(|| self.class(text))
    }

    /// The class of a word that is known.
    pub fn class(&self, word: &str) -> Option<u32> {
        match self.eos() {
            Some(eos) if word == EOS => Some(eos),
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

    /// The classes of [`Codec::tokens`].
    pub fn encode(&self, text: &str) -> Vec<u32> {
        self.classes_of(self.tokens(text))
    }

    fn classes_of(&self, tokens: Vec<(Range<usize>, String)>) -> Vec<u32> {
        let class = |(_, word): (_, String)| self.class(&word).unwrap_or(Codec::UNKNOWN);
        tokens.into_iter().map(class).collect()
    }

    /// The tokens of a text that may go on, each with its place in bytes; none for an empty one. Where lines or
    /// paragraphs are texts, `<eos>` stands for what ends them; none is put at the end.
    pub fn tokens(&self, text: &str) -> Vec<(Range<usize>, String)> {
        let mut tokens = Vec::new();
        for (stretch, end) in stretches(text, self.ends) {
            let inside = self.encoder.tokens(&text[stretch.clone()]);
            let moved =
                |place: Range<usize>| stretch.start + place.start..stretch.start + place.end;
            tokens.extend(inside.into_iter().map(|(place, word)| (moved(place), word)));
            tokens.extend(end.map(|end| (end, EOS.to_owned())));
        }
        tokens
    }

    /// The words of a text that are not known, each once.
    pub fn unknown(&self, text: &str) -> Vec<String> {
        let mut unknown: Vec<String> = Vec::new();
        for (place, word) in self.tokens(text) {
            let known = self.class(&word).is_some_and(|c| c != Codec::UNKNOWN);
            // As it stands there: a tokenizer's file has one token for all.
            let word = &text[place];
            if !known && word != Vocabulary::UNKNOWN_WORD && !unknown.iter().any(|w| w == word) {
                unknown.push(word.to_owned());
            }
        }
        unknown
    }

    /// The characters of a text that are in none of its tokens, as a tokenizer's file has none for them, nor one for
    /// what it does not know.
    pub fn lost(&self, text: &str) -> Vec<char> {
        let left_out = self.left_out(text, &self.tokens(text));
        let mut lost: Vec<char> = Vec::new();
        for c in text.chars().filter(|c| left_out.contains(c)) {
            if !lost.contains(&c) {
                lost.push(c);
            }
        }
        lost
    }

    fn left_out(&self, text: &str, tokens: &[(Range<usize>, String)]) -> HashSet<char> {
        if self.encoder.config().tokenizer != TokenKind::File {
            return HashSet::new();
        }
        let solid = text.chars().filter(|c| !c.is_whitespace());
        // Places of tokens say how much is missing, but after it they may be wrong.
        let (mut covered, mut end) = (0, 0);
        for (place, _) in tokens {
            covered += place.end.max(end) - place.start.max(end);
            end = end.max(place.end);
        }
        if covered >= solid.clone().map(char::len_utf8).sum::<usize>() {
            return HashSet::new();
        }
        let mut letter = [0; 4];
        let mut alone = |c: &char| {
            let text = &*c.encode_utf8(&mut letter);
            tokens.is_empty() || self.encoder.tokens(text).is_empty()
        };
        let different: HashSet<char> = solid.collect();
        different.into_iter().filter(|c| alone(c)).collect()
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
        let mut texts: Vec<(String, bool)> = Vec::new();
        let mut bytes = 0;
        let mut flush = |texts: &mut Vec<(String, bool)>| {
            let all = concurrent::map(texts, |(text, over)| {
                let tokens = self.tokens(text);
                let mut measure = Measure::of(text, &self.left_out(text, &tokens));
                let mut ids = self.classes_of(tokens);
                let end = self.eos().filter(|_| *over);
                ids.extend(end);
                measure.words += u64::from(end.is_some());
                (ids, measure)
            });
            texts.clear();
            all.iter().try_for_each(|(ids, measure)| {
                stream.measured(*measure);
                stream.push(ids)
            })
        };
        corpus.visit(part, self.ends, watch, &mut |text, over| {
            texts.push((text.to_owned(), over));
            bytes += text.len();
            if texts.len() < TEXTS && bytes < BYTES {
                return Ok(());
            }
            bytes = 0;
            flush(&mut texts)
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

/// Where the texts inside a text lie, as [`Corpus::visit`] hands them out, each with the place of the line breaks that
/// end it; none for the last one, which may go on.
fn stretches(text: &str, ends: Ends) -> Vec<(Range<usize>, Option<Range<usize>>)> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        let begin = at;
        at += line.len();
        let over = match ends {
            Ends::Line => line.ends_with('\n'),
            Ends::Paragraph => line.ends_with('\n') && line.trim().is_empty(),
            Ends::Auto | Ends::Document | Ends::Never => false,
        };
        if !over {
            continue;
        }
        let inside = match ends {
            Ends::Line => line.strip_suffix("\r\n").unwrap_or(&line[..line.len() - 1]),
            _ => text[start..begin].trim_end_matches(['\r', '\n']),
        };
        let end = start + inside.len();
        // Blank lines before a paragraph end nothing.
        if ends == Ends::Line || !inside.is_empty() {
            found.push((start..end, Some(end..at)));
        }
        start = at;
    }
    if start < text.len() {
        found.push((start..text.len(), None));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::CorpusSource;

    /// A codec that has learned `text`.
    fn codec(text: &str, ends: Ends, tokenizer: TokenKind) -> Codec {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, text).unwrap();
        let corpus = Corpus::read(&path, &CorpusSource::default()).unwrap();
        let config = TokenConfig {
            tokenizer,
            max_size: 300,
            ..TokenConfig::default()
        };
        Codec::fit(&corpus, ends, &config, &mut |_| {}).unwrap()
    }

    #[test]
    fn line_breaks_end_texts_where_they_did_in_training() {
        let read = |ends, text: &str| {
            let codec = codec(
                &"one two\n\nthree four\n\n".repeat(9),
                ends,
                TokenKind::Words,
            );
            let tokens = codec.tokens(text).into_iter();
            let words: Vec<String> = tokens.map(|(_, word)| word).collect();
            words.join(" ")
        };
        let text = "one\r\ntwo\n\n\nthree\n";
        let lines = "one <eos> two <eos> <eos> <eos> three <eos>";
        assert_eq!(read(Ends::Line, text), lines);
        assert_eq!(read(Ends::Line, "one"), "one");
        assert_eq!(read(Ends::Paragraph, text), "one two <eos> three");
        assert_eq!(read(Ends::Paragraph, "\n\none\n\n"), "one <eos>");
        assert_eq!(read(Ends::Document, text), "one two three");
        assert_eq!(read(Ends::Never, text), "one two three");
    }

    #[test]
    fn tokens_stand_where_they_say() {
        let text = "one two\n\nthree four\n\n";
        let codec = codec(&text.repeat(9), Ends::Paragraph, TokenKind::Words);
        let tokens = codec.tokens(text).into_iter();
        let places: Vec<&str> = tokens.map(|(place, _)| &text[place]).collect();
        assert_eq!(places, ["one", "two", "\n\n", "three", "four", "\n\n"]);
    }

    #[test]
    fn pieces_are_known_by_their_text() {
        let text = "the whale and the sea; ".repeat(99);
        let codec = codec(&text, Ends::Never, TokenKind::Bpe);
        let class = codec.named("the").unwrap();
        assert_eq!((codec.word(class), &*codec.text(class)), ("Ġthe", " the"));
        assert_eq!(codec.named("Ġthe"), Some(class));
        assert_eq!(codec.named("the whale"), None);
    }

    #[test]
    fn a_text_is_as_long_however_it_is_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let text = "Der Wal, und das Käpt’n-Meer.\n".repeat(50);
        std::fs::write(&path, &text).unwrap();
        let source = CorpusSource {
            test_fraction: 0.0,
            valid_fraction: 0.0,
            ..CorpusSource::default()
        };
        let corpus = Corpus::read(&path, &source).unwrap();
        for (ends, tokenizer, words) in [
            (Ends::Line, TokenKind::Words, 6 * 50),
            (Ends::Never, TokenKind::Bpe, 5 * 50),
        ] {
            let codec = codec(&text, ends, tokenizer);
            let stream = codec.stream(&corpus, CorpusPart::Train, &mut |_| {});
            assert_eq!(stream.unwrap().measure().words, words, "{tokenizer:?}");
        }
        let codec = codec(&text, Ends::Never, TokenKind::Bpe);
        let stream = codec.stream(&corpus, CorpusPart::Train, &mut |_| {});
        let characters = text.chars().count() as u64;
        assert_eq!(stream.unwrap().measure().characters, characters);
    }

    /// A tokenizer without a token for what it does not know leaves out characters, or whole texts.
    #[test]
    fn what_a_tokenizers_file_leaves_out_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (text, file) = (folder.path().join("a.txt"), folder.path().join("t.json"));
        std::fs::write(&text, "ab éa ü\nba ab\n").unwrap();
        let source = CorpusSource {
            test_fraction: 0.0,
            valid_fraction: 0.0,
            ..CorpusSource::default()
        };
        let corpus = Corpus::read(&text, &source).unwrap();
        let config = TokenConfig {
            tokenizer: TokenKind::File,
            file: Some(file.clone()),
            ..TokenConfig::default()
        };
        let bpe = r#"{"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}"#;
        let words = r#"{"type": "WordLevel", "vocab": {"ba": 0, "ab": 1}, "unk_token": "[UNK]"}"#;
        for (model, measure, lost) in [
            (bpe, (4, 12), vec!['é', 'ü']),
            (words, (2, 9), vec!['a', 'b', 'é', 'ü']),
        ] {
            let json = format!(
                r#"{{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
                "pre_tokenizer": {{"type": "WhitespaceSplit"}}, "post_processor": null, "decoder": null, "model": {model}}}"#
            );
            std::fs::write(&file, json).unwrap();
            let codec = Codec::fit(&corpus, Ends::Never, &config, &mut |_| {}).unwrap();
            let stream = codec
                .stream(&corpus, CorpusPart::Train, &mut |_| {})
                .unwrap();
            let found = stream.measure();
            assert_eq!((found.words, found.characters), measure, "{found:?}");
            assert_eq!(found.characters + found.left_out, 14);
            assert!(found.note().unwrap().contains("left out"));
            assert_eq!(codec.lost("ab éa ü"), lost);
            assert!(codec.lost("ab ba").is_empty());
            assert!(codec.unknown("ab éa ü").is_empty());
        }
    }

    #[test]
    fn what_a_tokenizers_file_does_not_know_is_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let (text, file) = (folder.path().join("a.txt"), folder.path().join("t.json"));
        std::fs::write(&text, "the whale and the sea\n".repeat(9)).unwrap();
        let json = r#"{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
            "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
            "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "the": 1, "whale": 2}, "unk_token": "[UNK]"}}"#;
        std::fs::write(&file, json).unwrap();
        let corpus = Corpus::read(&text, &CorpusSource::default()).unwrap();
        let config = TokenConfig {
            tokenizer: TokenKind::File,
            file: Some(file),
            ..TokenConfig::default()
        };
        let codec = Codec::fit(&corpus, Ends::Never, &config, &mut |_| {}).unwrap();
        let classes = codec.encode("the big whale");
        assert_eq!(classes[1], Codec::UNKNOWN);
        assert!(classes[0] != Codec::UNKNOWN && classes[2] != Codec::UNKNOWN);
        assert_eq!(codec.unknown("the big whale"), ["big"]);
    }
}
