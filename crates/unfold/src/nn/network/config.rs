//! The layers of a network, as recipes write them.

use serde::{Deserialize, Serialize};

use super::sizes::{Padding, Pair};
use crate::nn::{Init, Pool};
use crate::ops;

/// One layer of a network, as a recipe writes it: a table that says which `layer` it is, with that layer's settings and
/// perhaps a `name`. In a list:
///
/// ```toml
/// layers = [
///     { layer = "conv2d", channels = 32, kernel = 3, padding = "same", name = "stem" },
///     { layer = "batch_norm" },
///     { layer = "relu" },
///     { layer = "residual", body = [
///         { layer = "conv2d", channels = 32, kernel = 3, padding = "same" },
///         { layer = "batch_norm" },
///     ] },
///     { layer = "relu" },
///     { layer = "global_pool" },
///     { layer = "linear", size = 10 },
/// ]
/// ```
///
/// The layer's full name is `name`, or else its place in the list and its kind, such as `1.batch_norm`; inside another
/// layer that one's name and a dot stand before it, and without a `name` of its own the list it is in: `3.residual.body.0.conv2d`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerConfig {
    /// What it is called, in place of its number and kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it does.
    #[serde(flatten)]
    pub kind: LayerKind,
}

/// What a layer does, with its settings. `[H, W, C]` is a picture of so many channels, `[C]` a vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "layer", rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerKind {
    /// [`Conv2d`](crate::nn::Conv2d): `[H, W, C]` to `[OH, OW, channels]`.
    Conv2d(Conv2dConfig),
    /// [`ConvTranspose2d`](crate::nn::ConvTranspose2d): `[H, W, C]` to `[OH, OW, channels]`.
    ConvTranspose2d(ConvTranspose2dConfig),
    /// [`BatchNorm`](crate::nn::BatchNorm) of each channel.
    BatchNorm(BatchNormConfig),
    /// [`GroupNorm`](crate::nn::GroupNorm) of parts of the channels.
    GroupNorm(GroupNormConfig),
    /// [`LayerNorm`](crate::nn::LayerNorm) over the channels.
    LayerNorm(LayerNormConfig),
    /// max(x, 0).
    Relu {},
    /// min(max(x, 0), 6).
    Relu6 {},
    /// x above 0, `slope` x below.
    LeakyRelu {
        /// The slope below 0, at least 0.
        #[serde(default = "gentle")]
        slope: f64,
    },
    /// x / (1 + e^-x), also called swish.
    Silu {},
    /// x (1 + erf(x / √2)) / 2.
    Gelu {},
    /// x min(max(x + 3, 0), 6) / 6.
    HardSwish {},
    /// The hyperbolic tangent.
    Tanh {},
    /// 1 / (1 + e^-x).
    Sigmoid {},
    /// e^x divided by its sum over the channels.
    Softmax {},
    /// A constant times x.
    Scale {
        /// The constant.
        by: f64,
    },
    /// The largest value of each window.
    MaxPool(PoolConfig),
    /// The mean of each window.
    AvgPool(AvgPoolConfig),
    /// The largest value of each of `size` windows that cover the picture as evenly as can be.
    AdaptiveMaxPool {
        /// Windows down and across.
        size: Pair,
    },
    /// The mean of each of `size` windows that cover the picture as evenly as can be.
    AdaptiveAvgPool {
        /// Windows down and across.
        size: Pair,
    },
    /// The mean or the largest value of each channel of the whole picture: `[H, W, C]` to `[C]`.
    GlobalPool {
        /// `mean` or `max`.
        #[serde(default = "mean")]
        pool: Pool,
    },
    /// All values in a row: `[H, W, C]` to `[H W C]`.
    Flatten {},
    /// [`Dropout`](crate::nn::Dropout) of values.
    Dropout {
        /// The probability with which a value is left out.
        p: f64,
    },
    /// [`SpatialDropout`](crate::nn::SpatialDropout) of whole channels.
    SpatialDropout {
        /// The probability with which a channel is left out.
        p: f64,
    },
    /// [`Linear`](crate::nn::Linear): `[C]` to `[size]`.
    Linear(LinearConfig),
    /// The sum of what `body` and `shortcut` make of the input (He et al. 2016). A `relu` after it is part of the sum.
    Residual {
        /// The layers of the residual.
        body: Vec<LayerConfig>,
        /// The layers beside them; none passes the input on as it is.
        #[serde(default)]
        shortcut: Vec<LayerConfig>,
    },
    /// What each branch makes of the input, one after the other along the channels (Szegedy et al. 2015).
    Parallel {
        /// The layers of each branch; an empty one passes the input on as it is.
        branches: Vec<Vec<LayerConfig>>,
    },
}

