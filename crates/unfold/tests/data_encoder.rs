//! Texts to numbers: what is learned, what is stored, and where tokens lie in the text.

use std::path::PathBuf;

use proptest::prelude::*;
use unfold::data::{Encoder, Numbers, TokenConfig, TokenKind, load_vectors};

fn fit(texts: &[&str], config: &TokenConfig) -> Encoder {
    Encoder::fit(texts.iter().copied(), config).unwrap_or_else(|error| panic!("{error}"))
}

/// Stores an encoder as a model does, and loads it again.
fn stored(encoder: &Encoder) -> Encoder {
    let json = serde_json::to_string(encoder).expect("stored");
    serde_json::from_str(&json).expect("loaded")
}

#[test]
fn words_become_numbers_by_frequency() {
    let texts = ["The cat, the hat", "a cat", "rare"];
    let encoder = fit(
        &texts,
        &TokenConfig {
            min_count: 2,
            max_length: 3,
            ..TokenConfig::default()
        },
    );
    assert_eq!(
        encoder.vocabulary().words(),
        ["<pad>", "<unk>", "cat", "the"]
    );
    assert_eq!((encoder.size(), encoder.bag_size()), (4, 4));
    assert_eq!(encoder.encode("The CAT sat there"), [3, 2, 1]);
    assert_eq!(
        encoder.encode_bag("sat cat the the the cat"),
        [2, 3, 3, 3, 2]
    );
    assert_eq!(encoder.encode(""), [1]);
    assert_eq!(encoder.encode_bag("nothing known"), [1]);
}

#[test]
fn many_texts_are_encoded_as_each_is() {
    let texts: Vec<String> = (0..500).map(|n| format!("text {} of {n}", n % 7)).collect();
    let encoder = fit(
        &["text of 1 2 3"],
        &TokenConfig {
            word_ngrams: 2,
            ..TokenConfig::default()
        },
    );
    let one_by_one: Vec<_> = texts.iter().map(|text| encoder.encode(text)).collect();
    assert_eq!(encoder.encode_all(&texts), one_by_one);
    let one_by_one: Vec<_> = texts.iter().map(|text| encoder.encode_bag(text)).collect();
    assert_eq!(encoder.encode_all_bags(&texts), one_by_one);
}

#[test]
fn telling_words_weigh_more() {
    let encoder = fit(
        &["a b", "a c", "a a"],
        &TokenConfig {
            word_ngrams: 2,
            ..TokenConfig::default()
        },
    );
    // ln((1 + n) / (1 + d)) + 1 with n = 3: scikit-learn gives 1 for `a` and 1.6931472 for `b`.
    let idf = |word: &str| encoder.idf()[encoder.vocabulary().id(word).expect("known") as usize];
    assert!((idf("a") - 1.0).abs() < 1e-6 && (idf("b") - 1.693_147_2).abs() < 1e-6);
    assert_eq!(encoder.idf().len(), encoder.bag_size());
    assert_eq!(encoder.bag_size(), encoder.size() + 3); // the pairs a b, a c and a a
    assert!(
        encoder.idf()[encoder.size()..]
            .iter()
            .all(|idf| (idf - 1.693_147_2).abs() < 1e-6)
    );
}

#[test]
fn ngrams_met_in_training_follow_the_words() {
    let texts = ["call now", "call me now", "call now please"];
    let config = TokenConfig {
        word_ngrams: 2,
        bucket_min_count: 2,
        ..TokenConfig::default()
    };
    let encoder = fit(&texts, &config);
    let words = encoder.size() as u32;
    assert_eq!(encoder.bag_size(), encoder.size() + 1); // `call now` alone is in two documents
    assert_eq!(encoder.encode_bag("call now").last(), Some(&words));
    assert!(encoder.encode_bag("now call").iter().all(|&id| id < words));
    let inside = TokenConfig {
        char_ngrams: Some((3, 3)),
        ..TokenConfig::default()
    };
    let inside = fit(&["abc"], &inside);
    assert_eq!(inside.bag_size() - inside.size(), 3); // <ab abc bc>
    let across = TokenConfig {
        char_ngrams: Some((3, 3)),
        char_ngrams_across: true,
        ..TokenConfig::default()
    };
    let across = fit(&["A  b\nc"], &across);
    assert_eq!(across.bag_size() - across.size(), 3); // "a b" " b " "b c"
}

#[test]
fn an_encoder_is_stored_whole() {
    let config = TokenConfig {
        word_ngrams: 3,
        char_ngrams: Some((2, 4)),
        numbers: Numbers::Replace,
        buckets: 1 << 12,
        max_length: 5,
        ..TokenConfig::default()
    };
    let encoder = fit(&["Call 0800 now!", "no, don't call", ""], &config);
    let again = stored(&encoder);
    for text in ["Call 0900 now", "unknown words", "", "don’t CALL!!!!!"] {
        assert_eq!(again.encode(text), encoder.encode(text));
        assert_eq!(again.encode_bag(text), encoder.encode_bag(text));
        assert_eq!(again.tokens(text), encoder.tokens(text));
    }
    assert_eq!(again.idf(), encoder.idf());
    assert_eq!(again.config(), encoder.config());
}

