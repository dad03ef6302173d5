//! Networks whose parameters no longer change.

use super::function::Function;
use super::{Layer, Network, Node, check_input, join};
use crate::nn::{BatchNorm, FrozenConv2d, Params};
use crate::ops::{Activation, BatchNorm as Options, ConvTranspose2d, Moments};
use crate::{Float, Shape, Tensor};

/// A [`Network`] as its parameters were when [`Network::frozen`] made it, for many answers: convolutions are packed, with the
/// batch normalisation, the ReLU or ReLU6 and the residual sum after them folded in. It computes what the network does outside
/// training, up to rounding; dropout is gone and no gradient flows.
///
/// ```
/// use unfold::nn::network::{Network, Outline, Stem, resnet18};
/// use unfold::nn::{Params, Pass};
/// use unfold::Tensor;
///
/// let outline = Outline::new(&resnet18(10, Stem::Small), [32, 32, 3], "model")?;
/// let mut params = Params::<f32>::new(1);
/// let network = Network::new(&mut params.scope("model"), &outline);
/// let x = Tensor::full([1, 32, 32, 3], 0.5);
/// let y = network.forward(&Pass::evaluation(&params), &x);
/// let frozen = network.frozen(&params).forward(&x);
/// assert!(y.data().iter().zip(frozen.data()).all(|(y, f)| (y - f).abs() < 1e-3));
/// # Ok::<(), unfold::Error>(())
/// ```
pub struct FrozenNetwork<E: Float = f32> {
    input: Shape,
    output: Shape,
    steps: Vec<Step<E>>,
}

enum Step<E: Float> {
    Conv2d(FrozenConv2d<E>),
    /// A batch normalisation with no convolution before it.
    BatchNorm {
        scale: Tensor<E>,
        shift: Tensor<E>,
        activation: Activation,
    },
    ConvTranspose2d {
        weight: Tensor<E>,
        bias: Option<Tensor<E>>,
        geometry: ConvTranspose2d,
    },
    GroupNorm {
        weight: Tensor<E>,
        bias: Tensor<E>,
        options: (usize, f64),
    },
    LayerNorm {
        weight: Tensor<E>,
        bias: Tensor<E>,
        epsilon: f64,
    },
    Linear {
        weight: Tensor<E>,
        bias: Option<Tensor<E>>,
    },
    Function(Function),
    Residual {
        body: Vec<Step<E>>,
        /// The last convolution of the body, which adds the shortcut.
        last: Option<FrozenConv2d<E>>,
        shortcut: Vec<Step<E>>,
        activation: Activation,
    },
    Parallel(Vec<Vec<Step<E>>>),
}

impl Network {
    /// The network as the parameters are now: for many answers.
    pub fn frozen<E: Float>(&self, params: &Params<E>) -> FrozenNetwork<E> {
        FrozenNetwork {
            input: self.input,
            output: self.output(),
            steps: freeze(&self.layers, params),
        }
    }
}

impl<E: Float> FrozenNetwork<E> {
    /// What it takes for one picture: `[H, W, C]` or `[C]`.
    pub fn input(&self) -> Shape {
        self.input
    }

    /// What it puts out for one picture: `[OH, OW, O]` or `[O]`.
    pub fn output(&self) -> Shape {
        self.output
    }

    /// What the layers make of a batch: `[B, H, W, C]` to `[B, OH, OW, O]` or `[B, O]`.
    ///
    /// # Panics
    /// When `x` is not a batch of what the network takes.
    #[track_caller]
    pub fn forward(&self, x: &Tensor<E>) -> Tensor<E> {
        check_input(self.input, x);
        run(&self.steps, x)
    }
}