/// A convolution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2dConfig {
    /// Channels out.
    pub channels: usize,
    /// Taps down and across.
    pub kernel: Pair,
    /// Pixels from one output to the next.
    #[serde(default = "Pair::one")]
    pub stride: Pair,
    /// Zeros around the picture.
    #[serde(default)]
    pub padding: Padding,
    /// Pixels between taps.
    #[serde(default = "Pair::one")]
    pub dilation: Pair,
    /// Parts of the channels that do not see each other; as many as channels in for a depthwise convolution.
    #[serde(default = "one")]
    pub groups: usize,
    /// Whether there is a bias. When absent, there is one unless a batch normalisation follows, which would take it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<bool>,
    /// How the weight starts.
    #[serde(default)]
    pub init: WeightInit,
}

impl Conv2dConfig {
    /// Stride 1, no padding, dilation 1, one group.
    pub fn new(channels: usize, kernel: usize) -> Conv2dConfig {
        Conv2dConfig {
            channels,
            kernel: Pair::both(kernel),
            stride: Pair::one(),
            padding: Padding::default(),
            dilation: Pair::one(),
            groups: 1,
            bias: None,
            init: WeightInit::default(),
        }
    }

    /// The geometry for pictures of `[H, W]`.
    pub(super) fn geometry(&self, size: [usize; 2]) -> ops::Conv2d {
        let geometry = ops::Conv2d {
            stride: self.stride.0,
            dilation: self.dilation.0,
            groups: self.groups,
            ..ops::Conv2d::new(self.kernel.0)
        };
        match self.padding {
            Padding::Same => geometry.same(size),
            Padding::Pixels(padding) => ops::Conv2d {
                padding,
                ..geometry
            },
        }
    }
}

/// A transposed convolution, which makes pictures larger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConvTranspose2dConfig {
    /// Channels out.
    pub channels: usize,
    /// Taps down and across.
    pub kernel: Pair,
    /// Output pixels from one input to the next.
    #[serde(default = "Pair::one")]
    pub stride: Pair,
    /// Output pixels left out around the picture; `"same"` gives `stride` of them for each input.
    #[serde(default)]
    pub padding: Padding,
    /// Output pixels more below and right, fewer than the stride. Not with `padding = "same"`, which knows.
    #[serde(default = "Pair::none")]
    pub output_padding: Pair,
    /// Output pixels between taps.
    #[serde(default = "Pair::one")]
    pub dilation: Pair,
    /// Parts of the channels that do not see each other.
    #[serde(default = "one")]
    pub groups: usize,
    /// Whether there is a bias. When absent, there is one unless a batch normalisation follows, which would take it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bias: Option<bool>,
}

impl ConvTranspose2dConfig {
    /// Stride 1, no padding, dilation 1, one group.
    pub fn new(channels: usize, kernel: usize) -> ConvTranspose2dConfig {
        ConvTranspose2dConfig {
            channels,
            kernel: Pair::both(kernel),
            stride: Pair::one(),
            padding: Padding::default(),
            output_padding: Pair::none(),
            dilation: Pair::one(),
            groups: 1,
            bias: None,
        }
    }

