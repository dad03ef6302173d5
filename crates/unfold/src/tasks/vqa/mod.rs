//! Visual question answering: from pictures, questions and answers to a model that answers new ones.

mod among;
mod config;
mod counter;
mod model;
mod neighbours;
mod network;
mod questions;
mod recipe;

use std::collections::HashMap;
use std::path::Path;
use std::time::Instant;

pub use among::{Among, CounterExample};
pub use config::{AttentionConfig, DeeperConfig, LanguageOnlyConfig, PriorConfig, VqaConfig};
pub use counter::{CounterExamplesConfig, CounterScores};
pub use model::{Reply, VqaModel, VqaReport};
pub use recipe::{AnswersConfig, VqaRecipe, WordConfig};

use self::counter::hinge;
use self::model::{Card, fingerprint, pictures};
use self::neighbours::Neighbours;
use self::network::{Network, mean};
use self::questions::{Batch, Questions};
use crate::data::{QuestionData, QuestionSet, question_words, read_questions};
use crate::error::{Error, Result};
use crate::metrics::normalise_answer;
use crate::nn::{Params, Pass};
use crate::random::{Key, Moment};
use crate::tasks::damage::{damage_notes, listed};
use crate::tasks::encoder::{Encoder, Features, Gallery};
use crate::tasks::files::{Card as _, hash};
use crate::tasks::words;
use crate::tasks::{Recipe as _, RunOptions};
use crate::tensor::Tensor;
use crate::train::{self, Evaluation, Observer, RunFolder, Stage, Start, Task, Unit};

