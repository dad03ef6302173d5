//! The network of a language model: word vectors, recurrent layers, scores for all words.

use super::config::{DropoutConfig, LanguageConfig};
use crate::nn::{
    ActivationPenalty, AdaptiveSoftmax, Dropout, Embedding, GateBias, Init, Linear, LockedDropout,
    ParamId, Params, Pass, Recurrent, RecurrentConfig, RecurrentInit, States,
};
use crate::ops::CrossEntropy;
use crate::ragged::Ragged;
use crate::tensor::Tensor;

/// Predicts each next word from all words before it.
#[derive(Clone, Debug)]
pub(super) struct Network {
    table: Embedding,
    recurrent: Recurrent,
    head: Head,
    input: Drop,
    output: Drop,
    penalty: Option<ActivationPenalty>,
}

/// Dropout, drawn anew at each step or the same at all steps of a window.
#[derive(Clone, Debug)]
enum Drop {
    Plain(Dropout),
    Locked(LockedDropout),
}

impl Drop {
    fn new(probability: f64, locked: bool) -> Drop {
        match locked {
            true => Drop::Locked(LockedDropout::new(probability)),
            false => Drop::Plain(Dropout::new(probability)),
        }
    }

    fn forward(&self, pass: &Pass<f32>, x: &Tensor, sequences: &Ragged) -> Tensor {
        match self {
            Drop::Plain(dropout) => dropout.forward(pass, x),
            Drop::Locked(dropout) => dropout.forward(pass, x, sequences),
        }
    }
}

/// From the last layer's states to the scores of all words.
#[derive(Clone, Debug)]
pub(super) enum Head {
    Own(Linear),
    /// The word vectors again, and a bias for each word.
    Tied {
        table: ParamId,
        bias: ParamId,
    },
    Adaptive(AdaptiveSoftmax),
}

/// Features of each further tail of an adaptive softmax: a quarter of those before.
const DIV_VALUE: f64 = 4.0;

impl Network {
    /// Adds the network's parameters to `params`, for `classes` words.
    pub(super) fn new(
        params: &mut Params<f32>,
        config: &LanguageConfig,
        classes: usize,
    ) -> Network {
        let spread = config.init.map_or(Init::Normal(0.1), Init::Uniform);
        let DropoutConfig {
            words,
            input,
            hidden,
            output,
            weights,
            locked,
        } = config.dropout;
        let mut scope = params.scope("embedding");
        let table = Embedding::with_init(&mut scope, classes, config.embedding_size, spread)
            .with_dropout(words);
        let layers = RecurrentConfig {
            layers: config.layers,
            last_size: Some(config.units(config.layers - 1)),
            dropout: hidden,
            weight_dropout: weights,
            layer_norm: config.layer_norm,
            locked,
            init: config
                .init
                .map_or(RecurrentInit::default(), RecurrentInit::Uniform),
            gate_bias: GateBias::Forget(config.forget_bias),
            ..RecurrentConfig::new(config.cell.into(), config.hidden_size)
        };
        let mut scope = params.scope("recurrent");
        let recurrent = Recurrent::new(&mut scope, config.embedding_size, layers);
        let mut scope = params.scope("head");
        let outputs = recurrent.config().outputs();
        let head = match config.tied {
            true => Head::Tied {
                table: table.weight(),
                bias: scope.add("bias", [classes], Init::Zeros),
            },
            false if config.cutoffs.is_empty() => {
                Head::Own(Linear::new(&mut scope, outputs, classes))
            }
            false => {
                let cutoffs = &config.cutoffs;
                let head = AdaptiveSoftmax::new(&mut scope, outputs, classes, cutoffs, DIV_VALUE);
                Head::Adaptive(head)
            }
        };
        Network {
            table,
            recurrent,
            head,
            input: Drop::new(input, locked),
            output: Drop::new(output, locked),
            penalty: (config.ar > 0.0 || config.tar > 0.0).then_some(ActivationPenalty {
                alpha: config.ar,
                beta: config.tar,
            }),
        }
    }

    /// The word vectors, `[V, C]`.
    pub(super) fn table(&self) -> ParamId {
        self.table.weight()
    }

    /// What gives the scores.
    pub(super) fn head(&self) -> &Head {
        &self.head
    }

    /// The recurrent layers.
    pub(super) fn recurrent(&self) -> &Recurrent {
        &self.recurrent
    }

    /// The last layer's states after each word, `[N, D]`, and all states after the last ones.
    pub(super) fn read(
        &self,
        pass: &Pass<f32>,
        words: &[u32],
        sequences: &Ragged,
        states: &States,
    ) -> (Tensor, States) {
        let x = self.table.forward(pass, words); // [N, C]
        let x = self.input.forward(pass, &x, sequences);
        let out = self.recurrent.forward(pass, &x, sequences, Some(states));
        (out.y, out.states)
    }

    /// The scores of all words after states `[N, D]`: `[N, V]`.
    pub(super) fn logits(&self, pass: &Pass<f32>, y: &Tensor) -> Tensor {
        match &self.head {
            Head::Own(linear) => linear.forward(pass, y),
            Head::Tied { table, bias } => {
                let logits = y.linear_t(&pass.param(*table), Some(&pass.param(*bias)));
                pass.watch("head", logits)
            }
            Head::Adaptive(softmax) => softmax.log_probabilities(pass, y),
        }
    }

    /// The mean of -ln p(next word) over all places, in training with penalties, and the states
    /// after them.
    pub(super) fn loss(
        &self,
        pass: &Pass<f32>,
        window: &Window,
        states: &States,
    ) -> (Tensor, States) {
        let (y, states) = self.read(pass, &window.words, &window.sequences, states);
        let dropped = self.output.forward(pass, &y, &window.sequences);
        let mut loss = match &self.head {
            Head::Adaptive(softmax) => softmax.loss(pass, &dropped, &window.next),
            _ => {
                let logits = self.logits(pass, &dropped);
                logits.cross_entropy(&window.next, &CrossEntropy::default())
            }
        };
        if let Some(penalty) = self.penalty.filter(|_| pass.is_training()) {
            loss = loss.add(&penalty.forward(&dropped, &y, &window.sequences));
        }
        (loss, states)
    }
}

/// Some words of each column, and the words that follow each, time by time.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) words: Vec<u32>,
    pub(super) next: Vec<u32>,
    pub(super) sequences: Ragged,
}
