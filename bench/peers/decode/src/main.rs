//! JPEG files a second on one core: bytes decoded by the crate `image` alone, and the whole way of a picture into a batch as
//! measuring has it, the file read and told by its content, decoded and normalised, and as training has it, moved and mirrored
//! at random as well.
//!
//! `cargo run --release -- FOLDER SIZE`: class folders of JPEG files below FOLDER/train, SIZE x SIZE pixels each. The first
//! 2,000 are read five times, some in one way after the other.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use unfold::data::{
    Album, AlbumConfig, AugmentConfig, Batcher, Fit, Flip, Normalise, PictureForm, PictureSource,
    read_pictures,
};
use unfold::{Key, Moment, set_threads};

const FILES: usize = 2000;
const ROUNDS: usize = 5;
/// Pictures that are read in each way in turn: a moment in which the machine does other things then slows all of them.
const BATCH: usize = 50;

fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(size)) = (args.next(), args.next()) else {
        panic!("decode FOLDER SIZE");
    };
    let size: usize = size.parse().expect("SIZE is a number of pixels");
    set_threads(1);
    let files = files(&Path::new(&folder).join("train"));
    let bytes: Vec<Vec<u8>> = files
        .iter()
        .map(|file| std::fs::read(file).expect("a file that can be read"))
        .collect();
    let batcher = batcher(Path::new(&folder), size);
    let numbers: Vec<usize> = (0..files.len()).collect();
    let mut seconds = [0.0; 3];
    for round in 0..ROUNDS {
        let key = Key::new(round as u64);
        let moment = Moment { epoch: round, key };
        for (bytes, some) in bytes.chunks(BATCH).zip(numbers.chunks(BATCH)) {
            let began = Instant::now();
            for bytes in bytes {
                let picture = image::load_from_memory(bytes).expect("a JPEG file");
                black_box(picture.into_rgb8());
            }
            seconds[0] += began.elapsed().as_secs_f64();
            for (moment, seconds) in [None, Some(moment)].into_iter().zip(&mut seconds[1..]) {
                let began = Instant::now();
                black_box(batcher.batch(some, moment).expect("readable"));
                *seconds += began.elapsed().as_secs_f64();
            }
        }
    }
    let [alone, measuring, training] = seconds.map(|all| (files.len() * ROUNDS) as f64 / all);
    let share = |rate: f64| 100.0 * rate / alone;
    println!(
        "{alone:.0} pictures a second decoded alone, {measuring:.0} ({:.0} %) for measuring, {training:.0} ({:.0} %) for training",
        share(measuring),
        share(training)
    );
}

/// The first files below the class folders, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| {
        let entries = std::fs::read_dir(folder).expect("a folder");
        let mut paths: Vec<PathBuf> = entries
            .map(|entry| entry.expect("an entry").path())
            .collect();
        paths.sort();
        paths
    };
    let all = entries(folder)
        .into_iter()
        .flat_map(|class| entries(&class));
    all.take(FILES).collect()
}

/// Pictures that are decoded whenever they are asked for.
fn batcher(folder: &Path, size: usize) -> Batcher {
    let source = PictureSource {
        valid_fraction: 0.0,
        ..PictureSource::default()
    };
    let data = read_pictures(folder, &source, 1).expect("class folders");
    let form = PictureForm {
        height: size,
        width: size,
        channels: 3,
        fit: Fit::Crop,
    };
    let config = AlbumConfig {
        memory: 0,
        threads: 1,
        ..AlbumConfig::default()
    };
    let album = Album::open(data.train, &form, config).expect("pictures");
    let augment = AugmentConfig {
        crop_padding: 2,
        flip: Flip::Random,
        ..AugmentConfig::default()
    };
    let normalise = Normalise {
        mean: vec![0.5; 3],
        std: vec![0.25; 3],
    };
    Batcher::new(album, normalise, augment).expect("settings that fit")
}
