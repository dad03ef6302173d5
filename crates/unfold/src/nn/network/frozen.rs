//! Networks whose parameters no longer change.

use super::function::Function;
use super::{Layer, Network, Node, check_input, join};
use crate::nn::{BatchNorm, FrozenConv2d, Params};
use crate::ops::{BatchNorm as Options, Moments};
use crate::{Float, Shape, Tensor};

/// A [`Network`] as its parameters were when [`Network::frozen`] made it, for many answers: convolutions are packed, with the
/// batch normalisation, the ReLU and the residual sum after them folded in. It computes what the network does outside
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
        relu: bool,
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
        relu: bool,
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
            Node::Dropout(_) => continue,
            Node::Conv2d(conv) => {
                let norm = take_norm(&mut left);
                let conv = conv.frozen(params, norm);
                Step::Conv2d(match take_relu(&mut left) {
                    true => conv.with_relu(),
                    false => conv,
                })
            }
            Node::BatchNorm([norm, _]) => {
                let [scale, shift] = norm.scale_and_shift(params);
                let relu = take_relu(&mut left);
                Step::BatchNorm { scale, shift, relu }
            }
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
                let last =
                    body.pop_if(|step| matches!(step, Step::Conv2d(conv) if !conv.has_relu()));
                Step::Residual {
                    body,
                    last: match last {
                        Some(Step::Conv2d(conv)) => Some(conv),
                        _ => None,
                    },
                    shortcut: freeze(shortcut, params),
                    relu: take_relu(&mut left),
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
                node: Node::BatchNorm([norm, _]),
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

/// Takes a ReLU from the front; whether there was one.
fn take_relu(left: &mut &[Layer]) -> bool {
    match *left {
        [
            Layer {
                node: Node::Function(Function::Relu),
                ..
            },
            rest @ ..,
        ] => {
            *left = rest;
            true
        }
        _ => false,
    }
}

fn run<E: Float>(steps: &[Step<E>], x: &Tensor<E>) -> Tensor<E> {
    steps.iter().fold(x.clone(), |x, step| step.forward(&x))
}

impl<E: Float> Step<E> {
    fn forward(&self, x: &Tensor<E>) -> Tensor<E> {
        match self {
            Step::Conv2d(conv) => conv.forward(x),
            Step::BatchNorm { scale, shift, relu } => {
                let c = scale.len();
                let moments = Moments {
                    mean: Tensor::zeros([c]),
                    variance: Tensor::full([c], E::ONE),
                };
                let options = Options {
                    eps: 0.0,
                    relu: *relu,
                };
                x.batch_norm_with(scale, shift, moments, options)
            }
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
                relu,
            } => {
                let (y, shortcut) = (run(body, x), run(shortcut, x));
                match (last, relu) {
                    (Some(conv), true) => conv.forward_add_relu(&y, &shortcut),
                    (Some(conv), false) => conv.forward_add(&y, &shortcut),
                    (None, true) => y.add_relu(&shortcut),
                    (None, false) => y.add(&shortcut),
                }
            }
            Step::Parallel(branches) => {
                let all: Vec<Tensor<E>> = branches.iter().map(|steps| run(steps, x)).collect();
                join(&all)
            }
        }
    }
}
