//! The networks that answer questions about pictures, as recipes describe them.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::tasks::CellName;
use crate::tasks::encoder::Features;
use crate::tasks::sizes::check_sizes;

/// The network that reads and answers, chosen by `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum VqaConfig {
    /// Always the answer that is most usual: what anything else must beat.
    Prior(PriorConfig),
    /// The question alone, without the picture: how far language goes (Goyal et al. 2017).
    Language(LanguageOnlyConfig),
    /// The deeper LSTM with a normalised picture (Antol et al. 2015; Goyal et al. 2017).
    Deeper(DeeperConfig),
    /// A GRU that looks at the places of the picture once (after Teney et al. 2018).
    Attention(AttentionConfig),
}

impl Default for VqaConfig {
    fn default() -> VqaConfig {
        VqaConfig::Deeper(DeeperConfig::default())
    }
}

/// Nothing to choose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorConfig {}

/// Recurrent layers over the question, then answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LanguageOnlyConfig {
    /// The kind of cell.
    pub cell: CellName,
    /// Units in each layer, D.
    pub hidden_size: usize,
    /// Layers on top of each other.
    pub layers: usize,
    /// Length of the word vectors, C.
    pub embedding_size: usize,
    /// The share of the values of word vectors and states that is left out while training.
    pub dropout: f64,
    /// How many such networks answer together, by the mean of their scores: each begins with values of its own and learns the
    /// same (Lakshminarayanan et al. 2017). So many times the time, and mostly some more right answers.
    pub members: usize,
}

impl Default for LanguageOnlyConfig {
    fn default() -> LanguageOnlyConfig {
        LanguageOnlyConfig {
            cell: CellName::Lstm,
            hidden_size: 512,
            layers: 1,
            embedding_size: 300,
            dropout: 0.5,
            members: 1,
        }
    }
}

/// q = tanh(layer of the last states of all recurrent layers), v = tanh(layer of the picture's vector of length 1), and answers
/// from two layers on q ⊙ v.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeeperConfig {
    /// The kind of cell.
    pub cell: CellName,
    /// Units in each recurrent layer, D.
    pub hidden_size: usize,
    /// Recurrent layers on top of each other.
    pub layers: usize,
    /// Length of the word vectors, C.
    pub embedding_size: usize,
    /// Length of q and v.
    pub joint_size: usize,
    /// Units between q ⊙ v and the answers.
    pub answer_size: usize,
    /// Whether the picture's vector is that of all places of its grid, one after the other, which keeps what is where; else the
    /// network's own one, mostly a mean over places.
    pub places: bool,
    /// Whether the picture's vector is brought to length 1.
    pub normalise: bool,
    /// The share of the values of every layer's input that is left out while training.
    pub dropout: f64,
    /// How many such networks answer together, by the mean of their scores: each begins with values of its own and learns the
    /// same (Lakshminarayanan et al. 2017). So many times the time, and mostly some more right answers.
    pub members: usize,
}

impl Default for DeeperConfig {
    fn default() -> DeeperConfig {
        DeeperConfig {
            cell: CellName::Lstm,
            hidden_size: 512,
            layers: 2,
            embedding_size: 300,
            joint_size: 1024,
            answer_size: 1000,
            places: false,
            normalise: true,
            dropout: 0.5,
            members: 1,
        }
    }
}

/// q = the last state of a GRU, v = Σ_l α_l v_l with α = softmax over places l of w · tanh(W_k v_l + W_q q), and answers from two
/// layers on relu(W q) ⊙ relu(W v).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttentionConfig {
    /// The kind of cell.
    pub cell: CellName,
    /// Units, D.
    pub hidden_size: usize,
    /// Length of the word vectors, C.
    pub embedding_size: usize,
    /// Features that keys and queries are compared in, K.
    pub attention_size: usize,
    /// Length of what is multiplied, and units before the answers.
    pub joint_size: usize,
    /// Whether each answer has a probability of its own, learned from how many people gave it; else all of them have one
    /// together, learned from the answer that most gave.
    pub soft: bool,
    /// The share of the values of every layer's input that is left out while training.
    pub dropout: f64,
    /// How many such networks answer together, by the mean of their scores: each begins with values of its own and learns the
    /// same (Lakshminarayanan et al. 2017). So many times the time, and mostly some more right answers.
    pub members: usize,
}

impl Default for AttentionConfig {
    fn default() -> AttentionConfig {
        AttentionConfig {
            cell: CellName::Gru,
            hidden_size: 512,
            embedding_size: 300,
            attention_size: 256,
            joint_size: 512,
            soft: true,
            dropout: 0.5,
            members: 1,
        }
    }
}

impl VqaConfig {
    /// What it takes of a picture; nothing where it does not look.
    pub(super) fn features(&self) -> Option<Features> {
        match self {
            VqaConfig::Prior(_) | VqaConfig::Language(_) => None,
            VqaConfig::Deeper(config) if !config.places => Some(Features::Vector),
            VqaConfig::Deeper(_) | VqaConfig::Attention(_) => Some(Features::Grid),
        }
    }

    /// The length of the product of question and picture; nothing where it does not look.
    pub(super) fn joint_size(&self) -> Option<usize> {
        match self {
            VqaConfig::Prior(_) | VqaConfig::Language(_) => None,
            VqaConfig::Deeper(config) => Some(config.joint_size),
            VqaConfig::Attention(config) => Some(config.joint_size),
        }
    }

    /// Whether each answer has a probability of its own, and not all of them one together.
    pub(super) fn is_soft(&self) -> bool {
        matches!(self, VqaConfig::Attention(config) if config.soft)
    }

    /// How many networks answer together.
    pub(super) fn members(&self) -> usize {
        match self {
            VqaConfig::Prior(_) => 1,
            VqaConfig::Language(config) => config.members,
            VqaConfig::Deeper(config) => config.members,
            VqaConfig::Attention(config) => config.members,
        }
    }

    /// Checks what the types cannot: that numbers make sense.
    pub(super) fn check(&self) -> Result<()> {
        let (mut sizes, dropout): (Vec<(&str, usize)>, f64) = match self {
            VqaConfig::Prior(_) => return Ok(()),
            VqaConfig::Language(config) => {
                let sizes = vec![
                    ("hidden_size", config.hidden_size),
                    ("layers", config.layers),
                    ("embedding_size", config.embedding_size),
                ];
                (sizes, config.dropout)
            }
            VqaConfig::Deeper(config) => {
                let sizes = vec![
                    ("hidden_size", config.hidden_size),
                    ("layers", config.layers),
                    ("embedding_size", config.embedding_size),
                    ("joint_size", config.joint_size),
                    ("answer_size", config.answer_size),
                ];
                (sizes, config.dropout)
            }
            VqaConfig::Attention(config) => {
                let sizes = vec![
                    ("hidden_size", config.hidden_size),
                    ("embedding_size", config.embedding_size),
                    ("attention_size", config.attention_size),
                    ("joint_size", config.joint_size),
                ];
                (sizes, config.dropout)
            }
        };
        sizes.push(("members", self.members()));
        check_sizes(&sizes, dropout)
    }
}
