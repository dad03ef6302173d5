//! Class folders: which of the folders of DATA say a class, and which a part of a split.

use std::collections::BTreeSet;

use super::files::{File, Files, Keep};
use super::parts::{self, Part};
use crate::error::{Error, Result};

/// Folders of documents without labels, as published beside labelled ones.
const UNLABELLED: [&str; 4] = ["unsup", "unlabelled", "unlabeled", "unsupervised"];

/// The folders of DATA below the ones that hold everything.
pub(super) struct Tree {
    /// How many leading parts of every path say nothing.
    skip: usize,
    /// Whether the folders below those are the parts of a split.
    split: bool,
    folders: BTreeSet<Vec<String>>,
}

impl Tree {
    pub(super) fn of<T: Keep>(files: &Files<T>) -> Tree {
        let mut folders: BTreeSet<Vec<String>> = files
            .files
            .iter()
            .map(|file| folder_of(&file.path))
            .collect();
        folders.extend(
            files
                .folders
                .iter()
                .map(|path| path.split('/').map(str::to_owned).collect()),
        );
        let nested = |skip: usize| folders.iter().filter(move |folder| folder.len() > skip);
        let lone = |skip: usize| {
            nested(skip)
                .map(|folder| &folder[skip])
                .collect::<BTreeSet<_>>()
                .len()
                == 1
        };
        let mut skip = 0;
        while lone(skip) && nested(skip + 1).next().is_some() {
            skip += 1;
        }
        let parts: Vec<Option<Part>> = nested(skip)
            .map(|folder| parts::of_folder(&folder[skip]))
            .collect();
        let split = parts.contains(&Some(Part::Train)) && !parts.contains(&None);
        Tree {
            skip,
            split,
            folders,
        }
    }

    /// The part of the split and the rest of a path below it.
    fn place<'a>(&self, folder: &'a [String]) -> (Option<Part>, &'a [String]) {
        let rest = folder.get(self.skip..).unwrap_or(&[]);
        match rest.split_first() {
            Some((first, rest)) if self.split => (parts::of_folder(first), rest),
            _ => (None, rest),
        }
    }

    /// The names of the class folders.
    pub(super) fn classes(&self) -> BTreeSet<&str> {
        let first = |folder| self.place(folder).1.first().map(String::as_str);
        self.folders
            .iter()
            .filter_map(|folder| first(folder))
            .filter(|class| !UNLABELLED.contains(class))
            .collect()
    }

    /// Which file belongs to which class.
    ///
    /// # Errors
    /// When a class folder is empty.
    pub(super) fn class_files<'a, T: Keep>(
        &self,
        files: &'a Files<T>,
    ) -> Result<ClassFiles<'a, T>> {
        let (mut outside, mut unlabelled, mut labelled) = (Vec::new(), Vec::new(), Vec::new());
        let mut filled: BTreeSet<&[String]> = BTreeSet::new();
        let paths: Vec<Vec<String>> = files
            .files
            .iter()
            .map(|file| folder_of(&file.path))
            .collect();
        for (file, folder) in files.files.iter().zip(&paths) {
            let (part, rest) = self.place(folder);
            let Some(label) = rest.first() else {
                outside.push(file.path.as_str());
                continue;
            };
            filled.insert(&folder[..folder.len() - rest.len() + 1]);
            if UNLABELLED.contains(&label.as_str()) {
                unlabelled.push(file.path.as_str());
            } else {
                let label = label.clone();
                labelled.push(ClassFile { part, label, file });
            }
        }
        let empty = |folder: &&Vec<String>| match self.place(folder).1 {
            [] => self.split && !paths.iter().any(|path| path.starts_with(folder)),
            rest => !filled.contains(&folder[..folder.len() - rest.len() + 1]),
        };
        if let Some(folder) = self.folders.iter().find(empty) {
            let place = format!("{}, {}", files.name, folder.join("/"));
            let remedy = format!(
                "put {} of this class into it, or remove the folder",
                files.noun
            );
            return Err(Error::data(place, "the class folder is empty", remedy));
        }
        let notes = [
            passed_over(&outside, "outside the class folders"),
            passed_over(&unlabelled, "without a label"),
        ];
        Ok(ClassFiles {
            labelled,
            notes: notes.into_iter().flatten().collect(),
        })
    }
}

/// One file in a class folder.
pub(super) struct ClassFile<'a, T> {
    pub(super) part: Option<Part>,
    pub(super) label: String,
    pub(super) file: &'a File<T>,
}

/// The files in class folders.
pub(super) struct ClassFiles<'a, T> {
    pub(super) labelled: Vec<ClassFile<'a, T>>,
    /// What was passed over.
    pub(super) notes: Vec<String>,
}

/// A sentence about files that are not used, if there are any.
pub(super) fn passed_over(paths: &[&str], why: &str) -> Option<String> {
    let first = paths.first()?;
    let s = if paths.len() == 1 { "" } else { "s" };
    Some(format!(
        "{} file{s} {why} passed over (first: {first})",
        paths.len()
    ))
}

/// The folders that a file lies in, the outermost first.
pub(super) fn folder_of(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    parts.pop();
    parts
}
