//! What cannot be used gives one message that names the file, the place in it and the remedy.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use proptest::prelude::*;
use tempfile::TempDir;
use unfold::data::{
    Encoder, TextData, TextSource, TokenConfig, TokenKind, load_vectors, read_text, read_text_split,
};

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference");

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn write(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("created");
    fs::write(&path, content).expect("written");
    path
}

fn read(path: &Path) -> unfold::Result<TextData> {
    read_text(path, &TextSource::default(), 1)
}

/// The message for `path`, which must name it and say all of `parts`.
#[track_caller]
fn refused(result: unfold::Result<TextData>, path: &Path, parts: &[&str]) {
    let error = result.expect_err("it should be refused");
    let message = error.to_string();
    let name = path.display().to_string();
    for part in parts.iter().copied().chain([name.as_str()]) {
        assert!(message.contains(part), "expected {part:?} in: {message}");
    }
    assert!(!error.remedy().is_empty(), "no remedy in: {message}");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("finished")
}

fn table(rows: usize) -> String {
    (0..rows)
        .map(|n| format!("{},some text number {n}\n", ["a", "b"][n % 2]))
        .collect()
}

#[test]
fn empty_things() {
    let folder = folder();
    for name in ["a.csv", "b.jsonl", "c.txt", "d"] {
        let path = write(&folder, name, "");
        refused(read(&path), &path, &["the file is empty"]);
    }
    let packed = write(&folder, "e.csv.gz", gzip(b""));
    refused(read(&packed), &packed, &["the file is empty"]);
    let header = write(&folder, "f.csv", "text,label\n");
    refused(read(&header), &header, &["there are no rows"]);
    let blank = write(&folder, "g.csv", "\n\n\n");
    refused(read(&blank), &blank, &["no rows"]);
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).expect("created");
    refused(read(&empty), &empty, &["holds no file"]);
}

#[test]
fn an_empty_class_folder_is_named() {
    let folder = folder();
    write(&folder, "set/ham/1.txt", "text");
    fs::create_dir_all(folder.path().join("set/spam")).expect("created");
    let set = folder.path().join("set");
    refused(
        read(&set),
        &set,
        &["spam: the class folder is empty", "remove the folder"],
    );
    write(&folder, "split/train/ham/1.txt", "text");
    write(&folder, "split/train/spam/1.txt", "text");
    write(&folder, "split/test/ham/1.txt", "text");
    fs::create_dir_all(folder.path().join("split/test/spam")).expect("created");
    let set = folder.path().join("split");
    refused(read(&set), &set, &["test/spam: the class folder is empty"]);
}

#[test]
fn one_class_only() {
    let folder = folder();
    write(&folder, "set/ham/1.txt", "text");
    write(&folder, "set/ham/2.txt", "text");
    let set = folder.path().join("set");
    refused(read(&set), &set, &["only one class, `ham`"]);
    let path = write(&folder, "a.csv", "text,label\nx,ham\ny,ham\n");
    refused(
        read(&path),
        &path,
        &["only one class, `ham`", "at least two"],
    );
}

#[test]
fn a_folder_without_labels() {
    let folder = folder();
    write(
        &folder,
        "one.txt",
        "just words, nothing else\nand more words",
    );
    write(&folder, "two.txt", "other words");
    refused(
        read(folder.path()),
        folder.path(),
        &["no labels were found", "folder of its own"],
    );
}

#[test]
fn rows_of_different_lengths_are_named_by_line() {
    let folder = folder();
    let path = write(
        &folder,
        "a.csv",
        "text,label\nx,ham\n\"two\nlines\",spam\ny,z,spam\n",
    );
    refused(
        read(&path),
        &path,
        &[
            "a.csv, line 5",
            "the row has 3 cells",
            "have 2",
            "double quotes",
        ],
    );
    let path = write(&folder, "b.tsv", "ham\tx\nspam\ty\tz\n");
    refused(
        read(&path),
        &path,
        &["b.tsv, line 2", "the row has 3 cells", "tabs"],
    );
    let path = write(
        &folder,
        "c.csv",
        "text,label\nx,ham\n\"never closed,spam\ny,ham\n",
    );
    refused(
        read(&path),
        &path,
        &["c.csv, line 3", "the row has 1 cell,"],
    );
    let path = write(
        &folder,
        "d.jsonl",
        "{\"text\":\"x\",\"label\":1}\n{\"text\":\n",
    );
    refused(
        read(&path),
        &path,
        &["d.jsonl, line 2", "not a JSON object"],
    );
    let path = write(&folder, "e.json", "[{\"text\":\"x\",\"label\":1},\n 3]");
    refused(
        read(&path),
        &path,
        &["e.json, line 2", "array of JSON objects"],
    );
}

