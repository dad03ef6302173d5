//! Drives the program as its users do.

mod bench;
mod desk;
mod errors;
mod help;
mod journey;
mod lab;
mod language;
mod language_data;
#[cfg(unix)]
mod resume;
