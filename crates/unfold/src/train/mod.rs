//! The one training loop: epochs, evaluation, early stopping, checkpoints, resume.
//!
//! A task says how an example becomes a batch and a batch a loss; the loop does the rest. What
//! it computes depends on the seed, the recipe and the data alone: not on the number of threads,
//! nor on where it was interrupted.

mod checkpoint;
mod observer;
mod run;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use checkpoint::Checkpoint;
pub use observer::{EpochEnd, Observer, Progress, Quiet, Stage, Start, Unit};
pub use run::RunFolder;

use crate::error::{Error, ErrorKind, Result};
use crate::nn::{
    self, Goal, Lookahead, NonMonotone, Optimizer, OptimizerConfig, Params, Pass, Schedule,
    Scheduler,
};
use crate::random::{Key, Moment};
use crate::tensor::Tensor;
use crate::threads;

/// How to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// How often to go through the training examples at most.
    pub epochs: usize,
    /// Examples a step.
    pub batch_size: usize,
    /// The rule by which gradients change parameters.
    pub optimizer: OptimizerConfig,
    /// The rate at which they do, before the schedule.
    pub learning_rate: f64,
    /// How the rate changes over the steps.
    pub schedule: Schedule,
    /// Scales the whole gradient down to this Euclidean norm where it exceeds it.
    pub clip_norm: Option<f64>,
    /// Cuts each gradient value to this magnitude.
    pub clip_value: Option<f64>,
    /// Stop after this many epochs without a better validation result; 0, or no validation part, never stops early.
    pub patience: usize,
    /// What "better" means.
    pub select: Select,
    /// Let slow copies of the parameters follow every few steps, and steps begin anew from them (Zhang et al. 2019):
    /// steadier steps at the same rate. When absent, never.
    pub lookahead: Option<Lookahead>,
    /// Begin to average the parameters of all later steps once the validation loss is worse than
    /// the best of those more than this many epochs ago (NT-ASGD, Merity et al. 2017; 5 there).
    /// From then on the averages are what is measured and kept. When absent, never.
    pub average_after: Option<usize>,
    /// Measure and keep moving averages of the parameters: after each step a value counts this many
    /// times as much, such as 0.999. When absent, the parameters themselves.
    pub average_decay: Option<f64>,
    /// Seconds between checkpoints within an epoch; each epoch's end makes one anyway.
    pub checkpoint_seconds: f64,
}

impl TrainConfig {
    /// Checks what the types cannot: that numbers make sense.
    ///
    /// # Errors
    /// Naming the key and what it may be.
    pub fn check(&self) -> Result<()> {
        self.optimizer.check()?;
        self.schedule.check()?;
        self.lookahead.map_or(Ok(()), |config| config.check())?;
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let counted = |value: usize| (1..=LARGEST_COUNT).contains(&value);
        let limit = |value: Option<f64>| value.map_or("none".into(), |v| v.to_string());
        let whole = format!("a whole number in 1..={LARGEST_COUNT}");
        let above = "a number above 0";
        let checks = [
            (
                "epochs",
                counted(self.epochs),
                self.epochs.to_string(),
                &*whole,
            ),
            (
                "batch_size",
                counted(self.batch_size),
                self.batch_size.to_string(),
                &whole,
            ),
            (
                "learning_rate",
                positive(self.learning_rate),
                self.learning_rate.to_string(),
                above,
            ),
            (
                "clip_norm",
                self.clip_norm.is_none_or(|norm| norm > 0.0),
                limit(self.clip_norm),
                "a number above 0; inf for no clipping",
            ),
            (
                "clip_value",
                self.clip_value.is_none_or(|value| value > 0.0),
                limit(self.clip_value),
                "a number above 0; inf for no clipping",
            ),
            (
                "average_decay",
                self.average_decay.is_none_or(|decay| {
                    (0.0..1.0).contains(&decay) && self.average_after.is_none()
                }),
                limit(self.average_decay),
                "a number from 0 and below 1, without average_after",
            ),
            (
                "checkpoint_seconds",
                self.checkpoint_seconds >= 0.0,
                self.checkpoint_seconds.to_string(),
                "a number from 0; inf for never within an epoch",
            ),
        ];
        match checks.into_iter().find(|(_, holds, ..)| !holds) {
            Some((key, _, value, range)) => Err(Error::recipe(
                format!("train.{key}"),
                format!("is {value}"),
                format!("choose {range}"),
            )),
            None => Ok(()),
        }
    }

