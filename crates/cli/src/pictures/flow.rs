//! Breaking a text with marked ranges into lines.

use std::ops::Range;

use super::font::{self, Weight};

/// A stretch of text on one line that belongs to one marked range, or to none.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) text: String,
    /// Distance from the start of the line.
    pub(super) x: f32,
    pub(super) width: f32,
    /// Which of the ranges this is a part of.
    pub(super) range: Option<usize>,
}

/// A wrapped text.
#[derive(Clone, Debug, Default)]
pub(super) struct Flow {
    pub(super) lines: Vec<Vec<Piece>>,
    /// Words that found no room.
    pub(super) left_out: usize,
}

impl Flow {
    /// Lines with the one that says what found no room.
    pub(super) fn height(&self) -> usize {
        self.lines.len() + usize::from(self.left_out > 0)
    }

    /// What found no room, if anything did.
    pub(super) fn note(&self) -> Option<String> {
        let words = || crate::wording::counted(self.left_out as u64, "more word");
        (self.left_out > 0).then(|| format!("… and {}", words()))
    }
}

/// Wraps `text` into at most `most_lines` lines of `room`. Ranges are bytes of `text`, in order and apart;
/// those that are not are ignored.
pub(super) fn wrap(
    text: &str,
    ranges: &[Range<usize>],
    size: f32,
    room: f32,
    most_lines: usize,
) -> Flow {
    let mut writer = Writer {
        lines: vec![Vec::new()],
        x: 0.0,
        size,
        room,
    };
    let owner = owners(text, ranges);
    let mut words = words(text);
    while let Some(word) = words.next() {
        writer.word(text, &word, &owner);
        if writer.lines.len() > most_lines {
            let mut lines = writer.lines;
            lines.truncate(most_lines);
            return Flow {
                lines,
                left_out: 1 + words.count(),
            };
        }
    }
    Flow {
        lines: writer.lines,
        left_out: 0,
    }
}

/// For each byte the range it belongs to.
fn owners(text: &str, ranges: &[Range<usize>]) -> Vec<Option<usize>> {
    let mut owner = vec![None; text.len()];
    let mut free = 0;
    for (i, range) in ranges.iter().enumerate() {
        if range.start >= free && range.start < range.end && text.get(range.clone()).is_some() {
            owner[range.clone()].fill(Some(i));
            free = range.end;
        }
    }
    owner
}

/// A word and how many line ends stand before it.
struct Word {
    bytes: Range<usize>,
    breaks: usize,
}

fn words(text: &str) -> impl Iterator<Item = Word> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &text[at..];
        let gap = rest.len() - rest.trim_start().len();
        let breaks = rest[..gap].matches('\n').count();
        let start = at + gap;
        let length = text[start..]
            .find(char::is_whitespace)
            .unwrap_or(text.len() - start);
        at = start + length;
        (length > 0).then_some(Word {
            bytes: start..at,
            breaks,
        })
    })
}

struct Writer {
    lines: Vec<Vec<Piece>>,
    x: f32,
    size: f32,
    room: f32,
}

impl Writer {
    fn new_line(&mut self) {
        self.lines.push(Vec::new());
        self.x = 0.0;
    }

    fn word(&mut self, text: &str, word: &Word, owner: &[Option<usize>]) {
        let width = font::width(&text[word.bytes.clone()], self.size, Weight::Regular);
        let first = self.lines.len() == 1 && self.lines[0].is_empty();
        if word.breaks > 0 && !first {
            self.new_line();
            // Any number of empty lines becomes one.
            if word.breaks > 1 {
                self.new_line();
            }
        } else if self.x > 0.0 {
            let space = font::width(" ", self.size, Weight::Regular);
            if self.x + space + width > self.room {
                self.new_line()
            } else {
                self.x += space
            }
        }
        for (offset, letter) in text[word.bytes.clone()].char_indices() {
            self.letter(letter, owner[word.bytes.start + offset], offset == 0);
        }
    }

    /// Adds a letter to the last piece, or begins one; a word wider than a line is broken anywhere.
    fn letter(&mut self, letter: char, range: Option<usize>, word_starts: bool) {
        let width = font::width(letter.encode_utf8(&mut [0; 4]), self.size, Weight::Regular);
        if self.x > 0.0 && self.x + width > self.room {
            self.new_line();
        }
        let line = self.lines.last_mut().expect("a text has at least one line");
        match line.last_mut() {
            Some(piece) if !word_starts && piece.range == range => {
                piece.text.push(letter);
                piece.width += width;
            }
            _ => line.push(Piece {
                text: letter.into(),
                x: self.x,
                width,
                range,
            }),
        }
        self.x += width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(flow: &Flow) -> Vec<Vec<&str>> {
        flow.lines
            .iter()
            .map(|line| line.iter().map(|piece| piece.text.as_str()).collect())
            .collect()
    }

    #[test]
    fn ranges_split_words_and_lines_break_at_words() {
        let text = "Call now! ÄÖ\n\n\nbye";
        let ranges = [0..4, 5..8, 10..14];
        let flow = wrap(text, &ranges, 10.0, 1000.0, 9);
        assert_eq!(
            texts(&flow),
            [vec!["Call", "now", "!", "ÄÖ"], vec![], vec!["bye"]]
        );
        assert_eq!(
            flow.lines[0]
                .iter()
                .map(|piece| piece.range)
                .collect::<Vec<_>>(),
            [Some(0), Some(1), None, Some(2)]
        );
        let narrow = wrap("aa bb cc dd", &[], 10.0, 32.0, 2);
        assert_eq!(texts(&narrow), [vec!["aa", "bb"], vec!["cc", "dd"]]);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let flow = wrap("one two three four", &[], 10.0, 24.0, 2);
        assert_eq!(flow.lines.len(), 2);
        assert_eq!(flow.left_out, 2);
        assert_eq!(
            (flow.height(), flow.note().as_deref()),
            (3, Some("… and 2 more words"))
        );
        let long = "x".repeat(500);
        let flow = wrap(&long, &[], 10.0, 60.0, 1000);
        assert!(
            flow.lines.len() > 40
                && flow
                    .lines
                    .iter()
                    .flatten()
                    .all(|piece| piece.x + piece.width <= 60.0)
        );
    }

    #[test]
    fn bad_ranges_are_ignored() {
        let backwards = Range { start: 3, end: 1 };
        let flow = wrap("äbc", &[1..2, backwards, 2..3, 2..90], 10.0, 100.0, 3);
        assert_eq!(texts(&flow), [vec!["ä", "b", "c"]]);
        assert_eq!(flow.lines[0][1].range, Some(2));
        assert!(texts(&wrap("", &[], 10.0, 100.0, 3))[0].is_empty());
    }
}
