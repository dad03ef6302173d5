//! Captions: pictures and what people say of them.

mod documents;
mod layout;
mod lists;
mod read;
mod references;
mod source;

pub use read::{
    CaptionData, CaptionSet, CaptionSplit, read_captions, read_captions_split,
    read_pictures_and_captions,
};
pub(crate) use references::caption_references;
pub use source::CaptionSource;

/// The words of a caption, as they are learned and scored: lower case, without punctuation, with ends such as `'s` and
/// `n't` as words of their own. Plain sentences are cut as the PTBTokenizer of coco-caption does, which rules of thumb
/// stand in for here; brackets, which it keeps as `-lrb-`, are left out.
///
/// ```
/// use unfold::data::caption_words;
/// assert_eq!(caption_words("The dog's ball isn't red!"), ["the", "dog", "'s", "ball", "is", "n't", "red"]);
/// ```
pub fn caption_words(text: &str) -> Vec<String> {
    super::words::words(text)
}
