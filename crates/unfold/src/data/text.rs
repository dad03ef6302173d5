//! Labelled texts, split for training.

use std::collections::HashMap;
use std::path::Path;

use super::files::Files;
use super::layout::{Collection, Document, collect};
use super::parts::Part;
use super::split::{self, Labelled, Parts};
use super::{TextSource, classes};
use crate::error::{Error, Result};
use crate::random::Key;

/// A text and the number of its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// The text, decoded and cleaned.
    pub text: String,
    /// Its place in [`TextData::labels`].
    pub label: usize,
}

impl Labelled for Example {
    fn label(&self) -> usize {
        self.label
    }
}

/// Labelled texts, split.
#[derive(Clone, Debug)]
pub struct TextData {
    /// The names of the classes, in order (numbers by value, other names by letters).
    pub labels: Vec<String>,
    /// What to learn from.
    pub train: Vec<Example>,
    /// What to choose and stop by; taken from train when the data does not give it.
    pub valid: Option<Vec<Example>>,
    /// What to look at once.
    pub test: Option<Vec<Example>>,
    /// What was done to the data, as sentences for a person to read.
    pub notes: Vec<String>,
}

/// Reads labelled texts and splits them: as the data itself says (`train`, `test` and `valid` or
/// `dev` folders or files), else stratified by `seed` or the seed in `source`.
///
/// `path` is a folder, an archive, a file, a part of an archive (`set.tar.gz#inner/name`), or
/// data that comes with the program (`builtin:spam`).
///
/// # Errors
/// When the data cannot be read or cannot be used for training; the message says what to do.
pub fn read_text(path: &Path, source: &TextSource, seed: u64) -> Result<TextData> {
    let source = source.resolved(path);
    let mut collection = read(path, &source)?;
    if source.deduplicate {
        remove_duplicates(&mut collection);
    }
    let labelled: Vec<(Option<Part>, &str)> = collection
        .documents
        .iter()
        .map(|document| (document.part, document.label.as_str()))
        .collect();
    let labels = classes::of(labelled.iter().map(|(_, label)| *label));
    classes::check(&collection.name, &labelled, &labels, "documents")?;
    let Collection {
        name,
        documents,
        mut notes,
    } = collection;
    note_texts(&documents, &mut notes);
    let number = classes::numbers(&labels);
    let examples = documents.into_iter().map(|document| {
        let label = number[document.label.as_str()];
        let text = document.text;
        (document.part, Example { text, label })
    });
    let key = Key::new(source.seed.unwrap_or(seed)).named("split");
    let plan = source.plan();
    let parts = Parts::of(&name, examples, &plan, key, "documents", &mut notes)?;
    let seen = parts.train.iter().map(|example| example.label);
    notes.extend(classes::unlearnable(&labels, seen, "document"));
    Ok(TextData {
        labels,
        train: parts.train,
        valid: parts.valid,
        test: parts.test,
        notes,
    })
}

/// Reads labelled texts to evaluate a trained model that knows `labels`: the test part if the data
/// gives one (`builtin:spam` does), else everything.
///
/// # Errors
/// When the data cannot be read, or holds a label that the model does not know.
pub fn read_text_split(
    path: &Path,
    source: &TextSource,
    labels: &[String],
) -> Result<Vec<Example>> {
    let source = source.resolved(path);
    let mut collection = read(path, &source)?;
    if source.deduplicate {
        remove_duplicates(&mut collection);
    }
    let Collection {
        name,
        mut documents,
        ..
    } = collection;
    if documents
        .iter()
        .any(|document| document.part == Some(Part::Test))
    {
        documents.retain(|document| document.part == Some(Part::Test));
    }
    let number = classes::numbers(labels);
    let example = |document: Document| match number.get(document.label.as_str()) {
        Some(&label) => Ok(Example {
            text: document.text,
            label,
        }),
        None => {
            let problem = format!("the model does not know the label `{}`", document.label);
            Err(Error::data(
                document.place,
                problem,
                format!("it knows {}", classes::list(labels)),
            ))
        }
    };
    let examples = documents
        .into_iter()
        .map(example)
        .collect::<Result<Vec<Example>>>()?;
    if examples.is_empty() {
        return Err(Error::data(
            name,
            "there is no labelled document",
            "give at least one",
        ));
    }
    Ok(if super::builtin::is_builtin(path) {
        let key = Key::new(source.seed.unwrap_or(0)).named("split");
        split::divide(examples, |labels| {
            split::take(labels, source.test_fraction, key.named("test"))
        })
        .1
    } else {
        examples
    })
}

fn read(path: &Path, source: &TextSource) -> Result<Collection> {
    source.check()?;
    collect(Files::open(path, source.only.as_deref())?, source)
}

/// Keeps the first of equal documents. Where the data gives a split, the test part is kept whole
/// and what is also in it leaves the other parts, so that nothing tested on was trained on.
fn remove_duplicates(collection: &mut Collection) {
    let mut first: HashMap<u128, &str> = HashMap::new();
    let mut order: Vec<usize> = (0..collection.documents.len()).collect();
    order.sort_by_key(|&index| std::cmp::Reverse(collection.documents[index].part));
    let mut keep = vec![true; order.len()];
    let mut disagree = 0;
    for index in order {
        let document = &collection.documents[index];
        match first.get(&document.fingerprint) {
            None => {
                first.insert(document.fingerprint, &document.label);
            }
            Some(label) => {
                keep[index] = document.part == Some(Part::Test);
                disagree += usize::from(!keep[index] && *label != document.label);
            }
        }
    }
    let removed = keep.iter().filter(|keep| !**keep).count();
    let mut keep = keep.into_iter();
    collection.documents.retain(|_| keep.next().unwrap_or(true));
    if removed > 0 {
        let s = if removed == 1 { "" } else { "s" };
        let mut note = format!(
            "{removed} duplicate{s} removed before splitting, {} documents left",
            collection.documents.len()
        );
        if disagree > 0 {
            note.push_str(&format!(
                "; {disagree} of the duplicates had another label than the one kept"
            ));
        }
        collection.notes.push(note);
    }
}

fn note_texts(documents: &[Document], notes: &mut Vec<String>) {
    let mut note = |count: usize, what: &str| {
        if count > 0 {
            let s = if count == 1 { "" } else { "s" };
            notes.push(format!("{count} document{s} {what}"));
        }
    };
    note(
        documents
            .iter()
            .filter(|document| document.text.trim().is_empty())
            .count(),
        "without any text kept: the model can only guess there",
    );
    note(
        documents.iter().filter(|document| document.cut).count(),
        "longer than `max_bytes` cut to that length",
    );
}
