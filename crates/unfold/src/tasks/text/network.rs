//! The three kinds of network for texts.

use super::batch::Input;
use super::config::{BagConfig, CnnConfig, EmbeddingConfig, ModelConfig, RnnConfig};
use crate::nn::{
    Conv1d, Dropout, Embedding, FrozenConv1d, FrozenRecurrent, Init, Linear, Params, Pass, Pool,
    Recurrent, RecurrentConfig, RecurrentOutput, Scope, max_norm,
};
use crate::ops::Conv1d as Geometry;
use crate::ragged::Ragged;
use crate::tensor::Tensor;

/// A network that turns a batch of texts into logits `[B, classes]`.
pub(super) enum Network {
    Bag(Bag),
    Cnn(Cnn),
    Rnn(Rnn),
}

pub(super) struct Bag {
    table: Embedding,
    /// Empty where the bag goes straight to the classes.
    layers: Vec<Linear>,
    dropout: Dropout,
}

pub(super) struct Cnn {
    words: Words,
    convolutions: Vec<Conv1d>,
    dropout: Dropout,
    head: Linear,
    max_norm: Option<f64>,
}

pub(super) struct Rnn {
    words: Words,
    recurrent: Recurrent,
    pool: Option<Pool>,
    dropout: Dropout,
    head: Linear,
}

/// The layers over time of a network, frozen; a bag has none.
pub(super) enum FrozenLayers {
    Bag,
    Cnn(Vec<FrozenConv1d>),
    Rnn(FrozenRecurrent),
}

/// Word vectors with dropout.
struct Words {
    table: Embedding,
    dropout: Dropout,
}

impl Words {
    fn new(
        params: &mut Params<f32>,
        config: &EmbeddingConfig,
        size: usize,
        vocabulary: usize,
    ) -> Words {
        let mut scope = params.scope("embedding");
        let table = Embedding::with_init(&mut scope, vocabulary, size, Init::Normal(0.1));
        params.set_trainable(table.weight(), !config.frozen);
        Words {
            table,
            dropout: Dropout::new(config.dropout),
        }
    }

    fn forward(&self, pass: &Pass<f32>, ids: &[u32]) -> Tensor {
        self.dropout.forward(pass, &self.table.forward(pass, ids)) // [N, C]
    }
}

impl Network {
    /// Adds the network's parameters to `params`. `vocabulary` counts the rows of the first
    /// table, `size` is the length of its word vectors.
    pub(super) fn new(
        params: &mut Params<f32>,
        config: &ModelConfig,
        size: usize,
        vocabulary: usize,
        classes: usize,
    ) -> Network {
        match config {
            ModelConfig::Bag(config) => Network::Bag(Bag::new(params, config, vocabulary, classes)),
            ModelConfig::Cnn(config) => {
                let words = Words::new(params, &config.embedding, size, vocabulary);
                Network::Cnn(Cnn::new(params, config, words, size, classes))
            }
            ModelConfig::Rnn(config) => {
                let words = Words::new(params, &config.embedding, size, vocabulary);
                Network::Rnn(Rnn::new(params, config, words, size, classes))
            }
        }
    }

    /// The first table: word vectors, or the bag's feature vectors.
    pub(super) fn table(&self) -> &Embedding {
        match self {
            Network::Bag(bag) => &bag.table,
            Network::Cnn(cnn) => &cnn.words.table,
            Network::Rnn(rnn) => &rnn.words.table,
        }
    }

    /// The logits `[B, classes]` of a batch.
    pub(super) fn forward(&self, pass: &Pass<f32>, input: &Input) -> Tensor {
        let first = self.read(pass, input);
        self.decide(pass, input, &first)
    }

    /// The layers over time as the parameters are now: for many answers.
    pub(super) fn frozen(&self, params: &Params<f32>) -> FrozenLayers {
        match self {
            Network::Bag(_) => FrozenLayers::Bag,
            Network::Cnn(cnn) => {
                let all = cnn.convolutions.iter();
                FrozenLayers::Cnn(all.map(|layer| layer.frozen(params)).collect())
            }
            Network::Rnn(rnn) => FrozenLayers::Rnn(rnn.recurrent.frozen(params)),
        }
    }

    /// The logits `[B, classes]` of a batch, outside training, with the layers over time frozen.
    pub(super) fn answer(&self, pass: &Pass<f32>, frozen: &FrozenLayers, input: &Input) -> Tensor {
        let first = self.read(pass, input);
        match (self, frozen, input) {
            (Network::Cnn(cnn), FrozenLayers::Cnn(layers), Input::Sequences(packed)) => {
                let convolved = layers.iter();
                cnn.decide(
                    pass,
                    convolved.map(|layer| layer.forward(&first, &packed.sequences)),
                )
            }
            (Network::Rnn(rnn), FrozenLayers::Rnn(layer), Input::Sequences(packed)) => {
                let sequences = &packed.sequences;
                rnn.decide(pass, sequences, &layer.forward(&first, sequences, None))
            }
            _ => self.decide(pass, input, &first),
        }
    }

    /// What the rest of the network is a differentiable function of: the word vectors `[N, C]`,
    /// or the bags `[B, C]`.
    pub(super) fn read(&self, pass: &Pass<f32>, input: &Input) -> Tensor {
        match (self, input) {
            (Network::Bag(bag), Input::Bags(bags)) => {
                bag.table.bag(pass, &bags.ids, &bags.weights, &bags.offsets)
            }
            (Network::Cnn(Cnn { words, .. }), Input::Sequences(packed))
            | (Network::Rnn(Rnn { words, .. }), Input::Sequences(packed)) => {
                words.forward(pass, &packed.items)
            }
            _ => unreachable!("a network is given the form of input it was built for"),
        }
    }

