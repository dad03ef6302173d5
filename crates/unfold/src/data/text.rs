//! Labelled texts, split for training.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::files::Files;
use super::layout::{Collection, Document, collect};
use super::parts::Part;
use super::{TextSource, split};
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
    let labels = labels_of(&collection.documents);
    check_classes(&collection, &labels)?;
    let Collection {
        name,
        documents,
        mut notes,
    } = collection;
    note_texts(&documents, &mut notes);
    let mut parts = Parts::given(documents, &labels);
    if parts.test.is_some() && source.folds.is_some() {
        let problem = "the data gives its own split, so it cannot be split into folds";
        return Err(Error::data(name, problem, "leave `folds` out"));
    }
    parts.complete(
        &source,
        Key::new(source.seed.unwrap_or(seed)).named("split"),
    );
    let Parts { train, valid, test } = parts;
    if test.as_ref().is_some_and(Vec::is_empty) {
        let problem = format!("{} documents are too few to split", train.len());
        let remedy = "give at least two documents of each class, or set test_fraction to 0";
        return Err(Error::data(name, problem, remedy));
    }
    let chosen = valid.filter(|valid| !valid.is_empty());
    if chosen.is_none() && source.valid_fraction > 0.0 {
        notes.push("too few documents to take a validation part from".to_owned());
    }
    note_unlearnable(&labels, &train, &mut notes);
    Ok(TextData {
        labels,
        train,
        valid: chosen,
        test,
        notes,
    })
}

/// The parts of a split, as far as there are any yet.
struct Parts {
    train: Vec<Example>,
    valid: Option<Vec<Example>>,
    test: Option<Vec<Example>>,
}

impl Parts {
    /// What the data says itself; all of it is for training when it says nothing.
    fn given(documents: Vec<Document>, labels: &[String]) -> Parts {
        let number = numbers(labels);
        let mut parts = Parts {
            train: Vec::new(),
            valid: None,
            test: None,
        };
        for document in documents {
            let part = match document.part {
                None | Some(Part::Train) => &mut parts.train,
                Some(Part::Valid) => parts.valid.get_or_insert_default(),
                Some(Part::Test) => parts.test.get_or_insert_default(),
            };
            part.push(Example {
                label: number[document.label.as_str()],
                text: document.text,
            });
        }
        parts
    }

    /// Takes the parts that are missing from the training part.
    fn complete(&mut self, source: &TextSource, key: Key) {
        if let Some(folds) = source.folds {
            let deal =
                |labels: &[usize]| split::fold(labels, folds, source.fold, key.named("folds"));
            self.test = Some(self.take(deal));
        } else if self.test.is_none() && source.test_fraction > 0.0 {
            let fraction = source.test_fraction;
            self.test = Some(self.take(|labels| split::take(labels, fraction, key.named("test"))));
        }
        if self.valid.is_none() && source.valid_fraction > 0.0 {
            let fraction = source.valid_fraction;
            self.valid =
                Some(self.take(|labels| split::take(labels, fraction, key.named("valid"))));
        }
    }

    fn take(&mut self, choose: impl Fn(&[usize]) -> (Vec<usize>, Vec<usize>)) -> Vec<Example> {
        let (kept, taken) = divide(std::mem::take(&mut self.train), choose);
        self.train = kept;
        taken
    }
}

fn numbers(labels: &[String]) -> HashMap<&str, usize> {
    labels
        .iter()
        .enumerate()
        .map(|(index, label)| (label.as_str(), index))
        .collect()
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
    let number = numbers(labels);
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
                format!("it knows {}", list(labels)),
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
        divide(examples, |labels| {
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

/// All labels; numbers are ordered by value, so that class 10 does not come before class 2.
fn labels_of(documents: &[Document]) -> Vec<String> {
    let names: BTreeSet<&str> = documents
        .iter()
        .map(|document| document.label.as_str())
        .collect();
    let mut labels: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let numbers: Option<Vec<f64>> = labels
        .iter()
        .map(|label| label.parse().ok().filter(|n: &f64| n.is_finite()))
        .collect();
    if numbers.is_some() {
        let value = |label: &String| label.parse::<f64>().unwrap_or(0.0);
        labels.sort_by(|a, b| value(a).total_cmp(&value(b)));
    }
    labels
}

fn check_classes(collection: &Collection, labels: &[String]) -> Result<()> {
    let Collection {
        name, documents, ..
    } = collection;
    let trains = |document: &&Document| document.part.is_none_or(|part| part == Part::Train);
    let seen: BTreeSet<&str> = documents
        .iter()
        .filter(trains)
        .map(|document| document.label.as_str())
        .collect();
    match seen.len() {
        0 => {
            let remedy = "name a folder or file `train`, or leave part names such as `test` out";
            Err(Error::data(name, "there is nothing to train on", remedy))
        }
        1 => {
            let class = seen.first().unwrap_or(&"");
            let problem = format!("there is only one class, `{class}`");
            Err(Error::data(
                name,
                problem,
                "give documents of at least two classes",
            ))
        }
        _ if documents.len() >= 20 && labels.len() * 2 > documents.len() => {
            let problem = format!(
                "{} documents have {} different labels",
                documents.len(),
                labels.len()
            );
            let remedy = format!(
                "name the column that holds the label with `label`; found labels such as {}",
                list(&labels[..3])
            );
            Err(Error::data(name, problem, remedy))
        }
        _ => Ok(()),
    }
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

fn note_unlearnable(labels: &[String], train: &[Example], notes: &mut Vec<String>) {
    let seen: BTreeSet<usize> = train.iter().map(|example| example.label).collect();
    let unseen: Vec<String> = (0..labels.len())
        .filter(|label| !seen.contains(label))
        .map(|label| labels[label].clone())
        .collect();
    if !unseen.is_empty() {
        notes.push(format!(
            "no training document has the label {}: it cannot be learned",
            list(&unseen)
        ));
    }
}

fn divide(
    examples: Vec<Example>,
    choose: impl Fn(&[usize]) -> (Vec<usize>, Vec<usize>),
) -> (Vec<Example>, Vec<Example>) {
    let labels: Vec<usize> = examples.iter().map(|example| example.label).collect();
    let (_, taken) = choose(&labels);
    let mut take = vec![false; examples.len()];
    taken.into_iter().for_each(|index| take[index] = true);
    let (taken, kept): (Vec<_>, Vec<_>) =
        examples.into_iter().zip(take).partition(|(_, take)| *take);
    let plain =
        |pairs: Vec<(Example, bool)>| pairs.into_iter().map(|(example, _)| example).collect();
    (plain(kept), plain(taken))
}

/// Names for a message; not more than a person reads.
fn list(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(20)
        .map(|name| format!("`{}`", shorten(name)))
        .collect();
    let more = if names.len() > 20 {
        format!(" and {} more", names.len() - 20)
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(", "))
}

fn shorten(name: &str) -> String {
    if name.chars().count() <= 40 {
        name.to_owned()
    } else {
        name.chars().take(39).chain(['…']).collect()
    }
}
