//! A trained text classifier: its file, its answers.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::batch::{Encoded, assemble, encode};
use super::config::{LARGEST, ModelConfig};
use super::network::Network;
use super::recipe::TextRecipe;
use crate::data::{Encoder, Example, TextData, TextSource, read_text, read_text_split};
use crate::error::{Error, Result};
use crate::metrics::Confusion;
use crate::nn::{Params, Pass};
use crate::tasks::files::{self, Card as _, hash, mix};
use crate::tasks::prediction::{Prediction, best, mean_loss};
use crate::tasks::spelling;
use crate::tensors;
use crate::train::Evaluation;

/// Texts that go through the network together when nothing is trained.
const EVALUATION_BATCH: usize = 64;

/// A text classifier with everything it needs: labels, vocabulary, preprocessing, weights.
pub struct TextModel {
    pub(super) card: Card,
    pub(super) params: Params<f32>,
    pub(super) network: Network,
}

/// What a model file says of itself besides the weights.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Card {
    pub(super) format: u32,
    pub(super) task: String,
    pub(super) labels: Vec<String>,
    pub(super) model: ModelConfig,
    /// Length of the word vectors.
    pub(super) size: usize,
    pub(super) source: TextSource,
    /// The seed of the split and of the initial values.
    pub(super) seed: u64,
    /// Of two classes the one called positive: the rarer one in training, and among equals the
    /// second, which is where "spam" and "positive" stand.
    pub(super) positive: Option<usize>,
    /// [`fingerprint`] of the training texts.
    pub(super) trained_on: u64,
    pub(super) encoder: Encoder,
}

impl files::Card for Card {
    const TASK: &'static str = "text";
    const FORMAT: u32 = 1;

    fn task(&self) -> &str {
        &self.task
    }

    fn format(&self) -> u32 {
        self.format
    }

    fn check(&self) -> Result<()> {
        self.model.check()?;
        if self.size > LARGEST || self.labels.is_empty() {
            return Err(Error::recipe("model", "its sizes cannot be meant", ""));
        }
        Ok(())
    }
}

/// How good a classifier is on one split.
#[derive(Clone, Debug, Serialize)]
pub struct TextReport {
    /// `text`.
    pub task: &'static str,
    /// What was measured: `test`, `valid` or `train`, the split of the training data; `given`,
    /// other data.
    pub split: String,
    /// The share of right answers, 0..=1.
    pub accuracy: f64,
    /// The plain mean of the classes' F1, 0..=1.
    pub macro_f1: f64,
    /// With two classes: the share of answers "positive" that are right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<f64>,
    /// With two classes: the share of positives found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<f64>,
    /// With two classes: the harmonic mean of precision and recall.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f1: Option<f64>,
    /// With two classes: the one called positive, the rarer in training.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// How many texts were measured.
    pub examples: usize,
    /// Seconds: of training and testing, or of testing alone.
    pub seconds: f64,
    /// The labels in the order of the confusion matrix.
    pub labels: Vec<String>,
    /// `confusion[truth][answer]` counts texts.
    pub confusion: Vec<Vec<u64>>,
}

