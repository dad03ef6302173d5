//! The networks that write captions: a picture's features and words in, scores for each next word out.
//!
//! Word 0 stands before the first word and after the last one.

mod attention;
mod first_states;
mod layers;
mod multimodal;

use super::config::CaptionConfig;
use crate::nn::{Init, Linear, Params, Pass, States};
use crate::ragged::Ragged;
use crate::tasks::encoder::spread;
use crate::tensor::Tensor;

use attention::Attention;
use layers::{Layers, Place};
use multimodal::Multimodal;

/// Word vectors start normal with this deviation.
const SPREAD: Init = Init::Normal(0.1);

/// A network that writes.
pub(super) enum Network {
    Multimodal(Multimodal),
    Layers(Layers),
    Attention(Box<Attention>),
}

/// What [`Network::forward`] gives.
pub(super) struct Written {
    /// The scores of all words after each word, `[N, V]`.
    pub(super) logits: Tensor,
    /// What looking unevenly costs, where the network looks and trains.
    pub(super) penalty: Option<Tensor>,
}

/// What a network knows between two words, for some streams.
#[derive(Clone)]
pub(super) struct Memory {
    states: States,
    seen: Seen,
}

/// What stays of the pictures, `[R, ..]` for R streams.
#[derive(Clone)]
enum Seen {
    /// Nothing: it is in the states.
    Nothing,
    /// CNN(I), until the first step.
    Added(Tensor),
    /// Keys and values of the places.
    Places { keys: Tensor, values: Tensor },
}

impl Memory {
    /// The streams with these numbers, in this order. Streams of one picture may be exchanged for each other alone.
    pub(super) fn select(&mut self, streams: &[usize]) {
        let rows: Vec<u32> = streams.iter().map(|&stream| stream as u32).collect();
        let all = self.states.h.iter_mut().chain(&mut self.states.c);
        all.for_each(|state| *state = state.gather(&rows));
    }

    /// The streams with these numbers alone, in this order and as often as they are named, of whichever pictures.
    pub(super) fn keep(&mut self, streams: &[usize]) {
        self.select(streams);
        let rows: Vec<u32> = streams.iter().map(|&stream| stream as u32).collect();
        match &mut self.seen {
            Seen::Nothing => {}
            Seen::Added(picture) => *picture = spread(picture, &rows),
            Seen::Places { keys, values } => {
                *keys = spread(keys, &rows);
                *values = spread(values, &rows);
            }
        }
    }
}

/// What a step gives for each stream.
pub(super) struct Step {
    /// The scores of all words, `[R, V]`.
    pub(super) logits: Tensor,
    /// Where it looked, `[R, L]`, if it looks.
    pub(super) alpha: Option<Tensor>,
}

impl Network {
    /// Adds the network's parameters to `params`, for pictures of `features` `[L, C]` and so many words.
    pub(super) fn new(
        params: &mut Params<f32>,
        config: &CaptionConfig,
        features: [usize; 2],
        classes: usize,
    ) -> Network {
        let mut scope = params.scope("decoder");
        let scope = &mut scope;
        let channels = features[1];
        match config {
            CaptionConfig::Multimodal(config) => {
                Network::Multimodal(Multimodal::new(scope, config, channels, classes))
            }
            CaptionConfig::FirstInput(config) => {
                let place = Place::FirstInput;
                Network::Layers(Layers::new(scope, place, config, channels, classes))
            }
            CaptionConfig::InitialState(config) => {
                let place = Place::InitialState;
                Network::Layers(Layers::new(scope, place, config, channels, classes))
            }
            CaptionConfig::Attention(config) => {
                let network = Attention::new(scope, config, channels, classes);
                Network::Attention(Box::new(network))
            }
        }
    }

    /// What gives the scores.
    pub(super) fn head(&self) -> &Linear {
        match self {
            Network::Multimodal(network) => network.head(),
            Network::Layers(network) => network.head(),
            Network::Attention(network) => network.head(),
        }
    }

    /// The scores after each word `[N]` of sentences, of which the one of number b is about the picture `pictures[b]` of those
    /// with these features, `[P, ..]`.
    pub(super) fn forward(
        &self,
        pass: &Pass<f32>,
        features: &Tensor,
        pictures: &[u32],
        words: &[u32],
        sequences: &Ragged,
    ) -> Written {
        match self {
            Network::Multimodal(network) => {
                network.forward(pass, features, pictures, words, sequences)
            }
            Network::Layers(network) => network.forward(pass, features, pictures, words, sequences),
            Network::Attention(network) => {
                network.forward(pass, features, pictures, words, sequences)
            }
        }
    }

    /// Streams that have seen their pictures and no word: the stream r the picture `pictures[r]` of those with these features,
    /// `[P, ..]`.
    pub(super) fn begin(&self, pass: &Pass<f32>, features: &Tensor, pictures: &[u32]) -> Memory {
        match self {
            Network::Multimodal(network) => network.begin(pass, features, pictures),
            Network::Layers(network) => network.begin(pass, features, pictures),
            Network::Attention(network) => network.begin(pass, features, pictures),
        }
    }

