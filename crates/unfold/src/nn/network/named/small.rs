//! Networks for small pictures.

use super::{batch_norm, conv, linear, same};
use crate::nn::Pool;
use crate::nn::network::config::{AvgPoolConfig, Conv2dConfig, LayerConfig, LayerKind, PoolConfig};
use crate::nn::network::sizes::Padding;

/// A feed-forward network: all pixels in a row, fully connected layers of the `hidden` sizes with a ReLU and dropout `p` each,
/// and one to the classes. Without hidden layers it is logistic regression.
pub fn feed_forward(hidden: &[usize], p: f64, classes: usize) -> Vec<LayerConfig> {
    let mut layers = vec![LayerKind::Flatten {}];
    for &size in hidden {
        layers.extend([linear(size), LayerKind::Relu {}]);
        layers.extend(dropout(p));
    }
    layers.push(linear(classes));
    layers.into_iter().map(LayerConfig::from).collect()
}

/// LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998), with all maps of the third layer connected, tanh after every layer and
/// logits at the end. Pictures of 28 x 28 pixels get a border of 2, as there.
pub fn lenet5(classes: usize) -> Vec<LayerConfig> {
    let halves = || LayerKind::AvgPool(AvgPoolConfig::new(2));
    let bordered = Conv2dConfig {
        padding: Padding::all(2),
        ..conv(6, 5)
    };
    vec![
        LayerKind::Conv2d(bordered).named("conv1"),
        LayerKind::Tanh {}.into(),
        halves().into(),
        LayerKind::Conv2d(conv(16, 5)).named("conv2"),
        LayerKind::Tanh {}.into(),
        halves().into(),
        LayerKind::Flatten {}.into(),
        linear(120).named("fc1"),
        LayerKind::Tanh {}.into(),
        linear(84).named("fc2"),
        LayerKind::Tanh {}.into(),
        linear(classes).named("fc3"),
    ]
}

/// A plain convolutional network for small pictures: for each of `channels` two 3 x 3 convolutions with batch normalisation and ReLU,
/// after all but the last the largest of 2 x 2 pixels and dropout `p`; then the mean over the picture, dropout and a fully
/// connected layer to the classes. `&[32, 64, 128]` does well on pictures of 28 to 64 pixels.
pub fn cnn(channels: &[usize], p: f64, classes: usize) -> Vec<LayerConfig> {
    let mut layers = Vec::new();
    for (i, &channels) in channels.iter().enumerate() {
        if i > 0 {
            layers.push(LayerKind::MaxPool(PoolConfig::new(2)));
            layers.extend(dropout(p));
        }
        for _ in 0..2 {
            let conv = LayerKind::Conv2d(same(channels, 3));
            layers.extend([conv, batch_norm(), LayerKind::Relu {}]);
        }
    }
    layers.push(LayerKind::GlobalPool { pool: Pool::Mean });
    layers.extend(dropout(p));
    layers.push(linear(classes));
    layers.into_iter().map(LayerConfig::from).collect()
}

/// Dropout, if any.
fn dropout(p: f64) -> Option<LayerKind> {
    (p > 0.0).then_some(LayerKind::Dropout { p })
}
