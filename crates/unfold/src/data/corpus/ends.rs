//! Where texts end, and the stretches in which they are handed out.

use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Where a text is over and `<eos>`, the end of a sequence, is put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ends {
    /// For words: after each paragraph where blank lines part them, else after each line. For
    /// characters and subwords, to which line breaks are tokens like any other: nowhere, but
    /// after each object of JSON Lines.
    #[default]
    Auto,
    /// After each line.
    Line,
    /// After each paragraph: where one or more blank lines follow.
    Paragraph,
    /// After each file, or each object of JSON Lines.
    Document,
    /// Nowhere.
    Never,
}

/// Longer stretches are handed out in parts: no text is too long for memory.
pub(super) const LONG: usize = 1 << 14;

/// What has been read of a stretch of text and not been handed out.
pub(super) struct Stretch<'a> {
    ends: Ends,
    text: String,
    /// Takes a part of a text, and whether the text is over after it.
    visit: &'a mut dyn FnMut(&str, bool) -> Result<()>,
}

impl<'a> Stretch<'a> {
    pub(super) fn new(
        ends: Ends,
        visit: &'a mut dyn FnMut(&str, bool) -> Result<()>,
    ) -> Stretch<'a> {
        Stretch {
            ends,
            text: String::new(),
            visit,
        }
    }

    /// A line with its end, if it has one, or the next part of a long one.
    pub(super) fn line(&mut self, line: &str) -> Result<()> {
        let begins = self.text.is_empty() || self.text.ends_with('\n');
        if self.ends == Ends::Paragraph && begins && line.trim().is_empty() {
            return self.end();
        }
        self.text.push_str(line);
        if self.text.len() > LONG {
            self.shorten()?;
        }
        match self.ends {
            Ends::Never | Ends::Line | Ends::Auto if line.ends_with('\n') => self.end(),
            _ => Ok(()),
        }
    }

    /// The end of a stretch.
    pub(super) fn end(&mut self) -> Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        match self.ends {
            Ends::Never => (self.visit)(&self.text, false)?,
            _ => (self.visit)(self.text.trim_end_matches('\n'), true)?,
        }
        self.text.clear();
        Ok(())
    }

    /// Hands out what is too long to be kept. Something always stays, the line breaks at the end among it: these belong
    /// to no text if it ends there.
    fn shorten(&mut self) -> Result<()> {
        let mut start = 0;
        while self.text.len() - start > LONG {
            let rest = &self.text[start..];
            let part = &rest[..parted(rest)];
            (self.visit)(part, false)?;
            start += part.len();
        }
        self.text.drain(..start);
        Ok(())
    }
}

/// Where a text of more than [`LONG`] bytes may be parted with the least harm to its tokens: before the last white
/// space that is not too far, or else between two letters.
fn parted(text: &str) -> usize {
    let most = (0..=LONG).rfind(|&at| text.is_char_boundary(at));
    let near = &text[..most.unwrap_or(0)];
    let space = near.rfind(char::is_whitespace).unwrap_or(0);
    match near[..space].trim_end().len() {
        0 => near.len(),
        word => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text handed out, line by line or in parts of so many letters.
    fn stretches(text: &str, ends: Ends, letters: usize) -> Vec<(String, bool)> {
        let mut all = Vec::new();
        let mut add = |text: &str, over| {
            all.push((text.to_owned(), over));
            Ok(())
        };
        let mut stretch = Stretch::new(ends, &mut add);
        for line in text.split_inclusive('\n') {
            let chars: Vec<char> = line.chars().collect();
            for part in chars.chunks(letters) {
                stretch.line(&part.iter().collect::<String>()).unwrap();
            }
        }
        stretch.end().unwrap();
        all
    }

    #[test]
    fn long_texts_come_in_parts() {
        let text = "the white whale\n\n\n".repeat(5000) + "\n\n";
        for ends in [Ends::Document, Ends::Never] {
            let all = stretches(&text, ends, 100);
            let joined: String = all.iter().map(|(text, _)| &**text).collect();
            assert!(all.iter().all(|(part, _)| part.len() <= LONG));
            let last = all.len() - 1;
            if ends == Ends::Never {
                assert_eq!(joined, text);
                assert!(all.iter().all(|(_, over)| !over));
            } else {
                assert!(last >= text.len() / LONG);
                assert_eq!(joined, text.trim_end_matches('\n'));
                assert!(
                    all.iter()
                        .enumerate()
                        .all(|(i, (_, over))| *over == (i == last))
                );
            }
        }
    }

    #[test]
    fn long_lines_are_parted_before_white_space() {
        let line = "größer Wale  ".repeat(5000);
        for ends in [Ends::Never, Ends::Line, Ends::Paragraph] {
            let all = stretches(&format!("{line}\n  \nend"), ends, 77);
            let of_line = all.iter().filter(|(text, _)| text.contains("Wale"));
            let (parts, over): (Vec<&str>, Vec<bool>) =
                of_line.map(|(text, over)| (&**text, *over)).unzip();
            assert_eq!(parts.concat().trim_end_matches('\n'), line, "{ends:?}");
            assert!(parts.len() > 4 && parts[1..].iter().all(|part| part.starts_with("  ")));
            let ended = over.iter().filter(|&&over| over).count();
            assert_eq!(ended, usize::from(ends != Ends::Never), "{ends:?}");
        }
        let letters = "鯨".repeat(LONG);
        let all = stretches(&letters, Ends::Line, LONG);
        let joined: String = all.iter().map(|(text, _)| &**text).collect();
        assert_eq!((all.len(), joined), (4, letters));
    }
}
