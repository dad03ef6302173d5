//! What a laboratory should do.

use std::path::PathBuf;

use serde::Serialize;

use super::cell::CellKind;
use super::tasks::{Pixels, Task, TaskKind};
use crate::error::{Error, Result};

/// What to compare, and for how long.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabConfig {
    /// The tasks, in order.
    pub tasks: Vec<TaskKind>,
    /// The cells, in order.
    pub cells: Vec<CellKind>,
    /// The distances of all tasks but those of pictures, rising.
    pub distances: Vec<usize>,
    /// The distances of pictures, among [`Pixels::DISTANCES`], rising.
    pub pixels: Vec<usize>,
    /// MNIST's folder; tasks that need it are left out without.
    pub mnist: Option<PathBuf>,
    /// For each a training: the norm to which gradients are clipped, or no clipping.
    pub clip_norms: Vec<Option<f64>>,
    /// How long a training may be.
    pub budget: Budget,
    /// Units of the recurrent layer, D.
    pub hidden_size: usize,
    /// Sequences a step, B.
    pub batch_size: usize,
    /// Adam's rate at the start; it falls along half a cosine.
    pub learning_rate: f64,
    /// Sequences on which each distance is measured.
    pub test_size: usize,
    /// Seed of everything random.
    pub seed: u64,
}

/// How long a training may be; it ends earlier when the task is solved.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// So many steps: the same result each time.
    Steps(usize),
    /// So many seconds: what comes out depends on the machine.
    Seconds(f64),
}

impl Default for LabConfig {
    fn default() -> LabConfig {
        LabConfig {
            tasks: TaskKind::ALL.to_vec(),
            cells: CellKind::ALL.to_vec(),
            distances: vec![10, 30, 100],
            pixels: vec![49, 196],
            mnist: None,
            clip_norms: vec![Some(1.0), None],
            budget: Budget::Steps(2000),
            hidden_size: 48,
            batch_size: 32,
            learning_rate: 4e-3,
            test_size: 500,
            seed: 1,
        }
    }
}

impl LabConfig {
    /// A look in about a minute: shorter distances, fewer units, and clipped gradients alone. In its steps
    /// some cells learn the order of marks and the question, and begin to add; copying takes longer.
    pub fn quick() -> LabConfig {
        LabConfig {
            distances: vec![10, 30, 60],
            pixels: vec![49],
            clip_norms: vec![Some(1.0)],
            budget: Budget::Steps(1500),
            hidden_size: 32,
            test_size: 200,
            ..LabConfig::default()
        }
    }

