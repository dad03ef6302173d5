//! From the files of DATA to labelled documents: class folders, or files of rows.

use super::clean::{self, Cleaned};
use super::encoding::{Charset, looks_binary};
use super::files::{File, Files};
use super::format::Format;
use super::parts::Part;
use super::rows::{self, RowFile};
use super::table::Table;
use super::tree::{ClassFile, ClassFiles, Tree, passed_over};
use super::{TextSource, concurrent};
use crate::error::{Error, Result};

/// A labelled text and where it is from.
pub(super) struct Document {
    pub(super) part: Option<Part>,
    pub(super) label: String,
    pub(super) text: String,
    /// Equal for documents that are duplicates.
    pub(super) fingerprint: u128,
    /// Whether the text was too long to be kept whole.
    pub(super) cut: bool,
    /// The file and the place in it.
    pub(super) place: String,
}

/// What DATA holds, cleaned but neither checked for duplicates nor split.
pub(super) struct Collection {
    pub(super) name: String,
    pub(super) documents: Vec<Document>,
    pub(super) notes: Vec<String>,
}

/// Reads DATA, in whatever layout it is.
pub(super) fn collect(mut files: Files, source: &TextSource) -> Result<Collection> {
    let charset = Charset::of(&files.files, source.encoding.as_deref())?;
    files.notes.extend(charset.note().filter(|_| !source.mail));
    let folders_wanted = source.format.as_deref() == Some("folders");
    let format = source
        .format
        .as_deref()
        .filter(|_| !folders_wanted)
        .map(Format::named)
        .transpose()?;
    let tree = Tree::of(&files);
    let classes = tree.classes();
    // One class is too few to learn from, but a model may be measured on it.
    let plain = || files.files.iter().all(|file| Format::of(file).is_none());
    let folders = folders_wanted || classes.len() > 1 || classes.len() == 1 && plain();
    if format.is_none() && !files.single && folders {
        return class_folders(&files, &tree, &charset, source);
    }
    let class = classes.first().map(|&class| class.to_owned());
    let one_class = |name: &str, class: &str| {
        let problem = format!("there is only one class, `{class}`");
        Error::data(
            name,
            problem,
            "put the documents of the other classes in folders beside it",
        )
    };
    let name = files.name.clone();
    match (tables_of(files, &charset, source, format)?, class) {
        (Some(collection), _) => Ok(collection),
        (None, Some(class)) => Err(one_class(&name, &class)),
        (None, None) => Err(Error::data(
            name,
            "no labels were found",
            "put each class's documents in a folder of its own, or give a CSV, TSV, JSON Lines or Parquet file with a \
             column for the text and one for the label, or lines of a label and a text; a file with another ending \
             needs `format`",
        )),
    }
}

fn class_folders(
    files: &Files,
    tree: &Tree,
    charset: &Charset,
    source: &TextSource,
) -> Result<Collection> {
    let ClassFiles {
        mut labelled,
        mut notes,
    } = tree.class_files(files)?;
    let columns = source.text.iter().chain(&source.label);
    notes.extend(columns.map(|column| {
        format!("there is no column `{column}`: each text is a file here, in a folder of its class")
    }));
    let is_text = |raw: &ClassFile<'_, Vec<u8>>| source.mail || !looks_binary(&raw.file.bytes);
    let binary: Vec<&str> = labelled
        .iter()
        .filter(|raw| !is_text(raw))
        .map(|raw| raw.file.path.as_str())
        .collect();
    notes.extend(passed_over(&binary, "with bytes that no text has"));
    labelled.retain(is_text);
    let place = |raw: &ClassFile<'_, Vec<u8>>| format!("{}, {}", files.name, raw.file.path);
    let cleaned = concurrent::map(&labelled, |raw| {
        clean::bytes(&raw.file.bytes, &place(raw), charset, source)
    });
    let documents = labelled.iter().zip(cleaned).map(|(raw, cleaned)| {
        cleaned.map(|cleaned| document(raw.part, &raw.label, place(raw), cleaned))
    });
    let documents = documents.collect::<Result<_>>()?;
    Ok(Collection {
        name: files.name.clone(),
        documents,
        notes: [&files.notes[..], &notes].concat(),
    })
}

fn document(part: Option<Part>, label: &str, place: String, cleaned: Cleaned) -> Document {
    let Cleaned {
        text,
        fingerprint,
        cut,
    } = cleaned;
    Document {
        part,
        label: label.to_owned(),
        text,
        fingerprint,
        cut,
        place,
    }
}

/// Reads files of rows; nothing when there are none.
fn tables_of(
    files: Files,
    charset: &Charset,
    source: &TextSource,
    format: Option<Format>,
) -> Result<Option<Collection>> {
    let Files {
        name,
        single,
        files,
        mut notes,
        ..
    } = files;
    if let [file] = &files[..]
        && file.bytes.is_empty()
    {
        return Err(Error::data(
            name,
            "the file is empty",
            "give a file with documents of each class",
        ));
    }
    let format_of = |file: &File| format.or_else(|| Format::of(file));
    let written_for_people = !single && format.is_none();
    let found = rows::files(
        &name,
        single,
        files,
        format_of,
        written_for_people,
        &mut notes,
    )?;
    if found.is_empty() {
        return Ok(None);
    }
    let mut documents = Vec::new();
    for RowFile { file, format, part } in found {
        let place = if single {
            name.clone()
        } else {
            format!("{name}, {}", file.path)
        };
        let table = format.read(file, &place, charset, &source.wanted())?;
        documents_of(table, part, source, &mut documents, &mut notes)?;
    }
    Ok(Some(Collection {
        name,
        documents,
        notes,
    }))
}

fn documents_of(
    table: Table,
    part: Option<Part>,
    source: &TextSource,
    documents: &mut Vec<Document>,
    notes: &mut Vec<String>,
) -> Result<()> {
    let rows = rows::labelled(&table, &source.wanted(), part, notes)?;
    let cleaned = concurrent::map(&rows, |row| clean::text(&row.content, source));
    documents.extend(rows.iter().zip(cleaned).map(|(row, cleaned)| {
        let place = format!("{}, {} {}", table.place, table.unit, row.number);
        document(part, row.label, place, cleaned)
    }));
    Ok(())
}
