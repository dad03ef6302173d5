//! A long row of token numbers, in memory or, past a size, in a file of its own.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::ops::Range;

use super::read_at::read_at;
use crate::error::{Error, Result};

/// Numbers kept in memory; more go to a nameless file.
const IN_MEMORY: usize = 1 << 24;
/// Numbers written to the file, or handed out, at once.
const BLOCK: usize = 1 << 16;

/// The tokens of a text from its first to its last.
#[derive(Debug)]
pub struct TokenStream {
    memory: Vec<u32>,
    file: Option<File>,
    len: usize,
    measure: Measure,
}

/// How long a text is, however it is cut into tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measure {
    /// Stretches without white space, and ends of texts where these count.
    pub words: u64,
    /// Letters and all other signs.
    pub characters: u64,
    /// Characters that are in no token, and so not counted here: a tokenizer's file has none for them.
    pub left_out: u64,
    /// The first of them.
    pub first_left_out: Option<char>,
}

impl Measure {
    /// That of one text, of which some characters are left out.
    pub(super) fn of(text: &str, left_out: &HashSet<char>) -> Measure {
        let (mut measure, mut characters) = (Measure::default(), 0);
        for c in text.chars() {
            characters += 1;
            if left_out.contains(&c) {
                measure.left_out += 1;
                measure.first_left_out.get_or_insert(c);
            }
        }
        let read =
            |word: &&str| left_out.is_empty() || !word.chars().all(|c| left_out.contains(&c));
        measure.words = text.split_whitespace().filter(read).count() as u64;
        measure.characters = characters - measure.left_out;
        measure
    }

    fn add(&mut self, more: Measure) {
        self.words += more.words;
        self.characters += more.characters;
        self.left_out += more.left_out;
        self.first_left_out = self.first_left_out.or(more.first_left_out);
    }

    /// What a person should know of what is left out.
    pub fn note(&self) -> Option<String> {
        let first = self.first_left_out?;
        let share = 100.0 * self.left_out as f64 / (self.left_out + self.characters) as f64;
        Some(format!(
            "the tokenizer has no token for {} of the text's characters ({share:.2} %), such as “{first}”, and nothing \
             that stands for what it does not know: they are left out, and not counted per word or per character",
            self.left_out
        ))
    }
}

impl TokenStream {
    /// How long the text is.
    pub fn measure(&self) -> Measure {
        self.measure
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Some of them, into `out`.
    ///
    /// # Panics
    /// When they lie outside, or the file that holds them cannot be read any more.
    pub fn read(&self, range: Range<usize>, out: &mut Vec<u32>) {
        assert!(
            range.end <= self.len,
            "tokens {range:?} of {} were asked for",
            self.len
        );
        let Some(file) = &self.file else {
            out.extend_from_slice(&self.memory[range]);
            return;
        };
        let mut bytes = vec![0; 4 * range.len()];
        read_at(file, &mut bytes, 4 * range.start as u64).expect("a temporary file stays readable");
        let number = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        out.extend(bytes.chunks_exact(4).map(number));
    }

    /// Hands out all of them from the number `from` on, many at a time.
    ///
    /// # Panics
    /// As [`TokenStream::read`].
    pub fn visit(&self, from: usize, visit: &mut dyn FnMut(&[u32])) {
        let mut tokens = Vec::new();
        for start in (from..self.len).step_by(BLOCK) {
            tokens.clear();
            self.read(start..self.len.min(start + BLOCK), &mut tokens);
            visit(&tokens);
        }
    }
}

/// Fills a [`TokenStream`].
#[derive(Debug)]
pub struct TokenWriter {
    stream: TokenStream,
    limit: usize,
}

impl Default for TokenWriter {
    fn default() -> TokenWriter {
        TokenWriter::with_limit(IN_MEMORY)
    }
}

impl TokenWriter {
    fn with_limit(limit: usize) -> TokenWriter {
        TokenWriter {
            stream: TokenStream {
                memory: Vec::new(),
                file: None,
                len: 0,
                measure: Measure::default(),
            },
            limit,
        }
    }

    /// Adds tokens at the end.
    ///
    /// # Errors
    /// When there is no room for them on disk.
    pub fn push(&mut self, tokens: &[u32]) -> Result<()> {
        let stream = &mut self.stream;
        stream.memory.extend_from_slice(tokens);
        stream.len += tokens.len();
        if stream.memory.len() > self.limit || stream.file.is_some() && stream.memory.len() >= BLOCK
        {
            self.spill()?;
        }
        Ok(())
    }

    /// Adds to how long the text is.
    pub(super) fn measured(&mut self, text: Measure) {
        self.stream.measure.add(text);
    }

    /// The stream.
    ///
    /// # Errors
    /// As [`TokenWriter::push`].
    pub fn finish(mut self) -> Result<TokenStream> {
        if self.stream.file.is_some() {
            self.spill()?;
        }
        Ok(self.stream)
    }

    fn spill(&mut self) -> Result<()> {
        let stream = &mut self.stream;
        let unwritten = |error| Error::io(std::env::temp_dir(), "write", &error);
        let file = match &mut stream.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile().map_err(unwritten)?),
        };
        // The room for all that stayed in memory so far is given back.
        for tokens in std::mem::take(&mut stream.memory).chunks(BLOCK) {
            let bytes: Vec<u8> = tokens.iter().flat_map(|id| id.to_le_bytes()).collect();
            file.write_all(&bytes).map_err(unwritten)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disk_and_memory_give_the_same() {
        let mut memory = TokenWriter::default();
        let mut disk = TokenWriter::with_limit(10);
        for i in 0..20_000u32 {
            let some: Vec<u32> = (i..i + 7).collect();
            memory.push(&some).unwrap();
            disk.push(&some).unwrap();
        }
        let (memory, disk) = (memory.finish().unwrap(), disk.finish().unwrap());
        assert!(memory.file.is_none() && disk.file.is_some() && disk.memory.is_empty());
        for range in [0..140_000, 3..3, 139_990..140_000, 65_530..65_545] {
            let (mut a, mut b) = (Vec::new(), Vec::new());
            memory.read(range.clone(), &mut a);
            disk.read(range, &mut b);
            assert_eq!(a, b);
        }
        let mut all = Vec::new();
        disk.visit(5, &mut |tokens| all.extend_from_slice(tokens));
        assert_eq!(all[..], memory.memory[5..]);
    }
}
