//! Tensors put one after the other along an axis.

use unfold_kernels::Buffer;

use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Shape, Tensor};

/// y = [x_0, x_1, ..] along `axis`.
struct Concat {
    axis: usize,
}

impl<E: Float> Op<E> for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let axis = self.axis;
        let mut dims = inputs[0].dims().to_vec();
        let fits = |other: &Shape| {
            other.rank() == dims.len()
                && (0..dims.len()).all(|i| i == axis || other.dims()[i] == dims[i])
        };
        if axis >= dims.len() || !inputs.iter().all(fits) {
            let got: Vec<_> = inputs.iter().map(Shape::to_string).collect();
            return Err(format!(
                "expected shapes equal but for axis {axis}, got {}",
                got.join(", ")
            ));
        }
        dims[axis] = inputs.iter().map(|s| s.dims()[axis]).sum();
        Ok(vec![Shape::new(&dims)])
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let parts: Vec<usize> = inputs.iter().map(|x| self.part(x.shape())).collect();
        let row: usize = parts.iter().sum();
        for (r, y) in outputs[0].chunks_exact_mut(row.max(1)).enumerate() {
            let mut start = 0;
            for (x, &part) in inputs.iter().zip(&parts) {
                y[start..start + part].copy_from_slice(&x.data()[r * part..(r + 1) * part]);
                start += part;
            }
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
        let dy = only(gradients).data();
        let row: usize = saved.shapes.iter().map(|s| self.part(*s)).sum();
        let mut start = 0;
        let inputs = saved.shapes.iter().zip(wanted);
        inputs
            .map(|(&shape, &wanted)| {
                let part = self.part(shape);
                let from = start..start + part;
                start += part;
                gradient(wanted, shape, |dx| {
                    let rows = dy.chunks_exact(row.max(1));
                    for (dx, dy) in dx.chunks_exact_mut(part.max(1)).zip(rows) {
                        dx.copy_from_slice(&dy[from.clone()]);
                    }
                })
            })
            .collect()
    }
}

impl Concat {
    /// How many consecutive values one input gives at a time.
    fn part(&self, shape: Shape) -> usize {
        let (_, extent, inner) = shape.split_at(self.axis);
        extent * inner
    }
}

impl<E: Float> Tensor<E> {
    /// The tensors one after the other along `axis`.
    ///
    /// # Panics
    /// Without any tensor, or when their shapes differ on another axis.
    #[track_caller]
    pub fn concat(tensors: &[&Tensor<E>], axis: usize) -> Tensor<E> {
        assert!(!tensors.is_empty(), "concat: expected at least one tensor");
        apply_one(Concat { axis }, tensors)
    }
}
