//! Networks of pictures as lists of layers.
//!
//! A list ([`LayerConfig`]) comes from a recipe or from one of the functions here that give the field's networks. Its
//! [`Outline`] says what every layer puts out, before anything is allocated, and names the layer that does not fit. A
//! [`Network`] is made from the outline, trains, shows its layers' outputs, can be split, and freezes for answers.
//!
//! ```
//! use unfold::nn::network::{Network, Outline, cnn};
//! use unfold::nn::{Params, Pass};
//! use unfold::{Key, Tensor};
//!
//! let outline = Outline::new(&cnn(&[8, 16], 0.1, 10), [28, 28, 1], "model.layers")?;
//! let mut params = Params::<f32>::new(1);
//! let network = Network::new(&mut params.scope("model"), &outline);
//! let x = Tensor::zeros([4, 28, 28, 1]);
//!
//! let pass = Pass::training(&params, Key::new(1));
//! let loss = network.forward(&pass, &x).cross_entropy(&[0, 1, 2, 3], &Default::default());
//! params.backward(&pass, loss);
//!
//! let features = network.features().forward(&Pass::evaluation(&params), &x);
//! assert_eq!(features.dims(), [4, 16]);
//! let answers = network.frozen(&params).forward(&x);
//! assert_eq!(answers.dims(), [4, 10]);
//! # Ok::<(), unfold::Error>(())
//! ```

mod config;
mod frozen;
mod function;
mod named;
mod outline;
mod pretrained;
mod rule;
mod sizes;

use crate::nn::{
    BatchNorm, Conv2d, ConvTranspose2d, Dropout, GroupNorm, Init, LayerNorm, Linear, Pass, Scope,
    SpatialDropout,
};
use crate::{Float, Shape, Tensor};
use function::Function;
use outline::Step;

pub use config::{
    AvgPoolConfig, BatchNormConfig, Conv2dConfig, ConvTranspose2dConfig, GroupNormConfig,
    LayerConfig, LayerKind, LayerNormConfig, LinearConfig, PoolConfig, WeightInit,
};
pub use frozen::FrozenNetwork;
pub use named::{
    Resnet, Stem, cnn, efficientnet_lite0, feed_forward, lenet5, mobilenet_v2, resnet, resnet9,
    resnet18, resnet34, resnet50,
};
pub use outline::{Outline, SummaryRow};
pub use pretrained::Parts;
pub(crate) use pretrained::pytorch_channels;
pub use sizes::{Padding, Pair};

/// A network: layers one after the other, made from an [`Outline`].
///
/// A batch normalisation and the ReLU or ReLU6 after it are one pass over the values, and so are a ReLU and max pooling, and
/// the sum of a [residual](LayerKind::Residual) and its ReLU. In a pass with [probes](Pass::probes), every layer runs
/// alone and its output is kept under its full name, with the scope's before it; the gradient by it can be asked for.
///
/// Shapes: pictures `[B, H, W, C]` in, `[B, OH, OW, O]` or `[B, O]` out.
#[derive(Clone, Debug)]
pub struct Network {
    /// How much of a layer's name is the scope's.
    scope: usize,
    input: Shape,
    layers: Vec<Layer>,
}

/// One layer.
#[derive(Clone, Debug)]
struct Layer {
    /// Its full name, the scope's included.
    name: String,
    /// Without the batch.
    output: Shape,
    node: Node,
}

#[derive(Clone, Debug)]
enum Node {
    Conv2d(Conv2d),
    ConvTranspose2d(ConvTranspose2d),
    BatchNorm(BatchNorm),
    GroupNorm(GroupNorm),
    LayerNorm(LayerNorm),
    Linear(Linear),
    Dropout(Dropout),
    SpatialDropout(SpatialDropout),
    Function(Function),
    Residual([Vec<Layer>; 2]),
    Parallel(Vec<Vec<Layer>>),
}

impl Network {
    /// Adds the network's parameters to `scope`, each under its layer's full name.
    pub fn new<E: Float>(scope: &mut Scope<'_, E>, outline: &Outline) -> Network {
        Network {
            scope: scope.scope("").path().len(), // with its dot
            input: outline.input(),
            layers: layers(scope, &outline.steps),
        }
    }

    /// What it takes for one picture: `[H, W, C]`, or `[C]` for the end of a split network.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// What it puts out for one picture: `[OH, OW, O]` or `[O]`.
    pub fn output(&self) -> Shape {
        self.layers.last().map_or(self.input, |layer| layer.output)
    }

    /// What the layers make of a batch: `[B, H, W, C]` to `[B, OH, OW, O]` or `[B, O]`.
    ///
    /// # Panics
    /// When `x` is not a batch of what the network takes.
    #[track_caller]
    pub fn forward<E: Float>(&self, pass: &Pass<E>, x: &Tensor<E>) -> Tensor<E> {
        check_input(self.input, x);
        run(&self.layers, pass, x)
    }

