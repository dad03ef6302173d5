//! Language modelling: from running text to a model that predicts each next word, and so writes.

mod beam;
mod columns;
mod config;
mod dynamic;
mod generate;
mod inspect;
mod model;
mod network;
mod parts;
mod recipe;
mod sample;
mod step;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

pub use config::{DropoutConfig, LanguageConfig};
pub use generate::{Candidate, Generator};
pub use inspect::{Inside, Seen};
pub use model::{LanguageModel, LanguageReport};
pub use recipe::{LanguageRecipe, WindowConfig};
pub(super) use sample::RECENT;
pub use sample::{Sampler, Sampling};
pub use step::{Stepper, StreamState};

pub use crate::tasks::beam::Continuation;

use self::columns::Columns;
use self::network::Window;
use self::parts::{Parts, encode, fingerprint};
use crate::data::{Codec, Corpus, CorpusPart, TokenKind};
use crate::error::{Error, Result};
use crate::nn::{Params, Pass, States, through_time};
use crate::random::{Key, Moment};
use crate::tasks::{Recipe as _, RunOptions};
use crate::tensor::Tensor;
use crate::train::{self, Evaluation, Observer, RunFolder, SLOWER, Stage, Start, Task, Unit};

/// Trains a language model on `data` (a path, or `builtin:moby-dick`) and measures it on the test
/// part, or on the validation part where there is none. Leaves `recipe.toml`, `metrics.jsonl`,
/// `checkpoint/` and `model.safetensors` in the run's folder.
///
/// # Errors
/// When the text or the recipe cannot be used, the folder is taken, training diverges, or the
/// observer asks to stop.
pub fn train(
    data: &str,
    recipe: &LanguageRecipe,
    run: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<LanguageReport> {
    let began = Instant::now();
    recipe.check()?;
    let recipe = &recipe.settled();
    observer.stage(Stage::Reading, None);
    let corpus = Corpus::read(Path::new(data), &recipe.data)?;
    let mut watch = |share| observer.stage(Stage::Learning, share);
    let codec = Codec::fit(&corpus, recipe.data.eos, &recipe.tokens, &mut watch)?;
    let words = encode(&codec, &corpus, CorpusPart::Train, observer)?;
    let mut model = LanguageModel::new(recipe, codec, fingerprint(&words))?;
    if words.len() < 2 {
        let problem = "the training part is a single token, after which nothing comes";
        return Err(Error::data(corpus.name(), problem, "give more text"));
    }
    let parts = Parts::new(words, model.codec(), &corpus, observer)?;
    let training = Training::new(&model, recipe, &parts);
    let mut notes = corpus.notes.clone();
    notes.extend(model.codec().note());
    notes.extend(parts.train.measure().note());
    notes.extend(training.note(recipe));
    let mut folder = RunFolder::open(&run.out, run.resume)?;
    folder.keep_recipe(&recipe.to_toml())?;
    let mut params = model.params.clone();
    observer.start(&Start {
        unit: unit(recipe.tokens.tokenizer),
        examples: parts.train.len(),
        valid_examples: training.valid.as_ref().map_or(0, |v| v.len() * v.count()),
        test_examples: parts.test.as_ref().map_or(0, |test| test.len() - 1),
        classes: model.codec().classes(),
        parameters: params.len(),
        steps: training.steps() * recipe.train.epochs,
        epochs: recipe.train.epochs,
        notes,
    });
    let outcome = train::fit(
        &training,
        &mut params,
        &recipe.train,
        recipe.seed,
        &mut folder,
        run.resume,
        observer,
    )?;
    drop(training);
    model.params = params;
    let (part, words) = parts.to_measure();
    let began = outcome.began(began);
    let report = model.report(part.name(), words, None, began, observer);
    check_nats(report.nats_per_token, part.name())?;
    model.save(&folder.model())?;
    outcome.ended()?;
    folder.log("report", &report)?;
    Ok(report)
}

fn unit(tokens: TokenKind) -> Unit {
    match tokens {
        TokenKind::Words | TokenKind::Whitespace => Unit::Words,
        TokenKind::Characters => Unit::Characters,
        TokenKind::File | TokenKind::Bpe => Unit::Tokens,
    }
}

/// What the training loop sees of a language model.
struct Training<'a> {
    model: &'a LanguageModel,
    window: WindowConfig,
    train: Columns,
    valid: Option<Columns>,
    /// Of the validation part; nothing where tokens are words.
    tokens_per_character: Option<f64>,
    fingerprint: u64,
}

/// Columns in which the validation part is read while training: fewer steps of more work each.
const VALID_COLUMNS: usize = 16;

impl<'a> Training<'a> {
    fn new(model: &'a LanguageModel, recipe: &LanguageRecipe, parts: &Parts) -> Training<'a> {
        let valid = parts.valid.as_ref().map(Arc::clone);
        Training {
            model,
            window: recipe.window.clone(),
            train: Columns::new(Arc::clone(&parts.train), recipe.train.batch_size),
            tokens_per_character: match unit(recipe.tokens.tokenizer) {
                Unit::Characters => Some(1.0),
                Unit::Tokens => valid
                    .as_ref()
                    .map(|words| words.len() as f64 / words.measure().characters as f64),
                _ => None,
            },
            valid: valid.map(|words| Columns::new(words, VALID_COLUMNS)),
            fingerprint: model.course(recipe),
        }
    }
}

impl Training<'_> {
    /// What of the recipe is more than the text has room for.
    fn note(&self, recipe: &LanguageRecipe) -> Option<String> {
        let (columns, len) = (self.train.count(), self.train.len());
        let counted = |count: usize, what: &str| {
            format!("{count} {what}{}", if count == 1 { "" } else { "s" })
        };
        let mut cut = Vec::new();
        if columns < recipe.train.batch_size {
            let read = counted(columns, "column");
            let asked = recipe.train.batch_size;
            cut.push(format!("{read} and not train.batch_size = {asked}"));
        }
        if len < recipe.window.length {
            let read = counted(len, "token");
            let asked = recipe.window.length;
            cut.push(format!("windows of {read} and not window.length = {asked}"));
        }
        let short = || {
            format!(
                "the text is so short that it is read in {}",
                cut.join(", in ")
            )
        };
        (!cut.is_empty()).then(short)
    }
}

