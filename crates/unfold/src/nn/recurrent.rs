//! The recurrent layers: Elman, GRU and LSTM.

use super::layer_norm_lstm::LayerNorms;
use crate::nn::{Dropout, Init, LockedDropout, ParamId, Pass, RecurrentConfig, Scope};
use crate::ops::{Cell, Recurrent as Run};
use crate::{Float, Ragged, Tensor};

/// Recurrent layers over ragged sequences: any number of them on top of each other, in one
/// direction or both.
///
/// | cell | equations |
/// | --- | --- |
/// | Elman (1990) | h_t = f(x_t U + h_(t-1) W + b) with f = tanh or ReLU |
/// | GRU (Cho et al. 2014) | r, z = σ(x_t U_rz + h_(t-1) W_rz + b_rz); n = tanh(x_t U_n + b_n + r ⊙ (h_(t-1) W_n + b_hn)); h_t = (1 - z) ⊙ n + z ⊙ h_(t-1) |
/// | LSTM (Hochreiter and Schmidhuber 1997) | i, f, o = σ(x_t U_ifo + h_(t-1) W_ifo + b_ifo); g = tanh(x_t U_g + h_(t-1) W_g + b_g); c_t = f ⊙ c_(t-1) + i ⊙ g; h_t = o ⊙ tanh(c_t) |
///
/// An Elman network's output, y_t = f(V h_t), is a [`Linear`](crate::nn::Linear) layer on top.
///
/// Shapes, with B sequences, C features in, D units, G gates (1, 3 or 4): x `[sum(len), C]`,
/// output `[sum(len), D]`, or `[sum(len), 2 D]` when bidirectional (forward first). For each layer
/// l and direction, `layer{l}.forward` or `layer{l}.backward`, parameters are `w_ih` `[C, G D]`
/// (U; for layers after the first C is the width of the one below), `w_hh` `[D, G D]` (W), `bias`
/// `[G D]` and, for a GRU, `bias_hn` `[D]`. Gates lie in the order r, z, n or i, f, g, o.
///
/// With [`RecurrentConfig::layer_norm`] an LSTM is that of Ba, Kiros and Hinton (2016, equations 20 to
/// 22):
///
/// i, f, g, o = LN(x_t U; γ_x) + LN(h_(t-1) W; γ_h) + b, each LN over all four gates together;
/// c_t = σ(f) ⊙ c_(t-1) + σ(i) ⊙ tanh(g); h_t = σ(o) ⊙ tanh(LN(c_t; γ_c, β_c))
///
/// with b for the paper's β_1 + β_2 + b, and further parameters γ_x and γ_h (`gain_ih`, `gain_hh`)
/// `[4 D]`, γ_c and β_c (`gain_c`, `bias_c`) `[D]`. It is composed of elementary operations, step by
/// step, and so trains more slowly.
///
/// How they start and what is dropped in training is the [`RecurrentConfig`]'s.
///
/// ```
/// use unfold::nn::{Params, Pass, Recurrent, RecurrentConfig};
/// use unfold::ops::Cell;
/// use unfold::{Ragged, Tensor};
///
/// let mut params = Params::<f32>::new(1);
/// let config = RecurrentConfig { bidirectional: true, ..RecurrentConfig::new(Cell::Lstm, 6) };
/// let lstm = Recurrent::new(&mut params.scope("lstm"), 4, config);
/// let sequences = Ragged::new(&[3, 1]); // two sequences: 4 rows in all
/// let out = lstm.forward(&Pass::evaluation(&params), &Tensor::zeros([4, 4]), &sequences, None);
/// assert_eq!(out.y.dims(), [4, 12]);
/// assert_eq!(out.states.last().dims(), [2, 12]);
/// ```
#[derive(Clone, Debug)]
pub struct Recurrent {
    name: String,
    config: RecurrentConfig,
    /// Layer by layer, the forward direction first.
    pub(super) runs: Vec<RunParams>,
}

