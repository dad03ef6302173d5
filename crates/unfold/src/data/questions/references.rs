//! Answers without pictures, to score others against.

use std::path::Path;

use super::layout::collect;
use super::read::Question;
use super::source::QuestionSource;
use crate::data::dataset::{Dataset, manifest};
use crate::data::parts::Part;
use crate::error::Result;

/// The questions of a test part if the data gives one, else all; their text may be missing, as in a file of annotations. A
/// single file is read alone.
///
/// # Errors
/// When the data cannot be read.
pub(crate) fn question_references(path: &Path) -> Result<Vec<Question>> {
    let dataset = Dataset::open(path, true)?;
    let source = manifest::<QuestionSource>(&dataset)?.unwrap_or_default();
    let mut all = collect(&dataset, &source, false, &mut Vec::new())?;
    if all.iter().any(|asked| asked.part == Some(Part::Test)) {
        all.retain(|asked| asked.part == Some(Part::Test));
    }
    Ok(all
        .into_iter()
        .map(|asked| Question::of(asked, None))
        .collect())
}