#[test]
fn an_unknown_column_lists_the_columns() {
    let folder = folder();
    let path = write(&folder, "a.csv", "headline,kind\nx,ham\ny,spam\n");
    let source = TextSource {
        text: Some("headlines".into()),
        label: Some("kind".into()),
        ..TextSource::default()
    };
    let parts = [
        "no column `headlines`",
        "did you mean `headline`?",
        "the columns are: headline, kind",
    ];
    refused(read_text(&path, &source, 1), &path, &parts);
    let source = TextSource {
        text: Some("headline".into()),
        label: Some("7".into()),
        ..TextSource::default()
    };
    refused(
        read_text(&path, &source, 1),
        &path,
        &["no column `7` for the label"],
    );
    let both = TextSource {
        text: Some("kind".into()),
        label: Some("kind".into()),
        ..TextSource::default()
    };
    refused(
        read_text(&path, &both, 1),
        &path,
        &["cannot be both text and label"],
    );
    let texts: String = (0..30).map(|n| format!("text {n},other {n}\n")).collect();
    let path = write(&folder, "b.csv", texts);
    refused(
        read(&path),
        &path,
        &["unclear which column holds the label", "1 to 2"],
    );
    let named = TextSource {
        label: Some("2".into()),
        ..TextSource::default()
    };
    refused(
        read_text(&path, &named, 1),
        &path,
        &["30 documents have 30 different labels"],
    );
}

#[test]
fn unlabelled_rows_are_counted_or_refused() {
    let folder = folder();
    let path = write(
        &folder,
        "a.csv",
        "text,label\nx,ham\ny,\nz,spam\nv,ham\nw,spam\nu,\n",
    );
    let source = TextSource {
        valid_fraction: 0.0,
        ..TextSource::default()
    };
    let data = read_text(&path, &source, 1).expect("readable");
    assert_eq!(data.train.len() + data.test.map_or(0, |test| test.len()), 4);
    assert!(
        data.notes
            .iter()
            .any(|note| note.contains("2 rows without a label passed over (first: line 3)"))
    );
    let path = write(
        &folder,
        "b.jsonl",
        "{\"text\":\"x\",\"label\":null}\n{\"text\":\"y\"}\n",
    );
    refused(read(&path), &path, &["no line has a label"]);
}

#[test]
fn damaged_archives() {
    let folder = folder();
    let mut tar = tar::Builder::new(Vec::new());
    for n in 0..40 {
        let text: String = (0..200)
            .map(|k| format!("{} ", (n * 7919 + k * 104_729) % 9973))
            .collect();
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_cksum();
        tar.append_data(
            &mut header,
            format!("{}/{n}", ["a", "b"][n % 2]),
            text.as_bytes(),
        )
        .expect("added");
    }
    let tar = tar.into_inner().expect("finished");
    let path = write(&folder, "cut.tar", &tar[..tar.len() / 2 + 100]);
    refused(read(&path), &path, &["cut off", "again"]);
    let packed = gzip(&tar);
    let path = write(&folder, "cut.tar.gz", &packed[..packed.len() / 2]);
    refused(read(&path), &path, &["cut off", "again"]);
    let mut flipped = packed.clone();
    flipped[packed.len() / 2] ^= 0x55;
    let path = write(&folder, "flipped.tar.gz", &flipped);
    refused(read(&path), &path, &["damaged"]);
    let path = write(&folder, "cut.csv.gz", &gzip(table(5000).as_bytes())[..2000]);
    refused(read(&path), &path, &["cut off"]);
    let path = write(&folder, "no.csv.xz", b"\xfd7zXZ\0nonsense follows here");
    refused(read(&path), &path, &["again"]);
    let path = write(
        &folder,
        "no.csv.zst",
        b"\x28\xb5\x2f\xfd\xff\xff\xff\xff\xff\xff",
    );
    refused(read(&path), &path, &["again"]);
    let path = write(&folder, "no.zip", b"PK\x03\x04nonsense");
    refused(read(&path), &path, &["zip archive cannot be read"]);
    let path = write(&folder, "x.csv.bz2", b"BZh91AY&SY");
    refused(read(&path), &path, &["bzip2 files are not read", ".tar.gz"]);
    write(&folder, "set/a/1.gz", &gzip(b"some text")[..20]);
    write(&folder, "set/b/1", "text");
    let set = folder.path().join("set");
    refused(read(&set), &set, &["a/1", "cut off"]);
}