    /// Reads a word in each stream.
    pub(super) fn step(&self, pass: &Pass<f32>, words: &[u32], memory: &mut Memory) -> Step {
        match self {
            Network::Multimodal(network) => network.step(pass, words, memory),
            Network::Layers(network) => network.step(pass, words, memory),
            Network::Attention(network) => network.step(pass, words, memory),
        }
    }
}

/// One step of each of so many streams.
fn one_step(streams: usize) -> Ragged {
    Ragged::new(&vec![1; streams])
}

#[cfg(test)]
mod tests {
    use super::super::config::{AttentionConfig, LayersConfig, MultimodalConfig};
    use super::*;
    use crate::ragged::{Packed, pack};
    use crate::random::Key;
    use crate::tasks::CellName;

    const CLASSES: usize = 11;

    fn kinds() -> Vec<(CaptionConfig, Vec<usize>)> {
        let multimodal = |cell| {
            CaptionConfig::Multimodal(MultimodalConfig {
                cell,
                hidden_size: 7,
                embedding_size: 5,
                dropout: 0.0,
            })
        };
        let layers = |cell, layers| LayersConfig {
            cell,
            hidden_size: 6,
            layers,
            embedding_size: 5,
            dropout: 0.0,
        };
        let first_input = |cell, count| CaptionConfig::FirstInput(layers(cell, count));
        let initial_state = |cell, count| CaptionConfig::InitialState(layers(cell, count));
        let attention = |cell| {
            CaptionConfig::Attention(AttentionConfig {
                cell,
                hidden_size: 6,
                embedding_size: 5,
                context_size: 4,
                attention_size: 3,
                dropout: 0.0,
                ..AttentionConfig::default()
            })
        };
        vec![
            (multimodal(CellName::ElmanRelu), vec![9]),
            (multimodal(CellName::Elman), vec![9]),
            (multimodal(CellName::Gru), vec![9]),
            (multimodal(CellName::Lstm), vec![9]),
            (first_input(CellName::Lstm, 2), vec![9]),
            (first_input(CellName::Gru, 1), vec![9]),
            (initial_state(CellName::Lstm, 2), vec![9]),
            (initial_state(CellName::Gru, 1), vec![9]),
            (initial_state(CellName::Elman, 2), vec![9]),
            (attention(CellName::Lstm), vec![4, 9]),
            (attention(CellName::Gru), vec![4, 9]),
        ]
    }

    fn made(config: &CaptionConfig, shape: &[usize]) -> (Params<f32>, Network) {
        let mut params = Params::new(3);
        let places = if shape.len() == 2 { shape[0] } else { 1 };
        let network = Network::new(&mut params, config, [places, 9], CLASSES);
        (params, network)
    }

    fn features(pictures: usize, shape: &[usize]) -> Tensor {
        let dims = [&[pictures], shape].concat();
        let len = dims.iter().product::<usize>() as u64;
        let values = (0..len).map(|i| Key::new(5).normal(i) as f32);
        Tensor::from_vec(values.collect(), &dims[..])
    }

    /// Words that are read one by one give the scores that they give together: what is learned is what writes.
    #[test]
    fn steps_give_what_whole_sentences_give() {
        let sentences: [&[u32]; 3] = [&[0, 3, 7, 2], &[0], &[0, 9]];
        for (config, shape) in kinds() {
            let (params, network) = made(&config, &shape);
            let pass = Pass::evaluation(&params);
            let Packed {
                items,
                sequences,
                order,
            } = pack(&sentences);
            let all = features(3, &shape); // in the order of the batch
            let together = network
                .forward(&pass, &all, &[0, 1, 2], &items, &sequences)
                .logits;
            for (b, &sentence) in order.iter().enumerate() {
                let own = Tensor::from_slice(
                    &all.data()[b * all.len() / 3..][..all.len() / 3],
                    &[&[1], &shape[..]].concat()[..],
                );
                let mut memory = network.begin(&pass, &own, &[0]);
                for (t, &word) in sentences[sentence].iter().enumerate() {
                    let step = network.step(&pass, &[word], &mut memory).logits;
                    let expected = &together.data()[sequences.row(t, b) * CLASSES..][..CLASSES];
                    let off = step.data().iter().zip(expected).map(|(a, b)| (a - b).abs());
                    let off = off.fold(0.0, f32::max);
                    assert!(
                        off < 1e-5,
                        "{config:?}: word {t} of sentence {b} is off by {off}"
                    );
                }
            }
        }
    }

