//! Drives the program as its users do.

mod bench;
mod desk;
mod errors;
mod help;
mod journey;
#[cfg(unix)]
mod resume;
