//! Tables of pictures: paths and labels as CSV, TSV, JSON Lines or JSON, or the pictures themselves in Parquet.

use std::fs;
use std::path::PathBuf;

use bytes::Bytes;

use super::decode::Kind;
use super::layout::{Collection, Found};
use super::names::Names;
use super::set::{Content, Damage, Name, kind};
use super::source::PictureSource;
use crate::data::columnar::{self, PictureTable};
use crate::data::concurrent;
use crate::data::encoding::Charset;
use crate::data::files::{File, Files};
use crate::data::format::Format;
use crate::data::parts::Part;
use crate::data::rows::{self, LabelledRow, RowFile};
use crate::data::store::{Place, Store};
use crate::data::table::Wanted;
use crate::error::{Error, Result};

/// Reads the tables in DATA; nothing when there are none.
pub(super) fn read(
    files: Files<Place>,
    source: &PictureSource,
    format: Option<Format>,
) -> Result<Option<Collection>> {
    let Files {
        name,
        single,
        files,
        shared: mut store,
        mut notes,
        ..
    } = files;
    let names = Names::of(&files);
    let format_of = |file: &File<Place>| match format {
        Some(format) if single || Format::by_name(&file.path) == Some(format) => Some(format),
        Some(_) => None,
        None => Format::by_name(&file.path),
    };
    let tables = files.iter().filter(|file| format_of(file).is_some());
    let tables = tables.map(|file| File {
        path: file.path.clone(),
        bytes: file.bytes.clone(),
    });
    let tables = rows::files(
        &name,
        single,
        tables.collect(),
        format_of,
        format.is_none(),
        &mut notes,
    )?;
    if tables.is_empty() {
        return Ok(None);
    }
    let mut wanted = Vec::new();
    for RowFile { file, format, part } in tables {
        let place = if single {
            name.clone()
        } else {
            format!("{name}, {}", file.path)
        };
        let inside = if single {
            String::new()
        } else {
            format!("{}, ", file.path)
        };
        let table = Table {
            place,
            inside,
            file,
            part,
        };
        if format == Format::Parquet
            && let Some(mut found) = table.embedded(&mut store, &source.wanted(), &mut notes)?
        {
            wanted.append(&mut found);
            continue;
        }
        let mut found = table.paths(&files, &names, &store, format, source, &mut notes)?;
        wanted.append(&mut found);
    }
    let kinds = concurrent::map(&wanted, |row| match &row.content {
        Ok(place) => kind(&store, &row.name.to_string(), place),
        Err(problem) => Kind::Damaged(problem),
    });
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    for (row, kind) in wanted.into_iter().zip(kinds) {
        let problem = match kind {
            Kind::Picture => {
                let content = row.content.map(Content::Encoded);
                found.extend(content.ok().map(|content| Found {
                    part: row.part,
                    label: row.label,
                    name: row.name,
                    content,
                }));
                continue;
            }
            Kind::Damaged(problem) => problem,
            Kind::Unread | Kind::Other => "it is no JPEG, PNG, WebP, BMP or GIF file",
        };
        let place = format!("{name}, {}", row.name);
        let problem = problem.to_owned();
        damaged.push((row.part, Damage { place, problem }));
    }
    if found.is_empty() {
        let first = damaged.first();
        let first = first.map(|(_, damage)| format!(" (first: {damage})"));
        return Err(Error::data(
            name,
            format!(
                "no row has a picture that can be read{}",
                first.unwrap_or_default()
            ),
            "give paths as seen from the folder of the table, and name their column with `picture`",
        ));
    }
    Ok(Some(Collection {
        name,
        store,
        found,
        notes,
        damaged,
    }))
}

/// A row with a label, and where its picture is, or why there is none.
struct Wish {
    part: Option<Part>,
    label: String,
    name: Name,
    content: Result<Place, &'static str>,
}