/// Trains a model that answers questions on `data` (a path, or `builtin:scenes`) and measures it on the test split. Leaves
/// `recipe.toml`, `metrics.jsonl`, `checkpoint/` and `model.safetensors` in the run's folder.
///
/// # Errors
/// When the data or the recipe cannot be used, the folder is taken, training diverges, or the observer asks to stop.
pub fn train(
    data: &str,
    recipe: &VqaRecipe,
    run: &RunOptions,
    observer: &mut dyn Observer,
) -> Result<VqaReport> {
    let began = Instant::now();
    recipe.check()?;
    observer.stage(Stage::Reading, None);
    let QuestionData {
        train,
        valid,
        test,
        mut notes,
        damaged,
    } = read_questions(Path::new(data), &recipe.data, recipe.seed)?;
    notes.extend(damage_notes(&damaged, "the data"));
    let asked = train.questions.iter();
    let asked = asked.map(|question| question_words(&question.text));
    let words = words::vocabulary(asked, recipe.words.min_count)?;
    let answers = answers(&train, recipe.answers.most);
    let mut params = Params::new(recipe.seed);
    let encoder = match recipe.model.features() {
        None => None,
        Some(features) => Some(Encoder::begin(
            &recipe.encoder,
            &VqaRecipe::default().encoder.network,
            features,
            pictures(&train)?,
            recipe.seed,
            &mut params,
        )?),
    };
    let shape = encoder.as_ref().map(Encoder::shape);
    let network = Network::new(
        &mut params,
        &recipe.model,
        shape,
        words.len(),
        answers.len(),
    );
    let card = Card {
        format: Card::FORMAT,
        task: Card::TASK.into(),
        words,
        answers,
        max_length: recipe.words.max_length,
        encoder: encoder.as_ref().map(|encoder| encoder.card().clone()),
        model: recipe.model.clone(),
        counter_examples: recipe.counter_examples.clone(),
        source: recipe.data.clone(),
        seed: recipe.seed,
        trained_on: fingerprint(&train),
    };
    let counter = card.counter_head(&mut params);
    let mut model = VqaModel {
        card,
        params,
        encoder,
        network,
        counter,
    };
    let mut lost = damaged;
    let mut seen = |set: &QuestionSet, part: &str, learns: bool| -> Result<Option<Gallery>> {
        let gallery = match &model.encoder {
            Some(encoder) if learns && recipe.encoder.learns() => Some(Gallery::of_pixels(
                encoder,
                pictures(set)?.clone(),
                recipe.encoder.augment.clone(),
                recipe.data.strict,
            )?),
            _ => model.gallery(set, observer)?,
        };
        let damaged = gallery.iter().flat_map(Gallery::damaged).cloned();
        let damaged: Vec<_> = damaged.collect();
        notes.extend(damage_notes(&damaged, &format!("the {part} part")));
        lost.extend(damaged);
        Ok(gallery)
    };
    let gallery = seen(&train, "training", true)?;
    let valid = match valid {
        Some(set) => Some((seen(&set, "validation", false)?, set)),
        None => None,
    };
    let test = match test {
        Some(set) => Some((seen(&set, "test", false)?, set)),
        None => None,
    };
    let (questions, left) = model.questions(&train, gallery.as_ref()).answerable();
    if questions.len() == 0 {
        let problem = "there is no question with an answer to learn from";
        return Err(Error::data(data, problem, "give questions with answers"));
    }
    if left > 0 {
        let most = model.card.answers.len();
        notes.push(format!(
            "{left} training questions left out: their answers are not among the {most} most frequent"
        ));
    }
    let unknown = questions.unknown();
    if unknown > 0 {
        notes.push(format!(
            "{unknown} of {} training questions have no word that the model knows",
            questions.len()
        ));
    }
    let neighbours = match (&recipe.counter_examples, &gallery) {
        (Some(config), Some(gallery)) => {
            let mut watch = |share| observer.stage(Stage::Encoding, Some(share));
            let most = config.neighbours;
            let neighbours = Neighbours::of(&train, &questions, gallery, most, &mut watch)?;
            let telling = neighbours.telling().len();
            if telling == 0 {
                return Err(Error::data(
                    data,
                    "no question is asked of two pictures with different answers: there are no counter-examples",
                    "leave counter_examples out of the recipe",
                ));
            }
            notes.push(format!(
                "{telling} of {} training questions have counter-examples among the {} nearest pictures",
                questions.len(),
                config.neighbours
            ));
            Some(neighbours)
        }
        _ => None,
    };
    begin_with_frequencies(&mut model, &questions);
    let mut folder = RunFolder::open(&run.out, run.resume)?;
    folder.keep_recipe(&recipe.to_toml())?;
    let mut params = model.params.clone();
    let training = Training {
        batch_size: recipe.train.batch_size,
        by_picture: gallery.is_some()
            && (recipe.encoder.learns() || recipe.model.features() == Some(Features::Grid)),
        fingerprint: course(recipe, model.card.trained_on),
        questions,
        neighbours,
        gallery,
        valid: valid.map(|(gallery, set)| {
            let questions = model.questions(&set, gallery.as_ref());
            (set, questions, gallery)
        }),
        model: &model,
    };
    observer.start(&Start {
        unit: Unit::Questions,
        examples: training.questions.len(),
        valid_examples: training.valid.as_ref().map_or(0, |(_, q, _)| q.len()),
        test_examples: test.as_ref().map_or(0, |(_, set)| set.questions.len()),
        classes: model.card.answers.len(),
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
    let Training { gallery, .. } = training;
    model.params = params;
    model.save(&folder.model())?;
    let began = outcome.began(began);
    outcome.ended()?;
    let mut report = match &test {
        Some((gallery, set)) => model.report(set, gallery.as_ref(), "test", began, observer)?,
        None => model.report(&train, gallery.as_ref(), "train", began, observer)?,
    };
    report.damaged = listed(&lost);
    folder.log("report", &report)?;
    Ok(report)
}

/// The most frequent answers: of ten people that which most gave, in the form of the challenge.
fn answers(set: &QuestionSet, most: usize) -> Vec<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for question in &set.questions {
        let answer = match &question.answers[..] {
            [one] => one.clone(),
            several => {
                let mut own: HashMap<String, usize> = HashMap::new();
                for answer in several {
                    *own.entry(normalise_answer(answer)).or_default() += 1;
                }
                let best = own
                    .into_iter()
                    .max_by(|a, b| a.1.cmp(&b.1).then(b.0.cmp(&a.0)));
                best.map_or(String::new(), |(answer, _)| answer)
            }
        };
        *counts.entry(answer).or_default() += 1;
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    if most > 0 {
        counts.truncate(most);
    }
    counts.into_iter().map(|(answer, _)| answer).collect()
}

/// Lets the scores begin as what answers are likely to anything: ln of their shares, or of their odds.
fn begin_with_frequencies(model: &mut VqaModel, questions: &Questions) {
    let mut counts = vec![0.5f64; model.card.answers.len()];
    questions
        .rightest()
        .for_each(|answer| counts[answer as usize] += 1.0);
    let all: f64 = counts.iter().sum();
    let soft = model.card.model.is_soft();
    for bias in model.network.biases() {
        for (bias, count) in model.params.get_mut(bias).iter_mut().zip(&counts) {
            let share = count / all;
            *bias = match soft {
                true => (share / (1.0 - share).max(1e-6)).ln(),
                false => share.ln(),
            } as f32;
        }
    }
}

/// What the training loop sees of a model that answers questions.
struct Training<'a> {
    model: &'a VqaModel,
    batch_size: usize,
    /// Whether all questions about a picture stand together, because looking at it costs much.
    by_picture: bool,
    questions: Questions,
    /// Where counter-examples are learned.
    neighbours: Option<Neighbours>,
    gallery: Option<Gallery>,
    valid: Option<(QuestionSet, Questions, Option<Gallery>)>,
    fingerprint: u64,
}

impl Task for Training<'_> {
    type Batch = Batch;

    fn steps(&self) -> usize {
        self.questions.len().div_ceil(self.batch_size)
    }

    fn order(&self, key: Key) -> Vec<Vec<usize>> {
        self.questions.order(self.batch_size, self.by_picture, key)
    }

    fn batch(&self, questions: &[usize], moment: Moment) -> Result<Batch> {
        let (gallery, soft) = (self.gallery.as_ref(), self.model.soft());
        let neighbours = self.neighbours.as_ref();
        self.questions
            .batch(questions, gallery, soft, neighbours, Some(moment))
    }

    fn size(&self, batch: &Batch) -> usize {
        batch.order.len()
    }

    fn loss(&self, pass: &Pass<f32>, batch: &Batch, _: &mut Vec<Tensor>) -> Tensor {
        let (logits, again) = self.model.forward(pass, batch);
        let losses: Vec<Tensor> = (logits.iter())
            .map(|logits| self.model.loss(logits, batch))
            .collect();
        let loss = mean(&losses);
        match (again, &self.model.card.counter_examples) {
            (Some(scores), Some(config)) => {
                loss.add(&hinge(&scores, config.margin).affine(config.weight, 0.0))
            }
            _ => loss,
        }
    }

    fn validates(&self) -> bool {
        self.valid.is_some()
    }

    fn validate(&self, params: &Params<f32>) -> Result<Option<Evaluation>> {
        let valid = self.valid.as_ref();
        valid
            .map(|(set, questions, gallery)| {
                self.model.measure(params, set, questions, gallery.as_ref())
            })
            .transpose()
    }

    fn constrain(&self, _: &mut Params<f32>) {}

    fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

/// A number that changes with anything that decides the course of a training.
fn course(recipe: &VqaRecipe, trained_on: u64) -> u64 {
    let mut recipe = recipe.clone();
    // How often it is saved and where features are kept does not.
    recipe.train.checkpoint_seconds = 0.0;
    recipe.encoder.cache = None;
    hash(recipe.to_toml().as_bytes()) ^ trained_on
}
