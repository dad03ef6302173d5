//! What a recipe says about a network for texts.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::nn::Pool;
use crate::ops::Cell;
use crate::tasks::CellName;

/// The network, chosen by `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ModelConfig {
    /// A feed-forward network on a fixed-length input: the weighted sum of the vectors of a
    /// text's words and n-grams.
    Bag(BagConfig),
    /// Convolutions over time and the maximum of each (Kim 2014).
    Cnn(CnnConfig),
    /// A recurrent network.
    Rnn(RnnConfig),
}

impl Default for ModelConfig {
    fn default() -> ModelConfig {
        ModelConfig::Cnn(CnnConfig::default())
    }
}

/// The largest size of anything: beyond it a recipe or a model file is wrong.
pub(super) const LARGEST: usize = 1 << 20;

/// How a word or n-gram counts in a bag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Weighting {
    /// All alike; the sum of the weights is 1.
    Mean,
    /// (1 + ln tf) idf, with Euclidean norm 1: what linear classifiers of text use.
    TfIdf,
}

/// A bag of words and n-grams, and a feed-forward network on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BagConfig {
    /// How features count.
    pub weighting: Weighting,
    /// Length of the features' vectors; 0 goes straight to the classes (logistic regression).
    pub size: usize,
    /// Sizes of the hidden layers after the bag.
    pub hidden: Vec<usize>,
    /// Deviation of the vectors' initial values.
    pub init: f64,
    /// Share of the features left out of each text while training.
    pub feature_dropout: f64,
    /// Dropout before each layer after the bag.
    pub dropout: f64,
}

impl Default for BagConfig {
    fn default() -> BagConfig {
        BagConfig {
            weighting: Weighting::TfIdf,
            size: 64,
            hidden: Vec::new(),
            init: 0.1,
            feature_dropout: 0.0,
            dropout: 0.0,
        }
    }
}

/// Where word vectors come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddingConfig {
    /// Length of the vectors; that of the file where `vectors` is given.
    pub size: usize,
    /// A file of pretrained vectors in the form of GloVe or word2vec text.
    pub vectors: Option<PathBuf>,
    /// Whether training leaves the vectors as they are.
    pub frozen: bool,
    /// Dropout of the vectors' elements.
    pub dropout: f64,
    /// Share of the words replaced by the unknown word while training.
    pub word_dropout: f64,
}

impl Default for EmbeddingConfig {
    fn default() -> EmbeddingConfig {
        EmbeddingConfig {
            size: 128,
            vectors: None,
            frozen: false,
            dropout: 0.0,
            word_dropout: 0.0,
        }
    }
}

/// Kim's convolutional network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CnnConfig {
    /// Word vectors.
    pub embedding: EmbeddingConfig,
    /// Widths of the filters, in words.
    pub widths: Vec<usize>,
    /// Filters of each width.
    pub maps: usize,
    /// Dropout before the last layer.
    pub dropout: f64,
    /// The largest norm of the last layer's weights into one class.
    pub max_norm: Option<f64>,
}

impl Default for CnnConfig {
    fn default() -> CnnConfig {
        CnnConfig {
            embedding: EmbeddingConfig::default(),
            widths: vec![3, 4, 5],
            maps: 100,
            dropout: 0.5,
            max_norm: Some(3.0),
        }
    }
}

/// A recurrent network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RnnConfig {
    /// Word vectors.
    pub embedding: EmbeddingConfig,
    /// `elman`, `elman-relu`, `gru` or `lstm`.
    pub cell: CellName,
    /// Units a layer and direction.
    pub hidden_size: usize,
    /// Layers.
    pub layers: usize,
    /// Whether to read in both directions.
    pub bidirectional: bool,
    /// How the states become one vector: `last`, `max` or `mean`.
    pub pool: PoolName,
    /// Dropout between layers and before the last one.
    pub dropout: f64,
}

impl Default for RnnConfig {
    fn default() -> RnnConfig {
        RnnConfig {
            embedding: EmbeddingConfig::default(),
            cell: CellName::Lstm,
            hidden_size: 128,
            layers: 1,
            bidirectional: true,
            pool: PoolName::Max,
            dropout: 0.5,
        }
    }
}

/// How the states of a sequence become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PoolName {
    /// The state after the last step of each direction.
    Last,
    /// The largest value over time.
    Max,
    /// The mean over time.
    Mean,
}

impl PoolName {
    /// The pooling over time; `None` for the last state.
    pub fn over_time(self) -> Option<Pool> {
        match self {
            PoolName::Last => None,
            PoolName::Max => Some(Pool::Max),
            PoolName::Mean => Some(Pool::Mean),
        }
    }
}

impl ModelConfig {
    /// The word vectors of a network that reads sequences.
    pub fn embedding(&self) -> Option<&EmbeddingConfig> {
        match self {
            ModelConfig::Bag(_) => None,
            ModelConfig::Cnn(cnn) => Some(&cnn.embedding),
            ModelConfig::Rnn(rnn) => Some(&rnn.embedding),
        }
    }

