//! The recipe of an image classifier.

use std::path::PathBuf;

use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize};

use super::config::ModelConfig;
use crate::data::{AugmentConfig, Fit, PictureForm, PictureSet, PictureSource, matches};
use crate::error::{Error, Result};
use crate::nn::network::Network;
use crate::nn::{Anneal, Params, Schedule};
use crate::tasks::loss::LossConfig;
use crate::tasks::{Recipe, TaskKind};
use crate::train::TrainConfig;

/// Everything about the training of an image classifier but where its data lies. In TOML:
///
/// ```toml
/// task = "image"
/// seed = 1
///
/// [input]
/// size = [32, 32]
///
/// [augment]
/// crop_padding = 4
/// flip = true
///
/// [model]
/// kind = "resnet9"
///
/// [train]
/// epochs = 10
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageRecipe {
    /// The job: `image`.
    pub task: TaskKind,
    /// Decides splits, initial values, the order of examples and everything random.
    pub seed: u64,
    /// How the data is read and split.
    pub data: PictureSource,
    /// The form in which the network takes pictures.
    pub input: InputConfig,
    /// What is changed at random while training.
    pub augment: AugmentConfig,
    /// The network.
    pub model: ModelConfig,
    /// Which parameters learn, and how fast.
    pub parameters: ParameterConfig,
    /// What is minimised.
    pub loss: LossConfig,
    /// How it is trained.
    pub train: TrainConfig,
    /// How answers are found.
    pub answer: AnswerConfig,
}

/// The form in which a network takes pictures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct InputConfig {
    /// Rows and columns, `[H, W]`, or one number for both. When absent: as many as the network was trained on before, else those of the pictures if all
    /// have the same and are small, a square of the usual shorter side if that is small, or 224.
    #[serde(deserialize_with = "sides")]
    pub size: Option<[usize; 2]>,
    /// 1 for grey, 3 for colours. When absent, what the pictures are.
    pub channels: Option<usize>,
    /// How pictures of another shape are fitted: `crop`, `stretch` or `pad`.
    pub fit: Fit,
}

/// Two sides, or one for both.
fn sides<'de, D: Deserializer<'de>>(value: D) -> std::result::Result<Option<[usize; 2]>, D::Error> {
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "expected rows and columns, such as [32, 48], or one number for both"
    )]
    enum Sides {
        Square(usize),
        Both([usize; 2]),
    }
    Ok(Some(match Sides::deserialize(value)? {
        Sides::Square(side) => [side; 2],
        Sides::Both(sides) => sides,
    }))
}

/// Pictures that are looked at to find out what all look like.
const LOOKED_AT: usize = 200;
/// Pictures that are mostly larger are brought to [`USUAL`] unless the recipe says otherwise.
const SMALL: usize = 96;
/// The usual side of larger pictures.
const USUAL: usize = 224;

impl InputConfig {
    /// The form in which a network that begins anew takes these pictures.
    ///
    /// # Errors
    /// When none can be read, or the size cannot be meant.
    pub(in crate::tasks) fn form(&self, pictures: &PictureSet) -> Result<PictureForm> {
        let seen = pictures.survey(LOOKED_AT).ok_or_else(|| {
            let remedy = "fetch or make the pictures again";
            Error::data("", "none of the pictures can be read", remedy)
        })?;
        let small = seen.size.filter(|[h, w]| *h.max(w) <= SMALL);
        // Among small ones, some of another size are no reason to make all large.
        let usual = match seen.shorter_side <= SMALL {
            true => [seen.shorter_side; 2],
            false => [USUAL; 2],
        };
        let [height, width] = self.size.or(small).unwrap_or(usual);
        let form = PictureForm {
            height,
            width,
            channels: self.channels.unwrap_or(if seen.grey { 1 } else { 3 }),
            fit: self.fit,
        };
        form.check("input")?;
        Ok(form)
    }
}

/// Which parameters learn, and how fast.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ParameterConfig {
    /// A trained image model to begin with: a run or its `model.safetensors`, or the weights of a network as PyTorch names
    /// them. Its last layer is replaced.
    pub from: Option<PathBuf>,
    /// Parameters that stay as they are, by name, where `*` stands for any text; `backbone` is all but the last layer. Where weight
    /// and bias of a normalisation are among them, its running statistics stay too.
    pub freeze: Vec<String>,
    /// What the learning rate of parameters is multiplied by, by name, as in `freeze`; the last that matches counts,
    /// in the order in which they are written.
    pub rates: IndexMap<String, f64>,
}

/// How answers are found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AnswerConfig {
    /// Whether a picture and its mirror image answer together: the mean of their logits.
    pub flip: bool,
    /// By how many pixels a picture is also moved, up and left and down and right, to answer together with where it was: the mean
    /// of their logits, one half from the picture in place. 0 looks at it in place alone, any other number three times. Beyond its edge a picture is [mirrored](crate::data::Border::Mirror).
    pub shift: usize,
    /// Batches of training pictures over which the running statistics of batch normalisation are taken anew after training,
    /// as suits averaged parameters (Izmailov et al. 2018); 0 leaves them as training made them.
    pub reestimate: usize,
}

