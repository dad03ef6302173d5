//! Scoring what any model said, without that model.

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use crate::data::{
    Predicted, Predictions, caption_references, caption_words, question_references,
    read_predictions,
};
use crate::error::{Error, Result};
use crate::metrics::{Answered, CaptionScores, Captioned, VqaScores};

/// How good predictions are.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ScoreReport {
    /// Captions.
    Caption(CaptionScoreReport),
    /// Answers to questions about pictures.
    Vqa(VqaScoreReport),
}

impl ScoreReport {
    /// What was done to the references, as sentences for a person to read.
    pub fn notes(&self) -> &[String] {
        match self {
            ScoreReport::Caption(report) => &report.notes,
            ScoreReport::Vqa(report) => &report.notes,
        }
    }
}

/// How good captions are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaptionScoreReport {
    /// `caption`.
    pub task: &'static str,
    /// `given`: what was measured on is what the references are of.
    pub split: &'static str,
    /// The metrics.
    #[serde(flatten)]
    pub scores: CaptionScores,
    /// How many pictures there are.
    pub examples: usize,
    /// How long it took.
    pub seconds: f64,
    /// What was done to the references, as sentences for a person to read.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// How good answers are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VqaScoreReport {
    /// `vqa`.
    pub task: &'static str,
    /// `given`: what was measured on is what the references are of.
    pub split: &'static str,
    /// The metrics.
    #[serde(flatten)]
    pub scores: VqaScores,
    /// How many questions there are.
    pub examples: usize,
    /// How long it took.
    pub seconds: f64,
    /// What was done to the references, as sentences for a person to read.
    #[serde(skip)]
    pub notes: Vec<String>,
}

const GIVEN: &str = "given";

/// Scores a file of predictions against references; pictures are not needed.
///
/// Predictions are COCO's results (`[{"image_id": 1, "caption": "…"}]`), those of the VQA challenge
/// (`[{"question_id": 1, "answer": "…"}]`), or a table with such columns. References are what
/// [`read_captions`](crate::data::read_captions) or [`read_questions`](crate::data::read_questions) read; of data with a
/// test part that part counts, and a single file is read alone. Captions are compared by their
/// [words](crate::data::caption_words).
///
/// # Errors
/// When a file cannot be read, or there is not one prediction for each reference.
pub fn score(predictions: &Path, references: &Path) -> Result<ScoreReport> {
    let began = Instant::now();
    let place = predictions.display().to_string();
    match read_predictions(predictions)? {
        Predictions::Captions(captions) => {
            let mut notes = Vec::new();
            let (scores, examples) = captions_scored(&place, captions, references, &mut notes)?;
            Ok(ScoreReport::Caption(CaptionScoreReport {
                task: "caption",
                split: GIVEN,
                scores,
                examples,
                seconds: began.elapsed().as_secs_f64(),
                notes,
            }))
        }
        Predictions::Answers(answers) => {
            let mut notes = Vec::new();
            let (scores, examples) = answers_scored(&place, answers, references, &mut notes)?;
            Ok(ScoreReport::Vqa(VqaScoreReport {
                task: "vqa",
                split: GIVEN,
                scores,
                examples,
                seconds: began.elapsed().as_secs_f64(),
                notes,
            }))
        }
    }
}

fn captions_scored(
    place: &str,
    predictions: Vec<Predicted>,
    references: &Path,
    notes: &mut Vec<String>,
) -> Result<(CaptionScores, usize)> {
    let references = caption_references(references, notes)?;
    let names = references.iter().map(|reference| &reference.name);
    let ids = references.iter().map(|reference| reference.id.as_ref());
    let mut known: HashMap<&str, usize> = HashMap::new();
    // Of each file's name, in whatever folder, its picture if there is one alone.
    let mut files: HashMap<&str, Option<usize>> = HashMap::new();
    for (number, (name, id)) in names.zip(ids).enumerate() {
        for called in [Some(name), id].into_iter().flatten() {
            known.entry(called.as_str()).or_insert(number);
        }
        let same = files.entry(file_name(name)).or_insert(Some(number));
        *same = same.filter(|first| *first == number);
    }
    let name = |number: usize| references[number].name.clone();
    let find = |id: &str| {
        let whole = known.get(id).copied();
        whole.or_else(|| *files.get(file_name(id))?)
    };
    let paired = pair(place, "picture", predictions, references.len(), find, name)?;
    let words = |texts: &[String]| texts.iter().map(|text| caption_words(text)).collect();
    let wanted: Vec<Vec<Vec<String>>> = references.iter().map(|r| words(&r.captions)).collect();
    let said: Vec<Vec<String>> = words(&paired);
    let captions = said
        .iter()
        .zip(&wanted)
        .map(|(candidate, references)| Captioned {
            candidate: &candidate[..],
            references,
        });
    Ok((CaptionScores::of(&captions.collect::<Vec<_>>()), said.len()))
}

fn answers_scored(
    place: &str,
    predictions: Vec<Predicted>,
    references: &Path,
    notes: &mut Vec<String>,
) -> Result<(VqaScores, usize)> {
    let questions = question_references(references, notes)?;
    let ids = questions.iter().enumerate();
    let known: HashMap<u64, usize> = ids
        .map(|(number, question)| (question.id, number))
        .collect();
    let find = |id: &str| known.get(&id.parse().ok()?).copied();
    let name = |number: usize| questions[number].id.to_string();
    let paired = pair(place, "question", predictions, questions.len(), find, name)?;
    let answered = questions
        .iter()
        .zip(&paired)
        .map(|(question, answer)| Answered {
            answer,
            people: &question.answers,
            question_type: question.question_type.as_deref(),
            answer_type: question.answer_type.as_deref(),
        });
    Ok((VqaScores::of(answered), questions.len()))
}

/// What stands after the folders in a picture's name.
fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// The predictions in the order of the references.
///
/// # Errors
/// When one is unknown, given twice or missing.
fn pair(
    place: &str,
    noun: &str,
    predictions: Vec<Predicted>,
    count: usize,
    find: impl Fn(&str) -> Option<usize>,
    name: impl Fn(usize) -> String,
) -> Result<Vec<String>> {
    let mut paired: Vec<Option<String>> = vec![None; count];
    for Predicted { place, id, text } in predictions {
        let Some(number) = find(&id) else {
            let problem = format!("the references know no {noun} {id}");
            let remedy = "give the references that the predictions were made for: of data with a test part those of that part";
            return Err(Error::data(place, problem, remedy));
        };
        if paired[number].replace(text).is_some() {
            let problem = format!("the {noun} {id} is predicted a second time");
            return Err(Error::data(place, problem, "leave one of the two out"));
        }
    }
    let missing = paired.iter().filter(|text| text.is_none()).count();
    if let Some(first) = paired.iter().position(Option::is_none) {
        let first = name(first);
        let problem = format!("{missing} of {count} {noun}s have no prediction (first: {first})");
        let remedy = "predict all that the references have, or give references of the others alone";
        return Err(Error::data(place, problem, remedy));
    }
    Ok(paired.into_iter().flatten().collect())
}
