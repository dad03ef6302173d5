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
    /// Since how many words a single one is open.
    single: Option<usize>,
    /// An apostrophe or straight quotation mark of which the next token tells where it belongs.
    held: Option<&'a str>,
    /// The word before.
    last: &'a str,
    /// Whether the word before is a full stop after a single letter, as in `e.g.`.
    initial: bool,
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
            single: None,
            held: None,
            last: "",
            initial: false,
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
        if let Some(mark) = detokenizer.held.take() {
            // It stands there, where its writer put it.
            let before = text.trim_end().strip_suffix(mark).unwrap_or(text);
            let opens = before.ends_with(|c: char| c.is_whitespace() || "([{\"“—".contains(c));
            detokenizer.glued = opens || before.is_empty();
            match mark {
                "\"" => detokenizer.quoted = detokenizer.glued,
                _ => detokenizer.single = detokenizer.glued.then_some(0),
            }
            detokenizer.last = mark;
        }
        // Words need no space after white space.
        detokenizer.glued |= text.ends_with(char::is_whitespace);
        detokenizer
    }

    /// What the next token adds to the text; `<eos>` ends the line. Where an apostrophe belongs is known one token
    /// later, so it comes together with that one, or from [`Detokenizer::finish`].
    pub fn push(&mut self, token: u32) -> String {
        self.pieces(token).concat()
    }

    /// What [`Detokenizer::push`] adds, token by token: nothing for one that has to wait, else first the one that
    /// waited.
    pub fn pieces(&mut self, token: u32) -> Vec<String> {
        if Some(token) == self.codec.eos() {
            let mut pieces = Vec::from_iter(self.finish());
            (self.glued, self.quoted, self.initial) = (true, false, false);
            (self.single, self.last) = (None, "");
            self.open.clear();
            self.told = 0;
            pieces.push("\n".to_owned());
            return pieces;
        }
        match self.codec.encoder().config().tokenizer {
            TokenKind::Words | TokenKind::Whitespace => {
                let word = self.codec.word(token);
                let held = self.held.take();
                let mut pieces = Vec::from_iter(held.map(|mark| self.place(mark, Some(word))));
                match word {
                    "'" | "’" => self.held = Some(word),
                    "\"" if !self.quoted && !self.glued => self.held = Some(word),
                    _ => pieces.push(self.word(word)),
                }
                pieces
            }
            TokenKind::Characters => vec![self.codec.word(token).to_owned()],
            TokenKind::File | TokenKind::Bpe => vec![self.piece(token)],
        }
    }

    /// What still waited for a next token, when none will come.
    pub fn finish(&mut self) -> Option<String> {
        self.held.take().map(|mark| self.place(mark, None))
    }

    /// The text of some tokens.
    pub fn text(codec: &Codec, tokens: &[u32]) -> String {
        let mut detokenizer = Detokenizer::new(codec);
        let pushed = tokens.iter().map(|&token| detokenizer.push(token));
        let text: String = pushed.collect();
        text + &detokenizer.finish().unwrap_or_default()
    }

    fn word(&mut self, word: &'a str) -> String {
        let mut before = !self.glued;
        self.glued = false;
        // What had spaces around it in the text keeps them.
        let spaced = self.codec.encoder().config().tokenizer == TokenKind::Whitespace;
        match word {
            "\"" => {
                before &= !self.quoted;
                self.glued = !self.quoted;
                self.quoted = !self.quoted;
            }
            "(" | "[" | "{" | "“" | "‘" | "``" | "$" | "£" | "#" => self.glued = true,
            _ if is_dash(word) => {
                before &= spaced;
                self.glued = !spaced;
            }
            _ if clings(word) => before = false,
            _ => before &= !(self.initial && is_letter(word) && !is_one_of(word, &["a", "i", "o"])),
        }
        self.initial = word == "." && is_letter(self.last);
        self.last = word;
        self.single = match word {
            "‘" => Some(0),
            _ => self.single.map(|words| words + 1),
        };
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

    /// What was held, before the word `next`.
    fn place(&mut self, mark: &'a str, next: Option<&str>) -> String {
        let begins = !self.glued;
        let (left, right) = self.sides(mark, next);
        (self.glued, self.initial, self.last) = (right, false, mark);
        match begins && !left {
            true => format!(" {mark}"),
            false => mark.to_owned(),
        }
    }

    /// Whether such a mark belongs to the word before it, and whether to the one after it. Opens and closes quotes.
    fn sides(&mut self, mark: &str, next: Option<&str>) -> (bool, bool) {
        const LEFT: (bool, bool) = (true, false);
        const RIGHT: (bool, bool) = (false, true);
        if mark == "\"" {
            // One that would open a quote of nothing closes one that was never opened.
            self.quoted = next.is_some_and(|next| !clings(next));
            return if self.quoted { RIGHT } else { LEFT };
        }
        let opens = |word: &str| matches!(word, "(" | "[" | "“" | "$" | "£");
        let begun = next.is_some_and(|next| {
            is_word(next) || opens(next) || next == "\"" && !self.quoted && !is_word(self.last)
        });
        let dash = is_dash(self.last);
        let after_opening = self.glued && !dash;
        if !begun && !after_opening {
            self.single = None;
            return LEFT;
        }
        let year = |word: &str| {
            word.starts_with(|c: char| c.is_ascii_digit())
                && word.len() < 4
                && !self.last.ends_with(|c: char| c.is_ascii_digit())
        };
        let straight = mark == "'";
        if next.is_some_and(|next| is_elided(next) || year(next) && self.single.is_none()) {
            return RIGHT;
        }
        if straight && (after_opening || self.single.is_none() && !lacks_its_end(self.last)) {
            self.single = Some(0);
            return RIGHT;
        }
        // A quote of a single word is over; in a longer one there may be whales' tails.
        if self.single == Some(1) || !lacks_its_end(self.last) {
            self.single = None;
        }
        LEFT
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

/// What joins the words on both its sides.
fn is_dash(word: &str) -> bool {
    matches!(word, "-" | "—" | "–" | "/" | "--")
}

/// Whether a token has letters or digits.
fn is_word(word: &str) -> bool {
    word.contains(char::is_alphanumeric)
}

fn is_letter(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none()
}

fn is_one_of(word: &str, words: &[&str]) -> bool {
    words.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// Whether an apostrophe before a word stands for its beginning: `'tis`, `'em`, rock `'n'` roll.
fn is_elided(word: &str) -> bool {
    let known = [
        "em", "tis", "twas", "twill", "twould", "twere", "twixt", "neath", "gainst", "mongst",
        "bout", "n",
    ];
    is_one_of(word, &known)
}

/// Whether an apostrophe after a word may stand for its end: the whales' tails, goin' on, th' sea.
fn lacks_its_end(word: &str) -> bool {
    let whole = [
        "is", "was", "as", "this", "his", "its", "has", "says", "us", "does", "yes", "thus",
        "always", "perhaps", "besides",
    ];
    let going = word
        .strip_suffix("in")
        .is_some_and(|stem| !stem.ends_with('a') && stem.contains(['a', 'e', 'i', 'o', 'u', 'y']));
    let plural = word.len() > 1 && word.to_lowercase().ends_with('s');
    is_one_of(word, &["o", "th", "n", "ol", "wi", "mo", "tho", "thro"])
        || going
        || plural && !is_one_of(word, &whole)
}

/// Whether a word follows the one before it without a space.
fn clings(word: &str) -> bool {
    let marks = [
        ".", ",", ";", ":", "!", "?", ")", "]", "}", "%", "”", "''", "…", "...", "n't", "n’t",
    ];
    let contraction = |mark: char| {
        let end = word.strip_prefix(mark);
        end.is_some_and(|end| matches!(end, "s" | "m" | "d" | "re" | "ve" | "ll"))
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
        learned_with(text, Ends::Never, config)
    }

    fn learned_with(text: &str, ends: Ends, config: &TokenConfig) -> Codec {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, text).unwrap();
        let source = CorpusSource {
            test_fraction: 0.0,
            valid_fraction: 0.0,
            ..CorpusSource::default()
        };
        let corpus = Corpus::read(&path, &source).unwrap();
        Codec::fit(&corpus, ends, config, &mut |_| {}).unwrap()
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
            "He said, 'Go on, then,' and went; 'Tis the word 'whale' again.",
            "'Tis two of 'em--'twas in '76--and the whales' tails, 'tis true.",
            "\"'What's the matter with the man-o'-war, then?'\" \"'Go on,' said he.\"",
            "'Goin' on, 'twas, with rock 'n' roll o' the sea', he wrote.",
            "'Two of 'em saw the whales' tails,' said he. 'Yes?' 'Aye.'",
        ] {
            assert_eq!(there_and_back(text, &config), text);
        }
        // Apostrophes are learned as straight ones.
        let text =
            "‘’Tis the whales’ sea,’ said he, ‘for all of ’em, in the U.S. of 1850, e.g. here.’";
        assert_eq!(there_and_back(text, &config), text.replace('’', "'"));
    }

    #[test]
    fn a_quote_that_is_never_closed_ends_with_its_line() {
        let text = "He went on.\"\nHe said \"go on.\nHe said \"go\" and went.\nHe said 'go on.\nHe said 'go' and went.";
        let config = TokenConfig {
            lowercase: false,
            ..TokenConfig::default()
        };
        let codec = learned_with(text, Ends::Line, &config);
        assert_eq!(Detokenizer::text(&codec, &codec.encode(text)), text);
    }

    #[test]
    fn an_apostrophe_waits_for_its_word() {
        let codec = learned(
            "the whales ' tails of 'em , he said \"",
            &TokenConfig::default(),
        );
        let [mark, em, of] = ["'", "em", "of"].map(|word| codec.class(word).unwrap());
        let mut told = Detokenizer::after(&codec, "two");
        assert_eq!(told.pieces(of), [" of"]);
        assert!(told.pieces(mark).is_empty());
        assert_eq!(told.pieces(em), [" '", "em"]);
        assert!(told.push(mark).is_empty());
        assert_eq!(told.finish().as_deref(), Some("'"));
        // One that stands at the end of a prompt is not written again.
        for (prompt, next) in [
            ("he said '", "of"),
            ("the whales'", " of"),
            ("'", "of"),
            ("he said \"", "of"),
        ] {
            let mut told = Detokenizer::after(&codec, prompt);
            assert_eq!(told.push(of), next, "{prompt:?}");
        }
    }

    #[test]
    fn dashes_keep_the_spaces_that_tokens_stand_for() {
        let config = TokenConfig {
            tokenizer: TokenKind::Whitespace,
            ..TokenConfig::default()
        };
        assert_eq!(
            there_and_back("the sea -- the whale", &config),
            "the sea -- the whale"
        );
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
