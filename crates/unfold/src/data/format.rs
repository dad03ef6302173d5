//! Which format a file of rows has, by its name or else by what it holds.

use std::collections::HashMap;

use super::encoding::{Charset, looks_binary};
use super::files::File;
use super::table::{Row, Table, Wanted};
use super::{columnar, delimited, json};
use crate::error::{Error, Result};

/// The formats of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Csv,
    Tsv,
    JsonLines,
    Json,
    Parquet,
    /// A label, white space and a text on each line.
    Lines,
}

/// The names that `format` may have in a recipe.
pub(super) const NAMES: [(&str, Format); 6] = [
    ("csv", Format::Csv),
    ("tsv", Format::Tsv),
    ("jsonl", Format::JsonLines),
    ("json", Format::Json),
    ("parquet", Format::Parquet),
    ("lines", Format::Lines),
];

/// At most so many bytes, and
pub(super) const HEAD: usize = 1 << 22;
/// so many lines, are looked at to recognise a format.
const LOOK_AT: usize = 5000;

impl Format {
    /// The format that a recipe names.
    pub(super) fn named(name: &str) -> Result<Format> {
        NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, format)| *format)
            .ok_or_else(|| {
                let known: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
                let problem = format!("`{name}` is not a known format");
                Error::recipe(
                    "format",
                    problem,
                    format!("known are {} and folders", known.join(", ")),
                )
            })
    }

    /// The format that the ending of a file's name says.
    pub(super) fn by_name(path: &str) -> Option<Format> {
        let ending = path
            .rsplit('/')
            .next()?
            .rsplit_once('.')?
            .1
            .to_ascii_lowercase();
        match ending.as_str() {
            "csv" => Some(Format::Csv),
            "tsv" | "tab" => Some(Format::Tsv),
            "jsonl" | "ndjson" => Some(Format::JsonLines),
            "json" => Some(Format::Json),
            "parquet" | "pq" => Some(Format::Parquet),
            _ => None,
        }
    }

    /// The format of a file, by its name or its content; nothing when it holds no labelled rows.
    pub(super) fn of(file: &File) -> Option<Format> {
        if file.bytes.starts_with(b"PAR1") {
            return Some(Format::Parquet);
        }
        Format::by_name(&file.path).or_else(|| Format::by_content(&file.bytes))
    }

    /// Whether a file, by its first [`HEAD`] bytes, is a table of rows that nobody reads one after the other: by its
    /// name, or as it is Parquet, labels its lines as fastText does, or has equally many tabs in each line. JSON Lines may well
    /// be running text.
    pub(super) fn is_table(path: &str, head: &[u8]) -> bool {
        if let Some(format) = Format::by_name(path) {
            return format != Format::JsonLines;
        }
        let first = |mark: &[u8]| head.starts_with(mark);
        // Lines that begin with a tab are indented.
        let tabs = || !first(b"\t") && Format::by_content(head) == Some(Format::Tsv);
        first(b"PAR1") || first(b"__label__") || tabs()
    }

    fn by_content(bytes: &[u8]) -> Option<Format> {
        if looks_binary(bytes) || bytes.is_empty() {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD)]);
        let lines: Vec<&str> = text
            .split('\n')
            .filter(|line| !line.trim().is_empty())
            .take(LOOK_AT)
            .collect();
        if lines.first()?.trim_start().starts_with('{') {
            return Some(Format::JsonLines);
        }
        if lines.first()?.trim_start().starts_with("[{") {
            return Some(Format::Json);
        }
        let count = |character: char| move |line: &&str| line.matches(character).count();
        let steady = |character: char| {
            let first = count(character)(&lines[0]);
            first > 0 && lines.iter().all(|line| count(character)(line) == first)
        };
        if steady('\t') {
            return Some(Format::Tsv);
        }
        if labels_repeat(&lines) {
            return Some(Format::Lines);
        }
        let table = delimited::read_csv("", &text).ok()?;
        (lines.len() > 1 && table.rows.first()?.cells.len() > 1).then_some(Format::Csv)
    }

    /// Reads a file's rows.
    pub(super) fn read(
        self,
        file: File,
        place: &str,
        charset: &Charset,
        wanted: &Wanted<'_>,
    ) -> Result<Table> {
        if self == Format::Parquet {
            return columnar::read_parquet(place, file.bytes);
        }
        if looks_binary(&file.bytes) {
            let problem = "the file holds bytes that no text has";
            return Err(Error::data(
                place,
                problem,
                "give a table as CSV, TSV, JSON Lines or Parquet",
            ));
        }
        let text = charset.decode(&file.bytes, place)?;
        let mut table = match self {
            Format::Csv => delimited::read_csv(place, &text)?,
            Format::Tsv => delimited::read_tsv(place, &text)?,
            Format::JsonLines => json::read_lines(place, &text)?,
            Format::Json => json::read_array(place, &text)?,
            Format::Lines | Format::Parquet => return Ok(read_labelled_lines(place, &text)),
        };
        if table.columns.is_none() {
            table.split_header(wanted);
        }
        Ok(table)
    }
}

/// Whether each line begins with a word of few that begin many lines.
fn labels_repeat(lines: &[&str]) -> bool {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for line in lines {
        let Some((label, _)) = line.split_once([' ', '\t']) else {
            return false;
        };
        *counts.entry(label).or_default() += 1;
    }
    lines.len() > 1
        && counts.values().all(|&count| count > 1)
        && counts.len() * 5 <= lines.len().max(10)
}

fn read_labelled_lines(place: &str, text: &str) -> Table {
    let rows = text
        .split('\n')
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            let line = line.strip_suffix('\r').unwrap_or(line);
            let (label, text) = line.split_once([' ', '\t']).unwrap_or((line, ""));
            // fastText marks its labels so.
            let label = label.strip_prefix("__label__").unwrap_or(label);
            let cell = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Row {
                number: index + 1,
                cells: vec![cell(label), cell(text)],
            }
        });
    let columns = Some(vec!["label".to_owned(), "text".to_owned()]);
    Table {
        place: place.to_owned(),
        unit: "line",
        columns,
        rows: rows.collect(),
    }
}