fn freeze<E: Float>(layers: &[Layer], params: &Params<E>) -> Vec<Step<E>> {
    let mut steps = Vec::new();
    let mut left = layers;
    while let [layer, rest @ ..] = left {
        left = rest;
        let step = match &layer.node {
            Node::Dropout(_) | Node::SpatialDropout(_) => continue,
            Node::Conv2d(conv) => {
                let norm = take_norm(&mut left);
                let conv = conv.frozen(params, norm);
                Step::Conv2d(conv.with_activation(take_activation(&mut left)))
            }
            Node::ConvTranspose2d(conv) => Step::ConvTranspose2d {
                weight: params.tensor(conv.weight()),
                bias: conv.bias().map(|id| params.tensor(id)),
                geometry: conv.geometry(),
            },
            Node::BatchNorm(norm) => {
                let [scale, shift] = norm.scale_and_shift(params);
                Step::BatchNorm {
                    scale,
                    shift,
                    activation: take_activation(&mut left),
                }
            }
            Node::GroupNorm(norm) => Step::GroupNorm {
                weight: params.tensor(norm.weight()),
                bias: params.tensor(norm.bias()),
                options: norm.options(),
            },
            Node::LayerNorm(norm) => Step::LayerNorm {
                weight: params.tensor(norm.weight()),
                bias: params.tensor(norm.bias()),
                epsilon: norm.epsilon(),
            },
            Node::Linear(linear) => Step::Linear {
                weight: params.tensor(linear.weight()),
                bias: linear.bias().map(|id| params.tensor(id)),
            },
            Node::Function(function) => Step::Function(*function),
            Node::Residual([body, shortcut]) => {
                let mut body = freeze(body, params);
                let plain = |conv: &FrozenConv2d<E>| conv.activation() == Activation::Identity;
                let last = body.pop_if(|step| matches!(step, Step::Conv2d(conv) if plain(conv)));
                Step::Residual {
                    body,
                    last: match last {
                        Some(Step::Conv2d(conv)) => Some(conv),
                        _ => None,
                    },
                    shortcut: freeze(shortcut, params),
                    activation: take_activation(&mut left),
                }
            }
            Node::Parallel(branches) => Step::Parallel(
                branches
                    .iter()
                    .map(|branch| freeze(branch, params))
                    .collect(),
            ),
        };
        steps.push(step);
    }
    steps
}

/// Takes a batch normalisation from the front.
fn take_norm<'l>(left: &mut &'l [Layer]) -> Option<&'l BatchNorm> {
    match *left {
        [
            Layer {
                node: Node::BatchNorm(norm),
                ..
            },
            rest @ ..,
        ] => {
            *left = rest;
            Some(norm)
        }
        _ => None,
    }
}

/// Takes an activation that can be part of the layer before it from the front.
fn take_activation(left: &mut &[Layer]) -> Activation {
    let next = left.first().and_then(|layer| match &layer.node {
        Node::Function(function) => function.activation(),
        _ => None,
    });
    *left = &left[usize::from(next.is_some())..];
    next.unwrap_or_default()
}

fn run<E: Float>(steps: &[Step<E>], x: &Tensor<E>) -> Tensor<E> {
    steps.iter().fold(x.clone(), |x, step| step.forward(&x))
}

impl<E: Float> Step<E> {
    fn forward(&self, x: &Tensor<E>) -> Tensor<E> {
        match self {
            Step::Conv2d(conv) => conv.forward(x),
            Step::BatchNorm {
                scale,
                shift,
                activation,
            } => {
                let c = scale.len();
                let moments = Moments {
                    mean: Tensor::zeros([c]),
                    variance: Tensor::full([c], E::ONE),
                };
                let options = Options {
                    eps: 0.0,
                    activation: *activation,
                };
                x.batch_norm_with(scale, shift, moments, options)
            }
            Step::ConvTranspose2d {
                weight,
                bias,
                geometry,
            } => x.conv_transpose2d(weight, bias.as_ref(), *geometry),
            Step::GroupNorm {
                weight,
                bias,
                options: (groups, epsilon),
            } => x.group_norm(*groups, weight, bias, *epsilon),
            Step::LayerNorm {
                weight,
                bias,
                epsilon,
            } => x.layer_norm(weight, bias, *epsilon),
            Step::Linear { weight, bias } => x.linear(weight, bias.as_ref()),
            Step::Function(function) => function.apply(x),
            Step::Residual {
                body,
                last,
                shortcut,
                activation,
            } => {
                let (y, shortcut) = (run(body, x), run(shortcut, x));
                match (last, activation) {
                    (Some(conv), activation) => conv.forward_add(&y, &shortcut, *activation),
                    (None, Activation::Identity) => y.add(&shortcut),
                    (None, Activation::Relu) => y.add_relu(&shortcut),
                    (None, Activation::Relu6) => y.add(&shortcut).relu6(),
                }
            }
            Step::Parallel(branches) => {
                let all: Vec<Tensor<E>> = branches.iter().map(|steps| run(steps, x)).collect();
                join(&all)
            }
        }
    }
}
