//! Data of several files: pictures, and text about them that may lie beside them or elsewhere.

mod gallery;
mod id;
mod manifest;
mod share;
mod table;

use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

pub(super) use gallery::Gallery;
pub(super) use id::Id;
pub(super) use manifest::{MANIFEST, manifest};
pub(super) use share::{Shared, measured, share};
pub(super) use table::{
    ANSWER, CAPTION, Column, NUMBER, PICTURE, QUESTION, begins, cells, names, read, table,
};

use super::files::{File, Files};
use super::parts::{self, Part};
use super::pictures::{PictureFiles, PictureSet, is_picture, note_damage};
use super::rows::is_readme;
use super::store::Place;
use super::tree::{folder_of, passed_over};
use super::unpack::{unpacked, without_packing};
use super::{builtin, concurrent, encoding};
use crate::error::{Error, Result};

/// So many bytes of a text tell what it is.
const HEAD: usize = 4096;

/// What some programs write before UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// DATA: a folder or an archive, or a file and what lies beside it.
pub(super) struct Dataset {
    /// DATA as the user named it.
    pub(super) name: String,
    /// The file that DATA names, where it names one.
    pub(super) lone: Option<String>,
    /// The folder that DATA is, where it is one on disk.
    folder: Option<PathBuf>,
    files: Files<Place>,
}

/// A file of text, whole.
pub(super) struct Text {
    /// For messages.
    pub(super) place: String,
    /// Inside DATA.
    pub(super) path: String,
    /// Its content, unpacked and without a byte order mark of UTF-8.
    pub(super) bytes: Vec<u8>,
}

/// A file that may hold text, and how it begins.
pub(super) struct Candidate {
    /// Inside DATA.
    pub(super) path: String,
    /// Its first bytes, unpacked.
    pub(super) head: Vec<u8>,
}

impl Dataset {
    /// Opens DATA. Of a single file, what lies beside it belongs to DATA too, unless it is wanted `alone`.
    pub(super) fn open(path: &Path, alone: bool) -> Result<Dataset> {
        let is_manifest = path.file_name().is_some_and(|name| name == MANIFEST) && path.is_file();
        let beside = || match path.parent() {
            Some(folder) if folder != Path::new("") => folder.to_owned(),
            _ => PathBuf::from("."),
        };
        let folder = if is_manifest {
            beside()
        } else {
            path.to_owned()
        };
        let mut files = gather(&folder)?;
        let (name, single) = (path.display().to_string(), files.single);
        let lone = files.files.first().map(|file| file.path.clone());
        let lone = lone.filter(|_| single);
        if single && !alone {
            files = gather(&beside())?;
        }
        let folder = if single { beside() } else { folder };
        Ok(Dataset {
            name,
            lone,
            folder: Some(folder).filter(|folder| folder.is_dir()),
            files,
        })
    }

    /// What was passed over.
    pub(super) fn notes(&self) -> &[String] {
        &self.files.notes
    }

    /// A note that files of text were passed over, as they are `without` what is looked for; nobody needs to know it of what
    /// comes with the program.
    pub(super) fn passed_over(&self, paths: &[&str], without: &str) -> Option<String> {
        match builtin::is_builtin(Path::new(&self.name)) {
            true => None,
            false => passed_over(paths, without),
        }
    }

    /// Where a file inside DATA is, for messages.
    pub(super) fn place(&self, path: &str) -> String {
        match &self.lone {
            Some(lone) if lone == path => self.name.clone(),
            Some(_) => self.folder.as_ref().map_or(path.to_owned(), |folder| {
                folder.join(path).display().to_string()
            }),
            None => format!("{}, {path}", self.name),
        }
    }

