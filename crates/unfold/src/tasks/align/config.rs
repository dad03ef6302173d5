//! The network that compares pictures and sentences, as recipes describe it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::tasks::CellName;
use crate::tasks::sizes::check_sizes;

/// The alignment model of Karpathy and Fei-Fei (2015, section 3.1). Regions of a picture are the places of the encoder's grid, or
/// means of some beside each other, and the picture as a whole:
///
/// v_i = W_m CNN(I)_i + b_m, s_t = f(W_d \[h_t forward; h_t backward\] + b_d), S(picture, sentence) = Σ_t max_i v_i · s_t
///
/// with f = ReLU and h of a recurrent layer in both directions over word vectors that are learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlignConfig {
    /// The kind of cell: `elman-relu` in the paper.
    pub cell: CellName,
    /// Units in each direction, D.
    pub hidden_size: usize,
    /// Length of the word vectors, C.
    pub embedding_size: usize,
    /// Length of v_i and s_t.
    pub joint_size: usize,
    /// So many rows and columns of regions, each the mean of the encoder's places in it, overlapping where they do not divide
    /// evenly; nothing for each place by itself. Fewer regions are learned faster, and not as easily by heart.
    pub grid: Option<usize>,
    /// How much better a pair must be than its words with another picture, and its picture with other words.
    pub margin: f64,
    /// Which of the others in a batch count.
    pub negatives: Negatives,
    /// The share of the values of word vectors, the picture's features and states that is left out while training.
    pub dropout: f64,
}

/// Which pairs that do not belong together count in the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Negatives {
    /// All of a batch.
    #[default]
    All,
    /// For each picture and each sentence the one that fits best (Faghri et al. 2018).
    Hardest,
}

impl Default for AlignConfig {
    fn default() -> AlignConfig {
        AlignConfig {
            cell: CellName::ElmanRelu,
            hidden_size: 300,
            embedding_size: 300,
            joint_size: 512,
            grid: None,
            margin: 1.0,
            negatives: Negatives::All,
            dropout: 0.2,
        }
    }
}

impl AlignConfig {
    /// Checks what the types cannot: that numbers make sense.
    pub(super) fn check(&self) -> Result<()> {
        if !(self.margin > 0.0 && self.margin.is_finite()) {
            return Err(Error::recipe(
                "model.margin",
                format!("is {}", self.margin),
                "choose a number above 0, such as 1",
            ));
        }
        let sizes = [
            ("hidden_size", self.hidden_size),
            ("embedding_size", self.embedding_size),
            ("joint_size", self.joint_size),
        ];
        check_sizes(&sizes, self.dropout)
    }

    /// Rows and columns of regions, for an encoder with this grid of places.
    ///
    /// # Errors
    /// When the encoder has fewer places along an axis.
    pub(super) fn regions(&self, [height, width]: [usize; 2]) -> Result<[usize; 2]> {
        match self.grid {
            None => Ok([height, width]),
            Some(side) if (1..=height.min(width)).contains(&side) => Ok([side; 2]),
            Some(side) => Err(Error::recipe(
                "model.grid",
                format!("is {side}, and the encoder has {height} x {width} places"),
                format!("choose 1 to {}, or leave it out", height.min(width)),
            )),
        }
    }
}
