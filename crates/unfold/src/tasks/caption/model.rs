//! A trained captioner: its file, its captions, how good they are.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::config::CaptionConfig;
use super::decode::{self, Caption};
use super::network::Network;
use super::recipe::AnswerConfig;
use crate::data::{CaptionSource, Damage, Picture, PictureForm, Vocabulary, caption_words};
use crate::error::{Error, Result};
use crate::metrics::{self, CaptionScores};
use crate::nn::{Params, Pass};
use crate::random::Key;
use crate::tasks::damage::listed;
use crate::tasks::encoder::{Encoder, EncoderCard};
use crate::tasks::files::{self, Card as _};
use crate::tasks::language::Sampling;
use crate::tasks::sentences::{Batch, Part, Preparation, held_out};
use crate::tensor::Tensor;
use crate::tensors;
use crate::train::{Evaluation, Observer, Stage};

/// Sentences that are measured together.
const MEASURED_TOGETHER: usize = 128;
/// Pictures that are captioned together.
const CAPTIONED_TOGETHER: usize = 128;

/// A captioner with everything it needs: vocabulary, the form of its pictures, the networks that see and write.
pub struct CaptionModel {
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
    pub(super) model: CaptionConfig,
    pub(super) answer: AnswerConfig,
    pub(super) source: CaptionSource,
    /// The seed of the split and of the initial values.
    pub(super) seed: u64,
    /// A fingerprint of the training pictures.
    pub(super) trained_on: u64,
}