    /// The files that are neither pictures nor archives, nor written for people.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        let files = self.files.files.iter();
        let files: Vec<&File<Place>> = files.filter(|file| !is_archive(&file.path)).collect();
        let candidate = |file: &&File<Place>| {
            let written_for_people = is_readme(&file.path) || file.path.ends_with(MANIFEST);
            if written_for_people || is_picture(&self.files.shared, file) {
                return None;
            }
            let head = self.head(&file.bytes);
            let text = !encoding::looks_binary(&head);
            text.then(|| Candidate {
                path: file.path.clone(),
                head,
            })
        };
        let candidates = concurrent::map(&files, candidate);
        candidates.into_iter().flatten().collect()
    }

    /// The first bytes of a file, unpacked; as many as there are where it is damaged.
    fn head(&self, place: &Place) -> Vec<u8> {
        let mut head = Vec::new();
        if let Ok(packed) = self.files.shared.head(place, HEAD)
            && let Ok(stream) = unpacked(BufReader::new(&packed[..]))
        {
            // What is cut off here ends too early, of course.
            let _ = stream.take(HEAD as u64).read_to_end(&mut head);
        }
        let begin = if head.starts_with(MARK) {
            MARK.len()
        } else {
            0
        };
        head.split_off(begin)
    }

    /// Reads a file inside DATA, or one that a key names by its path from there.
    ///
    /// # Errors
    /// When it is not there, cannot be read or is empty.
    pub(super) fn text(&self, path: &str, key: &str) -> Result<Text> {
        let clean = without_packing(path.trim_start_matches("./"));
        let mut files = self.files.files.iter();
        let inside = files.find(|file| file.path == clean);
        let outside = self.folder.as_ref().map(|folder| folder.join(path));
        let outside = outside.filter(|path| path.is_file()).map(Place::Disk);
        let Some(found) = inside.map(|file| &file.bytes).or(outside.as_ref()) else {
            return Err(self.not_there(path, key));
        };
        let place = self.place(clean);
        let mut bytes = self.files.shared.unpacked(found, &place)?;
        if bytes.starts_with(MARK) {
            bytes.drain(..MARK.len());
        }
        if bytes.trim_ascii().is_empty() {
            let remedy = "fetch or write the file again, or leave it out";
            return Err(Error::data(place, "the file is empty", remedy));
        }
        let path = clean.to_owned();
        Ok(Text { place, path, bytes })
    }

    /// Finds the pictures: those that the key `pictures` names, else those in DATA, and where a folder holds none, those in the
    /// archives that lie in it. Nothing where there are none. Also says whether they lie among the files of DATA itself.
    ///
    /// # Errors
    /// When what the key names is not there, an archive is inside another one, or none of the pictures can be read.
    pub(super) fn pictures(mut self, key: Option<&str>) -> Result<Option<(PictureFiles, bool)>> {
        if let Some(value) = key {
            let on_disk = self.folder.as_ref().map(|folder| folder.join(value));
            if let Some(path) = on_disk.filter(|path| path.exists()) {
                let found = match path.is_dir() {
                    true => pictures_of(gather(&path)?)?,
                    false => None,
                };
                return Ok(Some(match found {
                    Some((pictures, _)) => (pictures, false),
                    None => (PictureFiles::open(&path, None)?, false),
                }));
            }
            let start = format!("{}/", value.trim_matches('/'));
            self.files
                .files
                .retain(|file| file.path.starts_with(&start));
            if self.files.files.is_empty() {
                return Err(self.not_there(value, "pictures"));
            }
            return Ok(Some((PictureFiles::of(self.files)?, true)));
        }
        pictures_of(self.files)
    }

    /// Whether there is a file, a folder or an archive of that path, as a key names it.
    fn has(&self, path: &str) -> bool {
        let clean = without_packing(path.trim_start_matches("./"));
        let inside = |file: &File<Place>| {
            let rest = file.path.strip_prefix(clean.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let outside = self.folder.as_ref().map(|folder| folder.join(path));
        self.files.files.iter().any(inside) || outside.is_some_and(|path| path.exists())
    }

    /// Takes out the names of files, each with its key, that a model's recipe gives but that are not in this DATA, which may be
    /// other than what the model was trained on; a note says so of each.
    pub(super) fn keep_there(
        &self,
        names: &mut [(&str, &mut Option<String>)],
        notes: &mut Vec<String>,
    ) {
        for (key, name) in names {
            if let Some(missing) = name.take_if(|name| !self.has(name)) {
                notes.push(format!(
                    "`{key}` = {missing}, as the model's recipe says, is not there: it is looked for by itself"
                ));
            }
        }
    }

    fn not_there(&self, value: &str, key: &str) -> Error {
        let place = match &self.folder {
            Some(folder) => folder.display().to_string(),
            None => self.name.clone(),
        };
        let problem = format!("`{key}` names {value}, which is not there");
        let near = self.files.files.iter().map(|file| file.path.as_str());
        let near = near
            .map(|path| (super::missing::distance(value, path), path))
            .filter(|(distance, _)| *distance <= 1 + value.len() / 4)
            .min();
        let remedy = near.map_or("give its path as seen from DATA".into(), |(_, near)| {
            format!("did you mean {near}?")
        });
        Error::data(place, problem, remedy)
    }
}

/// All pictures of DATA, whatever is said about them; also what was passed over.
///
/// # Errors
/// When it cannot be read, or holds no picture.
pub fn read_all_pictures(path: &Path) -> Result<(PictureSet, Vec<String>)> {
    let dataset = Dataset::open(path, false)?;
    let (name, mut notes) = (dataset.name.clone(), dataset.notes().to_vec());
    let Some(pictures) = dataset.pictures(None)? else {
        let remedy = "name a folder or an archive of pictures";
        return Err(Error::data(name, "holds no pictures", remedy));
    };
    let gallery = Gallery::new(pictures);
    notes.extend(note_damage(gallery.damaged()));
    let all: Vec<usize> = (0..gallery.len()).collect();
    Ok((gallery.select(&all), notes))
}

/// The part of a split that a file's name says, else one of the folders it lies in: `train2014` too, and for lists of
/// names, which are called so by the part alone, `trainImages`.
pub(super) fn part_of(path: &str, list: bool) -> Option<Part> {
    let plain = path.replace(|c: char| c.is_ascii_digit(), " ");
    let name = plain.rsplit('/').next().unwrap_or(&plain);
    let folders = folder_of(&plain);
    parts::of_file(name)
        .or_else(|| parts::of_folder(name).filter(|_| list))
        .or_else(|| {
            folders
                .iter()
                .rev()
                .find_map(|folder| parts::of_folder(folder))
        })
}

/// The pictures among some files, and else those in the archives among them; see [`Dataset::pictures`].
fn pictures_of(files: Files<Place>) -> Result<Option<(PictureFiles, bool)>> {
    let holds_pictures = |files: &Files<Place>| {
        concurrent::map(&files.files, |file| is_picture(&files.shared, file)).contains(&true)
    };
    if holds_pictures(&files) {
        return Ok(Some((PictureFiles::of(files)?, true)));
    }
    let archives = files.files.iter().filter(|file| is_archive(&file.path));
    let archives: Vec<&File<Place>> = archives.collect();
    let mut all = Vec::new();
    for archive in &archives {
        let Place::Disk(path) = &archive.bytes else {
            let problem = format!("{} is an archive inside another one", archive.path);
            return Err(Error::data(files.name, problem, "unpack the outer one"));
        };
        if archives.len() == 1 {
            return Ok(Some((PictureFiles::open(path, None)?, false)));
        }
        // Among several, some may hold text.
        let inside = gather(path)?;
        if holds_pictures(&inside) {
            all.push(PictureFiles::of(inside)?);
        }
    }
    Ok((!all.is_empty()).then(|| (PictureFiles::joined(all), false)))
}

fn is_archive(path: &str) -> bool {
    let path = path.to_lowercase();
    [".tar", ".tgz", ".zip"]
        .iter()
        .any(|end| path.ends_with(end))
}

fn gather(path: &Path) -> Result<Files<Place>> {
    Files::gather(path, None, "pictures").map_err(|error| match error.problem() {
        "holds no file" => {
            let remedy = "put the pictures and the text about them into it";
            Error::data(error.place(), error.problem(), remedy)
        }
        _ => error,
    })
}

/// A sentence about what was left out or done, such as `noun` "caption" and `what` "without a word left out"; nothing
/// where there is none.
pub(super) fn tally<S: AsRef<str>>(all: &[S], noun: &str, what: &str) -> Option<String> {
    let first = all.first()?.as_ref();
    let s = if all.len() == 1 { "" } else { "s" };
    Some(format!("{} {noun}{s} {what} (first: {first})", all.len()))
}
