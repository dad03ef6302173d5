//! Stored values that the tests of pictures read; `tools/make_picture_fixtures.py` made them.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

/// Values with their shape.
#[derive(Debug, Deserialize)]
pub(super) struct Stored {
    pub(super) shape: [usize; 3],
    pub(super) values: Vec<u8>,
}

/// A picture brought to another size from a rectangle (left, top, right, bottom).
#[derive(Debug, Deserialize)]
pub(super) struct Resized {
    pub(super) from: Stored,
    #[serde(rename = "box")]
    pub(super) window: [f64; 4],
    pub(super) to: Stored,
}

/// A picture and what was made of it.
#[derive(Debug, Deserialize)]
pub(super) struct Changes {
    pub(super) from: Stored,
    pub(super) results: BTreeMap<String, Vec<u8>>,
    pub(super) moves: Vec<Moved>,
}

/// A picture mapped by a map of the plane.
#[derive(Debug, Deserialize)]
pub(super) struct Moved {
    pub(super) degrees: f64,
    pub(super) right: f64,
    pub(super) down: f64,
    pub(super) scale: f64,
    pub(super) shear: [f64; 2],
    pub(super) to: Stored,
    /// Whether each pixel shows the inside of the picture.
    pub(super) inside: Vec<u8>,
}

#[derive(Deserialize)]
struct Reference {
    sizes: Vec<Resized>,
    changes: BTreeMap<String, Changes>,
}

fn reference() -> Reference {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/pictures.json");
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(super) fn sizes() -> Vec<Resized> {
    reference().sizes
}

pub(super) fn changes() -> BTreeMap<String, Changes> {
    reference().changes
}

/// The largest difference of two values.
#[track_caller]
pub(super) fn differ(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| a.abs_diff(*b))
        .max()
        .unwrap_or(0)
}
