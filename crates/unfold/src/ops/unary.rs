//! Functions of one element at a time.

use unfold_kernels::{self as kernels, Buffer, UnaryOp};

use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Shape, Tensor};

/// y = f(x).
struct Unary(UnaryOp);

impl<E: Float> Op<E> for Unary {
    fn name(&self) -> &'static str {
        match self.0 {
            UnaryOp::Neg => "neg",
            UnaryOp::Exp => "exp",
            UnaryOp::Ln => "ln",
            UnaryOp::Tanh => "tanh",
            UnaryOp::Sigmoid => "sigmoid",
            UnaryOp::Relu => "relu",
            UnaryOp::Sqrt => "sqrt",
            UnaryOp::Square => "square",
            UnaryOp::Relu6 => "relu6",
            UnaryOp::LeakyRelu(_) => "leaky_relu",
            UnaryOp::Silu => "silu",
            UnaryOp::Gelu => "gelu",
            UnaryOp::HardSwish => "hard_swish",
        }
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        if let UnaryOp::LeakyRelu(slope) = self.0
            && (slope.is_nan() || slope < 0.0)
        {
            // Of a negative slope the sign of the result would not tell that of x.
            return Err(format!("expected a slope of at least 0, got {slope}"));
        }
        Ok(vec![inputs[0]])
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        kernels::unary(self.0, inputs[0].data(), &mut outputs[0]);
    }

    fn reads(&self) -> Reads {
        match self.0 {
            UnaryOp::Neg => Reads::Nothing,
            UnaryOp::Ln | UnaryOp::Square | UnaryOp::Silu | UnaryOp::Gelu | UnaryOp::HardSwish => {
                Reads::Inputs
            }
            // The derivative is a function of the result: f' = y, 1 - y^2, y (1 - y), 1 / 2y, or it depends on
            // where y lies.
            UnaryOp::Exp
            | UnaryOp::Tanh
            | UnaryOp::Sigmoid
            | UnaryOp::Sqrt
            | UnaryOp::Relu
            | UnaryOp::Relu6
            | UnaryOp::LeakyRelu(_) => Reads::Outputs,
        }
    }

    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let dy = only(gradients);
        let dy = dy.data();
        // The kernel reads only the one of x and y that its function needs.
        let (x, y) = match <Self as Op<E>>::reads(self) {
            Reads::Inputs => (saved.input(0), saved.input(0)),
            Reads::Outputs => (saved.output(0), saved.output(0)),
            _ => (dy, dy),
        };
        vec![gradient(wanted[0], saved.shapes[0], |dx| {
            kernels::unary_backward(self.0, x, y, dy, dx);
        })]
    }
}

impl<E: Float> Tensor<E> {
    /// -x, element by element.
    pub fn neg(&self) -> Tensor<E> {
        apply_one(Unary(UnaryOp::Neg), &[self])
    }

    /// e^x, element by element.
    pub fn exp(&self) -> Tensor<E> {
        apply_one(Unary(UnaryOp::Exp), &[self])
    }

    /// The natural logarithm, element by element.
    pub fn ln(&self) -> Tensor<E> {
        apply_one(Unary(UnaryOp::Ln), &[self])
    }

    /// The hyperbolic tangent, element by element.
    pub fn tanh(&self) -> Tensor<E> {
        apply_one(Unary(UnaryOp::Tanh), &[self])
    }

    /// 1 / (1 + e^-x), element by element.
    pub fn sigmoid(&self) -> Tensor<E> {
        apply_one(Unary(UnaryOp::Sigmoid), &[self])
    }

    /// max(x, 0), element by element; its derivative at 0 is taken as 0.
    pub fn relu(&self) -> Tensor<E> {
        apply_one(Unary(UnaryOp::Relu), &[self])
    }

    /// min(max(x, 0), 6), element by element (Howard et al. 2017); its derivative at 0 and 6 is taken as 0.
    pub fn relu6(&self) -> Tensor<E> {
        apply_one(Unary(UnaryOp::Relu6), &[self])
    }

    /// x above 0 and `slope` x below, element by element (Maas, Hannun and Ng 2013).
    ///
    /// # Panics
    /// When `slope` is less than 0.
    #[track_caller]
    pub fn leaky_relu(&self, slope: f64) -> Tensor<E> {
        apply_one(Unary(UnaryOp::LeakyRelu(slope)), &[self])
    }

    /// x / (1 + e^-x), element by element: SiLU, also called swish (Elfwing, Uchibe and Doya 2018).
    pub fn silu(&self) -> Tensor<E> {
        apply_one(Unary(UnaryOp::Silu), &[self])
    }

    /// x (1 + erf(x / √2)) / 2, element by element (Hendrycks and Gimpel 2016): the exact form, not the one with tanh.
    pub fn gelu(&self) -> Tensor<E> {
        apply_one(Unary(UnaryOp::Gelu), &[self])
    }

    /// x min(max(x + 3, 0), 6) / 6, element by element (Howard et al. 2019); its derivative at -3 is taken as 0, at 3 as 1.
    pub fn hard_swish(&self) -> Tensor<E> {
        apply_one(Unary(UnaryOp::HardSwish), &[self])
    }

    /// The square root, element by element.
    pub fn sqrt(&self) -> Tensor<E> {
        apply_one(Unary(UnaryOp::Sqrt), &[self])
    }

    /// x^2, element by element.
    pub fn square(&self) -> Tensor<E> {
        apply_one(Unary(UnaryOp::Square), &[self])
    }
}
