//! Pictures among which counter-examples are found.

use std::path::Path;

use super::counter::Again;
use super::model::VqaModel;
use super::neighbours::Likeness;
use crate::data::{Picture, read_all_pictures};
use crate::error::{Error, Result};
use crate::nn::Pass;
use crate::tasks::Prediction;
use crate::tasks::damage::damage_notes;
use crate::tasks::encoder::Gallery;
use crate::train::{Observer, Stage};

/// A picture like the asked one, to which the model thinks that another answer is right.
#[derive(Clone, Debug)]
pub struct CounterExample {
    /// What leads to the picture, as [`PictureSet::address`](crate::data::PictureSet::address) says.
    pub name: String,
    /// What the model answers to the question about it.
    pub answer: Prediction,
    /// How well it shows that the answer to the asked picture need not be right: S(A, Q, I).
    pub score: f32,
}

/// Pictures that a model has looked at, to find counter-examples among.
pub struct Among<'m> {
    model: &'m VqaModel,
    gallery: Gallery,
    names: Vec<String>,
    /// The numbers of the pictures that can be seen.
    shown: Vec<usize>,
    like: Likeness,
    notes: Vec<String>,
}

impl VqaModel {
    /// The pictures of `data`, to find counter-examples among.
    ///
    /// # Errors
    /// When the model did not learn to find any, or the data cannot be read.
    pub fn among(&self, data: &str, observer: &mut dyn Observer) -> Result<Among<'_>> {
        let (Some(encoder), Some(_)) = (&self.encoder, &self.counter) else {
            return Err(Error::data(
                data,
                "the model did not learn to find counter-examples among pictures",
                "train one that does: unfold train vqa DATA --set counter_examples.neighbours=24",
            ));
        };
        observer.stage(Stage::Reading, None);
        let (pictures, mut notes) = read_all_pictures(Path::new(data))?;
        let names = (0..pictures.len()).map(|picture| pictures.address(picture));
        let names = names.collect();
        let gallery = encoder.gallery(&self.params, pictures, false, observer)?;
        let damaged: Vec<_> = gallery.damaged().cloned().collect();
        notes.extend(damage_notes(&damaged, "the search"));
        let shown = gallery.shown();
        Ok(Among {
            model: self,
            like: Likeness::of(&shown, &gallery)?,
            gallery,
            names,
            shown,
            notes,
        })
    }
}

impl Among<'_> {
    /// What was done to the data, as sentences for a person to read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Of the pictures nearest to `picture`, those to which the model has another answer, and those first that show best that its
    /// answer to the question need not be right. There may be none.
    ///
    /// # Errors
    /// When the question has no word that the model knows, or a picture cannot be read any more.
    pub fn counter_examples(
        &self,
        picture: &Picture,
        question: &str,
    ) -> Result<Vec<CounterExample>> {
        let model = self.model;
        let (Some(encoder), Some(config)) = (&model.encoder, &model.card.counter_examples) else {
            unreachable!("a model that finds them")
        };
        let own_answer = model.ask(Some(picture), question)?.prediction.label;
        let answers = model.card.answers.iter();
        let answer = answers.zip(0..).find(|(known, _)| **known == own_answer);
        let answer = answer.map_or(0, |(_, number)| number);
        let own = encoder.sight(&model.params, picture).short();
        // The picture itself may be among them.
        let nearest = self.like.nearest(&own, config.neighbours + 1);
        let nearest: Vec<usize> = nearest.into_iter().map(|place| self.shown[place]).collect();
        let sight = self.gallery.look(&nearest, None)?;
        let words = model.encode(question);
        let asked = (0..nearest.len() as u32).map(|place| (&words[..], place, answer));
        let again = Again::of(&asked.collect::<Vec<_>>());
        let pass = Pass::evaluation(&model.params);
        let (logits, scores) = model.ask_again(&pass, &encoder.see(&pass, &sight), &again);
        let rows = logits.data().chunks_exact(model.card.answers.len());
        let each = nearest.iter().zip(rows).zip(scores.data());
        let same = sight.short();
        let same = same.data().chunks_exact(own.len());
        let each = each.zip(same).filter(|(_, short)| *short != own.data());
        let like = each.take(config.neighbours);
        let found = like.map(|(((&picture, logits), &score), _)| CounterExample {
            name: self.names[picture].clone(),
            answer: model.predict(logits),
            score,
        });
        let found = found.filter(|example| example.answer.label != own_answer);
        let mut found: Vec<CounterExample> = found.collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(found)
    }
}
