//! From the files of DATA to questions: which files hold them, and what stands in them.

use std::collections::BTreeSet;

use super::documents::{self, Challenge};
use super::pairs;
use super::source::QuestionSource;
use crate::data::dataset::{
    ANSWER, Candidate, Dataset, PICTURE, QUESTION, Text, begins, part_of, table, tally,
};
use crate::data::format::Format;
use crate::data::parts::Part;
use crate::error::{Error, Result};

/// A question and what is said of it.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) part: Option<Part>,
    pub(super) id: Option<u64>,
    /// The name or number of its picture.
    pub(super) picture: Option<String>,
    pub(super) text: String,
    pub(super) answers: Vec<String>,
    pub(super) question_type: Option<String>,
    pub(super) answer_type: Option<String>,
    /// The path of the file that it is from.
    pub(super) file: String,
}

impl Asked {
    /// One without anything but the file that it is from.
    pub(super) fn of(text: &Text) -> Asked {
        Asked {
            file: text.path.clone(),
            ..Asked::default()
        }
    }

    /// What to call it in messages.
    pub(super) fn name(&self) -> String {
        self.id
            .map_or_else(|| format!("“{}”", self.text), |id| id.to_string())
    }
}

/// The forms of files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    /// Questions or annotations of the VQA challenge.
    Challenge,
    /// easy-VQA's.
    Triples,
    /// DAQUAR's.
    Pairs,
    Table,
}

/// All questions of DATA, with the parts that it gives them. `text_needed` is whether answers without a question are left
/// out.
///
/// # Errors
/// When it is unclear where they are, or they cannot be read.
pub(super) fn collect(
    dataset: &Dataset,
    source: &QuestionSource,
    text_needed: bool,
    notes: &mut Vec<String>,
) -> Result<Vec<Asked>> {
    let mut texts = Vec::new();
    for (part, key, path) in source.parts() {
        texts.push((Some(part), dataset.text(path, key)?));
    }
    let named = source.questions.as_deref().or(dataset.lone.as_deref());
    if let Some(path) = named.filter(|_| source.questions.is_some() || texts.is_empty()) {
        texts.push((None, dataset.text(path, "questions")?));
    }
    if texts.is_empty() {
        texts = find(dataset, notes)?;
    }
    if let Some(path) = &source.answers {
        texts.push((None, dataset.text(path, "answers")?));
    }
    let (mut challenge, mut all) = (Challenge::default(), Vec::new());
    for (part, text) in texts {
        match form(&text.path, &text.bytes) {
            Some(Form::Challenge) => challenge.read(part, &text)?,
            Some(Form::Triples) => all.extend(documents::triples(part, &text)?),
            Some(Form::Table) => all.extend(rows(part, text, notes)?),
            // What has no form of its own gets the message about lines.
            Some(Form::Pairs) | None => all.extend(pairs::read(part, &text)?),
        }
    }
    if challenge.lacks_answers() {
        // Questions that were named, and answers that lie beside them.
        let candidates = dataset.candidates();
        for candidate in candidates
            .iter()
            .filter(|candidate| is_annotation(&candidate.path))
        {
            challenge.read(None, &dataset.text(&candidate.path, "answers")?)?;
        }
    }
    all.extend(challenge.join(text_needed, notes));
    for (number, asked) in all.iter_mut().enumerate() {
        asked.id.get_or_insert(number as u64 + 1);
    }
    let (mut unanswered, mut unasked) = (Vec::new(), Vec::new());
    all.retain(|asked| {
        let blank = |text: &String| text.trim().is_empty();
        if text_needed && blank(&asked.text) {
            unasked.push(asked.name());
        } else if asked.answers.iter().all(blank) {
            unanswered.push(asked.name());
        } else {
            return true;
        }
        false
    });
    if let (true, Some(first)) = (all.is_empty(), unanswered.first()) {
        let problem = format!("none of the questions has an answer (first: {first})");
        let remedy = "name the file of the annotations with `answers`";
        return Err(Error::data(&dataset.name, problem, remedy));
    }
    notes.extend(tally(&unanswered, "question", "without an answer left out"));
    notes.extend(tally(&unasked, "question", "without a word left out"));
    Ok(all)
}

