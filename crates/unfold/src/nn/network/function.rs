//! Layers without parameters.

use super::config::LayerKind;
use crate::nn::Pool;
use crate::ops::{Activation, Pool2d};
use crate::{Float, Shape, Tensor};

/// A layer without parameters that does the same in every pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    Relu,
    Relu6,
    LeakyRelu(f64),
    Silu,
    Gelu,
    HardSwish,
    Tanh,
    Sigmoid,
    Softmax,
    Scale(f64),
    MaxPool(Pool2d),
    AvgPool(Pool2d),
    AdaptiveMaxPool([usize; 2]),
    AdaptiveAvgPool([usize; 2]),
    GlobalPool(Pool),
    Flatten,
}

impl Function {
    /// What a layer does to inputs of one shape, `[H, W, C]` or `[C]`; `None` for a layer that is no function.
    pub(super) fn of(kind: &LayerKind, input: Shape) -> Option<Function> {
        let size = match *input.dims() {
            [h, w, _] => [h, w],
            _ => [0, 0], // only pictures are pooled
        };
        Some(match kind {
            LayerKind::Relu {} => Function::Relu,
            LayerKind::Relu6 {} => Function::Relu6,
            LayerKind::LeakyRelu { slope } => Function::LeakyRelu(*slope),
            LayerKind::Silu {} => Function::Silu,
            LayerKind::Gelu {} => Function::Gelu,
            LayerKind::HardSwish {} => Function::HardSwish,
            LayerKind::Tanh {} => Function::Tanh,
            LayerKind::Sigmoid {} => Function::Sigmoid,
            LayerKind::Softmax {} => Function::Softmax,
            LayerKind::Scale { by } => Function::Scale(*by),
            LayerKind::MaxPool(windows) => Function::MaxPool(windows.geometry(size)),
            LayerKind::AvgPool(windows) => Function::AvgPool(windows.geometry(size)),
            LayerKind::AdaptiveMaxPool { size } => Function::AdaptiveMaxPool(size.0),
            LayerKind::AdaptiveAvgPool { size } => Function::AdaptiveAvgPool(size.0),
            LayerKind::GlobalPool { pool } => Function::GlobalPool(*pool),
            LayerKind::Flatten {} => Function::Flatten,
            _ => return None,
        })
    }

    /// `[B, ..]` to `[B, ..]`.
    #[track_caller]
    pub(super) fn apply<E: Float>(self, x: &Tensor<E>) -> Tensor<E> {
        match self {
            Function::Relu => x.relu(),
            Function::Relu6 => x.relu6(),
            Function::LeakyRelu(slope) => x.leaky_relu(slope),
            Function::Silu => x.silu(),
            Function::Gelu => x.gelu(),
            Function::HardSwish => x.hard_swish(),
            Function::Tanh => x.tanh(),
            Function::Sigmoid => x.sigmoid(),
            Function::Softmax => x.softmax(),
            Function::Scale(by) => x.affine(by, 0.0),
            Function::MaxPool(windows) => x.max_pool2d(windows),
            Function::AvgPool(windows) => x.avg_pool2d(windows),
            Function::AdaptiveMaxPool(size) => x.adaptive_max_pool2d(size),
            Function::AdaptiveAvgPool(size) => x.adaptive_avg_pool2d(size),
            Function::GlobalPool(Pool::Mean) => x.global_avg_pool2d(),
            Function::GlobalPool(Pool::Max) => {
                let y = x.adaptive_max_pool2d([1, 1]); // [B, 1, 1, C]
                y.reshape([x.dim(0), x.dim(3)]) // [B, C]
            }
            Function::Flatten => {
                let values = x.shape().split_at(0).2;
                x.reshape([x.dim(0), values]) // [B, H W C]
            }
        }
    }

    /// What can be part of the layer before it, if it is that.
    pub(super) fn activation(self) -> Option<Activation> {
        match self {
            Function::Relu => Some(Activation::Relu),
            Function::Relu6 => Some(Activation::Relu6),
            _ => None,
        }
    }

    /// Both in one pass over the values, where there is an operation for it.
    pub(super) fn apply_both<E: Float>(self, next: Function, x: &Tensor<E>) -> Option<Tensor<E>> {
        match (self, next) {
            (Function::Relu, Function::MaxPool(windows)) => Some(x.relu_max_pool2d(windows)),
            _ => None,
        }
    }
}
