//! Files of rows: which of the files of DATA hold labelled rows, and what stands in them.

use std::collections::BTreeSet;

use super::files::File;
use super::format::Format;
use super::parts::{self, Part};
use super::table::{Table, Wanted};
use super::tree::folder_of;
use crate::error::{Error, Result};

/// A file of rows.
pub(super) struct RowFile<T> {
    pub(super) file: File<T>,
    pub(super) format: Format,
    /// The part of a split that it is for.
    pub(super) part: Option<Part>,
}

/// The files that hold labelled rows, of those in DATA. Where `written_for_people`, a file that explains the others
/// is none of them.
///
/// # Errors
/// When they belong to several sets.
pub(super) fn files<T>(
    name: &str,
    single: bool,
    files: Vec<File<T>>,
    format_of: impl Fn(&File<T>) -> Option<Format>,
    written_for_people: bool,
    notes: &mut Vec<String>,
) -> Result<Vec<RowFile<T>>> {
    let split_folder = |path: &str| {
        folder_of(path)
            .iter()
            .rev()
            .find_map(|folder| parts::of_folder(folder))
    };
    let mut found: Vec<RowFile<T>> = Vec::new();
    for file in files {
        let part = if single {
            None
        } else {
            parts::of_file(&file.path).or_else(|| split_folder(&file.path))
        };
        let explains = written_for_people && is_readme(&file.path);
        match format_of(&file).filter(|_| !explains) {
            Some(format) => found.push(RowFile { file, format, part }),
            None => notes.push(format!(
                "{} holds no labelled rows and was passed over",
                file.path
            )),
        }
    }
    let sets: BTreeSet<String> = found
        .iter()
        .map(|rows| parts::set_of(&rows.file.path))
        .collect();
    if sets.len() > 1 {
        let paths: Vec<&str> = found.iter().map(|rows| rows.file.path.as_str()).collect();
        let remedy = format!("choose one with `only`, such as only = \"{}\"", paths[0]);
        return Err(Error::data(
            name,
            format!("holds several sets: {}", paths.join(", ")),
            remedy,
        ));
    }
    if found.iter().any(|rows| rows.part.is_some()) {
        found.retain(|rows| {
            if rows.part.is_none() {
                notes.push(format!(
                    "{} belongs to no part of the split and was passed over",
                    rows.file.path
                ));
            }
            rows.part.is_some()
        });
    }
    Ok(found)
}

/// Whether a file explains the others.
pub(super) fn is_readme(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    ["readme", "license", "licence", "notice"]
        .iter()
        .any(|start| name.starts_with(start))
        || name.ends_with(".md")
}

/// A row with a label.
pub(super) struct LabelledRow<'a> {
    pub(super) label: &'a str,
    /// What stands in the wanted columns.
    pub(super) content: String,
    pub(super) number: usize,
    /// What stands in a column `split`, where the table has one that holds nothing else.
    split: Option<&'a str>,
}

/// The part of a split that each row is for: as the file's name says, else as the row does in a column `split`.
///
/// # Errors
/// When there is such a column, and a row has something else than a part there.
pub(super) fn parts_of(
    table: &Table,
    rows: &[LabelledRow<'_>],
    file: Option<Part>,
    notes: &mut Vec<String>,
) -> Result<Vec<Option<Part>>> {
    if file.is_some() {
        if rows.iter().any(|row| row.split.is_some()) {
            notes.push(format!(
                "{}: the column `split` was passed over, as the file's name says which part it is",
                table.place
            ));
        }
        return Ok(vec![file; rows.len()]);
    }
    let part = |row: &LabelledRow<'_>| {
        let Some(name) = row.split else {
            return Ok(None);
        };
        let place = format!("{}, {} {}", table.place, table.unit, row.number);
        parts::of_cell(name, &place).map(Some)
    };
    rows.iter().map(part).collect()
}

/// The rows that have a label.
///
/// # Errors
/// When there are no rows, none has a label, or it is unclear which columns are meant.
pub(super) fn labelled<'a>(
    table: &'a Table,
    wanted: &Wanted<'_>,
    part: Option<Part>,
    notes: &mut Vec<String>,
) -> Result<Vec<LabelledRow<'a>>> {
    if table.rows.is_empty() {
        return Err(Error::data(
            &table.place,
            "there are no rows",
            "give at least one row of each class",
        ));
    }
    let columns = table.columns(wanted)?;
    notes.extend(columns.note);
    let other = |split: &usize| *split != columns.label && !columns.content.contains(split);
    let split = table.split().filter(other);
    let mut unlabelled = Vec::new();
    let mut rows = Vec::with_capacity(table.rows.len());
    for row in &table.rows {
        let cell = |column: usize| row.cells.get(column).and_then(Option::as_deref);
        match cell(columns.label)
            .map(str::trim)
            .filter(|label| !label.is_empty())
        {
            Some(label) => {
                let cells: Vec<&str> = columns
                    .content
                    .iter()
                    .filter_map(|&column| cell(column))
                    .collect();
                rows.push(LabelledRow {
                    label,
                    content: cells.join("\n"),
                    number: row.number,
                    split: split.map(|column| cell(column).unwrap_or("").trim()),
                });
            }
            None => unlabelled.push(row.number),
        }
    }
    note_unlabelled(table, &unlabelled, rows.is_empty(), part, notes)?;
    Ok(rows)
}

/// Says how many rows have no label.
///
/// # Errors
/// When no row has one.
fn note_unlabelled(
    table: &Table,
    unlabelled: &[usize],
    all: bool,
    part: Option<Part>,
    notes: &mut Vec<String>,
) -> Result<()> {
    let (place, unit) = (&table.place, table.unit);
    let Some(first) = unlabelled.first() else {
        return Ok(());
    };
    // A test part whose labels were kept back is published so on purpose; a train part is not.
    if all && part != Some(Part::Test) {
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
    Ok(())
}
