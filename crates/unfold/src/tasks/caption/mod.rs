//! Captioning: from pictures and sentences about them to a model that describes new ones.

mod config;
mod decode;
mod model;
mod network;
mod recipe;

use std::path::Path;
use std::time::Instant;

pub use config::{AttentionConfig, CaptionConfig, LayersConfig, MultimodalConfig};
pub use decode::Caption;
pub use model::{CaptionModel, CaptionReport, Captioned};
pub use recipe::{AnswerConfig, CaptionRecipe};

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
use crate::tasks::sentences::{Batch, Part, Parts, Sentences, vocabulary};
use crate::tasks::{Recipe as _, RunOptions};
use crate::tensor::Tensor;
use crate::train::{self, Evaluation, Observer, RunFolder, Stage, Start, Task, Unit};

/// Trains a captioner on `data` (a path, or `builtin:scenes`) and measures it on the test split. Leaves `recipe.toml`,
/// `metrics.jsonl`, `checkpoint/` and `model.safetensors` in the run's folder.
///
/// # Errors
/// When the data or the recipe cannot be used, the folder is taken, training diverges, or the observer asks to stop.
pub fn train(
    data: &str,
    recipe: &CaptionRecipe,
    run: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<CaptionReport> {
    let began = Instant::now();
    recipe.check()?;
    observer.stage(Stage::Reading, None);
    let collection = read_captions(Path::new(data), &recipe.data, recipe.seed)?;
    let words = vocabulary(&collection.train, recipe.words.min_count)?;
    let mut params = Params::new(recipe.seed);
    let encoder = Encoder::begin(
        &recipe.encoder,
        &CaptionRecipe::default().encoder.network,
        recipe.model.features(),
        &collection.train.pictures,
        recipe.seed,
        &mut params,
    )?;
    let network = Network::new(&mut params, &recipe.model, encoder.shape(), words.len());
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
    let mut model = CaptionModel {
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
    begin_with_frequencies(&mut model, &train.sentences);
    let mut folder = RunFolder::open(&run.out, run.resume)?;
    folder.keep_recipe(&recipe.to_toml())?;
    let mut params = model.params.clone();
    let training = Training {
        batch_size: recipe.train.batch_size,
        by_picture: recipe.encoder.learns() || recipe.model.features() == Features::Grid,
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
    let mut report = match &test {
        Some(test) => model.report(test, "test", began, observer)?,
        None => model.report(&train, "train", began, observer)?,
    };
    report.damaged = listed(&damaged);
    folder.log("report", &report)?;
    Ok(report)
}

/// Lets the scores begin as what words are likely anywhere: the head's bias is ln of their shares.
fn begin_with_frequencies(model: &mut CaptionModel, sentences: &Sentences) {
    let mut counts = vec![1.0f64; model.card.words.len()];
    sentences.each_next(|word| counts[word as usize] += 1.0);
    let all: f64 = counts.iter().sum();
    let bias = model.network.head().bias().expect("a head with a bias");
    for (bias, count) in model.params.get_mut(bias).iter_mut().zip(&counts) {
        *bias = (count / all).ln() as f32;
    }
}

/// What the training loop sees of a captioner.
struct Training<'a> {
    model: &'a CaptionModel,
    batch_size: usize,
    /// Whether all captions of a picture stand together, because looking at it costs much.
    by_picture: bool,
    train: Part,
    valid: Option<Part>,
    fingerprint: u64,
}

impl Task for Training<'_> {
    type Batch = Batch;

    fn steps(&self) -> usize {
        self.train.sentences.len().div_ceil(self.batch_size)
    }

    fn order(&self, key: Key) -> Vec<Vec<usize>> {
        let Training { train, .. } = self;
        train.sentences.order(self.batch_size, self.by_picture, key)
    }

    fn batch(&self, captions: &[usize], moment: Moment) -> Result<Batch> {
        let Part {
            sentences, gallery, ..
        } = &self.train;
        sentences.batch(captions, gallery, Some(moment))
    }

    fn size(&self, batch: &Batch) -> usize {
        batch.sequences.batch()
    }

    fn loss(&self, pass: &Pass<f32>, batch: &Batch, _: &mut Vec<Tensor>) -> Tensor {
        let CaptionModel {
            encoder, network, ..
        } = self.model;
        let features = encoder.see(pass, &batch.sight);
        let Batch {
            pictures,
            words,
            sequences,
            ..
        } = batch;
        let written = network.forward(pass, &features, pictures, words, sequences);
        let loss = written
            .logits
            .cross_entropy(&batch.next, &Default::default());
        match written.penalty {
            Some(penalty) => loss.add(&penalty),
            None => loss,
        }
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
fn course(recipe: &CaptionRecipe, trained_on: u64) -> u64 {
    let mut recipe = recipe.clone();
    // How often it is saved and where features are kept does not.
    recipe.train.checkpoint_seconds = 0.0;
    recipe.encoder.cache = None;
    hash(recipe.to_toml().as_bytes()) ^ trained_on
}
