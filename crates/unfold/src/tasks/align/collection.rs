//! Pictures and sentences to find among.

use super::model::AlignModel;
use super::network::scores;
use crate::data::Picture;
use crate::error::Result;
use crate::metrics::Recall;
use crate::nn::Pass;
use crate::ragged::{Packed, Ragged, pack};
use crate::tasks::encoder::Sight;
use crate::tasks::sentences::Part;
use crate::tensor::Tensor;
use crate::train::{Observer, Stage};

/// Pictures and sentences that are compared at a time.
const TOGETHER: usize = 64;

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What leads to a picture, as [`PictureSet::address`](crate::data::PictureSet::address) says, or a sentence.
    pub text: String,
    /// How well it fits: the sum over the words of the best region's product.
    pub score: f64,
}

/// Pictures, and sentences about them, that a model has looked at.
pub struct Collection<'m> {
    model: &'m AlignModel,
    part: Part,
    /// The numbers of the pictures that can be seen.
    shown: Vec<usize>,
    /// The place among those of each sentence's picture, and the sentence.
    sentences: Vec<(usize, String)>,
    notes: Vec<String>,
}

/// Some sentences in one batch.
struct Spoken {
    /// Which sentence each one is.
    numbers: Vec<usize>,
    /// Their words, `[N, J]`.
    words: Tensor,
    sequences: Ragged,
}

