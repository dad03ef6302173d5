//! An LSTM's layer normalisation.

use unfold_kernels::{self as kernels, Buffer, UnaryOp};

use crate::nn::{Init, ParamId, Params, Pass, Scope};
use crate::ops::{Recurrence, Recurrent as Run};
use crate::{Float, Ragged, Tensor};

/// ε of the layer normalisations.
const EPSILON: f64 = 1e-5;

/// What layer normalisation (Ba, Kiros and Hinton 2016, equations 20 to 22) adds to an LSTM of D units:
///
/// i, f, g, o = LN(x_t U; γ_x) + LN(h_(t-1) W; γ_h) + b
///
/// c_t = σ(f) ⊙ c_(t-1) + σ(i) ⊙ tanh(g); h_t = σ(o) ⊙ tanh(LN(c_t; γ_c, β_c))
///
/// with b for the paper's β_1 + β_2 + b, and each LN over all four gates of a row together. γ_x and γ_h
/// (`gain_ih`, `gain_hh`) are `[4 D]`, γ_c and β_c (`gain_c`, `bias_c`) `[D]`; gains start with 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct LayerNorms {
    gain_ih: ParamId,
    gain_hh: ParamId,
    gain_c: ParamId,
    bias_c: ParamId,
}

/// The room that a step of B streams needs.
#[derive(Clone, Debug)]
pub(super) struct NormRoom<E: Float> {
    /// No bias for four gates.
    zeros: Buffer<E>,
    /// Rows of four gates.
    rows: Buffer<E>,
    mean: Buffer<E>,
    rstd: Buffer<E>,
}

impl<E: Float> NormRoom<E> {
    /// For `batch` streams and layers of up to `d` units.
    pub(super) fn new(batch: usize, d: usize) -> NormRoom<E> {
        NormRoom {
            zeros: Buffer::zeros(4 * d),
            rows: Buffer::zeros(4 * d * batch),
            mean: Buffer::zeros(batch),
            rstd: Buffer::zeros(batch),
        }
    }

    /// Normalises the rows of `x` into the room.
    fn normalise(&mut self, x: &[E], gain: &[E], bias: Option<&[E]>) -> &mut [E] {
        let rows = &mut self.rows[..x.len()];
        let bias = bias.unwrap_or(&self.zeros[..gain.len()]);
        let eps = E::from_f64(EPSILON);
        kernels::layer_norm(x, gain, bias, eps, rows, &mut self.mean, &mut self.rstd);
        rows
    }
}

impl LayerNorms {
    pub(super) fn new<E: Float>(scope: &mut Scope<'_, E>, d: usize) -> LayerNorms {
        LayerNorms {
            gain_ih: scope.add("gain_ih", [4 * d], Init::Ones),
            gain_hh: scope.add("gain_hh", [4 * d], Init::Ones),
            gain_c: scope.add("gain_c", [d], Init::Ones),
            bias_c: scope.add("bias_c", [d], Init::Zeros),
        }
    }

    /// Runs an LSTM forward over `sequences`, whose rows are `x` `[sum(len), C]`. Composed of elementary operations, step by step, so it is slower than
    /// [`Tensor::recurrent`].
    #[track_caller]
    pub(super) fn forward<E: Float>(
        &self,
        pass: &Pass<E>,
        x: &Tensor<E>,
        sequences: &Ragged,
        run: &Run<'_, E>,
    ) -> Recurrence<E> {
        let rows = sequences.rows();
        assert!(
            x.dims().len() == 2 && x.dim(0) == rows,
            "recurrent: expected input [{rows}, C] for {rows} steps, got {}",
            x.shape()
        );
        let d = run.w_hh.dim(0);
        let zeros = Tensor::zeros([sequences.batch(), d]);
        let [mut h, mut c] = [run.h0, run.c0].map(|state| state.unwrap_or(&zeros).clone());
        let [gain_ih, gain_hh] = [self.gain_ih, self.gain_hh].map(|id| pass.param(id));
        let [gain_c, bias_c] = [self.gain_c, self.bias_c].map(|id| pass.param(id));
        let from_x = x
            .linear(run.w_ih, None)
            .layer_norm(&gain_ih, run.bias, EPSILON); // [sum(len), 4 D]
        let no_bias = Tensor::zeros([4 * d]);
        let (mut all_h, mut all_c) = (Vec::new(), Vec::new());
        for t in 0..sequences.steps() {
            let alive = sequences.alive(t);
            let product = h.narrow(0, 0, alive).linear(run.w_hh, None); // [alive, 4 D]
            let gates = from_x
                .narrow(0, sequences.offset(t), alive)
                .add(&product.layer_norm(&gain_hh, &no_bias, EPSILON));
            let gate = |i: usize| gates.narrow(1, i * d, d); // [alive, D]
            let kept = gate(1).sigmoid().mul(&c.narrow(0, 0, alive));
            c = kept.add(&gate(0).sigmoid().mul(&gate(2).tanh()));
            let shown = c.layer_norm(&gain_c, &bias_c, EPSILON).tanh();
            h = gate(3).sigmoid().mul(&shown);
            all_h.push(h.clone());
            all_c.push(c.clone());
        }
        let joined = |all: &[Tensor<E>]| Tensor::concat(&all.iter().collect::<Vec<_>>(), 0);
        let (y, cells) = (joined(&all_h), joined(&all_c)); // [sum(len), D]
        let last = sequences.last_rows();
        Recurrence {
            h: y.gather(&last),
            c: Some(cells.gather(&last)),
            y,
        }
    }

    /// Normalises what a step adds up to its gates: `x_t U` and `h_(t-1) W`, each `[B, 4 D]`.
    pub(super) fn gates<E: Float>(
        &self,
        params: &Params<E>,
        bias: &[E],
        from_x: &mut [E],
        from_h: &mut [E],
        room: &mut NormRoom<E>,
    ) {
        let gain = params.get(self.gain_ih);
        from_x.copy_from_slice(room.normalise(from_x, gain, Some(bias)));
        let gain = params.get(self.gain_hh);
        from_h.copy_from_slice(room.normalise(from_h, gain, None));
    }

    /// The hidden states `[B, D]` after a step, of its activated gates `[B, 4 D]` and cell states `[B, D]`.
    pub(super) fn hidden<E: Float>(
        &self,
        params: &Params<E>,
        gates: &[E],
        c: &[E],
        h: &mut [E],
        room: &mut NormRoom<E>,
    ) {
        let (gain, bias) = (params.get(self.gain_c), params.get(self.bias_c));
        let d = gain.len();
        kernels::unary(UnaryOp::Tanh, room.normalise(c, gain, Some(bias)), h);
        for (h, gates) in h.chunks_exact_mut(d).zip(gates.chunks_exact(4 * d)) {
            for (h, &o) in h.iter_mut().zip(&gates[3 * d..]) {
                *h = o * *h;
            }
        }
    }
}
