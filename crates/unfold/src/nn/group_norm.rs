//! Group normalisation.

use crate::nn::{Init, ParamId, Pass, Scope};
use crate::{Float, Tensor};

/// Group normalisation (Wu and He 2018): each of G equal parts of a picture's channels gets mean 0 and variance 1, then a learnt
/// scale γ and shift β for each channel. It depends on no other picture, so it does the same in training and outside.
///
/// y = γ (x - mean) / √(variance + ε) + β
///
/// Shapes, with B pictures of C channels: x and y `[B, .., C]`, such as `[B, H, W, C]`; γ and β `[C]`; mean and variance are over
/// all pixels and the channels of a group, the variance divided by their number.
///
/// ```
/// use unfold::Tensor;
/// use unfold::nn::{GroupNorm, Params, Pass};
///
/// let mut params = Params::<f32>::new(1);
/// let norm = GroupNorm::new(&mut params.scope("norm"), 4, 2);
/// let x = Tensor::from_vec(vec![1.0, 3.0, 10.0, 10.0], [1, 4]);
/// let y = norm.forward(&Pass::evaluation(&params), &x);
/// assert!((y.data()[0] + 1.0).abs() < 1e-4 && (y.data()[1] - 1.0).abs() < 1e-4);
/// assert_eq!(y.data()[2..], [0.0, 0.0]);
/// ```
#[derive(Clone, Debug)]
pub struct GroupNorm {
    name: String,
    weight: ParamId,
    bias: ParamId,
    groups: usize,
    epsilon: f64,
}

impl GroupNorm {
    /// Normalises `channels` channels in `groups` equal parts, with ε = 1e-5.
    ///
    /// # Panics
    /// When the channels are not a multiple of the groups.
    #[track_caller]
    pub fn new<E: Float>(scope: &mut Scope<'_, E>, channels: usize, groups: usize) -> GroupNorm {
        assert!(
            groups > 0 && channels.is_multiple_of(groups),
            "GroupNorm: expected channels in {groups} equal groups, got {channels}"
        );
        GroupNorm {
            name: scope.path().to_string(),
            weight: scope.add("weight", [channels], Init::Ones),
            bias: scope.add("bias", [channels], Init::Zeros),
            groups,
            epsilon: 1e-5,
        }
    }

    /// Another ε.
    pub fn with_epsilon(mut self, epsilon: f64) -> GroupNorm {
        self.epsilon = epsilon;
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

    /// `[B, .., C]` to the same shape.
    #[track_caller]
    pub fn forward<E: Float>(&self, pass: &Pass<E>, x: &Tensor<E>) -> Tensor<E> {
        let (weight, bias) = (pass.param(self.weight), pass.param(self.bias));
        let y = x.group_norm(self.groups, &weight, &bias, self.epsilon); // [B, .., C]
        pass.watch(&self.name, y)
    }

    /// The number of groups and ε.
    pub(super) fn options(&self) -> (usize, f64) {
        (self.groups, self.epsilon)
    }
}
