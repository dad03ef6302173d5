//! Drives the program as its users do.

mod bench;
mod composition;
mod desk;
mod errors;
mod help;
mod image;
mod journey;
mod lab;
mod language;
mod language_data;
mod questions;
#[cfg(unix)]
mod resume;
mod score;