    /// Refuses what would wait for validation results for ever.
    fn check_without_validation(&self) -> Result<()> {
        let plateau = matches!(self.schedule, Schedule::Plateau { .. });
        let waiting = [
            ("average_after", self.average_after.is_some()),
            ("schedule", plateau),
        ];
        match waiting.into_iter().find(|(_, waits)| *waits) {
            None => Ok(()),
            Some((key, _)) => Err(Error::recipe(
                format!("train.{key}"),
                "waits for validation results, and no part of the data is held out for them",
                "leave it out, or hold some out (data.valid_fraction = 0.1)",
            )),
        }
    }
}

/// The most epochs, and the most examples a step: beyond it a recipe is wrong.
const LARGEST_COUNT: usize = 1_000_000;

/// Which validation figure chooses the parameters that are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Select {
    /// The highest accuracy; the lower loss among equals, or where no accuracy is counted.
    Accuracy,
    /// The lowest loss.
    Loss,
    /// None: the parameters after the last step.
    Last,
}

impl Default for TrainConfig {
    fn default() -> TrainConfig {
        TrainConfig {
            epochs: 10,
            batch_size: 32,
            optimizer: OptimizerConfig::default(),
            learning_rate: 1e-3,
            schedule: Schedule::default(),
            clip_norm: None,
            clip_value: None,
            patience: 0,
            select: Select::Accuracy,
            lookahead: None,
            average_after: None,
            average_decay: None,
            checkpoint_seconds: 30.0,
        }
    }
}

/// How good a model is on one split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// The mean loss.
    pub loss: f64,
    /// The share of right answers, 0..=1; `None` for a task that counts none.
    pub accuracy: Option<f64>,
}

impl Evaluation {
    fn better_than(&self, other: &Evaluation, select: Select) -> bool {
        match select {
            Select::Accuracy if self.accuracy != other.accuracy => self.accuracy > other.accuracy,
            Select::Accuracy | Select::Loss => self.loss < other.loss,
            Select::Last => true,
        }
    }
}

/// What the loop needs to know of a task.
pub trait Task: Sync {
    /// A prepared batch.
    type Batch: Send;

    /// How many steps an epoch takes; every epoch takes as many.
    fn steps(&self) -> usize;

    /// What each step of one epoch is about, in order: numbers that [`Task::batch`] understands,
    /// such as those of examples.
    fn order(&self, key: Key) -> Vec<Vec<usize>>;

    /// Prepares a batch; called on background threads.
    ///
    /// # Errors
    /// When an example cannot be read: training stops.
    fn batch(&self, numbers: &[usize], moment: Moment) -> Result<Self::Batch>;

    /// How many examples a batch has, or whatever its task counts speed in.
    fn size(&self, batch: &Self::Batch) -> usize;

    /// The mean loss of a batch. `carried` is what this epoch's step before left, nothing at its
    /// first step: a recurrent network's states, say, cut off from how they were made. It is
    /// part of a checkpoint.
    fn loss(&self, pass: &Pass<f32>, batch: &Self::Batch, carried: &mut Vec<Tensor>) -> Tensor;

    /// Whether there is a validation split, so that [`validate`](Task::validate) measures something.
    fn validates(&self) -> bool;

    /// Measures the model on the validation split; `None` without one.
    ///
    /// # Errors
    /// When an example cannot be read: training stops.
    fn validate(&self, params: &Params<f32>) -> Result<Option<Evaluation>>;

    /// What a validation loss is in bits a character of text, for a task that predicts text in pieces of other lengths.
    fn bits_per_character(&self, _loss: f64) -> Option<f64> {
        None
    }

    /// Applied to the parameters after each step, such as a cap on a norm.
    fn constrain(&self, params: &mut Params<f32>);

    /// Changes when the data or the model do, so that a checkpoint of others is refused.
    fn fingerprint(&self) -> u64;
}

/// What a training came to.
#[derive(Debug)]
#[must_use = "a training may have diverged"]
pub struct Outcome {
    /// Steps taken.
    pub steps: usize,
    /// The epoch whose parameters were kept, from 1.
    pub best_epoch: usize,
    /// The validation result of that epoch.
    pub best: Option<Evaluation>,
    /// The share of the time of all steps in which they waited for data, since the start or the resumption.
    pub data_wait_share: f64,
    /// How long it had been trained before it was resumed.
    earlier: Duration,
    /// Why it ended before its time, with the best parameters of the epochs before.
    diverged: Option<Error>,
}

impl Outcome {
    /// When a training that was resumed at `began` would have begun had it not been interrupted.
    pub fn began(&self, began: Instant) -> Instant {
        began.checked_sub(self.earlier).unwrap_or(began)
    }

