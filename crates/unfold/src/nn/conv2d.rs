//! Convolution on pictures.

use crate::nn::{BatchNorm, Init, ParamId, Params, Pass, Scope};
use crate::ops::{Activation, Conv2d as Geometry, PackedConv2d};
use crate::{Float, Tensor};

/// Convolution of pictures: each pixel of the output sees KH by KW pixels of the input.
///
/// y_ij = b + Σ_k Σ_l x_(i·stride + k·dilation - padding, j·stride + l·dilation - padding) W_kl
///
/// where x outside its picture counts as 0. H pixels become
/// ⌊(H + padding - dilation·(KH - 1) - 1) / stride⌋ + 1, with the padding of both sides; W likewise. With `groups`, each
/// part of the outputs sees the part of the channels with its number alone.
///
/// Shapes, with B pictures of H by W pixels, C channels in, O channels out: x `[B, H, W, C]`,
/// W `[KH, KW, C / groups, O]`, b `[O]`, y `[B, OH, OW, O]`. W and b start uniform within
/// 1/√(KH KW C / groups).
///
/// ```
/// use unfold::nn::{Conv2d, Params, Pass};
/// use unfold::{Tensor, ops};
///
/// let mut params = Params::<f32>::new(1);
/// let geometry = ops::Conv2d { stride: [2, 2], ..ops::Conv2d::new([3, 3]) };
/// let conv = Conv2d::new(&mut params.scope("conv"), 3, 16, geometry.same([32, 32]));
/// let y = conv.forward(&Pass::evaluation(&params), &Tensor::zeros([8, 32, 32, 3]));
/// assert_eq!(y.dims(), [8, 16, 16, 16]);
/// ```
#[derive(Clone, Debug)]
pub struct Conv2d {
    name: String,
    weight: ParamId,
    bias: Option<ParamId>,
    geometry: Geometry,
}

impl Conv2d {
    /// A convolution from `inputs` channels to `outputs`.
    ///
    /// # Panics
    /// When the channels in or out are not a multiple of the groups.
    #[track_caller]
    pub fn new<E: Float>(
        scope: &mut Scope<'_, E>,
        inputs: usize,
        outputs: usize,
        geometry: Geometry,
    ) -> Conv2d {
        Conv2d::with_init(scope, inputs, outputs, geometry, Init::FanInUniform, true)
    }

    /// A convolution without `b`, as before a normalisation, which would take it away.
    ///
    /// # Panics
    /// When the channels in or out are not a multiple of the groups.
    #[track_caller]
    pub fn without_bias<E: Float>(
        scope: &mut Scope<'_, E>,
        inputs: usize,
        outputs: usize,
        geometry: Geometry,
    ) -> Conv2d {
        Conv2d::with_init(scope, inputs, outputs, geometry, Init::FanInUniform, false)
    }

    /// A convolution whose weight starts as `init` says, with or without `b`.
    ///
    /// # Panics
    /// When the channels in or out are not a multiple of the groups.
    #[track_caller]
    pub fn with_init<E: Float>(
        scope: &mut Scope<'_, E>,
        inputs: usize,
        outputs: usize,
        geometry: Geometry,
        init: Init,
        bias: bool,
    ) -> Conv2d {
        let groups = geometry.groups;
        assert!(
            groups > 0 && inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups),
            "Conv2d: expected channels in {groups} equal groups, got {inputs} in and {outputs} out"
        );
        let [kh, kw] = geometry.kernel;
        let shape = [kh, kw, inputs / groups, outputs];
        let fan_in = (kh * kw * inputs / groups).max(1) as f64;
        let bound = Init::Uniform(fan_in.sqrt().recip());
        Conv2d {
            name: scope.path().to_string(),
            weight: scope.add("weight", shape, init),
            bias: bias.then(|| scope.add("bias", [outputs], bound)),
            geometry,
        }
    }

    /// The weight `[KH, KW, C / groups, O]`.
    pub fn weight(&self) -> ParamId {
        self.weight
    }

    /// The bias `[O]`, if there is one.
    pub fn bias(&self) -> Option<ParamId> {
        self.bias
    }

    /// Stride, padding and all else that is no parameter.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// `[B, H, W, C]` to `[B, OH, OW, O]`.
    ///
    /// # Panics
    /// When a picture, padding included, is smaller than the kernel reaches.
    #[track_caller]
    pub fn forward<E: Float>(&self, pass: &Pass<E>, x: &Tensor<E>) -> Tensor<E> {
        let (weight, bias) = (pass.param(self.weight), self.bias.map(|id| pass.param(id)));
        let y = x.conv2d(&weight, bias.as_ref(), self.geometry);
        pass.watch(&self.name, y)
    }

    /// The layer, with the normalisation after it, as the parameters are now: for many answers.
    pub fn frozen<E: Float>(
        &self,
        params: &Params<E>,
        norm: Option<&BatchNorm>,
    ) -> FrozenConv2d<E> {
        let mut weight = params.tensor(self.weight);
        let o = weight.dim(3);
        let mut bias = match self.bias {
            Some(id) => params.tensor(id),
            None => Tensor::zeros([o]),
        };
        if let Some([scale, shift]) = norm.map(|norm| norm.scale_and_shift(params)) {
            weight = weight.mul(&scale);
            bias = bias.mul(&scale).add(&shift);
        }
        let c = weight.dim(2) * self.geometry.groups;
        FrozenConv2d {
            weight: PackedConv2d::new(weight.data(), [c, o], self.geometry),
            bias,
            activation: norm.map_or(Activation::Identity, BatchNorm::activation),
        }
    }
}

