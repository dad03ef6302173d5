//! Texts to numbers and back to places in the text; everything about it is stored in the model.

use std::collections::HashMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer;

use super::vocabulary::Count;
use super::{TokenConfig, TokenKind, Vocabulary, concurrent, features, missing};
use crate::error::{Error, Result};

/// Turns texts into numbers as it learned from the training texts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Encoder {
    config: TokenConfig,
    vocabulary: Vocabulary,
    documents: u32,
    /// The buckets met in training, in order, with the number of documents that hold each.
    buckets: Vec<(u32, u32)>,
    /// For each bucket 1 + its place in `buckets`, or 0.
    places: Vec<u32>,
    idf: Vec<f32>,
    file: Option<TokenizerFile>,
}

/// What a `tokenizer.json` says, and its text.
#[derive(Clone, Debug)]
struct TokenizerFile {
    tokenizer: Tokenizer,
    json: String,
    /// The token that it has for what it does not know.
    unknown: Option<String>,
}

/// What a `tokenizer.json` says of what it does not know.
#[derive(Deserialize)]
struct FileHead {
    model: ModelHead,
}

#[derive(Deserialize)]
struct ModelHead {
    #[serde(default)]
    unk_token: Option<String>,
    /// In place of the token its number.
    #[serde(default)]
    unk_id: Option<u32>,
}

/// Hands each text of a set to its argument.
pub type Reader<'a> = dyn FnMut(&mut dyn FnMut(&str) -> Result<()>) -> Result<()> + 'a;

impl TokenizerFile {
    fn parse(json: String) -> std::result::Result<TokenizerFile, String> {
        let told = |error: tokenizers::Error| error.to_string();
        let mut tokenizer: Tokenizer = json.parse().map_err(told)?;
        // Made for a network of fixed length: here every token counts, and no other does.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(told)?;
        let head: FileHead = serde_json::from_str(&json).map_err(|error| error.to_string())?;
        let numbered = head.model.unk_id.and_then(|id| tokenizer.id_to_token(id));
        Ok(TokenizerFile {
            unknown: head.model.unk_token.or(numbered),
            tokenizer,
            json,
        })
    }
}

