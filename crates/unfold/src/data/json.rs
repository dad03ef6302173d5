//! JSON Lines, and JSON holding one array of objects.

use std::collections::HashMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::table::{Row, Table};
use crate::error::{Error, Result};

type Object = Map<String, Value>;

/// Reads one object a line.
pub(super) fn read_lines(place: &str, text: &str) -> Result<Table> {
    let mut objects = Vec::new();
    for (index, line) in text
        .split('\n')
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let object = serde_json::from_str::<Object>(line).map_err(|error| {
            let column = error.column();
            let problem = format!("the line is not a JSON object ({})", short(&error));
            let remedy = "write one object a line, such as {\"text\": \"…\", \"label\": \"…\"}";
            Error::data(
                format!("{place}, line {}, column {column}", index + 1),
                problem,
                remedy,
            )
        })?;
        objects.push((index + 1, object));
    }
    Ok(table(place, "line", objects))
}

/// Reads an array of objects; JSON Lines under the wrong name is read as what it is.
pub(super) fn read_array(place: &str, text: &str) -> Result<Table> {
    if text.trim_start().starts_with('{') {
        return read_lines(place, text);
    }
    let objects = serde_json::from_str::<Vec<Object>>(text).map_err(|error| {
        let place = format!("{place}, line {}, column {}", error.line(), error.column());
        let problem = format!(
            "the file is not an array of JSON objects ({})",
            short(&error)
        );
        Error::data(
            place,
            problem,
            "write [{\"text\": \"…\", \"label\": \"…\"}, …] or one object a line",
        )
    })?;
    Ok(table(
        place,
        "row",
        objects
            .into_iter()
            .enumerate()
            .map(|(index, object)| (index + 1, object))
            .collect(),
    ))
}

/// Reads a JSON document of a known form; `expected` says which. Keys that are not asked for are passed over.
///
/// # Errors
/// When it is no JSON or lacks something, with the line and column.
pub(super) fn read_document<T: DeserializeOwned>(
    place: &str,
    bytes: &[u8],
    expected: &str,
) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        let place = format!("{place}, line {}, column {}", error.line(), error.column());
        let problem = format!("the JSON cannot be used ({})", short(&error));
        let remedy = match is_lines(bytes) {
            true => "call a file of an object a line .jsonl".to_owned(),
            false => format!("expected is {expected}"),
        };
        Error::data(place, problem, remedy)
    })
}

/// Whether the first two lines are an object each.
fn is_lines(bytes: &[u8]) -> bool {
    let lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let first: Vec<&[u8]> = lines.filter(|line| !line.is_empty()).take(2).collect();
    let object = |line: &&[u8]| line.starts_with(b"{") && line.ends_with(b"}");
    first.len() == 2 && first.iter().all(object)
}

/// The parser's words without the place, which is said before.
fn short(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line").next().unwrap_or(&text).to_owned()
}

fn table(place: &str, unit: &'static str, objects: Vec<(usize, Object)>) -> Table {
    let mut columns: Vec<String> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut rows = Vec::with_capacity(objects.len());
    for (number, object) in objects {
        let mut cells = vec![None; columns.len()];
        for (name, value) in object {
            let column = *known.entry(name).or_insert_with_key(|name| {
                columns.push(name.clone());
                cells.push(None);
                columns.len() - 1
            });
            cells[column] = cell(value);
        }
        rows.push(Row { number, cells });
    }
    Table {
        place: place.to_owned(),
        unit,
        columns: Some(columns),
        rows,
    }
}

/// Values that are no text are written as JSON writes them.
fn cell(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
