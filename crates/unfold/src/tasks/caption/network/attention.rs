//! Soft attention over the places of a picture before each word (Xu et al. 2015).

use super::first_states::FirstStates;
use super::{Memory, SPREAD, Seen, Step, Written, one_step};
use crate::nn::{
    Dropout, Embedding, Init, Linear, ParamId, Pass, Recurrent, RecurrentConfig, Scope, States,
};
use crate::ops::Attended;
use crate::ragged::Ragged;
use crate::tasks::caption::config::AttentionConfig;
use crate::tasks::encoder::spread;
use crate::tensor::Tensor;

pub(in crate::tasks::caption) struct Attention {
    table: Embedding,
    places: Linear,
    keys: Linear,
    query: Linear,
    score: ParamId,
    gate: Linear,
    first: FirstStates,
    recurrent: Recurrent,
    evenness: f64,
    dropout: Dropout,
    head: Linear,
}

/// The places of pictures: keys `[B, L, K]` and values `[B, L, Z]`.
struct Places {
    keys: Tensor,
    values: Tensor,
}

impl Attention {
    pub(super) fn new(
        scope: &mut Scope<'_, f32>,
        config: &AttentionConfig,
        channels: usize,
        classes: usize,
    ) -> Attention {
        let AttentionConfig {
            hidden_size: d,
            embedding_size: c,
            context_size: z,
            attention_size: k,
            ..
        } = *config;
        let layer = RecurrentConfig::new(config.cell.into(), d);
        Attention {
            table: Embedding::with_init(&mut scope.scope("embedding"), classes, c, SPREAD),
            places: Linear::new(&mut scope.scope("places"), channels, z),
            keys: Linear::new(&mut scope.scope("keys"), z, k),
            query: Linear::without_bias(&mut scope.scope("query"), d, k),
            score: scope.scope("score").add("weight", [k], Init::Normal(0.1)),
            gate: Linear::new(&mut scope.scope("gate"), d, z),
            first: FirstStates::new(scope, z, &layer),
            recurrent: Recurrent::new(&mut scope.scope("recurrent"), c + z, layer),
            evenness: config.evenness,
            dropout: Dropout::new(config.dropout),
            head: Linear::new(&mut scope.scope("head"), d + z, classes),
        }
    }

    pub(super) fn head(&self) -> &Linear {
        &self.head
    }

    /// The places of pictures with features `[P, L, C]`, and the first states, for sentences about those of these numbers.
    fn look(&self, pass: &Pass<f32>, features: &Tensor, pictures: &[u32]) -> (Places, States) {
        let values = self.dropout.forward(pass, features);
        let values = self.places.forward(pass, &values).relu(); // [P, L, Z]
        let keys = self.keys.forward(pass, &values); // [P, L, K]
        let mean = values.mean_axis(1); // [P, Z]
        let states = self.first.forward(pass, &mean, pictures, &self.recurrent);
        let places = Places {
            keys: spread(&keys, pictures),
            values: spread(&values, pictures),
        };
        (places, states)
    }

    /// A step of the first R sequences with word vectors `[R, C]` from states `[R, D]`: z_t, α_t, and h_t with the new states.
    fn go_on(
        &self,
        pass: &Pass<f32>,
        x: &Tensor,
        places: &Places,
        states: &States,
    ) -> (Tensor, Tensor, Tensor, States) {
        let h = states.last();
        let query = self.query.forward(pass, &h); // [R, K]
        let score = pass.param(self.score);
        let Attended { context, alpha } = query.attention(&places.keys, &score, &places.values);
        let z = self.gate.forward(pass, &h).sigmoid().mul(&context); // [R, Z]
        let x = Tensor::concat(&[x, &z], 1); // [R, C + Z]
        let one = one_step(x.dim(0));
        let out = self.recurrent.forward(pass, &x, &one, Some(states));
        (z, alpha, out.y, out.states)
    }

    pub(super) fn forward(
        &self,
        pass: &Pass<f32>,
        features: &Tensor,
        pictures: &[u32],
        words: &[u32],
        sequences: &Ragged,
    ) -> Written {
        let (places, mut states) = self.look(pass, features, pictures);
        let x = self.dropout.forward(pass, &self.table.forward(pass, words)); // [N, C]
        let (mut outputs, mut looked) = (Vec::new(), Vec::new());
        for t in 0..sequences.steps() {
            let alive = sequences.alive(t);
            let first = |state: &Tensor| state.narrow(0, 0, alive);
            states.h.iter_mut().for_each(|h| *h = first(h));
            states.c.iter_mut().for_each(|c| *c = first(c));
            let word = x.narrow(0, sequences.row(t, 0), alive);
            let (z, alpha, h, new) = self.go_on(pass, &word, &places, &states);
            states = new;
            outputs.push(Tensor::concat(&[&h, &z], 1)); // [alive, D + Z]
            looked.push(alpha);
        }
        let y = Tensor::concat(&outputs.iter().collect::<Vec<_>>(), 0); // [N, D + Z]
        let wanted = pass.is_training() && self.evenness > 0.0;
        Written {
            logits: self.head.forward(pass, &self.dropout.forward(pass, &y)),
            penalty: wanted.then(|| self.unevenness(&looked, sequences)),
        }
    }

    /// λ / N Σ_b Σ_l (1 - Σ_t α_tl)², with N words: the loss beside it is a mean over words.
    fn unevenness(&self, looked: &[Tensor], sequences: &Ragged) -> Tensor {
        let batch = sequences.batch();
        let places = looked[0].dim(1);
        let padded = looked.iter().map(|alpha| match batch - alpha.dim(0) {
            0 => alpha.clone(),
            ended => Tensor::concat(&[alpha, &Tensor::zeros([ended, places])], 0),
        });
        let sum = padded.reduce(|sum, alpha| sum.add(&alpha)).expect("a step");
        let uneven = sum.affine(-1.0, 1.0).square().sum();
        uneven.affine(self.evenness / sequences.rows() as f64, 0.0)
    }

    pub(super) fn begin(&self, pass: &Pass<f32>, features: &Tensor, pictures: &[u32]) -> Memory {
        let (Places { keys, values }, states) = self.look(pass, features, pictures);
        Memory {
            states,
            seen: Seen::Places { keys, values },
        }
    }

    pub(super) fn step(&self, pass: &Pass<f32>, words: &[u32], memory: &mut Memory) -> Step {
        let Seen::Places { keys, values } = &memory.seen else {
            unreachable!("the places of a picture")
        };
        let (keys, values) = (keys.clone(), values.clone());
        let x = self.table.forward(pass, words);
        let places = Places { keys, values };
        let (z, alpha, h, states) = self.go_on(pass, &x, &places, &memory.states);
        memory.states = states;
        Step {
            logits: self.head.forward(pass, &Tensor::concat(&[&h, &z], 1)),
            alpha: Some(alpha),
        }
    }
}
