//! Answers without pictures, to score others against.

use std::path::Path;

use super::layout::collect;
use super::read::Question;
use super::source::QuestionSource;
use crate::data::dataset::{Dataset, manifest};
use crate::data::parts::Part;
use crate::error::Result;

/// The questions of a test part if the data gives one, else all; their text may be missing, as in a file of annotations. A
/// single file is read alone, but for the annotations beside a file of questions.
///
/// # Errors
/// When the data cannot be read.
pub(crate) fn question_references(path: &Path, notes: &mut Vec<String>) -> Result<Vec<Question>> {
    let mut read = |alone: bool| {
        notes.clear();
        let dataset = Dataset::open(path, alone)?;
        notes.extend_from_slice(dataset.notes());
        let source = manifest::<QuestionSource>(&dataset)?.unwrap_or_default();
        collect(&dataset, &source, false, notes)
    };
    let mut all = match read(true) {
        Err(error) if path.is_file() => read(false).map_err(|_| error)?,
        read => read?,
    };
    if all.iter().any(|asked| asked.part == Some(Part::Test)) {
        all.retain(|asked| asked.part == Some(Part::Test));
    }
    Ok(all
        .into_iter()
        .map(|asked| Question::of(asked, None))
        .collect())
}
