//! What a list of layers makes of a picture: every name, shape and size, before anything is allocated.

use std::collections::HashSet;

use super::config::{Conv2dConfig, ConvTranspose2dConfig, LayerConfig, LayerKind};
use super::rule::{self, Wrong};
use crate::Shape;
use crate::error::Result;

/// The most parameters.
const MOST: u128 = 1 << 30;
/// The most layers that lie within each other.
const DEPTH: usize = 16;

/// A list of layers that fit together, with every layer's name and shapes.
///
/// ```
/// use unfold::nn::network::{LayerConfig, LayerKind, LinearConfig, Outline};
///
/// let mut layers: Vec<LayerConfig> = vec![LayerKind::Flatten {}.into()];
/// layers.push(LayerKind::Linear(LinearConfig::new(10)).into());
/// let outline = Outline::new(&layers, [28, 28, 1], "model.layers")?;
/// assert_eq!(outline.output().dims(), [10]);
/// assert_eq!(outline.parameters(), 7850);
/// assert_eq!(outline.rows()[1].name, "1.linear");
///
/// layers.remove(0);
/// let error = Outline::new(&layers, [28, 28, 1], "model.layers").unwrap_err();
/// assert_eq!(error.place(), "model.layers[0]");
/// # Ok::<(), unfold::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Outline {
    input: Shape,
    pub(super) steps: Vec<Step>,
}

/// One layer of an [`Outline`].
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// The full name.
    pub(super) name: String,
    pub(super) kind: LayerKind,
    /// Whether a convolution has a bias.
    pub(super) bias: bool,
    /// `[H, W, C]` or `[C]`, as all shapes here.
    pub(super) input: Shape,
    pub(super) output: Shape,
    /// The lists within: body and shortcut, or the branches.
    pub(super) inner: Vec<Vec<Step>>,
}

/// One line of a network's summary.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryRow {
    /// The layer's full name.
    pub name: String,
    /// Its kind, as recipes call it.
    pub kind: &'static str,
    /// How many layers it lies within.
    pub depth: usize,
    /// What it puts out for one picture: `[H, W, C]` or `[C]`.
    pub output: Shape,
    /// Its own parameters that training changes; running statistics are none, and those of layers within are in their rows.
    pub parameters: usize,
    /// Multiply-adds of its own products for one picture.
    pub multiply_adds: u64,
}

impl Outline {
    /// What `layers` make of pictures `[H, W, C]`. `place` is where the list stands, such as `model.layers`, for errors.
    ///
    /// # Errors
    /// When a layer cannot take what comes to it, a number makes no sense, or a name is none or is taken: with the
    /// place of the layer in the list, such as `model.layers[3].body[1]`, its name, what it expects and the shapes it got.
    pub fn new(layers: &[LayerConfig], input: [usize; 3], place: &str) -> Result<Outline> {
        let [h, w, c] = input;
        let sizes = [
            ("height", h, rule::SIDE),
            ("width", w, rule::SIDE),
            ("channels", c, rule::CHANNELS),
        ];
        let sizes = sizes
            .into_iter()
            .try_for_each(|(what, size, most)| rule::within(what, size, 1, most));
        let input = input.into();
        sizes
            .and_then(|()| rule::fits(input))
            .map_err(|wrong| wrong.at("picture", "input"))?;
        let steps = Walk::default().list(layers, input, place, ["", ""], 0)?;
        Ok(Outline { input, steps })
    }

    /// The shape that the network takes for one picture: `[H, W, C]`.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// The shape that it puts out for one picture: `[H, W, C]` or `[C]`.
    pub fn output(&self) -> Shape {
        end(&self.steps, self.input)
    }

    /// A row for each layer, those within a layer after it.
    pub fn rows(&self) -> Vec<SummaryRow> {
        let mut rows = Vec::new();
        add_rows(&self.steps, 0, &mut rows);
        rows
    }

    /// How many parameters training changes.
    pub fn parameters(&self) -> usize {
        self.rows().iter().map(|row| row.parameters).sum()
    }

    /// Multiply-adds of all products for one picture.
    pub fn multiply_adds(&self) -> u64 {
        self.rows().iter().map(|row| row.multiply_adds).sum()
    }
}

/// What steps put out for `input`.
fn end(steps: &[Step], input: Shape) -> Shape {
    steps.last().map_or(input, |step| step.output)
}

fn add_rows(steps: &[Step], depth: usize, rows: &mut Vec<SummaryRow>) {
    for step in steps {
        let [weights, others] = step.parameters();
        rows.push(SummaryRow {
            name: step.name.clone(),
            kind: step.kind.name(),
            depth,
            output: step.output,
            parameters: (weights + others) as usize,
            multiply_adds: weights as u64 * step.uses() as u64,
        });
        for inner in &step.inner {
            add_rows(inner, depth + 1, rows);
        }
    }
}

