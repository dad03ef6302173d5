//! The multimodal recurrent network of Karpathy and Fei-Fei (2015, section 3.2), with any cell.

use super::{Memory, SPREAD, Seen, Step, Written, one_step};
use crate::nn::{
    Dropout, Embedding, Init, Linear, ParamId, Pass, Recurrent, RecurrentConfig, Scope, States,
};
use crate::ops::{self, Cell, Recurrence};
use crate::ragged::Ragged;
use crate::tasks::caption::config::MultimodalConfig;
use crate::tasks::encoder::spread;
use crate::tensor::Tensor;

pub(in crate::tasks::caption) struct Multimodal {
    table: Embedding,
    recurrent: Recurrent,
    /// W_hi of all gates, `[C', G D]`, for pictures of C' features.
    picture: ParamId,
    dropout: Dropout,
    head: Linear,
}

impl Multimodal {
    pub(super) fn new(
        scope: &mut Scope<'_, f32>,
        config: &MultimodalConfig,
        channels: usize,
        classes: usize,
    ) -> Multimodal {
        let (c, d) = (config.embedding_size, config.hidden_size);
        let cell: Cell = config.cell.into();
        let width = cell.gates() * d;
        let layer = RecurrentConfig::new(cell, d);
        Multimodal {
            table: Embedding::with_init(&mut scope.scope("embedding"), classes, c, SPREAD),
            recurrent: Recurrent::new(&mut scope.scope("recurrent"), c, layer),
            picture: scope
                .scope("picture")
                .add("weight", [channels, width], Init::FanInUniform),
            dropout: Dropout::new(config.dropout),
            head: Linear::new(&mut scope.scope("head"), d, classes),
        }
    }

    pub(super) fn head(&self) -> &Linear {
        &self.head
    }

    /// h_1 `[B, D]` and the states of the layer's first step from zeros, of words `[B, C]` and pictures `[B, C']`: W_hi CNN(I)
    /// is added where it belongs if both are read as one input, through W_hx and W_hi one above the other.
    fn first(&self, pass: &Pass<f32>, x: &Tensor, pictures: &Tensor) -> (Tensor, States) {
        let ([w_ih, w_hh, bias], bias_hn) = self.recurrent.first_layer();
        let input = Tensor::concat(&[x, pictures], 1); // [B, C + C']
        let w_ih = Tensor::concat(&[&pass.param(w_ih), &pass.param(self.picture)], 0);
        let run = input.recurrent(
            &one_step(x.dim(0)),
            &[ops::Recurrent {
                cell: self.recurrent.config().cell,
                reverse: false,
                w_ih: &w_ih, // [C + C', G D]
                w_hh: &pass.param(w_hh),
                bias: &pass.param(bias),
                bias_hn: bias_hn.map(|id| pass.param(id)).as_ref(),
                h0: None,
                c0: None,
            }],
        );
        let [Recurrence { y, h, c }] = <[_; 1]>::try_from(run).expect("one direction");
        let mut states = self.recurrent.zero_states(x.dim(0));
        states.h = vec![h];
        states.c = c.into_iter().collect();
        (y, states)
    }

    pub(super) fn forward(
        &self,
        pass: &Pass<f32>,
        features: &Tensor,
        pictures: &[u32],
        words: &[u32],
        sequences: &Ragged,
    ) -> Written {
        let b = sequences.batch();
        let drop = |x: &Tensor| self.dropout.forward(pass, x);
        let x = drop(&self.table.forward(pass, words)); // [N, C]
        let seen = spread(&drop(features), pictures); // [B, C']
        let (h, mut states) = self.first(pass, &x.narrow(0, 0, b), &seen);
        // Sentences of one step have no second one.
        let later: Vec<usize> = sequences.lengths().iter().map(|len| len - 1).collect();
        let running = later.iter().filter(|len| **len > 0).count();
        let y = if running == 0 {
            h
        } else {
            let rest = x.narrow(0, b, words.len() - b);
            let all = states.h.iter_mut().chain(&mut states.c);
            all.for_each(|state| *state = state.narrow(0, 0, running));
            let later = Ragged::new(&later[..running]);
            let y = self.recurrent.forward(pass, &rest, &later, Some(&states)).y;
            Tensor::concat(&[&h, &y], 0) // [N, D]
        };
        Written {
            logits: self.head.forward(pass, &drop(&y)),
            penalty: None,
        }
    }

    pub(super) fn begin(&self, _: &Pass<f32>, features: &Tensor, pictures: &[u32]) -> Memory {
        Memory {
            states: self.recurrent.zero_states(pictures.len()),
            seen: Seen::Added(spread(features, pictures)),
        }
    }

    pub(super) fn step(&self, pass: &Pass<f32>, words: &[u32], memory: &mut Memory) -> Step {
        let x = self.table.forward(pass, words);
        let (y, states) = match std::mem::replace(&mut memory.seen, Seen::Nothing) {
            Seen::Added(pictures) => self.first(pass, &x, &pictures),
            _ => {
                let (run, states) = (&self.recurrent, Some(&memory.states));
                let out = run.forward(pass, &x, &one_step(words.len()), states);
                (out.y, out.states)
            }
        };
        memory.states = states;
        Step {
            logits: self.head.forward(pass, &y),
            alpha: None,
        }
    }
}