    /// The geometry.
    pub(super) fn geometry(&self) -> ops::ConvTranspose2d {
        let (stride, dilation) = (self.stride.0, self.dilation.0);
        let geometry = ops::ConvTranspose2d {
            stride,
            dilation,
            groups: self.groups,
            output_padding: self.output_padding.0,
            ..ops::ConvTranspose2d::new(self.kernel.0)
        };
        match self.padding {
            Padding::Pixels(padding) => ops::ConvTranspose2d {
                padding,
                ..geometry
            },
            Padding::Same => {
                let reach = [0, 1].map(|i| dilation[i] * (self.kernel.0[i] - 1) + 1);
                let all = [0, 1].map(|i| reach[i].saturating_sub(stride[i]));
                ops::ConvTranspose2d {
                    padding: all.map(|all| [all / 2, all.div_ceil(2)]),
                    output_padding: [0, 1].map(|i| stride[i].saturating_sub(reach[i])),
                    ..geometry
                }
            }
        }
    }
}

/// How a weight starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeightInit {
    /// Uniform within 1/√fan-in, as in PyTorch.
    #[default]
    Uniform,
    /// Normal with variance 2 / fan-out, which keeps the variance of gradients through ReLU (He et al. 2015): how
    /// residual networks start. The fan-out of a convolution is KH KW O / groups.
    He,
    /// As [`WeightInit::Uniform`], but for the first channels out, which pass a channel in on as it is ([`Init::Dirac`]).
    Dirac,
    /// As [`WeightInit::Uniform`], then so that what the first layer of an image classifier puts out is uncorrelated
    /// ([`whiten`](crate::nn::whiten)). It has twice as many channels as values under the taps, of which 128 are the most, no
    /// groups and no dilation, and no other layer can.
    Whiten,
}

impl WeightInit {
    /// That of a convolution to `outputs` channels.
    pub(super) fn of(self, geometry: ops::Conv2d, outputs: usize) -> Init {
        match self {
            WeightInit::Uniform | WeightInit::Whiten => Init::FanInUniform,
            WeightInit::Dirac => Init::Dirac,
            WeightInit::He => {
                let [kh, kw] = geometry.kernel;
                let fan_out = kh * kw * outputs / geometry.groups;
                Init::Normal((2.0 / fan_out as f64).sqrt())
            }
        }
    }
}

/// A batch normalisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BatchNormConfig {
    /// ε, added to the variance.
    pub epsilon: f64,
    /// The share of the newest batch in the running statistics.
    pub momentum: f64,
    /// Whether the scale γ starts at 0: at the end of a residual's body the block then starts as its shortcut (Goyal et al. 2017).
    pub zero_init: bool,
}

impl Default for BatchNormConfig {
    fn default() -> BatchNormConfig {
        BatchNormConfig {
            epsilon: tiny(),
            momentum: 0.1,
            zero_init: false,
        }
    }
}

/// A group normalisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupNormConfig {
    /// Equal parts of the channels.
    pub groups: usize,
    /// ε, added to the variance.
    #[serde(default = "tiny")]
    pub epsilon: f64,
}

impl GroupNormConfig {
    /// With ε = 1e-5.
    pub fn new(groups: usize) -> GroupNormConfig {
        let epsilon = tiny();
        GroupNormConfig { groups, epsilon }
    }
}

/// A layer normalisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LayerNormConfig {
    /// ε, added to the variance.
    pub epsilon: f64,
}

impl Default for LayerNormConfig {
    fn default() -> LayerNormConfig {
        LayerNormConfig { epsilon: tiny() }
    }
}

/// The windows of a pooling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolConfig {
    /// Extents of a window.
    pub kernel: Pair,
    /// Pixels from one window to the next; when absent, windows lie side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Pair>,
    /// Pixels that windows may reach over the edge, at most half the kernel.
    #[serde(default)]
    pub padding: Padding,
    /// Whether a last window may reach over the end.
    #[serde(default)]
    pub ceil_mode: bool,
}

impl PoolConfig {
    /// Windows side by side.
    pub fn new(kernel: usize) -> PoolConfig {
        PoolConfig {
            kernel: Pair::both(kernel),
            stride: None,
            padding: Padding::default(),
            ceil_mode: false,
        }
    }