/// What a step reads.
struct Batch {
    window: Window,
    /// The columns whose states begin at zeros.
    anew: Vec<usize>,
}

impl Task for Training<'_> {
    type Batch = Batch;

    fn steps(&self) -> usize {
        self.train.len().div_ceil(self.window.length)
    }

    fn order(&self, key: Key) -> Vec<Vec<usize>> {
        let cuts = cuts(
            self.train.len(),
            self.steps(),
            self.window.drawn.then_some(key),
        );
        cuts.windows(2).map(<[usize]>::to_vec).collect()
    }

    fn batch(&self, cut: &[usize], moment: Moment) -> Result<Batch> {
        let anew = |&column: &usize| moment.key.uniform(column as u64) < self.window.restart;
        Ok(Batch {
            window: self.train.window(cut[0], cut[1]),
            anew: (0..self.train.count()).filter(anew).collect(),
        })
    }

    fn size(&self, batch: &Batch) -> usize {
        batch.window.words.len()
    }

    fn loss(&self, pass: &Pass<f32>, batch: &Batch, carried: &mut Vec<Tensor>) -> Tensor {
        let (network, Batch { window, anew }) = (&self.model.network, batch);
        let mut states = self.model.states(self.train.count(), carried);
        if !anew.is_empty() {
            let all = states.h.iter_mut().chain(&mut states.c);
            all.for_each(|state| *state = begun_anew(state, anew));
        }
        let (loss, states) = match self.window.checkpoint {
            None => network.loss(pass, window, &states),
            Some(segment) => {
                let (network, window) = (network.clone(), window.clone());
                let (steps, columns) = (window.sequences.steps(), self.train.count());
                let run = move |pass: &Pass<f32>, steps: std::ops::Range<usize>, states: &_| {
                    let rows = steps.start * columns..steps.end * columns;
                    let part = Window {
                        words: window.words[rows.clone()].to_vec(),
                        next: window.next[rows].to_vec(),
                        sequences: crate::Ragged::new(&vec![steps.len(); columns]),
                    };
                    network.loss(pass, &part, states)
                };
                through_time(pass, steps, Some(segment.min(steps)), &states, run)
            }
        };
        let States { h, c, .. } = states.detach();
        *carried = h.into_iter().chain(c).collect();
        loss
    }

    fn validates(&self) -> bool {
        self.valid.is_some()
    }

    fn validate(&self, params: &Params<f32>) -> Result<Option<Evaluation>> {
        let Some(columns) = &self.valid else {
            return Ok(None);
        };
        let loss = self.model.measure(params, columns, &mut |_| {});
        check_nats(loss, CorpusPart::Valid.name())?;
        Ok(Some(Evaluation {
            loss,
            accuracy: None,
        }))
    }

    fn bits_per_character(&self, loss: f64) -> Option<f64> {
        Some(loss / std::f64::consts::LN_2 * self.tokens_per_character?)
    }

    fn constrain(&self, _: &mut Params<f32>) {}

    fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

/// Refuses a mean of -ln p that is no number, or so large that there is no perplexity: then training has diverged,
/// even where its losses are finite.
fn check_nats(nats: f64, part: &str) -> Result<()> {
    if nats.exp().is_finite() {
        return Ok(());
    }
    let problem = format!("training diverged: the loss is {nats} nats a token");
    Err(Error::training(format!("the {part} part"), problem, SLOWER))
}

/// States `[B, D]` with zeros in some rows.
fn begun_anew(state: &Tensor, rows: &[usize]) -> Tensor {
    let (mut values, d) = (state.to_vec(), state.dim(1));
    for &row in rows {
        values[row * d..][..d].fill(0.0);
    }
    Tensor::from_vec(values, state.dims())
}

/// Where a column of `len` steps is cut into `pieces` windows: evenly, or each window between a
/// half and one and a half times as long as another.
fn cuts(len: usize, pieces: usize, key: Option<Key>) -> Vec<usize> {
    let weight = |i: usize| key.map_or(1.0, |key| 0.5 + key.uniform(i as u64));
    let all: f64 = (0..pieces).map(weight).sum();
    let mut sum = 0.0;
    let mut cuts = vec![0];
    for i in 0..pieces {
        sum += weight(i);
        let left = pieces - 1 - i;
        let at = (len as f64 * sum / all).round() as usize;
        // No window is empty.
        cuts.push(at.clamp(cuts[i] + 1, len - left));
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_columns_begin_anew() {
        let states = Tensor::from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 2]);
        let anew = begun_anew(&states, &[0, 2]);
        assert_eq!(
            (anew.data(), anew.dims()),
            (&[0.0, 0.0, 3.0, 4.0, 0.0, 0.0][..], &[3, 2][..])
        );
    }

    #[test]
    fn windows_cover_a_column() {
        for (len, pieces) in [(1, 1), (10, 3), (7, 7), (1000, 29)] {
            for key in [None, Some(Key::new(3))] {
                let cuts = cuts(len, pieces, key);
                assert_eq!((cuts.len(), cuts[0], cuts[pieces]), (pieces + 1, 0, len));
                assert!(cuts.windows(2).all(|cut| cut[0] < cut[1]));
            }
        }
    }
}
