//! Convolution on pictures.

use crate::nn::{Init, ParamId, Pass, Scope};
use crate::ops::Conv2d as Geometry;
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
        let mut layer = Conv2d::without_bias(scope, inputs, outputs, geometry);
        let [kh, kw] = geometry.kernel;
        let fan_in = (kh * kw * inputs / geometry.groups).max(1) as f64;
        let init = Init::Uniform(fan_in.sqrt().recip());
        layer.bias = Some(scope.add("bias", [outputs], init));
        layer
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
        let groups = geometry.groups;
        assert!(
            groups > 0 && inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups),
            "Conv2d: expected channels in {groups} equal groups, got {inputs} in and {outputs} out"
        );
        let [kh, kw] = geometry.kernel;
        let shape = [kh, kw, inputs / groups, outputs];
        Conv2d {
            name: scope.path().to_string(),
            weight: scope.add("weight", shape, Init::FanInUniform),
            bias: None,
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
}