#[test]
fn parquet_that_cannot_be_read() {
    let zstd = PathBuf::from(format!("{REFERENCE}/zstd.parquet"));
    refused(
        read(&zstd),
        &zstd,
        &["compressed with zstd", "to_parquet", "snappy"],
    );
    let folder = folder();
    let good = fs::read(format!("{REFERENCE}/labelled.parquet")).expect("readable");
    let cut = write(&folder, "cut.parquet", &good[..good.len() - 100]);
    refused(read(&cut), &cut, &["Parquet file cannot be read"]);
}

#[test]
fn text_that_is_not_utf8() {
    let folder = folder();
    let mut rows = table(20).into_bytes();
    rows.extend(b"a,caf\xe9 cr\xe8me\nb,na\xefve\n");
    let path = write(&folder, "a.csv", &rows);
    let data = read(&path).expect("readable");
    assert!(
        data.train
            .iter()
            .chain(data.valid.iter().flatten())
            .chain(data.test.iter().flatten())
            .any(|e| e.text == "café crème")
    );
    assert!(
        data.notes
            .iter()
            .any(|note| note.contains("not UTF-8 and read as windows-1252")),
        "{:?}",
        data.notes
    );
    let strict = TextSource {
        encoding: Some("utf-8".into()),
        ..TextSource::default()
    };
    refused(
        read_text(&path, &strict, 1),
        &path,
        &["a.csv, line 21, byte", "0xe9 is not valid UTF-8"],
    );
    let picture = write(&folder, "b.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR");
    refused(read(&picture), &picture, &["bytes that no text has"]);
}

#[test]
fn a_line_of_100_mb() {
    let folder = folder();
    let start = Instant::now();
    let line = vec![b'a'; 100 << 20];
    let path = write(&folder, "a.csv", &line);
    refused(
        read(&path),
        &path,
        &["unclear which column holds the label"],
    );
    let path = write(&folder, "b.txt", &line);
    refused(read(&path), &path, &["no labels were found"]);
    for name in ["set/x/1", "set/y/1", "set/y/2"] {
        write(
            &folder,
            name,
            if name == "set/x/1" {
                &line[..]
            } else {
                b"short"
            },
        );
    }
    write(&folder, "set/x/2", "short too");
    let data = read(&folder.path().join("set")).expect("readable");
    assert!(
        data.notes
            .iter()
            .any(|note| note.contains("1 document longer than `max_bytes` cut")),
        "{:?}",
        data.notes
    );
    let texts = data.train.iter().map(|example| example.text.as_str());
    let config = TokenConfig {
        char_ngrams: Some((3, 5)),
        ..TokenConfig::default()
    };
    let encoder = Encoder::fit(texts, &config).expect("fits");
    assert!(encoder.encode_bag(&data.train[0].text).len() < 4 << 20);
    assert!(start.elapsed().as_secs() < 60, "took {:?}", start.elapsed());
}

#[test]
fn a_missing_path_suggests_the_right_one() {
    let folder = folder();
    write(&folder, "reviews.csv", table(20));
    let path = folder.path().join("reviews.cvs");
    refused(
        read(&path),
        &path,
        &["no such file or folder", "did you mean", "reviews.csv?"],
    );
    let path = folder.path().join("nothing/like/it");
    refused(
        read(&path),
        &path,
        &["no such file or folder", "builtin:spam"],
    );
    let path = folder.path().join("reviews.csv");
    let source = TextSource {
        only: Some("x*".into()),
        ..TextSource::default()
    };
    assert!(
        read_text(&path, &source, 1).is_ok(),
        "one file is read whatever is selected"
    );
    refused(
        read_text(folder.path(), &source, 1),
        folder.path(),
        &["no file inside matches `x*`"],
    );
}

#[test]
fn settings_that_cannot_be_meant() {
    let folder = folder();
    let path = write(&folder, "a.csv", table(20));
    let wrong = |source: TextSource, part: &str| {
        let error = read_text(&path, &source, 1)
            .expect_err("refused")
            .to_string();
        assert!(error.contains(part), "{error}");
    };
    let source = TextSource::default;
    wrong(
        TextSource {
            test_fraction: 1.5,
            ..source()
        },
        "test_fraction: 1.5 is not a fraction",
    );
    wrong(
        TextSource {
            folds: Some(1),
            ..source()
        },
        "folds: 1 folds",
    );
    wrong(
        TextSource {
            folds: Some(10),
            fold: 10,
            ..source()
        },
        "count from 0 to 9",
    );
    wrong(
        TextSource {
            format: Some("xls".into()),
            ..source()
        },
        "`xls` is not a known format",
    );
    wrong(
        TextSource {
            encoding: Some("ebcdic".into()),
            ..source()
        },
        "`ebcdic` is not a known encoding",
    );
}

