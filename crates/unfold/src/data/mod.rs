//! From raw files to numbers: reading, cleaning, splitting, tokens, batches.

mod archive;
mod batch;
mod bpe;
mod builtin;
mod captions;
mod classes;
mod clean;
mod codec;
mod columnar;
mod concurrent;
mod corpus;
mod dataset;
mod delimited;
mod detokenize;
mod encoder;
mod encoding;
mod features;
mod files;
mod format;
mod glob;
mod html;
mod idx;
mod json;
mod layout;
mod mail;
mod missing;
mod parts;
mod pictures;
mod predictions;
mod questions;
mod read_at;
mod remove;
mod rows;
mod scenes;
mod source;
mod split;
mod store;
mod stream;
mod table;
mod text;
mod tokens;
mod tree;
mod unpack;
mod vectors;
mod vocabulary;
mod words;

pub use batch::bucketed_batches;
pub(crate) use captions::caption_references;
pub use captions::{
    CaptionData, CaptionSet, CaptionSource, CaptionSplit, caption_words, read_captions,
    read_captions_split, read_pictures_and_captions,
};
pub use codec::Codec;
pub use corpus::{Corpus, CorpusPart, CorpusSource, Ends, Watch};
pub use dataset::read_all_pictures;
pub use detokenize::Detokenizer;
pub use encoder::{Encoder, Reader};
pub(crate) use glob::matches;
pub use idx::{GreyPictures, Idx, Mnist, read_idx, read_mnist};
pub use pictures::{
    Album, AlbumConfig, AugmentConfig, Batcher, Border, Damage, Erase, Fit, Flip, MOST_PIXELS,
    Mixed, Normalise, Picture, PictureBatch, PictureData, PictureFiles, PictureForm, PictureSet,
    PictureSource, PictureSplit, RandAugment, ResizedCrop, Survey, cut_mix, decode, mix_up,
    read_pictures, read_pictures_split,
};
pub(crate) use predictions::{Predicted, Predictions, read_predictions};
pub use questions::{
    Question, QuestionData, QuestionSet, QuestionSource, QuestionSplit, question_words,
    read_questions, read_questions_split,
};
pub(crate) use questions::{question_references, without_picture};
pub(crate) use read_at::read_at;
pub use source::{Remove, TextSource};
pub use stream::{Measure, TokenStream, TokenWriter};
pub use text::{Example, TextData, read_text, read_text_split};
pub use tokens::{Numbers, TokenConfig, TokenKind};
pub use vectors::load_vectors;
pub use vocabulary::{Count, Vocabulary};
