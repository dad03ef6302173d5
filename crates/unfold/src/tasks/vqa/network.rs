//! The networks that answer: a question and a picture's features in, scores for all answers out.

mod attention;
mod deeper;

use super::config::{LanguageOnlyConfig, VqaConfig};
use crate::nn::{
    Dropout, Embedding, Init, Linear, ParamId, Params, Pass, Recurrent, RecurrentConfig, Scope,
    States,
};
use crate::ragged::Ragged;
use crate::tasks::CellName;
use crate::tensor::Tensor;

use attention::Attention;
use deeper::Deeper;

/// Word vectors start normal with this deviation.
const SPREAD: Init = Init::Normal(0.1);

/// A network that answers.
pub(super) enum Network {
    /// The scores of all answers.
    Prior(ParamId),
    Language(Language),
    Deeper(Deeper),
    Attention(Attention),
}

/// What [`Network::forward`] gives.
pub(super) struct Answers {
    /// The scores of all answers, `[B, V]`.
    pub(super) logits: Tensor,
    /// The product of question and picture that they come from, `[B, J]`, if it looks.
    pub(super) joint: Option<Tensor>,
    /// Where it looked, `[B, L]`, if it looks.
    pub(super) alpha: Option<Tensor>,
}

/// The pictures that questions are about.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    /// The features of P pictures, `[P, ..]`.
    pub(super) features: &'a Tensor,
    /// Which of them each question is about, `[B]`.
    pub(super) pictures: &'a [u32],
}

impl Network {
    /// Adds the network's parameters to `params`, for so many words and answers, and pictures of `features` `[L, C]`.
    pub(super) fn new(
        params: &mut Params<f32>,
        config: &VqaConfig,
        features: Option<[usize; 2]>,
        words: usize,
        answers: usize,
    ) -> Network {
        let mut scope = params.scope("answerer");
        let scope = &mut scope;
        let [places, channels] = features.unwrap_or_default();
        match config {
            VqaConfig::Prior(_) => Network::Prior(scope.add("bias", [answers], Init::Zeros)),
            VqaConfig::Language(config) => {
                Network::Language(Language::new(scope, config, words, answers))
            }
            VqaConfig::Deeper(config) => {
                let seen = places * channels;
                Network::Deeper(Deeper::new(scope, config, seen, words, answers))
            }
            VqaConfig::Attention(config) => {
                Network::Attention(Attention::new(scope, config, channels, words, answers))
            }
        }
    }

    /// The parameter that holds the scores before anything is known.
    pub(super) fn bias(&self) -> ParamId {
        let of = |head: &Linear| head.bias().expect("a head with a bias");
        match self {
            Network::Prior(bias) => *bias,
            Network::Language(network) => of(&network.head),
            Network::Deeper(network) => of(network.head()),
            Network::Attention(network) => of(network.head()),
        }
    }

    /// The scores of all answers to questions of these words.
    ///
    /// # Panics
    /// When the network looks and nothing was seen.
    pub(super) fn forward(
        &self,
        pass: &Pass<f32>,
        words: &[u32],
        questions: &Ragged,
        seen: Option<Seen<'_>>,
    ) -> Answers {
        let seen = || seen.expect("the features of pictures");
        let blind = |logits| Answers {
            logits,
            joint: None,
            alpha: None,
        };
        match self {
            Network::Prior(bias) => {
                let zeros = Tensor::zeros([questions.batch(), 1]);
                blind(zeros.add(&pass.param(*bias)))
            }
            Network::Language(network) => blind(network.forward(pass, words, questions)),
            Network::Deeper(network) => network.forward(pass, words, questions, seen()),
            Network::Attention(network) => network.forward(pass, words, questions, seen()),
        }
    }
}

/// Word vectors and recurrent layers over them.
struct Reader {
    table: Embedding,
    recurrent: Recurrent,
    dropout: Dropout,
}

impl Reader {
    fn new(
        scope: &mut Scope<'_, f32>,
        cell: CellName,
        [words, embedding_size, hidden_size, layers]: [usize; 4],
        dropout: f64,
    ) -> Reader {
        let config = RecurrentConfig {
            layers,
            dropout,
            ..RecurrentConfig::new(cell.into(), hidden_size)
        };
        let mut inner = scope.scope("embedding");
        let table = Embedding::with_init(&mut inner, words, embedding_size, SPREAD);
        let mut inner = scope.scope("recurrent");
        Reader {
            table,
            recurrent: Recurrent::new(&mut inner, embedding_size, config),
            dropout: Dropout::new(dropout),
        }
    }

    /// The states after the last word of each question.
    fn read(&self, pass: &Pass<f32>, words: &[u32], questions: &Ragged) -> States {
        let x = self.table.forward(pass, words); // [N, C]
        let x = self.dropout.forward(pass, &x);
        self.recurrent.forward(pass, &x, questions, None).states
    }
}

/// The question alone.
pub(super) struct Language {
    reader: Reader,
    head: Linear,
}

impl Language {
    fn new(
        scope: &mut Scope<'_, f32>,
        config: &LanguageOnlyConfig,
        words: usize,
        answers: usize,
    ) -> Language {
        let d = config.hidden_size;
        let sizes = [words, config.embedding_size, d, config.layers];
        Language {
            reader: Reader::new(scope, config.cell, sizes, config.dropout),
            head: Linear::new(&mut scope.scope("head"), d, answers),
        }
    }

    fn forward(&self, pass: &Pass<f32>, words: &[u32], questions: &Ragged) -> Tensor {
        let q = self.reader.read(pass, words, questions).last(); // [B, D]
        self.head
            .forward(pass, &self.reader.dropout.forward(pass, &q))
    }
}
