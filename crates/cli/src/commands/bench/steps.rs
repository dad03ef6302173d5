//! Whole steps of training, and answers to one example, of the networks that the field knows.

use std::ops::Range;
use std::sync::Arc;

use unfold::nn::{
    Adam, Conv1d, Dropout, Embedding, Linear, Optimizer, OptimizerConfig, Params, Pass, Recurrent,
    RecurrentConfig, Sgd, States, clip_norm, through_time,
};
use unfold::ops::{Cell, Conv1d as Geometry};
use unfold::ragged::{Packed, pack};
use unfold::{Key, Ragged, Tensor};
use unfold_kernels::{Mat, MatMut, Quantized, gemm_bias};

use super::kernels::random;
use super::{Job, Workload};

/// The steps there are.
pub(super) const ALL: [Workload; 19] = [
    Workload {
        name: "elman_ptb_200_train",
        prepare: || LanguageModel::ptb(Cell::ElmanTanh, 1, 200, 0.0).train(20, 35, sgd(), 1.0),
    },
    Workload {
        name: "lstm_ptb_small_train",
        prepare: || LanguageModel::ptb(Cell::Lstm, 2, 200, 0.0).train(20, 35, sgd(), 1.0),
    },
    Workload {
        name: "lstm_ptb_medium_train",
        prepare: || LanguageModel::ptb(Cell::Lstm, 2, 650, 0.5).train(20, 35, sgd(), 1.0),
    },
    Workload {
        name: "gru_ptb_small_train",
        prepare: || LanguageModel::ptb(Cell::Gru, 2, 200, 0.0).train(20, 35, sgd(), 1.0),
    },
    Workload {
        name: "charlstm_128x2_train",
        prepare: || CHARACTERS.train(50, 50, adam(), 2e-3),
    },
    // The same network for ever longer texts: what a step of time costs should not grow.
    Workload {
        name: "lstm_t50_train",
        prepare: || LONG.train(16, 50, adam(), 2e-3),
    },
    Workload {
        name: "lstm_t400_train",
        prepare: || LONG.train(16, 400, adam(), 2e-3),
    },
    Workload {
        name: "lstm_t3200_train",
        prepare: || LONG.train(16, 3200, adam(), 2e-3),
    },
    // And for ever more sequences side by side.
    Workload {
        name: "lstm_b64_train",
        prepare: || LONG.train(64, 50, adam(), 2e-3),
    },
    Workload {
        name: "lstm_b256_train",
        prepare: || LONG.train(256, 50, adam(), 2e-3),
    },
    Workload {
        name: "lstm_t3200_checkpoint_train",
        prepare: || LONG.train_through_time(16, 3200, adam(), 2e-3),
    },
    Workload {
        name: "textcnn_20ng_train",
        prepare: || TextCnn::train(50),
    },
    Workload {
        name: "bilstm_20ng_ragged_train",
        prepare: || BiLstm::train(32),
    },
    Workload {
        name: "captioner_train",
        prepare: captioner,
    },
    Workload {
        name: "vqa_train",
        prepare: vqa,
    },
    Workload {
        name: "lstm_650_step_int8",
        prepare: || LanguageModel::ptb(Cell::Lstm, 2, 650, 0.0).step_int8(),
    },
    Workload {
        name: "lstm_650_step_b1_infer",
        prepare: || LanguageModel::ptb(Cell::Lstm, 2, 650, 0.5).step(),
    },
    Workload {
        name: "textcnn_b1_infer",
        prepare: TextCnn::answer,
    },
    Workload {
        name: "bilstm_b1_infer",
        prepare: BiLstm::answer,
    },
];

fn sgd() -> OptimizerConfig {
    OptimizerConfig::Sgd(Sgd::default())
}

fn adam() -> OptimizerConfig {
    OptimizerConfig::Adam(Adam::default())
}

const WORDS: usize = 20_000;
const CLASSES: usize = 20;

/// Trains a network on the same random batch again and again.
pub(super) struct Trainer {
    params: Params<f32>,
    optimizer: Optimizer<f32>,
    rate: f64,
    clip: Option<f64>,
    steps: u64,
}

impl Trainer {
    pub(super) fn new(
        params: Params<f32>,
        optimizer: OptimizerConfig,
        rate: f64,
        clip: Option<f64>,
    ) -> Self {
        Trainer {
            optimizer: Optimizer::new(optimizer, &params),
            params,
            rate,
            clip,
            steps: 0,
        }
    }

