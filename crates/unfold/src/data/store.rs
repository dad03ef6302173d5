//! Where the bytes of files lie: in files on disk, in an archive that is read in place, or, unpacked, one after the
//! other in memory or in a nameless file.

use std::borrow::{Borrow, Cow};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::files::{Keep, damaged};
use super::read_at::read_at;
use super::unpack::{MOST_BYTES, unpacked};
use crate::error::{Error, Result};

/// Bytes kept in memory; more go to a nameless file.
const IN_MEMORY: u64 = 1 << 26;
/// Bytes read at once.
const BLOCK: usize = 1 << 16;

/// Where the bytes of one file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A file on disk.
    Disk(PathBuf),
    /// Part of the archive that is read in place.
    Archive(Range<u64>),
    /// Part of what was unpacked.
    Store(Range<u64>),
}

/// Bytes of many files.
#[derive(Debug)]
pub(super) struct Store {
    archive: Option<File>,
    memory: Vec<u8>,
    spilled: Option<File>,
    len: u64,
    limit: u64,
}

impl Default for Store {
    fn default() -> Store {
        Store {
            archive: None,
            memory: Vec::new(),
            spilled: None,
            len: 0,
            limit: IN_MEMORY,
        }
    }
}

impl Store {
    /// Adds what a stream holds; gives where it now is.
    ///
    /// # Errors
    /// When the stream cannot be read, or there is no room on disk.
    pub(super) fn push(&mut self, place: &str, content: impl Read) -> Result<Range<u64>> {
        let start = self.len;
        let mut content = content;
        let mut bytes = vec![0; BLOCK];
        loop {
            let read = match content.read(&mut bytes) {
                Ok(0) => return Ok(start..self.len),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(damaged(&place, &error)),
            };
            self.append(&bytes[..read])
                .map_err(|error| Error::io(std::env::temp_dir(), "write", &error))?;
        }
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.spilled.is_none() && self.len + bytes.len() as u64 > self.limit {
            let mut file = tempfile::tempfile()?;
            file.write_all(&self.memory)?;
            self.memory = Vec::new();
            self.spilled = Some(file);
        }
        match &mut self.spilled {
            Some(file) => {
                // Where reading at a place moves the file's own, it is not at the end.
                file.seek(SeekFrom::Start(self.len))?;
                file.write_all(bytes)?;
            }
            None => self.memory.extend_from_slice(bytes),
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// All bytes of a file.
    pub(super) fn read(&self, place: &Place) -> io::Result<Cow<'_, [u8]>> {
        match place {
            Place::Disk(path) => fs::read(path).map(Cow::Owned),
            _ => self.read_part(place, usize::MAX),
        }
    }

    /// All bytes of a file, unpacked where it is packed; `name` is for messages.
    ///
    /// # Errors
    /// When it cannot be read or unpacked, or is larger than anything that is read.
    pub(super) fn unpacked(&self, place: &Place, name: &str) -> Result<Vec<u8>> {
        let packed = self.read(place);
        let packed = packed.map_err(|error| Error::io(name, "read", &error))?;
        let mut bytes = Vec::new();
        let read = unpacked(&packed[..])
            .and_then(|stream| stream.take(MOST_BYTES + 1).read_to_end(&mut bytes));
        read.map_err(|error| damaged(&name, &error))?;
        if bytes.len() as u64 > MOST_BYTES {
            let problem = format!("unpacks to more than {} GiB", MOST_BYTES >> 30);
            return Err(Error::data(name, problem, "split it into several files"));
        }
        Ok(bytes)
    }

    /// The first bytes of a file, fewer where it is shorter.
    pub(super) fn head(&self, place: &Place, most: usize) -> io::Result<Cow<'_, [u8]>> {
        match place {
            Place::Disk(path) => {
                let mut head = Vec::with_capacity(most);
                File::open(path)?.take(most as u64).read_to_end(&mut head)?;
                Ok(Cow::Owned(head))
            }
            _ => self.read_part(place, most),
        }
    }

    /// How many bytes a file has.
    pub(super) fn len(&self, place: &Place) -> io::Result<u64> {
        match place {
            Place::Disk(path) => fs::metadata(path).map(|found| found.len()),
            Place::Archive(range) | Place::Store(range) => Ok(range.end - range.start),
        }
    }

