//! Questions about pictures, and their answers.

mod documents;
mod layout;
mod pairs;
mod read;
mod references;
mod source;

pub(crate) use pairs::without_picture;
pub use read::{
    Question, QuestionData, QuestionSet, QuestionSplit, read_questions, read_questions_split,
};
pub(crate) use references::question_references;
pub use source::QuestionSource;

/// The words of a question, as they are learned: lower case, without punctuation, by the rules of
/// [`caption_words`](crate::data::caption_words).
///
/// ```
/// use unfold::data::question_words;
/// assert_eq!(question_words("What color is the man's hat?"), ["what", "color", "is", "the", "man", "'s", "hat"]);
/// ```
pub fn question_words(text: &str) -> Vec<String> {
    super::words::words(text)
}
