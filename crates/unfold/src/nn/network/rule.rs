//! The shape that each layer puts out, and which numbers make sense.

use unfold_kernels::{LARGEST_WINDOW, Windows};

use super::config::{Conv2dConfig, ConvTranspose2dConfig, LayerKind, WeightInit};
use super::sizes::{Padding, Pair};
use crate::Shape;
use crate::error::Error;
use crate::nn::Pool;
use crate::ops::Pool2d;

/// The most channels or features.
pub(super) const CHANNELS: usize = 1 << 20;
/// The most pixels along a side.
pub(super) const SIDE: usize = 1 << 16;
/// The most taps of a convolution along an axis.
const TAPS: usize = 1 << 10;
/// The most values of a picture at any depth, and of pixels under the taps of a convolution.
const VALUES: u128 = 1 << 28;
/// The most values under the taps of a convolution that whitens: the time it takes grows with their cube.
const WHITENED: usize = 128;

/// What is wrong with a layer.
pub(super) struct Wrong {
    /// The setting that it is about; none for the layer as a whole.
    key: &'static str,
    problem: String,
    remedy: String,
}

impl Wrong {
    /// About the layer as a whole.
    pub(super) fn new(problem: String, remedy: &str) -> Wrong {
        Wrong::about("", problem, remedy)
    }

    /// About one setting.
    pub(super) fn about(key: &'static str, problem: String, remedy: &str) -> Wrong {
        Wrong {
            key,
            problem,
            remedy: remedy.into(),
        }
    }

    /// The error for a layer that stands at `place`.
    pub(super) fn at(self, place: &str, name: &str) -> Error {
        match self.key {
            "" => Error::recipe(place, format!("`{name}` {}", self.problem), self.remedy),
            key => Error::recipe(format!("{place}.{key}"), self.problem, self.remedy),
        }
    }
}

/// Whether a number lies within bounds.
pub(super) fn within(
    key: &'static str,
    value: usize,
    least: usize,
    most: usize,
) -> Result<(), Wrong> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => {
            let remedy = format!("choose a whole number in {least}..={most}");
            Err(Wrong::about(key, format!("is {value}"), &remedy))
        }
    }
}

fn both_within(key: &'static str, pair: Pair, least: usize, most: usize) -> Result<(), Wrong> {
    pair.0
        .iter()
        .try_for_each(|&value| within(key, value, least, most))
}

fn padding_within(padding: Padding) -> Result<(), Wrong> {
    match padding {
        Padding::Same => Ok(()),
        Padding::Pixels(sides) => {
            let mut sides = sides.into_iter();
            sides.try_for_each(|side| both_within("padding", Pair(side), 0, SIDE))
        }
    }
}

fn number(key: &'static str, value: f64, holds: bool, range: &str) -> Result<(), Wrong> {
    match holds && value.is_finite() {
        true => Ok(()),
        false => Err(Wrong::about(
            key,
            format!("is {value}"),
            &format!("choose {range}"),
        )),
    }
}

