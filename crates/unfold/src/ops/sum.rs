//! Sums and means, over everything or along one axis.

use unfold_kernels::{self as kernels, Buffer};

use super::{Op, Reads, Saved, Wanted, apply_one, broadcast, only};
use crate::{Float, Shape, Tensor};

/// The sum over everything, or along one axis (which then disappears).
struct Sum {
    axis: Option<usize>,
}

impl<E: Float> Op<E> for Sum {
    fn name(&self) -> &'static str {
        "sum"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let Some(axis) = self.axis else {
            return Ok(vec![[].into()]);
        };
        let mut dims = inputs[0].dims().to_vec();
        if axis >= dims.len() {
            return Err(format!("expected an axis {axis}, got {}", inputs[0]));
        }
        dims.remove(axis);
        Ok(vec![Shape::new(&dims)])
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let (x, y) = (inputs[0].data(), &mut outputs[0]);
        let Some(axis) = self.axis else {
            y[0] = kernels::sum(x);
            return;
        };
        let (_, extent, inner) = inputs[0].shape().split_at(axis);
        if inner == 1 {
            kernels::row_sums(x, extent, y);
        } else {
            let blocks = x.chunks_exact((extent * inner).max(1));
            for (y, x) in y.chunks_exact_mut(inner.max(1)).zip(blocks) {
                kernels::column_sums(x, y, false);
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
        let x = saved.shapes[0];
        let dy = only(gradients);
        let kept = match self.axis {
            None => [].into(),
            Some(axis) => {
                let mut dims = x.dims().to_vec();
                dims[axis] = 1;
                Shape::new(&dims)
            }
        };
        vec![wanted[0].then(|| broadcast::stretch(&dy.reshape(kept), x))]
    }
}

impl<E: Float> Tensor<E> {
    /// The sum of all elements, a scalar.
    pub fn sum(&self) -> Tensor<E> {
        apply_one(Sum { axis: None }, &[self])
    }

    /// The mean of all elements, a scalar.
    pub fn mean(&self) -> Tensor<E> {
        self.sum().affine(1.0 / self.len() as f64, 0.0)
    }

    /// The sum along one axis, which disappears.
    ///
    /// # Panics
    /// When there is no such axis.
    #[track_caller]
    pub fn sum_axis(&self, axis: usize) -> Tensor<E> {
        apply_one(Sum { axis: Some(axis) }, &[self])
    }

    /// The mean along one axis, which disappears.
    ///
    /// # Panics
    /// When there is no such axis.
    #[track_caller]
    pub fn mean_axis(&self, axis: usize) -> Tensor<E> {
        let sum = self.sum_axis(axis);
        sum.affine(1.0 / self.dim(axis) as f64, 0.0)
    }
}
