//! CSV and TSV.

use csv::{ReaderBuilder, StringRecord};

use super::table::{Row, Table};
use crate::error::{Error, Result};

/// Reads comma-separated text; semicolons and tabs between the cells are recognised.
pub(super) fn read_csv(place: &str, text: &str) -> Result<Table> {
    parse(place, text, delimiter(text), true)
}

/// Reads tab-separated text. In most published sets quotes are ordinary characters there; they
/// are read as in CSV where they are written so, or where nothing else gives rows of one length.
pub(super) fn read_tsv(place: &str, text: &str) -> Result<Table> {
    let quoting = quotes_as_csv(text);
    parse(place, text, b'\t', quoting)
        .or_else(|error| parse(place, text, b'\t', !quoting).map_err(|_| error))
}

/// Whether every cell with quotes stands between quotes and doubles those inside.
fn quotes_as_csv(text: &str) -> bool {
    let cells = text
        .lines()
        .flat_map(|line| line.split('\t'))
        .filter(|cell| cell.contains('"'));
    let mut any = false;
    let all = cells.inspect(|_| any = true).all(|cell| {
        let inner = cell
            .strip_prefix('"')
            .and_then(|cell| cell.strip_suffix('"'));
        inner.is_some_and(|inner| !inner.replace("\"\"", "").contains('"'))
    });
    any && all
}

/// The one of `, ; tab` found most often outside quotes in the first line.
fn delimiter(text: &str) -> u8 {
    let mut counts = [(0, b','), (0, b';'), (0, b'\t')];
    let mut quoted = false;
    for byte in text.bytes().take(1 << 16) {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if !quoted => counts
                .iter_mut()
                .filter(|(_, d)| *d == byte)
                .for_each(|(count, _)| *count += 1),
            _ => {}
        }
    }
    counts
        .iter()
        .rev()
        .max_by_key(|(count, _)| *count)
        .map_or(b',', |(_, delimiter)| *delimiter)
}

fn parse(place: &str, text: &str, delimiter: u8, quoting: bool) -> Result<Table> {
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .quoting(quoting)
        .from_reader(text.as_bytes());
    let mut rows: Vec<Row> = Vec::new();
    let mut record = StringRecord::new();
    loop {
        let more = reader.read_record(&mut record);
        if !more
            .map_err(|error| Error::data(place, error, "save the file again as CSV in UTF-8"))?
        {
            break;
        }
        let number = record.position().map_or(0, |position| {
            // It lies before the line breaks that a reader passes over, such as the second half of \r\n.
            let rest = text
                .as_bytes()
                .get(position.byte() as usize..)
                .unwrap_or(&[]);
            let breaks = rest.iter().take_while(|byte| b"\r\n".contains(byte));
            position.line() as usize + breaks.filter(|byte| **byte == b'\n').count()
        });
        if let Some(first) = rows
            .first()
            .filter(|first| first.cells.len() != record.len())
        {
            if quoting && let Some(line) = unclosed(text) {
                let remedy = "close the cell with a double quote, and double the quotes inside it";
                let problem = "a double quote stands here without its pair";
                return Err(Error::data(
                    format!("{place}, line {line}"),
                    problem,
                    remedy,
                ));
            }
            return Err(ragged(
                place,
                number,
                first.cells.len(),
                record.len(),
                quoting,
            ));
        }
        let cells = record
            .iter()
            .map(|cell| (!cell.is_empty()).then(|| cell.to_owned()))
            .collect();
        rows.push(Row { number, cells });
    }
    Ok(Table {
        place: place.to_owned(),
        unit: "line",
        columns: None,
        rows,
    })
}

/// Where the quotes do not pair up, the first line with an odd number of them.
fn unclosed(text: &str) -> Option<usize> {
    let odd = |line: &str| line.matches('"').count() % 2 == 1;
    let paired = !odd(text);
    let line = text.lines().position(odd).filter(|_| !paired)?;
    Some(line + 1)
}

fn ragged(place: &str, line: usize, expected: usize, found: usize, quoting: bool) -> Error {
    let remedy = if quoting {
        "put text that holds the delimiter or a line break between double quotes, and double the quotes inside it"
    } else {
        "replace the tabs inside the text by spaces"
    };
    let cells = |count: usize| format!("{count} cell{}", if count == 1 { "" } else { "s" });
    let problem = format!(
        "the row has {}, the rows before it have {expected}",
        cells(found)
    );
    Error::data(format!("{place}, line {line}"), problem, remedy)
}