    pub(super) fn step(&mut self, loss: impl FnOnce(&Pass<f32>) -> Tensor) {
        self.steps += 1;
        let pass = Pass::training(&self.params, Key::new(self.steps));
        let loss = loss(&pass);
        self.params.backward(&pass, loss);
        drop(pass);
        if let Some(norm) = self.clip {
            clip_norm(&mut self.params, norm);
        }
        self.optimizer.step(&mut self.params, self.rate);
    }
}

/// Operations of a training step whose products need `forward` going forward: as many again for
/// the gradients of each factor.
pub(super) fn training(forward: f64) -> f64 {
    3.0 * forward
}

/// Operations of the product of an input of `n` rows with a weight `[c, o]`.
pub(super) fn product(n: usize, c: usize, o: usize) -> f64 {
    2.0 * (n * c * o) as f64
}

/// Operations of recurrent layers that read `n` steps in all.
fn recurrent(n: usize, c: usize, config: &RecurrentConfig) -> f64 {
    let directions = if config.bidirectional { 2 } else { 1 };
    let (gates, d) = (config.cell.gates(), config.hidden_size);
    let inputs = |layer| if layer == 0 { c } else { directions * d };
    let layer = |layer| product(n, inputs(layer) + d, directions * gates * d);
    (0..config.layers).map(layer).sum()
}

pub(super) fn numbers(count: usize, below: usize, key: Key) -> Vec<u32> {
    let number = |i| key.below(i as u64, below) as u32;
    (0..count).map(number).collect()
}

