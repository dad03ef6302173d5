//! Scaling and shifting by constants.

use unfold_kernels::{self as kernels, Buffer};

use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Shape, Tensor};

/// y = scale x + shift.
struct Affine {
    scale: f64,
    shift: f64,
}

impl<E: Float> Op<E> for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        Ok(vec![inputs[0]])
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let (scale, shift) = (E::from_f64(self.scale), E::from_f64(self.shift));
        kernels::affine(inputs[0].data(), scale, shift, &mut outputs[0]);
    }

    fn reads(&self) -> Reads {
        Reads::Nothing
    }

    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let scale = E::from_f64(self.scale);
        vec![gradient(wanted[0], saved.shapes[0], |dx| {
            kernels::affine(only(gradients).data(), scale, E::ZERO, dx);
        })]
    }
}

impl<E: Float> Tensor<E> {
    /// scale x + shift, element by element.
    pub fn affine(&self, scale: f64, shift: f64) -> Tensor<E> {
        apply_one(Affine { scale, shift }, &[self])
    }
}
