//! Drives the program as its users do.

mod desk;
mod errors;
mod help;
mod journey;
#[cfg(unix)]
mod resume;
