//! From tokens back to text as people write it.

use super::{Codec, TokenKind};

/// Joins tokens to text, piece by piece as they come: no space before a comma, none after an
/// opening bracket, quotation marks at the words they belong to.
#[derive(Clone, Debug)]
pub struct Detokenizer<'a> {
    codec: &'a Codec,
    /// Whether the next word needs no space before it.
    glued: bool,
    /// Whether a straight quotation mark is open.
    quoted: bool,
    /// The tokens of a `tokenizer.json` since the last whole letter.
    open: Vec<u32>,
    /// How much of their text is out.
    told: usize,
}

impl<'a> Detokenizer<'a> {
    /// Begins a text.
    pub fn new(codec: &'a Codec) -> Detokenizer<'a> {
        Detokenizer {
            codec,
            glued: true,
            quoted: false,
            open: Vec::new(),
            told: 0,
        }
    }

    /// Goes on with a text that stands there already.
    pub fn after(codec: &'a Codec, text: &str) -> Detokenizer<'a> {
        let mut detokenizer = Detokenizer::new(codec);
        for token in codec.encode(text) {
            detokenizer.push(token);
        }
        // Words need no space after white space.
        detokenizer.glued |= text.ends_with(char::is_whitespace);
        detokenizer
    }

    /// What the next token adds to the text; `<eos>` ends the line.
    pub fn push(&mut self, token: u32) -> String {
        if Some(token) == self.codec.eos() {
            (self.glued, self.quoted) = (true, false);
            self.open.clear();
            self.told = 0;
            return "\n".to_owned();
        }
        match self.codec.encoder().config().tokenizer {
            TokenKind::Words | TokenKind::Whitespace => self.word(self.codec.word(token)),
            TokenKind::Characters => self.codec.word(token).to_owned(),
            TokenKind::File | TokenKind::Bpe => self.piece(token),
        }
    }

    /// The text of some tokens.
    pub fn text(codec: &Codec, tokens: &[u32]) -> String {
        let mut detokenizer = Detokenizer::new(codec);
        tokens
            .iter()
            .map(|&token| detokenizer.push(token))
            .collect()
    }

    fn word(&mut self, word: &str) -> String {
        let mut before = !self.glued;
        self.glued = false;
        match word {
            "\"" => {
                before &= !self.quoted;
                self.glued = !self.quoted;
                self.quoted = !self.quoted;
            }
            "(" | "[" | "{" | "“" | "‘" | "``" | "$" | "£" | "#" => self.glued = true,
            "-" | "—" | "–" | "/" | "--" => (before, self.glued) = (false, true),
            _ if clings(word) => before = false,
            _ => {}
        }
        let word = match word {
            "``" => "“",
            "''" => "”",
            word => word,
        };
        match before {
            true => format!(" {word}"),
            false => word.to_owned(),
        }
    }

    fn piece(&mut self, token: u32) -> String {
        self.open.push(self.codec.id(token));
        let text = self.codec.encoder().decode_file(&self.open);
        let text = text.unwrap_or_default();
        // Half a letter may come whole with the next token.
        if text.ends_with('\u{fffd}') && self.open.len() < LONGEST {
            return String::new();
        }
        let new = text.get(self.told..).unwrap_or_default().to_owned();
        self.told = text.len();
        if self.open.len() >= LONGEST {
            // What the first tokens of a text look like may differ, so one is kept for company.
            self.open.drain(..LONGEST - 1);
            let company = self.codec.encoder().decode_file(&self.open);
            self.told = company.map_or(0, |text| text.len());
        }
        new
    }
}

/// Tokens looked at to find where the next one's text begins.
const LONGEST: usize = 16;

/// Whether a word follows the one before it without a space.
fn clings(word: &str) -> bool {
    let marks = [
        ".", ",", ";", ":", "!", "?", ")", "]", "}", "%", "”", "’", "''", "…", "...", "n't", "n’t",
    ];
    let contraction = |mark: char| {
        let end = word.strip_prefix(mark);
        end.is_some_and(|end| matches!(end, "s" | "m" | "d" | "re" | "ve" | "ll" | ""))
    };
    let repeated = word.len() > 1 && word.chars().all(|c| matches!(c, '.' | '!' | '?' | ','));
    marks.contains(&word)
        || repeated
        || contraction('\'')
        || contraction('’')
        || word.eq_ignore_ascii_case("n't")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Corpus, CorpusSource, Ends, TokenConfig};

    /// A codec that has learned `text`.
    fn learned(text: &str, config: &TokenConfig) -> Codec {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, text).unwrap();
        let source = CorpusSource {
            test_fraction: 0.0,
            valid_fraction: 0.0,
            ..CorpusSource::default()
        };
        let corpus = Corpus::read(&path, &source).unwrap();
        Codec::fit(&corpus, Ends::Never, config, &mut |_| {}).unwrap()
    }

    /// A text cut and joined again by a codec that has learned it.
    fn there_and_back(text: &str, config: &TokenConfig) -> String {
        let codec = learned(text, config);
        Detokenizer::text(&codec, &codec.encode(text))
    }

    #[test]
    fn words_go_on_after_white_space_without_another_space() {
        let codec = learned("the whale is here", &TokenConfig::default());
        let is = codec.class("is").unwrap();
        for (text, next) in [
            ("The whale", " is"),
            ("The whale ", "is"),
            ("whale\n", "is"),
            ("", "is"),
        ] {
            assert_eq!(Detokenizer::after(&codec, text).push(is), next, "{text:?}");
        }
    }

    #[test]
    fn words_are_joined_as_people_write_them() {
        let config = TokenConfig {
            lowercase: false,
            ..TokenConfig::default()
        };
        for text in [
            "I don't know, said he; it's (by far) the whale's!",
            "He said \"Go on\" and went: a life-buoy—no more.",
            "It cost $3,000.50, or 20% of all.",
        ] {
            assert_eq!(there_and_back(text, &config), text);
        }
    }

    #[test]
    fn characters_and_pieces_come_back_exactly() {
        let text =
            "Größe, naïve — 鯨 and\n\n  spaces; the whale, the whale, the whale 🐋!\n".repeat(9);
        for (tokenizer, max_size) in [(TokenKind::Characters, 0), (TokenKind::Bpe, 300)] {
            let config = TokenConfig {
                tokenizer,
                max_size,
                lowercase: false,
                ..TokenConfig::default()
            };
            assert_eq!(there_and_back(&text, &config), text);
        }
    }
}
