//! Tar and zip archives, read in place.

use std::io::{Read, Seek};

use zip::ZipArchive;

use super::files::{Files, damaged};
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
pub(super) fn read_tar(files: &mut Files, archive: impl Read) -> Result<()> {
    let name = files.name.clone();
    let mut archive = tar::Archive::new(archive);
    let entries = archive.entries().map_err(|error| damaged(&name, &error))?;
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
            let size = entry.size();
            // The reader takes the end of the archive for the end of the file.
            if (add_unpacked(files, &path, &mut entry)? as u64) < size
                && without_packing(&path) == path
            {
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

/// Adds every wanted file of a zip archive.
pub(super) fn read_zip(files: &mut Files, archive: impl Read + Seek) -> Result<()> {
    let name = files.name.clone();
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
            "is an Office document, not a table or an archive of texts",
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
            add_unpacked(files, &path, &mut entry)?;
        }
    }
    Ok(())
}

fn add_unpacked(files: &mut Files, path: &str, content: impl Read) -> Result<usize> {
    let place = format!("{}, {path}", files.name);
    let content =
        unpacked(std::io::BufReader::new(content)).map_err(|error| damaged(&place, &error))?;
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
