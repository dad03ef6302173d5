//! `unfold completions`.

use anyhow::Result;
use clap::CommandFactory as _;

use crate::flags::Flags;
use crate::output;

/// Prints the completion script for a shell.
pub(super) fn print(shell: clap_complete::Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Flags::command(), "unfold", &mut script);
    output::print(&String::from_utf8(script)?)
}
