//! The program `unfold`.
fn main() {}
