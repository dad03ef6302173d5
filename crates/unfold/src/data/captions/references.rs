//! Captions without their pictures, to score others against.

use std::path::Path;

use super::layout::{collect, leave_blank};
use super::source::CaptionSource;
use crate::data::dataset::{Dataset, manifest};
use crate::data::parts::Part;
use crate::error::Result;

/// A picture by its name, and what people say of it.
#[derive(Debug)]
pub(crate) struct CaptionReference {
    /// The picture as the captions name it.
    pub(crate) name: String,
    /// The number that COCO gives it.
    pub(crate) id: Option<String>,
    /// At least one caption, as raw text.
    pub(crate) captions: Vec<String>,
}

/// The captions of a test part if the data gives one, else all. A single file is read alone.
///
/// # Errors
/// When the data cannot be read.
pub(crate) fn caption_references(
    path: &Path,
    notes: &mut Vec<String>,
) -> Result<Vec<CaptionReference>> {
    let dataset = Dataset::open(path, true)?;
    let source = manifest::<CaptionSource>(&dataset)?.unwrap_or_default();
    notes.extend_from_slice(dataset.notes());
    let mut all = collect(&dataset, &source, notes)?;
    if all
        .iter()
        .any(|described| described.part == Some(Part::Test))
    {
        all.retain(|described| described.part == Some(Part::Test));
    }
    notes.extend(leave_blank(&mut all));
    let reference = |described: super::layout::Described| CaptionReference {
        name: described.name,
        id: described.id,
        captions: described.captions,
    };
    Ok(all.into_iter().map(reference).collect())
}
