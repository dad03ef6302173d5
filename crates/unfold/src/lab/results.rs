//! What a laboratory found.

use serde::Serialize;

use super::cell::CellKind;
use super::config::LabConfig;
use super::tasks::TaskKind;

/// How well some sequences are answered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The mean loss.
    pub loss: f64,
    /// The share of right answers, 0..=1.
    pub accuracy: f64,
}

/// Everything that was found, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabResults {
    /// What was asked for.
    pub config: LabConfig,
    /// Task by task.
    pub tasks: Vec<TaskResults>,
    /// Tasks without their data.
    pub left_out: Vec<TaskKind>,
    /// Seconds for all of it.
    pub seconds: f64,
    /// Whether everything that was asked for is there.
    pub complete: bool,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskResults {
    /// Which it is.
    pub task: TaskKind,
    /// Its title.
    pub title: String,
    /// What a sequence is and what is asked.
    pub about: String,
    /// What distances are counted in.
    pub unit: &'static str,
    /// A sequence at the shortest distance, and its answer.
    pub example: String,
    /// The accuracy of an answer that remembers nothing.
    pub chance: f64,
    /// How many sequences cells were measured on at each distance.
    pub tested: usize,
    /// The distances, rising.
    pub distances: Vec<usize>,
    /// Steps of a sequence at the longest distance: gradients are followed so far back.
    pub steps: usize,
    /// The loss at each distance of the best answer that remembers nothing.
    pub memoryless_losses: Vec<f64>,
    /// Cell by cell.
    pub cells: Vec<CellResults>,
}

/// One cell on one task.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CellResults {
    /// Which it is.
    pub cell: CellKind,
    /// The norm of the loss's gradient with respect to the hidden state, by steps back from the last one, before
    /// training.
    pub before: Vec<f64>,
    /// Its trainings.
    pub runs: Vec<Run>,
}

/// One training.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// The norm to which gradients were clipped.
    pub clip_norm: Option<f64>,
    /// Why it ended.
    pub end: RunEnd,
    /// Steps taken.
    pub steps: usize,
    /// Seconds they took.
    pub seconds: f64,
    /// The loss at each distance: mean squared error of numbers, cross-entropy of classes.
    pub losses: Vec<f64>,
    /// The share of right answers at each distance, 0..=1.
    pub scores: Vec<f64>,
    /// As [`CellResults::before`], after training.
    pub after: Vec<f64>,
}

/// Why a training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEnd {
    /// The task was solved at every distance.
    Solved,
    /// All steps or seconds were used.
    Spent,
    /// The loss or its gradient was no longer a finite number.
    Diverged,
}

impl TaskResults {
    /// The training of each cell with this clipping.
    pub fn runs(&self, clip_norm: Option<f64>) -> impl Iterator<Item = (CellKind, &Run)> {
        self.cells.iter().filter_map(move |own| {
            let run = own.runs.iter().find(|run| run.clip_norm == clip_norm);
            run.map(|run| (own.cell, run))
        })
    }
}

#[cfg(test)]
impl LabResults {
    /// Sets all times to 0, so that the rest can be compared.
    pub(super) fn forget_times(&mut self) {
        self.seconds = 0.0;
        let cells = self.tasks.iter_mut().flat_map(|task| &mut task.cells);
        for run in cells.flat_map(|cell| &mut cell.runs) {
            run.seconds = 0.0;
        }
    }
}
