//! The lines of a text, one after the other.

use std::io::{self, BufRead, Read};

use super::ends::LONG;
use crate::data::encoding::not_utf8;
use crate::error::Error;

/// Reads the lines of a text in UTF-8.
pub(super) struct Lines<R> {
    text: R,
    /// At most so many bytes are handed out at once.
    most: usize,
    /// A line or a part of one; its first `given` bytes are handed out.
    line: Vec<u8>,
    given: usize,
    /// How many lines began, and whether the last one is over.
    number: u64,
    over: bool,
    /// How many bytes of the text were handed out.
    at: u64,
}

/// Why a line cannot be read.
pub(super) enum Unread {
    Io(io::Error),
    /// A byte that no UTF-8 has there.
    Byte {
        line: u64,
        at: u64,
        byte: u8,
    },
}

impl Unread {
    /// The error that a person reads, about the file called `name`.
    pub(super) fn told(self, name: &str) -> Error {
        match self {
            Unread::Io(error) => Error::io(name, "read", &error),
            Unread::Byte { line, at, byte } => not_utf8(name, line, at, byte),
        }
    }
}

impl<R: BufRead> Lines<R> {
    /// Of a text whose long lines come in parts, or else `whole`.
    pub(super) fn new(text: R, whole: bool) -> Lines<R> {
        Lines {
            text,
            most: if whole { usize::MAX } else { LONG },
            line: Vec::new(),
            given: 0,
            number: 0,
            over: true,
            at: 0,
        }
    }

    /// The number of a line, from 1, and the line with its end, if it has one, or the next part of it. Windows' line
    /// breaks become Unix'.
    pub(super) fn next(&mut self) -> Result<Option<(u64, &str)>, Unread> {
        self.line.drain(..self.given);
        self.given = 0;
        let room = (self.most - self.line.len()) as u64;
        let mut text = self.text.by_ref().take(room);
        let read = text.read_until(b'\n', &mut self.line);
        read.map_err(Unread::Io)?;
        if self.line.is_empty() {
            return Ok(None);
        }
        self.number += u64::from(self.over);
        self.over = self.line.ends_with(b"\n");
        let begin = self.at;
        if self.line.ends_with(b"\r\n") {
            self.line.truncate(self.line.len() - 2);
            self.line.push(b'\n');
            self.at += 1;
        }
        self.given = match self.line.len() < self.most || self.over {
            true => self.line.len(),
            false => complete(&self.line),
        };
        self.at += self.given as u64;
        let number = self.number;
        let line = &self.line[..self.given];
        let text = std::str::from_utf8(line).map_err(|error| Unread::Byte {
            line: number,
            at: begin + error.valid_up_to() as u64,
            byte: line[error.valid_up_to()],
        })?;
        Ok(Some((number, text)))
    }
}

/// How much of the part of a line can be handed out: half a letter and half a line break wait for what follows.
fn complete(part: &[u8]) -> usize {
    let letters = match std::str::from_utf8(part) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => part.len(),
    };
    letters - usize::from(part[..letters].ends_with(b"\r"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Result<Vec<(u64, String)>, Unread> {
        let mut lines = Lines::new(text, false);
        let mut all = Vec::new();
        while let Some((number, line)) = lines.next()? {
            all.push((number, line.to_owned()));
        }
        Ok(all)
    }

    #[test]
    fn parts_of_long_lines_are_text() {
        for letters in LONG - 4..LONG + 4 {
            // A letter of two bytes, then a line break, at the end of a part.
            for end in ["é\r\n", "\r\n"] {
                let text = format!("{}{end}one\r\n\ntwo\r", "a".repeat(letters));
                let Ok(lines) = all(text.as_bytes()) else {
                    panic!("{letters} letters are no text");
                };
                let first = lines.iter().filter(|(number, _)| *number == 1);
                let first: String = first.map(|(_, line)| &**line).collect();
                assert_eq!(first, text[..letters + end.len()].replace("\r\n", "\n"));
                let rest: Vec<_> = lines.iter().filter(|(number, _)| *number > 1).collect();
                let rest: Vec<_> = rest.iter().map(|(n, line)| (*n, &**line)).collect();
                assert_eq!(rest, [(2, "one\n"), (3, "\n"), (4, "two\r")]);
            }
        }
    }

    #[test]
    fn a_byte_that_is_no_text_is_told() {
        let Err(unread) = all(b"ok\r\nno\xff") else {
            panic!("this is no UTF-8");
        };
        let said = unread.told("a.txt").to_string();
        assert!(
            said.starts_with("a.txt, line 2, byte 6: byte 0xff is not valid UTF-8"),
            "{said}"
        );
    }
}
