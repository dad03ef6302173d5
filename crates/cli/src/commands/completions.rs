//! `unfold completions`.

use std::io::Write as _;

use anyhow::Result;
use clap::CommandFactory as _;

use crate::flags::Flags;

/// Prints the completion script for a shell.
pub(super) fn print(shell: clap_complete::Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Flags::command(), "unfold", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(())
}
