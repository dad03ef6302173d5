//! Stretches of files, and where these lie.

use std::io::BufRead as _;
use std::ops::Range;

use super::lines::{Lines, Unread};
use crate::data::store::{Place, Store};
use crate::error::{Error, Result};

/// The bytes of all pieces of a corpus.
#[derive(Debug, Default)]
pub(super) struct Stores {
    /// Files as they were given, but unpacked.
    pub(super) given: Store,
    /// What was in another encoding, in UTF-8.
    pub(super) decoded: Store,
}

/// A stretch of one file, in UTF-8.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// What the file is called in messages.
    pub(super) name: String,
    /// Whether it is JSON Lines.
    pub(super) json: bool,
    /// Whether blank lines part the file.
    pub(super) parted: bool,
    /// Whether it lies among what was decoded.
    pub(super) decoded: bool,
    /// Where the file lies.
    pub(super) place: Place,
    /// Which of the file's bytes.
    pub(super) range: Range<u64>,
}

impl Piece {
    /// How many bytes it has.
    pub(super) fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn store<'a>(&self, stores: &'a Stores) -> &'a Store {
        match self.decoded {
            true => &stores.decoded,
            false => &stores.given,
        }
    }

    /// Its lines, with their numbers and their ends; long ones in parts, but of JSON Lines.
    pub(super) fn lines(
        &self,
        stores: &Stores,
        visit: &mut dyn FnMut(u64, &str) -> Result<()>,
    ) -> Result<()> {
        let told = |unread: Unread| unread.told(&self.name);
        let text = self.store(stores).reader(&self.place, self.range.clone());
        let mut lines = Lines::new(text.map_err(Unread::Io).map_err(told)?, self.json);
        while let Some((number, line)) = lines.next().map_err(told)? {
            if let Err(error) = visit(number, line) {
                // Told again with its number in the whole file, which nobody counts without need.
                return match self.lines_before(stores)? {
                    0 => Err(error),
                    before => visit(before + number, line),
                };
            }
        }
        Ok(())
    }

    /// How many lines of the file end before it begins.
    fn lines_before(&self, stores: &Stores) -> Result<u64> {
        let unread = |error| Error::io(&self.name, "read", &error);
        let text = self.store(stores).reader(&self.place, 0..self.range.start);
        let mut text = text.map_err(unread)?;
        let mut lines = 0;
        loop {
            let some = text.fill_buf().map_err(unread)?;
            if some.is_empty() {
                return Ok(lines);
            }
            let length = some.len();
            lines += some.iter().filter(|&&byte| byte == b'\n').count() as u64;
            text.consume(length);
        }
    }

    /// Reads all of it to see whether it is UTF-8, and notes whether blank lines part it.
    pub(super) fn survey(&mut self, stores: &Stores) -> std::result::Result<(), Unread> {
        let text = self.store(stores).reader(&self.place, self.range.clone());
        let mut lines = Lines::new(text.map_err(Unread::Io)?, self.json);
        let mut before = 1;
        while let Some((number, line)) = lines.next()? {
            self.parted |= number > before && line == "\n";
            before = number;
        }
        Ok(())
    }

    /// The first line that begins at byte `at`, which is inside, or after it; in text without
    /// lines, the next letter.
    fn line_from(&self, stores: &Stores, at: u64) -> Result<u64> {
        // The end of the line before tells.
        let before = at - 1;
        let end = match self.json {
            true => self.range.end,
            false => self.range.end.min(before + NEAR),
        };
        let mut near = Vec::new();
        let text = self.store(stores).reader(&self.place, before..end);
        let read = text.and_then(|mut text| text.read_until(b'\n', &mut near));
        read.map_err(|error| Error::io(&self.name, "read", &error))?;
        if self.json || near.ends_with(b"\n") {
            return Ok(before + near.len() as u64);
        }
        let begins_letter = |&byte: &u8| byte & 0xc0 != 0x80;
        let letter = near.iter().skip(1).position(begins_letter);
        Ok(letter.map_or(end, |letter| at + letter as u64))
    }
}

/// A line's end is looked for so far from where text is divided, but in JSON Lines to the end.
const NEAR: u64 = 4096;

/// Takes a share off the end of the text, at the start of a line.
pub(super) fn take_end(
    from: &mut Vec<Piece>,
    fraction: f64,
    stores: &Stores,
) -> Result<Vec<Piece>> {
    let all: u64 = from.iter().map(Piece::len).sum();
    let mut left = (all as f64 * fraction).round() as u64;
    let mut taken = Vec::new();
    while left > 0 {
        let Some(mut piece) = from.pop() else {
            break;
        };
        if piece.len() > left {
            let cut = piece.line_from(stores, piece.range.end - left)?;
            left = 0;
            let kept = Piece {
                range: piece.range.start..cut,
                ..piece.clone()
            };
            piece.range.start = cut;
            from.push(kept);
        } else {
            left -= piece.len();
        }
        if !piece.range.is_empty() {
            taken.insert(0, piece);
        }
    }
    Ok(taken)
}
