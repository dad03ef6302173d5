//! One training: a cell learns a task.

use std::time::Instant;

use super::config::{Budget, LabConfig};
use super::network::{Network, loss};
use super::results::Score;
use super::tasks::{Batch, Split, Task};
use crate::nn::{Optimizer, OptimizerConfig, Params, Pass, Schedule, clip_norm, gradient_norm};
use crate::random::Key;

/// Steps between two looks at whether the task is solved.
const CHECK_EVERY: usize = 50;
/// Sequences of each distance at such a look.
const CHECK_SIZE: usize = 100;
/// The share of right answers at which a task counts as solved, where the loss agrees.
const SOLVED: f64 = 0.999;
/// The share of right answers at which the next distance joins those that are learned.
const READY: f64 = 0.9;
/// The share of the budget after which all distances are learned, ready or not.
const ALL_AFTER: f64 = 0.5;
/// Sequences that are measured at once.
const CHUNK: usize = 100;

/// One task and one training of one cell on it.
pub(super) struct Experiment<'a> {
    pub(super) config: &'a LabConfig,
    pub(super) task: &'a dyn Task,
    pub(super) distances: &'a [usize],
    /// Decides the sequences: the same for all cells.
    pub(super) key: Key,
}

/// How a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The task was solved.
    Solved,
    /// All of the budget was used.
    Spent,
    /// The loss or its gradient was no longer a number; the parameters are those before.
    Diverged,
    /// Whoever watched asked to stop.
    Stopped,
}

impl Experiment<'_> {
    /// Trains `params`. Each step draws one of the distances learned so far: at first the shortest alone, and the next
    /// one joins when all are mastered; with half of the budget used all of them do (a curriculum; Bengio, Louradour, Collobert and
    /// Weston 2009). `watch` hears of each step (how many are done, the share of the budget that is used, and the loss)
    /// and says whether to go on. Gives the number of steps, too.
    pub(super) fn train(
        &self,
        network: &Network,
        params: &mut Params<f32>,
        limit: Option<f64>,
        watch: &mut dyn FnMut(usize, f64, f64) -> bool,
    ) -> (End, usize) {
        let LabConfig {
            batch_size,
            learning_rate,
            budget,
            ..
        } = *self.config;
        let began = Instant::now();
        let used = |step: usize| match budget {
            Budget::Steps(steps) => step as f64 / steps as f64,
            Budget::Seconds(seconds) => began.elapsed().as_secs_f64() / seconds,
        };
        let mut optimizer = Optimizer::new(OptimizerConfig::default(), params);
        let (order, key) = (self.key.named("distances"), self.key.named("train"));
        let (mut step, mut learned) = (0, 1);
        loop {
            let share = used(step);
            if share >= 1.0 {
                return (End::Spent, step);
            }
            let number = step as u64;
            if share >= ALL_AFTER {
                learned = self.distances.len();
            }
            let distance = self.distances[order.below(number, learned)];
            let batch = Batch::new(
                self.task,
                distance,
                batch_size,
                Split::Train,
                key.child(number),
            );
            let pass = Pass::training(params, self.key);
            let loss = loss(&network.forward(&pass, &batch), &batch);
            let value = f64::from(loss.item());
            params.backward(&pass, loss);
            drop(pass);
            let norm = match limit {
                Some(limit) => clip_norm(params, limit),
                None => gradient_norm(params),
            };
            if !value.is_finite() || !norm.is_finite() {
                return (End::Diverged, step);
            }
            optimizer.step(params, learning_rate * decay(share));
            step += 1;
            if !watch(step, used(step).min(1.0), value) {
                return (End::Stopped, step);
            }
            if !step.is_multiple_of(CHECK_EVERY) {
                continue;
            }
            // The longest first, as it is the last to be mastered: most looks end with it.
            let key = self.key.named("check").child(number);
            let all = |enough: &dyn Fn(usize, Score) -> bool| {
                self.distances[..learned].iter().rev().all(|&distance| {
                    enough(
                        distance,
                        self.measure(network, params, distance, CHECK_SIZE, key),
                    )
                })
            };
            if learned < self.distances.len() {
                learned += usize::from(all(&|_, found| found.accuracy >= READY));
            } else if all(&|distance, found| {
                found.accuracy >= SOLVED && found.loss <= self.task.solved_loss(distance)
            }) {
                return (End::Solved, step);
            }
        }
    }

    /// Loss and accuracy at each distance, on sequences that were not trained on.
    pub(super) fn test(&self, network: &Network, params: &Params<f32>) -> Vec<Score> {
        let key = self.key.named("test");
        let test = |&distance| self.measure(network, params, distance, self.config.test_size, key);
        self.distances.iter().map(test).collect()
    }

    fn measure(
        &self,
        network: &Network,
        params: &Params<f32>,
        distance: usize,
        size: usize,
        key: Key,
    ) -> Score {
        let (mut loss, mut accuracy) = (0.0, 0.0);
        let size = self.task.tested(size);
        for (chunk, start) in (0..size).step_by(CHUNK).enumerate() {
            let size_here = CHUNK.min(size - start);
            let key = key.child(distance as u64).child(chunk as u64);
            let split = Split::Test(start as u64);
            let batch = Batch::new(self.task, distance, size_here, split, key);
            let found = network.evaluate(params, self.task, &batch);
            let share = size_here as f64 / size as f64;
            loss += share * found.loss;
            accuracy += share * found.accuracy;
        }
        Score { loss, accuracy }
    }

    /// The gradient's norm by steps back in time, at the longest distance.
    pub(super) fn gradients(&self, network: &Network, params: &Params<f32>) -> Vec<f64> {
        let longest = *self.distances.last().expect("a distance");
        let key = self.key.named("gradients");
        let (size, split) = (self.config.batch_size, Split::Test(0));
        let batch = Batch::new(self.task, longest, size, split, key);
        network.gradient_norms(params, &batch)
    }
}

/// What the learning rate is multiplied by when that share of the budget is used: half a cosine, down to a
/// hundredth.
fn decay(share: f64) -> f64 {
    const FINE: usize = 10_000;
    let schedule = Schedule::Cosine {
        floor: 0.01,
        warmup: 0,
    };
    schedule.factor((share * FINE as f64) as usize, FINE)
}
