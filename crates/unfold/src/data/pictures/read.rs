//! From DATA to labelled pictures, split for training.

use std::path::Path;
use std::sync::Arc;

use super::layout::{Collection, Found, collect};
use super::set::{Damage, Entry, Origin, PictureSet, refuse_damage};
use super::source::PictureSource;
use crate::data::classes;
use crate::data::parts::{self, Part};
use crate::data::split::Parts;
use crate::error::{Error, Result};
use crate::random::Key;

/// Labelled pictures, split.
#[derive(Clone, Debug)]
pub struct PictureData {
    /// The names of the classes, in order (numbers by value, other names by letters).
    pub labels: Vec<String>,
    /// What to learn from.
    pub train: PictureSet,
    /// What to choose and stop by; taken from train when the data does not give it.
    pub valid: Option<PictureSet>,
    /// What to look at once.
    pub test: Option<PictureSet>,
    /// What was done to the data, as sentences for a person to read.
    pub notes: Vec<String>,
    /// Pictures that were left out because their first bytes are no picture's, or their file is not there. Others turn
    /// out to be damaged when they are decoded; see [`Album::damaged`](super::Album::damaged).
    pub damaged: Vec<Damage>,
}

/// Finds labelled pictures and splits them: as the data itself says (`train`, `test` and `valid` or `dev` folders or
/// files), else stratified by `seed` or the seed in `source`. Files are found and recognised, not decoded.
///
/// `path` is a folder or archive of class folders, of IDX files, or of tables (CSV, TSV, JSON Lines, JSON) with paths of
/// pictures, a Parquet file with the pictures in it, one such file, a part of an archive (`set.tar.gz#inner/name`), or
/// data that comes with the program (`builtin:digits`).
///
/// # Errors
/// When the data cannot be read or cannot be used for training; the message says what to do.
pub fn read_pictures(path: &Path, source: &PictureSource, seed: u64) -> Result<PictureData> {
    let source = source.resolved(path);
    let (collection, damaged) = open(path, &source, &Part::ALL)?;
    let Collection {
        name,
        store,
        found,
        mut notes,
        ..
    } = collection;
    let labelled: Vec<(Option<Part>, &str)> = found
        .iter()
        .map(|found| (found.part, found.label.as_str()))
        .collect();
    let labels = classes::of(labelled.iter().map(|(_, label)| *label));
    classes::check(&name, &labelled, &labels, "pictures")?;
    let number = classes::numbers(&labels);
    let data = name.clone();
    let origin = Arc::new(Origin { data, store });
    let entries = found.into_iter().map(|found| {
        let label = number[found.label.as_str()];
        (found.part, entry(found, label, &origin))
    });
    let key = Key::new(source.seed.unwrap_or(seed)).named("split");
    let plan = source.plan();
    let parts = Parts::of(&name, entries, &plan, key, "pictures", &mut notes)?;
    let seen = parts.train.iter().map(|entry| entry.label);
    notes.extend(classes::unlearnable(&labels, seen, "picture"));
    let set = |entries| PictureSet { entries };
    Ok(PictureData {
        train: set(parts.train),
        valid: parts.valid.map(set),
        test: parts.test.map(set),
        labels,
        notes,
        damaged,
    })
}

/// Labelled pictures to evaluate a model on.
#[derive(Clone, Debug)]
pub struct PictureSplit {
    /// The pictures.
    pub set: PictureSet,
    /// What was done to the data, as sentences for a person to read.
    pub notes: Vec<String>,
    /// As in [`PictureData`].
    pub damaged: Vec<Damage>,
}

/// Finds labelled pictures to evaluate a trained model that knows `labels`: the test part if the data gives one
/// (`builtin:digits` does), else everything.
///
/// # Errors
/// When the data cannot be read, or holds a label that the model does not know.
pub fn read_pictures_split(
    path: &Path,
    source: &PictureSource,
    labels: &[String],
) -> Result<PictureSplit> {
    let source = source.resolved(path);
    let (collection, damaged) = open(path, &source, &[Part::Test])?;
    let Collection {
        name,
        store,
        mut found,
        notes,
        ..
    } = collection;
    if found.iter().any(|found| found.part == Some(Part::Test)) {
        found.retain(|found| found.part == Some(Part::Test));
    }
    let number = classes::numbers(labels);
    let data = name.clone();
    let origin = Arc::new(Origin { data, store });
    let entries = found.into_iter().map(|found| {
        let Some(&label) = number.get(found.label.as_str()) else {
            return Err(Error::data(
                format!("{name}, {}", found.name),
                format!("the model does not know the label `{}`", found.label),
                format!("it knows {}", classes::list(labels)),
            ));
        };
        Ok(entry(found, label, &origin))
    });
    let entries = entries.collect::<Result<Vec<Entry>>>()?;
    if entries.is_empty() {
        let problem = "there is no labelled picture";
        return Err(Error::data(name, problem, "give at least one"));
    }
    Ok(PictureSplit {
        set: PictureSet { entries },
        notes,
        damaged,
    })
}

fn entry(found: Found, label: usize, origin: &Arc<Origin>) -> Entry {
    Entry {
        origin: Arc::clone(origin),
        name: found.name,
        content: found.content,
        label,
    }
}

/// What DATA holds, and what is damaged there. Of the parts `wanted` that DATA gives, some picture must be there.
fn open(path: &Path, source: &PictureSource, wanted: &[Part]) -> Result<(Collection, Vec<Damage>)> {
    source.check()?;
    let mut collection = collect(path, source)?;
    let there: Vec<_> = collection.found.iter().map(|found| found.part).collect();
    let lost = collection.damaged.iter();
    let lost: Vec<_> = lost
        .map(|(part, damage)| (*part, damage.to_string()))
        .collect();
    parts::refuse_lost(&collection.name, wanted, &there, &lost)?;
    let damaged = std::mem::take(&mut collection.damaged).into_iter();
    let damaged: Vec<Damage> = damaged.map(|(_, damage)| damage).collect();
    refuse_damage(&damaged, source.strict)?;
    Ok((collection, damaged))
}
