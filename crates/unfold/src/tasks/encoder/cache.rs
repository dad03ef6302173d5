//! Features of pictures in a file, so that they are computed once.
//!
//! The file is a header and records of one size: the picture's digest, a checksum, and its features as [`bf16`] numbers. Records
//! are only ever added at the end, under a lock; a record that a kill left half written fails its checksum, and what
//! begins there is written anew.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use half::bf16;
use serde::Deserialize;

use crate::data::read_at;
use crate::error::{Error, Result};

/// How a file begins.
const MAGIC: &[u8; 16] = b"unfold features1";
/// Magic, fingerprint, values in a record.
const HEADER: u64 = 32;
/// Digest and checksum.
const BEFORE: usize = 20;

/// The folder that was told last to be of no use.
static TOLD: Mutex<Option<PathBuf>> = Mutex::new(None);

/// The features of pictures under one encoder.
#[derive(Debug)]
pub(super) struct Cache {
    path: PathBuf,
    file: File,
    /// Values in a record.
    values: usize,
    /// Where each picture's record is.
    places: HashMap<u128, u64>,
    end: u64,
}

impl Cache {
    /// Opens the file for an encoder of that fingerprint in `folder`, and locks it until [`Cache::release`]. Where the folder
    /// cannot be used, a nameless file takes its place, and `note` is told.
    ///
    /// # Errors
    /// When the file is of another encoder, or the system cannot read or write any.
    pub(super) fn open(
        folder: &Path,
        fingerprint: u64,
        values: usize,
        note: impl FnOnce(&str),
    ) -> Result<Cache> {
        let path = folder.join(format!("{fingerprint:016x}.features"));
        let (path, file) = match lasting(folder, &path) {
            Ok(file) => (path, file),
            Err(error) => {
                // Once, though every part of the data is looked at by itself.
                let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
                if told.as_deref() != Some(folder) {
                    note(&format!(
                        "{}: {error}: the features of pictures cannot be kept there and are computed for this time \
                         alone; name another folder with encoder.cache",
                        folder.display()
                    ));
                    *told = Some(folder.to_owned());
                }
                let path = std::env::temp_dir();
                let file = tempfile::tempfile().map_err(|e| Error::io(&path, "write", &e))?;
                (path, file)
            }
        };
        let mut cache = Cache {
            path,
            file,
            values,
            places: HashMap::new(),
            end: HEADER,
        };
        cache.read(fingerprint)?;
        Ok(cache)
    }

    /// Reads what is there.
    fn read(&mut self, fingerprint: u64) -> Result<()> {
        let failed = |error: &io::Error| Error::io(&self.path, "read", error);
        let length = self.file.metadata().map_err(|e| failed(&e))?.len();
        let mut header = Vec::from(*MAGIC);
        header.extend(fingerprint.to_le_bytes());
        header.extend((self.values as u64).to_le_bytes());
        if length < HEADER {
            return self.put(0, &header);
        }
        let mut reader = BufReader::with_capacity(1 << 20, &self.file);
        reader.seek(SeekFrom::Start(0)).map_err(|e| failed(&e))?;
        let mut found = [0; HEADER as usize];
        reader.read_exact(&mut found).map_err(|e| failed(&e))?;
        if found[..] != header[..] {
            return Err(Error::data(
                self.path.display(),
                "holds no features of this network",
                "delete it, or name another folder with encoder.cache",
            ));
        }
        let mut record = vec![0; self.record()];
        while self.end + record.len() as u64 <= length {
            reader.read_exact(&mut record).map_err(|e| failed(&e))?;
            let Some(digest) = checked(&record) else {
                break;
            };
            self.places.insert(digest, self.end);
            self.end += record.len() as u64;
        }
        Ok(())
    }

    /// Bytes of a record.
    fn record(&self) -> usize {
        BEFORE + 2 * self.values
    }

    fn put(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        let written = self
            .file
            .seek(SeekFrom::Start(at))
            .and_then(|_| self.file.write_all(bytes));
        written.map_err(|error| Error::io(&self.path, "write", &error))
    }

    /// Whether a picture's features are there.
    pub(super) fn holds(&self, digest: u128) -> bool {
        self.places.contains_key(&digest)
    }

    /// Adds the features of a picture.
    ///
    /// # Errors
    /// When the system cannot write.
    pub(super) fn add(&mut self, digest: u128, features: &[f32]) -> Result<()> {
        assert_eq!(
            features.len(),
            self.values,
            "cache: features of another network"
        );
        let mut record = Vec::with_capacity(self.record());
        record.extend(digest.to_le_bytes());
        record.extend([0; 4]);
        for &x in features {
            record.extend(bf16::from_f32(x).to_le_bytes());
        }
        let sum = checksum(&record);
        record[16..BEFORE].copy_from_slice(&sum.to_le_bytes());
        self.put(self.end, &record)?;
        self.places.insert(digest, self.end);
        self.end += record.len() as u64;
        Ok(())
    }

    /// Lets other processes have the file: nothing will be added.
    ///
    /// # Errors
    /// When what was added cannot be brought to the disk.
    pub(super) fn release(&self) -> Result<()> {
        let done = self.file.sync_all().and_then(|()| self.file.unlock());
        done.map_err(|error| Error::io(&self.path, "write", &error))
    }