    /// The logits from what [`Network::read`] gave.
    pub(super) fn decide(&self, pass: &Pass<f32>, input: &Input, first: &Tensor) -> Tensor {
        match (self, input) {
            (Network::Bag(bag), _) => bag.decide(pass, first),
            (Network::Cnn(cnn), Input::Sequences(packed)) => {
                let convolved = cnn.convolutions.iter();
                cnn.decide(
                    pass,
                    convolved.map(|layer| layer.forward(pass, first, &packed.sequences)),
                )
            }
            (Network::Rnn(rnn), Input::Sequences(packed)) => {
                let sequences = &packed.sequences;
                let out = rnn.recurrent.forward(pass, first, sequences, None);
                rnn.decide(pass, sequences, &out)
            }
            _ => unreachable!("a network is given the form of input it was built for"),
        }
    }

    /// Applied after each training step.
    pub(super) fn constrain(&self, params: &mut Params<f32>) {
        if let Network::Cnn(Cnn {
            head,
            max_norm: Some(limit),
            ..
        }) = self
        {
            max_norm(params, head.weight(), *limit);
        }
    }
}

impl Bag {
    fn new(params: &mut Params<f32>, config: &BagConfig, vocabulary: usize, classes: usize) -> Bag {
        let straight = config.size == 0;
        let (size, init) = if straight {
            // Logistic regression starts from nothing.
            (classes, Init::Zeros)
        } else {
            (config.size, Init::Normal(config.init))
        };
        let table = Embedding::with_init(&mut params.scope("table"), vocabulary, size, init);
        let mut layers = Vec::new();
        let mut inputs = size;
        if !straight {
            for (i, &outputs) in config.hidden.iter().chain([&classes]).enumerate() {
                let mut scope = params.scope(&format!("layer{i}"));
                layers.push(Linear::new(&mut scope, inputs, outputs));
                inputs = outputs;
            }
        }
        Bag {
            table,
            layers,
            dropout: Dropout::new(config.dropout),
        }
    }

    fn decide(&self, pass: &Pass<f32>, bags: &Tensor) -> Tensor {
        let mut x = bags.clone();
        for (i, layer) in self.layers.iter().enumerate() {
            if i > 0 {
                x = x.relu();
            }
            x = layer.forward(pass, &self.dropout.forward(pass, &x));
        }
        x
    }
}

impl Cnn {
    /// The logits from what each convolution gave.
    fn decide(
        &self,
        pass: &Pass<f32>,
        convolved: impl Iterator<Item = (Tensor, Ragged)>,
    ) -> Tensor {
        // max and ReLU commute, and the maximum leaves fewer values to cut.
        let pooled = convolved.map(|(y, lengths)| y.seq_max(&lengths).relu()); // [B, maps]
        let pooled: Vec<Tensor> = pooled.collect();
        let features = Tensor::concat(&pooled.iter().collect::<Vec<_>>(), 1);
        self.head
            .forward(pass, &self.dropout.forward(pass, &features))
    }

    fn new(
        params: &mut Params<f32>,
        config: &CnnConfig,
        words: Words,
        size: usize,
        classes: usize,
    ) -> Cnn {
        let convolutions = config
            .widths
            .iter()
            .enumerate()
            .map(|(i, &kernel)| {
                let geometry = Geometry {
                    kernel,
                    stride: 1,
                    // As wide as Kim's: a filter also sees the edges, and the shortest text
                    // gives a value.
                    padding: kernel - 1,
                    dilation: 1,
                };
                let mut scope = params.scope(&format!("convolution{i}"));
                Conv1d::new(&mut scope, size, config.maps, geometry)
            })
            .collect();
        let features = config.widths.len() * config.maps;
        Cnn {
            words,
            convolutions,
            dropout: Dropout::new(config.dropout),
            head: head(params.scope("head"), features, classes),
            max_norm: config.max_norm,
        }
    }
}

impl Rnn {
    /// The logits from what the recurrence gave.
    fn decide(&self, pass: &Pass<f32>, sequences: &Ragged, out: &RecurrentOutput) -> Tensor {
        let pooled = match self.pool {
            Some(pool) => pool.forward(&out.y, sequences),
            None => out.states.last(),
        }; // [B, D] or [B, 2 D]
        self.head
            .forward(pass, &self.dropout.forward(pass, &pooled))
    }

    fn new(
        params: &mut Params<f32>,
        config: &RnnConfig,
        words: Words,
        size: usize,
        classes: usize,
    ) -> Rnn {
        let recurrent = RecurrentConfig {
            layers: config.layers,
            bidirectional: config.bidirectional,
            dropout: config.dropout,
            ..RecurrentConfig::new(config.cell.into(), config.hidden_size)
        };
        let outputs = recurrent.outputs();
        Rnn {
            words,
            recurrent: Recurrent::new(&mut params.scope("recurrent"), size, recurrent),
            pool: config.pool.over_time(),
            dropout: Dropout::new(config.dropout),
            head: head(params.scope("head"), outputs, classes),
        }
    }
}

fn head(mut scope: Scope<'_, f32>, inputs: usize, classes: usize) -> Linear {
    Linear::new(&mut scope, inputs, classes)
}
