//! Image classification: from a folder of pictures to a model that tells new ones apart.

mod config;
mod look;
mod model;
mod recipe;
mod transfer;

use std::path::Path;
use std::time::Instant;

pub use config::{
    CnnConfig, FeedForwardConfig, HeadConfig, LayersConfig, MobilenetConfig, ModelConfig, NoConfig,
    Resnet9Config, ResnetConfig, StemName,
};
pub use look::{Filters, Maps};
pub use model::{ImageClassifier, ImageModel, ImageReport, Mistake, Mistakes};
pub use recipe::{AnswerConfig, ImageRecipe, InputConfig, ParameterConfig};
pub use transfer::import;

use self::model::Card;
use crate::data::{
    Album, AlbumConfig, Batcher, PictureBatch, PictureData, PictureForm, PictureSet, read_pictures,
};
use crate::error::{Error, Result};
use crate::nn::network::{FrozenNetwork, LayerConfig, LayerKind, WeightInit};
use crate::nn::{self, Params, Pass};
use crate::random::{Key, Moment};
use crate::tasks::damage::{damage_notes, listed};
use crate::tasks::files::{Card as _, hash};
use crate::tasks::loss::Loss;
use crate::tasks::{Recipe as _, RunOptions};
use crate::tensor::Tensor;
use crate::train::{self, Evaluation, Observer, RunFolder, Stage, Start, Task, Unit};

/// Pictures over which mean and deviation are taken, at most.
const NORMALISED_OVER: usize = 10_000;
/// Pictures that the first layer is whitened by, at most.
const WHITENED_BY: usize = 2_000;
/// Pixels of all of them, at most: as many as those of so many pictures of 32 x 32.
const WHITENED_PIXELS: usize = WHITENED_BY * 32 * 32;
/// What is added to the variances that whitening divides by.
const WHITENED_NEAR: f64 = 5e-4;

