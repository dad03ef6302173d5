//! Laboratories: what networks do, on tasks and pictures small enough to follow.
//!
//! [`filter`] passes one filter over one picture, and [`shift`] moves a picture under filters with and without pooling. The
//! rest is the memory laboratory: which recurrent cells remember for how long, and how far gradients reach.
//!
//! For each task and cell one network learns all asked distances, short ones first. It is then measured at each
//! distance, and so is the norm of the loss's gradient with respect to the hidden state, step by step back
//! in time, before and after training.
//!
//! ```
//! use unfold::lab::{Budget, CellKind, LabConfig, Silent, TaskKind, memory};
//! let config = LabConfig {
//!     tasks: vec![TaskKind::Question],
//!     cells: vec![CellKind::Gru],
//!     distances: vec![3, 10],
//!     budget: Budget::Steps(3),
//!     ..LabConfig::quick()
//! };
//! let results = memory(&config, &mut Silent).unwrap();
//! let gru = &results.tasks[0].cells[0];
//! assert_eq!(gru.runs[0].scores.len(), 2);
//! assert_eq!(gru.before.len(), results.tasks[0].steps);
//! ```

mod cell;
mod config;
mod experiment;
pub mod filter;
pub mod forming;
mod network;
mod results;
pub mod shift;
pub mod tasks;

use std::sync::Arc;
use std::time::Instant;

pub use cell::CellKind;
pub use config::{Budget, LabConfig};
pub use network::{Network, loss};
pub use results::{CellResults, LabResults, Run, RunEnd, Score, TaskResults};
pub use tasks::TaskKind;

use crate::data::{Mnist, read_mnist};
use crate::error::Result;
use crate::random::Key;
use experiment::{End, Experiment};
use tasks::{Adding, Copying, Order, Pixels, Question, Split, Task};

/// How far a laboratory is.
#[derive(Clone, Copy, Debug)]
pub struct LabProgress {
    /// The task that is learned.
    pub task: TaskKind,
    /// The cell that learns it.
    pub cell: CellKind,
    /// The norm to which gradients are clipped.
    pub clip_norm: Option<f64>,
    /// The number of this training, from 1.
    pub run: usize,
    /// Trainings in all.
    pub runs: usize,
    /// Steps done in this training.
    pub step: usize,
    /// The share of this training's budget that is used, 0..=1.
    pub share: f64,
    /// The loss of the last step.
    pub loss: f64,
}

/// Watches a laboratory.
pub trait LabObserver {
    /// A step of a training is done.
    fn step(&mut self, progress: &LabProgress);

    /// A training is done and measured.
    fn trained(&mut self, progress: &LabProgress, run: &Run);

    /// A task is done: these are the results so far.
    fn results(&mut self, results: &LabResults) {
        let _ = results;
    }

    /// Whether to stop now; asked after every step.
    fn stop(&self) -> bool {
        false
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl LabObserver for Silent {
    fn step(&mut self, _: &LabProgress) {}
    fn trained(&mut self, _: &LabProgress, _: &Run) {}
}

/// Trains and measures all cells on all tasks. When the observer asks to stop, the results are those of the
/// trainings that were done.
///
/// # Errors
/// When the configuration is wrong or MNIST cannot be read; nothing was trained then.
pub fn memory(config: &LabConfig, observer: &mut dyn LabObserver) -> Result<LabResults> {
    config.check()?;
    let wants_pictures = config.tasks.iter().any(|kind| kind.needs_pictures());
    let mnist = match &config.mnist {
        Some(path) if wants_pictures => Some(Arc::new(read_mnist(path)?)),
        _ => None,
    };
    let mut results = LabResults {
        config: config.clone(),
        tasks: Vec::new(),
        left_out: Vec::new(),
        seconds: 0.0,
        complete: false,
    };
    let mut tasks = Vec::new();
    for &kind in &config.tasks {
        match task(kind, mnist.as_ref(), config.seed)? {
            Some(task) => {
                config.check_distances(kind, &*task)?;
                tasks.push((kind, task));
            }
            None => results.left_out.push(kind),
        }
    }
    let began = Instant::now();
    let runs = tasks.len() * config.cells.len() * config.clip_norms.len();
    let mut done = 0;
    for (kind, task) in &tasks {
        let mut bench = Bench {
            config,
            kind: *kind,
            task: &**task,
            observer,
            done: &mut done,
            runs,
        };
        let (found, complete) = bench.compare();
        results.tasks.push(found);
        results.seconds = began.elapsed().as_secs_f64();
        if !complete {
            return Ok(results);
        }
        observer.results(&results);
    }
    results.complete = true;
    Ok(results)
}

/// The task of that kind; none where its pictures are missing.
fn task(kind: TaskKind, mnist: Option<&Arc<Mnist>>, seed: u64) -> Result<Option<Box<dyn Task>>> {
    let pixels = |order| {
        let pixels = mnist.map(|mnist| Pixels::new(Arc::clone(mnist), order));
        let boxed = |pixels| -> Box<dyn Task> { Box::new(pixels) };
        Ok(pixels.transpose()?.map(boxed))
    };
    Ok(Some(match kind {
        TaskKind::Adding => Box::new(Adding),
        TaskKind::Copy => Box::new(Copying),
        TaskKind::Order6a => Box::new(Order { marks: 2 }),
        TaskKind::Order6b => Box::new(Order { marks: 3 }),
        TaskKind::Question => Box::new(Question),
        TaskKind::Mnist => return pixels(None),
        TaskKind::PermutedMnist => return pixels(Some(Key::new(seed).named("permutation"))),
    }))
}

/// One task, on which the cells are compared.
struct Bench<'a> {
    config: &'a LabConfig,
    kind: TaskKind,
    task: &'a dyn Task,
    observer: &'a mut dyn LabObserver,
    /// Trainings done, of all tasks.
    done: &'a mut usize,
    runs: usize,
}

impl Bench<'_> {
    /// Trains all cells, and says whether it came to the end.
    fn compare(&mut self) -> (TaskResults, bool) {
        let (config, task) = (self.config, self.task);
        let distances = config.distances(self.kind);
        let key = Key::new(config.seed).named("lab").named(self.kind.name());
        let longest = task.steps(*distances.last().expect("a distance"));
        let example = task.example(distances[0], Split::Test(0), key.named("example"));
        let mut results = TaskResults {
            task: self.kind,
            title: task.title(),
            about: task.about(),
            unit: task.unit(),
            example: task.show(&example),
            chance: task.chance(),
            tested: task.tested(config.test_size),
            distances: distances.to_vec(),
            steps: longest,
            memoryless_losses: distances.iter().map(|&d| task.memoryless_loss(d)).collect(),
            cells: Vec::new(),
        };
        let experiment = Experiment {
            config,
            task,
            distances,
            key,
        };
        for &cell in &config.cells {
            let (network, start) =
                Network::new(task, cell, config.hidden_size, longest, config.seed);
            results.cells.push(CellResults {
                cell,
                before: experiment.gradients(&network, &start),
                runs: Vec::new(),
            });
            for &clip_norm in &config.clip_norms {
                *self.done += 1;
                let Some(run) = self.run(&experiment, &network, start.clone(), cell, clip_norm)
                else {
                    return (results, false);
                };
                let own = results.cells.last_mut().expect("it was added");
                own.runs.push(run);
            }
        }
        (results, true)
    }