/// The parameters of one layer in one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunParams {
    pub(super) w_ih: ParamId,
    pub(super) w_hh: ParamId,
    pub(super) bias: ParamId,
    pub(super) bias_hn: Option<ParamId>,
    pub(super) norms: Option<LayerNorms>,
}

/// The states of all layers and directions between two steps, for a batch of sequences: layer by
/// layer, the forward direction first, each `[B, D]`.
///
/// For streaming or truncated back-propagation, hand the final states of one stretch of the
/// sequences to the next as its initial ones.
#[derive(Clone, Debug)]
pub struct States<E: Float = f32> {
    /// Hidden states.
    pub h: Vec<Tensor<E>>,
    /// Cell states; empty unless the cell is an LSTM.
    pub c: Vec<Tensor<E>>,
    pub(super) directions: usize,
}

impl<E: Float> States<E> {
    /// The hidden state of the last layer, `[B, D]`, or `[B, 2 D]` when bidirectional.
    pub fn last(&self) -> Tensor<E> {
        match &self.h[self.h.len() - self.directions..] {
            [only] => only.clone(),
            both => Tensor::concat(&both.iter().collect::<Vec<_>>(), 1),
        }
    }

    /// The same values, cut off from how they were made: gradients do not flow further back.
    pub fn detach(&self) -> States<E> {
        let cut = |all: &[Tensor<E>]| all.iter().map(Tensor::detach).collect();
        States {
            h: cut(&self.h),
            c: cut(&self.c),
            directions: self.directions,
        }
    }

    /// All of them, hidden states first.
    pub(super) fn tensors(&self) -> Vec<Tensor<E>> {
        self.h.iter().chain(&self.c).cloned().collect()
    }

    /// Makes states like these of what [`States::tensors`] gives.
    pub(super) fn arrangement(&self) -> impl Fn(&[Tensor<E>]) -> States<E> + Copy + use<E> {
        let (hidden, directions) = (self.h.len(), self.directions);
        move |all| {
            let (h, c) = all.split_at(hidden);
            States {
                h: h.to_vec(),
                c: c.to_vec(),
                directions,
            }
        }
    }
}

/// What [`Recurrent::forward`] gives.
#[derive(Clone, Debug)]
pub struct RecurrentOutput<E: Float = f32> {
    /// The last layer's hidden state at every step, `[sum(len), D]` or `[sum(len), 2 D]`.
    pub y: Tensor<E>,
    /// The states after the last step: for the backward direction that is each sequence's first.
    pub states: States<E>,
}

impl Recurrent {
    /// Layers that take `inputs` features.
    ///
    /// # Panics
    /// When there is no layer, a dropout is not in 0..1, or the cell cannot start as told.
    #[track_caller]
    pub fn new<E: Float>(
        scope: &mut Scope<'_, E>,
        inputs: usize,
        config: RecurrentConfig,
    ) -> Recurrent {
        config.check();
        let mut runs = Vec::new();
        let mut inputs = inputs;
        for layer in 0..config.layers {
            let size = config.size(layer);
            for direction in ["forward", "backward"].iter().take(config.directions()) {
                let mut scope = scope.scope(&format!("layer{layer}.{direction}"));
                runs.push(RunParams::new(&mut scope, inputs, size, &config));
            }
            inputs = size * config.directions();
        }
        Recurrent {
            name: scope.path().to_string(),
            config,
            runs,
        }
    }

    /// What the layer is made of.
    pub fn config(&self) -> &RecurrentConfig {
        &self.config
    }

    /// `w_ih`, `w_hh`, `bias` and, of a GRU, `bias_hn` of the first layer, forward: for a step that reads more than the others.
    pub fn first_layer(&self) -> ([ParamId; 3], Option<ParamId>) {
        let run = self.runs[0];
        ([run.w_ih, run.w_hh, run.bias], run.bias_hn)
    }

    /// States of zeros for `batch` sequences: what `None` means to [`Recurrent::forward`].
    pub fn zero_states<E: Float>(&self, batch: usize) -> States<E> {
        let directions = self.config.directions();
        let size = |run| self.config.size(run / directions);
        let zeros: Vec<_> = (0..self.runs.len())
            .map(|run| Tensor::zeros([batch, size(run)]))
            .collect();
        States {
            c: match self.config.cell {
                Cell::Lstm => zeros.clone(),
                _ => Vec::new(),
            },
            h: zeros,
            directions,
        }
    }

