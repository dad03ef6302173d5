//! The words that a model knows.

use std::hash::BuildHasher as _;

use hashbrown::{DefaultHashBuilder, HashTable};
use serde::{Deserialize, Serialize};

/// How often something was met in training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Times in all.
    pub total: u64,
    /// Documents that hold it.
    pub documents: u32,
}

/// Words and their numbers. Number 0 is [`Vocabulary::PAD`], the empty place; number 1 is
/// [`Vocabulary::UNKNOWN`], every word that is not known.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Vocabulary {
    words: Vec<String>,
    documents: Vec<u32>,
    /// Numbers of words, found by the word: a second copy of each would take half the time of loading a model.
    ids: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl PartialEq for Vocabulary {
    fn eq(&self, other: &Vocabulary) -> bool {
        self.words == other.words && self.documents == other.documents
    }
}

impl Vocabulary {
    /// The number of the empty place, `<pad>`.
    pub const PAD: u32 = 0;
    /// The number of every unknown word, `<unk>`.
    pub const UNKNOWN: u32 = 1;
    /// How it is written.
    pub(crate) const UNKNOWN_WORD: &'static str = "<unk>";
    const SPECIAL: [&'static str; 2] = ["<pad>", Vocabulary::UNKNOWN_WORD];

    /// The words met at least `min_count` times, at most `max_size` of them (0 for no limit): the
    /// most frequent first, equally frequent ones in the order of their letters.
    pub fn build(
        counts: impl IntoIterator<Item = (String, Count)>,
        min_count: usize,
        max_size: usize,
    ) -> Vocabulary {
        let frequent = |(word, count): &(String, Count)| {
            count.total >= min_count as u64 && !Vocabulary::SPECIAL.contains(&word.as_str())
        };
        let mut counts: Vec<(String, Count)> = counts.into_iter().filter(frequent).collect();
        counts.sort_unstable_by(|(a, m), (b, n)| n.total.cmp(&m.total).then_with(|| a.cmp(b)));
        if max_size > 0 {
            counts.truncate(max_size);
        }
        Vocabulary::from_words(
            counts
                .into_iter()
                .map(|(word, count)| (word, count.documents)),
        )
    }

    /// The given words with the number of training documents that hold each, in the given order.
    pub fn from_words(words: impl IntoIterator<Item = (String, u32)>) -> Vocabulary {
        let special = Vocabulary::SPECIAL
            .iter()
            .map(|word| ((*word).to_owned(), 0));
        let (words, documents): (Vec<String>, Vec<u32>) = special.chain(words).unzip();
        let hasher = DefaultHashBuilder::default();
        let mut ids = HashTable::with_capacity(words.len());
        for (id, word) in words.iter().enumerate().skip(1) {
            let same = |id: &u32| words[*id as usize] == *word;
            let hash = |id: &u32| hasher.hash_one(words[*id as usize].as_str());
            let entry = ids.entry(hasher.hash_one(word.as_str()), same, hash);
            entry.or_insert(id as u32); // the first of equal words
        }
        Vocabulary {
            words,
            documents,
            ids,
            hasher,
        }
    }

    /// How many numbers there are, the two special ones included.
    #[allow(
        clippy::len_without_is_empty,
        reason = "the two special words are always there"
    )]
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// The number of a word that is known.
    pub fn id(&self, word: &str) -> Option<u32> {
        let same = |id: &u32| self.words[*id as usize] == word;
        self.ids.find(self.hasher.hash_one(word), same).copied()
    }

    /// The word that has a number.
    pub fn word(&self, id: u32) -> Option<&str> {
        self.words.get(id as usize).map(String::as_str)
    }

    /// All words in the order of their numbers.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// How many training documents hold each word.
    pub fn documents(&self) -> &[u32] {
        &self.documents
    }
}

/// How a vocabulary is stored: without the two special words.
#[derive(Serialize, Deserialize)]
struct Stored {
    words: Vec<String>,
    documents: Vec<u32>,
}

impl From<Vocabulary> for Stored {
    fn from(vocabulary: Vocabulary) -> Stored {
        let Vocabulary {
            mut words,
            mut documents,
            ..
        } = vocabulary;
        words.drain(..2);
        documents.drain(..2);
        Stored { words, documents }
    }
}

impl TryFrom<Stored> for Vocabulary {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Vocabulary, String> {
        let Stored { words, documents } = stored;
        if words.len() != documents.len() {
            return Err(format!(
                "{} words but {} document counts",
                words.len(),
                documents.len()
            ));
        }
        Ok(Vocabulary::from_words(words.into_iter().zip(documents)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_numbered_by_frequency_then_letters() {
        let count = |total| Count {
            total,
            documents: 1,
        };
        let counts = [("b", 2), ("a", 2), ("rare", 1), ("c", 5), ("<unk>", 9)];
        let counts = counts.map(|(word, total)| (word.to_owned(), count(total)));
        let vocabulary = Vocabulary::build(counts.clone(), 2, 0);
        assert_eq!(vocabulary.words(), ["<pad>", "<unk>", "c", "a", "b"]);
        assert_eq!(
            (
                vocabulary.id("a"),
                vocabulary.id("rare"),
                vocabulary.id("<unk>")
            ),
            (Some(3), None, Some(1))
        );
        assert_eq!(Vocabulary::build(counts, 1, 2).len(), 4);
        let json = serde_json::to_string(&vocabulary).expect("stored");
        assert_eq!(
            serde_json::from_str::<Vocabulary>(&json).expect("read back"),
            vocabulary
        );
        assert!(serde_json::from_str::<Vocabulary>(r#"{"words":["a"],"documents":[]}"#).is_err());
    }
}
