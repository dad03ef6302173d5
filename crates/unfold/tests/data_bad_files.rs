//! Damaged, hostile and huge files end in a clear message, never in a panic.

mod data_support;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use data_support::{REFERENCE, folder, gzip, read, refused, write};
use proptest::prelude::*;
use unfold::data::{Encoder, TextSource, TokenConfig, read_text};

fn table(rows: usize) -> String {
    (0..rows)
        .map(|n| format!("{},some text number {n}\n", ["a", "b"][n % 2]))
        .collect()
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
        &["compressed with zstd", "write_table", "snappy"],
    );
    let folder = folder();
    let good = fs::read(format!("{REFERENCE}/labelled.parquet")).expect("readable");
    let cut = write(&folder, "cut.parquet", &good[..good.len() - 100]);
    refused(read(&cut), &cut, &["Parquet file cannot be read"]);
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
