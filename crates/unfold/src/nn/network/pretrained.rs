//! Weights that PyTorch stored.

use std::collections::HashMap;
use std::path::Path;

use super::function::Function;
use super::outline::full_name;
use super::{Layer, LayerConfig, LayerKind, Network, Node};
use crate::Shape;
use crate::error::{Error, Result};
use crate::nn::{ParamId, Params};
use crate::tensors::Foreign;

/// Which layers take their weights from a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// All.
    All,
    /// All but the [head](Network::head), which answers with other classes. What the file has for it is passed over.
    Features,
}

/// Where a parameter lies in a file.
struct Wanted {
    id: ParamId,
    order: Order,
    /// Whether it belongs to the head.
    head: bool,
}

/// The order of a tensor's values in the file. Where a layer gets the values of a picture `[H, W, C]` in a row, PyTorch has them as
/// `[C, H, W]`.
#[derive(Clone, Copy)]
enum Order {
    /// `[C]`.
    Row(Option<[usize; 3]>),
    /// `[O, C]` for `[C, O]`.
    Transposed(Option<[usize; 3]>),
    /// `[O, C, KH, KW]` for `[KH, KW, C, O]`.
    Taps,
}

impl Network {
    /// Reads weights that PyTorch stored in a safetensors file, under the names that its modules have: those of the layers,
    /// without the scope's. Underscores at the start of a name's parts are passed over. The networks here that
    /// torchvision has too have its names. Gives the names of what was passed over, but for the head's own: with
    /// [`Parts::Features`] the file's last fully connected layer may have another name than the head.
    ///
    /// # Errors
    /// When the file cannot be read, or lacks a tensor, has one of another shape, or one that belongs to no layer: then no
    /// weight is changed.
    pub fn read_pytorch(
        &self,
        params: &mut Params<f32>,
        path: &Path,
        parts: Parts,
    ) -> Result<Vec<String>> {
        let mut file = Foreign::open(path)?;
        let mut names: HashMap<String, String> = HashMap::new();
        for name in file.names() {
            names.entry(bare(&name)).or_insert(name);
        }
        let mut wrong = Mismatch::default();
        let mut found = Vec::new();
        // Values that the head takes, where the file has nothing under its name.
        let mut headless = None;
        for Wanted { id, order, head } in self.wanted() {
            let entry = params.entry(id);
            let ours = &entry.name[self.scope..];
            let theirs = names.remove(&bare(ours));
            if head && parts == Parts::Features {
                if let (Order::Transposed(_), None) = (order, theirs) {
                    headless = Some(entry.shape.dims()[0]);
                }
                continue;
            }
            let expected = order.shape(entry.shape.dims());
            match theirs {
                None => wrong.missing.push(format!("`{ours}` {expected:?}")),
                Some(name) => match file.shape(&name) {
                    Some(shape) if *shape == *expected => found.push((id, order, name)),
                    shape => {
                        let shape = shape.unwrap_or_default();
                        wrong
                            .unlike
                            .push(format!("`{name}` {shape:?}, not {expected:?}"));
                    }
                },
            }
        }
        let counted = |name: &String| name.ends_with("num_batches_tracked");
        let left = names.into_values().filter(|name| !counted(name));
        let mut left: Vec<String> = left.collect();
        left.sort_unstable();
        let passed = match headless.filter(|&inputs| is_linear(&left, inputs, &file)) {
            Some(_) => std::mem::take(&mut left),
            None => Vec::new(),
        };
        wrong
            .left
            .extend(left.iter().map(|name| format!("`{name}`")));
        wrong.check(path)?;
        // All are read before any is written.
        let values: Result<Vec<_>> = found
            .into_iter()
            .map(|(id, order, name)| {
                let values = file.read(&name)?;
                match values.iter().find(|value| !value.is_finite()) {
                    None => Ok((id, order, values)),
                    Some(value) => Err(Error::model(
                        path.display(),
                        format!("`{name}` holds {value}"),
                        "the file is damaged, or its training diverged; use another",
                    )),
                }
            })
            .collect();
        for (id, order, values) in values? {
            let shape = params.entry(id).shape;
            order.write(&values, shape.dims(), params.get_mut(id));
        }
        Ok(passed)
    }