impl Step {
    /// The values of the weight of its product, and of its other parameters.
    fn parameters(&self) -> [u128; 2] {
        let [ins, outs] = [self.input, self.output].map(|shape| shape.last() as u128);
        match &self.kind {
            LayerKind::Conv2d(conv) => {
                let taps: u128 = conv.kernel.0.iter().map(|&k| k as u128).product();
                let weight = taps * (ins / conv.groups as u128) * outs;
                [weight, if self.bias { outs } else { 0 }]
            }
            LayerKind::Linear(_) => [ins * outs, if self.bias { outs } else { 0 }],
            LayerKind::ConvTranspose2d(conv) => {
                let taps: u128 = conv.kernel.0.iter().map(|&k| k as u128).product();
                let weight = taps * (outs / conv.groups as u128) * ins;
                [weight, if self.bias { outs } else { 0 }]
            }
            LayerKind::BatchNorm(_) | LayerKind::GroupNorm(_) | LayerKind::LayerNorm(_) => {
                [0, 2 * outs]
            }
            _ => [0, 0],
        }
    }

    /// How often each value of the weight is used for one picture: once a pixel, of the input where a convolution is
    /// transposed.
    fn uses(&self) -> usize {
        let pixels = match &self.kind {
            LayerKind::ConvTranspose2d(_) => self.input,
            _ => self.output,
        };
        match *pixels.dims() {
            [h, w, _] => h * w,
            _ => 1,
        }
    }
}

/// What is known while lists are walked through.
#[derive(Default)]
struct Walk {
    names: HashSet<String>,
    parameters: u128,
}

impl Walk {
    /// The steps of a list that stands at `place`, within a layer and under a name there.
    fn list(
        &mut self,
        layers: &[LayerConfig],
        input: Shape,
        place: &str,
        within: [&str; 2],
        depth: usize,
    ) -> Result<Vec<Step>> {
        let mut steps: Vec<Step> = Vec::with_capacity(layers.len());
        for (i, layer) in layers.iter().enumerate() {
            let next = layers.get(i + 1).map(|next| &next.kind);
            let step = self.step(layer, next, i, end(&steps, input), place, within, depth)?;
            steps.push(step);
        }
        Ok(steps)
    }

    /// The `i`th step of a list.
    fn step(
        &mut self,
        layer: &LayerConfig,
        next: Option<&LayerKind>,
        i: usize,
        input: Shape,
        place: &str,
        within: [&str; 2],
        depth: usize,
    ) -> Result<Step> {
        let (kind, place) = (&layer.kind, format!("{place}[{i}]"));
        let name = full_name(layer, i, within);
        let wrong = |wrong: Wrong| wrong.at(&place, &name);
        self.take(&name).map_err(wrong)?;
        rule::settings(kind).map_err(wrong)?;
        if depth > DEPTH {
            let problem = format!("lies within {depth} other layers");
            return Err(wrong(Wrong::new(problem, &format!("{DEPTH} are the most"))));
        }
        let mut list = |layers: &[LayerConfig], key: &str, list: &str| {
            self.list(
                layers,
                input,
                &format!("{place}.{key}"),
                [&name, list],
                depth + 1,
            )
        };
        let inner = match kind {
            LayerKind::Residual { body, shortcut } => {
                vec![
                    list(body, "body", "body")?,
                    list(shortcut, "shortcut", "shortcut")?,
                ]
            }
            LayerKind::Parallel { branches } => {
                let branches = branches.iter().enumerate();
                let lists = branches.map(|(j, branch)| {
                    list(branch, &format!("branches[{j}]"), &format!("branch{j}"))
                });
                lists.collect::<Result<_>>()?
            }
            _ => Vec::new(),
        };
        rule::whitening(kind, input, depth == 0 && i == 0).map_err(wrong)?;
        let shapes: Vec<Shape> = inner.iter().map(|steps| end(steps, input)).collect();
        let step = Step {
            bias: match kind {
                LayerKind::Conv2d(Conv2dConfig { bias, .. })
                | LayerKind::ConvTranspose2d(ConvTranspose2dConfig { bias, .. }) => {
                    bias.unwrap_or(!matches!(next, Some(LayerKind::BatchNorm(_))))
                }
                LayerKind::Linear(linear) => linear.bias,
                _ => false,
            },
            kind: kind.clone(),
            input,
            output: rule::output(kind, input, &shapes).map_err(wrong)?,
            inner,
            name: name.clone(),
        };
        self.parameters += step.parameters().iter().sum::<u128>();
        if self.parameters > MOST {
            let problem = format!("brings the network to {} parameters", self.parameters);
            let remedy = format!("choose smaller sizes; {MOST} parameters are the most");
            return Err(wrong(Wrong::new(problem, &remedy)));
        }
        Ok(step)
    }

    /// Whether a full name is one, and nobody else's.
    fn take(&mut self, name: &str) -> std::result::Result<(), Wrong> {
        let usual = |c: char| c.is_alphanumeric() || "._-".contains(c);
        if name.is_empty() || !name.chars().all(usual) {
            let remedy = "choose a name of letters, digits, dots, dashes and underscores";
            return Err(Wrong::about("name", format!("is `{name}`"), remedy));
        }
        match self.names.insert(name.to_string()) {
            true => Ok(()),
            false => {
                let problem = format!("another layer is called `{name}` already");
                Err(Wrong::about("name", problem, "choose another name"))
            }
        }
    }
}

/// The name of the `i`th layer of a list, which has a name within a layer.
pub(super) fn full_name(layer: &LayerConfig, i: usize, [within, list]: [&str; 2]) -> String {
    let usual = format!("{i}.{}", layer.kind.name());
    let parts = match &layer.name {
        Some(name) => [within, "", name],
        None => [within, list, &usual],
    };
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join(".")
}
