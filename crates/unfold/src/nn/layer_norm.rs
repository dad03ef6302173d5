//! Layer normalisation.

use crate::nn::{Init, ParamId, Pass, Scope};
use crate::{Float, Tensor};

/// Layer normalisation (Ba, Kiros and Hinton 2016): each row gets mean 0 and variance 1, then a
/// learnt scale γ and shift β.
///
/// y = γ (x - mean) / √(variance + ε) + β
///
/// Shapes, with C features: x and y `[.., C]`, γ and β `[C]`; mean and variance are over the C
/// features of a row, the variance divided by C.
///
/// ```
/// use unfold::Tensor;
/// use unfold::nn::{LayerNorm, Params, Pass};
///
/// let mut params = Params::<f32>::new(1);
/// let norm = LayerNorm::new(&mut params.scope("norm"), 2);
/// let x = Tensor::from_vec(vec![1.0, 3.0], [1, 2]);
/// let y = norm.forward(&Pass::evaluation(&params), &x);
/// assert!((y.data()[0] + 1.0).abs() < 1e-4 && (y.data()[1] - 1.0).abs() < 1e-4);
/// ```
#[derive(Clone, Debug)]
pub struct LayerNorm {
    name: String,
    weight: ParamId,
    bias: ParamId,
    epsilon: f64,
}

impl LayerNorm {
    /// Normalises rows of `channels` features, with ε = 1e-5.
    pub fn new<E: Float>(scope: &mut Scope<'_, E>, channels: usize) -> LayerNorm {
        LayerNorm {
            name: scope.path().to_string(),
            weight: scope.add("weight", [channels], Init::Ones),
            bias: scope.add("bias", [channels], Init::Zeros),
            epsilon: 1e-5,
        }
    }

    /// Another ε.
    pub fn with_epsilon(mut self, epsilon: f64) -> LayerNorm {
        self.epsilon = epsilon;
        self
    }

    /// ε.
    pub(super) fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// The scale γ `[C]`.
    pub fn weight(&self) -> ParamId {
        self.weight
    }

    /// The shift β `[C]`.
    pub fn bias(&self) -> ParamId {
        self.bias
    }

    /// `[.., C]` to the same shape.
    #[track_caller]
    pub fn forward<E: Float>(&self, pass: &Pass<E>, x: &Tensor<E>) -> Tensor<E> {
        let (weight, bias) = (pass.param(self.weight), pass.param(self.bias));
        let y = x.layer_norm(&weight, &bias, self.epsilon); // [.., C]
        pass.watch(&self.name, y)
    }
}