impl<'m> Collection<'m> {
    /// `notes` say what was done to the data.
    pub(super) fn of(model: &'m AlignModel, part: Part, notes: Vec<String>) -> Collection<'m> {
        let shown = part.gallery.shown();
        let mut sentences = Vec::new();
        for (place, &picture) in shown.iter().enumerate() {
            let captions = part.set.captions[picture].iter();
            let spoken = captions.filter(|caption| !model.encode(caption).is_empty());
            sentences.extend(spoken.map(|caption| (place, caption.clone())));
        }
        Collection {
            model,
            part,
            shown,
            sentences,
            notes,
        }
    }

    /// What was done to the data, as sentences for a person to read.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// How many pictures there are.
    pub fn pictures_len(&self) -> usize {
        self.shown.len()
    }

    /// How many sentences there are.
    pub fn sentences_len(&self) -> usize {
        self.sentences.len()
    }

    /// All pictures, for each sentence those first that fit it best.
    ///
    /// # Errors
    /// When a picture cannot be read any more.
    pub fn pictures(
        &self,
        sentences: &[String],
        observer: &mut dyn Observer,
    ) -> Result<Vec<Vec<Found>>> {
        let mut found = vec![Vec::new(); sentences.len()];
        self.compare(
            &self.spoken(sentences),
            observer,
            |sentence, place, score| {
                let text = self.part.set.pictures.address(self.shown[place]);
                found[sentence].push(Found { text, score });
            },
        )?;
        found.iter_mut().for_each(|found| rank(found));
        Ok(found)
    }

    /// All sentences, for each picture those first that fit it best.
    pub fn sentences(&self, pictures: &[Picture]) -> Vec<Vec<Found>> {
        let model = self.model;
        let pass = Pass::evaluation(&model.params);
        let looker = model.encoder.looker(&model.params);
        let texts: Vec<String> = self
            .sentences
            .iter()
            .map(|(_, text)| text.clone())
            .collect();
        let spoken = self.spoken(&texts);
        let each = pictures.iter().map(|picture| {
            let regions = model.network.regions(&pass, &looker.look(picture));
            let mut found = Vec::with_capacity(texts.len());
            for some in &spoken {
                let scores = scores(&regions, 1, &some.words, &some.sequences);
                let scored = some.numbers.iter().zip(scores.data());
                found.extend(scored.map(|(&number, &score)| (number, score)));
            }
            found.sort_unstable_by_key(|(number, _)| *number);
            let found = found.into_iter().map(|(number, score)| Found {
                text: texts[number].clone(),
                score: score.into(),
            });
            let mut found: Vec<Found> = found.collect();
            rank(&mut found);
            found
        });
        each.collect()
    }

    /// How well the sentences find their pictures, and the pictures their sentences: sentences for a picture, pictures for a
    /// sentence. Nothing where there are no pictures with sentences.
    pub(super) fn recall(&self, observer: &mut dyn Observer) -> Result<Option<(Recall, Recall)>> {
        let texts: Vec<String> = self
            .sentences
            .iter()
            .map(|(_, text)| text.clone())
            .collect();
        let pictures = self.shown.len();
        let mut all = vec![0.0; texts.len() * pictures]; // [sentences, pictures]
        self.compare(&self.spoken(&texts), observer, |sentence, place, score| {
            all[sentence * pictures + place] = score;
        })?;
        let own: Vec<usize> = self.sentences.iter().map(|(place, _)| *place).collect();
        let of_sentences = own.iter().zip(all.chunks_exact(pictures.max(1)));
        let of_sentences: Vec<usize> = of_sentences
            .map(|(&own, row)| rank_of(own, row.iter().copied()))
            .collect();
        let of_picture = |place: usize| {
            let column = || all.iter().skip(place).step_by(pictures).copied();
            let ranks = own.iter().enumerate().filter(|(_, own)| **own == place);
            ranks.map(|(number, _)| rank_of(number, column())).min()
        };
        let of_pictures: Vec<usize> = (0..pictures).filter_map(of_picture).collect();
        let any = !of_sentences.is_empty();
        Ok(any.then(|| (Recall::of(&of_pictures), Recall::of(&of_sentences))))
    }

    /// The words of sentences in batches of like lengths; of those that have a word.
    fn spoken(&self, sentences: &[String]) -> Vec<Spoken> {
        let pass = Pass::evaluation(&self.model.params);
        let encoded: Vec<Vec<u32>> = sentences.iter().map(|s| self.model.encode(s)).collect();
        let mut order: Vec<usize> = (0..encoded.len()).collect();
        order.retain(|&sentence| !encoded[sentence].is_empty());
        order.sort_by_key(|&sentence| std::cmp::Reverse(encoded[sentence].len()));
        let some = |numbers: &[usize]| {
            let words: Vec<&[u32]> = numbers.iter().map(|&i| &encoded[i][..]).collect();
            let Packed {
                items,
                sequences,
                order,
            } = pack(&words);
            Spoken {
                numbers: order.iter().map(|&place| numbers[place]).collect(),
                words: self.model.network.words(&pass, &items, &sequences),
                sequences,
            }
        };
        order.chunks(TOGETHER).map(some).collect()
    }

    /// Tells how well each sentence fits each picture, which is named by its place among those that can be seen; pictures in
    /// order.
    fn compare(
        &self,
        spoken: &[Spoken],
        observer: &mut dyn Observer,
        mut with: impl FnMut(usize, usize, f64),
    ) -> Result<()> {
        let model = self.model;
        let pass = Pass::evaluation(&model.params);
        let mut first = 0;
        for some in self.shown.chunks(TOGETHER) {
            let share = first as f64 / self.shown.len() as f64;
            observer.stage(Stage::Measuring, Some(share));
            let sight: Sight = self.part.gallery.look(some, None)?;
            let regions = model
                .network
                .regions(&pass, &model.encoder.see(&pass, &sight));
            for Spoken {
                numbers,
                words,
                sequences,
            } in spoken
            {
                let scores = scores(&regions, some.len(), words, sequences);
                let rows = scores.data().chunks_exact(some.len());
                for (&sentence, row) in numbers.iter().zip(rows) {
                    for (place, &score) in row.iter().enumerate() {
                        with(sentence, first + place, score.into());
                    }
                }
            }
            first += some.len();
        }
        Ok(())
    }
}

/// The best first; equals stay in order.
fn rank(found: &mut [Found]) {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
}

/// How many come before the one of this number: those that are better, and equals before it.
fn rank_of(number: usize, scores: impl Iterator<Item = f64> + Clone) -> usize {
    let own = scores.clone().nth(number).expect("a score for each");
    let before = |(i, score): (usize, f64)| score > own || (score == own && i < number);
    scores.enumerate().filter(|pair| before(*pair)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_before_it_come_first() {
        let scores = [1.0, 3.0, 1.0, 0.0, 1.0];
        let rank = |number| rank_of(number, scores.into_iter());
        assert_eq!([0, 1, 2, 3, 4].map(rank), [1, 0, 2, 4, 3]);
    }
}
