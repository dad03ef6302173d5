//! Tables that name pictures or hold them.

use std::fs;
use std::path::{Path, PathBuf};

use unfold::data::{PictureFiles, PictureSource, read_pictures, read_pictures_split};

use crate::data_support::{REFERENCE, folder, gzip, write};
use crate::{coloured, labels_of, read, refused};

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
    let named = crate::data_support::folder();
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
    let looked = format!(
        "there is no such file in {} or the folders there",
        folder.path().display()
    );
    for (path, missing) in [
        (csv.as_path(), &looked[..]),
        (folder.path(), "there is no such file"),
    ] {
        let data = read(path).expect("readable");
        let damaged: Vec<&str> = data
            .damaged
            .iter()
            .map(|damage| damage.problem.as_str())
            .collect();
        assert_eq!(damaged, ["the file is empty", missing, missing]);
        assert_eq!(data.train.len() + data.test.map_or(0, |test| test.len()), 7);
    }
    let csv = write(&folder, "none.csv", "file,label\nx.jpg,a\ny.jpg,b\n");
    refused(
        &csv,
        &[
            "no row has a picture that can be read",
            "line 2, x.jpg: there is no such file",
            "`picture`",
        ],
    );
    let csv = write(
        &folder,
        "empty.csv",
        "file,label\r\n0.jpg,a\r\n1.jpg,b\r\n,a\r\n2.jpg,a\r\n3.jpg,b\r\n",
    );
    let data = read(&csv).expect("readable");
    let place = &data.damaged[0].place;
    assert!(place.ends_with("empty.csv, line 4"), "{place}");
    assert_eq!(data.damaged[0].problem, "it names no picture");
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

/// As Kaggle's competitions have it: names without endings, pictures in a folder beside the table.
#[test]
fn names_without_endings_are_found_in_folders_beside_the_table() {
    let folder = folder();
    let name = |n: usize| format!("{n:02}bec180eb18c7604dcecc8fe0dba07");
    let rows = |count: usize| -> String {
        let row = |n: usize| format!("{},{}\n", name(n), ["boston_bull", "dingo"][n % 2]);
        (0..count).map(row).collect()
    };
    for n in 0..12 {
        write(&folder, &format!("train/{}.jpg", name(n)), coloured(n));
    }
    let csv = write(&folder, "labels.csv", format!("id,breed\n{}", rows(12)));
    let data = read(&csv).expect("readable");
    assert_eq!(data.labels, ["boston_bull", "dingo"]);
    assert_eq!(labels_of(&data).len(), 12);
    assert!(data.damaged.is_empty(), "{:?}", data.damaged);
    let address = data.train.address(0);
    assert!(Path::new(&address).is_file(), "{address}");
    // A further row leads to nothing.
    let csv = write(&folder, "labels.csv", format!("id,breed\n{}", rows(13)));
    let data = read(&csv).expect("readable");
    let problem = &data.damaged[0].problem;
    assert!(problem.contains("or the folders there"), "{problem}");
    write(&folder, &format!("test/{}.png", name(3)), coloured(3));
    let both = ["line 5", "may be test/03bec", ".png or train/03bec"];
    refused(&csv, &both);
    refused(folder.path(), &both);
}

#[test]
fn a_column_says_which_part_a_row_is_for() {
    let folder = folder();
    let parts = ["train", "train", "Val", "test"];
    let table = |parts: [&str; 4]| {
        let row = |n: usize| format!("{n}.jpg,{},{}\n", parts[n / 4], ["a", "b", "c", "d"][n % 4]);
        "file,split,kind\n".to_owned() + &(0..16).map(row).collect::<String>()
    };
    for n in 0..16 {
        write(&folder, &format!("{n}.jpg"), coloured(n));
    }
    let csv = write(&folder, "all.csv", table(parts));
    let data = read(&csv).expect("readable");
    // It is not taken for the labels, though it has fewer values than most.
    assert_eq!(data.labels, ["a", "b", "c", "d"]);
    let sizes = [data.valid, data.test].map(|set| set.map_or(0, |set| set.len()));
    assert_eq!((data.train.len(), sizes), (8, [4, 4]));
    let split = read_pictures_split(&csv, &PictureSource::default(), &data.labels);
    assert_eq!(split.expect("readable").set.len(), 4);
    let folds = PictureSource {
        folds: Some(2),
        ..PictureSource::default()
    };
    let error = read_pictures(&csv, &folds, 1).expect_err("two splits");
    assert!(error.to_string().contains("gives its own split"), "{error}");
    for wrong in ["tarin", ""] {
        let csv = write(&folder, "wrong.csv", table(["train", wrong, "val", "test"]));
        let told = format!("`split` has `{wrong}`");
        refused(&csv, &["line 6", &told, "train, valid or test"]);
    }
    // The names of files come first.
    let named = crate::data_support::folder();
    for n in 0..16 {
        write(&named, &format!("{n}.jpg"), coloured(n));
    }
    for part in ["train", "test"] {
        write(&named, &format!("{part}.csv"), table(parts));
    }
    let data = read(named.path()).expect("readable");
    assert_eq!(
        (data.train.len(), data.test.map(|set| set.len())),
        (16, Some(16))
    );
    assert!(
        data.notes
            .iter()
            .any(|note| note.contains("`split` was passed over"))
    );
}

/// No other part is made in place of one that the data gives and that is lost.
#[test]
fn a_part_without_a_picture_is_refused() {
    let rows = |folder: &str| {
        let row = |n: usize| format!("{folder}/{n}.jpg,{}\n", ["a", "b"][n % 2]);
        "path,label\n".to_owned() + &(0..8).map(row).collect::<String>()
    };
    for (part, called) in [
        ("train", "training"),
        ("valid", "validation"),
        ("test", "test"),
    ] {
        let folder = folder();
        for n in 0..8 {
            write(&folder, &format!("there/{n}.jpg"), coloured(n));
        }
        for other in ["train", "valid", "test"] {
            let pictures = if other == part { "gone" } else { "there" };
            write(&folder, &format!("{other}.csv"), rows(pictures));
        }
        let told = format!("no picture of the {called} part can be read (first: ");
        refused(folder.path(), &[&told, "gone/0.jpg: there is no such file"]);
        // Only the test part matters where nothing is learned.
        let labels = ["a".to_owned(), "b".to_owned()];
        let split = read_pictures_split(folder.path(), &PictureSource::default(), &labels);
        assert_eq!(split.is_ok(), part != "test", "{part}");
    }
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
    let test = parts.test.expect("a test part");
    assert_eq!((parts.train.len(), test.len()), (24, 24));
    for (set, name) in [(&test, "#data/test-5"), (&parts.train, "#data/train-5")] {
        let address = set.address(4);
        assert!(address.ends_with(name), "{address}");
        let found = PictureFiles::open(Path::new(&address), None).expect("readable");
        assert_eq!((found.len(), found.address(0)), (1, address));
        let pixels = set.read(4).expect("readable");
        assert_eq!(found.read(0).expect("readable"), pixels);
    }
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
