//! Transposed convolution on pictures.

use crate::nn::{Init, ParamId, Pass, Scope};
use crate::ops::ConvTranspose2d as Geometry;
use crate::{Float, Tensor};

/// Transposed convolution of pictures (Zeiler et al. 2010; also called deconvolution): each pixel of the input adds to KH by KW
/// pixels of the output, which makes pictures larger.
///
/// y_ij = b + Σ x_(i', j') W_klᵀ over all i', j' and taps k, l with i'·stride + k·dilation - padding = i, and likewise j
///
/// H pixels become (H - 1)·stride - padding + dilation·(KH - 1) + output_padding + 1, with the padding of both sides; W
/// likewise. Where kernel and stride are equal, output pixels do not overlap.
///
/// Shapes, with B pictures of H by W pixels, C channels in, O channels out: x `[B, H, W, C]`,
/// W `[KH, KW, O / groups, C]`, b `[O]`, y `[B, OH, OW, O]`. W and b start uniform within
/// 1/√(KH KW O / groups), as PyTorch has it.
///
/// ```
/// use unfold::nn::{ConvTranspose2d, Params, Pass};
/// use unfold::{Tensor, ops};
///
/// let mut params = Params::<f32>::new(1);
/// let geometry = ops::ConvTranspose2d { stride: [2, 2], ..ops::ConvTranspose2d::new([2, 2]) };
/// let grow = ConvTranspose2d::new(&mut params.scope("grow"), 16, 3, geometry, true);
/// let y = grow.forward(&Pass::evaluation(&params), &Tensor::zeros([8, 16, 16, 16]));
/// assert_eq!(y.dims(), [8, 32, 32, 3]);
/// ```
#[derive(Clone, Debug)]
pub struct ConvTranspose2d {
    name: String,
    weight: ParamId,
    bias: Option<ParamId>,
    geometry: Geometry,
}

impl ConvTranspose2d {
    /// A transposed convolution from `inputs` channels to `outputs`, with or without `b`.
    ///
    /// # Panics
    /// When the channels in or out are not a multiple of the groups.
    #[track_caller]
    pub fn new<E: Float>(
        scope: &mut Scope<'_, E>,
        inputs: usize,
        outputs: usize,
        geometry: Geometry,
        bias: bool,
    ) -> ConvTranspose2d {
        let groups = geometry.groups;
        assert!(
            groups > 0 && inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups),
            "ConvTranspose2d: expected channels in {groups} equal groups, got {inputs} in and {outputs} out"
        );
        let [kh, kw] = geometry.kernel;
        let shape = [kh, kw, outputs / groups, inputs];
        let bound = ((kh * kw * outputs / groups).max(1) as f64).sqrt().recip();
        ConvTranspose2d {
            name: scope.path().to_string(),
            weight: scope.add("weight", shape, Init::Uniform(bound)),
            bias: bias.then(|| scope.add("bias", [outputs], Init::Uniform(bound))),
            geometry,
        }
    }

    /// The weight `[KH, KW, O / groups, C]`.
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
    /// When no output pixel is left.
    #[track_caller]
    pub fn forward<E: Float>(&self, pass: &Pass<E>, x: &Tensor<E>) -> Tensor<E> {
        let (weight, bias) = (pass.param(self.weight), self.bias.map(|id| pass.param(id)));
        let y = x.conv_transpose2d(&weight, bias.as_ref(), self.geometry);
        pass.watch(&self.name, y)
    }

    /// The geometry.
    pub(super) fn geometry(&self) -> Geometry {
        self.geometry
    }
}
