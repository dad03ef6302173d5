//! A fully connected layer's product: C features in, O features out, along the last axis.

use unfold_kernels::{self as kernels, Buffer, Mat, MatMut};

use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Shape, Tensor};

/// Y = X W + b.
struct Linear;

impl<E: Float> Op<E> for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let (x, w) = (inputs[0], inputs[1]);
        match *w.dims() {
            [c, o]
                if x.rank() > 0
                    && x.last() == c
                    && inputs.get(2).is_none_or(|b| b.dims() == [o]) =>
            {
                Ok(vec![x.with_last(o)])
            }
            _ => {
                let got: Vec<_> = inputs[1..].iter().map(Shape::to_string).collect();
                let c = x.last();
                Err(format!(
                    "expected weight [{c}, O] and bias [O] for input {x}, got {}",
                    got.join(" and ")
                ))
            }
        }
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let (c, o) = (inputs[1].dim(0), inputs[1].dim(1));
        let rows = outputs[0].len() / o.max(1);
        let (x, w) = (Mat::new(inputs[0].data(), c), Mat::new(inputs[1].data(), o));
        let y = MatMut::new(&mut outputs[0], o);
        match inputs.get(2) {
            Some(bias) => kernels::gemm_bias(rows, o, c, x, w, bias.data(), y),
            None => kernels::gemm(rows, o, c, x, w, false, y),
        }
    }

    fn reads(&self) -> Reads {
        Reads::Inputs
    }

    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let (x, w) = (saved.shapes[0], saved.shapes[1]);
        let (c, o) = (w.dims()[0], w.dims()[1]);
        let dy = only(gradients).data();
        let rows = dy.len() / o.max(1);
        let dy_rows = Mat::new(dy, o);
        let mut all = vec![
            // dX = dY W^T
            gradient(wanted[0], x, |dx| {
                let wt = Mat::t(saved.input(1), o);
                kernels::gemm(rows, c, o, dy_rows, wt, false, MatMut::new(dx, c));
            }),
            // dW = X^T dY
            gradient(wanted[1], w, |dw| {
                let xt = Mat::t(saved.input(0), c);
                kernels::gemm(c, o, rows, xt, dy_rows, false, MatMut::new(dw, o));
            }),
        ];
        if let Some(&bias) = wanted.get(2) {
            all.push(gradient(bias, [o].into(), |db| {
                kernels::column_sums(dy, db, false);
            }));
        }
        all
    }
}

impl<E: Float> Tensor<E> {
    /// x W + b along the last axis: `[.., C] -> [.., O]` with weight `[C, O]` and bias `[O]`.
    ///
    /// # Panics
    /// When the shapes are not of that form.
    #[track_caller]
    pub fn linear(&self, weight: &Tensor<E>, bias: Option<&Tensor<E>>) -> Tensor<E> {
        match bias {
            Some(bias) => apply_one(Linear, &[self, weight, bias]),
            None => apply_one(Linear, &[self, weight]),
        }
    }
}
