//! Convolution over time.

use crate::nn::{Init, ParamId, Params, Pass, Scope};
use crate::ops::{Conv1d as Geometry, PackedConv1d};
use crate::{Float, Ragged, Tensor};

/// Convolution over time of ragged sequences: each step of the output sees K steps of the input.
///
/// y_t = b + Σ_k x_(t·stride + k·dilation - padding) W_k
///
/// where x outside its sequence counts as 0. A sequence of T steps becomes one of
/// ⌊(T + 2·padding - dilation·(K - 1) - 1) / stride⌋ + 1.
///
/// Shapes, with C features in, O features out, K taps: x `[sum(len), C]`, W `[K, C, O]`,
/// b `[O]`, y `[sum(new len), O]`. W and b start uniform within 1/√(K C).
///
/// ```
/// use unfold::nn::{Conv1d, Params, Pass};
/// use unfold::{Ragged, Tensor, ops};
///
/// let mut params = Params::<f32>::new(1);
/// let geometry = ops::Conv1d { kernel: 3, stride: 1, padding: 1, dilation: 1 };
/// let conv = Conv1d::new(&mut params.scope("conv"), 8, 16, geometry);
/// let sequences = Ragged::new(&[5, 2]);
/// let (y, sequences) = conv.forward(&Pass::evaluation(&params), &Tensor::zeros([7, 8]), &sequences);
/// assert_eq!(y.dims(), [7, 16]);
/// assert_eq!(sequences.lengths(), [5, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct Conv1d {
    name: String,
    weight: ParamId,
    bias: ParamId,
    geometry: Geometry,
}

impl Conv1d {
    /// A convolution from `inputs` features to `outputs`.
    pub fn new<E: Float>(
        scope: &mut Scope<'_, E>,
        inputs: usize,
        outputs: usize,
        geometry: Geometry,
    ) -> Conv1d {
        let shape = [geometry.kernel, inputs, outputs];
        let fan_in = (geometry.kernel * inputs).max(1) as f64;
        Conv1d {
            name: scope.path().to_string(),
            weight: scope.add("weight", shape, Init::FanInUniform),
            bias: scope.add("bias", [outputs], Init::Uniform(fan_in.sqrt().recip())),
            geometry,
        }
    }

    /// The weight `[K, C, O]`.
    pub fn weight(&self) -> ParamId {
        self.weight
    }

    /// The bias `[O]`.
    pub fn bias(&self) -> ParamId {
        self.bias
    }

    /// `[sum(len), C]` to `[sum(new len), O]`, and the new lengths.
    ///
    /// # Panics
    /// When a sequence, padding included, is shorter than the kernel reaches.
    #[track_caller]
    pub fn forward<E: Float>(
        &self,
        pass: &Pass<E>,
        x: &Tensor<E>,
        sequences: &Ragged,
    ) -> (Tensor<E>, Ragged) {
        let (weight, bias) = (pass.param(self.weight), pass.param(self.bias));
        let (y, sequences) = x.conv1d(sequences, &weight, Some(&bias), self.geometry);
        (pass.watch(&self.name, y), sequences)
    }

    /// The layer as the parameters are now: for many answers.
    pub fn frozen<E: Float>(&self, params: &Params<E>) -> FrozenConv1d<E> {
        let (weight, bias) = (params.tensor(self.weight), params.tensor(self.bias));
        let channels = [weight.dim(1), weight.dim(2)];
        FrozenConv1d {
            weight: PackedConv1d::new(weight.data(), channels, self.geometry),
            bias,
        }
    }
}

/// A [`Conv1d`] whose parameters no longer change, made by [`Conv1d::frozen`]: its weight lies as the product reads it.
/// It gives the same values bit for bit. No gradient flows through it.
///
/// ```
/// use unfold::nn::{Conv1d, Params, Pass};
/// use unfold::{Ragged, Tensor, ops};
///
/// let mut params = Params::<f32>::new(1);
/// let geometry = ops::Conv1d { kernel: 3, stride: 1, padding: 1, dilation: 1 };
/// let conv = Conv1d::new(&mut params.scope("conv"), 8, 16, geometry);
/// let (x, sequences) = (Tensor::full([7, 8], 0.5), Ragged::new(&[5, 2]));
/// let (y, _) = conv.forward(&Pass::evaluation(&params), &x, &sequences);
/// let (frozen, _) = conv.frozen(&params).forward(&x, &sequences);
/// assert_eq!(y.data(), frozen.data());
/// ```
pub struct FrozenConv1d<E: Float = f32> {
    weight: PackedConv1d<E>,
    bias: Tensor<E>,
}

impl<E: Float> FrozenConv1d<E> {
    /// `[sum(len), C]` to `[sum(new len), O]`, and the new lengths.
    ///
    /// # Panics
    /// As [`Conv1d::forward`].
    #[track_caller]
    pub fn forward(&self, x: &Tensor<E>, sequences: &Ragged) -> (Tensor<E>, Ragged) {
        x.conv1d_packed(sequences, &self.weight, &self.bias)
    }
}