    /// The number of the layer of that name, without the scope's, in the outermost list.
    pub fn position(&self, name: &str) -> Option<usize> {
        let called = |layer: &Layer| &layer.name[self.scope..] == name;
        self.layers.iter().position(called)
    }

    /// Whether a parameter of that name belongs to one of the layers.
    pub fn holds(&self, parameter: &str) -> bool {
        let under = |layer: &Layer| {
            let rest = parameter.strip_prefix(layer.name.as_str());
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        self.layers.iter().any(under)
    }

    /// The convolution of that full name, without the scope's, at any depth.
    pub fn conv2d(&self, name: &str) -> Option<&Conv2d> {
        fn find<'l>(layers: &'l [Layer], called: &impl Fn(&Layer) -> bool) -> Option<&'l Conv2d> {
            layers.iter().find_map(|layer| match &layer.node {
                Node::Conv2d(conv) => called(layer).then_some(conv),
                Node::Residual(both) => both.iter().find_map(|list| find(list, called)),
                Node::Parallel(all) => all.iter().find_map(|list| find(list, called)),
                _ => None,
            })
        }
        find(&self.layers, &|layer| &layer.name[self.scope..] == name)
    }

    /// The layers before number `at` of the outermost list, and the others, as networks that share the parameters.
    ///
    /// # Panics
    /// When there are fewer layers.
    #[track_caller]
    pub fn split_at(&self, at: usize) -> (Network, Network) {
        let (first, second) = self.layers.split_at(at);
        let first = Network {
            layers: first.to_vec(),
            ..*self
        };
        let second = Network {
            input: first.output(),
            layers: second.to_vec(),
            ..*self
        };
        (first, second)
    }

    /// Everything before the [head](Network::head): what it knows of a picture, as a rule a vector `[B, C]`.
    pub fn features(&self) -> Network {
        self.split_at(self.head_start()).0
    }

    /// The last fully connected layer, with what follows it and the dropout before it: what turns features into
    /// answers. Empty where there is no such layer.
    pub fn head(&self) -> Network {
        self.split_at(self.head_start()).1
    }

    /// The layers up to the last that puts out a picture: a grid of features `[B, OH, OW, O]`.
    pub fn grid(&self) -> Network {
        let is_grid = |layer: &Layer| layer.output.rank() == 3;
        let last = self.layers.iter().rposition(is_grid);
        self.split_at(last.map_or(0, |last| last + 1)).0
    }

    fn head_start(&self) -> usize {
        let is_linear = |layer: &Layer| matches!(layer.node, Node::Linear(_));
        let Some(last) = self.layers.iter().rposition(is_linear) else {
            return self.layers.len();
        };
        let dropped = last
            .checked_sub(1)
            .is_some_and(|i| matches!(self.layers[i].node, Node::Dropout(_)));
        last - usize::from(dropped)
    }
}

/// The layers before the last fully connected one of the outermost list and the dropout before it: what
/// [`Network::features`] is made of. All of them where there is none.
pub fn without_head(layers: &[LayerConfig]) -> &[LayerConfig] {
    let is_linear = |layer: &LayerConfig| matches!(layer.kind, LayerKind::Linear(_));
    let Some(last) = layers.iter().rposition(is_linear) else {
        return layers;
    };
    match last.checked_sub(1).map(|i| (i, &layers[i].kind)) {
        Some((dropout, LayerKind::Dropout { .. })) => &layers[..dropout],
        _ => &layers[..last],
    }
}

/// # Panics
/// When `x` is not a batch of `expected`.
#[track_caller]
fn check_input<E: Float>(expected: Shape, x: &Tensor<E>) {
    let fits = x.shape().rank() > 0 && x.dims()[1..] == *expected.dims();
    assert!(
        fits,
        "network: expected a batch of {expected}, got {}",
        x.shape()
    );
}

/// The layers of a list of steps, their parameters added to `scope`.
fn layers<E: Float>(scope: &mut Scope<'_, E>, steps: &[Step]) -> Vec<Layer> {
    let layer = |step: &Step| {
        let node = node(scope, step);
        Layer {
            name: scope.scope(&step.name).path().to_string(),
            output: step.output,
            node,
        }
    };
    steps.iter().map(layer).collect()
}