    /// The geometry for pictures of `[H, W]`.
    pub(super) fn geometry(&self, size: [usize; 2]) -> ops::Pool2d {
        let (kernel, stride) = (self.kernel.0, self.stride.unwrap_or(self.kernel).0);
        let padding = match self.padding {
            Padding::Pixels(padding) => padding,
            Padding::Same => {
                let taps = ops::Conv2d {
                    stride,
                    ..ops::Conv2d::new(kernel)
                };
                taps.same(size).padding
            }
        };
        ops::Pool2d {
            stride,
            padding,
            ceil_mode: self.ceil_mode,
            ..ops::Pool2d::new(kernel)
        }
    }
}

/// The windows of average pooling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AvgPoolConfig {
    /// Extents of a window.
    pub kernel: Pair,
    /// Pixels from one window to the next; when absent, windows lie side by side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stride: Option<Pair>,
    /// Pixels that windows may reach over the edge, at most half the kernel.
    #[serde(default)]
    pub padding: Padding,
    /// Whether a last window may reach over the end.
    #[serde(default)]
    pub ceil_mode: bool,
    /// Whether a mean also counts the pixels beyond the edge, as zeros.
    #[serde(default = "yes")]
    pub count_include_pad: bool,
}

impl AvgPoolConfig {
    /// Windows side by side.
    pub fn new(kernel: usize) -> AvgPoolConfig {
        AvgPoolConfig {
            kernel: Pair::both(kernel),
            stride: None,
            padding: Padding::default(),
            ceil_mode: false,
            count_include_pad: true,
        }
    }

    /// The geometry for pictures of `[H, W]`.
    pub(super) fn geometry(&self, size: [usize; 2]) -> ops::Pool2d {
        let windows = PoolConfig {
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
            ceil_mode: self.ceil_mode,
        };
        ops::Pool2d {
            count_include_pad: self.count_include_pad,
            ..windows.geometry(size)
        }
    }
}

/// A fully connected layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearConfig {
    /// Features out.
    pub size: usize,
    /// Whether there is a bias.
    #[serde(default = "yes")]
    pub bias: bool,
}

impl LinearConfig {
    /// With a bias.
    pub fn new(size: usize) -> LinearConfig {
        LinearConfig { size, bias: true }
    }
}

impl LayerKind {
    /// The name in recipes.
    pub fn name(&self) -> &'static str {
        match self {
            LayerKind::Conv2d(_) => "conv2d",
            LayerKind::ConvTranspose2d(_) => "conv_transpose2d",
            LayerKind::BatchNorm(_) => "batch_norm",
            LayerKind::GroupNorm(_) => "group_norm",
            LayerKind::LayerNorm(_) => "layer_norm",
            LayerKind::Relu {} => "relu",
            LayerKind::Relu6 {} => "relu6",
            LayerKind::LeakyRelu { .. } => "leaky_relu",
            LayerKind::Silu {} => "silu",
            LayerKind::Gelu {} => "gelu",
            LayerKind::HardSwish {} => "hard_swish",
            LayerKind::Tanh {} => "tanh",
            LayerKind::Sigmoid {} => "sigmoid",
            LayerKind::Softmax {} => "softmax",
            LayerKind::Scale { .. } => "scale",
            LayerKind::MaxPool(_) => "max_pool",
            LayerKind::AvgPool(_) => "avg_pool",
            LayerKind::AdaptiveMaxPool { .. } => "adaptive_max_pool",
            LayerKind::AdaptiveAvgPool { .. } => "adaptive_avg_pool",
            LayerKind::GlobalPool { .. } => "global_pool",
            LayerKind::Flatten {} => "flatten",
            LayerKind::Dropout { .. } => "dropout",
            LayerKind::SpatialDropout { .. } => "spatial_dropout",
            LayerKind::Linear(_) => "linear",
            LayerKind::Residual { .. } => "residual",
            LayerKind::Parallel { .. } => "parallel",
        }
    }

    /// The layer with a name.
    pub fn named(self, name: impl Into<String>) -> LayerConfig {
        LayerConfig {
            name: Some(name.into()),
            kind: self,
        }
    }
}

impl From<LayerKind> for LayerConfig {
    fn from(kind: LayerKind) -> LayerConfig {
        LayerConfig { name: None, kind }
    }
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

fn tiny() -> f64 {
    1e-5
}

fn gentle() -> f64 {
    0.01
}

fn mean() -> Pool {
    Pool::Mean
}
