//! Results on standard output.

use std::io::Write as _;

use anyhow::{Context as _, Result};

/// Prints `text` at once: whoever waits for an answer must not wait for the next one.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.context("standard output: cannot write")
}
