//! The recipe of a language model.

use serde::{Deserialize, Serialize};

use super::{DropoutConfig, LanguageConfig};
use crate::data::{CorpusSource, Numbers, TokenConfig, TokenKind};
use crate::error::{Error, Result};
use crate::nn::{AdamW, OptimizerConfig, Schedule};
use crate::tasks::{CellName, Recipe, TaskKind};
use crate::train::{Select, TrainConfig};

/// Everything about the training of a language model but where its data lies. In TOML:
///
/// ```toml
/// task = "language"
/// seed = 1
///
/// [data]
/// eos = "line"
///
/// [tokens]
/// tokenizer = "words"
/// max_size = 10000
///
/// [model]
/// cell = "lstm"
/// hidden_size = 200
/// layers = 2
///
/// [window]
/// length = 35
///
/// [train]
/// batch_size = 20
/// optimizer = "sgd"
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LanguageRecipe {
    /// The job: `language`.
    pub task: TaskKind,
    /// Decides initial values and everything random.
    pub seed: u64,
    /// How the text is read and split.
    pub data: CorpusSource,
    /// How text becomes tokens.
    pub tokens: TokenConfig,
    /// The network.
    pub model: LanguageConfig,
    /// How far back errors travel.
    pub window: WindowConfig,
    /// How it is trained. `batch_size` is the number of columns that the text is cut into, B;
    /// each goes on where it stopped, from one step to the next.
    pub train: TrainConfig,
}

/// The windows through which a column is read: truncated back-propagation through time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WindowConfig {
    /// Tokens of each column in a step, T.
    pub length: usize,
    /// Whether lengths are drawn around `length` (Merity et al. 2017): so words do not always
    /// stand at the same place in a window.
    pub drawn: bool,
    /// The probability, for each window and column, that the window begins with states of zeros and not
    /// with those that the one before it left: so a model learns to begin, too. 0 for none but at the
    /// start of each epoch.
    pub restart: f64,
    /// Steps of time whose values are kept at once; the others are computed again on the way
    /// back. Memory grows with this, not with `length`. When absent all are kept. What `dropout.locked` and `dropout.weights`
    /// leave out is then drawn anew for each so many steps.
    pub checkpoint: Option<usize>,
}

impl Default for WindowConfig {
    fn default() -> WindowConfig {
        WindowConfig {
            length: 35,
            drawn: false,
            restart: 0.0,
            checkpoint: None,
        }
    }
}

impl Default for LanguageRecipe {
    /// A small LSTM over words that writes readable sentences after some minutes with a novel.
    fn default() -> LanguageRecipe {
        LanguageRecipe {
            task: TaskKind::Language,
            seed: 1,
            data: CorpusSource::default(),
            tokens: TokenConfig {
                lowercase: false,
                min_count: 3,
                max_size: 50_000,
                max_length: 0,
                ..TokenConfig::default()
            },
            model: LanguageConfig {
                dropout: DropoutConfig {
                    input: 0.4,
                    hidden: 0.3,
                    output: 0.4,
                    ..DropoutConfig::default()
                },
                ..LanguageConfig::default()
            },
            window: WindowConfig::default(),
            train: TrainConfig {
                epochs: 12,
                batch_size: 20,
                optimizer: OptimizerConfig::AdamW(AdamW::default()),
                learning_rate: 4e-3,
                schedule: Schedule::OneCycle {
                    rise: 0.2,
                    start: 0.04,
                    end: 0.004,
                    anneal: crate::nn::Anneal::Cosine,
                },
                clip_norm: Some(1.0),
                select: Select::Loss,
                ..TrainConfig::default()
            },
        }
    }
}

impl LanguageRecipe {
    /// The recipe with the size that its only layer has where that is tied to the word vectors.
    pub(super) fn settled(&self) -> LanguageRecipe {
        let mut recipe = self.clone();
        recipe.model.hidden_size = recipe.model.units(0);
        recipe
    }