/// Whether the settings of a layer make sense by themselves.
pub(super) fn settings(kind: &LayerKind) -> Result<(), Wrong> {
    let epsilon = |epsilon: f64| {
        number(
            "epsilon",
            epsilon,
            epsilon > 0.0,
            "a number above 0, such as 1e-5",
        )
    };
    match kind {
        LayerKind::Conv2d(conv) => {
            within("channels", conv.channels, 1, CHANNELS)?;
            both_within("kernel", conv.kernel, 1, TAPS)?;
            both_within("stride", conv.stride, 1, SIDE)?;
            both_within("dilation", conv.dilation, 1, SIDE)?;
            padding_within(conv.padding)?;
            within("groups", conv.groups, 1, CHANNELS)
        }
        LayerKind::ConvTranspose2d(conv) => {
            within("channels", conv.channels, 1, CHANNELS)?;
            both_within("kernel", conv.kernel, 1, TAPS)?;
            both_within("stride", conv.stride, 1, SIDE)?;
            both_within("dilation", conv.dilation, 1, SIDE)?;
            padding_within(conv.padding)?;
            within("groups", conv.groups, 1, CHANNELS)?;
            if conv.padding == Padding::Same {
                return both_within("output_padding", conv.output_padding, 0, 0);
            }
            let most = conv.stride.0.map(|stride| stride - 1);
            let mut each = conv.output_padding.0.into_iter().zip(most);
            each.try_for_each(|(pixels, most)| within("output_padding", pixels, 0, most))
        }
        LayerKind::Linear(linear) => within("size", linear.size, 1, CHANNELS),
        LayerKind::BatchNorm(norm) => {
            let share = (0.0..=1.0).contains(&norm.momentum);
            number("momentum", norm.momentum, share, "a share from 0 to 1")?;
            epsilon(norm.epsilon)
        }
        LayerKind::LayerNorm(norm) => epsilon(norm.epsilon),
        LayerKind::GroupNorm(norm) => {
            within("groups", norm.groups, 1, CHANNELS)?;
            epsilon(norm.epsilon)
        }
        LayerKind::LeakyRelu { slope } => number(
            "slope",
            *slope,
            *slope >= 0.0,
            "a number from 0, such as 0.01",
        ),
        LayerKind::Scale { by } => number("by", *by, true, "a number"),
        LayerKind::Dropout { p } | LayerKind::SpatialDropout { p } => number(
            "p",
            *p,
            (0.0..1.0).contains(p),
            "a share from 0 up to, but not, 1",
        ),
        LayerKind::MaxPool(pool) => windows_within(pool.kernel, pool.stride, pool.padding),
        LayerKind::AvgPool(pool) => windows_within(pool.kernel, pool.stride, pool.padding),
        LayerKind::AdaptiveMaxPool { size } | LayerKind::AdaptiveAvgPool { size } => {
            both_within("size", *size, 1, SIDE)
        }
        LayerKind::Parallel { branches } if branches.is_empty() => {
            let remedy = "give it lists of layers, such as [[], [..]]";
            Err(Wrong::about("branches", "is empty".into(), remedy))
        }
        _ => Ok(()),
    }
}

fn windows_within(kernel: Pair, stride: Option<Pair>, padding: Padding) -> Result<(), Wrong> {
    both_within("kernel", kernel, 1, SIDE)?;
    both_within("stride", stride.unwrap_or(kernel), 1, SIDE)?;
    padding_within(padding)
}

/// What a layer with such settings puts out for `x`, `[H, W, C]` or `[C]`, given what the lists within it put out.
pub(super) fn output(kind: &LayerKind, x: Shape, inner: &[Shape]) -> Result<Shape, Wrong> {
    let y = match kind {
        LayerKind::Conv2d(conv) => convolved(conv, x)?,
        LayerKind::ConvTranspose2d(conv) => enlarged(conv, x)?,
        LayerKind::GroupNorm(norm) => {
            divided(norm.groups, x.last(), "", x)?;
            x
        }
        LayerKind::MaxPool(config) => sliding(x, config.geometry(picture(x)?), true)?,
        LayerKind::AvgPool(config) => sliding(x, config.geometry(picture(x)?), false)?,
        LayerKind::AdaptiveMaxPool { size } => pooled(x, adaptive(picture(x)?, size.0), true)?,
        LayerKind::AdaptiveAvgPool { size } => pooled(x, adaptive(picture(x)?, size.0), false)?,
        LayerKind::GlobalPool { pool } => {
            pooled(x, adaptive(picture(x)?, [1, 1]), *pool == Pool::Max)?;
            [x.last()].into()
        }
        LayerKind::Flatten {} => [x.len()].into(),
        LayerKind::Linear(linear) => match x.rank() {
            1 => [linear.size].into(),
            _ => {
                let remedy = "put a `flatten` or a `global_pool` before it";
                return Err(Wrong::new(format!("expects a vector [C], got {x}"), remedy));
            }
        },
        LayerKind::Residual { .. } => sum(inner)?,
        LayerKind::Parallel { .. } => side_by_side(inner)?,
        _ => x,
    };
    if let [h, w, _] = *y.dims()
        && h.max(w) > SIDE
    {
        let problem = format!("puts out {y}, more than {SIDE} pixels along a side");
        return Err(Wrong::new(problem, "choose a larger stride"));
    }
    fits(y)?;
    Ok(y)
}

