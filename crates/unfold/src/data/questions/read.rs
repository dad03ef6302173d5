//! From DATA to questions about pictures, split for training.

use std::collections::HashMap;
use std::path::Path;

use super::layout::{Asked, collect};
use super::source::QuestionSource;
use crate::data::dataset::{Dataset, Gallery, Shared, manifest, measured, share, tally};
use crate::data::parts::{self, Part};
use crate::data::pictures::{Damage, PictureSet, note_damage, refuse_damage};
use crate::error::{Error, Result};
use crate::random::Key;

/// A question, and what people answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its number in the data; where the data gives none, its place there from 1.
    pub id: u64,
    /// The number of its picture in its set; nothing where there are no pictures.
    pub picture: Option<usize>,
    /// The question as raw text; see [`question_words`](crate::data::question_words).
    pub text: String,
    /// One answer, or one of each person; the VQA challenge asked ten. At least one, and not all of them empty.
    pub answers: Vec<String>,
    /// How the question begins, as the VQA challenge sorts questions.
    pub question_type: Option<String>,
    /// `yes/no`, `number` or `other`, as the VQA challenge sorts answers.
    pub answer_type: Option<String>,
}

impl Question {
    pub(super) fn of(asked: Asked, picture: Option<usize>) -> Question {
        Question {
            id: asked.id.unwrap_or(0),
            picture,
            text: asked.text,
            answers: asked.answers,
            question_type: asked.question_type,
            answer_type: asked.answer_type,
        }
    }
}

/// Questions and the pictures that they are about.
#[derive(Clone, Debug)]
pub struct QuestionSet {
    /// The pictures, of one class; nothing where the data has questions alone.
    pub pictures: Option<PictureSet>,
    /// What the questions call each picture; empty where there are none.
    pub names: Vec<String>,
    /// The questions, in the order of the data.
    pub questions: Vec<Question>,
}

/// Questions about pictures, split.
#[derive(Clone, Debug)]
pub struct QuestionData {
    /// What to learn from.
    pub train: QuestionSet,
    /// What to choose and stop by; taken from train when the data does not give it.
    pub valid: Option<QuestionSet>,
    /// What to look at once.
    pub test: Option<QuestionSet>,
    /// What was done to the data, as sentences for a person to read.
    pub notes: Vec<String>,
    /// Pictures that are asked about but were left out, because their first bytes are no picture's. Others turn out to be
    /// damaged when they are decoded; see [`Album::damaged`](crate::data::Album::damaged).
    pub damaged: Vec<Damage>,
}

/// Finds questions, their answers and pictures, and splits them: as the data itself says (in the names of files or
/// folders), else by the seed in `source` or by `seed`, and then all questions about a picture go together. Pictures are
/// found and recognised, not decoded.
///
/// `path` is a folder or archive with everything in it, the file of the questions, or a `dataset.toml`. Questions are
/// JSON of the VQA challenge (questions and annotations) or of easy-VQA (`[question, answer, image]`), pairs of lines as
/// DAQUAR has them, or a table with the columns `question`, `answer` and `image`. Pictures lie in folders or in archives
/// beside the questions; without any, the questions are read alone.
///
/// # Errors
/// When the data cannot be read or cannot be used for training; the message says what to do.
pub fn read_questions(path: &Path, source: &QuestionSource, seed: u64) -> Result<QuestionData> {
    let dataset = Dataset::open(path, false)?;
    let notes = dataset.notes().to_vec();
    let mut collection = Collection::open(dataset, source, notes)?;
    collection.refuse_lost(&Part::ALL)?;
    let Shared { train, valid, test } = collection.share(seed)?;
    Ok(QuestionData {
        train: collection.set(&train),
        valid: valid.map(|items| collection.set(&items)),
        test: test.map(|items| collection.set(&items)),
        notes: collection.notes,
        damaged: collection.damaged,
    })
}

/// Questions to evaluate a model on.
#[derive(Clone, Debug)]
pub struct QuestionSplit {
    /// The questions and their pictures.
    pub set: QuestionSet,
    /// What was done to the data, as sentences for a person to read.
    pub notes: Vec<String>,
    /// As in [`QuestionData`].
    pub damaged: Vec<Damage>,
}

/// Finds questions to evaluate a model on: the test part if the data gives one, else the one that [`read_questions`]
/// makes if the source says by which seed, else everything.
///
/// # Errors
/// When the data cannot be read.
pub fn read_questions_split(path: &Path, source: &QuestionSource) -> Result<QuestionSplit> {
    let dataset = Dataset::open(path, false)?;
    let mut notes = dataset.notes().to_vec();
    let source = source.elsewhere(&dataset, &mut notes);
    let mut collection = Collection::open(dataset, &source, notes)?;
    collection.notes.extend(note_damage(&collection.damaged));
    collection.refuse_lost(&[Part::Test])?;
    let parts: Vec<_> = collection.items.iter().map(|item| item.part).collect();
    let items = measured(&parts, || {
        let seed = collection.source.seed;
        seed.map(|seed| collection.share(seed)).transpose()
    })?;
    Ok(QuestionSplit {
        set: collection.set(&items),
        notes: collection.notes,
        damaged: collection.damaged,
    })
}

/// A question whose picture is there, if there are any.
struct Item {
    part: Option<Part>,
    /// Equal for questions about the same picture, known or not.
    group: usize,
    /// What the question calls its picture.
    name: String,
    question: Question,
}