impl TextModel {
    /// A new classifier with initial weights; word vectors are read from the file that the
    /// recipe names.
    pub(super) fn new(
        recipe: &TextRecipe,
        encoder: Encoder,
        texts: &TextData,
    ) -> Result<TextModel> {
        let model = &recipe.model;
        let vectors = match model.embedding().and_then(|e| e.vectors.as_ref()) {
            Some(path) => Some(crate::data::load_vectors(path, encoder.vocabulary())?),
            None => None,
        };
        let rows = match model {
            ModelConfig::Bag(_) => encoder.bag_size(),
            _ => encoder.size(),
        };
        let chosen = model.embedding().map_or(0, |e| e.size);
        let size = vectors.as_ref().map_or(chosen, |(size, _)| *size);
        model.check_size(rows, size, texts.labels.len())?;
        let card = Card {
            format: Card::FORMAT,
            task: Card::TASK.into(),
            labels: texts.labels.clone(),
            model: model.clone(),
            size,
            source: recipe.data.clone(),
            seed: recipe.seed,
            positive: (texts.labels.len() == 2).then(|| {
                let first = texts.train.iter().filter(|e| e.label == 0).count();
                usize::from(2 * first >= texts.train.len())
            }),
            trained_on: fingerprint(&texts.train),
            encoder,
        };
        let mut params = Params::new(recipe.seed);
        let network = build(&mut params, &card);
        if let Some((size, rows)) = vectors {
            let table = params.get_mut(network.table().weight());
            for (slot, row) in table.chunks_exact_mut(size).zip(rows) {
                if let Some(row) = row {
                    slot.copy_from_slice(&row);
                }
            }
        }
        Ok(TextModel {
            card,
            params,
            network,
        })
    }

    /// Reads a model: the file itself or the folder of a finished run.
    ///
    /// # Errors
    /// When there is none, or the file is damaged, of another task or of a newer version.
    pub fn load(path: &Path) -> Result<TextModel> {
        let (file, card, stored) = files::load::<Card>(path)?;
        // Layers take their values from the file; what is not in it is never allocated.
        let mut params = Params::restoring(stored);
        let network = build(&mut params, &card);
        params
            .restored()
            .map_err(|problem| files::damaged(&file, problem))?;
        Ok(TextModel {
            card,
            params,
            network,
        })
    }

    /// Writes the model to `path`, all or nothing.
    ///
    /// # Errors
    /// When the system cannot write; an earlier file is then untouched.
    pub fn save(&self, path: &Path) -> Result<()> {
        tensors::write(path, &self.card, files::tensors(&self.params))
    }

    /// The labels, in the order of the model's outputs.
    pub fn labels(&self) -> &[String] {
        &self.card.labels
    }

    /// The number of the output that stands for a label.
    ///
    /// # Errors
    /// When the model has no such label, with those that are spelled alike.
    pub fn class(&self, label: &str) -> Result<usize> {
        spelling::class(self.labels(), label)
    }

    /// How many parameters there are.
    pub fn parameters(&self) -> usize {
        self.params.len()
    }

    /// Classifies texts.
    pub fn classify<S: AsRef<str>>(&self, texts: &[S]) -> Vec<Prediction> {
        let cleaned: Vec<String> = texts.iter().map(|t| self.clean(t.as_ref())).collect();
        let encoded = self.encode(&cleaned);
        let scores = self.scores(&self.params, &encoded.iter().collect::<Vec<_>>());
        scores
            .iter()
            .map(|logits| Prediction::of(self.labels(), logits))
            .collect()
    }

    /// A text as the model reads it: cleaned as its training texts were.
    pub fn clean(&self, text: &str) -> String {
        self.card.source.clean(text)
    }

    /// Measures the model on labelled data, read as the training data was: on its test split
    /// where it gives one; on the texts held out in training where it is the very data that the
    /// model was trained on; else on all of it.
    ///
    /// # Errors
    /// When the data cannot be read, or holds labels that the model does not know.
    pub fn evaluate(&self, data: &str) -> Result<TextReport> {
        let began = std::time::Instant::now();
        let path = Path::new(data);
        // Other data may well hold one class alone, which training would refuse.
        if let Ok(texts) = read_text(path, &self.card.source, self.card.seed)
            && texts.labels == self.labels()
            && fingerprint(&texts.train) == self.card.trained_on
            && let Some(test) = texts.test
        {
            return Ok(self.report(&test, "test", began));
        }
        let examples = read_text_split(path, &self.card.source, self.labels())?;
        Ok(self.report(&examples, "given", began))
    }

