//! Functions of two elements at a time, with NumPy's broadcasting.

use unfold_kernels::{self as kernels, BinaryOp, Buffer, UnaryOp};

use super::{Op, Reads, Saved, Wanted, apply_one, broadcast, only};
use crate::{Float, Shape, Tensor};

/// y = a op b.
struct Binary(BinaryOp);

impl<E: Float> Op<E> for Binary {
    fn name(&self) -> &'static str {
        match self.0 {
            BinaryOp::Add => "add",
            BinaryOp::Sub => "sub",
            BinaryOp::Mul => "mul",
            BinaryOp::Div => "div",
            BinaryOp::AddRelu => "add_relu",
        }
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let (a, b) = (inputs[0], inputs[1]);
        a.broadcast(&b).map(|shape| vec![shape]).ok_or_else(|| {
            format!("expected shapes equal or 1 along each axis from the last, got {a} and {b}")
        })
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let (a, b) = (inputs[0], inputs[1]);
        let shape = a.shape().broadcast(&b.shape()).expect("checked by shapes");
        let y = &mut outputs[0];
        let a = broadcast::stretch(a, shape);
        if b.shape() != shape && broadcast::is_suffix(b.shape(), shape) {
            kernels::binary_rows(self.0, a.data(), b.data(), y);
        } else {
            kernels::binary(self.0, a.data(), broadcast::stretch(b, shape).data(), y);
        }
    }

    fn reads(&self) -> Reads {
        match self.0 {
            BinaryOp::Add | BinaryOp::Sub => Reads::Nothing,
            BinaryOp::Mul | BinaryOp::Div => Reads::Inputs,
            BinaryOp::AddRelu => Reads::Outputs,
        }
    }

    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let mut dy = only(gradients).detach();
        if self.0 == BinaryOp::AddRelu {
            let (y, mut through) = (saved.output(0), Buffer::scratch(dy.len()));
            kernels::unary_backward(UnaryOp::Relu, y, y, dy.data(), &mut through);
            dy = Tensor::from_buffer(through, dy.shape());
        }
        let input = |i: usize| saved.tensor(i);
        let da = || match self.0 {
            BinaryOp::Add | BinaryOp::AddRelu | BinaryOp::Sub => dy.clone(),
            BinaryOp::Mul => dy.mul(input(1)),
            BinaryOp::Div => dy.div(input(1)),
        };
        let db = || match self.0 {
            BinaryOp::Add | BinaryOp::AddRelu => dy.clone(),
            BinaryOp::Sub => dy.neg(),
            BinaryOp::Mul => dy.mul(input(0)),
            // d (a / b) / db = -a / b^2
            BinaryOp::Div => dy.mul(input(0)).div(&input(1).square()).neg(),
        };
        vec![wanted[0].then(da), wanted[1].then(db)]
    }
}

impl<E: Float> Tensor<E> {
    /// a + b. Shapes are broadcast as NumPy does.
    ///
    /// # Panics
    /// When the shapes do not fit; so do [`Tensor::sub`], [`Tensor::mul`] and [`Tensor::div`].
    #[track_caller]
    pub fn add(&self, b: &Tensor<E>) -> Tensor<E> {
        apply_one(Binary(BinaryOp::Add), &[self, b])
    }

    /// max(a + b, 0), as where a residual connection ends: [`Tensor::relu`] of the sum in one pass.
    #[track_caller]
    pub fn add_relu(&self, b: &Tensor<E>) -> Tensor<E> {
        apply_one(Binary(BinaryOp::AddRelu), &[self, b])
    }

    /// a - b.
    #[track_caller]
    pub fn sub(&self, b: &Tensor<E>) -> Tensor<E> {
        apply_one(Binary(BinaryOp::Sub), &[self, b])
    }

    /// a b, element by element.
    #[track_caller]
    pub fn mul(&self, b: &Tensor<E>) -> Tensor<E> {
        apply_one(Binary(BinaryOp::Mul), &[self, b])
    }

    /// a / b, element by element.
    #[track_caller]
    pub fn div(&self, b: &Tensor<E>) -> Tensor<E> {
        apply_one(Binary(BinaryOp::Div), &[self, b])
    }
}