impl Encoder {
    /// Learns words, n-grams and their frequencies from the training texts.
    ///
    /// # Errors
    /// When the configuration cannot be meant, the tokenizer's file cannot be read, or no word is
    /// left.
    pub fn fit<'a>(
        mut texts: impl Iterator<Item = &'a str>,
        config: &TokenConfig,
    ) -> Result<Encoder> {
        Encoder::learn(&mut |visit| texts.try_for_each(&mut *visit), config)
    }

    /// [`Encoder::fit`] on texts that are handed out one after the other: `read` gives each to its
    /// argument, and may be called twice.
    ///
    /// # Errors
    /// As [`Encoder::fit`], and those of `read`.
    pub fn learn(read: &mut Reader<'_>, config: &TokenConfig) -> Result<Encoder> {
        config.check()?;
        let file = config.file.as_deref().map(|path| {
            let json = missing::read(path)?;
            let bad = |error| {
                Error::data(
                    path.display(),
                    format!("not a tokenizer.json ({error})"),
                    "fetch it again",
                )
            };
            TokenizerFile::parse(String::from_utf8_lossy(&json).into_owned()).map_err(bad)
        });
        let mut encoder = Encoder {
            config: config.clone(),
            vocabulary: Vocabulary::from_words([]),
            documents: 0,
            buckets: Vec::new(),
            places: Vec::new(),
            idf: Vec::new(),
            file: file.transpose()?,
        };
        if config.tokenizer == TokenKind::Bpe {
            let json = super::bpe::train(read, config)?;
            encoder.file = Some(
                TokenizerFile::parse(json)
                    .map_err(|problem| Error::data("vocabulary", problem, "give more text"))?,
            );
        }
        let mut words: HashMap<String, (Count, u32)> = HashMap::new();
        let mut buckets = vec![(0u32, 0u32); if config.hashes() { config.buckets } else { 0 }];
        read(&mut |text| {
            encoder.documents += 1;
            let now = encoder.documents;
            encoder.visit_words(text, &mut |_, word| {
                if !words.contains_key(word) {
                    words.insert(word.to_owned(), (Count::default(), 0));
                }
                if let Some((count, last)) = words.get_mut(word) {
                    count.total += 1;
                    count.documents += u32::from(*last != now);
                    *last = now;
                }
                true
            });
            encoder.visit_buckets(text, &mut |bucket| {
                let (documents, last) = &mut buckets[bucket];
                *documents += u32::from(*last != now);
                *last = now;
            });
            Ok(())
        })?;
        let nothing = words.is_empty();
        encoder.vocabulary = match &encoder.file {
            Some(file) => file_vocabulary(&file.tokenizer, &words),
            None => {
                let counts = words.into_iter().map(|(word, (count, _))| (word, count));
                Vocabulary::build(counts, config.min_count, config.max_size)
            }
        };
        if encoder.vocabulary.len() <= 2 && buckets.iter().all(|(documents, _)| *documents == 0) {
            let (problem, remedy) = match nothing {
                true => (
                    "there is no word to learn".to_owned(),
                    "give texts with words in them, or check what is removed from them",
                ),
                false => (
                    format!("no word is left (tokens.min_count = {})", config.min_count),
                    "lower tokens.min_count, give more text, or check what is removed from it",
                ),
            };
            return Err(Error::data("vocabulary", problem, remedy));
        }
        let least = config.bucket_min_count.max(1);
        let met = buckets
            .iter()
            .enumerate()
            .filter(|(_, (documents, _))| *documents as usize >= least);
        encoder.buckets = met
            .map(|(bucket, (documents, _))| (bucket as u32, *documents))
            .collect();
        encoder.prepare();
        Ok(encoder)
    }

    /// Derives what is not stored.
    fn prepare(&mut self) {
        self.places = vec![
            0;
            if self.config.hashes() {
                self.config.buckets
            } else {
                0
            }
        ];
        for (place, (bucket, _)) in self.buckets.iter().enumerate() {
            self.places[*bucket as usize] = place as u32 + 1;
        }
        let all = f64::from(self.documents);
        let idf = |documents: u32| (((1.0 + all) / (1.0 + f64::from(documents))).ln() + 1.0) as f32;
        let words = self.vocabulary.documents().iter().copied();
        let buckets = self.buckets.iter().map(|(_, documents)| *documents);
        self.idf = words.chain(buckets).map(idf).collect();
        self.idf[..2].fill(1.0); // met only where there is no word to weigh
    }

    /// How texts are cut.
    pub fn config(&self) -> &TokenConfig {
        &self.config
    }

    /// The words that are known.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// How many numbers sequences are made of.
    pub fn size(&self) -> usize {
        self.vocabulary.len()
    }

    /// How many numbers bags are made of: the words, then the n-grams met in training.
    pub fn bag_size(&self) -> usize {
        self.vocabulary.len() + self.buckets.len()
    }

    /// For each number of a bag how telling it is: ln((1 + n) / (1 + d)) + 1, where d of the n
    /// training documents hold it (the smoothed inverse document frequency of scikit-learn).
    pub fn idf(&self) -> &[f32] {
        &self.idf
    }

    /// The tokens of a text in order; one unknown word when there is none.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        self.visit_sequence(text, &mut |_, word| {
            ids.push(self.vocabulary.id(word).unwrap_or(Vocabulary::UNKNOWN))
        });
        if ids.is_empty() {
            ids.push(Vocabulary::UNKNOWN);
        }
        ids
    }

    /// The known words of a text in order, then its known n-grams; each as often as it is met.
    /// One unknown word when there is none.
    pub fn encode_bag(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        self.visit_words(text, &mut |_, word| {
            ids.extend(self.vocabulary.id(word));
            true
        });
        let words = self.vocabulary.len() as u32;
        self.visit_buckets(text, &mut |bucket| {
            let place = self.places[bucket];
            ids.extend((place > 0).then(|| words + place - 1));
        });
        if ids.is_empty() {
            ids.push(Vocabulary::UNKNOWN);
        }
        ids
    }

    /// The text of tokens that a `tokenizer.json` cut, by their numbers here; `None` for others.
    pub(super) fn decode_file(&self, ids: &[u32]) -> Option<String> {
        let file = self.file.as_ref()?;
        let ids: Vec<u32> = ids.iter().filter_map(|id| id.checked_sub(2)).collect();
        file.tokenizer.decode(&ids, true).ok()
    }

    /// [`Encoder::encode`] of many texts, on all cores.
    pub fn encode_all<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Vec<Vec<u32>> {
        concurrent::map(texts, |text| self.encode(text.as_ref()))
    }

    /// [`Encoder::encode_bag`] of many texts, on all cores.
    pub fn encode_all_bags<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Vec<Vec<u32>> {
        concurrent::map(texts, |text| self.encode_bag(text.as_ref()))
    }

    /// The tokens of [`Encoder::encode`] with the place of each in the text, in bytes.
    pub fn tokens(&self, text: &str) -> Vec<(Range<usize>, String)> {
        let mut tokens = Vec::new();
        self.visit_sequence(text, &mut |span, word| tokens.push((span, word.to_owned())));
        tokens
    }

    fn visit_sequence(&self, text: &str, visit: &mut dyn FnMut(Range<usize>, &str)) {
        let mut room = if self.config.max_length == 0 {
            usize::MAX
        } else {
            self.config.max_length
        };
        self.visit_words(text, &mut |span, word| {
            visit(span, word);
            room -= 1;
            room > 0
        });
    }

    /// Visits every token until `visit` says `false`.
    fn visit_words(&self, text: &str, visit: &mut dyn FnMut(Range<usize>, &str) -> bool) {
        if let Some(file) = &self.file {
            // Encoding fails for text that the tokenizer has no token for: nothing is met then.
            if let Ok(encoding) = file.tokenizer.encode(text, false) {
                let spans = encoding
                    .get_offsets()
                    .iter()
                    .map(|&(start, end)| start..end);
                let unknown = file.unknown.as_deref();
                let tokens = encoding.get_tokens().iter().map(|token| match unknown {
                    Some(unknown) if unknown == token => Vocabulary::UNKNOWN_WORD,
                    _ => token,
                });
                spans.zip(tokens).all(|(span, token)| visit(span, token));
            }
            return;
        }
        let mut word = String::new();
        self.config.cut(text, &mut |span| {
            self.config.word(&text[span.clone()], &mut word);
            visit(span, &word)
        });
    }

    /// Visits the bucket of every n-gram.
    fn visit_buckets(&self, text: &str, visit: &mut dyn FnMut(usize)) {
        if !self.config.hashes() {
            return;
        }
        let buckets = self.config.buckets as u64;
        let mut visit = |hash: u64| visit((hash % buckets) as usize);
        let inside = self
            .config
            .char_ngrams
            .filter(|_| !self.config.char_ngrams_across);
        let mut words = Vec::new();
        if self.config.word_ngrams > 1 || inside.is_some() {
            let mut marked = String::new();
            self.visit_words(text, &mut |_, word| {
                words.push(features::word(word));
                if let Some(range) = inside {
                    marked.clear();
                    marked.extend(["<", word, ">"]);
                    features::char_ngrams(&marked, range, &mut visit);
                }
                true
            });
        }
        if let Some(range) = self
            .config
            .char_ngrams
            .filter(|_| self.config.char_ngrams_across)
        {
            let spaced = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let mut plain = String::new();
            self.config.word(&spaced, &mut plain);
            features::char_ngrams(&plain, range, &mut visit);
        }
        features::word_ngrams(&words, self.config.word_ngrams, visit);
    }
}

