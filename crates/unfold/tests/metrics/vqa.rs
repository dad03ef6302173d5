//! The accuracy of the VQA challenge against its own evaluation (`tools/make_vqa_reference.py`).

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use unfold::data::{QuestionSource, read_questions};
use unfold::metrics::{Answered, VqaScores, normalise_answer, vqa_accuracy};

#[derive(Deserialize)]
struct Reference {
    normalised: Vec<(String, String)>,
    /// Answer, what people said, types of question and answer, and the accuracy in percent.
    answers: Vec<(String, Vec<String>, String, String, f64)>,
    accuracy: Accuracy,
    /// Of answers made of the published annotations.
    published: BTreeMap<String, Published>,
}

#[derive(Deserialize)]
struct Published {
    questions: usize,
    #[serde(flatten)]
    accuracy: Accuracy,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accuracy {
    overall: f64,
    per_question_type: BTreeMap<String, f64>,
    per_answer_type: BTreeMap<String, f64>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../reference/vqa.json")).expect("reference")
}

#[track_caller]
fn equal(scores: &VqaScores, expected: &Accuracy) {
    let shares = |percent: &BTreeMap<String, f64>| -> BTreeMap<String, f64> {
        let share =
            |(name, percent): (&String, &f64)| (name.clone(), (percent * 100.0).round() / 1e4);
        percent.iter().map(share).collect()
    };
    assert_eq!(scores.by_question_type, shares(&expected.per_question_type));
    assert_eq!(scores.by_answer_type, shares(&expected.per_answer_type));
    let overall = format!("{:.2}", 100.0 * scores.accuracy).parse();
    assert_eq!(overall, Ok(expected.overall));
}

#[test]
fn answers_are_normalised_as_the_challenge_does() {
    for (answer, expected) in reference().normalised {
        assert_eq!(normalise_answer(&answer), expected, "{answer:?}");
    }
}

#[test]
fn accuracy_equals_the_challenges() {
    let reference = reference();
    for (answer, people, .., expected) in &reference.answers {
        let percent = format!("{:.2}", 100.0 * vqa_accuracy(answer, people)).parse();
        assert_eq!(percent, Ok(*expected), "{answer:?} of {people:?}");
    }
    let answered = reference
        .answers
        .iter()
        .map(|(answer, people, question, kind, _)| Answered {
            answer,
            people,
            question_type: Some(question),
            answer_type: Some(kind),
        });
    equal(&VqaScores::of(answered), &reference.accuracy);
}

#[test]
fn one_answer_is_right_or_wrong() {
    assert_eq!(vqa_accuracy("red", &["red"]), 1.0);
    assert_eq!(vqa_accuracy(" red\n", &["red"]), 1.0);
    assert_eq!(vqa_accuracy("blue", &["red"]), 0.0);
    assert_eq!(vqa_accuracy::<&str>("blue", &[]), 0.0);
    assert_eq!(VqaScores::of([]), VqaScores::default());
}

/// The answer that the script makes of an annotation.
fn decorated(number: usize, answers: &[String]) -> String {
    let answer = &answers[number % 10];
    match number % 8 {
        0 => answer.clone(),
        1 => format!("The {answer}"),
        2 => format!("{answer}."),
        3 => answer.to_uppercase(),
        4 => format!(" {answer}\n"),
        5 => answer.replace(' ', "-"),
        6 => answer.replace('\'', ""),
        _ => format!("a {answer} !"),
    }
}

#[test]
fn published_annotations_are_scored_as_the_challenge_does() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/vqa/vqa-v2-60k");
    if !data.exists() {
        println!("skipped: {} is not there", data.display());
        return;
    }
    let read = read_questions(&data, &QuestionSource::default(), 1);
    let read = read.unwrap_or_else(|error| panic!("{error}"));
    let parts = [
        ("train", Some(read.train)),
        ("valid", read.valid),
        ("test", read.test),
    ];
    for (name, part) in parts {
        let questions = part.expect(name).questions;
        let expected = &reference().published[name];
        assert_eq!(questions.len(), expected.questions);
        let answers = questions.iter().enumerate();
        let answers = answers.map(|(number, question)| decorated(number, &question.answers));
        let answers: Vec<String> = answers.collect();
        let answered = questions
            .iter()
            .zip(&answers)
            .map(|(question, answer)| Answered {
                answer,
                people: &question.answers,
                question_type: question.question_type.as_deref(),
                answer_type: question.answer_type.as_deref(),
            });
        equal(&VqaScores::of(answered), &expected.accuracy);
    }
}