/// Whether a picture or vector is small enough to compute with.
pub(super) fn fits(y: Shape) -> Result<(), Wrong> {
    let values: u128 = y.dims().iter().map(|&n| n as u128).product();
    match values <= VALUES {
        true => Ok(()),
        false => Err(Wrong::new(
            format!("needs {values} values at a time, as {y}"),
            "choose a smaller size, a larger stride or fewer channels",
        )),
    }
}

/// `[H, W]` of a picture.
fn picture(x: Shape) -> Result<[usize; 2], Wrong> {
    match *x.dims() {
        [h, w, _] => Ok([h, w]),
        _ => Err(Wrong::new(
            format!("expects a picture [H, W, C], got {x}"),
            "put it before the layer that flattens or pools the picture",
        )),
    }
}

/// Whether groups divide channels.
fn divided(groups: usize, channels: usize, what: &str, x: Shape) -> Result<(), Wrong> {
    match channels % groups {
        0 => Ok(()),
        _ => Err(Wrong::about(
            "groups",
            format!(
                "is {groups}, which does not divide {channels} channels{what}; the input is {x}"
            ),
            "choose a number that divides the channels",
        )),
    }
}

fn convolved(conv: &Conv2dConfig, x: Shape) -> Result<Shape, Wrong> {
    let (size, c) = (picture(x)?, x.last());
    divided(conv.groups, c, " in", x)?;
    divided(conv.groups, conv.channels, " out", x)?;
    let geometry = conv.geometry(size);
    let Some([oh, ow]) = geometry.output(size) else {
        let reach = [0, 1].map(|i| (conv.kernel.0[i] - 1) * conv.dilation.0[i] + 1);
        return Err(Wrong::new(
            format!(
                "reaches {reach:?} pixels with padding {:?}, got {x}",
                geometry.padding
            ),
            "choose a smaller kernel, padding = \"same\", or pool less before it",
        ));
    };
    let [[above, below], [left, right]] = geometry.padding;
    fits([size[0] + above + below, size[1] + left + right, c].into())?;
    let [kh, kw] = conv.kernel.0;
    fits([kh * kw, oh, ow].into())?;
    Ok([oh, ow, conv.channels].into())
}

/// Whether a layer whose weight is to start by whitening can, the `first` of the network or not.
pub(super) fn whitening(kind: &LayerKind, x: Shape, first: bool) -> Result<(), Wrong> {
    let LayerKind::Conv2d(conv) = kind else {
        return Ok(());
    };
    if conv.init != WeightInit::Whiten {
        return Ok(());
    }
    let ([h, w], c) = (picture(x)?, x.last());
    let [kh, kw] = conv.kernel.0;
    let n = kh * kw * c;
    let (problem, remedy) = if !first {
        (
            "is \"whiten\", and the layer is not the first of the network".to_owned(),
            "leave `init` out, or put the layer first".to_owned(),
        )
    } else if conv.groups != 1 || conv.dilation != Pair::one() {
        (
            "is \"whiten\", and the layer has groups or dilation".to_owned(),
            "leave `groups` and `dilation` out, or `init`".to_owned(),
        )
    } else if n > WHITENED || kh > h || kw > w {
        (
            format!("is \"whiten\", and a kernel of {kh} x {kw} sees {n} values of {x}"),
            format!("choose a smaller kernel; {WHITENED} values within the picture are the most"),
        )
    } else if conv.channels != 2 * n {
        (
            format!(
                "is \"whiten\", and the layer has {} channels",
                conv.channels
            ),
            format!(
                "choose {} channels, twice the {n} values that a kernel of {kh} x {kw} sees of {x}",
                2 * n
            ),
        )
    } else {
        return Ok(());
    };
    Err(Wrong::about("init", problem, &remedy))
}

