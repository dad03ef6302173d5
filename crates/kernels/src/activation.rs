//! Functions of one element that follow a product or a normalisation in the same pass over the values.

use crate::float::Float;
use crate::simd::Vector;

/// What becomes of each result before it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// It is written as it is.
    #[default]
    Identity,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
}

impl Activation {
    /// The function of each of some rows of vectors, chosen once for all of them.
    #[inline(always)]
    pub(crate) fn apply_all<V: Vector, const N: usize, const M: usize>(
        self,
        mut x: [[V; M]; N],
    ) -> [[V; M]; N] {
        match self {
            Activation::Identity => {}
            Activation::Relu => {
                for x in x.as_flattened_mut() {
                    *x = Activation::Relu.apply(*x);
                }
            }
            Activation::Relu6 => {
                for x in x.as_flattened_mut() {
                    *x = Activation::Relu6.apply(*x);
                }
            }
        }
        x
    }

    /// The function of `x`; NaN stays.
    #[inline(always)]
    pub(crate) fn apply<V: Vector>(self, x: V) -> V {
        let zero = V::splat(V::Elem::ZERO);
        match self {
            Activation::Identity => x,
            Activation::Relu => zero.max(x),
            Activation::Relu6 => V::splat(six()).min(zero.max(x)),
        }
    }

    /// `dy` where the function of `x` rises, 0 where it does not.
    #[inline(always)]
    pub(crate) fn backward<V: Vector>(self, x: V, dy: V) -> V {
        let zero = V::splat(V::Elem::ZERO);
        match self {
            Activation::Identity => dy,
            Activation::Relu => x.select_gt(zero, dy, zero),
            Activation::Relu6 => {
                let dy = x.select_gt(zero, dy, zero);
                V::splat(six::<V::Elem>()).select_gt(x, dy, zero)
            }
        }
    }
}

#[inline(always)]
fn six<E: Float>() -> E {
    E::from_f64(6.0)
}
