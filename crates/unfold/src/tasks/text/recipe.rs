//! The recipe of a text classifier.

use serde::{Deserialize, Serialize};

use super::ModelConfig;
use crate::data::{TextSource, TokenConfig};
use crate::error::Result;
use crate::tasks::loss::LossConfig;
use crate::tasks::{Recipe, TaskKind};
use crate::train::TrainConfig;

/// Everything about the training of a text classifier but where its data lies. In TOML:
///
/// ```toml
/// task = "text"
/// seed = 1
///
/// [data]
/// remove = ["headers", "footers", "quotes"]
///
/// [tokens]
/// min_count = 2
///
/// [model]
/// kind = "cnn"
///
/// [train]
/// epochs = 10
/// optimizer = "adam"
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextRecipe {
    /// The job: `text`.
    pub task: TaskKind,
    /// Decides splits, initial values, the order of examples and everything random.
    pub seed: u64,
    /// How the data is read and split.
    pub data: TextSource,
    /// How text becomes tokens.
    pub tokens: TokenConfig,
    /// The network.
    pub model: ModelConfig,
    /// What is minimised.
    pub loss: LossConfig,
    /// How it is trained.
    pub train: TrainConfig,
}

impl Default for TextRecipe {
    /// A convolutional network that does well on most sets of some thousand texts.
    fn default() -> TextRecipe {
        TextRecipe {
            task: TaskKind::Text,
            seed: 1,
            data: TextSource::default(),
            // What a text is about mostly shows in its first few hundred words, and a word
            // met once teaches nothing.
            tokens: TokenConfig {
                min_count: 2,
                max_length: 400,
                ..TokenConfig::default()
            },
            model: ModelConfig::default(),
            loss: LossConfig::default(),
            train: TrainConfig {
                epochs: 6,
                patience: 2,
                ..TrainConfig::default()
            },
        }
    }
}

impl Recipe for TextRecipe {
    const TASK: TaskKind = TaskKind::Text;

    fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    fn check(&self) -> Result<()> {
        self.model.check()?;
        self.train.check()?;
        self.loss.check()
    }
}
