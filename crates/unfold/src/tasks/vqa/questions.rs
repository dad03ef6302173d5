//! Questions and answers as numbers, and batches of them with their pictures.

use super::counter::Again;
use super::neighbours::Neighbours;
use crate::data::{Question, QuestionSet, Vocabulary, bucketed_batches};
use crate::error::Result;
use crate::metrics::normalise_answer;
use crate::ragged::{Packed, Ragged, pack};
use crate::random::{Key, Moment};
use crate::tasks::encoder::{Gallery, Sight, by_picture, each_once};
use crate::tensor::Tensor;

/// How much an answer counts that so many of ten people gave (Teney et al. 2018): at least three count as all.
const SHARES: [f32; 4] = [0.0, 0.3, 0.6, 0.9];

/// A question as numbers.
pub(super) struct Asked {
    /// Its number in the set.
    pub(super) number: usize,
    pub(super) picture: Option<usize>,
    /// Never empty.
    pub(super) words: Vec<u32>,
    /// The answers that the model can give, with how right each is, the rightest first.
    answers: Vec<(u32, f32)>,
}

impl Asked {
    /// The rightest answer that the model can give.
    pub(super) fn rightest(&self) -> Option<u32> {
        self.answers.first().map(|(answer, _)| *answer)
    }
}

/// Questions about pictures that can be seen.
pub(super) struct Questions {
    pub(super) all: Vec<Asked>,
}

/// Some questions, longest first, time by time.
pub(super) struct Batch {
    /// What the network gets of their pictures, each once.
    pub(super) sight: Option<Sight>,
    /// Which of them each question is about, `[B]`.
    pub(super) pictures: Vec<u32>,
    /// The words, `[N]`.
    pub(super) words: Vec<u32>,
    pub(super) questions: Ragged,
    /// Which of the asked questions each one is, `[B]`.
    pub(super) order: Vec<usize>,
    /// The rightest answer of each, `[B]`; [`IGNORE`](crate::ops::IGNORE) where the model can give none.
    pub(super) answers: Vec<u32>,
    /// How right each answer is, `[B, V]`, where it is asked for.
    pub(super) shares: Option<Tensor>,
    /// Some of the questions, asked about a counter-example each, and then in the same order about another picture each.
    pub(super) again: Option<Again>,
}

impl Questions {
    /// The questions of a set as numbers, without those about pictures that cannot be seen. `word` numbers words, and `answer`
    /// answers that the model can give.
    pub(super) fn of(
        set: &QuestionSet,
        gallery: Option<&Gallery>,
        words: impl Fn(&str) -> Vec<u32>,
        answer: impl Fn(&str) -> Option<u32>,
    ) -> Questions {
        let shown = |question: &Question| match (gallery, question.picture) {
            (Some(gallery), Some(picture)) => gallery.shows(picture),
            (Some(_), None) => false,
            (None, _) => true,
        };
        let asked = |(number, question): (usize, &Question)| Asked {
            number,
            picture: question.picture,
            words: words(&question.text),
            answers: rated(question, &answer),
        };
        let shown = set.questions.iter().enumerate().filter(|(_, q)| shown(q));
        Questions {
            all: shown.map(asked).collect(),
        }
    }

