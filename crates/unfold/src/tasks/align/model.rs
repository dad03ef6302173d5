//! A trained alignment model: its file, how well it finds, what it lays beside what.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::chain::smoothed;
use super::collection::Collection;
use super::config::AlignConfig;
use super::loss::{ranking_loss, told_apart};
use super::network::{Network, scores};
use super::recipe::AlignmentConfig;
use crate::data::{
    CaptionSource, Picture, PictureForm, Vocabulary, caption_words, read_pictures_and_captions,
};
use crate::error::{Error, Result};
use crate::metrics::Recall;
use crate::nn::{Params, Pass};
use crate::ragged::Ragged;
use crate::random::Key;
use crate::tasks::damage::{damage_notes, listed};
use crate::tasks::encoder::{Encoder, EncoderCard};
use crate::tasks::files::{self, Card as _};
use crate::tasks::sentences::{Pairs, Part, Preparation, encode, held_out};
use crate::tensor::Tensor;
use crate::tensors;
use crate::train::{Evaluation, Observer, Stage};

/// Pairs of the validation part that are compared with each other.
const COMPARED_TOGETHER: usize = 100;

/// A model that compares pictures and sentences, with everything it needs.
pub struct AlignModel {
    pub(super) card: Card,
    pub(super) params: Params<f32>,
    pub(super) encoder: Encoder,
    pub(super) network: Network,
}

/// What a model file says of itself besides the weights.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Card {
    pub(super) format: u32,
    pub(super) task: String,
    pub(super) words: Vocabulary,
    pub(super) max_length: usize,
    pub(super) encoder: EncoderCard,
    pub(super) model: AlignConfig,
    pub(super) answer: AlignmentConfig,
    pub(super) source: CaptionSource,
    /// The seed of the split and of the initial values.
    pub(super) seed: u64,
    /// A fingerprint of the training pictures.
    pub(super) trained_on: u64,
}

impl files::Card for Card {
    const TASK: &'static str = "align";
    const FORMAT: u32 = 1;

    fn task(&self) -> &str {
        &self.task
    }

    fn format(&self) -> u32 {
        self.format
    }

    fn check(&self) -> Result<()> {
        self.encoder.check()?;
        self.model.check()?;
        self.answer.check()
    }
}

/// How well a model finds pictures and sentences on one split.
#[derive(Clone, Debug, Serialize)]
pub struct AlignReport {
    /// `align`.
    pub task: &'static str,
    /// What was measured: `test`, `valid` or `train`, the split of the training data; `given`, other data.
    pub split: String,
    /// Sentences for a picture: how well one of its own is found among all.
    pub sentences: Recall,
    /// Pictures for a sentence: how well its own is found among all.
    pub pictures: Recall,
    /// How many pictures there were.
    pub examples: usize,
    /// How many sentences there were.
    pub captions: usize,
    /// Pictures that could not be read, after a training those of all parts: where each is and what is wrong with it.
    pub damaged: Vec<String>,
    /// Seconds: of training and testing, or of testing alone.
    pub seconds: f64,
}

/// Words of a sentence beside each other that are about one region of a picture.
#[derive(Clone, Debug)]
pub struct Phrase {
    /// The words.
    pub words: Vec<String>,
    /// Row and column of the region; nothing for the picture as a whole.
    pub place: Option<[usize; 2]>,
    /// The mean product of the words with every region, `[H, W]` of them.
    pub heat: Tensor,
    /// The mean product of the words with their region.
    pub score: f64,
}

impl AlignModel {
    /// Reads a model: the file itself or the folder of a finished run.
    ///
    /// # Errors
    /// When there is none, or the file is damaged, of another task or of a newer version.
    pub fn load(path: &Path) -> Result<AlignModel> {
        let (file, card, stored) = files::load::<Card>(path)?;
        let mut params = Params::restoring(stored);
        let encoder = Encoder::restore(card.encoder.clone(), path, &mut params)?;
        let (places, channels) = (encoder.grid().expect("a grid"), encoder.shape()[1]);
        let network = Network::new(&mut params, &card.model, places, channels, card.words.len())?;
        params
            .restored()
            .map_err(|problem| files::damaged(&file, problem))?;
        Ok(AlignModel {
            card,
            params,
            encoder,
            network,
        })
    }

    /// Writes the model to `path`, all or nothing.
    ///
    /// # Errors
    /// When the system cannot write; an earlier file is then untouched.
    pub fn save(&self, path: &Path) -> Result<()> {
        let own = self.encoder.own().into_iter().flat_map(files::tensors);
        tensors::write(path, &self.card, own.chain(files::tensors(&self.params)))
    }

