//! Parquet.

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

use super::table::{Row, Table};
use crate::error::{Error, Result};

/// Reads the rows of a Parquet file.
pub(super) fn read_parquet(place: &str, bytes: Vec<u8>) -> Result<Table> {
    // The reader answers some damage with a panic; a file must never end the program.
    let rows = std::panic::catch_unwind(|| read(place, bytes));
    rows.unwrap_or_else(|_| Err(unreadable(place, "its structure is damaged")))
}

fn read(place: &str, bytes: Vec<u8>) -> Result<Table> {
    let bad = |error: parquet::errors::ParquetError| unreadable(place, error);
    let size = bytes.len();
    let reader = SerializedFileReader::new(Bytes::from(bytes)).map_err(bad)?;
    let metadata = reader.metadata();
    for chunk in metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns())
    {
        check(place, chunk, size)?;
    }
    let fields = metadata.file_metadata().schema().get_fields();
    let columns: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
    let classes: Vec<Option<Vec<String>>> = columns
        .iter()
        .map(|column| class_names(&reader, column))
        .collect();
    let mut rows = Vec::new();
    for (index, row) in reader.get_row_iter(None).map_err(bad)?.enumerate() {
        let row = row.map_err(bad)?;
        let cells = row.get_column_iter().zip(&classes);
        let cells = cells
            .map(|((_, field), classes)| cell(field, classes.as_deref()))
            .collect();
        rows.push(Row {
            number: index + 1,
            cells,
        });
    }
    Ok(Table {
        place: place.to_owned(),
        unit: "row",
        columns: Some(columns),
        rows,
    })
}

fn unreadable(place: &str, error: impl std::fmt::Display) -> Error {
    let problem = format!("the Parquet file cannot be read ({error})");
    Error::data(place, problem, "fetch or write the file again")
}

/// Refuses a column that lies outside the file, or is compressed in a way that is not read.
fn check(place: &str, chunk: &ColumnChunkMetaData, size: usize) -> Result<()> {
    let start = chunk
        .dictionary_page_offset()
        .unwrap_or(chunk.data_page_offset());
    let end = start.checked_add(chunk.compressed_size());
    if start < 0 || chunk.compressed_size() < 0 || end.is_none_or(|end| end > size as i64) {
        return Err(unreadable(place, "a column lies outside the file"));
    }
    let name = match chunk.compression() {
        Compression::ZSTD(_) => "zstd",
        Compression::BROTLI(_) => "brotli",
        Compression::LZO => "LZO",
        _ => return Ok(()),
    };
    Err(Error::data(
        place,
        format!("its columns are compressed with {name}, which is not read inside Parquet"),
        "write it again with snappy, gzip, LZ4 or no compression; in Python: \
         pandas.read_parquet(old).to_parquet(new, compression=\"snappy\")",
    ))
}

/// Hugging Face writes labels as numbers and their names into the file's metadata.
fn class_names(reader: &SerializedFileReader<Bytes>, column: &str) -> Option<Vec<String>> {
    let entries = reader.metadata().file_metadata().key_value_metadata()?;
    let text = entries
        .iter()
        .find(|entry| entry.key == "huggingface")?
        .value
        .as_deref()?;
    let info: Value = serde_json::from_str(text).ok()?;
    let names = info
        .get("info")?
        .get("features")?
        .get(column)?
        .get("names")?;
    names
        .as_array()?
        .iter()
        .map(|name| name.as_str().map(str::to_owned))
        .collect()
}

fn cell(field: &Field, classes: Option<&[String]>) -> Option<String> {
    let text = match field {
        Field::Null => return None,
        Field::Str(text) => text.clone(),
        Field::Bytes(bytes) => String::from_utf8_lossy(bytes.data()).into_owned(),
        other => other.to_string(),
    };
    let class = classes.and_then(|classes| classes.get(text.parse::<usize>().ok()?));
    Some(class.cloned().unwrap_or(text))
}
