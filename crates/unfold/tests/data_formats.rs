//! The same documents in every layout and packing that is read.

mod data_support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use data_support::{REFERENCE, folder, gzip, write};
use unfold::data::{Example, TextData, TextSource, read_text, read_text_split};

fn read(path: &Path, source: &TextSource) -> TextData {
    read_text(path, source, 1).unwrap_or_else(|error| panic!("{error}"))
}

fn plain() -> TextSource {
    TextSource {
        valid_fraction: 0.0,
        ..TextSource::default()
    }
}

/// Label and text of every example.
fn pairs(data: &TextData) -> BTreeSet<(String, String)> {
    let parts = data
        .train
        .iter()
        .chain(data.valid.iter().flatten())
        .chain(data.test.iter().flatten());
    parts
        .map(|Example { text, label }| (data.labels[*label].clone(), text.clone()))
        .collect()
}

fn documents() -> Vec<(&'static str, String)> {
    (0..20)
        .map(|n| {
            (
                ["ham", "spam"][n % 2],
                format!("text, number \"{n}\"; naïve"),
            )
        })
        .collect()
}

fn expected() -> BTreeSet<(String, String)> {
    documents()
        .into_iter()
        .map(|(label, text)| (label.to_owned(), text))
        .collect()
}

fn csv(delimiter: char, header: &str) -> String {
    let quoted = |text: String| format!("\"{}\"", text.replace('"', "\"\""));
    let rows = documents()
        .into_iter()
        .map(|(label, text)| format!("{}{delimiter}{label}\n", quoted(text)));
    header.to_owned() + &rows.collect::<String>()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder =
        lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).expect("made");
    encoder.write_all(bytes).expect("written");
    encoder.finish().expect("finished")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    // Two frames, as parallel compressors write them.
    let (a, b) = bytes.split_at(bytes.len() / 2);
    let frame = |part: &[u8]| {
        ruzstd::encoding::compress_to_vec(part, ruzstd::encoding::CompressionLevel::Fastest)
    };
    [frame(a), frame(b)].concat()
}

fn tar(files: &[(String, String)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, path, text.as_bytes())
            .expect("added");
    }
    tar.into_inner().expect("finished")
}

fn zip(files: &[(String, String)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, text) in files {
        zip.start_file(path, zip::write::SimpleFileOptions::default())
            .expect("started");
        zip.write_all(text.as_bytes()).expect("written");
    }
    zip.finish().expect("finished").into_inner()
}

#[test]
fn tables_of_every_kind_hold_the_same() {
    let folder = folder();
    let json = |(label, text): &(&str, String)| {
        serde_json::json!({"label": label, "text": text, "n": 1}).to_string()
    };
    let objects: Vec<String> = documents().iter().map(json).collect();
    let lines = |between: &str| -> String {
        documents()
            .iter()
            .map(|(label, text)| format!("{label}{between}{text}\n"))
            .collect()
    };
    let marked: String = documents()
        .iter()
        .map(|(label, text)| format!("__label__{label} {text}\n"))
        .collect();
    let files = [
        ("a.csv", csv(',', "text,label\n")),
        ("b.csv", csv(';', "Text;Category\r\n")),
        ("c.csv", csv(',', "")),
        ("d.csv", csv(',', "words,kind\n")),
        ("e.tsv", lines("\t")),
        ("f.tsv", csv('\t', "text\tlabel\n")),
        ("g.txt", lines("\t")),
        ("h.data", lines(" ")),
        ("i.jsonl", objects.join("\n")),
        ("j.json", format!("[{}]", objects.join(",\n"))),
        ("k", objects.join("\r\n")),
        ("l.txt", marked),
        ("m.txt", csv(',', "text,label\n")),
        ("n.csv", format!("\u{feff}{}", csv(',', "text,label\n"))),
    ];
    for (name, content) in files {
        let data = read(&write(&folder, name, content), &plain());
        assert_eq!(data.labels, ["ham", "spam"], "{name}");
        assert_eq!(pairs(&data), expected(), "{name}");
    }
}

#[test]
fn packings_are_undone() {
    let folder = folder();
    let content = csv(',', "text,label\n");
    let bytes = content.as_bytes();
    let files = [
        ("a.csv.gz", gzip(bytes)),
        ("b.csv.xz", xz(bytes)),
        ("c.csv.zst", zstd(bytes)),
        ("d.csv", gzip(bytes)),
    ];
    for (name, content) in files {
        assert_eq!(
            pairs(&read(&write(&folder, name, content), &plain())),
            expected(),
            "{name}"
        );
    }
}

#[test]
fn class_folders_read_alike_in_any_archive() {
    let folder = folder();
    let mut files = vec![
        ("set/README".to_owned(), "about".to_owned()),
        ("set/._x".to_owned(), "hidden".to_owned()),
    ];
    let place = |n: usize, label: &str| {
        format!(
            "set/{}/{label}/more/{n:02}.txt",
            if n < 12 { "a-train" } else { "a-test" }
        )
    };
    files.extend(
        documents()
            .into_iter()
            .enumerate()
            .map(|(n, (label, text))| (place(n, label), text)),
    );
    files.push(("set/a-train/unsup/1.txt".to_owned(), "no label".to_owned()));
    for (path, text) in &files {
        write(&folder, &format!("plain/{path}"), text);
    }
    let tar = tar(&files);
    let archives = [
        folder.path().join("plain"),
        write(&folder, "a.tar", &tar),
        write(&folder, "b.tar.gz", gzip(&tar)),
        write(&folder, "c.tar.xz", xz(&tar)),
        write(&folder, "d.tar.zst", zstd(&tar)),
        write(&folder, "e.zip", zip(&files)),
        write(&folder, "f.whatever", gzip(&tar)),
    ];
    let first = read(&archives[0], &plain());
    assert_eq!(
        (first.train.len(), first.test.as_ref().map(Vec::len)),
        (12, Some(8))
    );
    assert_eq!(pairs(&first), expected());
    assert!(
        first.notes.iter().any(|note| note.contains("unsup/1.txt")),
        "{:?}",
        first.notes
    );
    for archive in &archives[1..] {
        let data = read(archive, &plain());
        assert_eq!(
            (data.train, data.test),
            (first.train.clone(), first.test.clone()),
            "{}",
            archive.display()
        );
    }
}

