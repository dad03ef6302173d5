//! The recipe of an alignment model.

use serde::{Deserialize, Serialize};

use super::config::AlignConfig;
use crate::data::CaptionSource;
use crate::error::{Error, Result};
use crate::nn::{AdamW, OptimizerConfig, Schedule};
use crate::tasks::encoder::EncoderConfig;
use crate::tasks::sentences::WordConfig;
use crate::tasks::{Recipe, TaskKind};
use crate::train::TrainConfig;

/// Everything about the training of an alignment model but where its data lies. In TOML:
///
/// ```toml
/// task = "align"
/// seed = 1
///
/// [encoder]
/// from = "efficientnet-lite0.safetensors"
/// network.kind = "efficientnet-lite0"
///
/// [model]
/// joint_size = 1024
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlignRecipe {
    /// The job: `align`.
    pub task: TaskKind,
    /// Decides splits, initial values, the order of examples and everything random.
    pub seed: u64,
    /// How pictures and captions are read and split.
    pub data: CaptionSource,
    /// Which words it learns.
    pub words: WordConfig,
    /// The network that sees.
    pub encoder: EncoderConfig,
    /// The network that compares.
    pub model: AlignConfig,
    /// How it is trained. An example is a caption; no picture is twice in a batch.
    pub train: TrainConfig,
    /// How words are laid beside regions.
    pub answer: AlignmentConfig,
}

/// How words are laid beside regions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlignmentConfig {
    /// How much it counts that two words beside each other are about one region: β of the chain model.
    pub smoothing: f64,
}

impl Default for AlignmentConfig {
    fn default() -> AlignmentConfig {
        AlignmentConfig { smoothing: 0.1 }
    }
}

impl AlignmentConfig {
    pub(super) fn check(&self) -> Result<()> {
        match self.smoothing >= 0.0 && self.smoothing.is_finite() {
            true => Ok(()),
            false => Err(Error::recipe(
                "answer.smoothing",
                format!("is {}", self.smoothing),
                "choose a number from 0, such as 0.5",
            )),
        }
    }
}

impl Default for AlignRecipe {
    fn default() -> AlignRecipe {
        AlignRecipe {
            task: TaskKind::Align,
            seed: 1,
            data: CaptionSource::default(),
            words: WordConfig::default(),
            encoder: EncoderConfig::default(),
            model: AlignConfig::default(),
            train: TrainConfig {
                epochs: 10,
                batch_size: 100,
                optimizer: OptimizerConfig::AdamW(AdamW::default()),
                learning_rate: 1e-3,
                schedule: Schedule::Cosine {
                    floor: 0.0,
                    warmup: 100,
                },
                clip_norm: Some(5.0),
                ..TrainConfig::default()
            },
            answer: AlignmentConfig::default(),
        }
    }
}

impl Recipe for AlignRecipe {
    const TASK: TaskKind = TaskKind::Align;

    fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    fn check(&self) -> Result<()> {
        self.encoder.check()?;
        self.model.check()?;
        self.train.check()?;
        self.answer.check()?;
        match self.train.batch_size > 1 {
            true => self.words.check(),
            false => Err(Error::recipe(
                "train.batch_size",
                "is 1, which leaves nothing to compare a pair with",
                "choose at least 2",
            )),
        }
    }
}
