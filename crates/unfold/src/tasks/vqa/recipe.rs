//! The recipe of a model that answers questions about pictures.

use serde::{Deserialize, Serialize};

use super::config::{AttentionConfig, VqaConfig};
use super::counter::CounterExamplesConfig;
use crate::data::QuestionSource;
use crate::error::{Error, Result};
use crate::nn::{Anneal, Schedule};
use crate::tasks::encoder::EncoderConfig;
use crate::tasks::image::{CnnConfig, ModelConfig};
use crate::tasks::{CellName, Recipe, TaskKind};
use crate::train::TrainConfig;

/// Everything about the training of a model for visual question answering but where its data lies. In TOML:
///
/// ```toml
/// task = "vqa"
/// seed = 1
///
/// [words]
/// min_count = 1
///
/// [answers]
/// most = 1000
///
/// [encoder]
/// from = "efficientnet-lite0.safetensors"
/// network.kind = "efficientnet-lite0"
///
/// [model]
/// kind = "deeper"
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VqaRecipe {
    /// The job: `vqa`.
    pub task: TaskKind,
    /// Decides splits, initial values, the order of examples and everything random.
    pub seed: u64,
    /// How pictures, questions and answers are read and split.
    pub data: QuestionSource,
    /// Which words of questions it learns.
    pub words: WordConfig,
    /// Which answers it can give.
    pub answers: AnswersConfig,
    /// The network that sees.
    pub encoder: EncoderConfig,
    /// The network that reads and answers.
    pub model: VqaConfig,
    /// Whether it also learns to find pictures like the asked one to which another answer is right, and how.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter_examples: Option<CounterExamplesConfig>,
    /// How it is trained. An example is a question. Where the encoder learns, all questions about a picture go into one
    /// batch, so that it is seen once.
    pub train: TrainConfig,
}

/// Which words of questions are learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WordConfig {
    /// Words met less often in training questions are unknown.
    pub min_count: usize,
    /// Longer questions are cut to so many words.
    pub max_length: usize,
}

impl Default for WordConfig {
    fn default() -> WordConfig {
        WordConfig {
            min_count: 1,
            max_length: 40,
        }
    }
}

/// Which answers can be given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnswersConfig {
    /// The most frequent answers of training questions, so many; others are never given. 0 for all.
    pub most: usize,
}

impl Default for AnswersConfig {
    fn default() -> AnswersConfig {
        AnswersConfig { most: 1000 }
    }
}

impl Default for VqaRecipe {
    /// A small network with attention, and a convolutional network that learns with it.
    fn default() -> VqaRecipe {
        VqaRecipe {
            task: TaskKind::Vqa,
            seed: 1,
            data: QuestionSource::default(),
            words: WordConfig::default(),
            answers: AnswersConfig::default(),
            encoder: EncoderConfig {
                network: ModelConfig::Cnn(CnnConfig {
                    channels: vec![8, 16, 32],
                    ..CnnConfig::default()
                }),
                ..EncoderConfig::default()
            },
            model: VqaConfig::Attention(AttentionConfig {
                cell: CellName::Gru,
                hidden_size: 64,
                embedding_size: 32,
                attention_size: 64,
                joint_size: 128,
                soft: false,
                dropout: 0.0,
                members: 1,
            }),
            counter_examples: None,
            train: TrainConfig {
                epochs: 34,
                batch_size: 64,
                learning_rate: 2e-3,
                schedule: Schedule::OneCycle {
                    rise: 0.25,
                    start: 0.1,
                    end: 0.01,
                    anneal: Anneal::Cosine,
                },
                clip_norm: Some(5.0),
                ..TrainConfig::default()
            },
        }
    }
}

/// The longest question.
const LONGEST: usize = 1000;

impl Recipe for VqaRecipe {
    const TASK: TaskKind = TaskKind::Vqa;

    fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    fn check(&self) -> Result<()> {
        self.encoder.check()?;
        self.model.check()?;
        self.train.check()?;
        if let Some(config) = &self.counter_examples {
            config.check()?;
            if self.model.joint_size().is_none() {
                return Err(Error::recipe(
                    "counter_examples",
                    "makes no sense with a model that does not look at pictures",
                    "leave it out, or choose model.kind = \"deeper\" or \"attention\"",
                ));
            }
            if self.model.members() > 1 {
                return Err(Error::recipe(
                    "counter_examples",
                    "are learned by one network alone",
                    "leave it out, or set model.members = 1",
                ));
            }
        }
        match (1..=LONGEST).contains(&self.words.max_length) {
            true => Ok(()),
            false => Err(Error::recipe(
                "words.max_length",
                format!("is {}", self.words.max_length),
                format!("choose a whole number in 1..={LONGEST}"),
            )),
        }
    }
}