    /// All parameters of the layers.
    fn wanted(&self) -> Vec<Wanted> {
        let (mut all, head) = (Vec::new(), self.head_start());
        let mut flat = None;
        let (features, rest) = self.layers.split_at(head);
        add(features, self.input, &mut flat, false, &mut all);
        let input = features.last().map_or(self.input, |layer| layer.output);
        add(rest, input, &mut flat, true, &mut all);
        all
    }
}

/// Whether some tensors of a file are those of one fully connected layer, which takes so many values.
fn is_linear(names: &[String], inputs: usize, file: &Foreign) -> bool {
    let weight = match names {
        [weight] => weight,
        [bias, weight] if bias.strip_suffix("bias") == weight.strip_suffix("weight") => weight,
        _ => return false,
    };
    let shape = file.shape(weight).unwrap_or_default();
    let outputs = names[..names.len() - 1].iter();
    weight.ends_with("weight")
        && matches!(shape, [_, taken] if *taken == inputs)
        && outputs
            .clone()
            .all(|bias| file.shape(bias) == Some(&shape[..1]))
}

/// How many channels the pictures have for which PyTorch stored the weights of these layers in the file at `path`; nothing where that
/// is not to be seen, as by a first convolution in groups.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn pytorch_channels(layers: &[LayerConfig], path: &Path) -> Result<Option<usize>> {
    let file = Foreign::open(path)?;
    let first = layers.iter().enumerate().find_map(|(i, layer)| {
        let LayerKind::Conv2d(conv) = &layer.kind else {
            return None;
        };
        Some((full_name(layer, i, ["", ""]), conv.groups))
    });
    let Some((name, 1)) = first else {
        return Ok(None);
    };
    let wanted = bare(&format!("{name}.weight"));
    let theirs = file.names().into_iter().find(|name| bare(name) == wanted);
    let shape = theirs.as_deref().and_then(|name| file.shape(name));
    Ok(match shape {
        Some(&[_, channels, _, _]) => Some(channels),
        _ => None,
    })
}

/// The parameters of some layers. `flat` is the picture whose values come in a row, if they do, before these layers and after
/// them.
fn add(
    layers: &[Layer],
    mut input: Shape,
    flat: &mut Option<[usize; 3]>,
    head: bool,
    all: &mut Vec<Wanted>,
) {
    for layer in layers {
        let (row, transposed) = (Order::Row(*flat), Order::Transposed(*flat));
        let none = Order::Row(None);
        let own: Vec<(ParamId, Order)> = match &layer.node {
            Node::Conv2d(conv) => with_bias((conv.weight(), Order::Taps), conv.bias()),
            Node::ConvTranspose2d(conv) => with_bias((conv.weight(), Order::Taps), conv.bias()),
            Node::Linear(linear) => with_bias((linear.weight(), transposed), linear.bias()),
            Node::BatchNorm(norm) => {
                let figures = [norm.running_mean(), norm.running_variance()];
                let ids = [norm.weight(), norm.bias()].into_iter().chain(figures);
                ids.map(|id| (id, row)).collect()
            }
            Node::GroupNorm(norm) => vec![(norm.weight(), none), (norm.bias(), none)],
            Node::LayerNorm(norm) => vec![(norm.weight(), row), (norm.bias(), row)],
            Node::Residual(lists) => {
                let mut after = [*flat; 2];
                for (list, after) in lists.iter().zip(&mut after) {
                    add(list, input, after, head, all);
                }
                *flat = after[0].filter(|_| after[0] == after[1]);
                Vec::new()
            }
            Node::Parallel(lists) => {
                for list in lists {
                    add(list, input, &mut flat.clone(), head, all);
                }
                Vec::new()
            }
            Node::Dropout(_) | Node::SpatialDropout(_) | Node::Function(_) => Vec::new(),
        };
        all.extend(
            own.into_iter()
                .map(|(id, order)| Wanted { id, order, head }),
        );
        match (&layer.node, input.dims()) {
            (Node::Function(Function::Flatten), &[h, w, c]) => *flat = Some([h, w, c]),
            (Node::Linear(_) | Node::Parallel(_), _) => *flat = None,
            _ => {}
        }
        input = layer.output;
    }
}

