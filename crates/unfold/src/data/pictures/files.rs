//! Pictures by name, for data that lists them elsewhere: captions, questions.

use std::path::Path;
use std::sync::Arc;

use super::decode::Kind;
use super::layout::damage;
use super::names::Names;
use super::packed;
use super::picture::Picture;
use super::set::{Content, Damage, Entry, Name, Origin, PictureSet, kind};
use crate::data::concurrent;
use crate::data::files::{File, Files};
use crate::data::store::{Place, Store};
use crate::error::{Error, Result};

/// All pictures in a folder or an archive, found by their names.
#[derive(Debug)]
pub struct PictureFiles {
    set: PictureSet,
    /// What should be a picture but is none.
    damaged: Vec<Damage>,
    /// Of the pictures, then of what is damaged.
    names: Names,
    /// Whether there is one file, and no folder or archive.
    single: bool,
}

/// What a name leads to.
#[derive(Clone, Copy, Debug)]
pub(in crate::data) enum LookedUp<'a> {
    Picture(usize),
    Damaged(&'a Damage),
    /// To several files, of which these are two.
    Several([&'a str; 2]),
    Nothing,
}

/// Whether a file is a picture, or should be one.
pub(in crate::data) fn is_picture(store: &Store, file: &File<Place>) -> bool {
    let kind = kind(store, &file.path, &file.bytes);
    matches!(kind, Kind::Picture | Kind::Damaged(_))
}

impl PictureFiles {
    /// Finds the pictures in a folder or an archive; `only`, or what follows a `#`, selects files by a pattern with `*` and `?`. An
    /// archive that is not packed is read in place. Where no file is a picture, those in IDX and Parquet files are found, and what
    /// follows a `#` selects them by their names or numbers, as in `mnist#test-4`.
    ///
    /// # Errors
    /// When it cannot be read, or holds no picture.
    pub fn open(path: &Path, only: Option<&str>) -> Result<PictureFiles> {
        let files = Files::gather(path, only, "pictures").and_then(PictureFiles::of);
        match files {
            Err(error) => match packed::open(path)? {
                Some(set) => Ok(PictureFiles {
                    names: Names::of_paths(set.entries.iter().map(|entry| entry.name.to_string())),
                    set,
                    damaged: Vec::new(),
                    single: false,
                }),
                None => Err(error),
            },
            files => files,
        }
    }

    /// The pictures among some files.
    ///
    /// # Errors
    /// When there is none.
    pub(in crate::data) fn of(files: Files<Place>) -> Result<PictureFiles> {
        let kinds = concurrent::map(&files.files, |file| {
            kind(&files.shared, &file.path, &file.bytes)
        });
        let (mut pictures, mut others, mut damaged) = (Vec::new(), Vec::new(), Vec::new());
        for (file, kind) in files.files.into_iter().zip(kinds) {
            match kind {
                Kind::Picture => pictures.push(file),
                Kind::Damaged(problem) => {
                    damaged.push(damage(&files.name, &file, problem));
                    others.push(file);
                }
                Kind::Unread | Kind::Other => {}
            }
        }
        if pictures.is_empty() {
            let first = damaged.first().map(|damage| format!(" (first: {damage})"));
            let problem = format!(
                "holds no picture that can be read{}",
                first.unwrap_or_default()
            );
            let remedy = "give pictures as JPEG, PNG, WebP, BMP or GIF files";
            return Err(Error::data(files.name, problem, remedy));
        }
        let count = pictures.len();
        pictures.append(&mut others);
        let names = Names::of(&pictures);
        pictures.truncate(count);
        let origin = Arc::new(Origin {
            data: files.name,
            store: files.shared,
        });
        let entries = pictures.into_iter().map(|file| Entry {
            origin: Arc::clone(&origin),
            name: Name::File(file.path),
            content: Content::Encoded(file.bytes),
            label: 0,
        });
        Ok(PictureFiles {
            set: PictureSet {
                entries: entries.collect(),
            },
            damaged,
            names,
            single: files.single,
        })
    }

    /// The pictures of several archives or folders together.
    ///
    /// # Panics
    /// When these are none.
    pub(in crate::data) fn joined(all: Vec<PictureFiles>) -> PictureFiles {
        assert!(!all.is_empty(), "pictures of nothing");
        let (mut entries, mut damaged) = (Vec::new(), Vec::new());
        let (mut paths, mut others) = (Vec::new(), Vec::new());
        for files in all {
            let (whole, rest) = files.paths().split_at(files.len());
            paths.extend_from_slice(whole);
            others.extend_from_slice(rest);
            entries.extend(files.set.entries);
            damaged.extend(files.damaged);
        }
        paths.append(&mut others);
        PictureFiles {
            set: PictureSet { entries },
            damaged,
            names: Names::of_paths(paths.into_iter()),
            single: false,
        }
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.set.len()
    }

    /// Whether there is none; never, once opened.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// The path of a picture inside the folder or archive.
    ///
    /// # Panics
    /// When there is no such picture.
    pub fn path(&self, picture: usize) -> &str {
        match &self.set.entries[picture].name {
            Name::File(path) => path,
            Name::Inside { .. } => unreachable!("pictures are listed by their paths"),
        }
    }

    /// What leads to a picture alone, also for [`open`](Self::open): its path, or that of the archive, `#`, and the path in there.
    ///
    /// # Panics
    /// When there is no such picture.
    pub fn address(&self, picture: usize) -> String {
        match self.single {
            true => self.set.entries[picture].origin.data.clone(),
            false => self.set.address(picture),
        }
    }

    /// The number of the picture that is called `name`: the one at that path, else the one whose path ends so; its ending
    /// may be left out. Nothing where there are none or several.
    pub fn find(&self, name: &str) -> Option<usize> {
        let found = self.names.find(name, "");
        found.filter(|&number| number < self.len())
    }

    /// What a table at `table` calls `name`: a path as seen from the table's folder, or as for [`find`](Self::find).
    pub(in crate::data) fn look_up(&self, name: &str, table: &str) -> LookedUp<'_> {
        match self.names.all_called(name, table)[..] {
            [] => LookedUp::Nothing,
            [one] => self.numbered(one),
            [a, b, ..] => LookedUp::Several([a, b].map(|number| &self.paths()[number][..])),
        }
    }

    /// What is at a place among [`paths`](Self::paths).
    pub(in crate::data) fn numbered(&self, number: usize) -> LookedUp<'_> {
        match number.checked_sub(self.len()) {
            None => LookedUp::Picture(number),
            Some(damaged) => LookedUp::Damaged(&self.damaged[damaged]),
        }
    }

    /// Whether there is one file, and no folder or archive.
    pub fn is_single(&self) -> bool {
        self.single
    }

    /// What should be a picture but is none.
    pub fn damaged(&self) -> &[Damage] {
        &self.damaged
    }

    /// The paths of all pictures, then of all files that should be pictures but are none.
    pub(in crate::data) fn paths(&self) -> &[String] {
        self.names.paths()
    }

    /// Reads a picture.
    ///
    /// # Errors
    /// When it is damaged, or not there any more.
    ///
    /// # Panics
    /// When there is no such picture.
    pub fn read(&self, picture: usize) -> Result<Picture> {
        self.set.read(picture)
    }

    /// Some of the pictures, in this order, as a set of one class.
    ///
    /// # Panics
    /// When there is no such picture.
    pub fn select(&self, pictures: impl IntoIterator<Item = usize>) -> PictureSet {
        let entries = pictures
            .into_iter()
            .map(|picture| self.set.entries[picture].clone());
        PictureSet {
            entries: entries.collect(),
        }
    }
}
