//! Metrics of captions against coco-caption's and CIDEr's own (`tools/make_caption_reference.py`).

use serde::Deserialize;
use unfold::data::caption_words;
use unfold::metrics::{CaptionScores, Captioned, bleu, cider, cider_d, rouge_l};

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
    /// Sentences, and their words joined by spaces.
    words: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    captions: Vec<(String, Vec<String>)>,
    bleu: [f64; 4],
    rouge_l: f64,
    cider: f64,
    cider_d: f64,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../reference/captions.json")).expect("reference")
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Candidates and references as words.
type Words<'a> = Vec<(Vec<&'a str>, Vec<Vec<&'a str>>)>;

fn cut(captions: &[(String, Vec<String>)]) -> Words<'_> {
    let cut = captions.iter().map(|(candidate, references)| {
        let references = references.iter().map(|reference| words(reference));
        (words(candidate), references.collect())
    });
    cut.collect()
}

fn scored<'a, 'w>(words: &'a Words<'w>) -> Vec<Captioned<'a, &'w str>> {
    let captioned = words.iter().map(|(candidate, references)| Captioned {
        candidate,
        references,
    });
    captioned.collect()
}

#[test]
fn caption_metrics_equal_coco_captions() {
    let mut furthest = 0.0_f64;
    for case in reference().cases {
        let words = cut(&case.captions);
        let captions = scored(&words);
        let [one, two, three, four] = bleu(&captions);
        let found = [
            one,
            two,
            three,
            four,
            rouge_l(&captions),
            cider(&captions),
            cider_d(&captions),
        ];
        let [b1, b2, b3, b4] = case.bleu;
        let expected = [b1, b2, b3, b4, case.rouge_l, case.cider, case.cider_d];
        for (found, expected) in found.iter().zip(expected) {
            furthest = furthest.max((found - expected).abs());
            assert!(
                (found - expected).abs() < 1e-9,
                "{}: {found}, reference {expected}",
                case.name
            );
        }
        let all = CaptionScores::of(&captions);
        let all = [
            all.bleu1,
            all.bleu2,
            all.bleu3,
            all.bleu4,
            all.rouge_l,
            all.cider,
            all.cider_d,
        ];
        assert_eq!(all, found, "{}", case.name);
    }
    println!("the largest difference is {furthest:e}");
}

#[test]
fn words_are_those_of_the_stanford_tokenizer() {
    for (sentence, expected) in reference().words {
        assert_eq!(caption_words(&sentence).join(" "), expected, "{sentence}");
    }
}

#[test]
fn the_same_caption_is_perfect_and_order_of_pictures_does_not_matter() {
    let case = &reference().cases[9].captions;
    let same: Vec<_> = case
        .iter()
        .map(|(_, all)| (all[0].clone(), all[..1].to_vec()))
        .collect();
    let words = cut(&same);
    let perfect = CaptionScores::of(&scored(&words));
    assert!((perfect.bleu4 - 1.0).abs() < 1e-9 && (perfect.rouge_l - 1.0).abs() < 1e-12);
    let mut turned: Vec<_> = case.clone();
    turned.reverse();
    let [there, back] = [cut(case), cut(&turned)];
    let [there, back] =
        [scored(&there), scored(&back)].map(|captions| CaptionScores::of(&captions));
    assert!((there.cider_d - back.cider_d).abs() < 1e-12);
    assert!((there.bleu4 - back.bleu4).abs() < 1e-12);
}

#[test]
fn nothing_is_scored_as_nothing() {
    let none: [Captioned<'_, &str>; 0] = [];
    let scores = CaptionScores::of(&none);
    assert_eq!([scores.rouge_l, scores.cider, scores.cider_d], [0.0; 3]);
    assert!(scores.bleu1 < 1e-5);
}

#[test]
#[should_panic(expected = "expected at least one reference for each candidate, got none")]
fn a_caption_without_references_is_a_mistake() {
    let none: [Vec<&str>; 0] = [];
    cider_d(&[Captioned {
        candidate: &["a"],
        references: &none,
    }]);
}
