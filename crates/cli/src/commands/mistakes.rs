//! What cannot be answered among much that can.

use anyhow::{Error, Result};

use crate::failure;

/// Mistakes that keep nothing else from being answered: each is told at once, and the command fails at its end.
#[derive(Default)]
pub(super) struct Mistakes {
    last: Option<Error>,
}

impl Mistakes {
    /// What is there; a mistake is passed over.
    pub(super) fn pass<T>(&mut self, result: Result<T>) -> Option<T> {
        result
            .map_err(|error| self.last = Some(failure::told(error)))
            .ok()
    }

    /// Nothing more will come.
    ///
    /// # Errors
    /// When there was a mistake.
    pub(super) fn end(self) -> Result<()> {
        self.last.map_or(Ok(()), Err)
    }
}
