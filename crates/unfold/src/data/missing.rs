//! What to say about a path that leads nowhere.

use std::io;
use std::path::Path;

use super::builtin;
use crate::error::{Error, Result};

/// The error for a path that cannot be looked at, with the name that was probably meant.
pub(super) fn explain(path: &Path, error: &io::Error) -> Error {
    explain_or(path, error, "check the path")
}

/// The same for a path where data should be: some comes with the program.
pub(super) fn explain_data(path: &Path, error: &io::Error) -> Error {
    let names = builtin::NAMES.join(", ");
    let remedy = format!("check the path; data that comes with the program: {names}");
    explain_or(path, error, &remedy)
}

fn explain_or(path: &Path, error: &io::Error, otherwise: &str) -> Error {
    if error.kind() != io::ErrorKind::NotFound {
        return Error::io(path, "read", error);
    }
    let remedy = match nearest(path) {
        Some(name) => format!("did you mean {}?", path.with_file_name(name).display()),
        None => otherwise.to_owned(),
    };
    Error::data(path.display(), "there is no such file or folder", remedy)
}

/// Reads a whole file; a path that leads nowhere is explained.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| explain(path, &error))
}

/// The name beside `path` that differs from it by few letters.
fn nearest(path: &Path) -> Option<String> {
    let wanted = path.file_name()?.to_string_lossy().into_owned();
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let names = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .take(10_000)
        .map(|name| (distance(&wanted, &name), name))
        .filter(|(distance, name)| *distance <= 1 + wanted.len() / 4 || name.starts_with(&wanted))
        .min()
        .map(|(_, name)| name)
}

/// How many letters must be changed, added or dropped (Levenshtein).
pub(super) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probable_name_is_suggested() {
        assert_eq!(distance("kitten", "sitting"), 3);
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("reviews.csv"), "x").expect("written");
        let error = read(&folder.path().join("review.csv")).expect_err("missing");
        assert!(error.remedy().contains("reviews.csv?"), "{error}");
    }
}