    /// Reads the features of a picture.
    ///
    /// # Errors
    /// When the file was changed or cannot be read.
    ///
    /// # Panics
    /// When they are not there.
    pub(super) fn get(&self, digest: u128, features: &mut [f32]) -> Result<()> {
        let mut record = vec![0; self.record()];
        read_at(&self.file, &mut record, self.places[&digest])
            .map_err(|error| Error::io(&self.path, "read", &error))?;
        if checked(&record) != Some(digest) {
            let problem = "was changed while it was in use";
            return Err(Error::data(self.path.display(), problem, "start again"));
        }
        let pairs = record[BEFORE..].chunks_exact(2);
        for (x, pair) in features.iter_mut().zip(pairs) {
            *x = bf16::from_le_bytes([pair[0], pair[1]]).to_f32();
        }
        Ok(())
    }
}

/// Opens and locks the file at `path` in `folder`; both are made where they are not there.
fn lasting(folder: &Path, path: &Path) -> io::Result<File> {
    fs::create_dir_all(folder)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let file = options.open(path)?;
    // Another process may be filling it; what it adds is then there.
    file.lock()?;
    Ok(file)
}

/// The digest of a record that is whole.
fn checked(record: &[u8]) -> Option<u128> {
    let (digest, rest) = record.split_first_chunk::<16>()?;
    let (sum, _) = rest.split_first_chunk::<4>()?;
    (checksum(record) == u32::from_le_bytes(*sum)).then_some(u128::from_le_bytes(*digest))
}

/// The CRC-32 of a record but for its place.
fn checksum(record: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&record[..16]);
    crc.update(&record[BEFORE..]);
    crc.finalize()
}

/// What is looked for in the recipe of a run.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Recipe {
    encoder: Kept,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kept {
    cache: Option<PathBuf>,
}

/// The folder that the recipe of a run names. There is none where it names none, and a model file alone has no recipe.
///
/// # Errors
/// When there is a recipe that cannot be read.
pub(super) fn folder_of_run(run: &Path) -> Result<Option<PathBuf>> {
    let file = run.join("recipe.toml");
    if !file.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(&file).map_err(|error| Error::io(&file, "read", &error))?;
    let recipe: Recipe = toml::from_str(&text).map_err(|error| {
        let remedy = "mend or remove it: it says where features of pictures are kept";
        Error::recipe(file.display().to_string(), error.message().trim(), remedy)
    })?;
    Ok(recipe.encoder.cache)
}

/// The system's folder for what can be made again.
pub(super) fn folder() -> PathBuf {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let caches = named("XDG_CACHE_HOME")
        .or_else(|| named("LOCALAPPDATA"))
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(named("HOME")?).join(".cache")));
    caches.unwrap_or_else(std::env::temp_dir).join("unfold")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(of: u32) -> Vec<f32> {
        (0..5).map(|i| of as f32 + i as f32 / 4.0).collect()
    }

    fn opened(folder: &Path, fingerprint: u64, values: usize) -> Result<Cache> {
        Cache::open(folder, fingerprint, values, |note| panic!("{note}"))
    }

    fn got(cache: &Cache, digest: u128) -> Vec<f32> {
        let mut features = vec![0.0; 5];
        cache.get(digest, &mut features).unwrap();
        features
    }

    #[test]
    fn what_was_added_is_there_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut cache = opened(folder.path(), 7, 5).unwrap();
        for picture in 0..9 {
            cache.add(picture.into(), &features(picture)).unwrap();
        }
        cache.release().unwrap();
        let again = opened(folder.path(), 7, 5).unwrap();
        assert!((0..9).all(|picture| again.holds(picture)) && !again.holds(9));
        assert_eq!(got(&again, 3), features(3));
        let other = opened(folder.path(), 8, 5).unwrap();
        assert!(!other.holds(3));
    }

    #[test]
    fn a_kill_costs_the_last_record_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("0000000000000007.features");
        let mut cache = opened(folder.path(), 7, 5).unwrap();
        for picture in 0..4 {
            cache.add(picture.into(), &features(picture)).unwrap();
        }
        drop(cache);
        let whole = fs::read(&file).unwrap();
        for cut in [1, 17, 29, 30] {
            fs::write(&file, &whole[..whole.len() - cut]).unwrap();
            let mut cache = opened(folder.path(), 7, 5).unwrap();
            assert!(cache.holds(2) && !cache.holds(3), "cut by {cut}");
            cache.add(3, &features(3)).unwrap();
            drop(cache);
            assert!(fs::read(&file).unwrap() == whole);
        }
        // A changed byte costs what comes after it, and never gives wrong features.
        let mut changed = whole.clone();
        changed[HEADER as usize + 30 + 25] ^= 1;
        fs::write(&file, &changed).unwrap();
        let cache = opened(folder.path(), 7, 5).unwrap();
        assert!(cache.holds(0) && !cache.holds(1) && !cache.holds(2));
    }

    #[test]
    fn a_file_of_another_network_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        drop(opened(folder.path(), 7, 5).unwrap());
        let error = opened(folder.path(), 7, 6).unwrap_err().to_string();
        assert!(error.contains("no features of this network"), "{error}");
    }

    #[test]
    fn a_folder_that_cannot_be_used_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        let mut told = String::new();
        let mut cache = Cache::open(&file, 7, 5, |note| told = note.to_owned()).unwrap();
        assert!(
            told.contains("encoder.cache") && told.contains("file"),
            "{told}"
        );
        cache.add(3, &features(3)).unwrap();
        cache.release().unwrap();
        assert_eq!(got(&cache, 3), features(3));
        assert_eq!(fs::read(&file).unwrap(), b"x");
    }
}