impl Default for ImageRecipe {
    /// A plain convolutional network that does well on small pictures.
    fn default() -> ImageRecipe {
        ImageRecipe {
            task: TaskKind::Image,
            seed: 1,
            data: PictureSource::default(),
            input: InputConfig::default(),
            augment: AugmentConfig::default(),
            model: ModelConfig::default(),
            parameters: ParameterConfig::default(),
            loss: LossConfig::default(),
            train: TrainConfig {
                epochs: 10,
                batch_size: 64,
                learning_rate: 4e-3,
                schedule: Schedule::OneCycle {
                    rise: 0.25,
                    start: 0.1,
                    end: 0.01,
                    anneal: Anneal::Cosine,
                },
                ..TrainConfig::default()
            },
            answer: AnswerConfig::default(),
        }
    }
}

impl Recipe for ImageRecipe {
    const TASK: TaskKind = TaskKind::Image;

    fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    fn check(&self) -> Result<()> {
        self.model.check("model")?;
        self.parameters.check()?;
        self.train.check()?;
        self.loss.check()
    }
}

impl AnswerConfig {
    /// # Errors
    /// When pictures of this form would be moved by a side of theirs or more.
    pub(super) fn check(&self, form: &PictureForm) -> Result<()> {
        let shorter = form.height.min(form.width);
        match self.shift < shorter.max(1) {
            true => Ok(()),
            false => Err(Error::recipe(
                "answer.shift",
                format!(
                    "is {}, and the pictures are {} x {}",
                    self.shift, form.height, form.width
                ),
                "choose some pixels, like 1, or 0 to look at pictures in place alone",
            )),
        }
    }
}

/// All parameters but those of the last layer.
const BACKBONE: &str = "backbone";

impl ParameterConfig {
    fn check(&self) -> Result<()> {
        if self.from.is_none() && self.freezes_backbone() {
            return Err(Error::recipe(
                "parameters.freeze",
                "has `backbone` for a network that begins anew, which would then know nothing of pictures",
                "name a trained one with parameters.from (--from), or leave it out",
            ));
        }
        let wrong = |(_, rate): &(&String, &f64)| !(rate.is_finite() && **rate >= 0.0);
        match self.rates.iter().find(wrong) {
            Some((name, rate)) => Err(Error::recipe(
                format!("parameters.rates.{name}"),
                format!("is {rate}"),
                "choose a number from 0",
            )),
            None => Ok(()),
        }
    }

    /// Whether all layers but the last stay as they are.
    pub(super) fn freezes_backbone(&self) -> bool {
        self.freeze.iter().any(|pattern| pattern == BACKBONE)
    }

    /// Tells the parameters of a network.
    ///
    /// # Errors
    /// When a name matches no parameter, or nothing is left to learn.
    pub(super) fn apply(&self, params: &mut Params<f32>, network: &Network) -> Result<()> {
        let head = network.head();
        let named = |pattern: &str, params: &Params<f32>| -> Result<Vec<_>> {
            let meant = |name: &str| match pattern {
                BACKBONE => !head.holds(name),
                _ => matches(pattern, name),
            };
            let names = params.entries().map(|entry| &entry.name);
            let ids = names.filter(|name| meant(name)).map(|name| params.id(name));
            let found: Vec<_> = ids.flatten().collect();
            if found.is_empty() {
                let names: Vec<&str> = params.entries().map(|e| e.name.as_str()).collect();
                return Err(Error::recipe(
                    format!("parameters: `{pattern}`"),
                    "no parameter has such a name",
                    format!("they are called {}", names.join(", ")),
                ));
            }
            Ok(found)
        };
        let learn: Vec<String> = params
            .entries()
            .filter(|entry| entry.trainable)
            .map(|entry| entry.name.clone())
            .collect();
        for pattern in &self.freeze {
            if pattern != BACKBONE && !learn.iter().any(|name| matches(pattern, name)) {
                named(pattern, params)?;
                return Err(Error::recipe(
                    format!("parameters.freeze: `{pattern}`"),
                    "these are statistics, which do not learn in any case",
                    "name weight and bias of their layer: then the statistics stay too",
                ));
            }
            for id in named(pattern, params)? {
                params.set_trainable(id, false);
            }
        }
        if !params.entries().any(|entry| entry.trainable) {
            return Err(Error::recipe(
                "parameters.freeze",
                "leaves no parameter that learns",
                "take a name out of it",
            ));
        }
        for (pattern, rate) in &self.rates {
            for id in named(pattern, params)? {
                params.set_rate(id, *rate);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_is_a_square() {
        let mut recipe = ImageRecipe::default();
        recipe.set("input.size=32").unwrap();
        assert_eq!(recipe.input.size, Some([32, 32]));
        recipe.set("input.size=[32,48]").unwrap();
        assert_eq!(recipe.input.size, Some([32, 48]));
        let read = ImageRecipe::from_toml(&recipe.to_toml(), "x").unwrap();
        assert_eq!(read, recipe);
        let read = ImageRecipe::from_toml("[input]\nsize = 96\n", "x").unwrap();
        assert_eq!(read.input.size, Some([96, 96]));
        let error = ImageRecipe::from_toml("[input]\nsize = \"big\"\n", "x").unwrap_err();
        let error = error.to_string();
        assert!(error.contains("line 2: input.size"), "{error}");
        assert!(error.contains("or one number for both"), "{error}");
    }
}
