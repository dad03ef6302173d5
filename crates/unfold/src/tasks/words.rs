//! The words that models of sentences about pictures learn.

use std::collections::HashMap;

use crate::data::{Count, Vocabulary};
use crate::error::{Error, Result};

/// The words met at least `min_count` times in some sentences, which are given as words.
///
/// # Errors
/// When words are met, but none so often.
pub(super) fn vocabulary(
    sentences: impl Iterator<Item = Vec<String>>,
    min_count: usize,
) -> Result<Vocabulary> {
    let mut counts: HashMap<String, Count> = HashMap::new();
    for word in sentences.flatten() {
        counts.entry(word).or_default().total += 1;
    }
    let most = counts.values().map(|count| count.total).max();
    match most {
        Some(most) if most < min_count as u64 => Err(Error::recipe(
            "words.min_count",
            format!("is {min_count}, but no word of the training part is met so often"),
            format!("lower it: the most frequent word is met {most} times"),
        )),
        _ => Ok(Vocabulary::build(counts, min_count, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_word_must_be_frequent_enough() {
        let sentences = || ["a dog", "a cat"].map(|s| s.split(' ').map(str::to_owned).collect());
        let words = |min_count| vocabulary(sentences().into_iter(), min_count);
        assert_eq!(words(2).unwrap().words()[2..], ["a"]);
        let error = words(3).unwrap_err().to_string();
        assert!(error.contains("words.min_count") && error.contains("met 2 times"));
        assert_eq!(vocabulary(std::iter::empty(), 3).unwrap().len(), 2);
    }
}
