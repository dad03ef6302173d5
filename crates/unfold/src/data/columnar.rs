//! Parquet.

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

use super::table::{Row, Table};
use crate::error::{Error, Result};

/// Reads the rows of a Parquet file.
pub(super) fn read_parquet(place: &str, bytes: Vec<u8>) -> Result<Table> {
    let bad = |error: parquet::errors::ParquetError| {
        Error::data(
            place,
            format!("the Parquet file cannot be read ({error})"),
            "fetch or write the file again",
        )
    };
    let reader = SerializedFileReader::new(Bytes::from(bytes)).map_err(bad)?;
    let metadata = reader.metadata();
    let chunks = metadata
        .row_groups()
        .iter()
        .flat_map(|group| group.columns());
    for compression in chunks.map(|chunk| chunk.compression()) {
        let name = match compression {
            Compression::ZSTD(_) => "zstd",
            Compression::BROTLI(_) => "brotli",
            Compression::LZO => "LZO",
            _ => continue,
        };
        return Err(Error::data(
            place,
            format!("its columns are compressed with {name}, which is not read inside Parquet"),
            "write it again with snappy, gzip, LZ4 or no compression; in Python: \
             pandas.read_parquet(old).to_parquet(new, compression=\"snappy\")",
        ));
    }
    let columns: Vec<String> = metadata
        .file_metadata()
        .schema()
        .get_fields()
        .iter()
        .map(|field| field.name().to_owned())
        .collect();
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
