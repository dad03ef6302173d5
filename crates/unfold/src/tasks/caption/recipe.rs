//! The recipe of a captioner.

use serde::{Deserialize, Serialize};

use super::config::CaptionConfig;
use crate::data::CaptionSource;
use crate::error::{Error, Result};
use crate::nn::{AdamW, OptimizerConfig, Schedule};
use crate::tasks::encoder::EncoderConfig;
use crate::tasks::sentences::WordConfig;
use crate::tasks::{Recipe, TaskKind};
use crate::train::{Select, TrainConfig};

/// Everything about the training of a captioner but where its data lies. In TOML:
///
/// ```toml
/// task = "caption"
/// seed = 1
///
/// [words]
/// min_count = 5
///
/// [encoder]
/// from = "efficientnet-lite0.safetensors"
/// network.kind = "efficientnet-lite0"
///
/// [model]
/// kind = "attention"
///
/// [answer]
/// beam = 3
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaptionRecipe {
    /// The job: `caption`.
    pub task: TaskKind,
    /// Decides splits, initial values, the order of examples and everything random.
    pub seed: u64,
    /// How pictures and captions are read and split.
    pub data: CaptionSource,
    /// Which words it learns.
    pub words: WordConfig,
    /// The network that sees.
    pub encoder: EncoderConfig,
    /// The network that writes.
    pub model: CaptionConfig,
    /// How it is trained. An example is a caption.
    pub train: TrainConfig,
    /// How captions are found.
    pub answer: AnswerConfig,
}

/// How captions are found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnswerConfig {
    /// The width of the search for the likeliest caption; 1 takes the likeliest word each time.
    pub beam: usize,
    /// The power of a caption's length that its ln p is divided by: 1 for the mean over words, 0 for ln p itself, which favours
    /// short ones.
    pub length_power: f64,
}

impl Default for AnswerConfig {
    fn default() -> AnswerConfig {
        AnswerConfig {
            beam: 3,
            length_power: 0.7,
        }
    }
}

/// The widest search.
const WIDEST: usize = 1000;
impl AnswerConfig {
    pub(super) fn check(&self) -> Result<()> {
        if !(1..=WIDEST).contains(&self.beam) {
            return Err(Error::recipe(
                "answer.beam",
                format!("is {}", self.beam),
                format!("choose a whole number in 1..={WIDEST}"),
            ));
        }
        match self.length_power.is_finite() {
            true => Ok(()),
            false => Err(Error::recipe(
                "answer.length_power",
                format!("is {}", self.length_power),
                "choose a number such as 0.7",
            )),
        }
    }
}

impl Default for CaptionRecipe {
    /// An LSTM that reads the picture as its first word.
    fn default() -> CaptionRecipe {
        CaptionRecipe {
            task: TaskKind::Caption,
            seed: 1,
            data: CaptionSource::default(),
            words: WordConfig::default(),
            encoder: EncoderConfig::default(),
            model: CaptionConfig::default(),
            train: TrainConfig {
                epochs: 10,
                batch_size: 64,
                optimizer: OptimizerConfig::AdamW(AdamW::default()),
                learning_rate: 1e-3,
                schedule: Schedule::Cosine {
                    floor: 0.0,
                    warmup: 100,
                },
                clip_norm: Some(5.0),
                select: Select::Loss,
                ..TrainConfig::default()
            },
            answer: AnswerConfig::default(),
        }
    }
}

impl Recipe for CaptionRecipe {
    const TASK: TaskKind = TaskKind::Caption;

    fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    fn check(&self) -> Result<()> {
        self.encoder.check()?;
        self.model.check()?;
        self.train.check()?;
        self.answer.check()?;
        self.words.check()
    }
}
