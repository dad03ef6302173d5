//! How much memory an IDX set needs that is larger than what is kept there. The whole process is measured, so this is a single test.

#![cfg(target_os = "linux")]

use std::fs::{File, read_to_string, write};
use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use unfold::data::{PictureSource, read_pictures};

const PICTURES: usize = 250;
const SIDE: usize = 1000;

/// The most memory that the process had so far, in bytes.
fn peak() -> usize {
    let status = read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes
        .expect("a peak")
        .parse::<usize>()
        .expect("a number")
        << 10
}

fn head(shape: &[usize]) -> Vec<u8> {
    let lengths = shape.iter().flat_map(|&axis| (axis as u32).to_be_bytes());
    [0, 0, 8, shape.len() as u8]
        .into_iter()
        .chain(lengths)
        .collect()
}

#[test]
fn pictures_are_not_held_in_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = File::create(folder.path().join("images-idx3-ubyte.gz")).expect("created");
    let mut images = GzEncoder::new(file, Compression::fast());
    images
        .write_all(&head(&[PICTURES, SIDE, SIDE]))
        .expect("written");
    for n in 0..PICTURES {
        images
            .write_all(&vec![n as u8; SIDE * SIDE])
            .expect("written");
    }
    images.finish().expect("written");
    let classes = (0..PICTURES).map(|n| (n % 2) as u8);
    let labels: Vec<u8> = head(&[PICTURES]).into_iter().chain(classes).collect();
    write(folder.path().join("labels-idx1-ubyte"), labels).expect("written");

    let source = PictureSource {
        valid_fraction: 0.0,
        test_fraction: 0.0,
        ..PictureSource::default()
    };
    let data = read_pictures(folder.path(), &source, 1).expect("readable");
    assert!(peak() < PICTURES * SIDE * SIDE * 3 / 4, "{}", peak());
    let set = &data.train;
    assert_eq!(set.len(), PICTURES);
    for i in [0, 77, PICTURES - 1] {
        let number = set.place(i).rsplit(' ').next().and_then(|n| n.parse().ok());
        let number: usize = number.expect("a number");
        let pixels = set.read(i).expect("readable").pixels;
        assert_eq!(pixels, vec![(number - 1) as u8; SIDE * SIDE]);
    }
}