    /// Streams that are kept go on as if the others had never been left out.
    #[test]
    fn kept_streams_go_on_as_before() {
        for (config, shape) in kinds() {
            let (params, network) = made(&config, &shape);
            let pass = Pass::evaluation(&params);
            let mut memory = network.begin(&pass, &features(3, &shape), &[0, 1, 2]);
            network.step(&pass, &[0, 0, 0], &mut memory);
            let mut kept = memory.clone();
            kept.keep(&[2, 0]);
            let all = network.step(&pass, &[3, 4, 5], &mut memory).logits;
            let some = network.step(&pass, &[5, 3], &mut kept).logits;
            for (row, own) in [(0, 2), (1, 0)] {
                let (row, own) = (some.narrow(0, row, 1), all.narrow(0, own, 1));
                let off = row
                    .sub(&own)
                    .data()
                    .iter()
                    .fold(0.0, |off, d| d.abs().max(off));
                assert!(off < 1e-5, "{config:?}: a stream is off by {off}");
            }
        }
    }

    /// Every parameter has a part in the loss, and the picture in every word.
    #[test]
    fn everything_learns() {
        for (config, shape) in kinds() {
            let (mut params, network) = made(&config, &shape);
            let packed = pack::<u32>(&[&[0, 3, 7], &[0, 4, 9]]);
            let pass = Pass::training(&params, Key::new(1));
            let seen = features(2, &shape).watch();
            let written = network.forward(&pass, &seen, &[0, 1], &packed.items, &packed.sequences);
            let last = written.logits.narrow(0, 4, 2).square().sum();
            let gradients = params.backward(&pass, last);
            let by_picture = gradients.get(&seen).expect("the picture counts");
            assert!(by_picture.data().iter().any(|g| *g != 0.0), "{config:?}");
            for entry in params.entries() {
                let gradient = &params.grads()[entry.range.clone()];
                assert!(
                    gradient.iter().any(|g| *g != 0.0),
                    "{config:?}: {}",
                    entry.name
                );
            }
        }
    }

    /// After its first word a multimodal network says what the equations of its cell say with W_hi CNN(I) in every gate's sum.
    #[test]
    fn the_picture_is_added_to_every_gate() {
        const D: usize = 7;
        for (config, shape) in kinds() {
            let CaptionConfig::Multimodal(MultimodalConfig { cell, .. }) = &config else {
                continue;
            };
            let (mut params, network) = made(&config, &shape);
            if let Some(bias) = params.id("decoder.recurrent.layer0.forward.bias_hn") {
                params.get_mut(bias).fill(0.5);
            }
            let own = |name: &str| params.tensor(params.id(&format!("decoder.{name}")).unwrap());
            let layer = |name: &str| own(&format!("recurrent.layer0.forward.{name}"));
            let picture = features(1, &shape);
            let words = own("embedding.weight").gather(&[3]);
            let words = words.linear(&layer("w_ih"), Some(&layer("bias")));
            let sum = words.add(&picture.linear(&own("picture.weight"), None)); // [1, G D]
            let gate = |gate| sum.narrow(1, gate * D, D);
            let h = match cell {
                CellName::Elman => sum.tanh(),
                CellName::ElmanRelu => sum.relu(),
                CellName::Gru => {
                    let [r, z] = [0, 1].map(|g| gate(g).sigmoid());
                    let n = gate(2).add(&r.mul(&layer("bias_hn"))).tanh();
                    z.affine(-1.0, 1.0).mul(&n)
                }
                CellName::Lstm => {
                    let c = gate(0).sigmoid().mul(&gate(2).tanh());
                    gate(3).sigmoid().mul(&c.tanh())
                }
            };
            let expected = h.linear(&own("head.weight"), Some(&own("head.bias")));
            let pass = Pass::evaluation(&params);
            let mut memory = network.begin(&pass, &picture, &[0]);
            let logits = network.step(&pass, &[3], &mut memory).logits;
            let off = logits.sub(&expected);
            let off = off.data().iter().fold(0.0f32, |off, d| off.max(d.abs()));
            assert!(off < 1e-5, "{cell:?} is off by {off}");
        }
    }

    /// Each layer begins with states of its own: tanh of a layer on the picture's vector.
    #[test]
    fn states_begin_as_the_picture_says() {
        const D: usize = 6;
        for (config, shape) in kinds() {
            let CaptionConfig::InitialState(LayersConfig { layers, cell, .. }) = &config else {
                continue;
            };
            let (params, network) = made(&config, &shape);
            let own = |name: &str| params.tensor(params.id(&format!("decoder.{name}")).unwrap());
            let all = features(2, &shape);
            let Memory { states, .. } = network.begin(&Pass::evaluation(&params), &all, &[1]);
            let picture = all.narrow(0, 1, 1);
            let expected = |name: &str| {
                let [weight, bias] = ["weight", "bias"].map(|part| own(&format!("{name}.{part}")));
                picture.linear(&weight, Some(&bias)).tanh() // [1, L D]
            };
            let joined = |each: &[Tensor]| Tensor::concat(&each.iter().collect::<Vec<_>>(), 1);
            assert_eq!(states.h.len(), *layers);
            assert_eq!(states.h[0].dims(), [1, D]);
            assert_eq!(joined(&states.h).data(), expected("first_h").data());
            match cell {
                CellName::Lstm => {
                    assert_eq!(joined(&states.c).data(), expected("first_c").data());
                }
                _ => assert!(states.c.is_empty()),
            }
        }
    }
}