fn enlarged(conv: &ConvTranspose2dConfig, x: Shape) -> Result<Shape, Wrong> {
    let size = picture(x)?;
    divided(conv.groups, x.last(), " in", x)?;
    divided(conv.groups, conv.channels, " out", x)?;
    let geometry = conv.geometry();
    let Some([oh, ow]) = geometry.output(size) else {
        let problem = format!("leaves no pixel of {x} with padding {:?}", geometry.padding);
        return Err(Wrong::new(problem, "choose a smaller padding"));
    };
    let [[above, below], [left, right]] = geometry.padding;
    fits([oh + above + below, ow + left + right, conv.channels].into())?;
    let [kh, kw] = conv.kernel.0;
    fits([kh * kw, oh, ow].into())?;
    Ok([oh, ow, conv.channels].into())
}

fn sliding(x: Shape, geometry: Pool2d, max: bool) -> Result<Shape, Wrong> {
    if !geometry.is_valid() {
        let remedy = "choose a smaller padding, or a larger kernel";
        let (kernel, padding) = (geometry.kernel, geometry.padding);
        let problem = format!("is {padding:?}, more than half the kernel {kernel:?}");
        return Err(Wrong::about("padding", problem, remedy));
    }
    let Some(windows) = geometry.windows(picture(x)?) else {
        let [kh, kw] = geometry.kernel;
        return Err(Wrong::new(
            format!(
                "has windows of {kh} x {kw} pixels with padding {:?}, larger than its input {x}",
                geometry.padding
            ),
            "choose a smaller kernel, or pool less before it",
        ));
    };
    pooled(x, windows, max)
}

fn adaptive([h, w]: [usize; 2], [oh, ow]: [usize; 2]) -> [Windows; 2] {
    [(h, oh), (w, ow)]
        .map(|(length, outputs)| Windows::adaptive(length, outputs).expect("no side is 0"))
}

fn pooled(x: Shape, [rows, columns]: [Windows; 2], max: bool) -> Result<Shape, Wrong> {
    let widest = rows.widest() * columns.widest();
    if max && widest > LARGEST_WINDOW {
        let remedy =
            format!("{LARGEST_WINDOW} pixels are the most; take the mean, or pool in two steps");
        let problem = format!("looks for the maximum of {widest} pixels of {x}");
        return Err(Wrong::new(problem, &remedy));
    }
    Ok([rows.outputs(), columns.outputs(), x.last()].into())
}

/// What a residual's body and shortcut add up to.
fn sum(inner: &[Shape]) -> Result<Shape, Wrong> {
    let (body, shortcut) = (inner[0], inner[1]);
    match body == shortcut {
        true => Ok(body),
        false => Err(Wrong::new(
            format!("adds {body} of its body to {shortcut} of its shortcut"),
            "give both the same channels and strides, e.g. a 1 x 1 convolution as the shortcut",
        )),
    }
}

/// What branches put out, one after the other along the channels.
fn side_by_side(inner: &[Shape]) -> Result<Shape, Wrong> {
    let first = inner[0];
    let alike = |y: &Shape| y.with_last(first.last()) == first;
    if !inner.iter().all(alike) {
        let all: Vec<String> = inner.iter().map(Shape::to_string).collect();
        return Err(Wrong::new(
            format!("joins branches of different sizes: {}", all.join(", ")),
            "give all branches the same strides and padding; only channels may differ",
        ));
    }
    Ok(first.with_last(inner.iter().map(Shape::last).sum()))
}
