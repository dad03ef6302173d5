//! Convolution on pictures, channels last.

use unfold_kernels::{self as kernels, Activation, Buffer, Finish, PackedConv2d};

use super::{Conv2d, Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Shape, Tensor};

/// y_ij = sum over k, l of x_(i stride + k dilation - padding, ..) W_kl + b, pixels outside counting as 0.
struct Conv2dOp(Conv2d);

impl<E: Float> Op<E> for Conv2dOp {
    fn name(&self) -> &'static str {
        "conv2d"
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
            [wh, ww, ins, o] if [wh, ww] == [kh, kw] && ins == c / groups => o,
            _ => {
                let ins = c / groups;
                return Err(format!(
                    "expected weight [{kh}, {kw}, {ins}, O] for input {x}{}, got {w}",
                    grouped(groups)
                ));
            }
        };
        if o % groups != 0 {
            return Err(format!(
                "expected outputs in {groups} equal groups, got weight {w}"
            ));
        }
        match inputs.get(2) {
            Some(bias) if bias.dims() != [o] => {
                return Err(format!("expected bias [{o}] for weight {w}, got {bias}"));
            }
            _ => {}
        }
        match geometry.output([h, width]) {
            Some([oh, ow]) => Ok(vec![[b, oh, ow, o].into()]),
            None => Err(format!(
                "expected pictures of at least one output pixel for kernel [{kh}, {kw}], \
                 stride {:?}, padding {:?}, dilation {:?}, got input {x}",
                geometry.stride, geometry.padding, geometry.dilation
            )),
        }
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        kernels::conv2d(
            inputs[0].data(),
            size(inputs[0].shape()),
            inputs[1].data(),
            inputs.get(2).map(|bias| bias.data()),
            self.0,
            &mut outputs[0],
        );
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
        let (x, w, geometry) = (saved.shapes[0], saved.shapes[1], self.0);
        let mut all = vec![
            gradient(wanted[0], x, |dx| {
                kernels::conv2d_backward_data(dy, size(x), saved.input(1), geometry, dx);
            }),
            gradient(wanted[1], w, |dw| {
                kernels::conv2d_backward_weights(saved.input(0), size(x), dy, geometry, dw);
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

/// `[B, H, W, C]`.
fn size(x: Shape) -> [usize; 4] {
    x.dims().try_into().expect("checked by shapes")
}

fn grouped(groups: usize) -> String {
    match groups {
        1 => String::new(),
        groups => format!(" in {groups} groups"),
    }
}

impl<E: Float> Tensor<E> {
    /// Convolution of pictures `[B, H, W, C]` with weight `[KH, KW, C / groups, O]` and bias `[O]`: gives
    /// `[B, OH, OW, O]`, where OH = floor((H + padding - dilation (KH - 1) - 1) / stride) + 1 and OW likewise.
    ///
    /// # Panics
    /// When shapes do not fit, or the pictures are too small to give a single pixel.
    #[track_caller]
    pub fn conv2d(
        &self,
        weight: &Tensor<E>,
        bias: Option<&Tensor<E>>,
        geometry: Conv2d,
    ) -> Tensor<E> {
        let op = Conv2dOp(geometry);
        match bias {
            Some(bias) => apply_one(op, &[self, weight, bias]),
            None => apply_one(op, &[self, weight]),
        }
    }

    /// [`Tensor::conv2d`] with a weight that is packed for many uses; then `add` of the result's shape is added, and
    /// the activation follows. No gradient flows through it.
    ///
    /// # Panics
    /// As there, or when `add` has another shape.
    #[track_caller]
    pub fn conv2d_packed(
        &self,
        weight: &PackedConv2d<E>,
        bias: &Tensor<E>,
        add: Option<&Tensor<E>>,
        activation: Activation,
    ) -> Tensor<E> {
        let (geometry, [c, o]) = (weight.geometry(), weight.channels());
        let [kh, kw] = geometry.kernel;
        let w = [kh, kw, c / geometry.groups, o].into();
        let shapes = Op::<E>::shapes(&Conv2dOp(geometry), &[self.shape(), w, bias.shape()]);
        let y = shapes.unwrap_or_else(|problem| panic!("conv2d: {problem}"))[0];
        let mut values = Buffer::scratch(y.len());
        let (x, bias) = (self.data(), Some(bias.data()));
        if let Some(add) = add {
            let got = add.shape();
            assert!(
                got == y,
                "conv2d: expected {y} to add to the result, got {got}"
            );
        }
        let finish = Finish {
            add: add.map(Tensor::data),
            activation,
        };
        kernels::conv2d_packed(x, size(self.shape()), weight, bias, finish, &mut values);
        Tensor::from_buffer(values, y)
    }
}
