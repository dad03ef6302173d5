//! The same pictures in every layout that is read.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbImage};
use unfold::data::{
    Album, AlbumConfig, Fit, PictureData, PictureFiles, PictureForm, PictureSet, PictureSource,
    Survey, read_pictures, read_pictures_split,
};

use std::io::Cursor;

use crate::data_support::{folder, gzip, write};
use crate::{encoded, idx, opened, plain};

const CLASSES: [&str; 2] = ["cat", "dog"];

/// A picture that is told from all others by its colour.
fn picture(n: usize) -> RgbImage {
    RgbImage::from_pixel(9, 7, image::Rgb([n as u8 * 5, 255 - n as u8 * 5, n as u8]))
}

/// Forty pictures: path, class and bytes.
pub(crate) fn files(format: ImageFormat, ending: &str) -> Vec<(String, &'static str, Vec<u8>)> {
    let file = |n: usize| {
        let class = CLASSES[n % 2];
        (
            format!("{class}/{n:02}.{ending}"),
            class,
            encoded(&picture(n), format),
        )
    };
    (0..40).map(file).collect()
}

/// Label and first pixel of every picture.
fn pairs(data: &PictureData) -> BTreeSet<(String, Vec<u8>)> {
    let sets = [Some(&data.train), data.valid.as_ref(), data.test.as_ref()];
    let pairs = sets.into_iter().flatten().flat_map(|set: &PictureSet| {
        (0..set.len()).map(|i| {
            let picture = set.read(i).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((picture.width, picture.height, picture.channels), (9, 7, 3));
            (
                data.labels[set.label(i)].clone(),
                picture.pixels[..3].to_vec(),
            )
        })
    });
    pairs.collect()
}

fn expected() -> BTreeSet<(String, Vec<u8>)> {
    (0..40)
        .map(|n| (CLASSES[n % 2].to_owned(), picture(n).as_raw()[..3].to_vec()))
        .collect()
}

fn tar(files: &[(String, &str, Vec<u8>)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, _, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        tar.append_data(&mut header, format!("set/{path}"), &bytes[..])
            .expect("added");
    }
    tar.into_inner().expect("finished")
}

fn zip(files: &[(String, &str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, _, bytes) in files {
        zip.start_file(path, zip::write::SimpleFileOptions::default())
            .expect("started");
        zip.write_all(bytes).expect("written");
    }
    zip.finish().expect("finished").into_inner()
}

#[test]
fn class_folders_and_archives_read_alike() {
    let folder = folder();
    let files = files(ImageFormat::Png, "png");
    for (path, _, bytes) in &files {
        write(&folder, &format!("plain/{path}"), bytes);
    }
    let paths = [
        folder.path().join("plain"),
        write(&folder, "a.tar", tar(&files)),
        write(&folder, "a.tar.gz", gzip(&tar(&files))),
        write(&folder, "a.zip", zip(&files)),
    ];
    let reference = opened(&paths[0]);
    assert_eq!(reference.labels, CLASSES);
    assert_eq!(reference.train.len(), 32);
    for path in &paths {
        let data = opened(path);
        assert_eq!(pairs(&data), expected(), "{}", path.display());
        assert_eq!(data.train.labels(), reference.train.labels());
        let places = |data: &PictureData| -> Vec<String> {
            let set = &data.train;
            let name = |i| set.place(i).rsplit('/').next().map(str::to_owned);
            (0..set.len()).filter_map(name).collect()
        };
        assert_eq!(places(&data), places(&reference));
    }
}

#[test]
fn parts_of_the_data_stay_parts() {
    let folder = folder();
    for (n, (path, _, bytes)) in files(ImageFormat::Bmp, "bmp").iter().enumerate() {
        let part = ["training", "training", "val", "test"][n / 2 % 4];
        write(&folder, &format!("{part}/{path}"), bytes);
    }
    let data = opened(folder.path());
    let len = |set: Option<PictureSet>| set.map_or(0, |set| set.len());
    let sizes = [
        data.train.len(),
        len(data.valid.clone()),
        len(data.test.clone()),
    ];
    assert_eq!(sizes, [20, 10, 10]);
    assert_eq!(pairs(&data), expected());
    let test = read_pictures_split(folder.path(), &plain(), &data.labels)
        .expect("readable")
        .set;
    assert_eq!(test.len(), 10);
    // Pictures of one class can be measured, though not learned from.
    let cats = folder.path().join("val");
    std::fs::remove_dir_all(cats.join("dog")).expect("removed");
    let one = read_pictures_split(&cats, &plain(), &data.labels).expect("readable");
    assert!(!one.set.is_empty() && one.set.label(0) == 0);
    let error = read_pictures_split(folder.path(), &plain(), &["cat".to_owned()])
        .expect_err("an unknown label")
        .to_string();
    assert!(error.contains("does not know the label `dog`"), "{error}");
}

#[test]
fn idx_files_are_read_from_anywhere() {
    let folder = folder();
    let values: Vec<u8> = (0..2 * 3 * 12).collect();
    let labels: Vec<u8> = (0..12).map(|n| n % 2 + 4).collect();
    write(
        &folder,
        "train-images-idx3-ubyte.gz",
        gzip(&idx(&[12, 2, 3], &values)),
    );
    let images = write(&folder, "t10k-images.idx3-ubyte", idx(&[12, 2, 3], &values));
    let one = write(&folder, "train-labels-idx1-ubyte", idx(&[12], &labels));
    write(
        &folder,
        "t10k-labels-idx1-ubyte.gz",
        gzip(&idx(&[12], &labels)),
    );
    let data = opened(folder.path());
    assert_eq!(data.labels, ["4", "5"]);
    let test = data.test.expect("a test part");
    assert_eq!((data.train.len(), test.len()), (12, 12));
    let picture = test.read(3).expect("readable");
    assert_eq!((picture.width, picture.height, picture.channels), (3, 2, 1));
    assert_eq!((&picture.pixels[..], test.label(3)), (&values[18..24], 1));
    assert!(
        test.place(3).ends_with("t10k-images.idx3-ubyte, picture 4"),
        "{}",
        test.place(3)
    );
    let address = test.address(3);
    assert!(address.ends_with("#test-4"), "{address}");
    let only = |address: &str| PictureFiles::open(Path::new(address), None);
    let found = only(&address).expect("readable");
    assert_eq!((found.len(), found.address(0)), (1, address));
    assert_eq!(found.read(0).expect("readable"), picture);
    let called = |part: &str| only(&format!("{}#{part}", folder.path().display()));
    assert_eq!(called("4").expect("readable").len(), 2);
    assert_eq!(called("train-1?").expect("readable").len(), 3);
    let error = called("test-13").expect_err("there are 12").to_string();
    assert!(error.contains("test-1 to train-12"), "{error}");
    // One pair alone is split.
    for path in [images, one] {
        let data = opened(&path);
        let sizes = (data.train.len(), data.test.map_or(0, |test| test.len()));
        assert_eq!(sizes, (10, 2));
    }
}

fn shared(path: &str) -> Option<PathBuf> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/images")
        .join(path);
    if !file.exists() {
        println!("skipped: {} is not there", file.display());
        return None;
    }
    Some(file)
}

