//! Parquet.

use std::ops::Range;
use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use parquet::basic::{Compression, ConvertedType, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};
use parquet::record::Field;
use parquet::schema::types::Type;
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
    let file = Rows::open(place, Bytes::from(bytes))?;
    let mut rows = Vec::new();
    for (index, row) in file
        .reader
        .get_row_iter(None)
        .map_err(file.bad())?
        .enumerate()
    {
        let row = row.map_err(file.bad())?;
        let cells = file
            .fields(&row)
            .map(|(_, field, classes)| cell(field, classes));
        rows.push(Row {
            number: index + 1,
            cells: cells.collect(),
        });
    }
    Ok(file.table(rows))
}

/// A Parquet file whose rows hold pictures.
pub(super) struct PictureTable {
    /// The other columns; the cells of the pictures are empty.
    pub(super) table: Table,
    /// The name of the column of the pictures.
    pub(super) column: String,
    /// What was kept of each row's picture.
    pub(super) pictures: Vec<Option<Range<u64>>>,
}

/// Reads a Parquet file with a column of pictures, as bytes or as Hugging Face writes them, as a pair of bytes and path;
/// `named` says which column. `keep` takes the bytes of each. Nothing when no column holds bytes of pictures.
pub(super) fn read_pictures<R: ChunkReader + 'static>(
    place: &str,
    input: R,
    named: Option<&str>,
    mut keep: impl FnMut(&[u8]) -> Result<Range<u64>>,
) -> Result<Option<PictureTable>> {
    let read = AssertUnwindSafe(|| {
        let file = Rows::open(place, input)?;
        let Some(column) = file.picture_column(named) else {
            return Ok(None);
        };
        let (mut rows, mut pictures) = (Vec::new(), Vec::new());
        for (index, row) in file
            .reader
            .get_row_iter(None)
            .map_err(file.bad())?
            .enumerate()
        {
            let row = row.map_err(file.bad())?;
            let picture = row.get_column_iter().nth(column);
            let picture = picture.and_then(|(_, field)| picture_bytes(field));
            pictures.push(picture.map(&mut keep).transpose()?);
            let cells = file.fields(&row).map(|(number, field, classes)| {
                if number == column {
                    None
                } else {
                    cell(field, classes)
                }
            });
            rows.push(Row {
                number: index + 1,
                cells: cells.collect(),
            });
        }
        let column = file.columns[column].clone();
        let table = file.table(rows);
        Ok(Some(PictureTable {
            table,
            column,
            pictures,
        }))
    });
    let read = std::panic::catch_unwind(read);
    read.unwrap_or_else(|_| Err(unreadable(place, "its structure is damaged")))
}

/// An open file.
struct Rows<'a, R: ChunkReader> {
    place: &'a str,
    reader: SerializedFileReader<R>,
    columns: Vec<String>,
    /// The names of the classes, where a column's numbers stand for some.
    classes: Vec<Option<Vec<String>>>,
}

impl<'a, R: ChunkReader + 'static> Rows<'a, R> {
    fn open(place: &'a str, input: R) -> Result<Rows<'a, R>> {
        let size = input.len();
        let reader = SerializedFileReader::new(input).map_err(|error| unreadable(place, error))?;
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
        let classes = columns
            .iter()
            .map(|column| class_names(&reader, column))
            .collect();
        Ok(Rows {
            place,
            reader,
            columns,
            classes,
        })
    }

    fn bad(&self) -> impl Fn(ParquetError) -> Error + use<'a, R> {
        let place = self.place;
        move |error| unreadable(place, error)
    }

    /// The fields of a row, each with the number of its column and the names of its classes.
    fn fields<'r>(
        &'r self,
        row: &'r parquet::record::Row,
    ) -> impl Iterator<Item = (usize, &'r Field, Option<&'r [String]>)> {
        let fields = row.get_column_iter().zip(&self.classes).enumerate();
        fields.map(|(number, ((_, field), classes))| (number, field, classes.as_deref()))
    }

    fn table(self, rows: Vec<Row>) -> Table {
        Table {
            place: self.place.to_owned(),
            unit: "row",
            columns: Some(self.columns),
            rows,
        }
    }

    /// The column that holds the bytes of pictures: the one of that name or number, else the first.
    fn picture_column(&self, named: Option<&str>) -> Option<usize> {
        let schema = self.reader.metadata().file_metadata().schema();
        let bytes = |kind: &Type| {
            kind.is_primitive()
                && kind.get_physical_type() == PhysicalType::BYTE_ARRAY
                && kind.get_basic_info().logical_type_ref().is_none()
                && kind.get_basic_info().converted_type() == ConvertedType::NONE
        };
        let holds = |kind: &Type| {
            bytes(kind)
                || kind.is_group()
                    && kind
                        .get_fields()
                        .iter()
                        .any(|field| field.name() == "bytes" && bytes(field))
        };
        let mut fields = schema.get_fields().iter().enumerate();
        let wanted = |number: usize, name: &str| {
            named.is_none_or(|named| named == name || named.parse() == Ok(number + 1))
        };
        fields
            .find(|(number, field)| holds(field) && wanted(*number, field.name()))
            .map(|(number, _)| number)
    }
}

fn picture_bytes(field: &Field) -> Option<&[u8]> {
    match field {
        Field::Bytes(bytes) => Some(bytes.data()),
        Field::Group(pair) => pair
            .get_column_iter()
            .find(|(name, _)| *name == "bytes")
            .and_then(|(_, field)| picture_bytes(field)),
        _ => None,
    }
}

fn unreadable(place: &str, error: impl std::fmt::Display) -> Error {
    let problem = format!("the Parquet file cannot be read ({error})");
    Error::data(place, problem, "fetch or write the file again")
}

/// Refuses a column that lies outside the file, or is compressed in a way that is not read.
fn check(place: &str, chunk: &ColumnChunkMetaData, size: u64) -> Result<()> {
    let start = chunk
        .dictionary_page_offset()
        .unwrap_or(chunk.data_page_offset());
    let end = start.checked_add(chunk.compressed_size());
    if start < 0 || chunk.compressed_size() < 0 || end.is_none_or(|end| end as u64 > size) {
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
         pyarrow.parquet.write_table(pyarrow.parquet.read_table(old), new, compression=\"snappy\")",
    ))
}

/// Hugging Face writes labels as numbers and their names into the file's metadata.
fn class_names<R: ChunkReader + 'static>(
    reader: &SerializedFileReader<R>,
    column: &str,
) -> Option<Vec<String>> {
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
