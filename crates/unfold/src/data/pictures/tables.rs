//! Tables of pictures: paths and labels as CSV, TSV, JSON Lines or JSON, or the pictures themselves in Parquet.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};

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
    let beside = match (&files[..], single) {
        ([table], true) => Beside::of(&table.bytes),
        _ => None,
    };
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
        let pictures = Pictures {
            files: &files,
            names: &names,
            beside: beside.as_ref(),
        };
        let mut found = table.paths(&pictures, &store, format, source, &mut notes)?;
        wanted.append(&mut found);
    }
    let kinds = concurrent::map(&wanted, |row| {
        let place = row.content.as_ref().ok()?;
        Some(kind(&store, &row.name.to_string(), place))
    });
    let (mut found, mut damaged) = (Vec::new(), Vec::new());
    for (row, kind) in wanted.into_iter().zip(kinds) {
        let problem = match (row.content, kind) {
            (Ok(place), Some(Kind::Picture)) => {
                found.push(Found {
                    part: row.part,
                    label: row.label,
                    name: row.name,
                    content: Content::Encoded(place),
                });
                continue;
            }
            (Err(problem), _) => problem,
            (_, Some(Kind::Damaged(problem))) => problem.to_owned(),
            _ => "it is no JPEG, PNG, WebP, BMP or GIF file".to_owned(),
        };
        let place = format!("{name}, {}", row.name);
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
    content: std::result::Result<Place, String>,
}

/// The folder of a table on disk, and what lies in it and in the folders there, once that is asked for.
struct Beside {
    folder: PathBuf,
    found: OnceCell<(Vec<File<Place>>, Names)>,
}

impl Beside {
    /// The folder of a file, if it is on disk.
    fn of(file: &Place) -> Option<Beside> {
        let Place::Disk(path) = file else {
            return None;
        };
        Some(Beside {
            folder: path.parent()?.to_owned(),
            found: OnceCell::new(),
        })
    }

    /// The folder as a path that can be opened and told.
    fn folder(&self) -> &Path {
        match self.folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => &self.folder,
        }
    }

    fn found(&self) -> &(Vec<File<Place>>, Names) {
        self.found.get_or_init(|| {
            // What cannot be listed holds no picture that could be read.
            let files = Files::<Place>::gather(self.folder(), None, "pictures");
            let files = files.map_or(Vec::new(), |files| files.files);
            let names = Names::of(&files);
            (files, names)
        })
    }
}

/// The files that a table may name.
struct Pictures<'a> {
    /// What DATA holds.
    files: &'a [File<Place>],
    names: &'a Names,
    /// Where DATA is the table alone, what lies beside it.
    beside: Option<&'a Beside>,
}

impl Pictures<'_> {
    /// The file that the table at `table`, which is in the folder `own`, calls `name`; the error is that it may be one of two.
    fn find(
        &self,
        name: &str,
        table: &str,
        own: Option<&Beside>,
    ) -> std::result::Result<Option<Place>, [String; 2]> {
        let among = |files: &[File<Place>], names: &Names, table: &str| match names
            .all_called(name, table)[..]
        {
            [] => Ok(None),
            [only] => Ok(Some(files[only].bytes.clone())),
            [one, other, ..] => Err([one, other].map(|number| files[number].path.clone())),
        };
        if let Some(found) = among(self.files, self.names, table)? {
            return Ok(Some(found));
        }
        let path = own.map(|own| own.folder.join(name));
        if let Some(path) = path.filter(|path| path.is_file()) {
            return Ok(Some(Place::Disk(path)));
        }
        match self.beside.map(Beside::found) {
            Some((files, names)) => among(files, names, ""),
            None => Ok(None),
        }
    }

    /// What is wrong where nothing is found.
    fn missing(&self) -> String {
        match self.beside {
            Some(beside) => format!(
                "there is no such file in {} or the folders there",
                beside.folder().display()
            ),
            None => "there is no such file".to_owned(),
        }
    }
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
        pictures: &Pictures<'_>,
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
        let own = Beside::of(&file.bytes);
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
        let parts = rows::parts_of(&table, &rows, part, notes)?;
        let wish = |(row, part): (LabelledRow<'_>, Option<Part>)| {
            let label = row.label.to_owned();
            if row.content.trim().is_empty() {
                return Ok(Wish {
                    part,
                    label,
                    content: Err("it names no picture".to_owned()),
                    name: Name::File(format!("{inside}{} {}", table.unit, row.number)),
                });
            }
            let found = pictures.find(&row.content, &path, own.as_ref());
            let content = found.map_err(|[one, other]| {
                let problem = format!("`{}` may be {one} or {other}", row.content);
                let place = format!("{place}, {} {}", table.unit, row.number);
                Error::data(
                    place,
                    problem,
                    "write its path, as seen from the table's folder",
                )
            })?;
            Ok(match content {
                Some(place) => Wish {
                    part,
                    label,
                    content: Ok(place),
                    name: Name::File(row.content),
                },
                // Where to mend it is the table.
                None => Wish {
                    part,
                    label,
                    content: Err(pictures.missing()),
                    name: Name::File(format!(
                        "{inside}{} {}, {}",
                        table.unit, row.number, row.content
                    )),
                },
            })
        };
        rows.into_iter().zip(parts).map(wish).collect()
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
        let parts = rows::parts_of(&table, &rows, self.part, notes)?;
        let wish = |(row, part): (LabelledRow<'_>, Option<Part>)| Wish {
            part,
            label: row.label.to_owned(),
            name: Name::Inside {
                file: self.file.path.clone(),
                unit: "row",
                number: row.number,
            },
            content: match &pictures[row.number - 1] {
                Some(place) => Ok(Place::Store(place.clone())),
                None => Err("it has no picture".to_owned()),
            },
        };
        Ok(Some(rows.into_iter().zip(parts).map(wish).collect()))
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
