//! Tables about pictures: which column holds what.

use std::collections::HashSet;

use crate::data::classes;
use crate::data::delimited::{read_csv, read_tsv};
use crate::data::encoding::Charset;
use crate::data::files::File;
use crate::data::format::Format;
use crate::data::json;
use crate::data::parts::{self, Part};
use crate::data::table::{PICTURE_NAMES, Row, Table};
use crate::error::{Error, Result};

use super::Text;

/// A column that is looked for.
pub(in crate::data) struct Column {
    /// What it holds, for messages; a header in its place makes the file readable.
    what: &'static str,
    /// Its usual names, the likeliest first.
    names: &'static [&'static str],
}

/// The name of a picture.
pub(in crate::data) const PICTURE: Column = Column {
    what: "image",
    names: &PICTURE_NAMES,
};

/// A caption.
pub(in crate::data) const CAPTION: Column = Column {
    what: "caption",
    names: &[
        "caption",
        "captions",
        "caption_text",
        "sentence",
        "text",
        "raw",
        "description",
        "comment",
    ],
};

/// A question.
pub(in crate::data) const QUESTION: Column = Column {
    what: "question",
    names: &["question", "questions", "question_text", "text"],
};

/// An answer.
pub(in crate::data) const ANSWER: Column = Column {
    what: "answer",
    names: &[
        "answer",
        "answers",
        "multiple_choice_answer",
        "label",
        "target",
    ],
};

/// The number of a question.
pub(in crate::data) const NUMBER: Column = Column {
    what: "question_id",
    names: &["question_id", "questionid", "qid", "id"],
};

/// The rows of a table that have everything.
pub(in crate::data) struct Rows<const N: usize> {
    /// Of each the part that a column `split` gives it, and what it has.
    pub(in crate::data) rows: Vec<(Option<Part>, [String; N])>,
    /// Of each the number that a column for numbers of questions gives it, where it has one for all.
    pub(in crate::data) numbers: Vec<Option<u64>>,
    /// The places of the others.
    pub(in crate::data) incomplete: Vec<String>,
}

/// Reads a table from CSV, TSV, JSON Lines or a JSON array of objects. The columns are those that a header names, else
/// the first in this order; one called `split` gives rows their parts.
///
/// # Errors
/// When it cannot be read, it is unclear which column is which, a row's part is unknown, or no row has everything.
pub(in crate::data) fn table<const N: usize>(text: Text, wanted: [&Column; N]) -> Result<Rows<N>> {
    let table = read(text)?;
    let (mut rows, mut numbers, mut incomplete) = (Vec::new(), Vec::new(), Vec::new());
    let cells = cells(&table, wanted)?;
    // A header in the table itself is no row.
    let first = table.rows.len() - cells.len();
    let split = split(&table);
    let own = numbered(&table)?;
    let own = own.into_iter().map(Some).chain(std::iter::repeat(None));
    for (((place, cells), row), own) in cells.into_iter().zip(&table.rows[first..]).zip(own) {
        if cells.iter().any(String::is_empty) {
            incomplete.push(place);
        } else {
            let part = split.and_then(|column| row.cells.get(column)?.as_deref());
            // A row without one is outside the split.
            let part = part.filter(|part| !part.trim().is_empty());
            let part = part.map(|part| parts::of_cell(part, &place)).transpose()?;
            rows.push((part, cells));
            numbers.push(own);
        }
    }
    if rows.is_empty() {
        let what: Vec<&str> = wanted.iter().map(|column| column.what).collect();
        let problem = format!("no row has {}", what.join(" and "));
        let remedy = "fetch or write the file again";
        return Err(Error::data(table.place, problem, remedy));
    }
    Ok(Rows {
        rows,
        numbers,
        incomplete,
    })
}

/// The numbers of all rows, where a column gives each one of its own; else nothing.
fn numbered(table: &Table) -> Result<Vec<u64>> {
    if !names(table, &NUMBER) {
        return Ok(Vec::new());
    }
    let cells = cells(table, [&NUMBER])?.into_iter();
    let numbers: Option<Vec<u64>> = cells.map(|(_, [cell])| cell.parse().ok()).collect();
    let numbers = numbers.unwrap_or_default();
    let different: HashSet<&u64> = numbers.iter().collect();
    match different.len() == numbers.len() {
        true => Ok(numbers),
        false => Ok(Vec::new()),
    }
}

/// The column that gives rows their parts.
fn split(table: &Table) -> Option<usize> {
    let is = |name: &str| name.trim().eq_ignore_ascii_case("split");
    match &table.columns {
        Some(columns) => columns.iter().position(|name| is(name)),
        None => {
            let first = table.rows.first()?;
            let named = |cell: &Option<String>| cell.as_deref().is_some_and(is);
            first.cells.iter().position(named)
        }
    }
}