    /// Some bytes of a file, one after the other.
    ///
    /// # Panics
    /// When they lie outside what does not lie in a file of its own.
    pub(super) fn reader(
        &self,
        place: &Place,
        part: Range<u64>,
    ) -> io::Result<Box<dyn BufRead + '_>> {
        let len = part.end - part.start;
        if let Place::Disk(path) = place {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(part.start))?;
            return Ok(Box::new(BufReader::with_capacity(BLOCK, file.take(len))));
        }
        let (file, range) = self.shared(place);
        assert!(part.end <= range.end - range.start, "{part:?} of {range:?}");
        let at = range.start + part.start;
        Ok(match file {
            Some(file) => Box::new(BufReader::with_capacity(BLOCK, Part { file, at, len })),
            None => Box::new(&self.memory[at as usize..][..len as usize]),
        })
    }

    /// All bytes of a file, one after the other, while more is added to the store.
    pub(super) fn detached(&self, place: &Place) -> io::Result<Box<dyn BufRead>> {
        if let Place::Disk(path) = place {
            return Ok(Box::new(BufReader::with_capacity(BLOCK, File::open(path)?)));
        }
        let (file, range) = self.shared(place);
        let (at, len) = (range.start, range.end - range.start);
        Ok(match file {
            Some(file) => {
                let file = file.try_clone()?;
                Box::new(BufReader::with_capacity(BLOCK, Part { file, at, len }))
            }
            None => Box::new(Cursor::new(self.read(place)?.into_owned())),
        })
    }

    /// The file in which lies what has none of its own, nothing for memory, and where in it.
    fn shared(&self, place: &Place) -> (Option<&File>, Range<u64>) {
        match place {
            Place::Disk(_) => unreachable!("a file of its own"),
            Place::Archive(range) => (self.archive.as_ref(), range.clone()),
            Place::Store(range) => (self.spilled.as_ref(), range.clone()),
        }
    }

    /// The first bytes of what does not lie in a file of its own, at most `most`.
    fn read_part(&self, place: &Place, most: usize) -> io::Result<Cow<'_, [u8]>> {
        let (file, range) = self.shared(place);
        let start = range.start;
        let len = (range.end - start).min(most as u64) as usize;
        let Some(file) = file else {
            return Ok(Cow::Borrowed(&self.memory[start as usize..][..len]));
        };
        let mut bytes = vec![0; len];
        read_at(file, &mut bytes, start)?;
        Ok(Cow::Owned(bytes))
    }
}

/// What is left to read of a part of a file.
struct Part<F> {
    file: F,
    at: u64,
    len: u64,
}

impl<F: Borrow<File>> Read for Part<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = self.len.min(into.len() as u64);
        read_at(self.file.borrow(), &mut into[..len as usize], self.at)?;
        self.at += len;
        self.len -= len;
        Ok(len as usize)
    }
}

impl Keep for Place {
    type Shared = Store;

    const IN_PLACE: bool = true;

    fn streamed(store: &mut Store, place: &str, content: impl Read) -> Result<(Place, u64)> {
        let range = store.push(place, content)?;
        let length = range.end - range.start;
        Ok((Place::Store(range), length))
    }

    fn on_disk(path: &Path) -> Option<Place> {
        Some(Place::Disk(path.to_owned()))
    }

    fn inside(store: &mut Store, archive: &File, bytes: Range<u64>) -> io::Result<Option<Place>> {
        if store.archive.is_none() {
            store.archive = Some(archive.try_clone()?);
        }
        Ok(Some(Place::Archive(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disk_and_memory_give_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let mut stores = [
            Store::default(),
            Store {
                limit: 100,
                ..Store::default()
            },
        ];
        let contents: Vec<Vec<u8>> = (0..40).map(|n| vec![n as u8; n * 5 % 23]).collect();
        for store in &mut stores {
            let mut places = Vec::new();
            for content in &contents {
                let (place, length) = Place::streamed(store, "x", &content[..]).unwrap();
                assert_eq!(length, content.len() as u64);
                places.push(place);
            }
            for (place, content) in places.iter().zip(&contents) {
                assert_eq!(store.read(place).unwrap()[..], content[..]);
                let head = &content[..content.len().min(3)];
                assert_eq!(store.head(place, 3).unwrap()[..], *head);
                let (len, mut rest) = (content.len() as u64, Vec::new());
                assert_eq!(store.len(place).unwrap(), len);
                let mut reader = store.reader(place, len / 3..len).unwrap();
                reader.read_to_end(&mut rest).unwrap();
                assert_eq!(rest[..], content[content.len() / 3..]);
                let mut whole = Vec::new();
                let mut detached = store.detached(place).unwrap();
                detached.read_to_end(&mut whole).unwrap();
                assert_eq!(whole, *content);
            }
        }
        assert!(stores[0].spilled.is_none() && stores[1].spilled.is_some());
        let file = folder.path().join("one");
        fs::write(&file, b"abcdef").unwrap();
        let place = Place::on_disk(&file).unwrap();
        assert_eq!(stores[0].read(&place).unwrap()[..], *b"abcdef");
        assert_eq!(stores[0].head(&place, 3).unwrap()[..], *b"abc");
    }
}
