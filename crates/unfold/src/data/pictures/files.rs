//! Pictures by name, for data that lists them elsewhere: captions, questions.

use std::path::Path;
use std::sync::Arc;

use super::decode::Kind;
use super::names::Names;
use super::picture::Picture;
use super::set::{Content, Entry, PictureSet, kind};
use super::store::Place;
use crate::data::concurrent;
use crate::data::files::{File, Files};
use crate::error::{Error, Result};

/// All pictures in a folder or an archive, found by their names.
#[derive(Debug)]
pub struct PictureFiles {
    set: PictureSet,
    names: Names,
}

impl PictureFiles {
    /// Finds the pictures in a folder or an archive; `only` selects files by a pattern with `*` and `?`. An archive that
    /// is not packed is read in place.
    ///
    /// # Errors
    /// When it cannot be read, or holds no picture.
    pub fn open(path: &Path, only: Option<&str>) -> Result<PictureFiles> {
        let files: Files<Place> = Files::gather(path, only, "pictures")?;
        let kinds = concurrent::map(&files.files, |file| {
            kind(&files.shared, &file.path, &file.bytes)
        });
        let pictures = files.files.into_iter().zip(kinds);
        let pictures = pictures.filter(|(_, kind)| *kind == Kind::Picture);
        let pictures: Vec<File<Place>> = pictures.map(|(file, _)| file).collect();
        if pictures.is_empty() {
            let problem = "holds no picture that can be read";
            let remedy = "give pictures as JPEG, PNG, WebP, BMP or GIF files";
            return Err(Error::data(files.name, problem, remedy));
        }
        let names = Names::of(&pictures);
        let entries = pictures.into_iter().map(|file| Entry {
            name: file.path,
            content: Content::Encoded(file.bytes),
            label: 0,
        });
        Ok(PictureFiles {
            set: PictureSet {
                data: files.name.into(),
                entries: entries.collect(),
                store: Arc::new(files.shared),
            },
            names,
        })
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
        &self.set.entries[picture].name
    }

    /// The number of the picture that is called `name`: the one at that path, else the one whose path ends so; its ending
    /// may be left out. Nothing where there are none or several.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.names.find(name, "")
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
            data: Arc::clone(&self.set.data),
            store: Arc::clone(&self.set.store),
            entries: entries.collect(),
        }
    }
}
