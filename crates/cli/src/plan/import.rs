//! Weights from elsewhere.

use std::collections::HashMap;
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

/// Labels, each without the space around it; equal ones are numbered, as ImageNet's two cranes.
fn apart<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    lines
        .map(|line| {
            let count = seen.entry(line.trim()).or_default();
            *count += 1;
            match count {
                1 => line.trim().to_owned(),
                count => format!("{} ({count})", line.trim()),
            }
        })
        .collect()
}

impl Import {
    pub(super) fn new(flags: flags::Import) -> Result<Import> {
        let same = |path: &PathBuf| path.canonicalize().ok() == flags.out.canonicalize().ok();
        let inputs = [Some(&flags.weights), flags.labels.as_ref()];
        if flags.out.exists() && inputs.into_iter().flatten().any(same) {
            return Err(unusable(
                format!("{}: would be overwritten", flags.out.display()),
                "choose another file with --out",
            ));
        }
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
                apart(text.trim_start_matches('\u{feff}').trim_end().lines())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_labels_are_told_apart() {
        let labels = apart(["crane", " gull", "crane", "crane "].into_iter());
        assert_eq!(labels, ["crane", "gull", "crane (2)", "crane (3)"]);
    }
}
