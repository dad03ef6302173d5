//! The program `unfold`: train, measure, use and look at convolutional and recurrent networks.
//!
//! Flags are parsed ([`flags`]), checked into a [`plan`], and acted on ([`commands`]).

mod commands;
mod failure;
mod flags;
mod interrupt;
mod memory;
mod metrics;
mod output;
mod pictures;
mod plan;
mod progress;
mod report;
mod run_folder;
mod tell;
mod wording;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let flags = flags::Flags::parse();
    memory::watch();
    let plan = unfold_kernels::check_simd()
        .map_err(|problem| failure::unusable(problem, "name one of them, or unset the variable"))
        .and_then(|()| plan::Plan::new(flags.command));
    match plan.and_then(commands::act) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