    /// Runs over `sequences`, whose rows are `x` `[sum(len), C]`, from `initial` states or zeros.
    ///
    /// # Panics
    /// When shapes do not fit, or the states are not this layer's.
    #[track_caller]
    pub fn forward<E: Float>(
        &self,
        pass: &Pass<E>,
        x: &Tensor<E>,
        sequences: &Ragged,
        initial: Option<&States<E>>,
    ) -> RecurrentOutput<E> {
        if let Some(states) = initial {
            let (expected, got) = (self.runs.len(), states.h.len());
            assert!(
                got == expected,
                "recurrent: expected {expected} initial states, got {got}"
            );
        }
        let RecurrentConfig {
            dropout,
            weight_dropout,
            ..
        } = self.config;
        let directions = self.config.directions();
        let mut y = x.clone();
        let (mut h, mut c) = (Vec::new(), Vec::new());
        for layer in 0..self.config.layers {
            if layer > 0 {
                y = match self.config.locked {
                    true => LockedDropout::new(dropout).forward(pass, &y, sequences),
                    false => Dropout::new(dropout).forward(pass, &y),
                };
            }
            let own = layer * directions..(layer + 1) * directions;
            let weights = self.runs[own.clone()].iter().map(|run| {
                let w_hh = Dropout::new(weight_dropout).forward(pass, &pass.param(run.w_hh));
                let [w_ih, bias] = [run.w_ih, run.bias].map(|id| pass.param(id));
                (w_ih, w_hh, bias, run.bias_hn.map(|id| pass.param(id)))
            });
            let weights: Vec<_> = weights.collect();
            let runs = weights.iter().zip(own.clone()).enumerate();
            let runs = runs.map(|(direction, ((w_ih, w_hh, bias, bias_hn), i))| Run {
                cell: self.config.cell,
                reverse: direction == 1,
                w_ih,
                w_hh,
                bias,
                bias_hn: bias_hn.as_ref(),
                h0: initial.map(|states| &states.h[i]),
                c0: initial.and_then(|states| states.c.get(i)),
            });
            let runs: Vec<Run<'_, E>> = runs.collect();
            let all = match self.runs[own.start].norms {
                Some(norms) => vec![norms.forward(pass, &y, sequences, &runs[0])],
                None => y.recurrent(sequences, &runs),
            };
            let mut outputs = Vec::with_capacity(directions);
            for run in all {
                outputs.push(run.y); // [sum(len), D]
                h.push(run.h); // [B, D]
                c.extend(run.c); // [B, D]
            }
            y = match &outputs[..] {
                [only] => only.clone(),
                both => Tensor::concat(&both.iter().collect::<Vec<_>>(), 1), // [sum(len), 2 D]
            };
            y = pass.watch(&format!("{}.layer{layer}", self.name), y);
        }
        let states = States { h, c, directions };
        RecurrentOutput { y, states }
    }
}

