//! The networks that caption pictures, as recipes describe them.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::tasks::CellName;
use crate::tasks::encoder::Features;
use crate::tasks::sizes::check_sizes;

/// The network that writes, chosen by `kind`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum CaptionConfig {
    /// The multimodal network of Karpathy and Fei-Fei (2015): the picture is added at the first step.
    Multimodal(MultimodalConfig),
    /// The picture is read as the first word (Vinyals et al. 2015; NeuralTalk2).
    FirstInput(LayersConfig),
    /// The picture is the state that every recurrent layer begins with, h_0 and in an LSTM c_0: tanh of a layer on its vector, as an
    /// attentive network begins (Xu et al. 2015); init-inject in the comparison of Tanti, Gatt and Camilleri (2018).
    InitialState(LayersConfig),
    /// Soft attention over the places of the picture at each word (Xu et al. 2015).
    Attention(AttentionConfig),
}

impl Default for CaptionConfig {
    fn default() -> CaptionConfig {
        CaptionConfig::FirstInput(LayersConfig::default())
    }
}

/// h_t = f(W_hx x_t + W_hh h_(t-1) + b_h + \[t = 1\] W_hi CNN(I)), y_t = softmax(W_oh h_t + b_o).
///
/// In a GRU or an LSTM each gate has a W_hi of its own, which adds to its sum at t = 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MultimodalConfig {
    /// The kind of cell: `elman-relu`, with ReLU for f, as in the paper, or any other.
    pub cell: CellName,
    /// Units, D.
    pub hidden_size: usize,
    /// Length of the word vectors, C.
    pub embedding_size: usize,
    /// The share of the values of word vectors, the picture's vector and states that is left out while training.
    pub dropout: f64,
}

impl Default for MultimodalConfig {
    fn default() -> MultimodalConfig {
        MultimodalConfig {
            cell: CellName::ElmanRelu,
            hidden_size: 512,
            embedding_size: 256,
            dropout: 0.5,
        }
    }
}

/// Recurrent layers that meet the picture, then read the words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LayersConfig {
    /// The kind of cell.
    pub cell: CellName,
    /// Units in each layer, D.
    pub hidden_size: usize,
    /// Layers on top of each other.
    pub layers: usize,
    /// Length of the word vectors, C, and of the picture's where it is read as a word.
    pub embedding_size: usize,
    /// The share of the values of word vectors, the picture's vector and states that is left out while training.
    pub dropout: f64,
}

impl Default for LayersConfig {
    fn default() -> LayersConfig {
        LayersConfig {
            cell: CellName::Lstm,
            hidden_size: 512,
            layers: 1,
            embedding_size: 512,
            dropout: 0.5,
        }
    }
}

/// A recurrent layer that looks at the picture before each word:
///
/// α_t = softmax over places l of w · tanh(W_k a_l + W_q h_(t-1)), z_t = σ(W_β h_(t-1) + b_β) ⊙ Σ_l α_tl a_l,
/// h_t = cell(\[x_t; z_t\], h_(t-1)), y_t = softmax(V \[h_t; z_t\] + b)
///
/// where a_l are the places' features after a layer of `context_size` ReLUs, and the first states are tanh of a layer on their
/// mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttentionConfig {
    /// The kind of cell.
    pub cell: CellName,
    /// Units, D.
    pub hidden_size: usize,
    /// Length of the word vectors, C.
    pub embedding_size: usize,
    /// Length of a_l and z_t.
    pub context_size: usize,
    /// Features that keys and queries are compared in, K.
    pub attention_size: usize,
    /// How much it costs in training to look at places unevenly over a whole sentence: λ of λ Σ_l (1 - Σ_t α_tl)².
    pub evenness: f64,
    /// The share of the values of word vectors, the places' features and states that is left out while training.
    pub dropout: f64,
}

impl Default for AttentionConfig {
    fn default() -> AttentionConfig {
        AttentionConfig {
            cell: CellName::Lstm,
            hidden_size: 512,
            embedding_size: 256,
            context_size: 512,
            attention_size: 256,
            evenness: 1.0,
            dropout: 0.5,
        }
    }
}

impl CaptionConfig {
    /// What it takes of a picture.
    pub(super) fn features(&self) -> Features {
        match self {
            CaptionConfig::Multimodal(_)
            | CaptionConfig::FirstInput(_)
            | CaptionConfig::InitialState(_) => Features::Vector,
            CaptionConfig::Attention(_) => Features::Grid,
        }
    }

    /// Checks what the types cannot: that numbers make sense.
    pub(super) fn check(&self) -> Result<()> {
        let (sizes, dropout): (Vec<(&str, usize)>, f64) = match self {
            CaptionConfig::Multimodal(config) => {
                let sizes = vec![
                    ("hidden_size", config.hidden_size),
                    ("embedding_size", config.embedding_size),
                ];
                (sizes, config.dropout)
            }
            CaptionConfig::FirstInput(config) | CaptionConfig::InitialState(config) => {
                let sizes = vec![
                    ("hidden_size", config.hidden_size),
                    ("embedding_size", config.embedding_size),
                    ("layers", config.layers),
                ];
                (sizes, config.dropout)
            }
            CaptionConfig::Attention(config) => {
                if !(config.evenness >= 0.0 && config.evenness.is_finite()) {
                    return Err(Error::recipe(
                        "model.evenness",
                        format!("is {}", config.evenness),
                        "choose a number from 0",
                    ));
                }
                let sizes = vec![
                    ("hidden_size", config.hidden_size),
                    ("embedding_size", config.embedding_size),
                    ("context_size", config.context_size),
                    ("attention_size", config.attention_size),
                ];
                (sizes, config.dropout)
            }
        };
        check_sizes(&sizes, dropout)
    }
}
