//! Pictures with text about them: captions, questions, and the scoring of both.

mod captions;
#[path = "../data_support/mod.rs"]
mod data_support;
mod questions;
mod real;
mod refused;
mod score;

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, RgbImage};
use tempfile::TempDir;

use data_support::write;

/// A picture that is told from others by its colour.
pub(crate) fn picture(number: u8) -> Vec<u8> {
    let picture = RgbImage::from_pixel(8, 8, image::Rgb([number, 200, 255 - number]));
    let mut bytes = Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, ImageFormat::Png)
        .expect("encoded");
    bytes.into_inner()
}

/// Writes pictures `0.png`, `1.png`, … into a folder below.
pub(crate) fn pictures(folder: &TempDir, below: &str, count: u8) {
    for number in 0..count {
        write(folder, &format!("{below}{number}.png"), picture(number));
    }
}

/// A tar archive of files.
pub(crate) fn tar(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        tar.append_data(&mut header, path, &bytes[..])
            .expect("added");
    }
    tar.into_inner().expect("finished")
}

/// The message of an error, which must name `path` and say all of `parts`.
#[track_caller]
pub(crate) fn says<T>(result: unfold::Result<T>, path: &Path, parts: &[&str]) {
    let error = result.err().expect("it should be refused");
    let message = error.to_string();
    let name = path.display().to_string();
    for part in parts.iter().copied().chain([name.as_str()]) {
        assert!(message.contains(part), "expected {part:?} in: {message}");
    }
    assert!(!error.remedy().is_empty(), "no remedy in: {message}");
}

/// Notes, of which one must say `part`.
#[track_caller]
pub(crate) fn noted(notes: &[String], part: &str) {
    assert!(
        notes.iter().any(|note| note.contains(part)),
        "expected {part:?} in: {notes:?}"
    );
}
