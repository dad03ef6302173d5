//! Residual networks (He, Zhang, Ren and Sun 2016).

use super::{batch_norm, conv, he, linear, same, stride};
use crate::nn::Pool;
use crate::nn::network::config::{
    BatchNormConfig, Conv2dConfig, LayerConfig, LayerKind, LinearConfig, PoolConfig,
};
use crate::nn::network::sizes::{Padding, Pair};

/// How a residual network begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stem {
    /// A 3 x 3 convolution: for small pictures, such as those of CIFAR.
    Small,
    /// A 7 x 7 convolution of stride 2 and max pooling of stride 2: for pictures of about 224 pixels, such as those of ImageNet.
    Large,
}

/// What a residual network is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Resnet {
    /// Blocks in each stage; a stage has half the pixels along a side and twice the channels of the one before it.
    pub blocks: Vec<usize>,
    /// Whether a block is a 3 x 3 convolution between two of 1 x 1, of which the last has 4 times the channels, instead of two of
    /// 3 x 3.
    pub bottleneck: bool,
    /// Channels of the first stage.
    pub width: usize,
    /// How it begins.
    pub stem: Stem,
    /// Whether the last batch normalisation of each block starts at 0, so that blocks start as their shortcuts (Goyal et al. 2017).
    pub zero_init: bool,
}

/// ResNet-18.
pub fn resnet18(classes: usize, stem: Stem) -> Vec<LayerConfig> {
    resnet(&basic(&[2, 2, 2, 2], stem), classes)
}

/// ResNet-34.
pub fn resnet34(classes: usize, stem: Stem) -> Vec<LayerConfig> {
    resnet(&basic(&[3, 4, 6, 3], stem), classes)
}

/// ResNet-50, with the stride of a block on its 3 x 3 convolution as PyTorch has it (also called v1.5).
pub fn resnet50(classes: usize, stem: Stem) -> Vec<LayerConfig> {
    let basic = basic(&[3, 4, 6, 3], stem);
    resnet(
        &Resnet {
            bottleneck: true,
            ..basic
        },
        classes,
    )
}

fn basic(blocks: &[usize], stem: Stem) -> Resnet {
    Resnet {
        blocks: blocks.to_vec(),
        bottleneck: false,
        width: 64,
        stem,
        zero_init: false,
    }
}

/// Any residual network of this family. Convolutions start as [`WeightInit::He`](crate::nn::network::WeightInit::He) says.
pub fn resnet(config: &Resnet, classes: usize) -> Vec<LayerConfig> {
    let mut layers = match config.stem {
        Stem::Small => vec![LayerKind::Conv2d(he(same(config.width, 3))).named("conv1")],
        Stem::Large => {
            let first = stride(2, padded(config.width, 7));
            vec![LayerKind::Conv2d(first).named("conv1")]
        }
    };
    layers.extend([batch_norm().named("bn1"), LayerKind::Relu {}.into()]);
    if config.stem == Stem::Large {
        let pool = PoolConfig {
            stride: Some(Pair::both(2)),
            padding: Padding::all(1),
            ..PoolConfig::new(3)
        };
        layers.push(LayerKind::MaxPool(pool).into());
    }
    let mut channels = config.width;
    for (stage, &blocks) in config.blocks.iter().enumerate() {
        let width = doubled(config.width, stage);
        for block in 0..blocks {
            let step = if stage > 0 && block == 0 { 2 } else { 1 };
            let name = format!("layer{}.{block}", stage + 1);
            layers.push(config.block(channels, width, step).named(name));
            layers.push(LayerKind::Relu {}.into());
            channels = config.outputs(width);
        }
    }
    layers.push(LayerKind::GlobalPool { pool: Pool::Mean }.into());
    layers.push(linear(classes).named("fc"));
    layers
}

impl Resnet {
    /// The channels that a block of some width puts out.
    fn outputs(&self, width: usize) -> usize {
        if self.bottleneck {
            doubled(width, 2)
        } else {
            width
        }
    }

    /// A block from `inputs` channels.
    fn block(&self, inputs: usize, width: usize, step: usize) -> LayerKind {
        let outputs = self.outputs(width);
        let convs = match self.bottleneck {
            true => vec![
                padded(width, 1),
                stride(step, padded(width, 3)),
                padded(outputs, 1),
            ],
            false => vec![stride(step, padded(width, 3)), padded(outputs, 3)],
        };
        let count = convs.len();
        let mut body = Vec::new();
        for (i, conv) in convs.into_iter().enumerate() {
            let last = i + 1 == count;
            let norm = BatchNormConfig {
                zero_init: last && self.zero_init,
                ..BatchNormConfig::default()
            };
            body.push(LayerKind::Conv2d(conv).named(format!("conv{}", i + 1)));
            body.push(LayerKind::BatchNorm(norm).named(format!("bn{}", i + 1)));
            if !last {
                body.push(LayerKind::Relu {}.into());
            }
        }
        let unlike = step > 1 || inputs != outputs;
        let shortcut = match unlike {
            true => vec![
                LayerKind::Conv2d(stride(step, padded(outputs, 1))).named("downsample.0"),
                batch_norm().named("downsample.1"),
            ],
            false => Vec::new(),
        };
        LayerKind::Residual { body, shortcut }
    }
}

/// `width` 2^times, or the largest number: an outline then refuses it.
fn doubled(width: usize, times: usize) -> usize {
    (0..times).fold(width, |width, _| width.saturating_mul(2))
}

/// A convolution with half its kernel as padding.
fn padded(channels: usize, kernel: usize) -> Conv2dConfig {
    he(Conv2dConfig {
        padding: Padding::all(kernel / 2),
        ..conv(channels, kernel)
    })
}

/// A residual network of nine layers for small pictures that learns CIFAR-10 in few epochs (Page 2018, for DAWNBench). Its logits are
/// multiplied by `scale`, 0.125 there, which lets the last layer learn at the rate of all others; 1 leaves them as they are.
/// `width` is the number of channels after the first convolution, 64 there.
pub fn resnet9(width: usize, scale: f64, classes: usize) -> Vec<LayerConfig> {
    let block = |name: &str, channels: usize| -> Vec<LayerConfig> {
        vec![
            LayerKind::Conv2d(same(channels, 3)).named(format!("{name}.conv")),
            batch_norm().named(format!("{name}.bn")),
            LayerKind::Relu {}.into(),
        ]
    };
    let pool = |kernel| LayerConfig::from(LayerKind::MaxPool(PoolConfig::new(kernel)));
    let residual = |name: &str, channels: usize| {
        let body = [block("res1", channels), block("res2", channels)].concat();
        let shortcut = Vec::new();
        LayerKind::Residual { body, shortcut }.named(name)
    };
    let mut layers = block("prep", width);
    for (i, residual_here) in [true, false, true].into_iter().enumerate() {
        let name = format!("layer{}", i + 1);
        let channels = doubled(width, i + 1);
        layers.extend(block(&name, channels));
        layers.push(pool(2));
        if residual_here {
            layers.push(residual(&format!("{name}.residual"), channels));
        }
    }
    layers.push(LayerKind::GlobalPool { pool: Pool::Max }.into());
    let head = LinearConfig {
        bias: false,
        ..LinearConfig::new(classes)
    };
    layers.push(LayerKind::Linear(head).named("linear"));
    if scale != 1.0 {
        layers.push(LayerKind::Scale { by: scale }.into());
    }
    layers
}