    /// Trains one cell in one way; nothing when asked to stop.
    fn run(
        &mut self,
        experiment: &Experiment<'_>,
        network: &Network,
        mut params: crate::nn::Params<f32>,
        cell: CellKind,
        clip_norm: Option<f64>,
    ) -> Option<Run> {
        let began = Instant::now();
        let mut progress = LabProgress {
            task: self.kind,
            cell,
            clip_norm,
            run: *self.done,
            runs: self.runs,
            step: 0,
            share: 0.0,
            loss: f64::NAN,
        };
        let observer = &mut *self.observer;
        let (end, steps) =
            experiment.train(network, &mut params, clip_norm, &mut |step, share, loss| {
                (progress.step, progress.share, progress.loss) = (step, share, loss);
                observer.step(&progress);
                !observer.stop()
            });
        let end = match end {
            End::Solved => RunEnd::Solved,
            End::Spent => RunEnd::Spent,
            End::Diverged => RunEnd::Diverged,
            End::Stopped => return None,
        };
        let seconds = began.elapsed().as_secs_f64();
        let scores = experiment.test(network, &params);
        let run = Run {
            clip_norm,
            end,
            steps,
            seconds,
            losses: scores.iter().map(|score| score.loss).collect(),
            scores: scores.iter().map(|score| score.accuracy).collect(),
            after: experiment.gradients(network, &params),
        };
        self.observer.trained(&progress, &run);
        Some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads;

    fn short() -> LabConfig {
        LabConfig {
            tasks: vec![TaskKind::Question],
            cells: vec![CellKind::Gru],
            distances: vec![3, 8],
            clip_norms: vec![Some(1.0)],
            ..LabConfig::quick()
        }
    }

    #[test]
    fn a_gru_learns_who_joined_the_class() {
        let config = LabConfig {
            budget: Budget::Steps(400),
            learning_rate: 0.01,
            ..short()
        };
        let results = memory(&config, &mut Silent).unwrap();
        let run = &results.tasks[0].cells[0].runs[0];
        assert!(
            run.scores.iter().all(|&accuracy| accuracy > 0.97),
            "{run:?}"
        );
    }

    #[test]
    fn every_task_and_cell_runs_and_threads_change_nothing() {
        let config = LabConfig {
            tasks: TaskKind::ALL.to_vec(),
            cells: CellKind::ALL.to_vec(),
            distances: vec![10, 12],
            budget: Budget::Steps(2),
            clip_norms: vec![Some(1.0), None],
            hidden_size: 7,
            batch_size: 5,
            test_size: 9,
            ..short()
        };
        let found = |count: usize| {
            let before = threads();
            crate::set_threads(count);
            let results = memory(&config, &mut Silent).unwrap();
            crate::set_threads(before);
            results
        };
        let (mut one, mut three) = (found(1), found(3));
        assert_eq!(one.tasks.len(), 5);
        assert_eq!(one.left_out, [TaskKind::Mnist, TaskKind::PermutedMnist]);
        for results in [&mut one, &mut three] {
            results.forget_times();
        }
        assert_eq!(one, three);
        for task in &one.tasks {
            for cell in &task.cells {
                assert_eq!(cell.before.len(), task.steps);
                assert_eq!(cell.runs.len(), 2);
                assert_ne!(cell.before, cell.runs[0].after);
            }
        }
    }

    #[test]
    fn who_asks_to_stop_gets_what_is_done() {
        struct Impatient(usize);
        impl LabObserver for Impatient {
            fn step(&mut self, _: &LabProgress) {}
            fn trained(&mut self, _: &LabProgress, _: &Run) {
                self.0 += 1;
            }
            fn stop(&self) -> bool {
                self.0 > 0
            }
        }
        let config = LabConfig {
            cells: vec![CellKind::Elman, CellKind::Gru],
            budget: Budget::Steps(2),
            ..short()
        };
        let results = memory(&config, &mut Impatient(0)).unwrap();
        assert!(!results.complete);
        assert_eq!(results.tasks[0].cells[0].runs.len(), 1);
        assert_eq!(results.tasks[0].cells[1].runs.len(), 0);
    }
}
