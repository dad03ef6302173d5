//! Files of every kind, whole and damaged.

use std::collections::BTreeMap;
use std::fs;

use image::{ImageFormat, RgbImage};
use serde::Deserialize;
use unfold::data::{Fit, PictureForm, decode};

use crate::data_support::REFERENCE;
use crate::encoded;

#[derive(Deserialize)]
struct Stored {
    shape: [usize; 3],
    values: Vec<u8>,
}

#[derive(Deserialize)]
struct Reference {
    files: BTreeMap<String, Stored>,
}

fn stored(name: &str) -> Vec<u8> {
    fs::read(format!("{REFERENCE}/pictures/{name}")).expect("a stored file")
}

#[test]
fn every_kind_of_file_is_decoded_as_pillow_does() {
    let text = fs::read_to_string(format!("{REFERENCE}/pictures.json")).expect("readable");
    let reference: Reference = serde_json::from_str(&text).expect("valid");
    assert!(reference.files.len() >= 15);
    for (name, expected) in &reference.files {
        // What a file is called says nothing.
        let picture =
            decode(&stored(name), "some.txt").unwrap_or_else(|error| panic!("{name}: {error}"));
        let shape = [picture.height, picture.width, picture.channels];
        assert_eq!(shape, expected.shape, "{name}");
        let differences = picture
            .pixels
            .iter()
            .zip(&expected.values)
            .map(|(a, b)| a.abs_diff(*b));
        let most = if name.ends_with("jpg") || name == "plain.webp" {
            6
        } else {
            1
        };
        let worst = differences.max().expect("pixels");
        assert!(worst <= most, "{name}: {worst}");
    }
}

fn error_of(bytes: &[u8]) -> String {
    let error = decode(bytes, "DATA, a/x.jpg").expect_err("it should be refused");
    assert!(!error.remedy().is_empty(), "no remedy in: {error}");
    let message = error.to_string();
    assert!(message.starts_with("DATA, a/x.jpg: "), "{message}");
    message
}

#[test]
fn files_that_are_cut_off_are_refused() {
    for name in [
        "plain.jpg",
        "progressive.jpg",
        "cmyk.jpg",
        "turned.jpg",
        "plain.webp",
        "opacity.webp",
        "plain.bmp",
        "plain.png",
        "palette.png",
        "sixteen.png",
        "moving.gif",
    ] {
        let whole = stored(name);
        for share in [2, 10, 30, 60, 90, 97] {
            let cut = &whole[..whole.len() * share / 100];
            if name == "moving.gif" && share > 30 {
                continue; // its first picture is there
            }
            assert!(decode(cut, "x").is_err(), "{name}, {share} %");
        }
    }
    assert!(error_of(&[]).contains("the file is empty"));
    let jpeg = stored("plain.jpg");
    assert!(error_of(&jpeg[..jpeg.len() - 9]).contains("it is cut off"));
    // What follows the end does not matter.
    let more = [&jpeg[..], b"trailing bytes"].concat();
    assert_eq!(
        decode(&more, "x").expect("readable"),
        decode(&jpeg, "x").expect("readable")
    );
    assert!(error_of(b"<html>not found</html>").contains("does not begin as a JPEG"));
}

#[test]
fn flipped_bits_end_in_a_result() {
    let names = [
        "plain.jpg",
        "progressive.jpg",
        "cmyk.jpg",
        "plain.webp",
        "opacity.webp",
        "palette.png",
        "moving.gif",
        "plain.bmp",
    ];
    for name in names {
        let whole = stored(name);
        for at in (0..whole.len()).step_by(1 + whole.len() / 60) {
            for bit in [0, 3, 7] {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                if let Ok(picture) = decode(&bytes, "x") {
                    assert_eq!(
                        picture.pixels.len(),
                        picture.width * picture.height * picture.channels
                    );
                }
            }
        }
    }
}

/// A PNG of one black pixel whose head says another size.
fn lying_png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encoded(&RgbImage::new(1, 1), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let sum = crc32fast::hash(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    bytes
}

#[test]
fn very_large_and_very_small_pictures() {
    assert!(
        error_of(&lying_png(20_000, 20_000))
            .contains("20000 x 20000 pixels are more than the 64 million that are read")
    );
    assert!(
        error_of(&lying_png(2_000_000_000, 1)).contains("more than the 64 million that are read")
    );
    // Few enough pixels, but they are not there.
    error_of(&lying_png(5000, 5000));
    error_of(&lying_png(0, 5));
    let dot = decode(&encoded(&RgbImage::new(1, 1), ImageFormat::Jpeg), "x").expect("readable");
    assert_eq!((dot.width, dot.height), (1, 1));
    let form = PictureForm {
        height: 3,
        width: 5,
        channels: 1,
        fit: Fit::Crop,
    };
    assert_eq!(form.apply(&dot).pixels, [0; 15]);
}