    /// The same without those to which the model cannot give a right answer, from which it would learn nothing; and how many
    /// those were.
    pub(super) fn answerable(mut self) -> (Questions, usize) {
        let before = self.all.len();
        self.all.retain(|asked| !asked.answers.is_empty());
        let left = before - self.all.len();
        (self, left)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// How many have no word that the model knows.
    pub(super) fn unknown(&self) -> usize {
        let unknown = |asked: &&Asked| asked.words.iter().all(|&w| w == Vocabulary::UNKNOWN);
        self.all.iter().filter(unknown).count()
    }

    /// The rightest answers of all questions that have one.
    pub(super) fn rightest(&self) -> impl Iterator<Item = u32> {
        self.all.iter().filter_map(Asked::rightest)
    }

    /// Batches of one epoch: questions of like lengths together, or all about a picture.
    pub(super) fn order(&self, batch_size: usize, together: bool, key: Key) -> Vec<Vec<usize>> {
        if together {
            let pictures = self.all.iter().map(|asked| asked.picture.unwrap_or(0));
            return by_picture(&pictures.collect::<Vec<_>>(), batch_size, key);
        }
        let lengths: Vec<usize> = self.all.iter().map(|asked| asked.words.len()).collect();
        bucketed_batches(&lengths, batch_size, key)
    }

    /// All of them in batches, in their order.
    pub(super) fn in_order(&self, batch_size: usize) -> Vec<Vec<usize>> {
        let all: Vec<usize> = (0..self.len()).collect();
        all.chunks(batch_size).map(<[usize]>::to_vec).collect()
    }

    /// A batch of these questions; while training pictures are changed at random, and counter-examples drawn where there are
    /// neighbours. `soft` says how many answers there are where it is asked how right each is.
    pub(super) fn batch(
        &self,
        numbers: &[usize],
        gallery: Option<&Gallery>,
        soft: Option<usize>,
        neighbours: Option<&Neighbours>,
        moment: Option<Moment>,
    ) -> Result<Batch> {
        let words: Vec<&[u32]> = numbers.iter().map(|&i| &self.all[i].words[..]).collect();
        let Packed {
            items,
            sequences,
            order,
        } = pack(&words);
        let asked: Vec<&Asked> = order
            .iter()
            .map(|&place| &self.all[numbers[place]])
            .collect();
        let mut pictures: Vec<usize> = asked.iter().filter_map(|asked| asked.picture).collect();
        let drawn = match (neighbours, moment) {
            (Some(neighbours), Some(moment)) => {
                let about = numbers
                    .iter()
                    .filter_map(|&i| Some((i, self.all[i].picture?)));
                let about: Vec<(usize, usize)> = about.collect();
                neighbours.draw(&about, moment.key.named("counter-examples"))
            }
            _ => Vec::new(),
        };
        for side in [0, 1] {
            pictures.extend(drawn.iter().map(|(_, pair)| pair[side]));
        }
        let (shown, mut pictures) = each_once(&pictures);
        let places = pictures.split_off(asked.len().min(pictures.len()));
        let again = (!drawn.is_empty()).then(|| {
            let twice = drawn
                .iter()
                .chain(&drawn)
                .map(|(question, _)| &self.all[*question]);
            let again = twice.zip(places).map(|(asked, place)| {
                let answer = asked.rightest().expect("a question with an answer");
                (&asked.words[..], place, answer)
            });
            Again::of(&again.collect::<Vec<_>>())
        });
        let sight = gallery
            .map(|gallery| gallery.look(&shown, moment))
            .transpose()?;
        let shares = soft.map(|classes| {
            let mut shares = vec![0.0; asked.len() * classes];
            for (row, asked) in shares.chunks_exact_mut(classes).zip(&asked) {
                for &(answer, share) in &asked.answers {
                    row[answer as usize] = share;
                }
            }
            Tensor::from_vec(shares, [asked.len(), classes])
        });
        let answers = asked
            .iter()
            .map(|a| a.rightest().unwrap_or(crate::ops::IGNORE));
        Ok(Batch {
            sight,
            pictures,
            answers: answers.collect(),
            words: items,
            questions: sequences,
            order,
            shares,
            again,
        })
    }
}

/// The answers that people gave, each once with how right it is.
fn rated(question: &Question, number: impl Fn(&str) -> Option<u32>) -> Vec<(u32, f32)> {
    if let [one] = &question.answers[..] {
        return number(one)
            .map(|answer| (answer, 1.0))
            .into_iter()
            .collect();
    }
    let mut counts: Vec<(String, usize)> = Vec::new();
    for answer in &question.answers {
        let answer = normalise_answer(answer);
        match counts.iter_mut().find(|(known, _)| *known == answer) {
            Some((_, count)) => *count += 1,
            None => counts.push((answer, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let rate = |(answer, count): (String, usize)| {
        let share = SHARES.get(count).copied().unwrap_or(1.0);
        Some((number(&answer)?, share))
    };
    counts.into_iter().filter_map(rate).collect()
}
