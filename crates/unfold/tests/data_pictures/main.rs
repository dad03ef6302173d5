//! Pictures as data: what is read and how, what is made of it, and what is refused.

mod batches;
mod damage;
#[path = "../data_support/mod.rs"]
mod data_support;
mod kinds;
mod layouts;
mod tables;

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, RgbImage};
use unfold::Result;
use unfold::data::{PictureData, PictureSource, read_pictures};

pub(crate) fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

pub(crate) fn coloured(n: usize) -> Vec<u8> {
    let picture = RgbImage::from_pixel(8, 8, image::Rgb([n as u8, 200, 255 - n as u8]));
    encoded(&picture, ImageFormat::Jpeg)
}

pub(crate) fn plain() -> PictureSource {
    PictureSource {
        valid_fraction: 0.0,
        ..PictureSource::default()
    }
}

pub(crate) fn read(path: &Path) -> Result<PictureData> {
    read_pictures(path, &plain(), 1)
}

pub(crate) fn opened(path: &Path) -> PictureData {
    read(path).unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn idx(shape: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, shape.len() as u8];
    bytes.extend(shape.iter().flat_map(|axis| axis.to_be_bytes()));
    bytes.extend(values);
    bytes
}

#[track_caller]
pub(crate) fn refused(path: &Path, parts: &[&str]) {
    let error = read(path).expect_err("it should be refused");
    let message = error.to_string();
    for part in parts
        .iter()
        .copied()
        .chain([path.to_string_lossy().as_ref()])
    {
        assert!(message.contains(part), "expected {part:?} in: {message}");
    }
    assert!(!error.remedy().is_empty(), "no remedy in: {message}");
}

#[track_caller]
pub(crate) fn noted(data: &PictureData, part: &str) {
    assert!(
        data.notes.iter().any(|note| note.contains(part)),
        "expected {part:?} in: {:?}",
        data.notes
    );
}

pub(crate) fn labels_of(data: &PictureData) -> Vec<(String, Vec<u8>)> {
    let sets = [Some(&data.train), data.test.as_ref()];
    let mut pairs: Vec<(String, Vec<u8>)> = sets
        .into_iter()
        .flatten()
        .flat_map(|set| {
            (0..set.len()).map(|i| {
                (
                    data.labels[set.label(i)].clone(),
                    set.read(i).expect("readable").pixels,
                )
            })
        })
        .collect();
    pairs.sort();
    pairs
}