    /// Refuses a network that no memory holds. `rows` counts the rows of the first table, `size`
    /// is the length of its word vectors.
    pub(super) fn check_size(&self, rows: usize, size: usize, classes: usize) -> Result<()> {
        const MOST: u128 = 1 << 30;
        let wide = |n: usize| n as u128;
        let (rows, size, classes) = (wide(rows), wide(size), wide(classes));
        let parameters = match self {
            ModelConfig::Bag(bag) if bag.size == 0 => rows * classes,
            ModelConfig::Bag(bag) => {
                let sizes = [bag.size]
                    .into_iter()
                    .chain(bag.hidden.iter().copied())
                    .map(wide);
                let sizes: Vec<u128> = sizes.chain([classes]).collect();
                let layers: u128 = sizes.windows(2).map(|w| (w[0] + 1) * w[1]).sum();
                rows * sizes[0] + layers
            }
            ModelConfig::Cnn(cnn) => {
                let taps: u128 = cnn.widths.iter().map(|&w| wide(w)).sum();
                let features = wide(cnn.widths.len()) * wide(cnn.maps);
                rows * size + taps * size * wide(cnn.maps) + features * classes
            }
            ModelConfig::Rnn(rnn) => {
                let (d, layers) = (wide(rnn.hidden_size), wide(rnn.layers));
                let directions = if rnn.bidirectional { 2 } else { 1 };
                let gates = wide(Cell::from(rnn.cell).gates());
                let inputs = size + (layers - 1) * directions * d;
                rows * size + directions * gates * d * (inputs + layers * (d + 1))
            }
        };
        if parameters <= MOST {
            return Ok(());
        }
        Err(Error::recipe(
            "model",
            format!(
                "has {parameters} parameters; training them takes {} GiB of memory",
                (parameters * 20) >> 30
            ),
            format!("choose smaller sizes; {MOST} parameters are the most"),
        ))
    }

    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// Naming the key that does not.
    pub fn check(&self) -> Result<()> {
        let sizes: Vec<(&str, usize, usize)> = match self {
            ModelConfig::Bag(bag) => {
                if !(bag.init > 0.0 && bag.init.is_finite()) {
                    let remedy = "choose a number above 0, such as 0.1";
                    return Err(Error::recipe(
                        "model.init",
                        format!("is {}", bag.init),
                        remedy,
                    ));
                }
                if bag.size == 0 && !bag.hidden.is_empty() {
                    let remedy = "give model.size a length for the features' vectors, such as 64";
                    let problem =
                        "hidden layers need a bag that does not go straight to the classes";
                    return Err(Error::recipe("model.hidden", problem, remedy));
                }
                let hidden = bag.hidden.iter().map(|&h| ("hidden", h, 1));
                hidden.chain([("size", bag.size, 0)]).collect()
            }
            ModelConfig::Cnn(cnn) => {
                if let Some(norm) = cnn.max_norm.filter(|norm| norm.is_nan() || *norm <= 0.0) {
                    let remedy = "choose a number above 0, or leave it out for no limit";
                    return Err(Error::recipe(
                        "model.max_norm",
                        format!("is {norm}"),
                        remedy,
                    ));
                }
                let widths = cnn.widths.iter().map(|&w| ("widths", w, 1));
                let more = [
                    ("maps", cnn.maps, 1),
                    ("widths (number)", cnn.widths.len(), 1),
                ];
                widths.chain(more).collect()
            }
            ModelConfig::Rnn(rnn) => vec![
                ("hidden_size", rnn.hidden_size, 1),
                ("layers", rnn.layers, 1),
            ],
        };
        let size = self.embedding().map(|e| ("embedding.size", e.size, 1));
        for (key, value, least) in sizes.into_iter().chain(size) {
            let most = match key {
                "layers" => 64,
                "widths" => 1024,
                _ => LARGEST,
            };
            if !(least..=most).contains(&value) {
                return Err(Error::recipe(
                    format!("model.{key}"),
                    format!("is {value}"),
                    format!("choose a whole number in {least}..={most}"),
                ));
            }
        }
        let shares = match self {
            ModelConfig::Bag(bag) => vec![
                ("feature_dropout", bag.feature_dropout),
                ("dropout", bag.dropout),
            ],
            ModelConfig::Cnn(cnn) => vec![("dropout", cnn.dropout)],
            ModelConfig::Rnn(rnn) => vec![("dropout", rnn.dropout)],
        };
        let more = self.embedding().map_or(Vec::new(), |e| {
            vec![
                ("embedding.dropout", e.dropout),
                ("embedding.word_dropout", e.word_dropout),
            ]
        });
        for (key, value) in shares.into_iter().chain(more) {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::recipe(
                    format!("model.{key}"),
                    format!("is {value}"),
                    "choose a share from 0 up to, but not, 1",
                ));
            }
        }
        Ok(())
    }
}
