//! How a text is cut into tokens, with the place of each token in the text.

use std::ops::Range;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What the tokens of a text are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Words, numbers and punctuation marks; English contractions are cut as in the Penn Treebank
    /// (`do n't`, `it 's`), Chinese and Japanese characters stand alone.
    #[default]
    Words,
    /// What stands between white space: for text that is cut already.
    Whitespace,
    /// Single characters.
    Characters,
    /// What a Hugging Face `tokenizer.json` says.
    File,
    /// Pieces of words that are learned from the text: byte-level pair encoding (Sennrich et al.
    /// 2016) of `max_size` pieces.
    Bpe,
}

/// What happens to digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Numbers {
    /// They stay.
    #[default]
    Keep,
    /// Each becomes 0, so that all numbers of one length are one word.
    Replace,
}

/// How texts become numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenConfig {
    /// What the tokens are.
    pub tokenizer: TokenKind,
    /// The `tokenizer.json` of [`TokenKind::File`]. Its content is stored with the encoder.
    pub file: Option<PathBuf>,
    /// Whether `The` and `the` are one word.
    pub lowercase: bool,
    /// What happens to digits.
    pub numbers: Numbers,
    /// Whether punctuation marks are words ([`TokenKind::Words`] only).
    pub punctuation: bool,
    /// In bags, sequences of up to so many words count too, hashed into buckets (1 to 5).
    pub word_ngrams: usize,
    /// In bags, sequences of so many characters, from and to, count too, hashed into buckets.
    pub char_ngrams: Option<(usize, usize)>,
    /// Whether these may reach over the ends of words; else each word is taken alone, as `<word>`.
    pub char_ngrams_across: bool,
    /// How many buckets the n-grams are hashed into.
    pub buckets: usize,
    /// Buckets met in fewer training documents are left out.
    pub bucket_min_count: usize,
    /// Words met less often in training are unknown words.
    pub min_count: usize,
    /// At most so many words are known, the most frequent ones; 0 for no limit.
    pub max_size: usize,
    /// Sequences end after so many tokens; 0 for no limit. Bags are always whole.
    pub max_length: usize,
}

impl Default for TokenConfig {
    fn default() -> TokenConfig {
        TokenConfig {
            tokenizer: TokenKind::Words,
            file: None,
            lowercase: true,
            numbers: Numbers::Keep,
            punctuation: true,
            word_ngrams: 1,
            char_ngrams: None,
            char_ngrams_across: false,
            buckets: 1 << 20,
            bucket_min_count: 1,
            min_count: 1,
            max_size: 0,
            max_length: 1000,
        }
    }
}

impl TokenConfig {
    /// Whether bags hold hashed n-grams beside words.
    pub(super) fn hashes(&self) -> bool {
        self.word_ngrams > 1 || self.char_ngrams.is_some()
    }

    /// Refuses what cannot be meant.
    pub(crate) fn check(&self) -> Result<()> {
        let wrong = |field: &str, problem: String, remedy: &str| {
            Err(Error::recipe(format!("tokens.{field}"), problem, remedy))
        };
        if !(1..=5).contains(&self.word_ngrams) {
            return wrong(
                "word_ngrams",
                format!("{} is out of range", self.word_ngrams),
                "give 1 to 5",
            );
        }
        if let Some((from, to)) = self.char_ngrams
            && !(1 <= from && from <= to && to <= 16)
        {
            let remedy = "give the shortest and the longest, such as [2, 5]; 16 is the most";
            return wrong("char_ngrams", format!("[{from}, {to}] is no range"), remedy);
        }
        if self.hashes() && !(1..=1 << 26).contains(&self.buckets) {
            return wrong(
                "buckets",
                format!("{} is out of range", self.buckets),
                "give 1 to 67108864, such as 1048576",
            );
        }
        if (self.tokenizer == TokenKind::File) != self.file.is_some() {
            return wrong(
                "file",
                "tokenizer = \"file\" and `file` go together".to_owned(),
                "give both or none",
            );
        }
        if self.tokenizer == TokenKind::Bpe && (1..=256).contains(&self.max_size) {
            return wrong(
                "max_size",
                format!(
                    "{} pieces are too few: each of the 256 bytes is one",
                    self.max_size
                ),
                "give 257 or more, such as 8192, or 0 for that many",
            );
        }
        Ok(())
    }

    /// Calls `visit` with the place of each token until it says `false`. Not for
    /// [`TokenKind::File`] and [`TokenKind::Bpe`].
    pub(super) fn cut(&self, text: &str, visit: &mut dyn FnMut(Range<usize>) -> bool) {
        match self.tokenizer {
            TokenKind::Words => words(text, self.punctuation, visit),
            TokenKind::Characters => {
                text.char_indices()
                    .all(|(at, c)| visit(at..at + c.len_utf8()));
            }
            TokenKind::Whitespace | TokenKind::File | TokenKind::Bpe => {
                let start = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
                text.split_whitespace()
                    .all(|word| visit(start(word)..start(word) + word.len()));
            }
        }
    }

    /// Writes into `into` the word that a token stands for.
    pub(super) fn word(&self, token: &str, into: &mut String) {
        into.clear();
        let token = if self.tokenizer == TokenKind::Words {
            short_mark(token)
        } else {
            token
        };
        if token.is_ascii() && self.numbers == Numbers::Keep {
            into.push_str(token);
            if self.lowercase {
                into.make_ascii_lowercase();
            }
            return;
        }
        for c in token.chars() {
            match c {
                '’' if self.tokenizer == TokenKind::Words => into.push('\''),
                c if self.numbers == Numbers::Replace && c.is_numeric() => into.push('0'),
                c if self.lowercase => into.extend(c.to_lowercase()),
                c => into.push(c),
            }
        }
    }
}

