//! Questions in JSON: the form of the VQA challenge (Antol et al. 2015) and that of easy-VQA.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::layout::Asked;
use crate::data::dataset::{Id, Text, tally};
use crate::data::json;
use crate::data::parts::Part;
use crate::error::{Error, Result};

/// So many people answer each question of the challenge.
const PEOPLE: usize = 10;

const EXPECTED: &str = "the form of the VQA challenge, {\"questions\": [{\"question_id\": 1, \"image_id\": 1, \"question\": \
                        \"…\"}]} and {\"annotations\": [{\"question_id\": 1, \"answers\": [{\"answer\": \"…\"}]}]}";

const EXPECTED_TRIPLES: &str = "the form of easy-VQA, [[\"question\", \"answer\", image], …]";

#[derive(Deserialize)]
struct Document {
    questions: Option<Vec<Posed>>,
    annotations: Option<Vec<Annotation>>,
}

#[derive(Deserialize)]
struct Posed {
    question_id: u64,
    question: String,
    image_id: Option<Id>,
}

#[derive(Deserialize)]
struct Annotation {
    question_id: u64,
    answers: Option<Vec<Answer>>,
    multiple_choice_answer: Option<String>,
    question_type: Option<String>,
    answer_type: Option<String>,
}

#[derive(Deserialize)]
struct Answer {
    answer: String,
}

#[derive(Deserialize)]
struct Triple(String, String, Id);

/// What the files of the challenge hold, in the order that they were read.
#[derive(Default)]
pub(super) struct Challenge {
    questions: Vec<Asked>,
    annotations: Vec<Annotation>,
}

impl Challenge {
    /// Reads a file of questions, of annotations or of both. `part` is that of its questions.
    pub(super) fn read(&mut self, part: Option<Part>, text: &Text) -> Result<()> {
        let document: Document = json::read_document(&text.place, &text.bytes, EXPECTED)?;
        if document.questions.is_none() && document.annotations.is_none() {
            let problem = "the JSON has neither `questions` nor `annotations`";
            let remedy = format!("expected is {EXPECTED}");
            return Err(Error::data(&text.place, problem, remedy));
        }
        let asked = |posed: Posed| Asked {
            part,
            id: Some(posed.question_id),
            picture: posed.image_id.map(|id| id.0),
            text: posed.question,
            ..Asked::of(text)
        };
        let questions = document.questions.unwrap_or_default();
        self.questions.extend(questions.into_iter().map(asked));
        self.annotations
            .extend(document.annotations.unwrap_or_default());
        Ok(())
    }

    /// Whether there are questions but nothing that answers any.
    pub(super) fn lacks_answers(&self) -> bool {
        self.annotations.is_empty() && !self.questions.is_empty()
    }

    /// The questions with their answers, and in the notes what has no counterpart. `text_needed` is whether annotations
    /// without a question are left out.
    pub(super) fn join(self, text_needed: bool, notes: &mut Vec<String>) -> Vec<Asked> {
        let mut questions = self.questions;
        let asked_here = !questions.is_empty();
        if !text_needed && !asked_here {
            let unasked = |annotation: &Annotation| Asked {
                id: Some(annotation.question_id),
                ..Asked::default()
            };
            questions = self.annotations.iter().map(unasked).collect();
        }
        let (mut few, mut again) = (Vec::new(), Vec::new());
        let mut answers: HashMap<u64, Annotation> = HashMap::with_capacity(self.annotations.len());
        for annotation in self.annotations {
            if annotation
                .answers
                .as_ref()
                .is_none_or(|answers| answers.len() < PEOPLE)
            {
                few.push(annotation.question_id.to_string());
            }
            if let Some(before) = answers.insert(annotation.question_id, annotation) {
                again.push(before.question_id.to_string());
            }
        }
        let mut seen = HashSet::with_capacity(questions.len());
        questions.retain(|asked| {
            let first = asked.id.is_none_or(|id| seen.insert(id));
            if !first && asked_here {
                again.push(asked.name());
            }
            first
        });
        for asked in &mut questions {
            if let Some(annotation) = asked.id.and_then(|id| answers.remove(&id)) {
                annotation.answer(asked);
            }
        }
        let mut unasked: Vec<u64> = answers.into_keys().collect();
        unasked.sort_unstable();
        let unasked: Vec<String> = unasked.iter().map(u64::to_string).collect();
        notes.extend(tally(
            &again,
            "question",
            "given more than once, of which one counts",
        ));
        notes.extend(tally(&few, "question", "with fewer than ten answers"));
        notes.extend(tally(&unasked, "annotation", "without a question left out"));
        questions
    }
}

impl Annotation {
    fn answer(self, asked: &mut Asked) {
        let answers = self.answers.unwrap_or_default().into_iter();
        asked.answers = answers.map(|answer| answer.answer).collect();
        if asked.answers.is_empty() {
            asked.answers.extend(self.multiple_choice_answer);
        }
        asked.question_type = self.question_type;
        asked.answer_type = self.answer_type;
    }
}

/// The questions of easy-VQA.
pub(super) fn triples(part: Option<Part>, text: &Text) -> Result<Vec<Asked>> {
    let triples: Vec<Triple> = json::read_document(&text.place, &text.bytes, EXPECTED_TRIPLES)?;
    let asked = |Triple(question, answer, image): Triple| Asked {
        part,
        picture: Some(image.0),
        text: question,
        answers: vec![answer],
        ..Asked::of(text)
    };
    Ok(triples.into_iter().map(asked).collect())
}
