//! What cannot be used gives one message that names the file, the place in it and the remedy.

mod data_support;

use std::fs;

use data_support::{folder, gzip, read, refused, write};
use unfold::data::{
    Encoder, TextSource, TokenConfig, TokenKind, load_vectors, read_text, read_text_split,
};

fn table(rows: usize) -> String {
    (0..rows)
        .map(|n| {
            format!(
                "{},some text number {n}
",
                ["a", "b"][n % 2]
            )
        })
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
    // A model that knows it can be measured on it.
    let known = ["ham".to_owned(), "spam".to_owned()];
    let measured = read_text_split(&set, &TextSource::default(), &known).expect("readable");
    assert_eq!(measured.len(), 2);
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
        &[
            "c.csv, line 3",
            "a double quote stands here without its pair",
        ],
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
        "data.test_fraction: 1.5 is not a fraction",
    );
    wrong(
        TextSource {
            folds: Some(1),
            ..source()
        },
        "data.folds: 1 folds",
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
    let none = &["there is no word to learn"][..];
    for (texts, said) in [
        (&["", "  \n"][..], none),
        (&["one two"], &["no word is left", "lower tokens.min_count"]),
        (&[], none),
    ] {
        let config = TokenConfig {
            min_count: 2,
            ..TokenConfig::default()
        };
        let error = Encoder::fit(texts.iter().copied(), &config)
            .expect_err("refused")
            .to_string();
        assert!(said.iter().all(|words| error.contains(words)), "{error}");
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
