//! From DATA to pieces of text.

use std::fs;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use encoding_rs::UTF_8;

use super::CorpusSource;
use super::json::{holds_objects, is_json};
use super::lines::Unread;
use super::piece::{Piece, Stores};
use crate::data::encoding::{Decoded, Guess, by_name, declared, looks_binary};
use crate::data::files::{Files, Keep};
use crate::data::format::{Format, HEAD};
use crate::data::parts::{self, Part};
use crate::data::read_at::read_at;
use crate::data::store::{Place, Store};
use crate::data::unpack::is_packed;
use crate::error::{Error, Result};

/// Where an unpacked file is: where it lies, if it is not packed there.
struct Unpacked(Place);

/// So many bytes tell whether a file is packed.
const MARK: usize = 6;

impl Keep for Unpacked {
    type Shared = Store;

    const IN_PLACE: bool = true;

    fn streamed(store: &mut Store, place: &str, content: impl Read) -> Result<(Unpacked, u64)> {
        let (kept, length) = Place::streamed(store, place, content)?;
        Ok((Unpacked(kept), length))
    }

    fn on_disk(path: &Path) -> Option<Unpacked> {
        let mut head = Vec::new();
        let file = fs::File::open(path).ok()?; // told when it is unpacked
        file.take(MARK as u64).read_to_end(&mut head).ok()?;
        Place::on_disk(path)
            .filter(|_| !is_packed(&head))
            .map(Unpacked)
    }

    fn inside(
        store: &mut Store,
        archive: &fs::File,
        bytes: Range<u64>,
    ) -> io::Result<Option<Unpacked>> {
        let mut head = [0; MARK];
        let whole = bytes.end - bytes.start >= MARK as u64;
        if whole && read_at(archive, &mut head, bytes.start).is_ok() && is_packed(&head) {
            return Ok(None);
        }
        Ok(Place::inside(store, archive, bytes)?.map(Unpacked))
    }
}

/// The texts of DATA.
pub(super) struct Texts {
    /// Each with the part that its file, or a folder above it, is named for.
    pub(super) pieces: Vec<(Option<Part>, Piece)>,
    pub(super) stores: Stores,
    pub(super) notes: Vec<String>,
}

/// Finds the texts of DATA. Those that are UTF-8 and not packed stay where they are.
pub(super) fn read(path: &Path, source: &CorpusSource) -> Result<Texts> {
    let files: Files<Unpacked> = Files::gather(path, source.only.as_deref(), "documents")?;
    let named = source.encoding.as_deref().map(by_name).transpose()?;
    let (mut pieces, mut notes) = (Vec::new(), files.notes);
    let mut stores = Stores {
        given: files.shared,
        ..Stores::default()
    };
    let (mut tables, mut guess, mut undecoded) = (0, Guess::default(), Vec::new());
    for file in files.files {
        let (path, Unpacked(place)) = (file.path, file.bytes);
        let name = match files.single {
            true => files.name.clone(),
            false => format!("{}, {path}", files.name),
        };
        let unread = |error| Error::io(&name, "read", &error);
        let head = stores.given.head(&place, HEAD).map_err(unread)?;
        let json = is_json(&path, &head);
        if !json && Format::is_table(&path, &head) {
            tables += 1;
            notes.push(format!(
                "{name} is a table, no running text, and was passed over"
            ));
            continue;
        }
        if looks_binary(&head) {
            notes.push(format!("{name} is no text and was passed over"));
            continue;
        }
        if !json && holds_objects(&head) {
            notes.push(format!(
                "{name} is read as plain text, as its name says, but looks like JSON Lines: call it .jsonl to have \
                 the texts in it read"
            ));
        }
        let length = stores.given.len(&place).map_err(unread)?;
        let (encoding, mark) = declared(&head, named).unzip();
        let mut piece = Piece {
            json,
            parted: false,
            decoded: false,
            range: mark.unwrap_or(0) as u64..length,
            place,
            name,
        };
        let surveyed = match encoding.is_none_or(|encoding| encoding == UTF_8) {
            true => piece.survey(&stores).map(|()| true),
            false => Ok(false),
        };
        match surveyed {
            Ok(true) => {}
            Ok(false) => undecoded.push((pieces.len(), encoding)),
            // The mark at its start says so, whatever follows.
            Err(Unread::Byte { .. }) if mark > Some(0) => undecoded.push((pieces.len(), encoding)),
            Err(Unread::Byte { .. }) if named.is_none() => {
                let text = stores.given.reader(&piece.place, piece.range.clone());
                let read = text.and_then(|text| guess.look_at(text));
                read.map_err(|error| Error::io(&piece.name, "read", &error))?;
                undecoded.push((pieces.len(), None));
            }
            Err(unread) => return Err(unread.told(&piece.name)),
        }
        let folder = path.rsplit_once('/').map(|(folder, _)| folder);
        let part = parts::of_file(&path)
            .or_else(|| folder.and_then(|f| f.split('/').find_map(parts::of_folder)));
        pieces.push((part, piece));
    }
    if pieces.is_empty() {
        let (problem, remedy) = match tables {
            0 => ("holds no text", "give plain text or JSON Lines"),
            _ => (
                "is a table, such as labelled texts come in, and no running text",
                "sort its texts with `unfold train text`, or write them as plain text or as JSON Lines, \
                 {\"text\": \"…\"} on each line",
            ),
        };
        return Err(Error::data(files.name, problem, remedy));
    }
    let (guessed, note) = guess.made();
    notes.extend(note);
    for (piece, encoding) in undecoded {
        let piece = &mut pieces[piece].1;
        let text = stores.given.reader(&piece.place, piece.range.clone());
        let text = text.map_err(|error| Error::io(&piece.name, "read", &error))?;
        let text = Decoded::new(text, encoding.unwrap_or(guessed));
        let range = stores.decoded.push(&piece.name, text)?;
        piece.decoded = true;
        piece.range = 0..range.end - range.start;
        piece.place = Place::Store(range);
        let surveyed = piece.survey(&stores);
        surveyed.map_err(|unread| unread.told(&piece.name))?;
    }
    leave_out_unnamed(&mut pieces, &mut notes);
    Ok(Texts {
        pieces,
        stores,
        notes,
    })
}

/// Where files or folders are named for a part to learn from and one to measure on, what is named for none is no text
/// to learn from, but the like of a readme.
fn leave_out_unnamed(pieces: &mut Vec<(Option<Part>, Piece)>, notes: &mut Vec<String>) {
    let named = |wanted: &[Part]| {
        let mut parts = pieces.iter().filter_map(|(part, _)| part.as_ref());
        parts.any(|part| wanted.contains(part))
    };
    if !(named(&[Part::Train]) && named(&[Part::Valid, Part::Test])) {
        return;
    }
    let unnamed = pieces.iter().filter(|(part, _)| part.is_none());
    let names: Vec<&str> = unnamed.map(|(_, piece)| &*piece.name).collect();
    let (what, pronoun) = match names[..] {
        [] => return,
        [one] => (format!("{one} is"), "it"),
        [first, ref more @ ..] => (format!("{first} and {} more are", more.len()), "them"),
    };
    notes.push(format!(
        "{what} not named for a part, as other files are, and left out; to learn from {pronoun} too, put {pronoun} into \
         a folder `train`"
    ));
    pieces.retain(|(part, _)| part.is_some());
}
