//! From the files of DATA to labelled documents: class folders, or files of rows.

use std::collections::BTreeSet;

use super::clean::{self, Cleaned};
use super::encoding::{Charset, looks_binary};
use super::files::{File, Files};
use super::format::Format;
use super::parts::{self, Part};
use super::{TextSource, concurrent};
use crate::error::{Error, Result};

/// A labelled text and where it is from.
pub(super) struct Document {
    pub(super) part: Option<Part>,
    pub(super) label: String,
    pub(super) text: String,
    /// Equal for documents that are duplicates.
    pub(super) fingerprint: u128,
    /// Whether the text was too long to be kept whole.
    pub(super) cut: bool,
    /// The file and the place in it.
    pub(super) place: String,
}

/// What DATA holds, cleaned but neither checked for duplicates nor split.
pub(super) struct Collection {
    pub(super) name: String,
    pub(super) documents: Vec<Document>,
    pub(super) notes: Vec<String>,
}

/// One document as it lies on disk.
struct Raw<'a> {
    part: Option<Part>,
    label: &'a str,
    file: &'a File,
}

/// Folders of documents without labels, as published beside labelled ones.
const UNLABELLED: [&str; 4] = ["unsup", "unlabelled", "unlabeled", "unsupervised"];

/// Reads DATA, in whatever layout it is.
pub(super) fn collect(mut files: Files, source: &TextSource) -> Result<Collection> {
    let charset = Charset::of(&files.files, source.encoding.as_deref())?;
    files.notes.extend(charset.note().filter(|_| !source.mail));
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
        return class_folders(&files, &tree, &charset, source);
    }
    let class = classes.first().map(|&class| class.to_owned());
    let one_class = |name: &str, class: &str| {
        let problem = format!("there is only one class, `{class}`");
        Error::data(
            name,
            problem,
            "put the documents of the other classes in folders beside it",
        )
    };
    let name = files.name.clone();
    match (tables_of(files, &charset, source, format)?, class) {
        (Some(collection), _) => Ok(collection),
        (None, Some(class)) => Err(one_class(&name, &class)),
        (None, None) => Err(Error::data(
            name,
            "no labels were found",
            "put each class's documents in a folder of its own, or give a CSV, TSV, JSON Lines or Parquet file with a \
             column for the text and one for the label, or lines of a label and a text; a file with another ending \
             needs `format`",
        )),
    }
}

/// The folders of DATA below the ones that hold everything.
struct Tree {
    /// How many leading parts of every path say nothing.
    skip: usize,
    /// Whether the folders below those are the parts of a split.
    split: bool,
    folders: BTreeSet<Vec<String>>,
}

impl Tree {
    fn of(files: &Files) -> Tree {
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

    fn classes(&self) -> BTreeSet<&str> {
        let first = |folder| self.place(folder).1.first().map(String::as_str);
        self.folders
            .iter()
            .filter_map(|folder| first(folder))
            .filter(|class| !UNLABELLED.contains(class))
            .collect()
    }
}

fn folder_of(path: &str) -> Vec<String> {
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    parts.pop();
    parts
}

fn class_folders(
    files: &Files,
    tree: &Tree,
    charset: &Charset,
    source: &TextSource,
) -> Result<Collection> {
    let mut notes = files.notes.clone();
    let mut passed_over = Passed::default();
    let mut filled: BTreeSet<&[String]> = BTreeSet::new();
    let paths: Vec<Vec<String>> = files
        .files
        .iter()
        .map(|file| folder_of(&file.path))
        .collect();
    let mut raw = Vec::new();
    for (file, folder) in files.files.iter().zip(&paths) {
        let (part, rest) = tree.place(folder);
        let Some(label) = rest.first() else {
            passed_over.outside.push(&file.path);
            continue;
        };
        filled.insert(&folder[..folder.len() - rest.len() + 1]);
        if UNLABELLED.contains(&label.as_str()) {
            passed_over.unlabelled.push(&file.path);
        } else if !source.mail && looks_binary(&file.bytes) {
            passed_over.binary.push(&file.path);
        } else {
            raw.push(Raw { part, label, file });
        }
    }
    let empty = |folder: &&Vec<String>| match tree.place(folder).1 {
        [] => tree.split && !paths.iter().any(|path| path.starts_with(folder)),
        rest => !filled.contains(&folder[..folder.len() - rest.len() + 1]),
    };
    if let Some(folder) = tree.folders.iter().find(empty) {
        let place = format!("{}, {}", files.name, folder.join("/"));
        let remedy = "put documents of this class into it, or remove the folder";
        return Err(Error::data(place, "the class folder is empty", remedy));
    }
    notes.extend(passed_over.notes());
    let cleaned = concurrent::map(&raw, |document| {
        let place = format!("{}, {}", files.name, document.file.path);
        clean::bytes(&document.file.bytes, &place, charset, source)
    });
    let documents = raw.iter().zip(cleaned).map(|(document, cleaned)| {
        let place = format!("{}, {}", files.name, document.file.path);
        cleaned.map(|cleaned| labelled(document.part, document.label, place, cleaned))
    });
    Ok(Collection {
        name: files.name.clone(),
        documents: documents.collect::<Result<_>>()?,
        notes,
    })
}

fn labelled(part: Option<Part>, label: &str, place: String, cleaned: Cleaned) -> Document {
    let Cleaned {
        text,
        fingerprint,
        cut,
    } = cleaned;
    Document {
        part,
        label: label.to_owned(),
        text,
        fingerprint,
        cut,
        place,
    }
}

/// Files that are no document.
#[derive(Default)]
struct Passed<'a> {
    outside: Vec<&'a str>,
    unlabelled: Vec<&'a str>,
    binary: Vec<&'a str>,
}