    /// Measures the model on examples.
    pub(super) fn report(
        &self,
        examples: &[Example],
        split: &str,
        began: std::time::Instant,
    ) -> TextReport {
        let texts: Vec<&str> = examples.iter().map(|e| &*e.text).collect();
        let encoded = self.encode(&texts);
        let scores = self.scores(&self.params, &encoded.iter().collect::<Vec<_>>());
        let truth: Vec<usize> = examples.iter().map(|e| e.label).collect();
        let answers: Vec<usize> = scores.iter().map(|logits| best(logits)).collect();
        let confusion = Confusion::of(self.labels().len(), truth.iter().copied().zip(answers));
        // Without a single example of it, nothing can be said of how it is found.
        let two = self
            .card
            .positive
            .filter(|positive| truth.contains(positive));
        let scored = two.map(|positive| confusion.binary(positive));
        TextReport {
            task: "text",
            split: split.to_string(),
            accuracy: confusion.accuracy(),
            macro_f1: confusion.macro_f1(),
            precision: scored.as_ref().map(|s| s.precision),
            recall: scored.as_ref().map(|s| s.recall),
            f1: scored.as_ref().map(|s| s.f1),
            positive: two.map(|positive| self.labels()[positive].clone()),
            loss: mean_loss(&scores, &truth),
            examples: examples.len(),
            seconds: began.elapsed().as_secs_f64(),
            labels: self.labels().to_vec(),
            confusion: (0..confusion.classes())
                .map(|truth| {
                    let answers = 0..confusion.classes();
                    answers
                        .map(|answer| confusion.count(truth, answer))
                        .collect()
                })
                .collect(),
        }
    }

    pub(super) fn encode<S: AsRef<str> + Sync>(&self, texts: &[S]) -> Vec<Encoded> {
        encode(texts, &self.card.encoder, &self.card.model)
    }

    /// The logits of each text under the given parameters.
    pub(super) fn scores(&self, params: &Params<f32>, texts: &[&Encoded]) -> Vec<Vec<f32>> {
        // Texts of like length share a batch, so that the recurrence's rows stay full.
        let mut by_length: Vec<usize> = (0..texts.len()).collect();
        by_length.sort_by_key(|&i| texts[i].len());
        let mut scores = vec![Vec::new(); texts.len()];
        let (pass, frozen) = (Pass::evaluation(params), self.network.frozen(params));
        for batch in by_length.chunks(EVALUATION_BATCH) {
            let members: Vec<&Encoded> = batch.iter().map(|&i| texts[i]).collect();
            let input = assemble(&members, 0.0, None);
            let logits = self.network.answer(&pass, &frozen, &input);
            let rows = logits.data().chunks_exact(self.labels().len());
            for (row, place) in rows.zip(input.order()) {
                scores[batch[place]] = row.to_vec();
            }
        }
        scores
    }

    /// Loss and accuracy under the given parameters.
    pub(super) fn measure(
        &self,
        params: &Params<f32>,
        texts: &[&Encoded],
        truth: &[usize],
    ) -> Evaluation {
        let scores = self.scores(params, texts);
        let right = scores.iter().zip(truth).filter(|(s, t)| best(s) == **t);
        Evaluation {
            accuracy: Some(right.count() as f64 / truth.len().max(1) as f64),
            loss: mean_loss(&scores, truth),
        }
    }
}

fn build(params: &mut Params<f32>, card: &Card) -> Network {
    let rows = match card.model {
        ModelConfig::Bag(_) => card.encoder.bag_size(),
        _ => card.encoder.size(),
    };
    Network::new(params, &card.model, card.size, rows, card.labels.len())
}

/// A number that changes with the examples: their texts, their labels, their order.
pub(super) fn fingerprint(examples: &[Example]) -> u64 {
    examples.iter().fold(hash(&[]), |state, example| {
        let label = (example.label as u64).to_le_bytes();
        mix(mix(mix(state, example.text.as_bytes()), &[0xff]), &label)
    })
}