#[test]
fn too_little_to_split() {
    let folder = folder();
    let path = write(&folder, "a.csv", "text,label\nx,a\ny,b\n");
    refused(read(&path), &path, &["2 documents are too few to split"]);
    let whole = TextSource {
        test_fraction: 0.0,
        valid_fraction: 0.0,
        ..TextSource::default()
    };
    assert!(read_text(&path, &whole, 1).is_ok());
}

#[test]
fn an_unknown_label_in_evaluation() {
    let folder = folder();
    let path = write(&folder, "a.csv", "text,label\nx,ham\ny,eggs\n");
    let known = ["ham".to_owned(), "spam".to_owned()];
    let error = read_text_split(&path, &TextSource::default(), &known)
        .expect_err("refused")
        .to_string();
    for part in [
        "a.csv, line 3",
        "does not know the label `eggs`",
        "`ham`, `spam`",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_vocabulary_of_zero_words() {
    for texts in [&["", "  \n"][..], &["one two"], &[]] {
        let config = TokenConfig {
            min_count: 2,
            ..TokenConfig::default()
        };
        let error = Encoder::fit(texts.iter().copied(), &config)
            .expect_err("refused")
            .to_string();
        assert!(
            error.contains("no word is left") && error.contains("lower min_count"),
            "{error}"
        );
    }
}

#[test]
fn documents_of_zero_tokens_are_one_unknown_word() {
    let config = TokenConfig {
        word_ngrams: 2,
        char_ngrams: Some((2, 3)),
        ..TokenConfig::default()
    };
    let encoder = Encoder::fit(["some words", ""].into_iter(), &config).expect("fits");
    for text in ["", " \n\t", "\u{200b}", "\0"] {
        assert_eq!(
            (encoder.encode(text), encoder.encode_bag(text)),
            (vec![1], vec![1]),
            "{text:?}"
        );
    }
    let folder = folder();
    let path = write(
        &folder,
        "a.csv",
        "text,label\nx,a\ny,b\n,a\nz,b\nu,a\nv,b\n",
    );
    let data = read(&path).expect("readable");
    assert!(
        data.notes
            .iter()
            .any(|note| note.starts_with("1 document without any text")),
        "{:?}",
        data.notes
    );
}

#[test]
fn bad_tokenizer_and_vectors() {
    let folder = folder();
    let file = write(&folder, "tokenizer.json", "{}");
    let config = TokenConfig {
        tokenizer: TokenKind::File,
        file: Some(file),
        ..TokenConfig::default()
    };
    let error = Encoder::fit(["x"].into_iter(), &config)
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("tokenizer.json: not a tokenizer.json"),
        "{error}"
    );
    let encoder = Encoder::fit(["word other"].into_iter(), &TokenConfig::default()).expect("fits");
    for (content, part) in [
        (
            &b"word 1 2 3\nother 1 2\n"[..],
            "line 2: 2 numbers, the lines before have 3",
        ),
        (b"word 1 x 3\n", "line 1: not all fields"),
        (b"word 1 nan 3\n", "line 1: NaN is not a finite number"),
        (b"\xff\xfe\x00", "binary vectors are not read"),
        (b"foreign 1 2\n", "none of the vocabulary's words"),
        (b"", "none of the vocabulary's words"),
    ] {
        let path = write(&folder, "vectors.txt", content);
        let error = load_vectors(&path, encoder.vocabulary())
            .expect_err("refused")
            .to_string();
        assert!(error.contains(part), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Whatever a file holds, reading it ends in a result.
    #[test]
    fn no_file_reaches_a_panic(
        start in prop::sample::select(vec!["", "text,label\n", "[{", "{\"text\":", "PAR1", "a\tb\n", "a b\na b\n", "\u{feff}"]),
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        name in prop::sample::select(vec!["a.csv", "a.tsv", "a.jsonl", "a.json", "a.parquet", "a.txt", "a.tar", "a"]),
        mail in any::<bool>(),
    ) {
        let folder = folder();
        let path = write(&folder, name, [start.as_bytes(), &bytes].concat());
        let source = TextSource { mail, ..TextSource::default() };
        if let Err(error) = read_text(&path, &source, 1) {
            prop_assert!(!error.problem().is_empty());
        }
    }

    /// A damaged file ends in a result too.
    #[test]
    fn no_flipped_bit_reaches_a_panic(at in 0usize..1900, bit in 0u8..8) {
        let folder = folder();
        let mut parquet = fs::read(format!("{REFERENCE}/labelled.parquet")).expect("readable");
        let at = at % parquet.len();
        parquet[at] ^= 1 << bit;
        drop(read(&write(&folder, "a.parquet", parquet)));
        let mut packed = gzip(table(100).as_bytes());
        let at = at % packed.len();
        packed[at] ^= 1 << bit;
        drop(read(&write(&folder, "a.csv.gz", packed)));
    }
}