#[test]
fn damaged_encoders_are_refused() {
    let config = TokenConfig {
        word_ngrams: 2,
        buckets: 64,
        ..TokenConfig::default()
    };
    let value = serde_json::to_value(fit(&["a b c"], &config)).expect("stored");
    let damage = |field: &str, with: serde_json::Value| {
        let mut value = value.clone();
        value[field] = with;
        serde_json::from_value::<Encoder>(value).is_err()
    };
    assert!(damage("buckets", serde_json::json!([[64, 1]])));
    assert!(damage("buckets", serde_json::json!([[2, 1], [1, 1]])));
    assert!(damage("tokenizer", serde_json::json!("{}")));
    assert!(damage(
        "config",
        serde_json::json!({"buckets": 0, "word_ngrams": 2})
    ));
    assert!(damage(
        "vocabulary",
        serde_json::json!({"words": ["a"], "documents": []})
    ));
}

#[test]
fn a_hugging_face_tokenizer_is_used_and_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tokenizer.json");
    // Some are published with a length for all texts: here each has its own.
    let tokenizer = serde_json::json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0},
        "padding": {
            "strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0,
            "pad_token": "[UNK]"
        }, "added_tokens": [], "post_processor": null,
        "decoder": null, "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "hello": 1, "world": 3}, "unk_token": "[UNK]"}
    });
    std::fs::write(&path, tokenizer.to_string()).expect("written");
    let config = TokenConfig {
        tokenizer: TokenKind::File,
        file: Some(path),
        ..TokenConfig::default()
    };
    let encoder = fit(&["Hello world", "hello"], &config);
    drop(folder);
    let encoder = stored(&encoder);
    assert_eq!(encoder.size(), 2 + 4); // its own numbers 0 to 3 after the two special ones
    // What the file has `[UNK]` for is unknown, as in any vocabulary.
    assert_eq!(encoder.encode("World, hello"), [5, 1, 3]);
    assert_eq!(encoder.tokens("Été World")[1], (6..11, "world".to_owned()));
    assert_eq!(encoder.encode(""), [1]);
    assert_eq!(encoder.vocabulary().documents()[3], 2);
}

#[test]
fn vectors_are_found_for_words() {
    let encoder = fit(
        &["cat dog bird new york"],
        &TokenConfig {
            tokenizer: TokenKind::Whitespace,
            ..TokenConfig::default()
        },
    );
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("vectors.txt");
    std::fs::write(&path, "4 2\ncat 1 2\nnew york 3 4\nfish 5 6\ndog 7 -8e-1\n").expect("written");
    let (size, vectors) = load_vectors(&path, encoder.vocabulary()).expect("readable");
    let vector =
        |word: &str| vectors[encoder.vocabulary().id(word).expect("known") as usize].clone();
    assert_eq!((size, vectors.len()), (2, encoder.size()));
    assert_eq!(
        (vector("cat"), vector("dog")),
        (Some(vec![1.0, 2.0]), Some(vec![7.0, -0.8]))
    );
    assert_eq!(vector("bird"), None);
}

#[test]
fn published_vectors_are_read_packed() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data/text/glove.6B.50d.top50k.txt.gz");
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return;
    }
    let encoder = fit(
        &["The film isn't good; it's naive ..."],
        &TokenConfig::default(),
    );
    let (size, vectors) = load_vectors(&path, encoder.vocabulary()).expect("readable");
    assert_eq!(size, 50);
    let missing = |id: &usize| vectors[*id].is_none();
    let missing: Vec<&String> = (2..vectors.len())
        .filter(missing)
        .map(|id| &encoder.vocabulary().words()[id])
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

proptest! {
    /// Tokens lie in the text in order, and are the sequence that is encoded.
    #[test]
    fn tokens_are_places_in_the_text(text in "(?s).{0,60}|[a-zA-Z0-9' .,!’\u{4e00}-\u{4e09}]{0,60}", kind in 0usize..3) {
        let kind = [TokenKind::Words, TokenKind::Whitespace, TokenKind::Characters][kind];
        let config = TokenConfig { tokenizer: kind, word_ngrams: 2, char_ngrams: Some((1, 3)), ..TokenConfig::default() };
        let encoder = fit(&["some words", &text], &config);
        let tokens = encoder.tokens(&text);
        let mut end = 0;
        for (span, word) in &tokens {
            prop_assert!(span.start >= end && span.end > span.start);
            prop_assert!(text.get(span.clone()).is_some());
            prop_assert!(!word.is_empty());
            end = span.end;
        }
        let ids = encoder.encode(&text);
        prop_assert_eq!(ids.len(), tokens.len().max(1));
        prop_assert!(ids.iter().all(|&id| (id as usize) < encoder.size()));
        let bag = encoder.encode_bag(&text);
        prop_assert!(!bag.is_empty() && bag.iter().all(|&id| (id as usize) < encoder.bag_size()));
    }
}