    /// The words that it knows.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.card.words
    }

    /// The form in which the network takes pictures.
    pub fn form(&self) -> &PictureForm {
        &self.card.encoder.form
    }

    /// How words are laid beside regions unless told otherwise.
    pub fn answer(&self) -> &AlignmentConfig {
        &self.card.answer
    }

    /// The words of a sentence that it does not know, each once.
    pub fn unknown(&self, sentence: &str) -> Vec<String> {
        let mut unknown = caption_words(sentence);
        unknown.retain(|word| self.card.words.id(word).is_none());
        let mut known = std::collections::HashSet::new();
        unknown.retain(|word| known.insert(word.clone()));
        unknown
    }

    /// Measures the model on captioned pictures: on the test split that the training would use where it is the very data that
    /// the model was trained on, else on the test part of the data, or all of it.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn evaluate(&self, data: &str, observer: &mut dyn Observer) -> Result<AlignReport> {
        let began = Instant::now();
        observer.stage(Stage::Reading, None);
        let Card {
            source,
            seed,
            trained_on,
            ..
        } = &self.card;
        let (split, set, damaged) =
            held_out(Path::new(data), source, *seed, *trained_on, observer)?;
        let part = self.preparation(source.strict).part(set, observer)?;
        let mut report = self.report(part, split, began, observer)?;
        report.damaged.splice(0..0, listed(&damaged));
        Ok(report)
    }

    /// The pictures of `data`, and their captions where they have some, to find among: all of them, whichever part they are in.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn among(&self, data: &str, observer: &mut dyn Observer) -> Result<Collection<'_>> {
        observer.stage(Stage::Reading, None);
        let source = &self.card.source;
        let (set, mut notes) = read_pictures_and_captions(Path::new(data), source)?;
        let part = self.preparation(source.strict).part(set, observer)?;
        let damaged: Vec<_> = part.gallery.damaged().cloned().collect();
        notes.extend(damage_notes(&damaged, "the search"));
        Ok(Collection::of(self, part, notes))
    }

    /// The words of a sentence beside the regions of a picture that they are about. `smoothing` is β of the chain model: how much
    /// it counts that words beside each other are about one region.
    pub fn align(&self, picture: &Picture, sentence: &str, smoothing: f64) -> Vec<Phrase> {
        let pass = Pass::evaluation(&self.params);
        let mut spoken = caption_words(sentence);
        spoken.truncate(self.card.max_length);
        let numbers = self.encode(sentence);
        if numbers.is_empty() {
            return Vec::new();
        }
        let features = self.encoder.looker(&self.params).look(picture);
        let regions = self.network.regions(&pass, &features); // [R + 1, J]
        let one = Ragged::new(&[numbers.len()]);
        let words = self.network.words(&pass, &numbers, &one); // [T, J]
        let products = words.linear_t(&regions, None); // [T, R + 1]
        let regions = regions.dim(0);
        let rows: Vec<Vec<f32>> = products
            .data()
            .chunks_exact(regions)
            .map(<[f32]>::to_vec)
            .collect();
        let chain = smoothed(&rows, smoothing);
        let [height, width] = self.network.grid();
        let mut phrases = Vec::new();
        let mut start = 0;
        for end in 1..=chain.len() {
            if end < chain.len() && chain[end] == chain[start] {
                continue;
            }
            let region = chain[start];
            let mean = |region: usize| {
                let sum: f32 = rows[start..end].iter().map(|row| row[region]).sum();
                sum / (end - start) as f32
            };
            let heat = (0..height * width).map(mean).collect();
            phrases.push(Phrase {
                words: spoken[start..end].to_vec(),
                place: (region < height * width).then(|| [region / width, region % width]),
                heat: Tensor::from_vec(heat, [height, width]),
                score: mean(region).into(),
            });
            start = end;
        }
        phrases
    }

    /// How it sees and reads.
    pub(super) fn preparation(&self, strict: bool) -> Preparation<'_> {
        Preparation {
            encoder: &self.encoder,
            params: &self.params,
            strict,
            words: &self.card.words,
            max_length: self.card.max_length,
        }
    }

    /// The words of a sentence as numbers; none where it has no word.
    pub(super) fn encode(&self, sentence: &str) -> Vec<u32> {
        encode(&self.card.words, sentence, self.card.max_length)
    }

    /// The scores `[B, B]` of sentences with pictures.
    pub(super) fn scores(&self, pass: &Pass<f32>, pairs: &Pairs) -> Tensor {
        let features = self.encoder.see(pass, &pairs.sight);
        let regions = self.network.regions(pass, &features);
        let words = self.network.words(pass, &pairs.words, &pairs.sequences);
        scores(&regions, pairs.sequences.batch(), &words, &pairs.sequences)
    }

    /// The loss, and how many pairs are told apart from a hundred others, under the given parameters.
    pub(super) fn measure(&self, params: &Params<f32>, part: &Part) -> Result<Evaluation> {
        let AlignConfig {
            margin, negatives, ..
        } = self.card.model;
        let (mut loss, mut right, mut count) = (0.0, 0.0, 0.0);
        let batches = part.sentences.rounds(COMPARED_TOGETHER, Key::new(0));
        for some in batches {
            let pairs = part.sentences.pairs(&some, &part.gallery, None)?;
            let scores = self.scores(&Pass::evaluation(params), &pairs);
            let size = some.len() as f64;
            loss += f64::from(ranking_loss(&scores, margin, negatives).item()) * size;
            right += told_apart(&scores) * size;
            count += size;
        }
        Ok(Evaluation {
            loss: loss / f64::max(count, 1.0),
            accuracy: Some(right / f64::max(count, 1.0)),
        })
    }

    /// Measures the model on pictures.
    pub(super) fn report(
        &self,
        part: Part,
        split: &str,
        began: Instant,
        observer: &mut dyn Observer,
    ) -> Result<AlignReport> {
        let damaged = listed(part.gallery.damaged());
        let collection = Collection::of(self, part, Vec::new());
        let Some((sentences, pictures)) = collection.recall(observer)? else {
            let problem = "there is no picture with captions to measure on";
            return Err(Error::data("", problem, "give some"));
        };
        Ok(AlignReport {
            task: Card::TASK,
            split: split.to_string(),
            sentences,
            pictures,
            examples: collection.pictures_len(),
            captions: collection.sentences_len(),
            damaged,
            seconds: began.elapsed().as_secs_f64(),
        })
    }
}