/// Of each row, its place and what stands in the columns that are wanted; nothing is an empty text.
pub(in crate::data) fn cells<const N: usize>(
    table: &Table,
    wanted: [&Column; N],
) -> Result<Vec<(String, [String; N])>> {
    let columns = columns(table, &wanted)?;
    let cells = |row: &Row| {
        let cell = |column: usize| row.cells.get(column)?.as_deref().map(str::trim);
        let place = format!("{}, {} {}", table.place, table.unit, row.number);
        (
            place,
            columns
                .of
                .map(|column| cell(column).unwrap_or("").to_owned()),
        )
    };
    Ok(table.rows[columns.first..].iter().map(cells).collect())
}

/// Whether a header names a column.
pub(in crate::data) fn names(table: &Table, column: &Column) -> bool {
    let is = |name: &str| column.names.contains(&name.trim().to_lowercase().as_str());
    let first = table.rows.first().map_or(&[][..], |row| &row.cells);
    match &table.columns {
        Some(columns) => columns.iter().any(|name| is(name)),
        None => first.iter().flatten().any(|name| is(name)),
    }
}

/// Reads the rows of a text, by its name or else by its first line.
pub(in crate::data) fn read(text: Text) -> Result<Table> {
    let Text { place, path, bytes } = text;
    let file = File { path, bytes };
    let charset = Charset::of(std::slice::from_ref(&file), None)?;
    let content = charset.decode(&file.bytes, &place)?;
    match Format::by_name(&file.path) {
        Some(Format::JsonLines) => json::read_lines(&place, &content),
        Some(Format::Csv) => read_csv(&place, &content),
        Some(Format::Tsv) => read_tsv(&place, &content),
        _ if content.trim_start().starts_with(['[', '{']) => json::read_array(&place, &content),
        _ if content
            .lines()
            .next()
            .is_some_and(|line| line.contains('\t')) =>
        {
            read_tsv(&place, &content)
        }
        _ => read_csv(&place, &content),
    }
}

/// Where the columns are, and at which row the data begins.
struct Columns<const N: usize> {
    of: [usize; N],
    first: usize,
}

fn columns<const N: usize>(table: &Table, wanted: &[&Column; N]) -> Result<Columns<N>> {
    let header = |row: &Row| {
        let cells = row.cells.iter();
        cells.map(|cell| cell.clone().unwrap_or_default()).collect()
    };
    let first: Vec<String> = table.rows.first().map(header).unwrap_or_default();
    let named = table.columns.as_ref().unwrap_or(&first);
    let place = |column: &&Column| {
        let is = |name: &&&str| named.iter().any(|n| n.trim().eq_ignore_ascii_case(name));
        let name = column.names.iter().find(is)?;
        named
            .iter()
            .position(|n| n.trim().eq_ignore_ascii_case(name))
    };
    let places: Vec<usize> = wanted.iter().filter_map(place).collect();
    let distinct = (1..places.len()).all(|i| !places[..i].contains(&places[i]));
    // A first row that names one column is a header.
    if table.columns.is_none() && places.is_empty() && first.len() == N {
        let of = std::array::from_fn(|column| column);
        return Ok(Columns { of, first: 0 });
    }
    if let Ok(of) = places.try_into()
        && distinct
    {
        let first = usize::from(table.columns.is_none());
        return Ok(Columns { of, first });
    }
    if table.rows.is_empty() {
        let remedy = "fetch or write the file again";
        return Err(Error::data(&table.place, "it has no rows", remedy));
    }
    let what = |columns: &[&&Column], between: &str| {
        let what: Vec<&str> = columns.iter().map(|column| column.what).collect();
        what.join(between)
    };
    let all: Vec<&&Column> = wanted.iter().collect();
    let missing: Vec<&&Column> = wanted.iter().filter(|c| place(c).is_none()).collect();
    let problem = match &missing[..] {
        [] => format!("it is unclear which columns hold {}", what(&all, " and ")),
        missing => format!(
            "no column is called {} (found: {})",
            what(missing, " or "),
            classes::list(named)
        ),
    };
    let remedy = match &table.columns {
        Some(_) => format!("name them so: {}", what(&all, ", ")),
        None => format!("name them in the first row: {}", what(&all, ",")),
    };
    Err(Error::data(&table.place, problem, remedy))
}

/// Whether a text begins as a table does whose header names these columns, or as rows of so many cells between tabs.
pub(in crate::data) fn begins<const N: usize>(head: &[u8], wanted: [&Column; N]) -> bool {
    let head = String::from_utf8_lossy(head);
    let Some(line) = head.lines().next() else {
        return false;
    };
    let has = |column: &Column| {
        let cells = line.split([',', ';', '\t']);
        let mut cells = cells.map(|cell| cell.trim().trim_matches('"').to_lowercase());
        cells.any(|cell| column.names.contains(&cell.as_str()))
    };
    line.split('\t').count() == N && N > 1 || wanted.into_iter().all(has)
}
