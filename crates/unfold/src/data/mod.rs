//! From raw files to numbers: reading, cleaning, splitting, tokens, batches.

mod archive;
mod batch;
mod builtin;
mod clean;
mod columnar;
mod concurrent;
mod delimited;
mod encoder;
mod encoding;
mod features;
mod files;
mod format;
mod glob;
mod html;
mod json;
mod layout;
mod mail;
mod missing;
mod parts;
mod remove;
mod source;
mod split;
mod table;
mod text;
mod tokens;
mod unpack;
mod vectors;
mod vocabulary;

pub use batch::bucketed_batches;
pub use encoder::Encoder;
pub use source::{Remove, TextSource};
pub use text::{Example, TextData, read_text, read_text_split};
pub use tokens::{Numbers, TokenConfig, TokenKind};
pub use vectors::load_vectors;
pub use vocabulary::{Count, Vocabulary};