    /// Ends a training whose best parameters are saved.
    ///
    /// # Errors
    /// When it diverged after them.
    pub fn ended(self) -> Result<()> {
        self.diverged.map_or(Ok(()), Err)
    }
}

/// Trains `params` on `task`, from the run folder's checkpoint when `resume` is set and there is
/// one, and leaves the best parameters in `params`. Where it diverges after an epoch that was measured, those are still left;
/// [`Outcome::ended`] then gives the error.
///
/// # Errors
/// When the settings wait for validation results and there is no validation split, the loss, a gradient or the validation loss
/// stops being finite before there is a best epoch, a checkpoint cannot be written or read, or the observer asks to stop
/// ([`ErrorKind::Interrupted`]; all is saved then).
pub fn fit<T: Task>(
    task: &T,
    params: &mut Params<f32>,
    config: &TrainConfig,
    seed: u64,
    run: &mut RunFolder,
    resume: bool,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    if !task.validates() {
        config.check_without_validation()?;
    }
    let per_epoch = task.steps();
    let total = per_epoch * config.epochs;
    let mut training = Training {
        task,
        config,
        key: Key::new(seed).named("training"),
        per_epoch,
        total,
        optimizer: Optimizer::new(config.optimizer.clone(), params),
        scheduler: Scheduler::new(config.schedule.clone(), total),
        trigger: NonMonotone::new(config.average_after.unwrap_or(usize::MAX)),
        state: Checkpoint::default(),
        began: Instant::now(),
        saved: Instant::now(),
        stepping: Stopwatch::default(),
    };
    if let Some(lookahead) = config.lookahead {
        let optimizer = &mut training.optimizer;
        optimizer.look_ahead(params, lookahead, total as u64);
    }
    if let Some(decay) = config.average_decay {
        training.optimizer.start_moving_average(params, decay);
    }
    let mut earlier = 0.0;
    if resume {
        if let Some(state) = Checkpoint::read(&run.checkpoint(), task.fingerprint())? {
            earlier = state.seconds;
            training.restore(state, params)?;
        }
        run.rewind(training.state.step, training.state.epochs)?;
    }
    let mut diverged = None;
    while diverged.is_none() && training.goes_on() {
        match (training.epoch(params, run, observer), &training.state.best) {
            (Err(error), Some(best)) if error.kind() == ErrorKind::Training => {
                let kept = format!(
                    "the model of epoch {}, the best before, is kept",
                    best.epoch
                );
                let problem = format!("{}; {kept}", error.problem());
                diverged = Some(Error::training(error.place(), problem, error.remedy()));
            }
            (epoch, _) => epoch?,
        }
    }
    if let Some(best) = &training.state.best {
        params.values_mut().copy_from_slice(&best.values);
    } else if let Some(average) = training.optimizer.averaged() {
        params.values_mut().copy_from_slice(average);
    }
    let best = training.state.best.as_ref();
    Ok(Outcome {
        steps: training.state.step,
        best_epoch: best.map_or(training.state.epochs, |best| best.epoch),
        best: best.map(|best| best.evaluation),
        data_wait_share: training.stepping.wait_share(),
        earlier: Duration::try_from_secs_f64(earlier).unwrap_or_default(),
        diverged,
    })
}

/// How long steps took, and how much of it they waited for their batches; in seconds.
#[derive(Clone, Copy, Default)]
struct Stopwatch {
    waited: f64,
    all: f64,
}

impl Stopwatch {
    fn wait_share(&self) -> f64 {
        self.waited / self.all.max(1e-9)
    }
}

/// A training under way. Everything that decides its future is in `state`, the parameters and
/// the optimizer.
struct Training<'a, T> {
    task: &'a T,
    config: &'a TrainConfig,
    key: Key,
    per_epoch: usize,
    total: usize,
    optimizer: Optimizer<f32>,
    scheduler: Scheduler,
    trigger: NonMonotone,
    state: Checkpoint,
    /// Since when seconds are not in the state yet.
    began: Instant,
    saved: Instant,
    stepping: Stopwatch,
}