/// A row of more than three equal marks says no more than three do.
fn short_mark(token: &str) -> &str {
    match token.chars().next() {
        Some(first) if !is_word(first) && !is_apostrophe(first) && token != UNKNOWN => token
            .char_indices()
            .nth(3)
            .map_or(token, |(end, _)| &token[..end]),
        _ => token,
    }
}

/// How texts such as the Penn Treebank write a word that was left out of a vocabulary: a word itself.
const UNKNOWN: &str = "<unk>";

fn words(text: &str, punctuation: bool, visit: &mut dyn FnMut(Range<usize>) -> bool) {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let end = if is_ideograph(c) {
            at + c.len_utf8()
        } else if rest.starts_with(UNKNOWN) {
            at + UNKNOWN.len()
        } else if is_word(c) || (is_apostrophe(c) && begins_contraction(rest)) {
            at + word_length(rest)
        } else {
            let length: usize = rest
                .chars()
                .take_while(|&next| next == c)
                .map(char::len_utf8)
                .sum();
            if !c.is_whitespace() && !is_invisible(c) && punctuation && !visit(at..at + length) {
                return;
            }
            at += length;
            continue;
        };
        let cut = at + contraction(&text[at..end]);
        for part in [at..cut, cut..end] {
            if !part.is_empty() && !visit(part) {
                return;
            }
        }
        at = end;
    }
}

/// The length of the word at the start of `text`. Apostrophes between letters, and points and
/// commas between digits, are inside a word.
fn word_length(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let mut before = '\0';
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map_or('\0', |&(_, next)| next);
        let joins =
            (is_apostrophe(c) && (at == 0 || before.is_alphanumeric()) && after.is_alphabetic())
                || (matches!(c, '.' | ',') && before.is_ascii_digit() && after.is_ascii_digit());
        if is_ideograph(c) || !(is_word(c) || joins) {
            return at;
        }
        before = c;
    }
    text.len()
}

/// Where the contraction at the end of a word begins: at `n't`, `'s` and the like; at the word's
/// start when there is none (or nothing before it).
fn contraction(word: &str) -> usize {
    let Some((at, mark)) = word.char_indices().rev().find(|&(_, c)| is_apostrophe(c)) else {
        return 0;
    };
    let end = &word[at + mark.len_utf8()..];
    if is_ending(end) {
        return at;
    }
    let negates = end.eq_ignore_ascii_case("t") && word[..at].ends_with(['n', 'N']);
    if negates { at - 1 } else { 0 }
}

fn is_ending(end: &str) -> bool {
    ["s", "m", "d", "re", "ve", "ll"]
        .iter()
        .any(|known| end.eq_ignore_ascii_case(known))
}

/// Whether `text` begins with `'s` and the like, standing alone.
fn begins_contraction(text: &str) -> bool {
    let Some(mark) = text.chars().next() else {
        return false;
    };
    let end = &text[mark.len_utf8()..];
    let length = end
        .bytes()
        .take(3)
        .take_while(u8::is_ascii_alphabetic)
        .count();
    is_ending(&end[..length]) && !end[length..].starts_with(is_word)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || ('\u{300}'..='\u{36f}').contains(&c)
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’')
}

/// Written without spaces between words.
fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(config: &TokenConfig, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        let mut word = String::new();
        config.cut(text, &mut |span| {
            config.word(&text[span], &mut word);
            words.push(word.clone());
            true
        });
        words
    }

    #[test]
    fn words_are_cut_as_readers_cut_them() {
        let config = TokenConfig::default();
        for (text, expected) in [
            (
                "Free entry in 2 a wkly comp!!!!!",
                "free entry in 2 a wkly comp !!!",
            ),
            (
                "I don’t. It's John's, we've",
                "i do n't . it 's john 's , we 've",
            ),
            ("it 's n't o'brien's 'so'", "it 's n't o'brien 's ' so '"),
            ("$1,234.56. a.b 3.", "$ 1,234.56 . a . b 3 ."),
            ("the <unk>'s <unk>, a<unk", "the <unk> 's <unk> , a < unk"),
            ("中文字 café\u{301} x_y…", "中 文 字 café\u{301} x_y …"),
            ("a\u{200b}b\0\t\n", "a b"),
            ("", ""),
        ] {
            assert_eq!(cut(&config, text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn the_configuration_is_obeyed() {
        let plain = TokenConfig {
            lowercase: false,
            numbers: Numbers::Replace,
            punctuation: false,
            ..TokenConfig::default()
        };
        assert_eq!(cut(&plain, "Call 0800, NOW!"), ["Call", "0000", "NOW"]);
        let spaces = TokenConfig {
            tokenizer: TokenKind::Whitespace,
            ..TokenConfig::default()
        };
        assert_eq!(cut(&spaces, " It's  n't, "), ["it's", "n't,"]);
        let characters = TokenConfig {
            tokenizer: TokenKind::Characters,
            lowercase: false,
            ..TokenConfig::default()
        };
        assert_eq!(cut(&characters, "Aé b"), ["A", "é", " ", "b"]);
        assert!(
            TokenConfig {
                word_ngrams: 6,
                ..TokenConfig::default()
            }
            .check()
            .is_err()
        );
        assert!(
            TokenConfig {
                char_ngrams: Some((3, 2)),
                ..TokenConfig::default()
            }
            .check()
            .is_err()
        );
    }
}