/// A [`Conv2d`] whose parameters no longer change, made by [`Conv2d::frozen`]: its weight lies as the product reads
/// it, and holds the scale of the normalisation that follows, whose shift is in the bias. It computes what both
/// layers do outside training, up to rounding. No gradient flows through it.
///
/// ```
/// use unfold::nn::{BatchNorm, Conv2d, Params, Pass};
/// use unfold::{Tensor, ops};
///
/// let mut params = Params::<f32>::new(1);
/// let geometry = ops::Conv2d::new([3, 3]);
/// let conv = Conv2d::without_bias(&mut params.scope("conv"), 3, 16, geometry);
/// let norm = BatchNorm::new(&mut params.scope("norm"), 16);
/// let (pass, x) = (Pass::evaluation(&params), Tensor::full([1, 8, 8, 3], 0.5));
/// let y = norm.forward(&pass, &conv.forward(&pass, &x));
/// let frozen = conv.frozen(&params, Some(&norm)).forward(&x);
/// assert!(y.data().iter().zip(frozen.data()).all(|(y, f)| (y - f).abs() < 1e-5));
/// ```
pub struct FrozenConv2d<E: Float = f32> {
    weight: PackedConv2d<E>,
    bias: Tensor<E>,
    activation: Activation,
}

impl<E: Float> FrozenConv2d<E> {
    /// `[B, H, W, C]` to `[B, OH, OW, O]`.
    ///
    /// # Panics
    /// When a picture, padding included, is smaller than the kernel reaches.
    #[track_caller]
    pub fn forward(&self, x: &Tensor<E>) -> Tensor<E> {
        x.conv2d_packed(&self.weight, &self.bias, None, self.activation)
    }

    /// The layer with that activation after it.
    pub fn with_activation(mut self, activation: Activation) -> FrozenConv2d<E> {
        self.activation = activation;
        self
    }

    /// What follows.
    pub(super) fn activation(&self) -> Activation {
        self.activation
    }

    /// The end of a residual block, after which the activation comes: that of `forward(x) + shortcut`, `shortcut
    /// [B, OH, OW, O]`.
    ///
    /// # Panics
    /// As [`FrozenConv2d::forward`], when the shortcut has another shape, or when the layer has an activation of its own.
    #[track_caller]
    pub fn forward_add(
        &self,
        x: &Tensor<E>,
        shortcut: &Tensor<E>,
        activation: Activation,
    ) -> Tensor<E> {
        assert!(
            self.activation == Activation::Identity,
            "conv2d: an activation comes before the sum"
        );
        x.conv2d_packed(&self.weight, &self.bias, Some(shortcut), activation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{difference, values};

    #[test]
    fn frozen_answers_as_the_layers_do() {
        for (groups, bias, relu) in [(1, true, false), (2, false, true), (4, true, true)] {
            let mut params = Params::<f64>::new(1);
            let geometry = Geometry {
                stride: [2, 1],
                padding: [[1, 1], [0, 1]],
                groups,
                ..Geometry::new([3, 2])
            };
            let new = if bias {
                Conv2d::new
            } else {
                Conv2d::without_bias
            };
            let conv = new(&mut params.scope("conv"), 4, 8, geometry);
            let mut norm = BatchNorm::new(&mut params.scope("norm"), 8).with_epsilon(0.1);
            if relu {
                norm = norm.with_activation(Activation::Relu);
            }
            // No figure is what it is at the start.
            for id in [
                norm.weight(),
                norm.bias(),
                norm.running_mean(),
                norm.running_variance(),
            ] {
                let drawn = values(&params.entry(id).name, [8]).affine(0.5, 1.0);
                params.get_mut(id).copy_from_slice(drawn.data());
            }
            let (pass, x) = (Pass::evaluation(&params), values("x", [2, 5, 6, 4]));
            let y = conv.forward(&pass, &x);
            let alone = conv.frozen(&params, None).forward(&x);
            assert_eq!(alone.data(), y.data());
            let normed = norm.forward(&pass, &y);
            let frozen = conv.frozen(&params, Some(&norm)).forward(&x);
            assert_eq!(frozen.shape(), normed.shape());
            assert!(difference(frozen.data(), normed.data()) < 1e-12);
            if !relu {
                let shortcut = values("shortcut", y.shape());
                let frozen = conv.frozen(&params, Some(&norm));
                let frozen = frozen.forward_add(&x, &shortcut, Activation::Relu);
                let sum = normed.add_relu(&shortcut);
                assert!(difference(frozen.data(), sum.data()) < 1e-12);
            }
        }
    }
}