#[test]
fn files_named_after_parts_are_the_split() {
    let folder = folder();
    for (name, rows) in [
        ("train-00000-of-2.csv", 0..6),
        ("train-00001-of-2.csv", 6..12),
        ("test.csv", 12..16),
        ("dev.csv", 16..20),
    ] {
        let all = documents();
        let rows: String = all[rows]
            .iter()
            .map(|(label, text)| format!("{label},\"{}\"\n", text.replace('"', "\"\"")))
            .collect();
        write(
            &folder,
            &format!("set/{name}"),
            format!("label,text\n{rows}"),
        );
    }
    write(&folder, "set/README.md", "# About");
    let data = read(&folder.path().join("set"), &plain());
    let count = |part: &Option<Vec<Example>>| part.as_ref().map(Vec::len);
    assert_eq!(
        (data.train.len(), count(&data.valid), count(&data.test)),
        (12, Some(4), Some(4))
    );
    assert_eq!(pairs(&data), expected());
    let test =
        read_text_split(&folder.path().join("set"), &plain(), &data.labels).expect("readable");
    assert_eq!(Some(test), data.test);
}

#[test]
fn parquet_of_the_hub_has_named_labels() {
    let data = read(
        Path::new(&format!("{REFERENCE}/labelled.parquet")),
        &plain(),
    );
    assert_eq!(
        (data.labels.join(" "), data.train.len()),
        ("neg pos".to_owned(), 32)
    );
    assert!(pairs(&data).contains(&("pos".to_owned(), "good film number 7, naïve".to_owned())));
}

#[test]
fn columns_are_chosen_and_joined() {
    let folder = folder();
    let rows: String = (0..10)
        .map(|n| format!("{n},title {n},body {n},{}\n", n % 2))
        .collect();
    let path = write(&folder, "a.csv", format!("id,title,body,label\n{rows}"));
    let joined = TextSource {
        text: Some("title+body".into()),
        ..plain()
    };
    assert!(pairs(&read(&path, &joined)).contains(&("1".to_owned(), "title 3\nbody 3".to_owned())));
    let numbered = TextSource {
        text: Some("3".into()),
        label: Some("LABEL".into()),
        ..plain()
    };
    assert!(pairs(&read(&path, &numbered)).contains(&("0".to_owned(), "body 4".to_owned())));
    let bare = write(&folder, "b.csv", rows);
    assert!(
        pairs(&read(&bare, &numbered_label())).contains(&("0".to_owned(), "body 4".to_owned()))
    );
}

fn numbered_label() -> TextSource {
    TextSource {
        text: Some("3".into()),
        label: Some("4".into()),
        header: Some(false),
        ..plain()
    }
}

#[test]
fn labels_that_are_numbers_are_ordered_by_value() {
    let folder = folder();
    let rows: String = (0..24)
        .map(|n| format!("{}\ttext {n}\n", 1 + n % 12))
        .collect();
    let data = read(&write(&folder, "a.tsv", rows), &plain());
    assert_eq!(data.labels[..3], ["1", "2", "3"]);
    assert_eq!(data.labels[11], "12");
}

#[test]
fn nothing_tested_on_is_trained_on() {
    let folder = folder();
    write(&folder, "set/train.tsv", "a\tx\na\tx\nb\ty\nb\tz\na\tw\n");
    write(&folder, "set/test.tsv", "a\tx\nb\tq\nb\tq\n");
    let source = TextSource {
        deduplicate: true,
        header: Some(false),
        ..plain()
    };
    let data = read(&folder.path().join("set"), &source);
    let texts = |part: &[Example]| {
        part.iter()
            .map(|example| example.text.clone())
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(texts(&data.train), "y z w");
    assert_eq!(texts(data.test.as_deref().unwrap_or_default()), "x q q");
    assert!(
        data.notes
            .iter()
            .any(|note| note.starts_with("2 duplicates removed")),
        "{:?}",
        data.notes
    );
}

#[test]
fn links_are_followed_but_not_in_circles() {
    let folder = folder();
    for (n, (label, text)) in documents().into_iter().enumerate() {
        write(&folder, &format!("real/{label}/{n}"), text);
    }
    let set = folder.path().join("set");
    fs::create_dir(&set).expect("created");
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink(folder.path().join("real/ham"), set.join("ham")).expect("linked");
        symlink(folder.path().join("real/spam"), set.join("spam")).expect("linked");
        symlink(&set, folder.path().join("real/ham/circle")).expect("linked");
        symlink("nowhere", folder.path().join("real/ham/broken")).expect("linked");
        let data = read(&set, &plain());
        assert_eq!(pairs(&data), expected());
        assert!(
            data.notes
                .iter()
                .any(|note| note.starts_with("2 broken, circular")),
            "{:?}",
            data.notes
        );
    }
}
