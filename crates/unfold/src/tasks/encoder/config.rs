//! What a recipe says about the network that sees pictures.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::data::AugmentConfig;
use crate::error::{Error, Result};
use crate::tasks::image::{InputConfig, ModelConfig};

/// The convolutional network that turns pictures into features, as a module of a bigger one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EncoderConfig {
    /// A trained image model to begin with: a run or its `model.safetensors`, or the weights of `network` as PyTorch names
    /// them. Its last layer is left out. When absent the network begins anew.
    pub from: Option<PathBuf>,
    /// The network where it begins anew or with PyTorch's weights; its last layer is left out.
    pub network: ModelConfig,
    /// Whether it learns with the rest. When absent, only where it begins anew. The features of a network that does not
    /// learn are computed once and kept in a file.
    pub learns: Option<bool>,
    /// The folder for that file. When absent, `unfold` in the system's folder for caches.
    pub cache: Option<PathBuf>,
    /// The form in which it takes pictures.
    pub input: InputConfig,
    /// What is changed at random in pictures while it learns.
    pub augment: AugmentConfig,
}

impl EncoderConfig {
    /// Whether it learns with the rest.
    pub(in crate::tasks) fn learns(&self) -> bool {
        self.learns.unwrap_or(self.from.is_none())
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Naming the key and what it may be.
    pub(in crate::tasks) fn check(&self) -> Result<()> {
        if self.from.is_none() && self.learns == Some(false) {
            return Err(Error::recipe(
                "encoder.learns",
                "is false for a network that begins anew, whose features would mean nothing",
                "name a trained one with encoder.from, or leave it out",
            ));
        }
        let AugmentConfig { mixup, cutmix, .. } = self.augment;
        if let Some((key, _)) = [("mixup", mixup), ("cutmix", cutmix)]
            .into_iter()
            .find(|(_, alpha)| *alpha != 0.0)
        {
            return Err(Error::recipe(
                format!("encoder.augment.{key}"),
                "mixes labels as well, and here pictures have none",
                "leave it out",
            ));
        }
        if !self.learns() && self.augment != AugmentConfig::default() {
            return Err(Error::recipe(
                "encoder.augment",
                "changes pictures at random, but this network sees each once and does not learn",
                "leave it out, or let the network learn with encoder.learns = true",
            ));
        }
        self.network.check("encoder.network")
    }
}

/// What is taken of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Features {
    /// One vector for the whole picture, `[B, C]`.
    Vector,
    /// A vector for each place of a grid, `[B, L, C]`.
    Grid,
}
