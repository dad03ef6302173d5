//! Tar and zip archives; what is not packed in them is read in place.

use std::fs;
use std::io::{BufReader, Read};

use zip::{CompressionMethod, ZipArchive};

use super::files::{Files, Keep, damaged};
use super::unpack::{unpacked, without_packing};
use crate::error::{Error, Result};

/// Whether a file that begins with `head` is a zip archive.
pub(super) fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// Whether a file that begins with `head` is a tar archive; archives made before POSIX have no
/// mark and are known by their name alone.
pub(super) fn is_tar(head: &[u8], name: &str) -> bool {
    head.get(257..262) == Some(b"ustar") || name.ends_with(".tar") || name.ends_with(".tgz")
}

/// Adds every wanted file of a tar archive.
pub(super) fn read_tar<T: Keep>(files: &mut Files<T>, archive: impl Read) -> Result<()> {
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries();
    let entries = entries.map_err(|error| damaged(&files.name, &error))?;
    add_entries(files, entries, None)
}

/// The same for an archive on disk that is not packed: its files are found, not read.
pub(super) fn read_tar_in_place<T: Keep>(files: &mut Files<T>, file: fs::File) -> Result<()> {
    let opened = file
        .try_clone()
        .and_then(|again| Ok((again, file.metadata()?.len())));
    let (again, length) = opened.map_err(|error| Error::io(&files.name, "read", &error))?;
    let mut archive = tar::Archive::new(BufReader::new(again));
    let entries = archive.entries_with_seek();
    let entries = entries.map_err(|error| damaged(&files.name, &error))?;
    add_entries(files, entries, Some((&file, length)))
}

fn add_entries<T: Keep, R: Read>(
    files: &mut Files<T>,
    entries: tar::Entries<'_, R>,
    disk: Option<(&fs::File, u64)>,
) -> Result<()> {
    let name = files.name.clone();
    let mut last = "its start".to_owned();
    for entry in entries {
        let mut entry = entry.map_err(|error| damaged(&format!("{name}, after {last}"), &error))?;
        let path = clean(&String::from_utf8_lossy(&entry.path_bytes()));
        let kind = entry.header().entry_type();
        if kind.is_dir() {
            if files.only.is_none() && files.wants(&path) {
                files.folders.push(path.clone());
            }
        } else if kind.is_symlink() || kind.is_hard_link() {
            files.skipped_links += usize::from(files.wants(&path));
        } else if kind.is_file() && files.wants(&path) {
            let (start, size) = (entry.raw_file_position(), entry.size());
            let there = match disk {
                Some((file, length)) => {
                    let kept =
                        T::inside(&mut files.shared, file, start..start.saturating_add(size));
                    match kept.map_err(|error| Error::io(&name, "read", &error))? {
                        Some(bytes) => files.push(without_packing(&path), bytes),
                        None => drop(add_unpacked(files, &path, &mut entry)?),
                    }
                    length.saturating_sub(start)
                }
                None => add_unpacked(files, &path, &mut entry)?,
            };
            // The reader takes the end of the archive for the end of the file.
            if there < size && without_packing(&path) == path {
                let problem = format!("the archive ends in the middle of {path}: it is cut off");
                return Err(Error::data(
                    name,
                    problem,
                    "fetch or make the archive again",
                ));
            }
        }
        last = path;
    }
    Ok(())
}

/// Adds every wanted file of a zip archive on disk: what is stored without packing is found, not read.
pub(super) fn read_zip<T: Keep>(files: &mut Files<T>, archive: BufReader<fs::File>) -> Result<()> {
    let name = files.name.clone();
    let unread = |error| Error::io(&name, "read", &error);
    let disk = archive.get_ref().try_clone().map_err(unread)?;
    let length = disk.metadata().map_err(unread)?.len();
    let bad = |place: &str, error: &dyn std::fmt::Display| {
        Error::data(
            place,
            format!("the zip archive cannot be read ({error})"),
            "fetch or make the archive again",
        )
    };
    let mut archive = ZipArchive::new(archive).map_err(|error| bad(&name, &error))?;
    if archive.index_for_name("[Content_Types].xml").is_some() {
        let remedy = "save the table as CSV";
        return Err(Error::data(
            name,
            format!(
                "is an Office document, not a table or an archive of {}",
                files.noun
            ),
            remedy,
        ));
    }
    for index in 0..archive.len() {
        let mut entry = archive
            .by_index(index)
            .map_err(|error| bad(&name, &error))?;
        let path = clean(&entry.name().map_err(|error| bad(&name, &error))?);
        if !files.wants(&path) {
            continue;
        }
        if entry.is_dir() {
            if files.only.is_none() {
                files.folders.push(path);
            }
        } else if entry.is_symlink() {
            files.skipped_links += 1;
        } else {
            let start = entry.data_start().unwrap_or(length);
            let end = start.saturating_add(entry.size());
            let plain = entry.compression() == CompressionMethod::Stored && !entry.encrypted();
            let kept = match plain && end <= length {
                true => T::inside(&mut files.shared, &disk, start..end).map_err(unread)?,
                false => None,
            };
            match kept {
                Some(bytes) => files.push(without_packing(&path), bytes),
                None => drop(add_unpacked(files, &path, &mut entry)?),
            }
        }
    }
    Ok(())
}

fn add_unpacked<T: Keep>(files: &mut Files<T>, path: &str, content: impl Read) -> Result<u64> {
    let place = format!("{}, {path}", files.name);
    let content = unpacked(BufReader::new(content)).map_err(|error| damaged(&place, &error))?;
    files.add(without_packing(path), content)
}

/// A path inside an archive without `./` and doubled or trailing slashes.
fn clean(path: &str) -> String {
    let parts: Vec<&str> = path
        .split(['/', '\\'])
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    parts.join("/")
}
