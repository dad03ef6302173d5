//! Data that comes with the program; see `data/README.md` for where it is from.

use std::borrow::Cow;
use std::path::Path;

use super::scenes;
use crate::error::{Error, Result};

/// The names that may be given in place of a path.
pub(super) const NAMES: [&str; 4] = [
    "builtin:spam",
    "builtin:moby-dick",
    "builtin:digits",
    "builtin:scenes",
];

/// Which of them is sorted into classes.
pub(super) const SORTED: &str = NAMES[0];

/// SpamAssassin's public mail corpus: `ham/` and `spam/`, one raw mail a file.
static SPAM: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../data/spam-assassin.tar.xz"
));

/// Melville's novel of 1851, as running text.
static MOBY_DICK: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../data/moby-dick.txt.xz"
));

/// Handwritten digits as MNIST's four IDX files, 8,000 to learn from and 2,000 to measure on.
static DIGITS: &[u8] = include_bytes!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../data/digits.tar.xz"
));

/// Whether `path` names data that comes with the program.
pub(super) fn is_builtin(path: &Path) -> bool {
    path.to_string_lossy().starts_with("builtin:")
}

/// The archive or packed file that `path` names; nothing when it is a path like any other.
pub(super) fn archive(path: &Path) -> Result<Option<Cow<'static, [u8]>>> {
    if !is_builtin(path) {
        return Ok(None);
    }
    match path.to_string_lossy().as_ref() {
        "builtin:spam" => Ok(Some(SPAM.into())),
        "builtin:moby-dick" => Ok(Some(MOBY_DICK.into())),
        "builtin:digits" => Ok(Some(DIGITS.into())),
        "builtin:scenes" => Ok(Some(scenes::archive().into())),
        other => Err(Error::data(
            other,
            "no such data comes with the program",
            format!("there is {}", NAMES.join(", ")),
        )),
    }
}