    /// The distances of `task`.
    pub fn distances(&self, task: TaskKind) -> &[usize] {
        if task.needs_pictures() {
            &self.pixels
        } else {
            &self.distances
        }
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// Naming the flag and what it may be.
    pub fn check(&self) -> Result<()> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let counted = |value: usize, most: usize| (1..=most).contains(&value);
        let rising = |all: &[usize]| !all.is_empty() && all.windows(2).all(|w| w[0] < w[1]);
        let list = |all: &[usize]| {
            let all: Vec<String> = all.iter().map(usize::to_string).collect();
            all.join(",")
        };
        let pixels = list(&Pixels::DISTANCES);
        let tasks: Vec<&str> = self.tasks.iter().map(|task| task.name()).collect();
        let cells: Vec<&str> = self.cells.iter().map(|cell| cell.name()).collect();
        let once = |names: &[&str]| (1..names.len()).all(|i| !names[..i].contains(&names[i]));
        let pictures = self.tasks.iter().all(|task| task.needs_pictures());
        let checks = [
            (
                "tasks",
                !self.tasks.is_empty(),
                String::new(),
                "at least one task".to_owned(),
            ),
            (
                "tasks",
                once(&tasks),
                tasks.join(","),
                "each task once".to_owned(),
            ),
            (
                "tasks",
                !pictures || self.mnist.is_some(),
                tasks.join(","),
                "other tasks, or name the folder of MNIST's files with --mnist".to_owned(),
            ),
            (
                "cells",
                once(&cells),
                cells.join(","),
                "each cell once".to_owned(),
            ),
            (
                "cells",
                !self.cells.is_empty(),
                String::new(),
                "at least one cell".to_owned(),
            ),
            (
                "distances",
                rising(&self.distances) && self.distances.iter().all(|&d| counted(d, LARGEST)),
                list(&self.distances),
                format!("whole numbers in 1..={LARGEST}, rising"),
            ),
            (
                "pixels",
                rising(&self.pixels) && self.pixels.iter().all(|p| Pixels::DISTANCES.contains(p)),
                list(&self.pixels),
                format!("some of {pixels}, rising"),
            ),
            match self.budget {
                Budget::Steps(steps) => (
                    "steps",
                    counted(steps, 10_000_000),
                    steps.to_string(),
                    "a whole number in 1..=10000000".to_owned(),
                ),
                Budget::Seconds(seconds) => (
                    "seconds",
                    positive(seconds),
                    seconds.to_string(),
                    "a number above 0".to_owned(),
                ),
            },
            (
                "hidden-size",
                counted(self.hidden_size, 4096),
                self.hidden_size.to_string(),
                "a whole number in 1..=4096".to_owned(),
            ),
            (
                "batch-size",
                counted(self.batch_size, 4096),
                self.batch_size.to_string(),
                "a whole number in 1..=4096".to_owned(),
            ),
            (
                "learning-rate",
                positive(self.learning_rate),
                self.learning_rate.to_string(),
                "a number above 0".to_owned(),
            ),
            (
                "clip-norm",
                !self.clip_norms.is_empty()
                    && self.clip_norms.iter().flatten().all(|&c| positive(c)),
                self.clip_norms
                    .iter()
                    .flatten()
                    .map(f64::to_string)
                    .collect(),
                "a number above 0".to_owned(),
            ),
            (
                "test-size",
                counted(self.test_size, 1_000_000),
                self.test_size.to_string(),
                "a whole number in 1..=1000000".to_owned(),
            ),
        ];
        match checks.into_iter().find(|(_, holds, ..)| !holds) {
            Some((flag, _, value, range)) => Err(Error::recipe(
                format!("--{flag} {value}").trim_end(),
                "cannot be used",
                format!("choose {range}"),
            )),
            None => Ok(()),
        }
    }

    /// Checks that `task` has all its distances.
    pub(super) fn check_distances(&self, kind: TaskKind, task: &dyn Task) -> Result<()> {
        let (distances, nearest) = (self.distances(kind), task.nearest());
        match distances.iter().find(|&&distance| distance < nearest) {
            None => Ok(()),
            Some(distance) => Err(Error::recipe(
                format!("--distances {distance}"),
                format!("is too short for the task {}", kind.name()),
                format!(
                    "choose at least {nearest} {}, or leave the task out",
                    task.unit()
                ),
            )),
        }
    }
}

/// A sequence longer than this is a mistake: its states alone would fill the memory.
const LARGEST: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused_by_its_flag() {
        let said = |change: &dyn Fn(&mut LabConfig)| {
            let mut config = LabConfig::default();
            change(&mut config);
            config.check().map_err(|error| error.to_string())
        };
        assert_eq!(said(&|_| {}), Ok(()));
        type Change = fn(&mut LabConfig);
        let cases: [(&str, Change); 12] = [
            ("--tasks", |c| c.tasks.clear()),
            ("--tasks mnist", |c| c.tasks = vec![TaskKind::Mnist]),
            ("--tasks copy,copy", |c| c.tasks = vec![TaskKind::Copy; 2]),
            ("--cells gru,gru", |c| c.cells = vec![CellKind::Gru; 2]),
            ("--distances 0,5", |c| c.distances = vec![0, 5]),
            ("--distances 20,10", |c| c.distances = vec![20, 10]),
            ("--pixels 50", |c| c.pixels = vec![50]),
            ("--steps 0", |c| c.budget = Budget::Steps(0)),
            ("--seconds NaN", |c| c.budget = Budget::Seconds(f64::NAN)),
            ("--hidden-size 0", |c| c.hidden_size = 0),
            ("--learning-rate -1", |c| c.learning_rate = -1.0),
            ("--clip-norm 0", |c| c.clip_norms = vec![Some(0.0)]),
        ];
        for (flag, change) in cases {
            let message = said(&change).unwrap_err();
            assert!(message.starts_with(flag), "{flag}: {message}");
        }
    }

    #[test]
    fn a_distance_too_short_for_a_task_is_refused() {
        let config = LabConfig {
            distances: vec![2, 10],
            ..LabConfig::default()
        };
        let task = super::super::tasks::Question;
        let error = config
            .check_distances(TaskKind::Question, &task)
            .unwrap_err();
        assert!(error.to_string().contains("at least 3 words"), "{error}");
    }
}