/// The files of questions and annotations, with the parts that their names say.
fn find(dataset: &Dataset, notes: &mut Vec<String>) -> Result<Vec<(Option<Part>, Text)>> {
    let candidates = dataset.candidates();
    let known = |candidate| Some((candidate, surely(candidate)?));
    let mut found: Vec<(&Candidate, Form)> = candidates.iter().filter_map(known).collect();
    let left = leave_unanswered(&mut found);
    notes.extend(tally(
        &left,
        "file",
        "of questions without annotations left out",
    ));
    let paths: Vec<&str> = found
        .iter()
        .map(|(candidate, _)| candidate.path.as_str())
        .collect();
    let Some(first) = paths.first() else {
        let remedy = "name the file of the questions with `questions`: JSON of the VQA challenge or of easy-VQA, pairs of \
                      lines as DAQUAR has them, or a table with the columns question, answer and image";
        return Err(Error::data(
            &dataset.name,
            "no questions were found",
            remedy,
        ));
    };
    let questions = |(candidate, _): &&(&Candidate, Form)| !is_annotation(&candidate.path);
    let asking: Vec<&(&Candidate, Form)> = found.iter().filter(questions).collect();
    let part = |path: &str| part_of(path, false).filter(|_| asking.len() > 1);
    let parts: BTreeSet<Option<Part>> = asking.iter().map(|(c, _)| part(&c.path)).collect();
    let forms: BTreeSet<Form> = found.iter().map(|(_, form)| *form).collect();
    let unclear = parts.len() < asking.len() || asking.len() > 1 && parts.contains(&None);
    if forms.len() > 1 || unclear {
        let problem = format!("holds several sets of questions: {}", paths.join(", "));
        let remedy =
            format!("choose with `questions`, or `train` and `test`, such as train = \"{first}\"");
        return Err(Error::data(&dataset.name, problem, remedy));
    }
    let others = candidates.iter().map(|candidate| candidate.path.as_str());
    let others = others.filter(|path| !paths.contains(path) && !left.iter().any(|l| l == path));
    let others: Vec<&str> = others.collect();
    notes.extend(dataset.passed_over(&others, "without questions"));
    let read = |path: &&str| Ok((part(path), dataset.text(path, "questions")?));
    paths.iter().map(read).collect()
}

/// Leaves out the files of questions of parts that have no annotations, where others have, and gives their paths: the answers to
/// the test questions of the VQA challenge are not published.
fn leave_unanswered(found: &mut Vec<(&Candidate, Form)>) -> Vec<String> {
    let part = |(candidate, _): &(&Candidate, Form)| part_of(&candidate.path, false);
    let annotations = found.iter().filter(|(c, _)| is_annotation(&c.path));
    let answered: BTreeSet<Option<Part>> = annotations.map(part).collect();
    if answered.is_empty() || answered.contains(&None) {
        return Vec::new();
    }
    let unanswered = |one: &(&Candidate, Form)| {
        one.1 == Form::Challenge && part(one).is_some() && !answered.contains(&part(one))
    };
    let paths = found.iter().filter(|one| unanswered(one));
    let paths: Vec<String> = paths.map(|(c, _)| c.path.clone()).collect();
    found.retain(|one| !unanswered(one));
    paths
}

/// The form of a file that nobody named: JSON may hold anything, so its name must speak of questions.
fn surely(candidate: &Candidate) -> Option<Form> {
    let Candidate { path, head } = candidate;
    let form = form(path, head)?;
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let fits = match form {
        Form::Challenge => name.contains("question") || is_annotation(&name),
        Form::Table if Format::by_name(path).is_none() => false,
        Form::Table => {
            let head = String::from_utf8_lossy(head);
            begins(head.as_bytes(), [&QUESTION, &ANSWER]) || head.contains("\"question\"")
        }
        Form::Triples | Form::Pairs => true,
    };
    fits.then_some(form)
}

fn form(path: &str, bytes: &[u8]) -> Option<Form> {
    let format = Format::by_name(path);
    let solid = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
    let start: Vec<u8> = solid.take(3).copied().collect();
    match (&start[..], format) {
        (_, Some(Format::Csv | Format::Tsv | Format::JsonLines)) => Some(Form::Table),
        ([b'{', ..], _) => Some(Form::Challenge),
        ([b'[', b'{', ..], _) => Some(Form::Table),
        // The challenge's list of pairs of questions.
        ([b'[', b'[', b'0'..=b'9'], _) => None,
        ([b'[', ..], _) => Some(Form::Triples),
        _ => pairs::begins(&bytes[..bytes.len().min(1 << 12)]).then_some(Form::Pairs),
    }
}

/// Whether a file is called annotations, as in `v2_mscoco_train2014_annotations.json`.
fn is_annotation(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    name.contains("annot") && !name.contains("question")
}

/// The questions of a table.
fn rows(part: Option<Part>, text: Text, notes: &mut Vec<String>) -> Result<Vec<Asked>> {
    let file = text.path.clone();
    let found = table(text, [&QUESTION, &ANSWER, &PICTURE])?;
    notes.extend(tally(
        &found.incomplete,
        "row",
        "without a question, answer or picture passed over",
    ));
    let asked = |(row, id): ((Option<Part>, [String; 3]), Option<u64>)| {
        let (own, [question, answer, picture]) = row;
        Asked {
            part: own.or(part),
            id,
            picture: Some(picture),
            text: question,
            answers: vec![answer],
            file: file.clone(),
            ..Asked::default()
        }
    };
    Ok(found
        .rows
        .into_iter()
        .zip(found.numbers)
        .map(asked)
        .collect())
}
