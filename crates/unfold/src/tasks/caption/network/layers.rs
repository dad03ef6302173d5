//! Recurrent layers that read the words and have met the picture before them: as a first word (Vinyals et al. 2015;
//! NeuralTalk2) or as the states that they begin with, the pre-inject and init-inject of Tanti, Gatt and Camilleri (2018).

use super::first_states::FirstStates;
use super::{Memory, SPREAD, Seen, Step, Written, one_step};
use crate::nn::{Dropout, Embedding, Linear, Pass, Recurrent, RecurrentConfig, Scope};
use crate::ragged::Ragged;
use crate::tasks::caption::config::LayersConfig;
use crate::tasks::encoder::spread;
use crate::tensor::Tensor;

pub(in crate::tasks::caption) struct Layers {
    table: Embedding,
    picture: Entrance,
    recurrent: Recurrent,
    dropout: Dropout,
    head: Linear,
}

/// Where the picture comes in.
#[derive(Clone, Copy)]
pub(super) enum Place {
    FirstInput,
    InitialState,
}

/// What the picture goes through there.
enum Entrance {
    /// To a vector as words have one.
    FirstInput(Linear),
    InitialState(FirstStates),
}

impl Layers {
    pub(super) fn new(
        scope: &mut Scope<'_, f32>,
        place: Place,
        config: &LayersConfig,
        channels: usize,
        classes: usize,
    ) -> Layers {
        let (c, d) = (config.embedding_size, config.hidden_size);
        let layers = RecurrentConfig {
            layers: config.layers,
            dropout: config.dropout,
            ..RecurrentConfig::new(config.cell.into(), d)
        };
        Layers {
            table: Embedding::with_init(&mut scope.scope("embedding"), classes, c, SPREAD),
            picture: match place {
                Place::FirstInput => {
                    Entrance::FirstInput(Linear::new(&mut scope.scope("picture"), channels, c))
                }
                Place::InitialState => {
                    Entrance::InitialState(FirstStates::new(scope, channels, &layers))
                }
            },
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
        let drop = |x: &Tensor| self.dropout.forward(pass, x);
        let run = &self.recurrent;
        let x = self.table.forward(pass, words); // [N, C]
        let y = match &self.picture {
            Entrance::FirstInput(picture) => {
                let first = spread(&picture.forward(pass, features), pictures); // [B, C]
                // The rows of the first step come first.
                let x = drop(&Tensor::concat(&[&first, &x], 0)); // [B + N, C]
                let longer: Vec<usize> = sequences.lengths().iter().map(|len| len + 1).collect();
                let y = run.forward(pass, &x, &Ragged::new(&longer), None).y;
                y.narrow(0, sequences.batch(), words.len()) // [N, D]
            }
            Entrance::InitialState(first) => {
                let states = first.forward(pass, &drop(features), pictures, run);
                run.forward(pass, &drop(&x), sequences, Some(&states)).y // [N, D]
            }
        };
        Written {
            logits: self.head.forward(pass, &drop(&y)),
            penalty: None,
        }
    }

    pub(super) fn begin(&self, pass: &Pass<f32>, features: &Tensor, pictures: &[u32]) -> Memory {
        let run = &self.recurrent;
        let states = match &self.picture {
            Entrance::FirstInput(picture) => {
                let first = spread(&picture.forward(pass, features), pictures); // [B, C]
                let one = one_step(pictures.len());
                run.forward(pass, &first, &one, None).states
            }
            Entrance::InitialState(first) => first.forward(pass, features, pictures, run),
        };
        Memory {
            states,
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
