//! Batches of pictures, made on any number of threads.

use std::path::Path;

use image::ImageFormat;
use unfold::data::{
    Album, AlbumConfig, AugmentConfig, Batcher, Fit, Normalise, PictureBatch, PictureForm,
    PictureSet,
};
use unfold::{Key, Moment};

use crate::data_support::{folder, write};
use crate::layouts::files;
use crate::opened;

fn form(side: usize) -> PictureForm {
    PictureForm {
        height: side,
        width: side,
        channels: 3,
        fit: Fit::Crop,
    }
}

fn everything() -> AugmentConfig {
    toml::from_str(
        "crop_padding = 2\nflip = true\nrotate = 10\ntranslate = 0.1\nscale = [0.9, 1.1]\nshear = 5\nbrightness = 0.2\n\
         contrast = 0.2\nsaturation = 0.2\nhue = 0.1\ncutout = 3\nmixup = 0.2\ncutmix = 1.0\n\
         resized_crop = { area = [0.35, 1.0] }\nrandaugment = { operations = 2, magnitude = 9 }\nerase = {}\n",
    )
    .expect("a valid configuration")
}

fn batcher(set: PictureSet, memory: u64, threads: usize, augment: AugmentConfig) -> Batcher {
    let config = AlbumConfig {
        memory,
        threads,
        whole: augment.cuts(),
        strict: false,
    };
    let album = Album::open(set, &form(6), config).expect("pictures");
    assert_eq!(album.in_memory(), memory > 0);
    let normalise = album.normalise(1000).expect("pictures");
    Batcher::new(album, normalise, augment).expect("valid")
}

fn same(a: &PictureBatch, b: &PictureBatch) {
    assert_eq!(a.pixels.dims(), b.pixels.dims());
    assert_eq!(a.pixels.data(), b.pixels.data());
    assert_eq!(
        (&a.labels, &a.pictures, a.mixed),
        (&b.labels, &b.pictures, b.mixed)
    );
}

#[test]
fn batches_are_the_same_for_any_number_of_threads() {
    let folder = folder();
    for (path, _, bytes) in files(ImageFormat::Png, "png") {
        write(&folder, &path, bytes);
    }
    let data = opened(folder.path());
    let numbers: Vec<usize> = (0..30).map(|n| n * 7 % 32).collect();
    let order: Vec<Vec<usize>> = numbers.chunks(8).map(<[usize]>::to_vec).collect();
    for augment in [AugmentConfig::default(), everything()] {
        let moment = Moment {
            epoch: 1,
            key: Key::new(3),
        };
        for moment in [None, Some(moment)] {
            let reference = batcher(data.train.clone(), 0, 1, augment.clone());
            let expected: Vec<PictureBatch> = order
                .iter()
                .map(|numbers| reference.batch(numbers, moment).expect("readable"))
                .collect();
            for (memory, threads) in [(0, 3), (1 << 20, 1), (1 << 20, 2)] {
                let other = batcher(data.train.clone(), memory, threads, augment.clone());
                for (numbers, expected) in order.iter().zip(&expected) {
                    same(&other.batch(numbers, moment).expect("readable"), expected);
                }
            }
            assert_eq!(
                expected[0].mixed.is_some(),
                moment.is_some() && augment != AugmentConfig::default()
            );
        }
    }
}

#[test]
fn batches_are_normalised() {
    let folder = folder();
    for (path, _, bytes) in files(ImageFormat::Png, "png") {
        write(&folder, &path, bytes);
    }
    let data = opened(folder.path());
    let batcher = batcher(data.train.clone(), 1 << 20, 1, AugmentConfig::default());
    let batch = batcher.batch(&[5, 0], None).expect("readable");
    assert_eq!(batch.pixels.dims(), [2, 6, 6, 3]);
    assert_eq!(
        batch.labels,
        [data.train.label(5) as u32, data.train.label(0) as u32]
    );
    let Normalise { mean, std } = batcher.normalise();
    let pixel = data.train.read(5).expect("readable").pixels;
    for c in 0..3 {
        let expected = (f32::from(pixel[c]) / 255.0 - mean[c]) / std[c];
        assert!((batch.pixels.data()[c] - expected).abs() < 1e-5);
    }
}

#[test]
fn grey_pictures_suit_networks_for_colours_and_the_other_way_round() {
    let test = opened(Path::new("builtin:digits"))
        .test
        .expect("a test part");
    let grey = test.read(7).expect("readable");
    let album = Album::open(test, &form(28), AlbumConfig::default()).expect("pictures");
    let colours = album.picture(7).expect("readable");
    assert_eq!((grey.channels, colours.channels), (1, 3));
    assert!(
        grey.pixels
            .iter()
            .zip(colours.pixels.chunks(3))
            .all(|(g, c)| c == [*g; 3])
    );
    let folder = folder();
    for (path, _, bytes) in files(ImageFormat::Png, "png") {
        write(&folder, &path, bytes);
    }
    let one = PictureForm {
        channels: 1,
        ..form(5)
    };
    for memory in [0, 1 << 20] {
        let config = AlbumConfig {
            memory,
            ..AlbumConfig::default()
        };
        let album = Album::open(opened(folder.path()).train, &one, config).expect("pictures");
        let batcher = Batcher::new(
            album,
            Normalise {
                mean: vec![0.0],
                std: vec![1.0],
            },
            AugmentConfig::default(),
        );
        let batch = batcher
            .expect("valid")
            .batch(&[0, 1], None)
            .expect("readable");
        assert_eq!(batch.pixels.dims(), [2, 5, 5, 1]);
        assert!(
            batch
                .pixels
                .data()
                .iter()
                .all(|value| (0.0..=1.0).contains(value))
        );
    }
}
