//! What a recipe says about a network for pictures.

use serde::{Deserialize, Serialize};

use crate::data::Normalise;
use crate::error::{Error, Result};
use crate::nn::network::{
    self, LayerConfig, LayerKind, LinearConfig, Outline, Stem, cnn, feed_forward, lenet5, resnet9,
};

/// The network, chosen by `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ModelConfig {
    /// A feed-forward network on all pixels in a row ([`feed_forward`]).
    FeedForward(FeedForwardConfig),
    /// LeNet-5 ([`lenet5`]).
    Lenet5(NoConfig),
    /// A plain convolutional network ([`cnn`]).
    Cnn(CnnConfig),
    /// A residual network of nine layers for small pictures ([`resnet9`]).
    Resnet9(Resnet9Config),
    /// A residual network of 18 layers ([`resnet18`](network::resnet18)).
    Resnet18(ResnetConfig),
    /// Of 34 layers ([`resnet34`](network::resnet34)).
    Resnet34(ResnetConfig),
    /// Of 50 layers ([`resnet50`](network::resnet50)).
    Resnet50(ResnetConfig),
    /// MobileNetV2 ([`mobilenet_v2`](network::mobilenet_v2)).
    #[serde(rename = "mobilenet-v2")]
    MobilenetV2(MobilenetConfig),
    /// EfficientNet-Lite0 ([`efficientnet_lite0`](network::efficientnet_lite0)).
    #[serde(rename = "efficientnet-lite0")]
    EfficientnetLite0(NoConfig),
    /// Any layers, one after the other, and a fully connected one to the classes after them.
    Layers(LayersConfig),
}

impl Default for ModelConfig {
    fn default() -> ModelConfig {
        ModelConfig::Cnn(CnnConfig::default())
    }
}

/// Nothing to choose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoConfig {}

/// A feed-forward network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeedForwardConfig {
    /// Sizes of the hidden layers.
    pub hidden: Vec<usize>,
    /// Dropout after each of them.
    pub dropout: f64,
}

impl Default for FeedForwardConfig {
    fn default() -> FeedForwardConfig {
        FeedForwardConfig {
            hidden: vec![256],
            dropout: 0.2,
        }
    }
}

/// A plain convolutional network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CnnConfig {
    /// Channels of each stage, of two convolutions each; pictures are halved between stages.
    pub channels: Vec<usize>,
    /// Dropout after each stage.
    pub dropout: f64,
}

impl Default for CnnConfig {
    fn default() -> CnnConfig {
        CnnConfig {
            channels: vec![16, 32, 64],
            dropout: 0.1,
        }
    }
}

/// A residual network of nine layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Resnet9Config {
    /// Channels after the first convolution.
    pub width: usize,
    /// What the logits are multiplied by.
    pub scale: f64,
}

impl Default for Resnet9Config {
    fn default() -> Resnet9Config {
        Resnet9Config {
            width: 64,
            scale: 0.125,
        }
    }
}

/// A residual network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResnetConfig {
    /// `small` for pictures such as those of CIFAR, `large` for those of ImageNet; when absent, pictures of at most 64
    /// pixels a side are small.
    pub stem: Option<StemName>,
}

/// MobileNetV2.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MobilenetConfig {
    /// How many times the channels of the paper it has.
    pub width: f64,
    /// As in [`ResnetConfig`].
    pub stem: Option<StemName>,
}

impl Default for MobilenetConfig {
    fn default() -> MobilenetConfig {
        MobilenetConfig {
            width: 1.0,
            stem: None,
        }
    }
}

/// How a residual network begins, as recipes name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StemName {
    /// [`Stem::Small`].
    Small,
    /// [`Stem::Large`].
    Large,
}

/// Any layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayersConfig {
    /// The layers; the last one puts out a vector.
    pub layers: Vec<LayerConfig>,
    /// The fully connected layer to the classes, which is called `head`.
    #[serde(default)]
    pub head: HeadConfig,
}