#[test]
fn published_sets_are_read() {
    if let Some(path) = shared("mnist") {
        let data = opened(&path);
        assert_eq!(
            (data.train.len(), data.test.map(|test| test.len())),
            (60_000, Some(10_000))
        );
        let survey = data.train.survey(100).expect("readable");
        let expected = Survey {
            size: Some([28, 28]),
            shorter_side: 28,
            grey: true,
        };
        assert_eq!(survey, expected);
    }
    if let Some(path) = shared("cifar10-jpeg.tar.xz") {
        let data = opened(&path);
        assert_eq!(
            (data.train.len(), data.test.map(|test| test.len())),
            (50_000, Some(10_000))
        );
        assert_eq!(
            (data.labels.len(), data.labels[0].as_str()),
            (10, "airplane")
        );
        let survey = data.train.survey(100).expect("readable");
        let expected = Survey {
            size: Some([32, 32]),
            shorter_side: 32,
            grey: false,
        };
        assert_eq!(survey, expected);
    }
}

#[test]
fn digits_come_with_the_program() {
    let path = Path::new("builtin:digits");
    let data = read_pictures(path, &PictureSource::default(), 7).expect("readable");
    let test = data.test.expect("a test part");
    let valid = data.valid.expect("a validation part");
    // The counts that data/README.md states.
    assert_eq!(
        (data.train.len(), valid.len(), test.len()),
        (7_200, 800, 2_000)
    );
    let count = |label: usize| {
        test.labels()
            .iter()
            .filter(|&&other| other == label)
            .count()
    };
    assert_eq!(
        (0..10).map(count).collect::<Vec<_>>(),
        [200, 225, 198, 207, 196, 172, 203, 214, 189, 196]
    );
    // Any seed gives one split.
    let again = read_pictures(path, &PictureSource::default(), 8).expect("readable");
    assert_eq!(again.train.labels(), data.train.labels());
    let whole =
        read_pictures_split(path, &PictureSource::default(), &data.labels).expect("readable");
    assert_eq!(whole.set.labels(), test.labels());
}

#[test]
fn pictures_are_found_by_name() {
    let folder = folder();
    let files = files(ImageFormat::Jpeg, "jpg");
    let path = write(&folder, "photos.tar", tar(&files));
    let photos = PictureFiles::open(&path, None).expect("readable");
    assert_eq!(photos.len(), 40);
    for name in ["set/dog/07.jpg", "dog/07.jpg", "07.jpg", "07"] {
        let picture = photos.find(name).expect(name);
        assert_eq!(photos.path(picture), "set/dog/07.jpg");
        let pixels = photos.read(picture).expect("readable").pixels;
        assert!(pixels[0].abs_diff(35) < 4, "{}", pixels[0]);
    }
    assert_eq!(photos.find("cat/07.jpg"), None);
    let some = photos.select([3, 5, 3]);
    assert_eq!((some.len(), some.labels()), (3, vec![0; 3]));
    assert_eq!(
        some.read(0).expect("readable"),
        some.read(2).expect("readable")
    );
    let album = Album::open(
        some,
        &PictureForm {
            height: 4,
            width: 4,
            channels: 3,
            fit: Fit::Crop,
        },
        AlbumConfig::default(),
    )
    .expect("readable");
    assert_eq!(album.picture(1).expect("readable").pixels.len(), 48);
    let text = write(&folder, "text.txt", "words");
    let error = PictureFiles::open(&text, None)
        .expect_err("no picture")
        .to_string();
    assert!(error.contains("holds no picture"), "{error}");
}
