//! An LSTM with layer normalisation.

use crate::nn::{Init, ParamId, Pass, RecurrentConfig, RecurrentOutput, Scope, States};
use crate::ops::Cell;
use crate::{Float, Ragged, Tensor};

/// ε of the layer normalisations.
const EPSILON: f64 = 1e-5;

/// One LSTM layer with layer normalisation (Ba, Kiros and Hinton 2016, equations 20 to 22), over
/// ragged sequences in the usual direction:
///
/// i, f, g, o = LN(x_t U; γ_x) + LN(h_(t-1) W; γ_h) + b
///
/// c_t = σ(f) ⊙ c_(t-1) + σ(i) ⊙ tanh(g); h_t = σ(o) ⊙ tanh(LN(c_t; γ_c, β_c))
///
/// with b for the paper's β_1 + β_2 + b, and each LN over all four gates of a row together. It is
/// composed of elementary operations, step by step, so it is slower than a
/// [`Recurrent`](crate::nn::Recurrent) layer; for more layers, put one on top of the other.
///
/// Shapes, with B sequences, C features in, D units: x `[sum(len), C]`, output `[sum(len), D]`, states
/// `[B, D]`; U (`w_ih`) `[C, 4 D]`, W (`w_hh`) `[D, 4 D]`, γ_x and γ_h (`gain_ih`, `gain_hh`) and b
/// (`bias`) `[4 D]`, γ_c and β_c (`gain_c`, `bias_c`) `[D]`. U starts uniform as Glorot and Bengio
/// have it, W with orthogonal gates, gains with 1, biases with 0, but the forget gate's with 1.
///
/// ```
/// use unfold::nn::{LayerNormLstm, Params, Pass};
/// use unfold::{Ragged, Tensor};
///
/// let mut params = Params::<f32>::new(1);
/// let lstm = LayerNormLstm::new(&mut params.scope("lstm"), 4, 6);
/// let sequences = Ragged::new(&[3, 1]); // two sequences: 4 rows in all
/// let out = lstm.forward(&Pass::evaluation(&params), &Tensor::zeros([4, 4]), &sequences, None);
/// assert_eq!(out.y.dims(), [4, 6]);
/// assert_eq!(out.states.last().dims(), [2, 6]);
/// ```
#[derive(Clone, Debug)]
pub struct LayerNormLstm {
    name: String,
    hidden_size: usize,
    w_ih: ParamId,
    w_hh: ParamId,
    gain_ih: ParamId,
    gain_hh: ParamId,
    bias: ParamId,
    gain_c: ParamId,
    bias_c: ParamId,
}

impl LayerNormLstm {
    /// A layer of `hidden_size` units that takes `inputs` features.
    pub fn new<E: Float>(
        scope: &mut Scope<'_, E>,
        inputs: usize,
        hidden_size: usize,
    ) -> LayerNormLstm {
        let (d, width) = (hidden_size, 4 * hidden_size);
        let [w_ih, w_hh, bias] = RecurrentConfig::new(Cell::Lstm, d).inits(inputs, d);
        LayerNormLstm {
            name: scope.path().to_string(),
            hidden_size,
            w_ih: scope.add("w_ih", [inputs, width], w_ih),
            w_hh: scope.add("w_hh", [d, width], w_hh),
            gain_ih: scope.add("gain_ih", [width], Init::Ones),
            gain_hh: scope.add("gain_hh", [width], Init::Ones),
            bias: scope.add("bias", [width], bias),
            gain_c: scope.add("gain_c", [d], Init::Ones),
            bias_c: scope.add("bias_c", [d], Init::Zeros),
        }
    }

    /// States of zeros for `batch` sequences: what `None` means to [`LayerNormLstm::forward`].
    pub fn zero_states<E: Float>(&self, batch: usize) -> States<E> {
        let zeros = || vec![Tensor::zeros([batch, self.hidden_size])];
        States {
            h: zeros(),
            c: zeros(),
            directions: 1,
        }
    }

    /// Runs over `sequences`, whose rows are `x` `[sum(len), C]`, from `initial` states or zeros.
    ///
    /// # Panics
    /// When shapes do not fit, or there is no sequence.
    #[track_caller]
    pub fn forward<E: Float>(
        &self,
        pass: &Pass<E>,
        x: &Tensor<E>,
        sequences: &Ragged,
        initial: Option<&States<E>>,
    ) -> RecurrentOutput<E> {
        let rows = sequences.rows();
        assert!(
            x.dims().len() == 2 && x.dim(0) == rows,
            "layer_norm_lstm: expected input [{rows}, C] for {rows} steps, got {}",
            x.shape()
        );
        let d = self.hidden_size;
        let zeros = self.zero_states(sequences.batch());
        let initial = initial.unwrap_or(&zeros);
        let (mut h, mut c) = (initial.h[0].clone(), initial.c[0].clone()); // [B, D]
        let [w_hh, gain_hh] = [self.w_hh, self.gain_hh].map(|id| pass.param(id));
        let [gain_c, bias_c] = [self.gain_c, self.bias_c].map(|id| pass.param(id));
        let from_x = x.linear(&pass.param(self.w_ih), None).layer_norm(
            &pass.param(self.gain_ih),
            &pass.param(self.bias),
            EPSILON,
        ); // [sum(len), 4 D]
        let no_bias = Tensor::zeros([4 * d]);
        let (mut all_h, mut all_c) = (Vec::new(), Vec::new());
        for t in 0..sequences.steps() {
            let alive = sequences.alive(t);
            let product = h.narrow(0, 0, alive).linear(&w_hh, None); // [alive, 4 D]
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
        let y = pass.watch(&self.name, joined(&all_h)); // [sum(len), D]
        let cells = joined(&all_c); // [sum(len), D]
        let last = sequences.last_rows();
        RecurrentOutput {
            states: States {
                h: vec![y.gather(&last)],
                c: vec![cells.gather(&last)],
                directions: 1,
            },
            y,
        }
    }
}
