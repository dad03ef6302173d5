//! The field's networks, as lists of layers. Layers have the names that PyTorch's networks give them, so that their
//! weights can be read.

mod mobile;
mod resnet;
mod small;

use super::config::{BatchNormConfig, Conv2dConfig, LayerKind, LinearConfig, WeightInit};
use super::sizes::{Padding, Pair};

pub use mobile::{efficientnet_lite0, mobilenet_v2};
pub use resnet::{Resnet, Stem, resnet, resnet9, resnet18, resnet34, resnet50};
pub use small::{cnn, feed_forward, lenet5};

/// A convolution.
fn conv(channels: usize, kernel: usize) -> Conv2dConfig {
    Conv2dConfig::new(channels, kernel)
}

/// A convolution of as many pixels out as in, over its stride.
fn same(channels: usize, kernel: usize) -> Conv2dConfig {
    Conv2dConfig {
        padding: Padding::Same,
        ..conv(channels, kernel)
    }
}

fn batch_norm() -> LayerKind {
    LayerKind::BatchNorm(BatchNormConfig::default())
}

fn linear(size: usize) -> LayerKind {
    LayerKind::Linear(LinearConfig::new(size))
}

/// With the start that suits a ReLU.
fn he(conv: Conv2dConfig) -> Conv2dConfig {
    Conv2dConfig {
        init: WeightInit::He,
        ..conv
    }
}

/// Over so many pixels at a time.
fn stride(stride: usize, conv: Conv2dConfig) -> Conv2dConfig {
    Conv2dConfig {
        stride: Pair::both(stride),
        ..conv
    }
}
