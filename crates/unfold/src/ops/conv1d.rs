//! Convolution over time, on ragged sequences.

use unfold_kernels::{self as kernels, Buffer};

use super::{Conv1d, Op, PackedConv1d, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Ragged, Shape, Tensor};

/// y_t = sum over k of x_(t stride + k dilation - padding) W_k + b, rows outside counting as 0.
struct Conv1dOp {
    geometry: Conv1d,
    input: Ragged,
    /// `None` when a sequence is shorter than the kernel reaches.
    output: Option<Ragged>,
}

impl Conv1dOp {
    fn output(&self) -> &Ragged {
        self.output.as_ref().expect("checked by shapes")
    }
}

impl<E: Float> Op<E> for Conv1dOp {
    fn name(&self) -> &'static str {
        "conv1d"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let (rows, k) = (self.input.rows(), self.geometry.kernel);
        let (x, w) = (inputs[0], inputs[1]);
        let [n, c] = *x.dims() else {
            return Err(format!("expected input [N, C], got {x}"));
        };
        if n != rows {
            return Err(format!(
                "expected input [{rows}, C] for {rows} steps in all, got {x}"
            ));
        }
        let o = match *w.dims() {
            [wk, wc, o] if wk == k && wc == c => o,
            _ => {
                return Err(format!(
                    "expected weight [{k}, {c}, O] for input {x}, got {w}"
                ));
            }
        };
        match inputs.get(2) {
            Some(b) if b.dims() != [o] => {
                return Err(format!("expected bias [{o}] for weight {w}, got {b}"));
            }
            _ => {}
        }
        let Some(output) = &self.output else {
            let shortest = self.input.lengths().last().copied().unwrap_or(0);
            let Conv1d {
                padding, dilation, ..
            } = self.geometry;
            return Err(format!(
                "expected sequences of at least {} steps for kernel {k}, padding {padding}, \
                 dilation {dilation}, got one of {shortest}",
                (dilation * (k - 1) + 1).saturating_sub(2 * padding)
            ));
        };
        Ok(vec![[output.rows(), o].into()])
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        kernels::conv1d(
            inputs[0].data(),
            &self.input,
            inputs[1].data(),
            inputs.get(2).map(|bias| bias.data()),
            self.geometry,
            self.output(),
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
        let (x, w) = (saved.shapes[0], saved.shapes[1]);
        let (input, output, geometry) = (&self.input, self.output(), self.geometry);
        let mut all = vec![
            gradient(wanted[0], x, |dx| {
                kernels::conv1d_backward_data(dy, input, saved.input(1), geometry, output, dx);
            }),
            gradient(wanted[1], w, |dw| {
                kernels::conv1d_backward_weights(saved.input(0), input, dy, geometry, output, dw);
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

impl<E: Float> Tensor<E> {
    /// Convolution over time of ragged sequences `[N, C]` with weight `[K, C, O]` and bias
    /// `[O]`: gives `[M, O]` and the sequences' new lengths,
    /// floor((T + 2 padding - dilation (K - 1) - 1) / stride) + 1 each.
    ///
    /// # Panics
    /// When shapes do not fit, or a sequence is too short to give a single step.
    #[track_caller]
    pub fn conv1d(
        &self,
        sequences: &Ragged,
        weight: &Tensor<E>,
        bias: Option<&Tensor<E>>,
        geometry: Conv1d,
    ) -> (Tensor<E>, Ragged) {
        let output = geometry.output(sequences);
        let op = Conv1dOp {
            geometry,
            input: sequences.clone(),
            output: output.clone(),
        };
        let y = match bias {
            Some(bias) => apply_one(op, &[self, weight, bias]),
            None => apply_one(op, &[self, weight]),
        };
        (y, output.expect("checked by the shape rule"))
    }

    /// [`Tensor::conv1d`] with a weight that is packed for many uses. No gradient flows through it.
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn conv1d_packed(
        &self,
        sequences: &Ragged,
        weight: &PackedConv1d<E>,
        bias: &Tensor<E>,
    ) -> (Tensor<E>, Ragged) {
        let (geometry, [c, o]) = (weight.geometry(), weight.channels());
        let op = Conv1dOp {
            geometry,
            input: sequences.clone(),
            output: geometry.output(sequences),
        };
        let w = [geometry.kernel, c, o].into();
        let shapes = Op::<E>::shapes(&op, &[self.shape(), w, bias.shape()]);
        let y = shapes.unwrap_or_else(|problem| panic!("conv1d: {problem}"))[0];
        let mut values = Buffer::scratch(y.len());
        let output = op.output.expect("checked by the shape rule");
        kernels::conv1d_packed(
            self.data(),
            sequences,
            weight,
            bias.data(),
            &output,
            &mut values,
        );
        (Tensor::from_buffer(values, y), output)
    }
}