/// The words of a tokenizer's file in the order of its own numbers.
fn file_vocabulary(file: &Tokenizer, counts: &HashMap<String, (Count, u32)>) -> Vocabulary {
    let numbers = file
        .get_vocab(true)
        .values()
        .max()
        .map_or(0, |&last| last as usize + 1);
    // Numbers may be left out; such a place needs a name that no token has.
    let word = |id: usize| {
        file.id_to_token(id as u32)
            .unwrap_or_else(|| format!("<no token {id}>"))
    };
    let documents = |word: &String| counts.get(word).map_or(0, |(count, _)| count.documents);
    Vocabulary::from_words((0..numbers.min(1 << 24)).map(word).map(|word| {
        let documents = documents(&word);
        (word, documents)
    }))
}

/// How an encoder is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    config: TokenConfig,
    vocabulary: Vocabulary,
    documents: u32,
    buckets: Vec<(u32, u32)>,
    tokenizer: Option<String>,
}

impl From<Encoder> for Stored {
    fn from(encoder: Encoder) -> Stored {
        let Encoder {
            config,
            vocabulary,
            documents,
            buckets,
            file,
            ..
        } = encoder;
        Stored {
            config,
            vocabulary,
            documents,
            buckets,
            tokenizer: file.map(|file| file.json),
        }
    }
}

impl TryFrom<Stored> for Encoder {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Encoder, String> {
        let Stored {
            config,
            vocabulary,
            documents,
            buckets,
            tokenizer,
        } = stored;
        config.check().map_err(|error| error.to_string())?;
        let needed = matches!(config.tokenizer, TokenKind::File | TokenKind::Bpe);
        if tokenizer.is_some() != needed {
            return Err("the tokenizer's own file is missing, or not expected".to_owned());
        }
        let ordered = buckets.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let inside = buckets
            .last()
            .is_none_or(|(last, _)| config.hashes() && (*last as usize) < config.buckets);
        if !ordered || !inside {
            return Err("the numbers of the n-gram buckets are damaged".to_owned());
        }
        let file = tokenizer.map(TokenizerFile::parse).transpose()?;
        let mut encoder = Encoder {
            config,
            vocabulary,
            documents,
            buckets,
            places: Vec::new(),
            idf: Vec::new(),
            file,
        };
        encoder.prepare();
        Ok(encoder)
    }
}