impl RunParams {
    fn new<E: Float>(
        scope: &mut Scope<'_, E>,
        inputs: usize,
        d: usize,
        config: &RecurrentConfig,
    ) -> RunParams {
        let width = config.cell.gates() * d;
        let [w_ih, w_hh, bias] = config.inits(inputs, d);
        RunParams {
            w_ih: scope.add("w_ih", [inputs, width], w_ih),
            w_hh: scope.add("w_hh", [d, width], w_hh),
            bias: scope.add("bias", [width], bias),
            bias_hn: (config.cell == Cell::Gru).then(|| scope.add("bias_hn", [d], Init::Zeros)),
            norms: config.layer_norm.then(|| LayerNorms::new(scope, d)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Params;
    use crate::random::Key;

    #[test]
    fn weight_decay_spares_biases() {
        let mut params = Params::<f32>::new(0);
        let config = RecurrentConfig::new(Cell::Lstm, 2);
        Recurrent::new(&mut params.scope("lstm"), 3, config);
        let bias = params.id("lstm.layer0.forward.bias").expect("a bias");
        assert!(!params.entry(bias).decay);
    }

    #[test]
    fn a_stretch_continues_where_the_last_one_ended() {
        let mut params = Params::<f64>::new(3);
        let config = RecurrentConfig {
            layers: 2,
            ..RecurrentConfig::new(Cell::Lstm, 4)
        };
        let lstm = Recurrent::new(&mut params.scope("lstm"), 2, config);
        let key = Key::new(1);
        let x = Tensor::from_vec((0..24).map(|i| key.normal(i)).collect(), [12, 2]);
        let pass = Pass::evaluation(&params);
        let whole = lstm.forward(&pass, &x, &Ragged::new(&[6, 6]), None);
        let half = Ragged::new(&[3, 3]);
        let first = lstm.forward(&pass, &x.narrow(0, 0, 6), &half, None);
        let second = lstm.forward(
            &pass,
            &x.narrow(0, 6, 6),
            &half,
            Some(&first.states.detach()),
        );
        assert_eq!(second.y.data(), whole.y.narrow(0, 6, 6).data());
        assert_eq!(second.states.last().data(), whole.states.last().data());
    }

    /// The outputs `[3, D]` of such a layer over one sequence of three equal steps.
    fn outputs(config: RecurrentConfig, training: bool) -> Vec<f64> {
        let mut params = Params::<f64>::new(3);
        let layer = Recurrent::new(&mut params.scope("layer"), 2, config);
        let pass = match training {
            true => Pass::training(&params, Key::new(1)),
            false => Pass::evaluation(&params),
        };
        let x = Tensor::full([3, 2], 1.0);
        let out = layer.forward(&pass, &x, &Ragged::new(&[3]), None);
        out.y.to_vec()
    }

    #[test]
    fn dropout_lies_between_layers_in_training_alone() {
        let config = |layers, locked| RecurrentConfig {
            layers,
            dropout: 0.5,
            locked,
            ..RecurrentConfig::new(Cell::Gru, 8)
        };
        let trained = |layers, locked| outputs(config(layers, locked), true);
        let evaluated = |layers, locked| outputs(config(layers, locked), false);
        for locked in [false, true] {
            assert_eq!(trained(1, locked), evaluated(1, locked));
            assert_ne!(trained(2, locked), evaluated(2, locked));
        }
        assert_ne!(trained(2, false), trained(2, true));
    }

    #[test]
    fn weight_dropout_takes_recurrent_weights_in_training_alone() {
        let config = |weight_dropout| RecurrentConfig {
            weight_dropout,
            ..RecurrentConfig::new(Cell::Lstm, 8)
        };
        let (plain, dropped) = (outputs(config(0.0), true), outputs(config(0.5), true));
        // The first step reads no weight between states, the second one does.
        assert_eq!(plain[..8], dropped[..8]);
        assert_ne!(plain[8..16], dropped[8..16]);
        assert_eq!(outputs(config(0.5), false), plain);
    }

    #[test]
    fn the_last_layer_may_have_another_size() {
        let mut params = Params::<f32>::new(0);
        let config = RecurrentConfig {
            layers: 3,
            last_size: Some(5),
            bidirectional: true,
            ..RecurrentConfig::new(Cell::Lstm, 4)
        };
        let lstm = Recurrent::new(&mut params.scope("lstm"), 2, config);
        let sequences = Ragged::new(&[2, 1]);
        let pass = Pass::evaluation(&params);
        let zeros = lstm.zero_states(2);
        let out = lstm.forward(&pass, &Tensor::full([3, 2], 1.0), &sequences, Some(&zeros));
        assert_eq!(out.y.dims(), [3, 10]);
        assert_eq!(out.states.last().dims(), [2, 10]);
        let widths: Vec<_> = zeros.h.iter().map(|h| h.dim(1)).collect();
        assert_eq!(widths, [4, 4, 4, 4, 5, 5]);
    }
}
