//! Transposed convolution on pictures, channels last.

use unfold_kernels::{self as kernels, BinaryOp, Buffer};

use super::{Conv2d, Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Shape, Tensor};

/// The geometry of a transposed convolution on pictures. Along each axis (down, across), input pixel `i` adds to the output
/// pixels `i stride + k dilation - padding before` for `k` in `0 .. kernel`.
///
/// `ConvTranspose2d { stride: [2, 2], ..ConvTranspose2d::new([3, 3]) }` says only what is unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvTranspose2d {
    /// Taps down and across, `[KH, KW]`.
    pub kernel: [usize; 2],
    /// Output pixels from one input to the next.
    pub stride: [usize; 2],
    /// Output pixels left out before and after: `[[above, below], [left, right]]`.
    pub padding: [[usize; 2]; 2],
    /// Output pixels more below and right, fewer than the stride: several sizes become one under a stride, and this says
    /// which of them it was.
    pub output_padding: [usize; 2],
    /// Output pixels between taps.
    pub dilation: [usize; 2],
    /// Parts that the channels in and out are cut into; each input part adds to the output part of its number.
    pub groups: usize,
}

impl ConvTranspose2d {
    /// Stride 1, no padding, dilation 1, one group.
    pub fn new(kernel: [usize; 2]) -> ConvTranspose2d {
        ConvTranspose2d {
            kernel,
            stride: [1, 1],
            padding: [[0, 0]; 2],
            output_padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
        }
    }

    /// The size `[OH, OW]` for pictures `[H, W]`: `(H - 1) stride - padding + dilation (KH - 1) + output_padding + 1`; `None`
    /// if that is no pixel, or the geometry has a number where it cannot.
    pub fn output(&self, size: [usize; 2]) -> Option<[usize; 2]> {
        let along = |axis: usize| {
            let positive = [self.kernel[axis], self.stride[axis], self.dilation[axis]];
            let whole = !positive.contains(&0) && self.groups > 0;
            if !whole || self.output_padding[axis] >= self.stride[axis] {
                return None;
            }
            let first = size[axis].checked_sub(1)? * self.stride[axis];
            let reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1;
            let [before, after] = self.padding[axis];
            let all = (first + reach + self.output_padding[axis]).checked_sub(before + after)?;
            (all > 0).then_some(all)
        };
        Some([along(0)?, along(1)?])
    }

    /// The convolution whose gradient this is: from its outputs to its inputs.
    fn convolution(&self) -> Conv2d {
        Conv2d {
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
            groups: self.groups,
        }
    }
}

/// y_(i stride + k dilation - padding, ..) = sum over all i, j and k, l that meet there of x_ij W_kl^T + b.
struct ConvTranspose2dOp(ConvTranspose2d);

impl<E: Float> Op<E> for ConvTranspose2dOp {
    fn name(&self) -> &'static str {
        "conv_transpose2d"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let geometry = self.0;
        let ([kh, kw], groups) = (geometry.kernel, geometry.groups);
        let (x, w) = (inputs[0], inputs[1]);
        let [b, h, width, c] = *x.dims() else {
            return Err(format!("expected input [B, H, W, C], got {x}"));
        };
        if groups == 0 || c % groups != 0 {
            return Err(format!(
                "expected channels in {groups} equal groups, got input {x}"
            ));
        }
        let o = match *w.dims() {
            [wh, ww, outs, ins] if [wh, ww, ins] == [kh, kw, c] => outs * groups,
            _ => {
                return Err(format!(
                    "expected weight [{kh}, {kw}, O / {groups}, {c}] for input {x}, got {w}"
                ));
            }
        };
        match inputs.get(2) {
            Some(bias) if bias.dims() != [o] => {
                return Err(format!("expected bias [{o}] for weight {w}, got {bias}"));
            }
            _ => {}
        }
        match geometry.output([h, width]) {
            Some([oh, ow]) => Ok(vec![[b, oh, ow, o].into()]),
            None => Err(format!(
                "expected at least one output pixel and an output padding below the stride, got input {x} and \
                 {geometry:?}"
            )),
        }
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let (x, w, y) = (inputs[0], inputs[1], &mut outputs[0]);
        let (size, geometry) = (self.size(x.shape(), w.shape()), self.0.convolution());
        let Some(bias) = inputs.get(2) else {
            return kernels::conv2d_backward_data(x.data(), size, w.data(), geometry, y);
        };
        let mut sums = Buffer::scratch(y.len());
        kernels::conv2d_backward_data(x.data(), size, w.data(), geometry, &mut sums);
        kernels::binary_rows(BinaryOp::Add, &sums, bias.data(), y);
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
        let dy = only(gradients).data();
        let (x, w, geometry) = (saved.shapes[0], saved.shapes[1], self.0.convolution());
        let size = self.size(x, w);
        let mut all = vec![
            gradient(wanted[0], x, |dx| {
                kernels::conv2d(dy, size, saved.input(1), None, geometry, dx);
            }),
            gradient(wanted[1], w, |dw| {
                kernels::conv2d_backward_weights(dy, size, saved.input(0), geometry, dw);
            }),
        ];
        if let Some(&bias) = wanted.get(2) {
            all.push(gradient(bias, saved.shapes[2], |db| {
                kernels::column_sums(dy, db, false);
            }));
        }
        all
    }
}

impl ConvTranspose2dOp {
    /// `[B, OH, OW, O]`.
    fn size(&self, x: Shape, w: Shape) -> [usize; 4] {
        let (x, w) = (x.dims(), w.dims());
        let [oh, ow] = self.0.output([x[1], x[2]]).expect("checked by shapes");
        [x[0], oh, ow, w[2] * self.0.groups]
    }
}

impl<E: Float> Tensor<E> {
    /// Transposed convolution of pictures `[B, H, W, C]` with weight `[KH, KW, O / groups, C]` and bias `[O]`: gives
    /// `[B, OH, OW, O]`, of the size that [`ConvTranspose2d::output`] says. Without the bias it is the gradient, by its
    /// input, of [`Tensor::conv2d`] with the same weight.
    ///
    /// # Panics
    /// When shapes do not fit, or no output pixel is left.
    #[track_caller]
    pub fn conv_transpose2d(
        &self,
        weight: &Tensor<E>,
        bias: Option<&Tensor<E>>,
        geometry: ConvTranspose2d,
    ) -> Tensor<E> {
        let op = ConvTranspose2dOp(geometry);
        match bias {
            Some(bias) => apply_one(op, &[self, weight, bias]),
            None => apply_one(op, &[self, weight]),
        }
    }
}