/// Sequences of random words of the given lengths.
fn texts(lengths: &[usize], key: Key) -> Packed<u32> {
    let texts: Vec<Vec<u32>> = lengths
        .iter()
        .enumerate()
        .map(|(i, &length)| numbers(length, WORDS, key.child(i as u64)))
        .collect();
    pack(&texts.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

/// Predicts the next of V words.
struct LanguageModel {
    vocabulary: usize,
    size: usize,
    cells: RecurrentConfig,
}

/// What a language model is made of once it has parameters.
struct LanguageLayers {
    words: Embedding,
    recurrent: Recurrent,
    head: Linear,
    dropout: Dropout,
}

const CHARACTERS: LanguageModel = LanguageModel {
    vocabulary: 65,
    size: 64,
    cells: RecurrentConfig {
        layers: 2,
        ..RecurrentConfig::new(Cell::Lstm, 128)
    },
};

/// A layer of it, for long texts.
const LONG: LanguageModel = LanguageModel {
    cells: RecurrentConfig {
        layers: 1,
        ..CHARACTERS.cells
    },
    ..CHARACTERS
};

impl LanguageModel {
    /// Over the 10,000 words of the Penn Treebank, after Zaremba et al. (2014).
    fn ptb(cell: Cell, layers: usize, size: usize, dropout: f64) -> LanguageModel {
        LanguageModel {
            vocabulary: 10_000,
            size,
            cells: RecurrentConfig {
                layers,
                dropout,
                ..RecurrentConfig::new(cell, size)
            },
        }
    }

    fn layers(&self, params: &mut Params<f32>) -> LanguageLayers {
        let (v, d) = (self.vocabulary, self.cells.hidden_size);
        LanguageLayers {
            words: Embedding::new(&mut params.scope("words"), v, self.size),
            recurrent: Recurrent::new(&mut params.scope("recurrent"), self.size, self.cells),
            head: Linear::new(&mut params.scope("head"), d, v),
            dropout: Dropout::new(self.cells.dropout),
        }
    }

    fn forward(&self, n: usize) -> f64 {
        recurrent(n, self.size, &self.cells) + product(n, self.cells.hidden_size, self.vocabulary)
    }

    fn train(self, b: usize, t: usize, optimizer: OptimizerConfig, rate: f64) -> Job {
        let mut params = Params::new(1);
        let layers = self.layers(&mut params);
        let inputs = numbers(b * t, self.vocabulary, Key::new(1));
        let targets = numbers(b * t, self.vocabulary, Key::new(2));
        let sequences = Ragged::new(&vec![t; b]);
        let mut trainer = Trainer::new(params, optimizer, rate, Some(5.0));
        Job::timed(training(self.forward(b * t)), 0.0, move || {
            trainer.step(|pass| {
                let (logits, _) = layers.logits(pass, &inputs, &sequences, None);
                logits.cross_entropy(&targets, &Default::default())
            });
        })
    }

    /// Trains with the memory of a few segments; the second forward pass does not count as needed.
    fn train_through_time(self, b: usize, t: usize, optimizer: OptimizerConfig, rate: f64) -> Job {
        let mut params = Params::new(1);
        let layers = Arc::new(self.layers(&mut params));
        let inputs: Arc<[u32]> = numbers(b * t, self.vocabulary, Key::new(1)).into();
        let targets: Arc<[u32]> = numbers(b * t, self.vocabulary, Key::new(2)).into();
        let mut trainer = Trainer::new(params, optimizer, rate, Some(5.0));
        Job::timed(training(self.forward(b * t)), 0.0, move || {
            let (inputs, targets, layers) = (inputs.clone(), targets.clone(), layers.clone());
            let initial = layers.recurrent.zero_states(b);
            trainer.step(|pass| {
                let run = move |pass: &Pass<f32>, steps: Range<usize>, states: &States| {
                    let sequences = Ragged::new(&vec![steps.len(); b]);
                    let rows = steps.start * b..steps.end * b;
                    let inputs = &inputs[rows.clone()];
                    let (logits, states) = layers.logits(pass, inputs, &sequences, Some(states));
                    let loss = logits.cross_entropy(&targets[rows], &Default::default());
                    (loss, states)
                };
                through_time(pass, t, None, &initial, run).0
            });
        })
    }

    /// One more word of one text, as `unfold run` writes: every weight is read once.
    fn step(self) -> Job {
        let mut params = Params::<f32>::new(1);
        let layers = self.layers(&mut params);
        let mut state = layers.recurrent.stream(1);
        let (d, v) = (self.cells.hidden_size, self.vocabulary);
        let mut logits = vec![0.0; v];
        Job::timed(
            self.forward(1),
            (4 * self.weights(&params)) as f64,
            move || {
                let word = &params.get(layers.words.weight())[7 * self.size..][..self.size];
                let h = layers.recurrent.step(&params, word, &mut state);
                let weight = Mat::new(params.get(layers.head.weight()), v);
                let bias = layers.head.bias().map_or(&[][..], |bias| params.get(bias));
                let out = MatMut::new(&mut logits, v);
                gemm_bias(1, v, d, Mat::new(h, d), weight, bias, out);
                std::hint::black_box(&logits);
            },
        )
    }

    /// The same with weights of eight bits.
    fn step_int8(self) -> Job {
        let mut params = Params::<f32>::new(1);
        let layers = self.layers(&mut params);
        let mut state = layers.recurrent.stream(1);
        let int8 = layers.recurrent.int8(&params);
        let head = Quantized::new(params.get(layers.head.weight()), self.vocabulary);
        let mut logits = vec![0.0; self.vocabulary];
        Job::timed(self.forward(1), self.weights(&params) as f64, move || {
            let word = &params.get(layers.words.weight())[7 * self.size..][..self.size];
            let h = layers.recurrent.step_int8(&params, &int8, word, &mut state);
            let bias = layers.head.bias().map_or(&[][..], |bias| params.get(bias));
            head.product(h, bias, &mut logits);
            std::hint::black_box(&logits);
        })
    }

    /// How many weights a step reads: all but the table, of which it reads a row.
    fn weights(&self, params: &Params<f32>) -> usize {
        params.len() - self.vocabulary * self.size
    }
}

impl LanguageLayers {
    fn logits(
        &self,
        pass: &Pass<f32>,
        words: &[u32],
        sequences: &Ragged,
        initial: Option<&States>,
    ) -> (Tensor, States) {
        let x = self.dropout.forward(pass, &self.words.forward(pass, words)); // [N, C]
        let out = self.recurrent.forward(pass, &x, sequences, initial);
        let y = self.dropout.forward(pass, &out.y); // [N, D]
        (self.head.forward(pass, &y), out.states) // [N, V]
    }
}

/// Kim's network over texts of 400 words.
struct TextCnn {
    words: Embedding,
    convolutions: Vec<Conv1d>,
    dropout: Dropout,
    head: Linear,
}

impl TextCnn {
    const LENGTH: usize = 400;
    const WIDTHS: [usize; 3] = [3, 4, 5];
    const MAPS: usize = 100;
    const SIZE: usize = 128;

    fn new(params: &mut Params<f32>) -> TextCnn {
        let words = Embedding::new(&mut params.scope("words"), WORDS, Self::SIZE);
        let convolution = |kernel: usize| {
            let geometry = Geometry {
                kernel,
                stride: 1,
                padding: 0,
                dilation: 1,
            };
            let mut scope = params.scope(&format!("convolution{kernel}"));
            Conv1d::new(&mut scope, Self::SIZE, Self::MAPS, geometry)
        };
        let convolutions = Self::WIDTHS.map(convolution).into();
        let features = Self::WIDTHS.len() * Self::MAPS;
        TextCnn {
            words,
            convolutions,
            dropout: Dropout::new(0.5),
            head: Linear::new(&mut params.scope("head"), features, CLASSES),
        }
    }

    fn flops(b: usize) -> f64 {
        let taps = |k: usize| product(b * (Self::LENGTH + 1 - k), k * Self::SIZE, Self::MAPS);
        Self::WIDTHS.into_iter().map(taps).sum()
    }

    fn logits(&self, pass: &Pass<f32>, texts: &Packed<u32>) -> Tensor {
        let x = self.words.forward(pass, &texts.items);
        let convolutions = self.convolutions.iter();
        self.decide(
            pass,
            convolutions.map(|convolution| convolution.forward(pass, &x, &texts.sequences)),
        )
    }

    fn decide(
        &self,
        pass: &Pass<f32>,
        convolved: impl Iterator<Item = (Tensor, Ragged)>,
    ) -> Tensor {
        let pooled = convolved.map(|(y, lengths)| y.seq_max(&lengths).relu());
        let pooled: Vec<Tensor> = pooled.collect();
        let features = Tensor::concat(&pooled.iter().collect::<Vec<_>>(), 1);
        self.head
            .forward(pass, &self.dropout.forward(pass, &features))
    }

    fn train(b: usize) -> Job {
        let mut params = Params::new(1);
        let network = Self::new(&mut params);
        let texts = texts(&vec![Self::LENGTH; b], Key::new(1));
        let targets = numbers(b, CLASSES, Key::new(2));
        let mut trainer = Trainer::new(params, adam(), 1e-3, None);
        Job::timed(training(Self::flops(b)), 0.0, move || {
            trainer.step(|pass| {
                let logits = network.logits(pass, &texts);
                logits.cross_entropy(&targets, &Default::default())
            });
        })
    }

    fn answer() -> Job {
        let mut params = Params::new(1);
        let network = Self::new(&mut params);
        let texts = texts(&[Self::LENGTH], Key::new(1));
        let layers = network.convolutions.iter();
        let layers: Vec<_> = layers.map(|layer| layer.frozen(&params)).collect();
        Job::timed(Self::flops(1), 0.0, move || {
            let pass = Pass::evaluation(&params);
            let x = network.words.forward(&pass, &texts.items);
            let convolved = layers
                .iter()
                .map(|layer| layer.forward(&x, &texts.sequences));
            let logits = network.decide(&pass, convolved);
            std::hint::black_box(logits.data());
        })
    }
}

/// Reads texts of 40 to 400 words from both ends.
struct BiLstm {
    words: Embedding,
    lstm: Recurrent,
    head: Linear,
}

impl BiLstm {
    const SIZE: usize = 128;
    const CELLS: RecurrentConfig = RecurrentConfig {
        bidirectional: true,
        ..RecurrentConfig::new(Cell::Lstm, 128)
    };

    fn new(params: &mut Params<f32>) -> BiLstm {
        BiLstm {
            words: Embedding::new(&mut params.scope("words"), WORDS, Self::SIZE),
            lstm: Recurrent::new(&mut params.scope("lstm"), Self::SIZE, Self::CELLS),
            head: Linear::new(&mut params.scope("head"), Self::CELLS.outputs(), CLASSES),
        }
    }

    fn logits(&self, pass: &Pass<f32>, texts: &Packed<u32>) -> Tensor {
        let x = self.words.forward(pass, &texts.items);
        let out = self.lstm.forward(pass, &x, &texts.sequences, None);
        self.head.forward(pass, &out.states.last())
    }

    fn train(b: usize) -> Job {
        let mut params = Params::new(1);
        let network = Self::new(&mut params);
        let length = |i| 40 + Key::new(3).below(i as u64, 361);
        let texts = texts(&(0..b).map(length).collect::<Vec<_>>(), Key::new(1));
        let targets = numbers(b, CLASSES, Key::new(2));
        let flops = training(recurrent(texts.items.len(), Self::SIZE, &Self::CELLS));
        let mut trainer = Trainer::new(params, adam(), 1e-3, None);
        Job::timed(flops, 0.0, move || {
            trainer.step(|pass| {
                let logits = network.logits(pass, &texts);
                logits.cross_entropy(&targets, &Default::default())
            });
        })
    }

    fn answer() -> Job {
        let mut params = Params::new(1);
        let network = Self::new(&mut params);
        let texts = texts(&[220], Key::new(1));
        let lstm = network.lstm.frozen(&params);
        Job::timed(recurrent(220, Self::SIZE, &Self::CELLS), 0.0, move || {
            let pass = Pass::evaluation(&params);
            let x = network.words.forward(&pass, &texts.items);
            let out = lstm.forward(&x, &texts.sequences, None);
            let logits = network.head.forward(&pass, &out.states.last());
            std::hint::black_box(logits.data());
        })
    }
}

/// An image's vector is the first input of an LSTM that then says a caption (Vinyals et al. 2015).
fn captioner() -> Job {
    const B: usize = 100;
    const T: usize = 17;
    const IMAGE: usize = 4096;
    const C: usize = 512;
    const V: usize = 8800;
    let cells = RecurrentConfig::new(Cell::Lstm, C);
    let mut params = Params::new(1);
    let image = Linear::new(&mut params.scope("image"), IMAGE, C);
    let words = Embedding::new(&mut params.scope("words"), V, C);
    let lstm = Recurrent::new(&mut params.scope("lstm"), C, cells);
    let head = Linear::new(&mut params.scope("head"), C, V);
    let images = Tensor::from_vec(random(B * IMAGE, Key::new(1)), [B, IMAGE]);
    let inputs = numbers(B * (T - 1), V, Key::new(2));
    let targets = numbers(B * T, V, Key::new(3));
    let sequences = Ragged::new(&[T; B]);
    // The images themselves need no gradient.
    let flops =
        2.0 * product(B, IMAGE, C) + training(recurrent(B * T, C, &cells) + product(B * T, C, V));
    let mut trainer = Trainer::new(params, adam(), 1e-3, Some(5.0));
    Job::timed(flops, 0.0, move || {
        trainer.step(|pass| {
            let first = image.forward(pass, &images); // [B, C]
            let rest = words.forward(pass, &inputs); // [B (T - 1), C], step by step
            let x = Tensor::concat(&[&first, &rest], 0);
            let y = lstm.forward(pass, &x, &sequences, None).y;
            head.forward(pass, &y)
                .cross_entropy(&targets, &Default::default())
        });
    })
}

/// A question read by an LSTM beside an image's vector (Antol et al. 2015).
fn vqa() -> Job {
    const B: usize = 256;
    const T: usize = 14;
    const IMAGE: usize = 4096;
    const C: usize = 300;
    const V: usize = 14_000;
    const D: usize = 512;
    const JOINT: usize = 1024;
    const ANSWERS: usize = 1000;
    let cells = RecurrentConfig {
        layers: 2,
        ..RecurrentConfig::new(Cell::Lstm, D)
    };
    let mut params = Params::new(1);
    let words = Embedding::new(&mut params.scope("words"), V, C);
    let lstm = Recurrent::new(&mut params.scope("lstm"), C, cells);
    let question = Linear::new(&mut params.scope("question"), 4 * D, JOINT);
    let image = Linear::new(&mut params.scope("image"), IMAGE, JOINT);
    let hidden = Linear::new(&mut params.scope("hidden"), JOINT, ANSWERS);
    let head = Linear::new(&mut params.scope("head"), ANSWERS, ANSWERS);
    let images = Tensor::from_vec(random(B * IMAGE, Key::new(1)), [B, IMAGE]);
    let inputs = numbers(B * T, V, Key::new(2));
    let targets = numbers(B, ANSWERS, Key::new(3));
    let sequences = Ragged::new(&[T; B]);
    let joint = product(B, 4 * D, JOINT) + product(B, JOINT + ANSWERS, ANSWERS);
    let flops = 2.0 * product(B, IMAGE, JOINT) + training(recurrent(B * T, C, &cells) + joint);
    let mut trainer = Trainer::new(params, adam(), 1e-3, None);
    Job::timed(flops, 0.0, move || {
        trainer.step(|pass| {
            let x = words.forward(pass, &inputs);
            let states = lstm.forward(pass, &x, &sequences, None).states;
            let both: Vec<&Tensor> = states.h.iter().chain(&states.c).collect();
            let asked = question.forward(pass, &Tensor::concat(&both, 1)).tanh(); // [B, JOINT]
            let seen = image.forward(pass, &images).tanh();
            let answer = hidden.forward(pass, &asked.mul(&seen)).tanh();
            head.forward(pass, &answer)
                .cross_entropy(&targets, &Default::default())
        });
    })
}
