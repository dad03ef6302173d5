//! Captions and answers that some model gave, in a file.

use std::path::Path;

use super::dataset::{ANSWER, CAPTION, Column, Dataset, NUMBER, PICTURE, cells, names, read};
use crate::error::{Error, Result};

/// What a model said.
#[derive(Debug)]
pub(crate) struct Predicted {
    /// The file and the place in it.
    pub(crate) place: String,
    /// The name or number of the picture, or the number of the question.
    pub(crate) id: String,
    /// The caption or answer; may be empty.
    pub(crate) text: String,
}

/// Predictions of one kind.
#[derive(Debug)]
pub(crate) enum Predictions {
    Captions(Vec<Predicted>),
    Answers(Vec<Predicted>),
}

/// Reads predictions: COCO's or the VQA challenge's results (JSON, `[{"image_id": 1, "caption": "…"}]` or
/// `[{"question_id": 1, "answer": "…"}]`), or a table with such columns (JSON Lines, CSV, TSV).
///
/// # Errors
/// When the file cannot be read, or an id is missing.
pub(crate) fn read_predictions(path: &Path) -> Result<Predictions> {
    let one_file = || {
        let remedy = "give a JSON, JSON Lines, CSV or TSV file";
        Error::data(path.display(), "predictions are one file", remedy)
    };
    if path.is_dir() {
        return Err(one_file());
    }
    let dataset = Dataset::open(path, true)?;
    let lone = dataset.lone.as_ref().ok_or_else(one_file)?;
    let table = read(dataset.text(lone, "predictions")?)?;
    let predicted = |columns: [&Column; 2]| -> Result<Vec<Predicted>> {
        let rows = cells(&table, columns)?.into_iter();
        rows.map(|(place, [id, text])| {
            if id.is_empty() {
                let problem = "it is not said what is predicted here";
                let remedy = "give each prediction its image_id or question_id";
                return Err(Error::data(place, problem, remedy));
            }
            Ok(Predicted { place, id, text })
        })
        .collect()
    };
    let about_questions = names(&table, &NUMBER) && !names(&table, &CAPTION);
    if names(&table, &ANSWER) || about_questions {
        predicted([&NUMBER, &ANSWER]).map(Predictions::Answers)
    } else {
        predicted([&PICTURE, &CAPTION]).map(Predictions::Captions)
    }
}