/// Trains an image classifier on `data` (a path, or `builtin:digits`) and measures it on the test split. Leaves `recipe.toml`,
/// `metrics.jsonl`, `checkpoint/` and `model.safetensors` in the run's folder.
///
/// # Errors
/// When the data or the recipe cannot be used, the folder is taken, training diverges, or the observer asks to stop.
pub fn train(
    data: &str,
    recipe: &ImageRecipe,
    run: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<ImageReport> {
    let began = Instant::now();
    recipe.check()?;
    let recipe = &ImageRecipe {
        data: recipe.data.resolved(Path::new(data)),
        ..recipe.clone()
    };
    observer.stage(Stage::Reading, None);
    let PictureData {
        labels,
        train,
        valid,
        test,
        notes,
        damaged,
    } = read_pictures(Path::new(data), &recipe.data, recipe.seed)?;
    let mut notes = notes;
    notes.extend(damage_notes(&damaged, "the data"));
    let start = recipe
        .parameters
        .from
        .as_deref()
        .map(|from| transfer::Start::read(from, &recipe.model, &recipe.input))
        .transpose()?;
    let recipe = &match &start {
        Some(start) => start.resolve(recipe)?,
        None => recipe.clone(),
    };
    let form = match &start {
        Some(start) => start.form(&recipe.input),
        None => (recipe.input.form(&train)).map_err(of_part("the training part"))?,
    };
    recipe.answer.check(&form)?;
    let size = [form.height, form.width];
    let trained_on = train.fingerprint();
    let to_measure = match (&test, &valid) {
        (Some(test), _) => ("test", "the test part", test.clone()),
        (None, Some(valid)) => ("valid", "the validation part", valid.clone()),
        (None, None) => ("train", "the training part", train.clone()),
    };
    let album = open(train, &form, recipe).map_err(of_part("the training part"))?;
    let card = Card {
        format: Card::FORMAT,
        task: Card::TASK.into(),
        normalise: album.normalise(NORMALISED_OVER)?,
        layers: recipe.model.layers([form.height, form.width], labels.len()),
        labels,
        form,
        flip: recipe.answer.flip,
        shift: recipe.answer.shift,
        source: recipe.data.clone(),
        seed: recipe.seed,
        trained_on,
    };
    let (labels, augment) = (album.labels(), recipe.augment.clone());
    let input = [card.form.height, card.form.width, card.form.channels];
    let model = match &start {
        None => ImageModel::new(card),
        Some(start) => start.with_labels(card, &recipe.model, &mut notes),
    };
    let classes = labels.len();
    let mut model = model.map_err(|error| recipe.model.told(error, "model", input, classes))?;
    let batcher = Batcher::new(album, model.card.normalise.clone(), augment)?;
    if start.is_none() {
        whiten(&mut model, &batcher)?;
    }
    recipe.parameters.apply(&mut model.params, &model.network)?;
    let valid = valid
        .map(|valid| model.batcher(valid).map_err(of_part("the validation part")))
        .transpose()?;
    // What cannot be measured on is told before hours of training, not after.
    let (split, part, set) = to_measure;
    let measured = model.batcher(set).map_err(of_part(part))?;
    let tested = test.is_some().then(|| measured.album());
    for (album, part) in [
        (Some(batcher.album()), "training"),
        (valid.as_ref().map(Batcher::album), "validation"),
        (tested, "test"),
    ] {
        let damaged = album.map_or(Vec::new(), Album::damaged);
        notes.extend(damage_notes(&damaged, &format!("the {part} part")));
    }
    let mut folder = RunFolder::open(&run.out, run.resume)?;
    folder.keep_recipe(&recipe.to_toml())?;
    let examples = batcher.album().len();
    let valid_examples = valid.as_ref().map_or(0, |valid| valid.album().len());
    let mut params = model.params.clone();
    let training = Training {
        loss: recipe.loss.over(&labels, model.labels().len()),
        batch_size: recipe.train.batch_size,
        batcher,
        valid,
        backbone: recipe
            .parameters
            .freezes_backbone()
            .then(|| model.network.features().frozen(&model.params)),
        fingerprint: course(recipe, trained_on),
        model: &model,
    };
    observer.start(&Start {
        unit: Unit::Pictures(size),
        examples,
        valid_examples,
        test_examples: tested.map_or(0, Album::len),
        classes: model.labels().len(),
        parameters: model.outline().parameters(),
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
    training.reestimate(&mut params, recipe)?;
    let mut lost = damaged;
    lost.extend(training.batcher.album().damaged());
    lost.extend(
        training
            .valid
            .iter()
            .flat_map(|valid| valid.album().damaged()),
    );
    drop(training);
    model.params = params;
    model.save(&folder.model())?;
    let data_wait_share = Some(outcome.data_wait_share);
    let began = outcome.began(began);
    outcome.ended()?;
    let mut report = model.report(&measured, split, began, observer)?;
    report.data_wait_share = data_wait_share;
    lost.extend(measured.album().damaged());
    report.damaged = listed(&lost);
    folder.log("report", &report)?;
    Ok(report)
}

/// Lets an error that has no place name the part of the data that it is about.
fn of_part(part: &str) -> impl Fn(Error) -> Error {
    move |error| match error.place() {
        "" => Error::new(error.kind(), part, error.problem(), error.remedy()),
        _ => error,
    }
}

/// The training pictures.
fn open(set: PictureSet, form: &PictureForm, recipe: &ImageRecipe) -> Result<Album> {
    let config = AlbumConfig {
        whole: recipe.augment.resized_crop.is_some(),
        strict: recipe.data.strict,
        ..AlbumConfig::default()
    };
    Album::open(set, form, config)
}

/// Lets the first layer put out what is uncorrelated, where the recipe asks for it.
fn whiten(model: &mut ImageModel, batcher: &Batcher) -> Result<()> {
    let asked = |layer: &LayerConfig| match &layer.kind {
        LayerKind::Conv2d(conv) => conv.init == WeightInit::Whiten,
        _ => false,
    };
    if model.card.layers.first().is_some_and(asked) {
        let name = &model.outline().rows()[0].name;
        let conv = model.network.conv2d(name).expect("the first layer").clone();
        let form = model.form();
        let most = (WHITENED_PIXELS / (form.height * form.width)).clamp(1, WHITENED_BY);
        let some: Vec<usize> = (0..batcher.album().len().min(most)).collect();
        let images = batcher.batch(&some, None)?.pixels;
        nn::whiten(&conv, &mut model.params, &images, WHITENED_NEAR);
    }
    Ok(())
}

/// What the training loop sees of an image classifier.
struct Training<'a> {
    model: &'a ImageModel,
    loss: Loss,
    batch_size: usize,
    batcher: Batcher,
    valid: Option<Batcher>,
    /// The layers before the last one, where none of them learns.
    backbone: Option<FrozenNetwork>,
    fingerprint: u64,
}

impl Training<'_> {
    /// Takes the statistics of batch normalisation anew, as means over some batches of an epoch.
    fn reestimate(&self, params: &mut Params<f32>, recipe: &ImageRecipe) -> Result<()> {
        if self.backbone.is_some() {
            return Ok(()); // which stays as it is
        }
        let key = Key::new(recipe.seed).named("statistics");
        let batches = self.order(key).into_iter().take(recipe.answer.reestimate);
        for (i, pictures) in batches.enumerate() {
            let key = key.child(i as u64);
            let pixels = self.batch(&pictures, Moment { epoch: 0, key })?.pixels;
            let pass = Pass::statistics(params, key, 1.0 / (i + 1) as f64);
            self.model.network.forward(&pass, &pixels);
            params.follow(pass);
        }
        Ok(())
    }
}

impl Task for Training<'_> {
    type Batch = PictureBatch;

    fn steps(&self) -> usize {
        self.batcher.album().len().div_ceil(self.batch_size)
    }

    fn order(&self, key: Key) -> Vec<Vec<usize>> {
        let count = self.batcher.album().len();
        let order = key.permutation(count);
        // Batches of like size: a last one of few pictures would upset batch normalisation.
        let steps = self.steps();
        let cut = |i: usize| i * count / steps;
        (0..steps)
            .map(|i| order[cut(i)..cut(i + 1)].to_vec())
            .collect()
    }

    fn batch(&self, pictures: &[usize], moment: Moment) -> Result<PictureBatch> {
        self.batcher.batch(pictures, Some(moment))
    }

    fn size(&self, batch: &PictureBatch) -> usize {
        batch.labels.len()
    }

    fn loss(&self, pass: &Pass<f32>, batch: &PictureBatch, _: &mut Vec<Tensor>) -> Tensor {
        let network = &self.model.network;
        let logits = match &self.backbone {
            Some(backbone) => network
                .head()
                .forward(pass, &backbone.forward(&batch.pixels)),
            None => network.forward(pass, &batch.pixels),
        };
        let own = self.loss.of(&logits, &batch.labels);
        let Some(mixed) = batch.mixed else {
            return own;
        };
        let count = batch.labels.len();
        let others: Vec<u32> = (0..count)
            .map(|b| batch.labels[mixed.other(b, count)])
            .collect();
        let weight = f64::from(mixed.weight);
        let other = self.loss.of(&logits, &others);
        own.affine(weight, 0.0)
            .add(&other.affine(1.0 - weight, 0.0))
    }

    fn validates(&self) -> bool {
        self.valid.is_some()
    }

    fn validate(&self, params: &Params<f32>) -> Result<Option<Evaluation>> {
        let valid = self.valid.as_ref();
        valid
            .map(|valid| self.model.measure(params, valid))
            .transpose()
    }

    fn constrain(&self, _: &mut Params<f32>) {}

    fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

/// A number that changes with anything that decides the course of a training.
fn course(recipe: &ImageRecipe, trained_on: u64) -> u64 {
    let mut recipe = recipe.clone();
    // How often it is saved does not.
    recipe.train.checkpoint_seconds = 0.0;
    hash(recipe.to_toml().as_bytes()) ^ trained_on
}
