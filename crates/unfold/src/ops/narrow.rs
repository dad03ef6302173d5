//! A stretch of one axis.

use unfold_kernels::Buffer;

use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Shape, Tensor};

/// y = x[.., start..start + len, ..] along `axis`.
struct Narrow {
    axis: usize,
    start: usize,
    len: usize,
}

impl<E: Float> Op<E> for Narrow {
    fn name(&self) -> &'static str {
        "narrow"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let Narrow { axis, start, len } = *self;
        let x = inputs[0];
        let mut dims = x.dims().to_vec();
        match dims.get_mut(axis) {
            Some(extent) if start + len <= *extent => *extent = len,
            _ => {
                let end = start + len;
                return Err(format!(
                    "expected {start}..{end} within axis {axis}, got {x}"
                ));
            }
        }
        Ok(vec![Shape::new(&dims)])
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let (_, extent, inner) = inputs[0].shape().split_at(self.axis);
        let part = self.part(inner);
        let from = inputs[0].data().chunks_exact((extent * inner).max(1));
        let to = outputs[0].chunks_exact_mut(part.len().max(1));
        for (y, x) in to.zip(from) {
            y.copy_from_slice(&x[part.clone()]);
        }
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
        let x = saved.shapes[0];
        let (_, extent, inner) = x.split_at(self.axis);
        let part = self.part(inner);
        vec![gradient(wanted[0], x, |dx| {
            dx.fill(E::ZERO);
            let from = only(gradients).data().chunks_exact(part.len().max(1));
            for (dx, dy) in dx.chunks_exact_mut((extent * inner).max(1)).zip(from) {
                dx[part.clone()].copy_from_slice(dy);
            }
        })]
    }
}

impl Narrow {
    fn part(&self, inner: usize) -> std::ops::Range<usize> {
        self.start * inner..(self.start + self.len) * inner
    }
}

impl<E: Float> Tensor<E> {
    /// The elements `start..start + len` of one axis.
    ///
    /// # Panics
    /// When they are not all there.
    #[track_caller]
    pub fn narrow(&self, axis: usize, start: usize, len: usize) -> Tensor<E> {
        apply_one(Narrow { axis, start, len }, &[self])
    }
}
