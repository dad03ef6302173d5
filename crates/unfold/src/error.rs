//! One error type for everything that can go wrong outside the program's own logic: files,
//! data, recipes, models. Shape mistakes in code panic instead (see [`crate::ops`]).

use std::fmt;
use std::path::Path;

/// What kind of thing went wrong; the program turns it into its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The operating system refused to read or write.
    Io,
    /// The data cannot be used as it is.
    Data,
    /// A recipe or a setting is wrong.
    Recipe,
    /// A model or checkpoint file cannot be used.
    Model,
    /// Training could not go on.
    Training,
    /// The user asked to stop; everything is saved.
    Interrupted,
}

/// What went wrong, where, and what to do about it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    place: String,
    problem: String,
    remedy: String,
}

/// A result with this crate's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind` at `place` (a file and the place in it), with what to do about it.
    /// `place` and `remedy` may be empty.
    pub fn new(
        kind: ErrorKind,
        place: impl fmt::Display,
        problem: impl fmt::Display,
        remedy: impl fmt::Display,
    ) -> Error {
        Error {
            kind,
            place: place.to_string(),
            problem: problem.to_string(),
            remedy: remedy.to_string(),
        }
    }

    /// Data that cannot be used.
    pub fn data(
        place: impl fmt::Display,
        problem: impl fmt::Display,
        remedy: impl fmt::Display,
    ) -> Error {
        Error::new(ErrorKind::Data, place, problem, remedy)
    }

    /// A wrong recipe or setting.
    pub fn recipe(
        place: impl fmt::Display,
        problem: impl fmt::Display,
        remedy: impl fmt::Display,
    ) -> Error {
        Error::new(ErrorKind::Recipe, place, problem, remedy)
    }

    /// A model file that cannot be used.
    pub fn model(
        place: impl fmt::Display,
        problem: impl fmt::Display,
        remedy: impl fmt::Display,
    ) -> Error {
        Error::new(ErrorKind::Model, place, problem, remedy)
    }

    /// A training that cannot go on.
    pub fn training(
        place: impl fmt::Display,
        problem: impl fmt::Display,
        remedy: impl fmt::Display,
    ) -> Error {
        Error::new(ErrorKind::Training, place, problem, remedy)
    }

    /// The operating system's error while doing `action` ("read", "write", …) on `path`.
    pub fn io(path: impl AsRef<Path>, action: &str, source: &std::io::Error) -> Error {
        use std::io::ErrorKind as Os;
        let remedy = match source.kind() {
            Os::NotFound => "check the path",
            Os::PermissionDenied => "check the permissions of the file and its folder",
            Os::StorageFull | Os::QuotaExceeded | Os::FileTooLarge => {
                "free some space, or choose another place with --out; what was saved before is untouched"
            }
            _ => "",
        };
        Error::new(
            ErrorKind::Io,
            path.as_ref().display(),
            format!("cannot {action}: {source}"),
            remedy,
        )
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The file, and the place in it.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// What is wrong there.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// What to do about it; may be empty.
    pub fn remedy(&self) -> &str {
        &self.remedy
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.problem)?;
        if !self.remedy.is_empty() {
            write!(f, "\n  {}", self.remedy)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_what_and_what_to_do() {
        let error = Error::data("mail.csv, line 7", "3 fields, expected 2", "quote the text");
        assert_eq!(
            error.to_string(),
            "mail.csv, line 7: 3 fields, expected 2\n  quote the text"
        );
        assert_eq!(error.kind(), ErrorKind::Data);
    }
}
