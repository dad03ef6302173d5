//! The picture as the first word (Vinyals et al. 2015; NeuralTalk2).

use super::{Memory, SPREAD, Seen, Step, Written, one_step};
use crate::nn::{Dropout, Embedding, Linear, Pass, Recurrent, RecurrentConfig, Scope};
use crate::ragged::Ragged;
use crate::tasks::caption::config::FirstInputConfig;
use crate::tasks::encoder::spread;
use crate::tensor::Tensor;

pub(in crate::tasks::caption) struct FirstInput {
    table: Embedding,
    picture: Linear,
    recurrent: Recurrent,
    dropout: Dropout,
    head: Linear,
}

impl FirstInput {
    pub(super) fn new(
        scope: &mut Scope<'_, f32>,
        config: &FirstInputConfig,
        channels: usize,
        classes: usize,
    ) -> FirstInput {
        let (c, d) = (config.embedding_size, config.hidden_size);
        let layers = RecurrentConfig {
            layers: config.layers,
            dropout: config.dropout,
            ..RecurrentConfig::new(config.cell.into(), d)
        };
        FirstInput {
            table: Embedding::with_init(&mut scope.scope("embedding"), classes, c, SPREAD),
            picture: Linear::new(&mut scope.scope("picture"), channels, c),
            recurrent: Recurrent::new(&mut scope.scope("recurrent"), c, layers),
            dropout: Dropout::new(config.dropout),
            head: Linear::new(&mut scope.scope("head"), d, classes),
        }
    }

    pub(super) fn head(&self) -> &Linear {
        &self.head
    }

    pub(super) fn forward(
        &self,
        pass: &Pass<f32>,
        features: &Tensor,
        pictures: &[u32],
        words: &[u32],
        sequences: &Ragged,
    ) -> Written {
        let (n, b) = (words.len(), sequences.batch());
        let drop = |x: &Tensor| self.dropout.forward(pass, x);
        let first = self.see(pass, features, pictures); // [B, C]
        let x = self.table.forward(pass, words); // [N, C]
        // The rows of the first step come first.
        let x = drop(&Tensor::concat(&[&first, &x], 0)); // [B + N, C]
        let longer: Vec<usize> = sequences.lengths().iter().map(|len| len + 1).collect();
        let y = self
            .recurrent
            .forward(pass, &x, &Ragged::new(&longer), None)
            .y;
        Written {
            logits: self.head.forward(pass, &drop(&y.narrow(0, b, n))),
            penalty: None,
        }
    }

    /// What is read before the first word.
    fn see(&self, pass: &Pass<f32>, features: &Tensor, pictures: &[u32]) -> Tensor {
        spread(&self.picture.forward(pass, features), pictures)
    }

    pub(super) fn begin(&self, pass: &Pass<f32>, features: &Tensor, pictures: &[u32]) -> Memory {
        let first = self.see(pass, features, pictures);
        let one = one_step(pictures.len());
        Memory {
            states: self.recurrent.forward(pass, &first, &one, None).states,
            seen: Seen::Nothing,
        }
    }

    pub(super) fn step(&self, pass: &Pass<f32>, words: &[u32], memory: &mut Memory) -> Step {
        let x = self.table.forward(pass, words);
        let (run, states) = (&self.recurrent, Some(&memory.states));
        let out = run.forward(pass, &x, &one_step(words.len()), states);
        memory.states = out.states;
        Step {
            logits: self.head.forward(pass, &out.y),
            alpha: None,
        }
    }
}
