//! The files of DATA, wherever they lie: in a folder, in an archive, alone, or in the program.

use std::fs;
use std::io::{self, BufReader, Cursor, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::glob::matches;
use super::unpack::{self, MOST_BYTES, unpacked, without_packing};
use super::{archive, builtin, missing};
use crate::error::{Error, Result};

/// How the bytes of a file inside DATA are kept: as they are, or as the place where they lie.
pub(super) trait Keep: Sized {
    /// What all files have in common.
    type Shared: Default;

    /// Whether files on disk and in archives that are not packed stay where they are.
    const IN_PLACE: bool;

    /// Keeps what a stream holds; gives its length too.
    fn streamed(shared: &mut Self::Shared, place: &str, content: impl Read) -> Result<(Self, u64)>;

    /// Keeps a file on disk where it is; nothing when it must be read.
    fn on_disk(path: &Path) -> Option<Self>;

    /// Keeps some bytes of an archive on disk where they are; nothing when they must be read.
    fn inside(
        shared: &mut Self::Shared,
        archive: &fs::File,
        bytes: Range<u64>,
    ) -> io::Result<Option<Self>>;
}

impl Keep for Vec<u8> {
    type Shared = ();

    const IN_PLACE: bool = false;

    fn streamed((): &mut (), place: &str, mut content: impl Read) -> Result<(Vec<u8>, u64)> {
        let mut bytes = Vec::new();
        let read = content.read_to_end(&mut bytes);
        let length = read.map_err(|error| damaged(&place, &error))? as u64;
        Ok((bytes, length))
    }

    fn on_disk(_: &Path) -> Option<Vec<u8>> {
        None
    }

    fn inside((): &mut (), _: &fs::File, _: Range<u64>) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

/// One file.
pub(super) struct File<T = Vec<u8>> {
    /// Its place inside DATA, with `/` between the parts and without `.gz` and the like.
    pub(super) path: String,
    /// Its bytes, unpacked, or where they are.
    pub(super) bytes: T,
}

/// What DATA holds.
pub(super) struct Files<T: Keep = Vec<u8>> {
    /// DATA as the user named it.
    pub(super) name: String,
    /// Whether DATA is one file and no folder or archive.
    pub(super) single: bool,
    /// Sorted by path, so that a folder and its archive read alike.
    pub(super) files: Vec<File<T>>,
    /// Every folder, also the empty ones.
    pub(super) folders: Vec<String>,
    /// What was passed over.
    pub(super) notes: Vec<String>,
    /// What all files have in common.
    pub(super) shared: T::Shared,
    /// What the files are called in messages.
    pub(super) noun: &'static str,
    pub(super) total: u64,
    pub(super) only: Option<String>,
    pub(super) skipped_links: usize,
}

impl Files {
    /// Reads DATA. `only` selects files inside it by a pattern with `*` and `?`; so does a
    /// `#pattern` at the end of `path`.
    pub(super) fn open(path: &Path, only: Option<&str>) -> Result<Files> {
        Files::gather(path, only, "documents")
    }
}

impl<T: Keep> Files<T> {
    /// As [`Files::open`], for files called `noun` in messages.
    pub(super) fn gather(path: &Path, only: Option<&str>, noun: &'static str) -> Result<Files<T>> {
        let (path, part) = split_part(path);
        let mut files = Files {
            name: path.display().to_string(),
            single: false,
            files: Vec::new(),
            folders: Vec::new(),
            notes: Vec::new(),
            shared: T::Shared::default(),
            noun,
            total: 0,
            only: part.as_deref().or(only).map(str::to_owned),
            skipped_links: 0,
        };
        if let Some(bytes) = builtin::archive(&path)? {
            files.read_stream(Cursor::new(bytes), None)?;
        } else {
            let found =
                fs::metadata(&path).map_err(|error| missing::explain_data(&path, &error))?;
            if found.is_dir() {
                files.walk(&path, "", &mut Vec::new())?;
            } else if found.is_file() {
                files.read_file(&path)?;
            } else {
                let remedy = "give a folder, an archive or a file";
                return Err(Error::data(
                    path.display(),
                    "is neither a file nor a folder",
                    remedy,
                ));
            }
        }
        files.finish()
    }

    fn finish(mut self) -> Result<Files<T>> {
        self.files.sort_by(|a, b| a.path.cmp(&b.path));
        self.folders.sort();
        self.folders.dedup();
        if self.skipped_links > 0 {
            self.notes.push(format!(
                "{} broken, circular or archived links were passed over",
                self.skipped_links
            ));
        }
        if !self.files.is_empty() {
            return Ok(self);
        }
        match &self.only {
            Some(only) => Err(Error::data(
                &self.name,
                format!("no file inside matches `{only}`"),
                "the pattern (`only`, or what follows `#`) is compared with a file's name and with its whole path \
                 inside; `*` stands for any text, `?` for one letter",
            )),
            None => Err(Error::data(
                &self.name,
                "holds no file",
                format!(
                    "put {} there; where they have classes, those of each in a folder of its own",
                    self.noun
                ),
            )),
        }
    }

    /// Whether a file inside DATA is wanted. Hidden files and what macOS adds to archives are not.
    pub(super) fn wants(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let hidden = path
            .split('/')
            .any(|part| part.starts_with('.') || part == "__MACOSX");
        let selected = |only: &String| matches(only, path) || matches(only, name);
        !hidden && self.only.as_ref().is_none_or(selected)
    }

    /// Keeps one file inside DATA; gives its length.
    pub(super) fn add(&mut self, path: &str, content: impl Read) -> Result<u64> {
        let place = format!("{}, {path}", self.name);
        let room = MOST_BYTES - self.total;
        let (bytes, length) = T::streamed(&mut self.shared, &place, content.take(room + 1))?;
        if length > room {
            let problem = format!("unpacks to more than {} GiB in all", MOST_BYTES >> 30);
            let remedy = match T::IN_PLACE {
                true => "unpack it to a folder, or select a part with `only`",
                false => "split it, or select a part with `only`",
            };
            return Err(Error::data(place, problem, remedy));
        }
        self.total += length;
        self.push(path, bytes);
        Ok(length)
    }

    /// Adds a file that is kept already.
    pub(super) fn push(&mut self, path: &str, bytes: T) {
        let path = path.to_owned();
        self.files.push(File { path, bytes });
    }

    fn read_file(&mut self, path: &Path) -> Result<()> {
        let file = fs::File::open(path).map_err(|error| Error::io(path, "open", &error))?;
        let mut file = BufReader::with_capacity(1 << 16, file);
        let mut head = Vec::new();
        let start = file
            .by_ref()
            .take(512)
            .read_to_end(&mut head)
            .and_then(|_| io::Seek::rewind(&mut file));
        start.map_err(|error| Error::io(path, "read", &error))?;
        if archive::is_zip(&head) {
            return archive::read_zip(self, file);
        }
        let plain = !head.is_empty() && !unpack::is_packed(&head);
        if T::IN_PLACE && plain && archive::is_tar(&head, &self.name) {
            return archive::read_tar_in_place(self, file.into_inner());
        }
        self.read_stream(file, Some(path))
    }

    /// Reads a tar archive or a single file, packed or not; `disk` is where it lies, if it does.
    fn read_stream(&mut self, stream: impl io::BufRead, disk: Option<&Path>) -> Result<()> {
        let name = self.name.clone();
        let mut stream = unpacked(stream).map_err(|error| damaged(&name, &error))?;
        let mut head = Vec::new();
        stream
            .by_ref()
            .take(512)
            .read_to_end(&mut head)
            .map_err(|error| damaged(&name, &error))?;
        if head.is_empty() {
            return Err(Error::data(
                name,
                "the file is empty",
                "write or fetch it again, or give another",
            ));
        }
        if let Some(packing) = unpack::unreadable(&head) {
            let remedy =
                "unpack it, or pack it as .tar.gz, .tar.xz, .tar.zst, .zip, .gz, .xz or .zst";
            return Err(Error::data(
                name,
                format!("{packing} files are not read"),
                remedy,
            ));
        }
        let whole = Cursor::new(head.clone()).chain(stream);
        if archive::is_tar(&head, without_packing(&name)) {
            return archive::read_tar(self, whole);
        }
        self.single = true;
        self.only = None;
        let path = Path::new(without_packing(&name))
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match disk.and_then(T::on_disk) {
            Some(bytes) => self.push(&path, bytes),
            None => drop(self.add(&path, whole)?),
        }
        Ok(())
    }

    fn walk(&mut self, folder: &Path, inside: &str, above: &mut Vec<PathBuf>) -> Result<()> {
        let io_error = |error: io::Error| Error::io(folder, "read", &error);
        above.push(fs::canonicalize(folder).map_err(io_error)?);
        let mut entries = fs::read_dir(folder)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .map_err(io_error)?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let name = if inside.is_empty() {
                name
            } else {
                format!("{inside}/{name}")
            };
            let Ok(found) = fs::metadata(&path) else {
                self.skipped_links += 1; // it leads nowhere
                continue;
            };
            if found.is_dir() {
                if !visible(&name) {
                    continue;
                }
                let real =
                    fs::canonicalize(&path).map_err(|error| Error::io(&path, "read", &error))?;
                if above.contains(&real) {
                    self.skipped_links += 1;
                    continue;
                }
                if self.only.is_none() {
                    self.folders.push(name.clone());
                }
                self.walk(&path, &name, above)?;
            } else if found.is_file() && self.wants(&name) {
                if let Some(bytes) = T::on_disk(&path) {
                    self.push(without_packing(&name), bytes);
                    continue;
                }
                let file =
                    fs::File::open(&path).map_err(|error| Error::io(&path, "open", &error))?;
                let place = path.display();
                let content =
                    unpacked(BufReader::new(file)).map_err(|error| damaged(&place, &error))?;
                self.add(without_packing(&name), content)?;
            }
        }
        above.pop();
        Ok(())
    }
}

fn visible(path: &str) -> bool {
    !path
        .split('/')
        .any(|part| part.starts_with('.') || part == "__MACOSX")
}

/// `archive.tar.gz#inner` is the part `inner` of `archive.tar.gz`, unless a file has that name.
pub(super) fn split_part(path: &Path) -> (PathBuf, Option<String>) {
    let text = path.to_string_lossy();
    match text.rsplit_once('#') {
        Some((file, part)) if !part.is_empty() && !path.exists() => {
            (file.into(), Some(part.to_owned()))
        }
        _ => (path.to_owned(), None),
    }
}

/// A packed file that does not unpack is damaged; anything else is the operating system's error.
pub(super) fn damaged(place: &dyn std::fmt::Display, error: &io::Error) -> Error {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    let problem = match error.kind() {
        UnexpectedEof => "the file ends too early: it is cut off".to_owned(),
        InvalidData | InvalidInput | Other => format!("the packed data is damaged ({error})"),
        _ => return Error::io(place.to_string(), "read", error),
    };
    Error::data(place, problem, "fetch or make the file again")
}
