//! The fully connected layer.

use crate::nn::{Init, ParamId, Pass, Scope};
use crate::{Float, Tensor};

/// The fully connected layer: every output is a weighted sum of all inputs.
///
/// y = x W + b
///
/// Shapes, with C features in, O features out: x `[.., C]`, W `[C, O]`, b `[O]`, y `[.., O]`.
/// W and b start uniform within 1/√C.
///
/// ```
/// use unfold::Tensor;
/// use unfold::nn::{Linear, Params, Pass};
///
/// let mut params = Params::<f32>::new(1);
/// let layer = Linear::new(&mut params.scope("head"), 5, 2);
/// let y = layer.forward(&Pass::evaluation(&params), &Tensor::zeros([7, 5]));
/// assert_eq!(y.dims(), [7, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct Linear {
    name: String,
    weight: ParamId,
    bias: Option<ParamId>,
}

impl Linear {
    /// A layer from `inputs` features to `outputs`, with a bias.
    pub fn new<E: Float>(scope: &mut Scope<'_, E>, inputs: usize, outputs: usize) -> Linear {
        let mut layer = Linear::without_bias(scope, inputs, outputs);
        let bound = (inputs.max(1) as f64).sqrt().recip();
        layer.bias = Some(scope.add("bias", [outputs], Init::Uniform(bound)));
        layer
    }

    /// A layer from `inputs` features to `outputs`, with no bias.
    pub fn without_bias<E: Float>(
        scope: &mut Scope<'_, E>,
        inputs: usize,
        outputs: usize,
    ) -> Linear {
        Linear {
            name: scope.path().to_string(),
            weight: scope.add("weight", [inputs, outputs], Init::FanInUniform),
            bias: None,
        }
    }

    /// The weight `[C, O]`.
    pub fn weight(&self) -> ParamId {
        self.weight
    }

    /// The bias `[O]`.
    pub fn bias(&self) -> Option<ParamId> {
        self.bias
    }

    /// `[.., C]` to `[.., O]`.
    #[track_caller]
    pub fn forward<E: Float>(&self, pass: &Pass<E>, x: &Tensor<E>) -> Tensor<E> {
        let bias = self.bias.map(|bias| pass.param(bias));
        let y = x.linear(&pass.param(self.weight), bias.as_ref()); // [.., O]
        pass.watch(&self.name, y)
    }
}
