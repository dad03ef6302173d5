//! What the tests of data share.
#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use unfold::data::{TextData, TextSource, read_text};

/// Stored files.
pub(crate) const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference");

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

pub(crate) fn write(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("created");
    fs::write(&path, content).expect("written");
    path
}

pub(crate) fn read(path: &Path) -> unfold::Result<TextData> {
    read_text(path, &TextSource::default(), 1)
}

/// The message for `path`, which must name it and say all of `parts`.
#[track_caller]
pub(crate) fn refused(result: unfold::Result<TextData>, path: &Path, parts: &[&str]) {
    let error = result.expect_err("it should be refused");
    let message = error.to_string();
    let name = path.display().to_string();
    for part in parts.iter().copied().chain([name.as_str()]) {
        assert!(message.contains(part), "expected {part:?} in: {message}");
    }
    assert!(!error.remedy().is_empty(), "no remedy in: {message}");
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("finished")
}
