//! From an error to what the user reads and the exit status.

use std::fmt;
use std::process::ExitCode;

use unfold::ErrorKind;

use crate::tell::tell;

/// Something the user must mend before the command can work: exit status 2.
#[derive(Debug)]
struct Unusable(String);

/// An error that says what is wrong and, on the next line, what to do.
pub(crate) fn unusable(problem: impl fmt::Display, remedy: impl fmt::Display) -> anyhow::Error {
    anyhow::Error::new(Unusable(format!("{problem}\n  {remedy}")))
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

/// An error that the user has read.
#[derive(Debug)]
struct Told(anyhow::Error);

/// Says at once what went wrong. [`report`] gives the exit status for it and says nothing more.
pub(crate) fn told(error: anyhow::Error) -> anyhow::Error {
    tell!("error: {error:#}");
    anyhow::Error::new(Told(error))
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Told {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

pub(crate) const FAILED: u8 = 1;
const UNUSABLE: u8 = 2;
/// What shells say of a command that Ctrl-C ended.
pub(crate) const INTERRUPTED: u8 = 130;

/// Says what went wrong on standard error and gives the exit status for it.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if is_closed_pipe(error) {
        // Whoever read our output, such as `head`, has seen enough.
        return ExitCode::SUCCESS;
    }
    let status = status(error);
    if !error.is::<Told>() {
        let head = if status == INTERRUPTED { "" } else { "error: " };
        tell!("{head}{error:#}");
    }
    ExitCode::from(status)
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let broken = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::BrokenPipe;
    error
        .chain()
        .any(|cause| cause.downcast_ref().is_some_and(broken))
}

fn status(error: &anyhow::Error) -> u8 {
    let of = |cause: &(dyn std::error::Error + 'static)| {
        if cause.is::<Unusable>() {
            return Some(UNUSABLE);
        }
        cause
            .downcast_ref()
            .map(|error: &unfold::Error| match error.kind() {
                ErrorKind::Data | ErrorKind::Recipe | ErrorKind::Model => UNUSABLE,
                ErrorKind::Interrupted => INTERRUPTED,
                ErrorKind::Io | ErrorKind::Training => FAILED,
            })
    };
    error.chain().find_map(of).unwrap_or(FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_must_mend_is_two() {
        assert_eq!(status(&unusable("x", "y")), UNUSABLE);
        assert_eq!(
            status(&unfold::Error::recipe("r.toml", "p", "r").into()),
            UNUSABLE
        );
        assert_eq!(
            status(&unfold::Error::training("run", "p", "r").into()),
            FAILED
        );
        assert_eq!(status(&anyhow::anyhow!("x")), FAILED);
        assert_eq!(status(&told(unusable("x", "y"))), UNUSABLE);
        let stopped = unfold::Error::new(ErrorKind::Interrupted, "run", "stopped", "");
        assert_eq!(
            status(&anyhow::Error::new(stopped).context("while training")),
            INTERRUPTED
        );
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let closed = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert!(is_closed_pipe(
            &anyhow::Error::new(closed).context("writing")
        ));
        assert!(!is_closed_pipe(&anyhow::anyhow!("x")));
    }
}
