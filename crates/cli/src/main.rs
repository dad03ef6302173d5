//! The program `unfold`.
#![allow(dead_code)]
mod metrics;
mod pictures;
fn main() {}
