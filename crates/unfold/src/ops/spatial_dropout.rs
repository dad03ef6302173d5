//! Dropout of whole channels (Tompson et al. 2015).

use unfold_kernels::{self as kernels, BinaryOp, Buffer};

use super::dropout::draw_mask;
use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::random::Key;
use crate::{Float, Shape, Tensor};

/// y_(b, .., c) = x_(b, .., c) m_(b, c) with m = 0 with probability p, else 1 / (1 - p).
struct SpatialDropout<E: Float> {
    p: f64,
    key: Key,
    /// [B, C]
    mask: Buffer<E>,
}

impl<E: Float> SpatialDropout<E> {
    /// Multiplies each pixel of `x` by its picture's row of the mask.
    fn multiply(&self, shape: Shape, x: &[E], y: &mut [E]) {
        let (picture, c) = (shape.split_at(0).2, shape.last());
        let pictures = x
            .chunks_exact(picture.max(1))
            .zip(y.chunks_exact_mut(picture.max(1)));
        for ((x, y), mask) in pictures.zip(self.mask.chunks_exact(c.max(1))) {
            kernels::binary_rows(BinaryOp::Mul, x, mask, y);
        }
    }
}

impl<E: Float> Op<E> for SpatialDropout<E> {
    fn name(&self) -> &'static str {
        "spatial_dropout"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let x = inputs[0];
        if !(0.0..=1.0).contains(&self.p) {
            return Err(format!("expected a probability in 0..=1, got {}", self.p));
        }
        match x.rank() {
            0 | 1 => Err(format!("expected an input [B, .., C], got {x}")),
            _ => Ok(vec![x]),
        }
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let shape = inputs[0].shape();
        self.mask = Buffer::scratch(shape.dims()[0] * shape.last());
        draw_mask(self.p, self.key, &mut self.mask);
        self.multiply(shape, inputs[0].data(), &mut outputs[0]);
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
        let shape = saved.shapes[0];
        vec![gradient(wanted[0], shape, |dx| {
            self.multiply(shape, only(gradients).data(), dx);
        })]
    }
}

impl<E: Float> Tensor<E> {
    /// Sets each channel of each picture to zero with probability `p` and scales the others by 1 / (1 - p):
    /// `[B, .., C] -> [B, .., C]`. The same key drops the same channels.
    ///
    /// # Panics
    /// When `p` is not in 0..=1, or there are fewer than two axes.
    #[track_caller]
    pub fn spatial_dropout(&self, p: f64, key: Key) -> Tensor<E> {
        let mask = Buffer::scratch(0);
        apply_one(SpatialDropout { p, key, mask }, &[self])
    }
}
