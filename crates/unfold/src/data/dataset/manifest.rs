//! `dataset.toml`: which file of DATA is which, written down beside them.

use serde::de::DeserializeOwned;

use super::Dataset;
use crate::error::{Error, Result};

/// The name of the file.
pub(in crate::data) const MANIFEST: &str = "dataset.toml";

/// What it says; nothing where DATA has none.
///
/// # Errors
/// When it cannot be read, or is no TOML of the keys of `S`.
pub(in crate::data) fn manifest<S: DeserializeOwned>(dataset: &Dataset) -> Result<Option<S>> {
    let mut files = dataset.files.files.iter();
    if !files.any(|file| file.path == MANIFEST) {
        return Ok(None);
    }
    let text = dataset.text(MANIFEST, MANIFEST)?;
    let content = String::from_utf8_lossy(&text.bytes);
    toml::from_str(&content).map(Some).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(content.len()));
        let line = content.as_bytes()[..start]
            .iter()
            .filter(|&&b| b == b'\n')
            .count()
            + 1;
        let remedy = "write `key = \"path\"` for each file, seen from the folder of dataset.toml";
        let place = format!("{}, line {line}", text.place);
        Error::data(place, error.message().trim(), remedy)
    })
}