    /// Refuses settings that would change nothing. What the keys are by default is let pass: nobody set it.
    fn check_use(&self) -> Result<()> {
        let (model, tokens) = (&self.model, &self.tokens);
        let usual = LanguageConfig::default();
        let single = model.layers == 1;
        let units = model.units(0);
        let sizes = [units, usual.hidden_size];
        if !sizes.contains(&model.hidden_size) {
            return Err(Error::recipe(
                "model.hidden_size",
                format!(
                    "is {}, but a single layer whose word vectors are the weights of the softmax has \
                     model.embedding_size = {units} units",
                    model.hidden_size
                ),
                "set model.embedding_size alone, or model.tied = false, or more model.layers",
            ));
        }
        let shares = [0.0, LanguageRecipe::default().model.dropout.hidden];
        let lengths = [0, TokenConfig::default().max_length];
        let ready = LanguageRecipe::default().tokens;
        let file = tokens.tokenizer == TokenKind::File;
        let pieces = file || tokens.tokenizer == TokenKind::Bpe;
        let dropout = &model.dropout;
        let masks = [
            dropout.input,
            dropout.output,
            if single { 0.0 } else { dropout.hidden },
        ];
        let unused = [
            (
                "model.dropout.locked",
                dropout.locked && masks == [0.0; 3],
                "is for dropout.input, hidden and output, and none of them leaves anything out",
            ),
            (
                "train.select",
                self.train.select == Select::Accuracy,
                "is for tasks that count right answers, and a language model is measured by its loss",
            ),
            (
                "tokens.lowercase",
                pieces && tokens.lowercase,
                "is for words and characters; pieces are cut from the text as it stands",
            ),
            (
                "tokens.numbers",
                pieces && tokens.numbers != Numbers::Keep,
                "is for words and characters; pieces are cut from the text as it stands",
            ),
            (
                "tokens.punctuation",
                tokens.tokenizer != TokenKind::Words && !tokens.punctuation,
                "is for tokenizer = \"words\", which alone tells punctuation marks from words",
            ),
            (
                "tokens.max_size",
                file && ![0, ready.max_size].contains(&tokens.max_size),
                "is for what is learned from the text, and a tokenizer's file has its vocabulary already",
            ),
            (
                "tokens.min_count",
                file && ![1, ready.min_count].contains(&tokens.min_count),
                "is for what is learned from the text, and a tokenizer's file has its vocabulary already",
            ),
            (
                "model.dropout.hidden",
                single && !shares.contains(&model.dropout.hidden),
                "is for the states between layers, and there is one layer",
            ),
            (
                "model.forget_bias",
                model.cell != CellName::Lstm && model.forget_bias != usual.forget_bias,
                "is for an LSTM's forget gates, and this cell has none",
            ),
            (
                "tokens.max_length",
                !lengths.contains(&tokens.max_length),
                "cuts documents, and running text is never cut off",
            ),
            (
                "tokens.word_ngrams",
                tokens.word_ngrams != 1,
                "is for bags of words, and running text is read word by word",
            ),
            (
                "tokens.char_ngrams",
                tokens.char_ngrams.is_some(),
                "is for bags of words, and running text is read word by word",
            ),
        ];
        match unused.into_iter().find(|(_, set, _)| *set) {
            None => Ok(()),
            Some((key, _, problem)) => Err(Error::recipe(key, problem, "leave it out")),
        }
    }
}

impl Recipe for LanguageRecipe {
    const TASK: TaskKind = TaskKind::Language;

    fn set_seed(&mut self, seed: u64) {
        self.seed = seed;
    }

    fn check(&self) -> Result<()> {
        self.data.check()?;
        self.tokens.check()?;
        self.model.check()?;
        self.check_use()?;
        self.train.check()?;
        let WindowConfig {
            length,
            checkpoint,
            restart,
            ..
        } = self.window;
        if !(0.0..=1.0).contains(&restart) {
            return Err(Error::recipe(
                "window.restart",
                format!("is {restart}"),
                "choose a probability from 0 to 1, such as 0.01",
            ));
        }
        let counts = [("length", Some(length)), ("checkpoint", checkpoint)];
        for (key, value) in counts {
            if let Some(value) = value.filter(|value| !(1..=LONGEST).contains(value)) {
                return Err(Error::recipe(
                    format!("window.{key}"),
                    format!("is {value}"),
                    format!("choose a whole number in 1..={LONGEST}"),
                ));
            }
        }
        Ok(())
    }
}

/// The longest window.
const LONGEST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn with(settings: &[&str]) -> LanguageRecipe {
        let mut recipe = LanguageRecipe::default();
        for setting in settings {
            recipe.set(setting).unwrap();
        }
        recipe
    }

    #[test]
    fn settings_that_change_nothing_are_refused() {
        let refused: [(&str, &[&str]); 12] = [
            (
                "model.dropout.locked",
                &[
                    "model.dropout.locked=true",
                    "model.dropout.input=0",
                    "model.dropout.output=0",
                ],
            ),
            ("train.select", &["train.select=accuracy"]),
            (
                "tokens.lowercase",
                &["tokens.tokenizer=bpe", "tokens.lowercase=true"],
            ),
            (
                "tokens.punctuation",
                &["tokens.tokenizer=characters", "tokens.punctuation=false"],
            ),
            (
                "tokens.max_size",
                &[
                    "tokens.tokenizer=file",
                    "tokens.file=tokenizer.json",
                    "tokens.max_size=100",
                ],
            ),
            (
                "tokens.max_size",
                &["tokens.tokenizer=bpe", "tokens.max_size=200"],
            ),
            ("model.hidden_size", &["model.hidden_size=512"]),
            ("model.dropout.hidden", &["model.dropout.hidden=0.6"]),
            (
                "model.forget_bias",
                &["model.cell=gru", "model.forget_bias=2"],
            ),
            ("tokens.max_length", &["tokens.max_length=50"]),
            ("tokens.word_ngrams", &["tokens.word_ngrams=2"]),
            ("tokens.char_ngrams", &["tokens.char_ngrams=[2, 3]"]),
        ];
        for (key, settings) in refused {
            let error = with(settings).check().unwrap_err().to_string();
            assert!(error.starts_with(key), "{error}");
        }
        let used: [&[&str]; 7] = [
            &[],
            &["tokens.tokenizer=bpe", "tokens.max_size=300"],
            &["model.dropout.locked=true"],
            &[
                "model.hidden_size=512",
                "model.layers=2",
                "model.dropout.hidden=0.6",
            ],
            &["model.hidden_size=512", "model.tied=false"],
            &["model.hidden_size=64", "model.embedding_size=64"],
            &["model.embedding_size=64", "model.forget_bias=2"],
        ];
        for settings in used {
            assert!(with(settings).check().is_ok(), "{settings:?}");
        }
        let kept = with(&["model.embedding_size=64"]).settled();
        assert_eq!(kept.model.hidden_size, 64);
    }
}
