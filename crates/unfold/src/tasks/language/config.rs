//! The networks of language models, as recipes describe them.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::ops::Cell;
use crate::tasks::CellName;

/// A recurrent language model: word vectors, recurrent layers, a softmax over all words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LanguageConfig {
    /// The kind of recurrent cell.
    pub cell: CellName,
    /// Whether an LSTM's gates and cell states are normalised (Ba et al. 2016): often steadier, and
    /// slower.
    pub layer_norm: bool,
    /// Units in each layer, D; a single tied layer has C.
    pub hidden_size: usize,
    /// Recurrent layers on top of each other.
    pub layers: usize,
    /// Length of the word vectors, C.
    pub embedding_size: usize,
    /// Whether the word vectors are also the weights of the softmax (Inan et al. 2017; Press and
    /// Wolf 2017). Where D differs from C, the last layer has C units.
    pub tied: bool,
    /// Where the words are cut into a head of frequent ones and tails of rarer ones, for large
    /// vocabularies (adaptive softmax, Grave et al. 2017), such as `[2000, 20000]`; none for a
    /// plain softmax. Not with `tied`.
    pub cutoffs: Vec<usize>,
    /// How much large outputs of the last layer cost in training (activation regularisation, α of
    /// Merity et al. 2017).
    pub ar: f64,
    /// How much its changes from word to word cost (temporal activation regularisation, β there).
    pub tar: f64,
    /// Initial weights are drawn evenly from -init to init; when absent, each layer has its usual
    /// ones.
    pub init: Option<f64>,
    /// Where the biases of an LSTM's forget gates start.
    pub forget_bias: f64,
    /// What is left out while training.
    pub dropout: DropoutConfig,
}

/// Shares of what is left out while training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DropoutConfig {
    /// Of the words: a word's whole vector, wherever it stands in a window.
    pub words: f64,
    /// Of the word vectors' values.
    pub input: f64,
    /// Of the states between layers.
    pub hidden: f64,
    /// Of the last layer's states.
    pub output: f64,
    /// Of the recurrent weights W (Merity et al. 2017).
    pub weights: f64,
    /// Whether `input`, `hidden` and `output` leave out the same values at all steps of a window
    /// (Gal and Ghahramani 2016).
    pub locked: bool,
}

impl Default for LanguageConfig {
    fn default() -> LanguageConfig {
        LanguageConfig {
            cell: CellName::Lstm,
            layer_norm: false,
            hidden_size: 256,
            layers: 1,
            embedding_size: 256,
            tied: true,
            cutoffs: Vec::new(),
            ar: 0.0,
            tar: 0.0,
            init: None,
            forget_bias: 1.0,
            dropout: DropoutConfig::default(),
        }
    }
}

/// The most a size may be: beyond it a recipe is wrong.
const LARGEST: usize = 1 << 20;
/// The most parameters.
const MOST: u128 = 1 << 30;

impl LanguageConfig {
    /// Units of layer `layer`.
    pub(super) fn units(&self, layer: usize) -> usize {
        match self.tied && layer + 1 == self.layers {
            true => self.embedding_size,
            false => self.hidden_size,
        }
    }

    /// Whether the numbers make sense.
    ///
    /// # Errors
    /// Naming the key that does not.
    pub fn check(&self) -> Result<()> {
        let sizes = [
            ("hidden_size", self.hidden_size, LARGEST),
            ("embedding_size", self.embedding_size, LARGEST),
            ("layers", self.layers, 64),
        ];
        for (key, value, most) in sizes {
            if !(1..=most).contains(&value) {
                return Err(Error::recipe(
                    format!("model.{key}"),
                    format!("is {value}"),
                    format!("choose a whole number in 1..={most}"),
                ));
            }
        }
        let shares = [
            ("words", self.dropout.words),
            ("weights", self.dropout.weights),
            ("input", self.dropout.input),
            ("hidden", self.dropout.hidden),
            ("output", self.dropout.output),
        ];
        for (key, value) in shares {
            if !(0.0..1.0).contains(&value) {
                return Err(Error::recipe(
                    format!("model.dropout.{key}"),
                    format!("is {value}"),
                    "choose a share from 0 up to, but not, 1",
                ));
            }
        }
        for (key, value) in [("ar", self.ar), ("tar", self.tar)] {
            if !(value >= 0.0 && value.is_finite()) {
                let remedy = "choose a number from 0, such as 2";
                let problem = format!("is {value}");
                return Err(Error::recipe(format!("model.{key}"), problem, remedy));
            }
        }
        let rising = self.cutoffs.is_sorted_by(|a, b| a < b);
        if !rising || self.cutoffs.first() == Some(&0) {
            let remedy = "choose numbers that rise from above 0, such as [2000, 20000]";
            let problem = format!("is {:?}", self.cutoffs);
            return Err(Error::recipe("model.cutoffs", problem, remedy));
        }
        if self.tied && !self.cutoffs.is_empty() {
            let remedy = "set model.tied = false, or leave the cutoffs out";
            let problem = "tails have weights of their own, which cannot be the word vectors";
            return Err(Error::recipe("model.cutoffs", problem, remedy));
        }
        if self.layer_norm && self.cell != CellName::Lstm {
            let problem = "only an LSTM can be normalised";
            let remedy = "set model.cell = \"lstm\", or leave it out";
            return Err(Error::recipe("model.layer_norm", problem, remedy));
        }
        if !self.forget_bias.is_finite() {
            let problem = format!("is {}", self.forget_bias);
            return Err(Error::recipe(
                "model.forget_bias",
                problem,
                "choose a number, such as 1",
            ));
        }
        if let Some(init) = self.init.filter(|init| !(*init > 0.0 && init.is_finite())) {
            let remedy = "choose a number above 0, such as 0.1, or leave it out";
            return Err(Error::recipe("model.init", format!("is {init}"), remedy));
        }
        Ok(())
    }

    /// Refuses what no memory holds, once the number of words is known.
    pub(super) fn check_size(&self, classes: usize) -> Result<()> {
        if let Some(last) = self.cutoffs.last().filter(|&&last| last >= classes) {
            let problem = format!("{last} lies outside the {classes} words");
            return Err(Error::recipe("model.cutoffs", problem, "leave it out"));
        }
        let wide = |n: usize| n as u128;
        let gates = wide(Cell::from(self.cell).gates());
        let mut inputs = wide(self.embedding_size);
        let mut parameters = wide(classes) * (inputs + 1);
        for layer in 0..self.layers {
            let d = wide(self.units(layer));
            // The 4 stand for biases and gains.
            parameters += gates * d * (inputs + d + 4);
            inputs = d;
        }
        if !self.tied {
            parameters += wide(classes) * inputs;
        }
        if parameters <= MOST {
            return Ok(());
        }
        Err(Error::recipe(
            "model",
            format!(
                "has {parameters} parameters; training them takes {} GiB of memory",
                (parameters * 20) >> 30
            ),
            format!("choose smaller sizes or fewer words; {MOST} parameters are the most"),
        ))
    }
}
