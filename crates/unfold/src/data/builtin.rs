//! Data that comes with the program; see `data/README.md` for where it is from.

use std::path::Path;

use crate::error::{Error, Result};

/// The names that may be given in place of a path.
pub(super) const NAMES: [&str; 2] = ["builtin:spam", "builtin:moby-dick"];

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

/// Whether `path` names data that comes with the program.
pub(super) fn is_builtin(path: &Path) -> bool {
    path.to_string_lossy().starts_with("builtin:")
}

/// The archive or packed file that `path` names; nothing when it is a path like any other.
pub(super) fn archive(path: &Path) -> Result<Option<&'static [u8]>> {
    if !is_builtin(path) {
        return Ok(None);
    }
    match path.to_string_lossy().as_ref() {
        "builtin:spam" => Ok(Some(SPAM)),
        "builtin:moby-dick" => Ok(Some(MOBY_DICK)),
        other => Err(Error::data(
            other,
            "no such data comes with the program",
            format!("there is {}", NAMES.join(", ")),
        )),
    }
}
