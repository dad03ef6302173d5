//! Batch normalisation.

use crate::nn::{Init, ParamId, Params, Pass, Scope};
use crate::ops::{Activation, BatchNorm as Options, Moments};
use crate::{Float, Tensor};

/// Batch normalisation (Ioffe and Szegedy 2015): each channel gets mean 0 and variance 1 over the
/// batch, then a learnt scale γ and shift β.
///
/// y = γ (x - mean) / √(variance + ε) + β
///
/// In training mean and variance are the batch's, over all rows, the variance divided by their
/// number N; running statistics follow them: r ← (1 - momentum) r + momentum·s, with s the mean, or
/// the variance divided by N - 1. Elsewhere the running statistics take their place.
///
/// Shapes, with C channels: x and y `[.., C]`, such as `[B, H, W, C]`; γ, β and the running
/// statistics `[C]`. A batch of a single row becomes β.
///
/// ```
/// use unfold::Tensor;
/// use unfold::nn::{BatchNorm, Params, Pass};
/// use unfold::random::Key;
///
/// let mut params = Params::<f32>::new(1);
/// let norm = BatchNorm::new(&mut params.scope("norm"), 1);
/// let x = Tensor::from_vec(vec![1.0, 3.0], [2, 1]);
/// let pass = Pass::training(&params, Key::new(1));
/// let y = norm.forward(&pass, &x);
/// assert!((y.data()[0] + 1.0).abs() < 1e-4 && (y.data()[1] - 1.0).abs() < 1e-4);
/// // The first step on the way to mean 2 and variance 2.
/// assert_eq!(pass.param(norm.running_mean()).data(), [0.2]);
/// assert_eq!(pass.param(norm.running_variance()).data(), [1.1]);
/// ```
#[derive(Clone, Debug)]
pub struct BatchNorm {
    name: String,
    weight: ParamId,
    bias: ParamId,
    running_mean: ParamId,
    running_variance: ParamId,
    momentum: f64,
    options: Options,
}

impl BatchNorm {
    /// Normalises `channels` channels, with ε = 1e-5 and momentum 0.1.
    pub fn new<E: Float>(scope: &mut Scope<'_, E>, channels: usize) -> BatchNorm {
        BatchNorm::with_init(scope, channels, Init::Ones)
    }

    /// As [`BatchNorm::new`] with a scale γ that starts as `init` says: [`Init::Zeros`] at the end of a residual
    /// lets the block start as its shortcut (Goyal et al. 2017).
    pub fn with_init<E: Float>(scope: &mut Scope<'_, E>, channels: usize, init: Init) -> BatchNorm {
        BatchNorm {
            name: scope.path().to_string(),
            weight: scope.add("weight", [channels], init),
            bias: scope.add("bias", [channels], Init::Zeros),
            running_mean: scope.add_frozen("running_mean", [channels], Init::Zeros),
            running_variance: scope.add_frozen("running_var", [channels], Init::Ones),
            momentum: 0.1,
            options: Options {
                eps: 1e-5,
                activation: Activation::Identity,
            },
        }
    }

    /// Another ε.
    pub fn with_epsilon(mut self, epsilon: f64) -> BatchNorm {
        self.options.eps = epsilon;
        self
    }

    /// Another share of the newest batch in the running statistics.
    pub fn with_momentum(mut self, momentum: f64) -> BatchNorm {
        self.momentum = momentum;
        self
    }

    /// Puts out the activation of y: what follows, without reading y once more.
    pub fn with_activation(mut self, activation: Activation) -> BatchNorm {
        self.options.activation = activation;
        self
    }

    /// The scale γ `[C]`.
    pub fn weight(&self) -> ParamId {
        self.weight
    }

    /// The shift β `[C]`.
    pub fn bias(&self) -> ParamId {
        self.bias
    }

    /// The running mean `[C]`.
    pub fn running_mean(&self) -> ParamId {
        self.running_mean
    }

    /// The running variance `[C]`.
    pub fn running_variance(&self) -> ParamId {
        self.running_variance
    }

    /// `[.., C]` to the same shape. In training the pass gets the new running statistics; but a layer whose γ and β are both
    /// frozen ([`Params::set_trainable`](crate::nn::Params::set_trainable)) does there what it does elsewhere, and they stay.
    #[track_caller]
    pub fn forward<E: Float>(&self, pass: &Pass<E>, x: &Tensor<E>) -> Tensor<E> {
        self.forward_to(pass, x, self.options.activation)
    }

    /// As [`BatchNorm::forward`], with that activation in place of the layer's own.
    #[track_caller]
    pub(super) fn forward_to<E: Float>(
        &self,
        pass: &Pass<E>,
        x: &Tensor<E>,
        activation: Activation,
    ) -> Tensor<E> {
        let options = Options {
            activation,
            ..self.options
        };
        let (weight, bias) = (pass.param(self.weight), pass.param(self.bias));
        // A layer that learns nothing stays as it is as a whole.
        let learns = pass.learns(self.weight) || pass.learns(self.bias);
        let y = if pass.is_training() && learns {
            let (y, moments) = x.batch_norm(&weight, &bias, options); // [.., C]
            let rows = x.len() / x.shape().last().max(1);
            if rows > 0 {
                let unbiased = rows as f64 / (rows - 1).max(1) as f64;
                self.follow(pass, self.running_mean, &moments.mean, 1.0);
                self.follow(pass, self.running_variance, &moments.variance, unbiased);
            }
            y
        } else {
            let moments = Moments {
                mean: pass.param(self.running_mean),
                variance: pass.param(self.running_variance),
            };
            x.batch_norm_with(&weight, &bias, moments, options) // [.., C]
        };
        pass.watch(&self.name, y)
    }

    /// What follows.
    pub(super) fn activation(&self) -> Activation {
        self.options.activation
    }

    /// Scale and shift that do outside training what the layer does before its activation: γ / √(variance + ε) and
    /// β - mean·scale.
    pub(super) fn scale_and_shift<E: Float>(&self, params: &Params<E>) -> [Tensor<E>; 2] {
        let [weight, bias, mean, variance] = [
            self.weight,
            self.bias,
            self.running_mean,
            self.running_variance,
        ]
        .map(|id| params.tensor(id));
        let scale = weight.div(&variance.affine(1.0, self.options.eps).sqrt());
        let shift = bias.sub(&mean.mul(&scale));
        [scale, shift]
    }

    /// r ← (1 - momentum) r + momentum·scale·s.
    fn follow<E: Float>(&self, pass: &Pass<E>, running: ParamId, s: &Tensor<E>, scale: f64) {
        let momentum = pass.share(self.momentum);
        let kept = pass.param(running).affine(1.0 - momentum, 0.0);
        pass.update(running, &kept.add(&s.affine(momentum * scale, 0.0)));
    }
}
