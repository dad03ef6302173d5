//! The multimodal recurrent network of Karpathy and Fei-Fei (2015, section 3.2).

use super::{Memory, SPREAD, Seen, Step, Written, one_step};
use crate::nn::{Dropout, Embedding, Linear, ParamId, Pass, Recurrent, Scope, States};
use crate::nn::{RecurrentConfig, RecurrentInit};
use crate::ops::Cell;
use crate::ragged::Ragged;
use crate::tasks::caption::config::MultimodalConfig;
use crate::tasks::encoder::spread;
use crate::tensor::Tensor;

pub(in crate::tasks::caption) struct Multimodal {
    table: Embedding,
    recurrent: Recurrent,
    /// W_hx and b_h.
    first: [ParamId; 2],
    /// W_hi, without a bias: b_h is the layer's.
    picture: Linear,
    relu: bool,
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
        let table = Embedding::with_init(&mut scope.scope("embedding"), classes, c, SPREAD);
        let cell: Cell = config.cell.into();
        let layer = RecurrentConfig {
            init: RecurrentInit::Orthogonal,
            ..RecurrentConfig::new(cell, d)
        };
        let recurrent = Recurrent::new(&mut scope.scope("recurrent"), c, layer);
        Multimodal {
            table,
            first: recurrent.input_layer(),
            recurrent,
            picture: Linear::without_bias(&mut scope.scope("picture"), channels, d),
            relu: cell == Cell::ElmanRelu,
            dropout: Dropout::new(config.dropout),
            head: Linear::new(&mut scope.scope("head"), d, classes),
        }
    }

    pub(super) fn head(&self) -> &Linear {
        &self.head
    }

    /// h_1 `[B, D]`: there is no state before it, so no W_hh.
    fn first(&self, pass: &Pass<f32>, x: &Tensor, picture: &Tensor) -> Tensor {
        let [u, b] = self.first.map(|id| pass.param(id));
        let sum = x.linear(&u, Some(&b)).add(picture);
        match self.relu {
            true => sum.relu(),
            false => sum.tanh(),
        }
    }

    fn states(&self, h: Tensor) -> States {
        let mut states = self.recurrent.zero_states(h.dim(0));
        states.h = vec![h];
        states
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
        let picture = self.picture.forward(pass, &drop(features)); // [P, D]
        let picture = spread(&picture, pictures); // [B, D]
        let h = self.first(pass, &x.narrow(0, 0, b), &picture);
        // Sentences of one step have no second one.
        let later: Vec<usize> = sequences.lengths().iter().map(|len| len - 1).collect();
        let running = later.iter().filter(|len| **len > 0).count();
        let y = if running == 0 {
            h
        } else {
            let rest = x.narrow(0, b, words.len() - b);
            let states = self.states(h.narrow(0, 0, running));
            let later = Ragged::new(&later[..running]);
            let y = self.recurrent.forward(pass, &rest, &later, Some(&states)).y;
            Tensor::concat(&[&h, &y], 0) // [N, D]
        };
        Written {
            logits: self.head.forward(pass, &drop(&y)),
            penalty: None,
        }
    }

    pub(super) fn begin(&self, pass: &Pass<f32>, features: &Tensor, pictures: &[u32]) -> Memory {
        let picture = self.picture.forward(pass, features);
        Memory {
            states: self.recurrent.zero_states(pictures.len()),
            seen: Seen::Added(spread(&picture, pictures)),
        }
    }

    pub(super) fn step(&self, pass: &Pass<f32>, words: &[u32], memory: &mut Memory) -> Step {
        let x = self.table.forward(pass, words);
        let h = match std::mem::replace(&mut memory.seen, Seen::Nothing) {
            Seen::Added(picture) => self.first(pass, &x, &picture),
            _ => {
                let (run, states) = (&self.recurrent, Some(&memory.states));
                run.forward(pass, &x, &one_step(words.len()), states).y
            }
        };
        memory.states = self.states(h.clone());
        Step {
            logits: self.head.forward(pass, &h),
            alpha: None,
        }
    }
}