impl files::Card for Card {
    const TASK: &'static str = "caption";
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

/// How good a captioner is on one split.
#[derive(Clone, Debug, Serialize)]
pub struct CaptionReport {
    /// `caption`.
    pub task: &'static str,
    /// What was measured: `test`, `valid` or `train`, the split of the training data; `given`, other data.
    pub split: String,
    /// By the metrics of coco-caption.
    #[serde(flatten)]
    pub scores: CaptionScores,
    /// Mean -ln p of the words of the reference captions, in nats.
    pub nats_per_word: f64,
    /// How many pictures were captioned.
    pub examples: usize,
    /// How many captions were written in a second: from features where they are cached, else from pixels.
    pub captions_per_second: f64,
    /// Pictures that could not be read, after a training those of all parts: where each is and what is wrong with it.
    pub damaged: Vec<String>,
    /// Seconds: of training and testing, or of testing alone.
    pub seconds: f64,
}

/// A picture of a set with its captions.
#[derive(Clone, Debug)]
pub struct Captioned {
    /// The picture's name.
    pub name: String,
    /// What the model says, best first.
    pub captions: Vec<Caption>,
    /// What people said.
    pub references: Vec<String>,
}

impl CaptionModel {
    /// Reads a model: the file itself or the folder of a finished run.
    ///
    /// # Errors
    /// When there is none, or the file is damaged, of another task or of a newer version.
    pub fn load(path: &Path) -> Result<CaptionModel> {
        let (file, card, stored) = files::load::<Card>(path)?;
        let mut params = Params::restoring(stored);
        let encoder = Encoder::restore(card.encoder.clone(), path, &mut params)?;
        let network = Network::new(&mut params, &card.model, encoder.shape(), card.words.len());
        params
            .restored()
            .map_err(|problem| files::damaged(&file, problem))?;
        Ok(CaptionModel {
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

    /// The words that it can write.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.card.words
    }

    /// The form in which the network takes pictures.
    pub fn form(&self) -> &PictureForm {
        &self.card.encoder.form
    }

    /// How captions are found unless told otherwise.
    pub fn answer(&self) -> &AnswerConfig {
        &self.card.answer
    }

    /// The model with another way of finding captions: what [`CaptionModel::evaluate`] measures, and a saved model has.
    ///
    /// # Errors
    /// When the search has no width or an unusable one, or the power is no number.
    pub fn with_answer(mut self, answer: AnswerConfig) -> Result<CaptionModel> {
        answer.check()?;
        self.card.answer = answer;
        Ok(self)
    }

    /// The likeliest captions of each picture, best first: as many as the search is wide.
    pub fn caption(&self, pictures: &[Picture], answer: &AnswerConfig) -> Vec<Vec<Caption>> {
        let looker = self.encoder.looker(&self.params);
        let each = pictures.iter().map(|picture| {
            let features = looker.look(picture);
            decode::search(self, &self.params, &features, answer).remove(0)
        });
        each.collect()
    }

    /// Where the model looked in a picture for each word of a caption, and for its end: the shares of the places, `[H, W]` each.
    /// Nothing for models that take a picture as one vector.
    pub fn looked(&self, picture: &Picture, caption: &Caption) -> Vec<Tensor> {
        let Some(grid) = self.encoder.grid() else {
            return Vec::new();
        };
        let features = self.encoder.looker(&self.params).look(picture);
        let looked = decode::looked(self, &features, &caption.words).into_iter();
        looked.map(|alpha| alpha.reshape(grid)).collect()
    }

    /// A caption of each picture whose words are drawn. The pictures are counted from `first`, and each draws numbers of its
    /// own, which depend on the seed and on that count.
    pub fn sample(
        &self,
        pictures: &[Picture],
        sampling: &Sampling,
        seed: u64,
        first: u64,
    ) -> Vec<Caption> {
        let looker = self.encoder.looker(&self.params);
        let key = Key::new(seed).named("captions");
        let mut drawn = Vec::with_capacity(pictures.len());
        for some in pictures.chunks(CAPTIONED_TOGETHER) {
            let each: Vec<Tensor> = some.iter().map(|picture| looker.look(picture)).collect();
            let features = Tensor::concat(&each.iter().collect::<Vec<_>>(), 0);
            let first = first + drawn.len() as u64;
            let keys = (first..).take(some.len()).map(|picture| key.child(picture));
            let keys: Vec<Key> = keys.collect();
            drawn.extend(decode::sample(self, &features, sampling, &keys));
        }
        drawn
    }

    /// Measures the model on captioned pictures: on the test split that the training would use where it is the very data that
    /// the model was trained on, else on the test part of the data, or all of it.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn evaluate(&self, data: &str, observer: &mut dyn Observer) -> Result<CaptionReport> {
        let began = Instant::now();
        let (split, part, damaged) = self.held_out(data, observer)?;
        let mut report = self.report(&part, split, began, observer)?;
        report.damaged.splice(0..0, listed(&damaged));
        Ok(report)
    }

    /// The pictures of `data` with the model's captions and people's, chosen as for [`CaptionModel::evaluate`].
    ///
    /// # Errors
    /// As there.
    pub fn captions(&self, data: &str, observer: &mut dyn Observer) -> Result<Vec<Captioned>> {
        let (_, part, _) = self.held_out(data, observer)?;
        self.all_captions(&part, observer)
    }

    fn held_out(
        &self,
        data: &str,
        observer: &mut dyn Observer,
    ) -> Result<(&'static str, Part, Vec<Damage>)> {
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
        Ok((split, part, damaged))
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

    /// Mean -ln p of the words of sentences, in nats, under the given parameters.
    pub(super) fn measure(&self, params: &Params<f32>, part: &Part) -> Result<Evaluation> {
        let Part {
            sentences, gallery, ..
        } = part;
        let (mut sum, mut count) = (0.0, 0);
        for some in sentences.like_lengths(MEASURED_TOGETHER) {
            let batch = sentences.batch(&some, gallery, None)?;
            let pass = Pass::evaluation(params);
            let features = self.encoder.see(&pass, &batch.sight);
            let Batch {
                pictures,
                words,
                sequences,
                ..
            } = &batch;
            let written = self
                .network
                .forward(&pass, &features, pictures, words, sequences);
            let loss = written
                .logits
                .cross_entropy(&batch.next, &Default::default());
            sum += f64::from(loss.item()) * batch.next.len() as f64;
            count += batch.next.len();
        }
        Ok(Evaluation {
            loss: sum / f64::from(count.max(1) as u32),
            accuracy: None,
        })
    }

    /// The captions of all pictures of a set that can be seen.
    fn all_captions(&self, part: &Part, observer: &mut dyn Observer) -> Result<Vec<Captioned>> {
        let Part { set, gallery, .. } = part;
        let shown = gallery.shown();
        let mut all = Vec::with_capacity(shown.len());
        for some in shown.chunks(CAPTIONED_TOGETHER) {
            observer.stage(
                Stage::Measuring,
                Some(all.len() as f64 / shown.len() as f64),
            );
            let sight = gallery.look(some, None)?;
            let features: Tensor = self.encoder.see(&Pass::evaluation(&self.params), &sight);
            let found = decode::search(self, &self.params, &features, &self.card.answer);
            for (&picture, captions) in some.iter().zip(found) {
                all.push(Captioned {
                    name: set.names[picture].clone(),
                    captions,
                    references: set.captions[picture].clone(),
                });
            }
        }
        Ok(all)
    }

    /// Measures the model on pictures.
    pub(super) fn report(
        &self,
        part: &Part,
        split: &str,
        began: Instant,
        observer: &mut dyn Observer,
    ) -> Result<CaptionReport> {
        let captioning = Instant::now();
        let all = self.all_captions(part, observer)?;
        let captioning = captioning.elapsed().as_secs_f64();
        if all.is_empty() {
            let problem = "there is no picture with captions to measure on";
            return Err(Error::data("", problem, "give some"));
        }
        let words = |texts: &Vec<String>| texts.iter().map(|text| caption_words(text)).collect();
        let references: Vec<Vec<Vec<String>>> = all.iter().map(|c| words(&c.references)).collect();
        let pairs = all.iter().zip(&references);
        let pairs = pairs.map(|(said, references)| metrics::Captioned {
            candidate: &said.captions[0].words,
            references,
        });
        let scores = CaptionScores::of(&pairs.collect::<Vec<_>>());
        Ok(CaptionReport {
            task: Card::TASK,
            split: split.to_string(),
            scores,
            nats_per_word: self.measure(&self.params, part)?.loss,
            examples: all.len(),
            captions_per_second: all.len() as f64 / captioning,
            damaged: listed(part.gallery.damaged()),
            seconds: began.elapsed().as_secs_f64(),
        })
    }
}