fn with_bias(weight: (ParamId, Order), bias: Option<ParamId>) -> Vec<(ParamId, Order)> {
    let bias = bias.map(|id| (id, Order::Row(None)));
    [weight].into_iter().chain(bias).collect()
}

impl Order {
    /// The extents in the file of a tensor of `ours`.
    fn shape(self, ours: &[usize]) -> Vec<usize> {
        match (self, ours) {
            (Order::Taps, &[kh, kw, c, o]) => vec![o, c, kh, kw],
            (Order::Transposed(_), &[c, o]) => vec![o, c],
            _ => ours.to_vec(),
        }
    }

    /// Brings values of the file into our order.
    fn write(self, theirs: &[f32], shape: &[usize], ours: &mut [f32]) {
        // Counted from the axes that change fastest in the file, how far apart neighbours lie in ours.
        let (extents, steps) = match (self, shape) {
            (Order::Taps, &[kh, kw, c, o]) => ([kw, kh, c, o], [c * o, kw * c * o, o, 1]),
            (Order::Transposed(Some([h, w, c])), &[_, o]) => {
                ([w, h, c, o], [c * o, w * c * o, o, 1])
            }
            (Order::Transposed(None), &[c, o]) => ([c, o, 1, 1], [o, 1, 0, 0]),
            (Order::Row(Some([h, w, c])), _) => ([w, h, c, 1], [c, w * c, 1, 0]),
            _ => ([ours.len(), 1, 1, 1], [1, 0, 0, 0]),
        };
        for (i, &value) in theirs.iter().enumerate() {
            let (mut left, mut at) = (i, 0);
            for (extent, step) in extents.into_iter().zip(steps) {
                at += left % extent * step;
                left /= extent;
            }
            ours[at] = value;
        }
    }
}

/// A name without underscores at the start of its parts.
fn bare(name: &str) -> String {
    let parts: Vec<&str> = name
        .split('.')
        .map(|part| part.trim_start_matches('_'))
        .collect();
    parts.join(".")
}

/// In what a file does not fit the layers.
#[derive(Default)]
struct Mismatch {
    missing: Vec<String>,
    unlike: Vec<String>,
    left: Vec<String>,
}

impl Mismatch {
    /// # Errors
    /// When there is any.
    fn check(self, path: &Path) -> Result<()> {
        let lists = [
            ("it lacks ", self.missing),
            ("it has ", self.unlike),
            ("no layer takes ", self.left),
        ];
        let told = lists.into_iter().filter(|(_, names)| !names.is_empty());
        let told: Vec<String> = told
            .map(|(what, names)| format!("{what}{}", first_few(names)))
            .collect();
        match told.is_empty() {
            true => Ok(()),
            false => Err(Error::model(
                path.display(),
                format!(
                    "these are not the weights of this network: {}",
                    told.join("; ")
                ),
                "name a file of this network, or the network of the file (model.kind in an image recipe, \
                 encoder.network.kind in others); for other classes than its own, leave out the head",
            )),
        }
    }
}

/// Some names in order, and how many more there are.
fn first_few(mut names: Vec<String>) -> String {
    const SHOWN: usize = 3;
    names.sort_unstable();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let names = names.join(", ");
    match more {
        0 => names,
        _ => format!("{names} and {more} more"),
    }
}
