//! Batch normalisation (Ioffe and Szegedy 2015): each channel by its own mean and variance.

use unfold_kernels::{self as kernels, Activation, Buffer};

use super::{Op, Reads, Saved, Wanted, apply, gradient, only};
use crate::{Float, Shape, Tensor};

/// What batch normalisation needs besides tensors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance.
    pub eps: f64,
    /// What follows, at no cost.
    pub activation: Activation,
}

/// The mean and the biased variance of each channel, `[C]` each.
#[derive(Clone, Debug)]
pub struct Moments<E: Float> {
    /// The mean.
    pub mean: Tensor<E>,
    /// The mean square about it.
    pub variance: Tensor<E>,
}

/// y = gamma (x - mean) / sqrt(variance + eps) + beta. The outputs are y, mean and variance; the
/// latter two have no gradient.
struct BatchNormOp<E: Float> {
    options: BatchNorm,
    /// The moments to take in place of x's own.
    constant: Option<Moments<E>>,
    mean: Buffer<E>,
    /// 1 / sqrt(variance + eps).
    rstd: Buffer<E>,
}

impl<E: Float> BatchNormOp<E> {
    fn columns<'a>(&'a self, gamma: &'a [E], beta: &'a [E]) -> kernels::BatchNorm<'a, E> {
        kernels::BatchNorm {
            mean: &self.mean,
            rstd: &self.rstd,
            gamma,
            beta,
            activation: self.options.activation,
        }
    }
}

impl<E: Float> Op<E> for BatchNormOp<E> {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let (x, gamma, beta) = (inputs[0], inputs[1], inputs[2]);
        let c = x.last();
        if x.rank() == 0 || gamma.dims() != [c] || beta.dims() != [c] {
            return Err(format!(
                "expected gamma [{c}] and beta [{c}] for input {x}, got {gamma} and {beta}"
            ));
        }
        if let Some(Moments { mean, variance }) = &self.constant
            && (mean.dims() != [c] || variance.dims() != [c])
        {
            return Err(format!(
                "expected mean [{c}] and variance [{c}] for input {x}, got {} and {}",
                mean.shape(),
                variance.shape()
            ));
        }
        Ok(vec![x, [c].into(), [c].into()])
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let x = inputs[0].data();
        let [y, mean, variance] = outputs else {
            unreachable!("three outputs")
        };
        match &self.constant {
            Some(constant) => {
                mean.copy_from_slice(constant.mean.data());
                variance.copy_from_slice(constant.variance.data());
            }
            None => kernels::column_moments(x, mean, variance),
        }
        let eps = E::from_f64(self.options.eps);
        self.mean = mean.clone();
        self.rstd = Buffer::scratch(variance.len());
        for (rstd, &variance) in self.rstd.iter_mut().zip(variance.iter()) {
            *rstd = E::ONE / (variance + eps).sqrt();
        }
        let columns = self.columns(inputs[1].data(), inputs[2].data());
        kernels::batch_norm(x, &columns, y);
    }

    fn reads(&self) -> Reads {
        Reads::Inputs
    }

    /// One pass over the values, beside the convolution that reads them.
    fn remakes(&self) -> bool {
        true
    }

    fn remake(&self, saved: &Saved<E>) -> Tensor<E> {
        let [x, gamma, beta] = [0, 1, 2].map(|i| saved.input(i));
        let mut y = Buffer::scratch(x.len());
        kernels::batch_norm(x, &self.columns(gamma, beta), &mut y);
        Tensor::from_buffer(y, saved.shapes[0])
    }

    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let [x, gamma, beta] = [0, 1, 2].map(|i| saved.input(i));
        let (mut dgamma, mut dbeta) = (Buffer::scratch(gamma.len()), Buffer::scratch(beta.len()));
        let dx = gradient(Wanted::Tensor, saved.shapes[0], |dx| {
            kernels::batch_norm_backward(
                x,
                &self.columns(gamma, beta),
                self.constant.is_some(),
                only(gradients).data(),
                dx,
                &mut dgamma,
                &mut dbeta,
            );
        });
        let figure = |d, i: usize| Some(Tensor::from_buffer(d, saved.shapes[i]));
        let all = [dx, figure(dgamma, 1), figure(dbeta, 2)];
        let all = all.into_iter().zip(wanted);
        all.map(|(d, &wanted)| d.filter(|_| wanted.is())).collect()
    }
}

impl<E: Float> Tensor<E> {
    /// gamma (x - mean) / sqrt(variance + eps) + beta, with mean and (biased) variance of each channel
    /// over all rows: `[.., C] -> [.., C]` with gamma and beta `[C]`. Also gives these moments, through
    /// which no gradient flows of its own.
    ///
    /// # Panics
    /// When gamma or beta do not fit.
    #[track_caller]
    pub fn batch_norm(
        &self,
        gamma: &Tensor<E>,
        beta: &Tensor<E>,
        options: BatchNorm,
    ) -> (Tensor<E>, Moments<E>) {
        let mut outputs = apply(op(options, None), &[self, gamma, beta]);
        let (variance, mean) = (outputs.pop(), outputs.pop());
        let detached = |t: Option<Tensor<E>>| t.expect("three outputs").detach();
        let moments = Moments {
            mean: detached(mean),
            variance: detached(variance),
        };
        (outputs.swap_remove(0), moments)
    }

    /// As [`Tensor::batch_norm`], with moments that are constants.
    ///
    /// # Panics
    /// When gamma, beta or the moments do not fit.
    #[track_caller]
    pub fn batch_norm_with(
        &self,
        gamma: &Tensor<E>,
        beta: &Tensor<E>,
        moments: Moments<E>,
        options: BatchNorm,
    ) -> Tensor<E> {
        let moments = Moments {
            mean: moments.mean.detach(),
            variance: moments.variance.detach(),
        };
        apply(op(options, Some(moments)), &[self, gamma, beta]).swap_remove(0)
    }
}

fn op<E: Float>(options: BatchNorm, constant: Option<Moments<E>>) -> BatchNormOp<E> {
    BatchNormOp {
        options,
        constant,
        mean: Buffer::scratch(0),
        rstd: Buffer::scratch(0),
    }
}
