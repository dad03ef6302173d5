//! Networks of inverted residuals, made for telephones.

use super::{Stem, batch_norm, conv, he, linear, same, stride};
use crate::nn::Pool;
use crate::nn::network::config::{BatchNormConfig, Conv2dConfig, LayerConfig, LayerKind};
use crate::nn::network::sizes::Padding;

/// MobileNetV2 (Sandler et al. 2018), with `width` times the channels of the paper, rounded to a multiple of 8. A small stem keeps
/// the pixels of the first convolution and of the first stage, for pictures such as those of CIFAR.
pub fn mobilenet_v2(width: f64, classes: usize, stem: Stem) -> Vec<LayerConfig> {
    // Times that a block widens its input, channels, blocks, stride of the first.
    const STAGES: [[usize; 4]; 7] = [
        [1, 16, 1, 1],
        [6, 24, 2, 2],
        [6, 32, 3, 2],
        [6, 64, 4, 2],
        [6, 96, 3, 1],
        [6, 160, 3, 2],
        [6, 320, 1, 1],
    ];
    let small = stem == Stem::Small;
    let padded = |channels, kernel: usize| {
        he(Conv2dConfig {
            padding: Padding::all(kernel / 2),
            ..conv(channels, kernel)
        })
    };
    let mut channels = eighths(32.0 * width);
    let first = stride(if small { 1 } else { 2 }, padded(channels, 3));
    let mut layers = normed(first, batch_norm(), "features.0.0", "features.0.1", true);
    let mut number = 1;
    for (stage, [widen, outputs, blocks, step]) in STAGES.into_iter().enumerate() {
        let outputs = eighths(outputs as f64 * width);
        for block in 0..blocks {
            let step = if block > 0 || small && stage == 1 {
                1
            } else {
                step
            };
            let inner = channels.saturating_mul(widen);
            let mut body = Vec::new();
            if widen > 1 {
                body.extend(normed(
                    padded(inner, 1),
                    batch_norm(),
                    "conv.0.0",
                    "conv.0.1",
                    true,
                ));
            }
            let at = body.len() / 3;
            let depthwise = Conv2dConfig {
                groups: inner,
                ..stride(step, padded(inner, 3))
            };
            let [names, next] = [
                [0, 1].map(|part| format!("conv.{at}.{part}")),
                [1, 2].map(|part| format!("conv.{}", at + part)),
            ];
            body.extend(normed(depthwise, batch_norm(), &names[0], &names[1], true));
            body.extend(normed(
                padded(outputs, 1),
                batch_norm(),
                &next[0],
                &next[1],
                false,
            ));
            let name = format!("features.{number}");
            layers.extend(block_of(body, &name, step == 1 && channels == outputs));
            channels = outputs;
            number += 1;
        }
    }
    let last = eighths(1280.0 * width.max(1.0));
    let names = [0, 1].map(|part| format!("features.{number}.{part}"));
    layers.extend(normed(
        padded(last, 1),
        batch_norm(),
        &names[0],
        &names[1],
        true,
    ));
    layers.extend(answer("classifier.1", classes));
    layers
}

/// EfficientNet-Lite0: EfficientNet-B0 (Tan and Le 2019) without squeeze-and-excitation and with ReLU6, for pictures of 224 pixels.
pub fn efficientnet_lite0(classes: usize) -> Vec<LayerConfig> {
    // Times that a block widens its input, channels, blocks, stride of the first, kernel.
    const STAGES: [[usize; 5]; 7] = [
        [1, 16, 1, 1, 3],
        [6, 24, 2, 2, 3],
        [6, 40, 2, 2, 5],
        [6, 80, 3, 2, 3],
        [6, 112, 3, 1, 5],
        [6, 192, 4, 2, 5],
        [6, 320, 1, 1, 3],
    ];
    let norm = || {
        LayerKind::BatchNorm(BatchNormConfig {
            epsilon: 1e-3,
            momentum: 0.01,
            ..BatchNormConfig::default()
        })
    };
    let mut channels = 32;
    let mut layers = normed(
        stride(2, he(same(channels, 3))),
        norm(),
        "conv_stem",
        "bn0",
        true,
    );
    let mut number = 0;
    for [widen, outputs, blocks, step, kernel] in STAGES {
        for block in 0..blocks {
            let step = if block > 0 { 1 } else { step };
            let inner = channels.saturating_mul(widen);
            let mut body = Vec::new();
            if widen > 1 {
                body.extend(normed(
                    he(same(inner, 1)),
                    norm(),
                    "expand_conv",
                    "bn0",
                    true,
                ));
            }
            let depthwise = Conv2dConfig {
                groups: inner,
                ..stride(step, he(same(inner, kernel)))
            };
            body.extend(normed(depthwise, norm(), "depthwise_conv", "bn1", true));
            body.extend(normed(
                he(same(outputs, 1)),
                norm(),
                "project_conv",
                "bn2",
                false,
            ));
            let name = format!("blocks.{number}");
            layers.extend(block_of(body, &name, step == 1 && channels == outputs));
            channels = outputs;
            number += 1;
        }
    }
    layers.extend(normed(he(same(1280, 1)), norm(), "conv_head", "bn1", true));
    layers.extend(answer("fc", classes));
    layers
}

/// A convolution, its normalisation and perhaps ReLU6.
fn normed(
    conv: Conv2dConfig,
    norm: LayerKind,
    conv_name: &str,
    norm_name: &str,
    active: bool,
) -> Vec<LayerConfig> {
    let mut layers = vec![
        LayerKind::Conv2d(conv).named(conv_name),
        norm.named(norm_name),
    ];
    layers.extend(active.then(|| LayerKind::Relu6 {}.into()));
    layers
}

/// A block: a residual where its output can be added to its input, else its layers with its name before theirs.
fn block_of(body: Vec<LayerConfig>, name: &str, residual: bool) -> Vec<LayerConfig> {
    if residual {
        let shortcut = Vec::new();
        return vec![LayerKind::Residual { body, shortcut }.named(name)];
    }
    let mut body = body;
    for layer in &mut body {
        layer.name = layer.name.take().map(|own| format!("{name}.{own}"));
    }
    body
}

/// The mean over the picture, dropout and a fully connected layer.
fn answer(name: &str, classes: usize) -> [LayerConfig; 3] {
    [
        LayerKind::GlobalPool { pool: Pool::Mean }.into(),
        LayerKind::Dropout { p: 0.2 }.into(),
        linear(classes).named(name),
    ]
}

/// The multiple of 8 next to a number of channels, at least 8 and not less than nine tenths of it.
fn eighths(channels: f64) -> usize {
    let near = ((channels + 4.0) as usize / 8 * 8).max(8);
    match (near as f64) < 0.9 * channels {
        true => near.saturating_add(8),
        false => near,
    }
}
