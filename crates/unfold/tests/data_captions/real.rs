//! Published sets that may not be copied into the project: read where they lie beside it, and skipped where they do not.

use std::path::PathBuf;

use unfold::data::{
    CaptionSource, QuestionSource, caption_words, question_words, read_captions,
    read_captions_split, read_questions, read_questions_split,
};

/// A file beside the project; says so when it is absent.
fn shared(path: &str) -> Option<PathBuf> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(path);
    if !file.exists() {
        println!("skipped: {} is not there", file.display());
        return None;
    }
    Some(file)
}

#[test]
fn flickr8k_is_found_out() {
    let Some(path) = shared("captions") else {
        return;
    };
    let data = read_captions(&path, &CaptionSource::default(), 1)
        .unwrap_or_else(|error| panic!("{error}"));
    let (valid, test) = (
        data.valid.expect("a validation part"),
        data.test.expect("a test part"),
    );
    let sets = [&data.train, &valid, &test];
    assert_eq!(sets.map(|set| set.pictures.len()), [6_000, 1_000, 1_000]);
    let captions = sets.map(|set| set.captions.iter().map(Vec::len).sum::<usize>());
    assert_eq!(captions, [30_000, 5_000, 5_000]);
    assert!(data.damaged.is_empty());
    assert_eq!(data.notes.len(), 1, "{:?}", data.notes);
    assert!(
        data.notes[0].starts_with("91 pictures outside the split left out"),
        "{:?}",
        data.notes
    );
    let first = test.pictures.read(0).expect("readable");
    assert_eq!([first.height, first.width], [224, 224]);
    let words = caption_words(&data.train.captions[0][0]);
    assert_eq!(words[..6], ["a", "child", "in", "a", "pink", "dress"]);
    let again = read_captions_split(&path, &CaptionSource::default())
        .expect("readable")
        .set;
    assert_eq!(again.names, test.names);
}

#[test]
fn easy_vqa_is_read_from_its_archive() {
    let Some(path) = shared("vqa/easy-vqa.tar.gz") else {
        return;
    };
    let source = QuestionSource {
        valid_fraction: 0.0,
        ..QuestionSource::default()
    };
    let data = read_questions(&path, &source, 1).unwrap_or_else(|error| panic!("{error}"));
    let test = data.test.expect("a test part");
    assert_eq!(
        [data.train.questions.len(), test.questions.len()],
        [38_575, 9_673]
    );
    assert_eq!([data.train.names.len(), test.names.len()], [4_000, 1_000]);
    let question = &test.questions[0];
    let picture = question.picture.expect("a picture");
    let place = test.pictures.as_ref().expect("pictures").place(picture);
    assert!(
        place.ends_with(&format!("data/test/images/{}.png", test.names[picture])),
        "{place}"
    );
}

#[test]
fn daquar_is_chosen_by_keys() {
    let Some(path) = shared("vqa") else {
        return;
    };
    let error = read_questions(&path, &QuestionSource::default(), 1)
        .expect_err("several sets")
        .to_string();
    assert!(
        error.contains("several sets of questions") && error.contains("`train` and `test`"),
        "{error}"
    );
    let source = QuestionSource {
        pictures: Some("daquar-images-224.tar".into()),
        train: Some("daquar-train.txt".into()),
        test: Some("daquar-test.txt".into()),
        valid_fraction: 0.0,
        ..QuestionSource::default()
    };
    let data = read_questions(&path, &source, 1).unwrap_or_else(|error| panic!("{error}"));
    let test = data.test.expect("a test part");
    assert_eq!(
        [data.train.questions.len(), test.questions.len()],
        [6_795, 5_673]
    );
    assert_eq!([data.train.names.len(), test.names.len()], [794, 653]);
    let first = &data.train.questions[0];
    let text =
        "what is on the right side of the black telephone and on the left side of the red chair ?";
    assert_eq!(
        (first.text.as_str(), &first.answers[..]),
        (text, &["desk".to_owned()][..])
    );
    assert_eq!(data.train.names[0], "image3");
    assert!(
        data.train
            .questions
            .iter()
            .all(|question| !question.text.contains("image"))
    );
}

#[test]
fn vqa_v2_is_read_without_pictures() {
    let Some(path) = shared("vqa/vqa-v2-60k") else {
        return;
    };
    let data = read_questions(&path, &QuestionSource::default(), 1)
        .unwrap_or_else(|error| panic!("{error}"));
    let (valid, test) = (
        data.valid.expect("a validation part"),
        data.test.expect("a test part"),
    );
    let sets = [&data.train, &valid, &test];
    assert_eq!(sets.map(|set| set.questions.len()), [48_061, 8_977, 2_962]);
    for set in sets {
        assert!(set.pictures.is_none() && set.names.is_empty());
        assert!(
            set.questions
                .iter()
                .all(|q| q.answers.len() == 10 && q.answer_type.is_some())
        );
    }
    assert_eq!(
        question_words(&data.train.questions[1].text),
        ["what", "color", "is", "his", "uniform"]
    );
    let again = read_questions_split(&path, &QuestionSource::default())
        .expect("readable")
        .set;
    assert_eq!(again.questions, test.questions);
}
