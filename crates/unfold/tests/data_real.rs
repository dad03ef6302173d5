//! Published sets that may not be copied into the project: read where they lie beside it, and
//! skipped where they do not.

use std::path::PathBuf;

use unfold::data::{Example, Remove, TextData, TextSource, read_text, read_text_split};

/// A file beside the project; says so when it is absent.
fn shared(path: &str) -> Option<PathBuf> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/text")
        .join(path);
    if !file.exists() {
        println!("skipped: {} is not there", file.display());
        return None;
    }
    Some(file)
}

fn read(path: &std::path::Path, source: &TextSource) -> TextData {
    read_text(path, source, 1).unwrap_or_else(|error| panic!("{error}"))
}

fn sizes(data: &TextData) -> [usize; 3] {
    let size = |part: &Option<Vec<Example>>| part.as_ref().map_or(0, Vec::len);
    [data.train.len(), size(&data.valid), size(&data.test)]
}

#[test]
fn twenty_newsgroups_has_its_own_split() {
    let Some(path) = shared("20news-bydate.tar.xz") else {
        return;
    };
    let data = read(
        &path,
        &TextSource {
            valid_fraction: 0.0,
            ..TextSource::default()
        },
    );
    assert_eq!(sizes(&data), [11_314, 0, 7_532]);
    assert_eq!(
        (data.labels.len(), data.labels[0].as_str()),
        (20, "alt.atheism")
    );
    let stripped = TextSource {
        remove: vec![Remove::Headers, Remove::Footers, Remove::Quotes],
        ..TextSource::default()
    };
    let stripped = read(&path, &stripped);
    let [train, valid, test] = sizes(&stripped);
    assert_eq!((train + valid, test), (11_314, 7_532));
    let empty = stripped
        .train
        .iter()
        .filter(|example| example.text.trim().is_empty())
        .count();
    assert!((200..400).contains(&empty), "{empty} empty posts");
}

#[test]
fn sms_spam_loses_its_duplicates() {
    let Some(path) = shared("SMSSpamCollection.tsv.gz") else {
        return;
    };
    let source = TextSource {
        deduplicate: true,
        ..TextSource::default()
    };
    let data = read(&path, &source);
    assert_eq!(data.labels, ["ham", "spam"]);
    assert_eq!(sizes(&data).iter().sum::<usize>(), 5_574 - 403);
    assert_eq!(sizes(&data)[2], 1_035);
    assert_eq!(
        read_text_split(&path, &source, &data.labels)
            .map(|all| all.len())
            .ok(),
        Some(5_171)
    );
}

#[test]
fn sentences_are_chosen_from_an_archive_of_several_sets() {
    let Some(path) = shared("sentences-mr-sst2.tar.gz") else {
        return;
    };
    let error = read_text(&path, &TextSource::default(), 1)
        .expect_err("two sets")
        .to_string();
    assert!(
        error.contains("rt-polarity.all") && error.contains("only"),
        "{error}"
    );
    let mr = TextSource {
        only: Some("rt-polarity.all".into()),
        folds: Some(10),
        ..TextSource::default()
    };
    let data = read(&path, &mr);
    assert_eq!(sizes(&data).iter().sum::<usize>(), 10_662);
    assert_eq!(data.labels, ["0", "1"]);
    let sst = read(
        &PathBuf::from(format!("{}#stsa.*", path.display())),
        &TextSource::default(),
    );
    assert_eq!(sizes(&sst), [6_920, 872, 1_821]);
}
