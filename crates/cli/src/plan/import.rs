//! Weights from elsewhere.

use std::path::PathBuf;

use anyhow::Result;
use unfold::tasks::Recipe as _;
use unfold::tasks::image::{ImageRecipe, ModelConfig};

use crate::failure::unusable;
use crate::flags;

/// Weights from elsewhere.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) weights: PathBuf,
    pub(crate) network: ModelConfig,
    pub(crate) labels: Vec<String>,
    /// The file that the labels come from, if they come from one.
    pub(crate) names: Option<PathBuf>,
    pub(crate) out: PathBuf,
}

impl Import {
    pub(super) fn new(flags: flags::Import) -> Result<Import> {
        let mut recipe = ImageRecipe::default();
        recipe
            .set(&format!("model.kind={}", flags.network))
            .map_err(|_| {
                unusable(
                    format!("--network {}: is not known", flags.network),
                    "choose resnet18, resnet34, resnet50, mobilenet-v2 or efficientnet-lite0",
                )
            })?;
        let network = recipe.model;
        let labels: Vec<String> = match &flags.labels {
            None => (0..flags.classes).map(|class| class.to_string()).collect(),
            Some(path) => {
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|error| unfold::Error::io(path, "read", &error))?;
                text.lines().map(|line| line.trim().to_owned()).collect()
            }
        };
        Ok(Import {
            weights: flags.weights,
            network,
            labels,
            names: flags.labels,
            out: flags.out,
        })
    }
}
