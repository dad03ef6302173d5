//! Alignment: from pictures and sentences about them to a model that finds either by the other, and says which words are about
//! which place.

mod chain;
mod collection;
mod config;
mod loss;
mod model;
mod network;
mod recipe;

use std::path::Path;
use std::time::Instant;

pub use collection::{Collection, Found};
pub use config::{AlignConfig, Negatives};
pub use model::{AlignModel, AlignReport, Phrase};
pub use recipe::{AlignRecipe, AlignmentConfig};

use self::loss::ranking_loss;
use self::model::Card;
use self::network::Network;
use crate::data::read_captions;
use crate::error::{Error, Result};
use crate::nn::{Params, Pass};
use crate::random::{Key, Moment};
use crate::tasks::damage::listed;
use crate::tasks::encoder::{Encoder, Features};
use crate::tasks::files::{Card as _, hash};
pub use crate::tasks::sentences::WordConfig;
use crate::tasks::sentences::{Pairs, Part, Parts, vocabulary};
use crate::tasks::{Recipe as _, RunOptions};
use crate::tensor::Tensor;
use crate::train::{self, Evaluation, Observer, RunFolder, Stage, Start, Task, Unit};

/// Trains a model on `data` (a path, or `builtin:scenes`) that compares pictures and sentences, and measures how well it finds
/// those of the test split. Leaves `recipe.toml`, `metrics.jsonl`, `checkpoint/` and `model.safetensors` in the run's folder.
///
/// # Errors
/// When the data or the recipe cannot be used, the folder is taken, training diverges, or the observer asks to stop.
pub fn train(
    data: &str,
    recipe: &AlignRecipe,
    run: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<AlignReport> {
    let began = Instant::now();
    recipe.check()?;
    observer.stage(Stage::Reading, None);
    let collection = read_captions(Path::new(data), &recipe.data, recipe.seed)?;
    let words = vocabulary(&collection.train, recipe.words.min_count)?;
    let mut params = Params::new(recipe.seed);
    let encoder = Encoder::begin(
        &recipe.encoder,
        &AlignRecipe::default().encoder.network,
        Features::Grid,
        &collection.train.pictures,
        recipe.seed,
        &mut params,
    )?;
    let (places, channels) = (encoder.grid().expect("a grid"), encoder.shape()[1]);
    let network = Network::new(&mut params, &recipe.model, places, channels, words.len())?;
    let card = Card {
        format: Card::FORMAT,
        task: Card::TASK.into(),
        words,
        max_length: recipe.words.max_length,
        encoder: encoder.card().clone(),
        model: recipe.model.clone(),
        answer: recipe.answer.clone(),
        source: recipe.data.clone(),
        seed: recipe.seed,
        trained_on: collection.train.pictures.fingerprint(),
    };
    let mut model = AlignModel {
        card,
        params,
        encoder,
        network,
    };
    let Parts {
        train,
        valid,
        test,
        notes,
        damaged,
    } = model.preparation(recipe.data.strict).parts(
        collection,
        &recipe.encoder.augment,
        observer,
    )?;
    if train.sentences.len() == 0 {
        let problem = "there is no caption to learn from";
        return Err(Error::data(data, problem, "give pictures with captions"));
    }
    let mut folder = RunFolder::open(&run.out, run.resume)?;
    folder.keep_recipe(&recipe.to_toml())?;
    let mut params = model.params.clone();
    let training = Training {
        batch_size: recipe.train.batch_size,
        fingerprint: course(recipe, model.card.trained_on),
        train,
        valid,
        model: &model,
    };
    let captions = |part: &Part| part.sentences.len();
    observer.start(&Start {
        unit: Unit::Captions,
        examples: captions(&training.train),
        valid_examples: training.valid.as_ref().map_or(0, captions),
        test_examples: test.as_ref().map_or(0, captions),
        classes: model.card.words.len(),
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
    let Training { train, .. } = training;
    model.params = params;
    model.save(&folder.model())?;
    let began = outcome.began(began);
    outcome.ended()?;
    let mut report = match test {
        Some(test) => model.report(test, "test", began, observer)?,
        None => model.report(train, "train", began, observer)?,
    };
    report.damaged = listed(&damaged);
    folder.log("report", &report)?;
    Ok(report)
}

/// What the training loop sees of an alignment model.
struct Training<'a> {
    model: &'a AlignModel,
    batch_size: usize,
    train: Part,
    valid: Option<Part>,
    fingerprint: u64,
}

impl Task for Training<'_> {
    type Batch = Pairs;

    fn steps(&self) -> usize {
        self.order(Key::new(0)).len()
    }

    fn order(&self, key: Key) -> Vec<Vec<usize>> {
        self.train.sentences.rounds(self.batch_size, key)
    }

    fn batch(&self, captions: &[usize], moment: Moment) -> Result<Pairs> {
        let Part {
            sentences, gallery, ..
        } = &self.train;
        sentences.pairs(captions, gallery, Some(moment))
    }

    fn size(&self, pairs: &Pairs) -> usize {
        pairs.sequences.batch()
    }

    fn loss(&self, pass: &Pass<f32>, pairs: &Pairs, _: &mut Vec<Tensor>) -> Tensor {
        let AlignConfig {
            margin, negatives, ..
        } = self.model.card.model;
        ranking_loss(&self.model.scores(pass, pairs), margin, negatives)
    }

    fn validates(&self) -> bool {
        self.valid.is_some()
    }

    fn validate(&self, params: &Params<f32>) -> Result<Option<Evaluation>> {
        let valid = self.valid.as_ref();
        valid
            .map(|part| self.model.measure(params, part))
            .transpose()
    }

    fn constrain(&self, _: &mut Params<f32>) {}

    fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

/// A number that changes with anything that decides the course of a training.
fn course(recipe: &AlignRecipe, trained_on: u64) -> u64 {
    let mut recipe = recipe.clone();
    // How often it is saved and where features are kept does not.
    recipe.train.checkpoint_seconds = 0.0;
    recipe.encoder.cache = None;
    hash(recipe.to_toml().as_bytes()) ^ trained_on
}
