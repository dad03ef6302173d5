//! The jobs that Unfold does, from raw files to a trained model and its answers.

pub mod align;
mod beam;
pub mod caption;
mod cell;
mod damage;
pub mod encoder;
mod files;
pub mod image;
pub mod language;
pub mod loss;
mod prediction;
pub mod recipe;
mod score;
mod sentences;
mod sizes;
mod spelling;
pub mod text;
pub mod vqa;
mod words;

use std::path::PathBuf;

pub use cell::CellName;
pub use files::task_of;
pub use prediction::Prediction;
pub use recipe::{Recipe, TaskKind};
pub use score::{CaptionScoreReport, ScoreReport, VqaScoreReport, score};

/// Where a training puts what it makes, and whether it goes on with an earlier one.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The run's folder.
    pub out: PathBuf,
    /// Whether to go on from the checkpoint there.
    pub resume: bool,
}