/// What DATA holds, not split yet.
struct Collection {
    name: String,
    source: QuestionSource,
    gallery: Option<Gallery>,
    /// The numbers of pictures in them are those of the gallery.
    items: Vec<Item>,
    notes: Vec<String>,
    damaged: Vec<Damage>,
    /// What has no picture that is there: its part, and what it calls the picture.
    lost: Vec<(Option<Part>, String)>,
}

impl Collection {
    fn open(
        dataset: Dataset,
        source: &QuestionSource,
        mut notes: Vec<String>,
    ) -> Result<Collection> {
        let source = match manifest(&dataset)? {
            Some(below) => source.over(below),
            None => source.clone(),
        };
        source.plan().check()?;
        let all = collect(&dataset, &source, true, &mut notes)?;
        let name = dataset.name.clone();
        let pictures = dataset.pictures(source.pictures.as_deref())?;
        if pictures.is_none() {
            notes.push("there are no pictures: the questions are read alone".to_owned());
        }
        let mut collection = Collection {
            name,
            source,
            gallery: pictures.map(Gallery::new),
            items: Vec::new(),
            notes,
            damaged: Vec::new(),
            lost: Vec::new(),
        };
        collection.add(all)?;
        Ok(collection)
    }

    /// Finds the pictures of questions, and says which are not there.
    fn add(&mut self, all: Vec<Asked>) -> Result<()> {
        let count = all.len();
        let pictures = match &self.gallery {
            None => vec![None; count],
            Some(gallery) => {
                let name = |asked: &Asked| asked.picture.clone().unwrap_or_default();
                let names: Vec<String> = all.iter().map(name).collect();
                let files = all.iter().map(|asked| asked.file.as_str());
                let found = gallery.find(names.iter().map(String::as_str).zip(files));
                let what = "whose picture is not there left out";
                self.notes.extend(tally(&found.missing, "question", what));
                let several = "of a name that fits several left out, with its questions";
                self.notes.extend(tally(&found.several, "picture", several));
                let mut used = vec![false; gallery.len()];
                found
                    .pictures
                    .iter()
                    .flatten()
                    .for_each(|&picture| used[picture] = true);
                let others = (0..gallery.len()).filter(|&picture| !used[picture]);
                let others: Vec<&str> = others.map(|picture| gallery.path(picture)).collect();
                self.notes
                    .extend(tally(&others, "picture", "without a question left out"));
                self.damaged = found.damaged;
                found.pictures
            }
        };
        refuse_damage(&self.damaged, self.source.strict)?;
        // Without a training part that is named, all that no part is named for is for training.
        let split = all.iter().any(|asked| asked.part == Some(Part::Train));
        let (mut outside, mut groups) = (Vec::new(), HashMap::new());
        for (asked, picture) in all.into_iter().zip(pictures) {
            if self.gallery.is_some() && picture.is_none() {
                let name = asked.picture.clone().unwrap_or_else(|| asked.name());
                self.lost.push((asked.part, name));
                continue;
            }
            if split && asked.part.is_none() {
                outside.push(asked.name());
                continue;
            }
            // Questions whose pictures nobody knows are each about one of their own.
            let name = asked.picture.clone().unwrap_or_else(|| asked.name());
            let next = groups.len();
            let group = *groups.entry((picture, name.clone())).or_insert(next);
            self.items.push(Item {
                part: asked.part,
                group: picture.unwrap_or(group),
                name,
                question: Question::of(asked, picture),
            });
        }
        self.notes
            .extend(tally(&outside, "question", "outside the split left out"));
        if self.items.is_empty() {
            let problem = format!("none of the {count} questions can be used");
            let remedy = "name the folder or archive of the pictures with `pictures`, and the questions with `questions`, or \
                          `train` and `test`";
            return Err(Error::data(&self.name, problem, remedy));
        }
        Ok(())
    }

    /// Of the parts `wanted` that the data gives, some picture must be there.
    fn refuse_lost(&self, wanted: &[Part]) -> Result<()> {
        let there: Vec<_> = self.items.iter().map(|item| item.part).collect();
        parts::refuse_lost(&self.name, wanted, &there, &self.lost)
    }

    fn share(&mut self, seed: u64) -> Result<Shared> {
        let key = Key::new(self.source.seed.unwrap_or(seed)).named("split");
        let items: Vec<_> = self
            .items
            .iter()
            .map(|item| (item.part, item.group))
            .collect();
        share(
            &self.name,
            &items,
            &self.source.plan(),
            key,
            &mut self.notes,
        )
    }

    fn set(&self, items: &[usize]) -> QuestionSet {
        let (mut pictures, mut names, mut questions) = (Vec::new(), Vec::new(), Vec::new());
        let mut known: HashMap<usize, usize> = HashMap::new();
        for item in items.iter().map(|&item| &self.items[item]) {
            let picture = item.question.picture.map(|picture| {
                *known.entry(picture).or_insert_with(|| {
                    pictures.push(picture);
                    names.push(item.name.clone());
                    pictures.len() - 1
                })
            });
            questions.push(Question {
                picture,
                ..item.question.clone()
            });
        }
        QuestionSet {
            pictures: self
                .gallery
                .as_ref()
                .map(|gallery| gallery.select(&pictures)),
            names,
            questions,
        }
    }
}
