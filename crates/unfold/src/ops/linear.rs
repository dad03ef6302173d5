//! A fully connected layer's product: C features in, O features out, along the last axis.

use unfold_kernels::{self as kernels, Buffer, Mat, MatMut};

use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Shape, Tensor};

/// Y = X W + b with W `[C, O]`, or Y = X Wᵀ + b with W `[O, C]`.
struct Linear {
    transposed: bool,
}

impl Linear {
    /// Features in and out, C and O.
    fn sizes(&self, weight: Shape) -> (usize, usize) {
        match (self.transposed, weight.dims()) {
            (false, &[c, o]) | (true, &[o, c]) => (c, o),
            _ => unreachable!("the shape was checked"),
        }
    }

    /// The weights as `[C, O]`.
    fn factor<'a, E>(&self, weight: &'a [E], (c, o): (usize, usize)) -> Mat<'a, E> {
        match self.transposed {
            false => Mat::new(weight, o),
            true => Mat::t(weight, c),
        }
    }
}

impl<E: Float> Op<E> for Linear {
    fn name(&self) -> &'static str {
        if self.transposed {
            "linear_t"
        } else {
            "linear"
        }
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let (x, w) = (inputs[0], inputs[1]);
        if w.rank() == 2 && x.rank() > 0 {
            let (c, o) = self.sizes(w);
            if x.last() == c && inputs.get(2).is_none_or(|b| b.dims() == [o]) {
                return Ok(vec![x.with_last(o)]);
            }
        }
        let got: Vec<_> = inputs[1..].iter().map(Shape::to_string).collect();
        let c = x.last();
        let weight = match self.transposed {
            false => format!("[{c}, O]"),
            true => format!("[O, {c}]"),
        };
        Err(format!(
            "expected weight {weight} and bias [O] for input {x}, got {}",
            got.join(" and ")
        ))
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let (c, o) = self.sizes(inputs[1].shape());
        let rows = outputs[0].len() / o.max(1);
        let x = Mat::new(inputs[0].data(), c);
        let w = self.factor(inputs[1].data(), (c, o));
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
        let (c, o) = self.sizes(w);
        let dy = only(gradients).data();
        let rows = dy.len() / o.max(1);
        let dy_rows = Mat::new(dy, o);
        let mut all = vec![
            // dX = dY W^T
            gradient(wanted[0], x, |dx| {
                let wt = self.factor(saved.input(1), (c, o)).transposed();
                kernels::gemm(rows, c, o, dy_rows, wt, false, MatMut::new(dx, c));
            }),
            // dW = X^T dY, or its transpose
            gradient(wanted[1], w, |dw| {
                let x = saved.input(0);
                match self.transposed {
                    false => {
                        let dw = MatMut::new(dw, o);
                        kernels::gemm(c, o, rows, Mat::t(x, c), dy_rows, false, dw);
                    }
                    true => {
                        let (dyt, dw) = (Mat::t(dy, o), MatMut::new(dw, c));
                        kernels::gemm(o, c, rows, dyt, Mat::new(x, c), false, dw);
                    }
                }
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
        let op = Linear { transposed: false };
        match bias {
            Some(bias) => apply_one(op, &[self, weight, bias]),
            None => apply_one(op, &[self, weight]),
        }
    }

    /// x Wᵀ + b along the last axis: `[.., C] -> [.., O]` with weight `[O, C]` and bias `[O]`. So a
    /// table of word vectors `[V, C]` gives the scores of all words.
    ///
    /// # Panics
    /// When the shapes are not of that form.
    #[track_caller]
    pub fn linear_t(&self, weight: &Tensor<E>, bias: Option<&Tensor<E>>) -> Tensor<E> {
        let op = Linear { transposed: true };
        match bias {
            Some(bias) => apply_one(op, &[self, weight, bias]),
            None => apply_one(op, &[self, weight]),
        }
    }
}