fn node<E: Float>(outer: &mut Scope<'_, E>, step: &Step) -> Node {
    let mut scope = outer.scope(&step.name);
    let scope = &mut scope;
    let [ins, outs] = [step.input, step.output].map(|shape| shape.last());
    match &step.kind {
        LayerKind::Conv2d(conv) => {
            let size = [step.input.dims()[0], step.input.dims()[1]];
            let geometry = conv.geometry(size);
            let init = conv.init.of(geometry, outs);
            Node::Conv2d(Conv2d::with_init(
                scope, ins, outs, geometry, init, step.bias,
            ))
        }
        LayerKind::BatchNorm(config) => {
            let init = if config.zero_init {
                Init::Zeros
            } else {
                Init::Ones
            };
            let norm = BatchNorm::with_init(scope, outs, init);
            let norm = norm
                .with_epsilon(config.epsilon)
                .with_momentum(config.momentum);
            Node::BatchNorm(norm)
        }
        LayerKind::ConvTranspose2d(conv) => {
            let geometry = conv.geometry();
            Node::ConvTranspose2d(ConvTranspose2d::new(scope, ins, outs, geometry, step.bias))
        }
        LayerKind::GroupNorm(config) => {
            let norm = GroupNorm::new(scope, outs, config.groups);
            Node::GroupNorm(norm.with_epsilon(config.epsilon))
        }
        LayerKind::LayerNorm(config) => {
            Node::LayerNorm(LayerNorm::new(scope, outs).with_epsilon(config.epsilon))
        }
        LayerKind::Linear(_) if step.bias => Node::Linear(Linear::new(scope, ins, outs)),
        LayerKind::Linear(_) => Node::Linear(Linear::without_bias(scope, ins, outs)),
        LayerKind::Dropout { p } => Node::Dropout(Dropout::new(*p)),
        LayerKind::SpatialDropout { p } => Node::SpatialDropout(SpatialDropout::new(*p)),
        LayerKind::Residual { .. } => {
            let [body, shortcut] = [0, 1].map(|i| layers(outer, &step.inner[i]));
            Node::Residual([body, shortcut])
        }
        LayerKind::Parallel { .. } => {
            let branches = step.inner.iter().map(|branch| layers(outer, branch));
            Node::Parallel(branches.collect())
        }
        kind => Node::Function(Function::of(kind, step.input).expect("all others are functions")),
    }
}

/// Layers one after the other.
#[track_caller]
fn run<E: Float>(layers: &[Layer], pass: &Pass<E>, x: &Tensor<E>) -> Tensor<E> {
    let (mut x, mut left) = (x.clone(), layers);
    while let [layer, rest @ ..] = left {
        let next = rest.first().filter(|_| !pass.is_probing());
        let both = next.and_then(|next| layer.node.with_next(&next.node, pass, &x));
        (x, left) = match both {
            Some(y) => (y, &rest[1..]),
            None => (layer.forward(pass, &x), rest),
        };
    }
    x
}

impl Layer {
    fn forward<E: Float>(&self, pass: &Pass<E>, x: &Tensor<E>) -> Tensor<E> {
        let y = match &self.node {
            // These show what they put out themselves.
            Node::Conv2d(conv) => return conv.forward(pass, x),
            Node::BatchNorm(norm) => return norm.forward(pass, x),
            Node::ConvTranspose2d(conv) => return conv.forward(pass, x),
            Node::GroupNorm(norm) => return norm.forward(pass, x),
            Node::LayerNorm(norm) => return norm.forward(pass, x),
            Node::Linear(linear) => return linear.forward(pass, x),
            Node::Dropout(dropout) => dropout.forward(pass, x),
            Node::SpatialDropout(dropout) => dropout.forward(pass, x),
            Node::Function(function) => function.apply(x),
            Node::Residual(both) => {
                let [body, shortcut] = each(both, |list| run(list, pass, x));
                body.add(&shortcut)
            }
            Node::Parallel(branches) => {
                let all: Vec<Tensor<E>> = branches.iter().map(|list| run(list, pass, x)).collect();
                join(&all)
            }
        };
        pass.watch(&self.name, y)
    }
}

impl Node {
    /// What this layer and the next one do in one pass over the values, where there is such a form.
    fn with_next<E: Float>(&self, next: &Node, pass: &Pass<E>, x: &Tensor<E>) -> Option<Tensor<E>> {
        let Node::Function(next) = next else {
            return None;
        };
        match (self, next) {
            (Node::BatchNorm(norm), next) => {
                let activation = next.activation()?;
                Some(norm.forward_to(pass, x, activation))
            }
            (Node::Residual(both), Function::Relu) => {
                let [body, shortcut] = each(both, |list| run(list, pass, x));
                Some(body.add_relu(&shortcut))
            }
            (Node::Function(first), next) => first.apply_both(*next, x),
            _ => None,
        }
    }
}

/// As `map` of the array, by reference.
fn each<T, U>(both: &[T; 2], f: impl Fn(&T) -> U) -> [U; 2] {
    [f(&both[0]), f(&both[1])]
}

/// `[B, .., C_i]` to `[B, .., ΣC_i]`.
#[track_caller]
fn join<E: Float>(branches: &[Tensor<E>]) -> Tensor<E> {
    let all: Vec<&Tensor<E>> = branches.iter().collect();
    let axis = all[0].shape().rank() - 1;
    Tensor::concat(&all, axis)
}