/// The last layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeadConfig {
    /// Whether it has a bias.
    pub bias: bool,
    /// What the logits are multiplied by.
    pub scale: f64,
}

impl Default for HeadConfig {
    fn default() -> HeadConfig {
        HeadConfig {
            bias: true,
            scale: 1.0,
        }
    }
}

/// The largest small picture.
const SMALL: usize = 64;
/// The side of a picture that is large enough for every network with a name.
const LARGE: usize = 224;

impl ModelConfig {
    /// The layers of the network for pictures of `[H, W]` and so many classes.
    pub fn layers(&self, size: [usize; 2], classes: usize) -> Vec<LayerConfig> {
        let stem = |asked: Option<StemName>| match asked {
            Some(StemName::Small) => Stem::Small,
            Some(StemName::Large) => Stem::Large,
            None if size[0].max(size[1]) <= SMALL => Stem::Small,
            None => Stem::Large,
        };
        match self {
            ModelConfig::FeedForward(config) => {
                feed_forward(&config.hidden, config.dropout, classes)
            }
            ModelConfig::Lenet5(NoConfig {}) => lenet5(classes),
            ModelConfig::Cnn(config) => cnn(&config.channels, config.dropout, classes),
            ModelConfig::Resnet9(config) => resnet9(config.width, config.scale, classes),
            ModelConfig::Resnet18(config) => network::resnet18(classes, stem(config.stem)),
            ModelConfig::Resnet34(config) => network::resnet34(classes, stem(config.stem)),
            ModelConfig::Resnet50(config) => network::resnet50(classes, stem(config.stem)),
            ModelConfig::MobilenetV2(config) => {
                network::mobilenet_v2(config.width, classes, stem(config.stem))
            }
            ModelConfig::EfficientnetLite0(NoConfig {}) => network::efficientnet_lite0(classes),
            ModelConfig::Layers(config) => {
                let mut layers = config.layers.clone();
                layers.extend(head(&config.head, classes));
                layers
            }
        }
    }

    /// The side of the pictures for which weights of a network of this kind are published.
    pub(super) fn published_side(&self) -> usize {
        match self {
            ModelConfig::Lenet5(_) => 28,
            ModelConfig::Resnet9(_) => 32,
            _ => LARGE,
        }
    }

    /// How pictures are normalised for the published weights of a network of this kind.
    pub fn published_normalise(&self) -> Normalise {
        match self {
            // (x - 127) / 128
            ModelConfig::EfficientnetLite0(_) => Normalise {
                mean: vec![127.0 / 255.0; 3],
                std: vec![128.0 / 255.0; 3],
            },
            // Those of ImageNet's pictures, which torchvision's networks take.
            _ => Normalise {
                mean: vec![0.485, 0.456, 0.406],
                std: vec![0.229, 0.224, 0.225],
            },
        }
    }

    /// The name in recipes.
    fn name(&self) -> String {
        let table = toml::Table::try_from(self).expect("a recipe is plain data");
        let kind = table.get("kind").and_then(toml::Value::as_str);
        kind.unwrap_or_default().to_owned()
    }

    /// An error about the list of layers for pictures of `[H, W, C]` and so many classes, by what a recipe says of them: it lists
    /// neither the head nor the layers of a network that has a name. `place` is where the network stands in the recipe.
    pub(super) fn told(
        &self,
        error: Error,
        place: &str,
        [h, w, c]: [usize; 3],
        classes: usize,
    ) -> Error {
        let list = format!("{place}.layers");
        let Some(rest) = error.place().strip_prefix(&format!("{list}[")) else {
            return error;
        };
        if let ModelConfig::Layers(config) = self {
            let number = rest.split(']').next().and_then(|n| n.parse().ok());
            return match number.is_some_and(|n: usize| n >= config.layers.len()) {
                true => Error::new(
                    error.kind(),
                    format!("{place}.head"),
                    error.problem(),
                    error.remedy(),
                ),
                false => error,
            };
        }
        let fits = |side: &usize| {
            let layers = self.layers([*side; 2], classes);
            Outline::new(&layers, [*side, *side, c], &list).is_ok()
        };
        // Where larger pictures would do, it is their size that is wrong.
        let shorter = h.min(w);
        let enough = (shorter + 1..=LARGE).find(fits);
        match enough.filter(|_| !fits(&shorter)) {
            None => error,
            Some(side) => Error::recipe(
                "input.size",
                format!(
                    "is {h} x {w}, too small for the network `{}`, where {}",
                    self.name(),
                    error.problem()
                ),
                format!("choose {side} or more (input.size), or another network (model.kind)"),
            ),
        }
    }

