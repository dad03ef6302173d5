//! Published word vectors as text: a word and its numbers on each line (GloVe), with or without a
//! first line that counts both (word2vec, fastText).

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::files::damaged;
use super::unpack::unpacked;
use super::{Vocabulary, missing};
use crate::error::{Error, Result};

/// Reads the vectors of the words in `vocabulary`; gives their size and, for each number of the
/// vocabulary, its vector if the file has one. The file may be packed with gzip, xz or zstd.
///
/// # Errors
/// When the file cannot be read, is no such file, or has none of the words.
pub fn load_vectors(
    path: &Path,
    vocabulary: &Vocabulary,
) -> Result<(usize, Vec<Option<Vec<f32>>>)> {
    let file = File::open(path).map_err(|error| missing::explain(path, &error))?;
    let bad = |line: usize, problem: String| {
        let remedy =
            "give text with a word and its numbers on each line, as GloVe and word2vec publish it";
        Error::data(format!("{}, line {line}", path.display()), problem, remedy)
    };
    let name = path.display().to_string();
    let stream = unpacked(BufReader::new(file)).map_err(|error| damaged(&name, &error))?;
    let mut stream = BufReader::with_capacity(1 << 16, stream);
    let mut vectors = vec![None; vocabulary.len()];
    let mut size = 0;
    let mut found = 0;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = (&mut stream)
            .take_line(&mut line)
            .map_err(|error| damaged(&name, &error))?;
        if read == 0 {
            break;
        }
        if line.len() > LONGEST_LINE {
            return Err(bad(
                number,
                "the line is too long for a word and its numbers".to_owned(),
            ));
        }
        let Ok(text) = std::str::from_utf8(&line) else {
            if number == 1 {
                return Err(bad(
                    number,
                    "the line is not text; binary vectors are not read".to_owned(),
                ));
            }
            continue; // word2vec files hold a few words cut in the middle of a letter
        };
        let text = text.trim_end();
        let fields = text.split(' ').count() - 1;
        if number == 1 && fields == 1 && text.split(' ').all(|field| field.parse::<usize>().is_ok())
        {
            continue; // the counts
        }
        if size == 0 {
            size = fields;
        }
        if size == 0 || fields < size {
            return Err(bad(
                number,
                format!("{fields} numbers, the lines before have {size}"),
            ));
        }
        // A word may hold spaces: the numbers are counted from the end.
        let start = text
            .rmatch_indices(' ')
            .nth(size - 1)
            .map_or(0, |(at, _)| at);
        let Some(id) = vocabulary.id(&text[..start]) else {
            continue;
        };
        let values: std::result::Result<Vec<f32>, _> =
            text[start + 1..].split(' ').map(str::parse).collect();
        let values = values.map_err(|_| {
            bad(
                number,
                "not all fields after the word are numbers".to_owned(),
            )
        })?;
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(bad(number, format!("{value} is not a finite number")));
        }
        found += usize::from(vectors[id as usize].is_none());
        vectors[id as usize].get_or_insert(values);
    }
    if found == 0 {
        let remedy = "use vectors of the same language, lowercase as the words are, or cut texts as the vectors' were";
        return Err(Error::data(
            name,
            "none of the vocabulary's words has a vector there",
            remedy,
        ));
    }
    Ok((size, vectors))
}

/// 4,096 numbers of 15 characters, and a word.
const LONGEST_LINE: usize = 1 << 16;

trait TakeLine {
    /// Reads a line, but not much more than the longest that can be meant.
    fn take_line(self, into: &mut Vec<u8>) -> std::io::Result<usize>;
}

impl<R: BufRead> TakeLine for &mut R {
    fn take_line(self, into: &mut Vec<u8>) -> std::io::Result<usize> {
        use std::io::Read;
        self.take(LONGEST_LINE as u64 + 1).read_until(b'\n', into)
    }
}