impl<T: Task> Training<'_, T> {
    /// Whether there is an epoch left, and early stopping has not had enough.
    fn goes_on(&self) -> bool {
        let enough = self.config.patience > 0 && self.state.stale >= self.config.patience;
        self.state.epochs * self.per_epoch < self.total && !enough
    }

    /// The rest of the first epoch that is not done.
    fn epoch(
        &mut self,
        params: &mut Params<f32>,
        run: &mut RunFolder,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let epoch = self.state.epochs;
        let (task, key) = (self.task, self.key);
        let order = task.order(key.named("order").child(epoch as u64));
        assert_eq!(order.len(), self.per_epoch, "batches of an epoch");
        let rest = &order[self.state.step - epoch * self.per_epoch..];
        let (first, began) = (self.state.step, Instant::now());
        let mut stopwatch = Stopwatch::default();
        std::thread::scope(|scope| {
            // Each worker prepares every so manieth batch; taken in turn, they come in order.
            let workers = threads().min(rest.len()).max(1);
            let prepare = |worker: usize| {
                let (sender, batches) = mpsc::sync_channel(1);
                scope.spawn(move || {
                    for (i, numbers) in rest.iter().enumerate().skip(worker).step_by(workers) {
                        let key = key.named("batch").child((first + i) as u64);
                        let moment = Moment { epoch, key };
                        // The loop has gone when it stopped early; nobody wants more.
                        if sender.send(task.batch(numbers, moment)).is_err() {
                            break;
                        }
                    }
                });
                batches
            };
            let queues: Vec<_> = (0..workers).map(prepare).collect();
            let mut examples = 0;
            for i in 0..rest.len() {
                let asked = Instant::now();
                let Ok(batch) = queues[i % workers].recv() else {
                    break; // a worker panicked, which the end of the scope passes on
                };
                let batch = batch?;
                stopwatch.waited += asked.elapsed().as_secs_f64();
                let step = self.step(params, &batch)?;
                examples += task.size(&batch);
                let seconds = began.elapsed().as_secs_f64();
                stopwatch.all = seconds;
                let progress = Progress {
                    step: self.state.step,
                    steps: self.total,
                    epoch: epoch + 1,
                    epochs: self.config.epochs,
                    loss: step.loss,
                    learning_rate: step.learning_rate,
                    gradient_norm: step.gradient_norm,
                    examples_per_second: examples as f64 / seconds.max(1e-9),
                };
                observer.step(&progress);
                run.log_step(&progress, (self.total / 1000).max(1))?;
                if observer.stop() {
                    self.save(params, run)?;
                    return Err(Error::new(
                        ErrorKind::Interrupted,
                        run.path().display(),
                        format!("stopped after step {} of {}", self.state.step, self.total),
                        "everything is saved; go on with the same command and --resume",
                    ));
                }
                let due = Duration::try_from_secs_f64(self.config.checkpoint_seconds);
                let due = due.unwrap_or(Duration::MAX);
                if self.saved.elapsed() >= due {
                    self.save(params, run)?;
                }
            }
            Ok(())
        })?;
        self.stepping.waited += stopwatch.waited;
        self.stepping.all += stopwatch.all;
        let share = stopwatch.wait_share();
        let seconds = began.elapsed().as_secs_f64();
        self.end_epoch(epoch, seconds, share, params, run, observer)
    }

    fn step(&mut self, params: &mut Params<f32>, batch: &T::Batch) -> Result<Step> {
        let number = self.state.step;
        let key = self.key.named("pass").child(number as u64);
        let pass = Pass::training(params, key);
        let loss = self.task.loss(&pass, batch, &mut self.state.carried);
        let value = f64::from(loss.item());
        params.backward(&pass, loss);
        let gradient_norm = match self.config.clip_norm {
            Some(limit) => nn::clip_norm(params, limit),
            None => nn::gradient_norm(params),
        };
        if !value.is_finite() || !gradient_norm.is_finite() {
            return Err(diverged(number + 1, value, &pass, params));
        }
        drop(pass);
        if let Some(limit) = self.config.clip_value {
            nn::clip_value(params, limit);
        }
        let learning_rate = self.config.learning_rate * self.scheduler.factor(number);
        self.optimizer.step(params, learning_rate);
        self.task.constrain(params);
        self.state.step += 1;
        self.state.loss_sum += value;
        Ok(Step {
            loss: value,
            gradient_norm,
            learning_rate,
        })
    }

    fn end_epoch(
        &mut self,
        epoch: usize,
        seconds: f64,
        data_wait_share: f64,
        params: &Params<f32>,
        run: &mut RunFolder,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let average = self.optimizer.averaged().map(|averaged| {
            let mut average = params.clone();
            average.values_mut().copy_from_slice(averaged);
            average
        });
        let kept = average.as_ref().unwrap_or(params);
        let validation = self.task.validate(kept)?;
        let train_loss = self.state.loss_sum / self.per_epoch as f64;
        if let Some(loss) = validation.map(|v| v.loss).filter(|loss| !loss.is_finite()) {
            let place = format!("epoch {}", epoch + 1);
            let problem = format!("the validation loss is {loss}");
            return Err(Error::training(place, problem, SLOWER));
        }
        self.state.epochs += 1;
        self.state.loss_sum = 0.0;
        self.state.carried.clear();
        let (mut best, mut averaging) = (false, false);
        if let Some(evaluation) = validation {
            self.scheduler.observe(match self.config.schedule {
                Schedule::Plateau {
                    goal: Goal::Highest,
                    ..
                } => evaluation.accuracy.unwrap_or(-evaluation.loss),
                _ => evaluation.loss,
            });
            let select = self.config.select;
            let record = self.state.best.as_ref();
            best = record.is_none_or(|r| evaluation.better_than(&r.evaluation, select));
            self.state.stale += 1;
            if best {
                self.state.stale = 0;
                self.state.best = Some(checkpoint::Best {
                    epoch: epoch + 1,
                    evaluation,
                    values: kept.values().to_vec(),
                });
            }
            if average.is_none() && self.trigger.observe(evaluation.loss) {
                self.optimizer.start_averaging(params);
                averaging = true;
            }
        }
        let end = EpochEnd {
            epoch: epoch + 1,
            epochs: self.config.epochs,
            step: self.state.step,
            train_loss,
            valid_loss: validation.map(|v| v.loss),
            valid_accuracy: validation.and_then(|v| v.accuracy),
            bits_per_character: validation.and_then(|v| self.task.bits_per_character(v.loss)),
            best,
            seconds,
            data_wait_share,
        };
        run.log_epoch(&end)?;
        if averaging {
            run.log("averaging", &Averaging { step: end.step })?;
        }
        self.save(params, run)?;
        observer.epoch(&end);
        if averaging {
            observer.note(
                "validation results improve no more: from here on the parameters of all steps are averaged, and \
                 the averages are measured and kept",
            );
        }
        Ok(())
    }

    fn save(&mut self, params: &Params<f32>, run: &RunFolder) -> Result<()> {
        self.state.scheduler = self.scheduler.state();
        self.state.losses = self.trigger.state().to_vec();
        self.saved = Instant::now();
        self.state.seconds += (self.saved - self.began).as_secs_f64();
        self.began = self.saved;
        self.state.write(
            &run.checkpoint(),
            self.task.fingerprint(),
            params.values(),
            &self.optimizer.state(),
        )
    }

    fn restore(&mut self, state: Checkpoint, params: &mut Params<f32>) -> Result<()> {
        let best = state.best.as_ref().map_or(params.len(), |b| b.values.len());
        if state.values.len() != params.len() || best != params.len() {
            return Err(Error::model(
                "checkpoint",
                format!(
                    "expected {} parameters, got {} and {best}",
                    params.len(),
                    state.values.len()
                ),
                "the file is damaged; start anew with another --out",
            ));
        }
        params.values_mut().copy_from_slice(&state.values);
        let buffers: Vec<(&str, &[f32])> = state
            .optimizer
            .iter()
            .map(|(name, values)| (name.as_str(), &values[..]))
            .collect();
        self.optimizer.restore(&buffers)?;
        self.scheduler.restore(&state.scheduler)?;
        self.trigger.restore(&state.losses);
        self.state = state;
        Ok(())
    }
}

/// The line of the measurements that says from which step on parameters are averaged.
#[derive(Serialize)]
struct Averaging {
    step: usize,
}

/// What one step came to.
struct Step {
    loss: f64,
    gradient_norm: f64,
    learning_rate: f64,
}

/// The error for a loss or gradient that is not finite: where it went first and what to try.
fn diverged(step: usize, loss: f64, pass: &Pass<f32>, params: &Params<f32>) -> Error {
    // Gradients flow from the last layer to the first, so the last parameter used whose
    // gradient is broken is where it broke first.
    let broken = |values: &[f32]| values.iter().any(|v| !v.is_finite());
    let first = pass
        .used()
        .into_iter()
        .rev()
        .find(|&id| params.grad(id).is_some_and(broken));
    let culprit = match first {
        Some(id) => format!("the gradient of `{}` went first", params.entry(id).name),
        None => "every gradient is still finite".to_string(),
    };
    Error::training(
        format!("step {step}"),
        format!("the loss is {loss} and {culprit}"),
        SLOWER,
    )
}

/// What helps against a training that diverges.
pub(crate) const SLOWER: &str =
    "try a learning rate ten times smaller, or clip the gradient (train.clip_norm = 1)";
