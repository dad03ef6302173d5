//! Text classification: from files of labelled texts to a model that labels new ones.

mod batch;
mod config;
mod explain;
mod model;
mod network;
mod recipe;

use std::path::Path;
use std::time::Instant;

pub use config::{
    BagConfig, CnnConfig, EmbeddingConfig, ModelConfig, PoolName, RnnConfig, Weighting,
};
pub use explain::Explain;
pub use model::{TextModel, TextReport};
pub use recipe::TextRecipe;

use self::batch::{Encoded, Input, assemble};
use crate::data::{Encoder, Example, bucketed_batches, read_text};
use crate::error::Result;
use crate::nn::{Params, Pass};
use crate::random::{Key, Moment};
use crate::tasks::files::hash;
use crate::tasks::loss::Loss;
use crate::tasks::{Recipe as _, RunOptions};
use crate::tensor::Tensor;
use crate::train::{self, Evaluation, Observer, RunFolder, Stage, Start, Task, Unit};

/// Trains a text classifier on `data` (a path, or `builtin:spam`) and measures it on the test
/// split. Leaves `recipe.toml`, `metrics.jsonl`, `checkpoint/` and `model.safetensors` in the
/// run's folder.
///
/// # Errors
/// When the data or the recipe cannot be used, the folder is taken, training diverges, or the
/// observer asks to stop.
pub fn train(
    data: &str,
    recipe: &TextRecipe,
    run: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<TextReport> {
    let began = Instant::now();
    recipe.check()?;
    let recipe = &TextRecipe {
        data: recipe.data.resolved(Path::new(data)),
        ..recipe.clone()
    };
    observer.stage(Stage::Reading, None);
    let texts = read_text(Path::new(data), &recipe.data, recipe.seed)?;
    observer.stage(Stage::Learning, None);
    let encoder = Encoder::fit(texts.train.iter().map(|e| &*e.text), &recipe.tokens)?;
    let mut model = TextModel::new(recipe, encoder, &texts)?;
    let mut folder = RunFolder::open(&run.out, run.resume)?;
    folder.keep_recipe(&recipe.to_toml())?;

    let mut params = model.params.clone();
    observer.stage(Stage::Encoding, None);
    let training = Training::new(&model, recipe, &texts.train, texts.valid.as_deref());
    observer.start(&Start {
        unit: Unit::Examples,
        examples: texts.train.len(),
        valid_examples: texts.valid.as_ref().map_or(0, Vec::len),
        test_examples: texts.test.as_ref().map_or(0, Vec::len),
        classes: texts.labels.len(),
        parameters: params.len(),
        steps: training.steps() * recipe.train.epochs,
        epochs: recipe.train.epochs,
        notes: texts.notes.clone(),
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
    model.save(&folder.model())?;
    let began = outcome.began(began);
    outcome.ended()?;

    let (split, examples) = match (&texts.test, &texts.valid) {
        (Some(test), _) => ("test", test),
        (None, Some(valid)) => ("valid", valid),
        (None, None) => ("train", &texts.train),
    };
    observer.stage(Stage::Measuring, None);
    let report = model.report(examples, split, began);
    folder.log("report", &report)?;
    Ok(report)
}

/// What the training loop sees of a text classifier.
struct Training<'a> {
    model: &'a TextModel,
    loss: Loss,
    /// Share of features or words left out while training.
    dropout: f64,
    batch_size: usize,
    train: Vec<Encoded>,
    labels: Vec<usize>,
    lengths: Vec<usize>,
    valid: Option<(Vec<Encoded>, Vec<usize>)>,
    fingerprint: u64,
}

/// One training batch.
struct Batch {
    input: Input,
    targets: Vec<u32>,
}

impl<'a> Training<'a> {
    fn new(
        model: &'a TextModel,
        recipe: &TextRecipe,
        train: &[Example],
        valid: Option<&[Example]>,
    ) -> Training<'a> {
        let encode = |examples: &[Example]| -> (Vec<Encoded>, Vec<usize>) {
            let texts: Vec<&str> = examples.iter().map(|e| &*e.text).collect();
            let labels = examples.iter().map(|e| e.label).collect();
            (model.encode(&texts), labels)
        };
        let (encoded, labels) = encode(train);
        let dropout = match &recipe.model {
            ModelConfig::Bag(bag) => bag.feature_dropout,
            other => other.embedding().map_or(0.0, |e| e.word_dropout),
        };
        Training {
            model,
            loss: recipe.loss.over(&labels, model.labels().len()),
            dropout,
            batch_size: recipe.train.batch_size,
            lengths: encoded.iter().map(Encoded::len).collect(),
            train: encoded,
            labels,
            valid: valid.map(encode),
            fingerprint: course(recipe, model.card.trained_on),
        }
    }
}

impl Task for Training<'_> {
    type Batch = Batch;

    fn steps(&self) -> usize {
        self.train.len().div_ceil(self.batch_size)
    }

    fn order(&self, key: Key) -> Vec<Vec<usize>> {
        bucketed_batches(&self.lengths, self.batch_size, key)
    }

    fn batch(&self, examples: &[usize], moment: Moment) -> Result<Batch> {
        let texts: Vec<&Encoded> = examples.iter().map(|&i| &self.train[i]).collect();
        let input = assemble(&texts, self.dropout, Some(moment.key));
        let order = input.order().into_iter();
        let targets = order.map(|place| self.labels[examples[place]] as u32);
        Ok(Batch {
            targets: targets.collect(),
            input,
        })
    }

    fn size(&self, batch: &Batch) -> usize {
        batch.targets.len()
    }

    fn loss(&self, pass: &Pass<f32>, batch: &Batch, _: &mut Vec<Tensor>) -> Tensor {
        let logits = self.model.network.forward(pass, &batch.input);
        self.loss.of(&logits, &batch.targets)
    }

    fn validates(&self) -> bool {
        self.valid.is_some()
    }

    fn validate(&self, params: &Params<f32>) -> Result<Option<Evaluation>> {
        Ok(self.valid.as_ref().map(|(texts, labels)| {
            let texts: Vec<&Encoded> = texts.iter().collect();
            self.model.measure(params, &texts, labels)
        }))
    }

    fn constrain(&self, params: &mut Params<f32>) {
        self.model.network.constrain(params);
    }

    fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

/// A number that changes with anything that decides the course of a training.
fn course(recipe: &TextRecipe, trained_on: u64) -> u64 {
    let mut recipe = recipe.clone();
    // How often it is saved does not.
    recipe.train.checkpoint_seconds = 0.0;
    hash(recipe.to_toml().as_bytes()) ^ trained_on
}
