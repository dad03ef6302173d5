//! From the files of DATA to labelled pictures: class folders, IDX files, or tables.

use std::path::Path;

use super::decode::Kind;
use super::set::{Content, Damage, Name, kind};
use super::source::PictureSource;
use super::{idx_files, tables};
use crate::data::concurrent;
use crate::data::files::{File, Files};
use crate::data::format::Format;
use crate::data::parts::Part;
use crate::data::store::{Place, Store};
use crate::data::tree::{ClassFile, ClassFiles, Tree, passed_over};
use crate::error::{Error, Result};

/// A picture with its class.
pub(super) struct Found {
    pub(super) part: Option<Part>,
    pub(super) label: String,
    /// Its place inside DATA.
    pub(super) name: Name,
    pub(super) content: Content,
}

/// What DATA holds, not split yet.
pub(super) struct Collection {
    pub(super) name: String,
    pub(super) store: Store,
    pub(super) found: Vec<Found>,
    pub(super) notes: Vec<String>,
    /// With the part of the split that it would be in.
    pub(super) damaged: Vec<(Option<Part>, Damage)>,
}

/// Finds the pictures of DATA, in whatever layout it is.
pub(super) fn collect(path: &Path, source: &PictureSource) -> Result<Collection> {
    let only = source.only.as_deref();
    if let Some((folder, pair)) = idx_files::pair_of(path) {
        return idx_files::read(Files::gather(&folder, Some(&pair), "pictures")?);
    }
    let files: Files<Place> = Files::gather(path, only, "pictures")?;
    if idx_files::are_in(&files) {
        return idx_files::read(files);
    }
    let folders_wanted = source.format.as_deref() == Some("folders");
    let format = source
        .format
        .as_deref()
        .filter(|_| !folders_wanted)
        .map(Format::named)
        .transpose()?;
    let tree = Tree::of(&files);
    let classes = tree.classes();
    if format.is_none() && !files.single && (folders_wanted || classes.len() > 1) {
        return class_folders(files, &tree);
    }
    if files.single && format.is_none() {
        let file = &files.files[0];
        if kind(&files.shared, &file.path, &file.bytes) == Kind::Picture {
            let problem = "this is one picture, not a set of labelled ones";
            let remedy =
                "name the folder in which each class's pictures have a folder of their own";
            return Err(Error::data(&files.name, problem, remedy));
        }
    }
    let name = files.name.clone();
    let folders = !classes.is_empty();
    match tables::read(files, source, format)? {
        Some(collection) => Ok(collection),
        // One class is too few to learn from, but a model may be measured on it.
        None if folders => class_folders(Files::gather(path, only, "pictures")?, &tree),
        None => Err(Error::data(
            name,
            "no labels were found",
            "put each class's pictures in a folder of its own, or give a CSV, TSV or JSON Lines file with a column for \
             the path of the picture and one for the label, a Parquet file with the pictures in it, or MNIST's IDX files",
        )),
    }
}

fn class_folders(files: Files<Place>, tree: &Tree) -> Result<Collection> {
    let ClassFiles {
        labelled,
        notes: more,
    } = tree.class_files(&files)?;
    let kinds = concurrent::map(&labelled, |raw| {
        kind(&files.shared, &raw.file.path, &raw.file.bytes)
    });
    let (mut other, mut unread, mut damaged, mut found) = (vec![], vec![], vec![], vec![]);
    for (ClassFile { part, label, file }, kind) in labelled.into_iter().zip(kinds) {
        match kind {
            Kind::Picture => found.push(Found {
                part,
                label,
                name: Name::File(file.path.clone()),
                content: Content::Encoded(file.bytes.clone()),
            }),
            Kind::Damaged(problem) => damaged.push((part, damage(&files.name, file, problem))),
            Kind::Unread => unread.push(file.path.as_str()),
            Kind::Other => other.push(file.path.as_str()),
        }
    }
    let mut notes = [&files.notes[..], &more].concat();
    notes.extend(passed_over(&other, "without a picture"));
    notes.extend(passed_over(
        &unread,
        "in formats that are not read (those are JPEG, PNG, WebP, BMP and GIF)",
    ));
    if found.is_empty() {
        let first = damaged.first();
        let first = first.map(|(_, damage)| format!(" (first: {damage})"));
        return Err(Error::data(
            &files.name,
            format!(
                "holds no picture that can be read{}",
                first.unwrap_or_default()
            ),
            "give pictures as JPEG, PNG, WebP, BMP or GIF files",
        ));
    }
    Ok(Collection {
        name: files.name,
        store: files.shared,
        found,
        notes,
        damaged,
    })
}

/// A file that is no picture though it should be one.
pub(super) fn damage(data: &str, file: &File<Place>, problem: &str) -> Damage {
    Damage {
        place: format!("{data}, {}", file.path),
        problem: problem.to_owned(),
    }
}