impl Passed<'_> {
    fn notes(&self) -> Vec<String> {
        let note = |paths: &[&str], why: &str| {
            let first = paths.first()?;
            let s = if paths.len() == 1 { "" } else { "s" };
            Some(format!(
                "{} file{s} {why} passed over (first: {first})",
                paths.len()
            ))
        };
        let notes = [
            note(&self.outside, "outside the class folders"),
            note(&self.unlabelled, "without a label"),
            note(&self.binary, "with bytes that no text has"),
        ];
        notes.into_iter().flatten().collect()
    }
}

/// Reads files of rows; nothing when there are none.
fn tables_of(
    files: Files,
    charset: &Charset,
    source: &TextSource,
    format: Option<Format>,
) -> Result<Option<Collection>> {
    let Files {
        name,
        single,
        files,
        mut notes,
        ..
    } = files;
    let split_folder = |path: &str| {
        folder_of(path)
            .iter()
            .rev()
            .find_map(|folder| parts::of_folder(folder))
    };
    let mut tables: Vec<(File, Format, Option<Part>)> = Vec::new();
    let several = files.len() > 1;
    for file in files {
        if file.bytes.is_empty() && !several {
            return Err(Error::data(
                name,
                "the file is empty",
                "give a file with documents of each class",
            ));
        }
        let written_for_people = !single && format.is_none() && is_readme(&file.path);
        let part = if single {
            None
        } else {
            parts::of_file(&file.path).or_else(|| split_folder(&file.path))
        };
        match format
            .or_else(|| Format::of(&file))
            .filter(|_| !written_for_people)
        {
            Some(found) => tables.push((file, found, part)),
            None => notes.push(format!(
                "{} holds no labelled rows and was passed over",
                file.path
            )),
        }
    }
    if tables.is_empty() {
        return Ok(None);
    }
    let sets: BTreeSet<String> = tables
        .iter()
        .map(|(file, ..)| parts::set_of(&file.path))
        .collect();
    if sets.len() > 1 {
        let paths: Vec<&str> = tables.iter().map(|(file, ..)| file.path.as_str()).collect();
        let remedy = format!("choose one with `only`, such as only = \"{}\"", paths[0]);
        return Err(Error::data(
            &name,
            format!("holds several sets: {}", paths.join(", ")),
            remedy,
        ));
    }
    let any_part = tables.iter().any(|(.., part)| part.is_some());
    let mut documents = Vec::new();
    for (file, format, part) in tables {
        if any_part && part.is_none() {
            notes.push(format!(
                "{} belongs to no part of the split and was passed over",
                file.path
            ));
            continue;
        }
        let place = if single {
            name.clone()
        } else {
            format!("{name}, {}", file.path)
        };
        rows_of(
            format.read(file, &place, charset, source)?,
            part,
            source,
            &mut documents,
            &mut notes,
        )?;
    }
    Ok(Some(Collection {
        name,
        documents,
        notes,
    }))
}

fn is_readme(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    ["readme", "license", "licence", "notice"]
        .iter()
        .any(|start| name.starts_with(start))
        || name.ends_with(".md")
}

fn rows_of(
    table: super::table::Table,
    part: Option<Part>,
    source: &TextSource,
    documents: &mut Vec<Document>,
    notes: &mut Vec<String>,
) -> Result<()> {
    if table.rows.is_empty() {
        return Err(Error::data(
            &table.place,
            "there are no rows",
            "give at least one row of each class",
        ));
    }
    let columns = table.columns(source)?;
    notes.extend(columns.note);
    let mut unlabelled = Vec::new();
    let mut raw = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let cell = |column: usize| row.cells.get(column).and_then(Option::as_deref);
        match cell(columns.label)
            .map(str::trim)
            .filter(|label| !label.is_empty())
        {
            Some(label) => {
                let texts: Vec<&str> = columns
                    .text
                    .iter()
                    .filter_map(|&column| cell(column))
                    .collect();
                raw.push((label, texts.join("\n"), row.number));
            }
            None => unlabelled.push(row.number),
        }
    }
    let (place, unit) = (&table.place, table.unit);
    if let Some(first) = unlabelled.first() {
        // A test part whose labels were kept back is published so on purpose; a train part is not.
        if raw.is_empty() && part != Some(Part::Test) {
            let problem = format!("no {unit} has a label (the first without is {unit} {first})");
            return Err(Error::data(
                place,
                problem,
                "label the rows, or name the column that holds the label with `label`",
            ));
        }
        let count = unlabelled.len();
        let s = if count == 1 { "" } else { "s" };
        notes.push(format!(
            "{place}: {count} row{s} without a label passed over (first: {unit} {first})"
        ));
    }
    let cleaned = concurrent::map(&raw, |(_, text, _)| clean::text(text, source));
    documents.extend(
        raw.iter()
            .zip(cleaned)
            .map(|((label, _, number), cleaned)| {
                labelled(part, label, format!("{place}, {unit} {number}"), cleaned)
            }),
    );
    Ok(())
}
