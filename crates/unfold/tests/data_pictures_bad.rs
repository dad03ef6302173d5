//! Pictures that are hard to read, damaged, or none at all.

mod data_support;

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_support::{REFERENCE, folder, gzip, write};
use image::{ImageFormat, RgbImage};
use serde::Deserialize;
use std::collections::BTreeMap;
use unfold::data::{
    Album, AlbumConfig, AugmentConfig, Batcher, Fit, Loader, PictureData, PictureForm,
    PictureSource, decode, read_pictures,
};
use unfold::{Key, Result};

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

fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

#[test]
fn very_large_and_very_small_pictures() {
    assert!(
        error_of(&lying_png(20_000, 20_000))
            .contains("20000 x 20000 pixels are more than are read")
    );
    assert!(error_of(&lying_png(2_000_000_000, 1)).contains("more than are read"));
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

fn coloured(n: usize) -> Vec<u8> {
    let picture = RgbImage::from_pixel(8, 8, image::Rgb([n as u8, 200, 255 - n as u8]));
    encoded(&picture, ImageFormat::Jpeg)
}

fn read(path: &Path) -> Result<PictureData> {
    read_pictures(
        path,
        &PictureSource {
            valid_fraction: 0.0,
            ..PictureSource::default()
        },
        1,
    )
}

#[track_caller]
fn refused(path: &Path, parts: &[&str]) {
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
fn noted(data: &PictureData, part: &str) {
    assert!(
        data.notes.iter().any(|note| note.contains(part)),
        "expected {part:?} in: {:?}",
        data.notes
    );
}

#[test]
fn damaged_pictures_are_reported_and_left_out() {
    let folder = folder();
    for n in 0..20 {
        write(
            &folder,
            &format!("{}/{n:02}.jpg", ["a", "b"][n % 2]),
            coloured(n),
        );
    }
    write(&folder, "a/empty.jpg", "");
    write(&folder, "a/page.png", "<html>");
    write(&folder, "a/Thumbs.db", "\0\0");
    write(&folder, "b/new.heic", "\0\0\0\x18ftypheic");
    write(&folder, "b/right.txt", coloured(99)); // the content counts
    let data = read(folder.path()).expect("readable");
    let places: Vec<String> = data.damaged.iter().map(ToString::to_string).collect();
    assert!(
        places[0].ends_with("a/empty.jpg: the file is empty"),
        "{places:?}"
    );
    assert!(
        places[1].contains("a/page.png: it does not begin as a JPEG"),
        "{places:?}"
    );
    assert_eq!(places.len(), 2);
    noted(&data, "2 damaged pictures left out (first: ");
    noted(
        &data,
        "1 file that are no pictures passed over (first: a/Thumbs.db)",
    );
    noted(&data, "1 file in formats that are not read");
    assert_eq!(data.train.len() + data.test.expect("a test part").len(), 21);
    let strict = PictureSource {
        strict: true,
        ..PictureSource::default()
    };
    let error = read_pictures(folder.path(), &strict, 1)
        .expect_err("strict")
        .to_string();
    assert!(
        error.contains("a/empty.jpg: the file is empty") && error.contains("`strict`"),
        "{error}"
    );
}

fn form() -> PictureForm {
    PictureForm {
        height: 4,
        width: 4,
        channels: 3,
        fit: Fit::Crop,
    }
}

fn batcher(data: &PictureData, memory: u64, strict: bool, threads: usize) -> Result<Batcher> {
    let config = AlbumConfig {
        memory,
        strict,
        threads,
        ..AlbumConfig::default()
    };
    let album = Album::open(data.train.clone(), &form(), config)?;
    let normalise = album.normalise(3)?;
    Batcher::new(album, normalise, AugmentConfig::default())
}

/// Twelve pictures for training, of which numbers 3, 4 and 11 are cut off.
fn some_damaged() -> (tempfile::TempDir, PictureData) {
    let folder = folder();
    for n in 0..12 {
        let whole = coloured(n * 20);
        let kept = if [3, 4, 11].contains(&n) {
            whole.len() - 20
        } else {
            whole.len()
        };
        write(
            &folder,
            &format!("train/{}/{n:02}.jpg", ["a", "b"][n / 6]),
            &whole[..kept],
        );
    }
    write(&folder, "test/a/1.jpg", coloured(1));
    write(&folder, "test/b/1.jpg", coloured(2));
    let data = read(folder.path()).expect("readable");
    assert_eq!((data.train.len(), data.damaged.len()), (12, 0));
    (folder, data)
}

#[test]
fn damage_inside_a_picture_is_found_when_it_is_decoded() {
    let (_folder, data) = some_damaged();
    // In memory: all at once, before training.
    let memory = batcher(&data, 1 << 20, false, 2).expect("pictures");
    let damaged: Vec<String> = memory
        .album()
        .damaged()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!((memory.album().len(), damaged.len()), (9, 3));
    assert!(
        damaged[0].ends_with("a/03.jpg: the JPEG file ends too early: it is cut off"),
        "{damaged:?}"
    );
    assert_eq!(memory.album().labels(), [0, 0, 0, 0, 1, 1, 1, 1, 1]);
    // Each time: the next good picture takes the place while training; measuring leaves it out.
    for threads in [1, 4] {
        let disk = Arc::new(batcher(&data, 0, false, threads).expect("pictures"));
        assert!(!disk.album().in_memory());
        let order = vec![(0..12).collect::<Vec<usize>>(), vec![11, 3]];
        let loader = Loader::new(Arc::clone(&disk), order.clone(), Some(Key::new(1)), 2);
        let batches: Vec<_> = loader.map(|batch| batch.expect("readable")).collect();
        assert_eq!(batches[0].pictures, [0, 1, 2, 5, 5, 5, 6, 7, 8, 9, 10, 0]);
        assert_eq!(batches[0].labels, [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0]);
        assert_eq!(batches[1].pictures, [0, 5]);
        assert_eq!(disk.album().damaged(), memory.album().damaged());
        let loader = Loader::new(disk, order, None, 2);
        let batches: Vec<_> = loader.map(|batch| batch.expect("readable")).collect();
        assert_eq!(batches.len(), 1, "nothing is left of the second");
        assert_eq!(batches[0].pictures, [0, 1, 2, 5, 6, 7, 8, 9, 10]);
        assert_eq!(batches[0].pixels.dims(), [9, 4, 4, 3]);
    }
}

#[test]
fn strict_albums_refuse_damage() {
    let (_folder, data) = some_damaged();
    let error = batcher(&data, 1 << 20, true, 2)
        .expect_err("strict")
        .to_string();
    assert!(
        error.contains("a/03.jpg: the JPEG file ends too early"),
        "{error}"
    );
    let disk = batcher(&data, 0, true, 3).expect("not looked at yet");
    let mut loader = Loader::new(
        Arc::new(disk),
        vec![vec![0], (0..12).collect(), vec![1]],
        Some(Key::new(1)),
        2,
    );
    assert!(loader.next().is_some_and(|batch| batch.is_ok()));
    let error = loader
        .next()
        .and_then(Result::err)
        .expect("the first damaged one")
        .to_string();
    assert!(error.contains("a/03.jpg"), "{error}");
    assert!(loader.next().is_none());
}

#[test]
fn pictures_that_vanish_while_training_are_told() {
    let (folder, data) = some_damaged();
    let disk = batcher(&data, 0, false, 1).expect("pictures");
    fs::remove_dir_all(folder.path().join("train")).expect("removed");
    let error = disk
        .batch(&[2], Some(Key::new(1)))
        .err()
        .expect("nothing is left")
        .to_string();
    assert!(error.contains("cannot read"), "{error}");
}

#[test]
fn nothing_but_damage() {
    let folder = folder();
    write(&folder, "a/1.jpg", "");
    write(&folder, "b/1.jpg", "x");
    refused(
        folder.path(),
        &[
            "holds no picture that can be read (first: ",
            "a/1.jpg: the file is empty",
        ],
    );
    let other = data_support::folder();
    for n in 0..4 {
        let whole = coloured(n);
        write(
            &other,
            &format!("train/{}/{n}.jpg", ["a", "b"][n % 2]),
            &whole[..whole.len() / 2],
        );
        write(
            &other,
            &format!("test/{}/{n}.jpg", ["a", "b"][n % 2]),
            coloured(n),
        );
    }
    let data = read(other.path()).expect("they begin well");
    for memory in [0, 1 << 20] {
        let error = batcher(&data, memory, false, 2)
            .expect_err("none is good")
            .to_string();
        assert!(
            error.contains("it is cut off") || error.contains("none of the pictures"),
            "{error}"
        );
    }
}

#[test]
fn folders_that_are_no_set() {
    let folder = folder();
    write(&folder, "empty/a/1.jpg", coloured(1));
    fs::create_dir_all(folder.path().join("empty/b")).expect("created");
    let empty = folder.path().join("empty");
    refused(
        &empty,
        &[
            "b: the class folder is empty",
            "put pictures of this class into it",
        ],
    );
    write(&folder, "one/a/1.jpg", coloured(1));
    let one = folder.path().join("one");
    refused(
        &one,
        &["only one class, `a`", "pictures of the other classes"],
    );
    let lone = write(&folder, "lone.jpg", coloured(1));
    refused(&lone, &["this is one picture, not a set"]);
    write(&folder, "flat/1.jpg", coloured(1));
    write(&folder, "flat/2.jpg", coloured(1));
    refused(
        &folder.path().join("flat"),
        &["no labels were found", "a folder of its own"],
    );
    let nothing = folder.path().join("nothing");
    fs::create_dir(&nothing).expect("created");
    refused(&nothing, &["holds no file", "each class's pictures"]);
    refused(
        &folder.path().join("flt"),
        &["no such file or folder", "did you mean", "flat?"],
    );
    let zero = write(&folder, "zero.tar", "");
    refused(&zero, &["the file is empty", "holds some pictures"]);
}

#[test]
fn a_class_of_one_picture_is_learned_but_not_tested() {
    let folder = folder();
    for n in 0..10 {
        write(&folder, &format!("many/{n}.jpg"), coloured(n));
    }
    write(&folder, "single/1.jpg", coloured(77));
    let data = read(folder.path()).expect("readable");
    let single = |labels: Vec<usize>| labels.iter().filter(|&&label| label == 1).count();
    assert_eq!((data.labels.len(), single(data.train.labels())), (2, 1));
    assert_eq!(single(data.test.expect("a test part").labels()), 0);
}

#[cfg(unix)]
#[test]
fn links_that_lead_in_circles_are_passed_over() {
    let folder = folder();
    for n in 0..8 {
        write(
            &folder,
            &format!("{}/{n}.jpg", ["a", "b"][n % 2]),
            coloured(n),
        );
    }
    std::os::unix::fs::symlink(folder.path(), folder.path().join("a/loop")).expect("linked");
    std::os::unix::fs::symlink("nowhere.jpg", folder.path().join("b/broken.jpg")).expect("linked");
    std::os::unix::fs::symlink(
        folder.path().join("a/0.jpg"),
        folder.path().join("b/again.jpg"),
    )
    .expect("linked");
    let data = read(folder.path()).expect("readable");
    noted(&data, "2 broken, circular or archived links");
    assert_eq!(data.train.len() + data.test.expect("a test part").len(), 9);
}

#[test]
fn idx_files_that_lie() {
    let folder = folder();
    let idx = |shape: &[u32], values: &[u8]| {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        bytes.extend(shape.iter().flat_map(|axis| axis.to_be_bytes()));
        bytes.extend(values);
        bytes
    };
    let put = |name: &str, bytes: Vec<u8>| write(&folder, name, bytes);
    let set = |part: &[&str]| refused(folder.path(), part);
    put(
        "train-images-idx3-ubyte",
        idx(&[4_000_000_000, 28, 28], &[1; 100]),
    );
    set(&["holds train-images-idx3-ubyte but no train-labels-idx1-ubyte"]);
    put("train-labels-idx1-ubyte", idx(&[4], &[0, 1, 0, 1]));
    set(&["train-images-idx3-ubyte", "more than is read"]);
    put("train-images-idx3-ubyte", idx(&[40_000, 28, 28], &[1; 100]));
    set(&["31360000 values, and holds 100"]);
    put("train-images-idx3-ubyte", idx(&[4, 2], &[1; 8]));
    set(&["has 2 axes, images have 3"]);
    put("train-images-idx3-ubyte", idx(&[3, 2, 2], &[1; 12]));
    set(&["3 pictures, but there are 4 labels"]);
    put(
        "train-images-idx3-ubyte",
        gzip(&idx(&[4, 2, 2], &[1; 16]))[..20].to_vec(),
    );
    set(&["train-images-idx3-ubyte"]);
    put("train-images-idx3-ubyte", idx(&[4, 2, 2], &[1; 16]));
    put("letters-images-idx3-ubyte", idx(&[4, 2, 2], &[1; 16]));
    set(&["holds several sets", "only = \""]);
}

#[test]
fn archives_that_are_cut_off() {
    let folder = folder();
    let mut tar = tar::Builder::new(Vec::new());
    for n in 0..40 {
        let bytes = coloured(n);
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        let path = format!("{}/{n}.jpg", ["a", "b"][n % 2]);
        tar.append_data(&mut header, path, &bytes[..])
            .expect("added");
    }
    let tar = tar.into_inner().expect("finished");
    let path = write(&folder, "cut.tar", &tar[..tar.len() / 2 + 200]);
    refused(&path, &["cut off", "again"]);
    let packed = gzip(&tar);
    let path = write(&folder, "cut.tar.gz", &packed[..packed.len() / 2]);
    refused(&path, &["cut off", "again"]);
    let whole = write(&folder, "whole.tar", &tar);
    assert!(read(&whole).is_ok());
}

fn labels_of(data: &PictureData) -> Vec<(String, Vec<u8>)> {
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

#[test]
fn tables_name_pictures_from_their_own_folder() {
    let folder = folder();
    let mut rows = String::new();
    for n in 0..12 {
        write(&folder, &format!("set/files/{n}.jpg"), coloured(n));
        rows += &format!("{n},{},files/{n}.jpg\n", ["a", "b"][n % 2]);
    }
    let csv = write(&folder, "set/labels.csv", format!("id,label,path\n{rows}"));
    let whole = read(folder.path()).expect("readable");
    assert_eq!(whole.labels, ["a", "b"]);
    let expected = labels_of(&whole);
    assert_eq!(expected.len(), 12);
    assert_eq!(labels_of(&read(&csv).expect("readable")), expected);
    // Names without folder or ending; other columns; other formats.
    let lines: String = (0..12)
        .map(|n| {
            format!(
                "{{\"file_name\": \"{n}.jpg\", \"label\": \"{}\"}}\n",
                ["a", "b"][n % 2]
            )
        })
        .collect();
    let named = data_support::folder();
    (0..12).for_each(|n| drop(write(&named, &format!("files/{n}.jpg"), coloured(n))));
    write(&named, "metadata.jsonl", lines);
    assert_eq!(labels_of(&read(named.path()).expect("readable")), expected);
    fs::remove_file(named.path().join("metadata.jsonl")).expect("removed");
    let rows: String = (0..12)
        .map(|n| format!("{n}\t{}\n", ["a", "b"][n % 2]))
        .collect();
    write(
        &named,
        "train.tsv.gz",
        gzip(format!("picture\tkind\n{rows}").as_bytes()),
    );
    let source = PictureSource {
        label: Some("kind".into()),
        valid_fraction: 0.0,
        ..PictureSource::default()
    };
    let data = read_pictures(named.path(), &source, 1).expect("readable");
    assert_eq!(labels_of(&data), expected);
}

#[test]
fn tables_that_name_what_is_not_there() {
    let folder = folder();
    for n in 0..8 {
        write(&folder, &format!("{n}.jpg"), coloured(n));
    }
    write(&folder, "5.jpg", "");
    let rows: String = (0..10)
        .map(|n| format!("{n}.jpg,{}\n", ["a", "b"][n % 2]))
        .collect();
    let csv = write(&folder, "labels.csv", format!("file,label\n{rows}"));
    for path in [&csv, folder.path()] {
        let data = read(path).expect("readable");
        let damaged: Vec<&str> = data
            .damaged
            .iter()
            .map(|damage| damage.problem.as_str())
            .collect();
        assert_eq!(
            damaged,
            [
                "the file is empty",
                "there is no such file",
                "there is no such file"
            ]
        );
        assert_eq!(data.train.len() + data.test.map_or(0, |test| test.len()), 7);
    }
    let csv = write(&folder, "none.csv", "file,label\nx.jpg,a\ny.jpg,b\n");
    refused(
        &csv,
        &[
            "no row has a picture that can be read",
            "x.jpg: there is no such file",
            "`picture`",
        ],
    );
    let csv = write(&folder, "unknown.csv", "file,label\n0.jpg,a\n1.jpg,b\n");
    let source = PictureSource {
        picture: Some("fil".into()),
        ..PictureSource::default()
    };
    let error = read_pictures(&csv, &source, 1)
        .expect_err("no such column")
        .to_string();
    assert!(
        error.contains("no column `fil` for the picture") && error.contains("did you mean `file`?"),
        "{error}"
    );
}

#[test]
fn parquet_holds_the_pictures_themselves() {
    let hub = PathBuf::from(format!("{REFERENCE}/pictures/hub.parquet"));
    let data = read(&hub).expect("readable");
    assert_eq!(data.labels, ["cat", "dog", "owl"]);
    let pairs = labels_of(&data);
    assert_eq!(pairs.len(), 24);
    for (n, label) in [(0, "cat"), (4, "dog"), (23, "owl")] {
        let pixel = [n * 10, 255 - n * 10, n].map(|value| value as u8);
        assert!(pairs.contains(&(label.to_owned(), pixel.repeat(30))), "{n}");
    }
    // The same in a folder and in archives.
    let folder = folder();
    let bytes = fs::read(&hub).expect("readable");
    write(&folder, "data/train-00000-of-00001.parquet", &bytes);
    write(&folder, "data/test-00000-of-00001.parquet", &bytes);
    let parts = read(folder.path()).expect("readable");
    assert_eq!(
        (parts.train.len(), parts.test.map(|test| test.len())),
        (24, Some(24))
    );
    let packed = write(&folder, "one.parquet.gz", gzip(&bytes));
    assert_eq!(labels_of(&read(&packed).expect("readable")), pairs);
    let cut = write(&folder, "cut.parquet", &bytes[..bytes.len() - 50]);
    refused(&cut, &["Parquet file cannot be read"]);
    for at in (0..bytes.len()).step_by(13) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x10;
        drop(read(&write(&folder, "flipped.parquet", bytes)));
    }
    let texts = PathBuf::from(format!("{REFERENCE}/labelled.parquet"));
    refused(&texts, &["no row has a picture"]);
}