/// One of the tables in DATA.
struct Table {
    place: String,
    /// What stands before its rows where DATA is named already.
    inside: String,
    file: File<Place>,
    part: Option<Part>,
}

impl Table {
    /// The rows of a table of paths.
    fn paths(
        self,
        files: &[File<Place>],
        names: &Names,
        store: &Store,
        format: Format,
        source: &PictureSource,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Wish>> {
        let bytes = store.unpacked(&self.file.bytes, &self.place)?;
        let Table {
            place,
            inside,
            file,
            part,
        } = self;
        let beside = match &file.bytes {
            Place::Disk(path) => path.parent().map(PathBuf::from),
            Place::Archive(_) | Place::Store(_) => None,
        };
        let path = file.path;
        let text = File {
            path: path.clone(),
            bytes,
        };
        let charset = Charset::of(std::slice::from_ref(&text), source.encoding.as_deref())?;
        notes.extend(charset.note());
        let wanted = source.wanted();
        let table = format.read(text, &place, &charset, &wanted)?;
        let rows = rows::labelled(&table, &wanted, part, notes)?;
        let wish = |row: LabelledRow<'_>| {
            if row.content.trim().is_empty() {
                return Wish {
                    part,
                    label: row.label.to_owned(),
                    content: Err("it names no picture"),
                    name: Name::File(format!("{inside}{} {}", table.unit, row.number)),
                };
            }
            let found = names
                .find(&row.content, &path)
                .map(|number| files[number].bytes.clone());
            let on_disk = || {
                let path = beside.as_ref()?.join(&row.content);
                fs::metadata(&path)
                    .ok()?
                    .is_file()
                    .then_some(Place::Disk(path))
            };
            Wish {
                part,
                label: row.label.to_owned(),
                content: found.or_else(on_disk).ok_or("there is no such file"),
                name: Name::File(row.content),
            }
        };
        Ok(rows.into_iter().map(wish).collect())
    }

    /// The rows of a Parquet file that holds the pictures themselves; nothing when it holds none.
    fn embedded(
        &self,
        store: &mut Store,
        wanted: &Wanted<'_>,
        notes: &mut Vec<String>,
    ) -> Result<Option<Vec<Wish>>> {
        let read = embedded(&self.place, &self.file.bytes, store, wanted.column)?;
        let Some(PictureTable {
            table,
            column,
            pictures,
        }) = read
        else {
            return Ok(None);
        };
        let wanted = Wanted {
            column: Some(&column),
            ..*wanted
        };
        let rows = rows::labelled(&table, &wanted, self.part, notes)?;
        let wish = |row: LabelledRow<'_>| Wish {
            part: self.part,
            label: row.label.to_owned(),
            name: Name::Inside {
                file: self.file.path.clone(),
                unit: "row",
                number: row.number,
            },
            content: match &pictures[row.number - 1] {
                Some(place) => Ok(Place::Store(place.clone())),
                None => Err("it has no picture"),
            },
        };
        Ok(Some(rows.into_iter().map(wish).collect()))
    }
}

/// The pictures in a Parquet file, in the column of that name if one is named; nothing when it holds none.
///
/// # Errors
/// When it cannot be read.
pub(super) fn embedded(
    place: &str,
    file: &Place,
    store: &mut Store,
    column: Option<&str>,
) -> Result<Option<PictureTable>> {
    let unread = |error| Error::io(place, "read", &error);
    let head = store.head(file, 4).map_err(unread)?;
    match file {
        Place::Disk(path) if *head == *b"PAR1" => {
            let file = fs::File::open(path).map_err(unread)?;
            let keep = |bytes: &[u8]| store.push(place, bytes);
            columnar::read_pictures(place, file, column, keep)
        }
        _ => {
            let bytes = Bytes::from(store.unpacked(file, place)?);
            let keep = |bytes: &[u8]| store.push(place, bytes);
            columnar::read_pictures(place, bytes, column, keep)
        }
    }
}