    /// Checks what the types cannot. `place` is where it stands in the recipe.
    pub(in crate::tasks) fn check(&self, place: &str) -> Result<()> {
        let (key, problem, remedy) = match self {
            ModelConfig::Layers(config) if !config.head.scale.is_finite() => {
                let problem = format!("is {}", config.head.scale);
                ("head.scale", problem, "choose a number")
            }
            ModelConfig::Cnn(config) if config.channels.is_empty() => {
                let remedy = "name the channels of at least one stage, such as [16]";
                ("channels", "is empty".to_owned(), remedy)
            }
            ModelConfig::MobilenetV2(MobilenetConfig { width, .. })
                if !(width.is_finite() && *width > 0.0) =>
            {
                ("width", format!("is {width}"), "choose a number above 0")
            }
            _ => return Ok(()),
        };
        Err(Error::recipe(format!("{place}.{key}"), problem, remedy))
    }
}

impl LayersConfig {
    /// What gives these layers, up to the name of the last fully connected one and its number of classes. `None` where more
    /// than a scale comes after it.
    pub(super) fn of(layers: &[LayerConfig]) -> Option<LayersConfig> {
        let is_linear = |layer: &LayerConfig| matches!(layer.kind, LayerKind::Linear(_));
        let last = layers.iter().rposition(is_linear)?;
        let LayerKind::Linear(linear) = &layers[last].kind else {
            return None;
        };
        let scale = match &layers[last + 1..] {
            [] => 1.0,
            [layer] => match layer.kind {
                LayerKind::Scale { by } => by,
                _ => return None,
            },
            _ => return None,
        };
        Some(LayersConfig {
            layers: layers[..last].to_vec(),
            head: HeadConfig {
                bias: linear.bias,
                scale,
            },
        })
    }
}

/// The last layers of a network of any layers.
pub(super) fn head(config: &HeadConfig, classes: usize) -> Vec<LayerConfig> {
    let linear = LinearConfig {
        bias: config.bias,
        ..LinearConfig::new(classes)
    };
    let mut layers = vec![LayerKind::Linear(linear).named("head")];
    if config.scale != 1.0 {
        layers.push(LayerKind::Scale { by: config.scale }.into());
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_what_the_recipe_says() {
        let said = |kind: &ModelConfig, input: [usize; 3]| {
            let layers = kind.layers([input[0], input[1]], 10);
            let error = Outline::new(&layers, input, "model.layers").unwrap_err();
            kind.told(error, "model", input, 10).to_string()
        };
        let small = said(&ModelConfig::default(), [1, 1, 1]);
        let start = "input.size: is 1 x 1, too small for the network `cnn`, where `";
        assert!(small.starts_with(start), "{small}");
        assert!(small.contains("windows of 2 x 2 pixels"), "{small}");
        assert!(small.contains("choose 4 or more"), "{small}");
        let none = CnnConfig {
            channels: vec![0],
            ..CnnConfig::default()
        };
        let none = said(&ModelConfig::Cnn(none), [1, 1, 1]);
        assert!(none.starts_with("model.layers[0].channels"), "{none}");
        for layers in [vec![], vec![LayerKind::Relu {}.into()]] {
            let list = LayersConfig {
                layers,
                head: HeadConfig::default(),
            };
            let head = said(&ModelConfig::Layers(list), [8, 8, 3]);
            let start = "model.head: `head` expects a vector [C], got [8, 8, 3]";
            assert!(head.starts_with(start), "{head}");
        }
    }
}
