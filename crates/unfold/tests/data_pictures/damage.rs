//! Sets with damaged pictures, and what is no set.

use std::fs;

use unfold::data::{
    Album, AlbumConfig, AugmentConfig, Batcher, Fit, PictureData, PictureForm, PictureSource,
    read_pictures,
};
use unfold::{Key, Moment, Result};

use crate::data_support::{folder, gzip, write};
use crate::{coloured, idx, noted, read, refused};

fn first_moment() -> Moment {
    let key = Key::new(1);
    Moment { epoch: 0, key }
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
    // Whoever reads the set tells of them once, by these.
    assert!(!data.notes.iter().any(|note| note.contains("damaged")));
    noted(
        &data,
        "1 file without a picture passed over (first: a/Thumbs.db)",
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
        let disk = batcher(&data, 0, false, threads).expect("pictures");
        assert!(!disk.album().in_memory());
        let order: [&[usize]; 2] = [&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], &[11, 3]];
        let batch = |pictures, key| disk.batch(pictures, key).expect("readable");
        let training = order.map(|pictures| batch(pictures, Some(first_moment())));
        assert_eq!(training[0].pictures, [0, 1, 2, 5, 5, 5, 6, 7, 8, 9, 10, 0]);
        assert_eq!(training[0].labels, [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0]);
        assert_eq!(training[1].pictures, [0, 5]);
        assert_eq!(disk.album().damaged(), memory.album().damaged());
        let measuring = order.map(|pictures| batch(pictures, None));
        assert_eq!(measuring[0].pictures, [0, 1, 2, 5, 6, 7, 8, 9, 10]);
        assert_eq!(measuring[0].pixels.dims(), [9, 4, 4, 3]);
        assert!(
            measuring[1].labels.is_empty(),
            "nothing is left of the second"
        );
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
    assert!(disk.batch(&[0], Some(first_moment())).is_ok());
    let all: Vec<usize> = (0..12).collect();
    let error = disk
        .batch(&all, Some(first_moment()))
        .err()
        .expect("the first damaged one")
        .to_string();
    assert!(error.contains("a/03.jpg"), "{error}");
}

#[test]
fn pictures_that_vanish_while_training_are_told() {
    let (folder, data) = some_damaged();
    let disk = batcher(&data, 0, false, 1).expect("pictures");
    fs::remove_dir_all(folder.path().join("train")).expect("removed");
    let error = disk
        .batch(&[2], Some(first_moment()))
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
    let other = crate::data_support::folder();
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
        &["only one class, `a`", "pictures of at least two classes"],
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
    refused(
        &nothing,
        &["holds no file", "put pictures there", "a folder of its own"],
    );
    refused(
        &folder.path().join("flt"),
        &["no such file or folder", "did you mean", "flat?"],
    );
    let zero = write(&folder, "zero.tar", "");
    refused(&zero, &["the file is empty", "write or fetch it again"]);
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
    set(&["40000 pictures, but there are 4 labels"]);
    put("train-images-idx3-ubyte", idx(&[4, 28, 28], &[1; 100]));
    set(&["3136 values, and holds 100"]);
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
