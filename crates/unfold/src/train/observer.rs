//! What a training tells whoever watches it.

use serde::Serialize;

/// What examples are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Whole examples, each with its label.
    Examples,
    /// Pictures, each with its label, read at so many rows and columns.
    Pictures([usize; 2]),
    /// Words that are predicted one after the other.
    Words,
    /// Characters, likewise.
    Characters,
    /// Pieces of words, likewise.
    Tokens,
    /// Sentences about pictures, of words.
    Captions,
    /// Questions, each with its answer.
    Questions,
}

/// What is about to be trained.
#[derive(Clone, Debug, Serialize)]
pub struct Start {
    /// What examples are.
    pub unit: Unit,
    /// Training examples.
    pub examples: usize,
    /// Validation examples.
    pub valid_examples: usize,
    /// Test examples.
    pub test_examples: usize,
    /// Classes; for predictions how many words there are to choose from.
    pub classes: usize,
    /// Parameters of the model.
    pub parameters: usize,
    /// Steps at most.
    pub steps: usize,
    /// Epochs at most.
    pub epochs: usize,
    /// Sentences for the user: duplicates removed, files skipped.
    pub notes: Vec<String>,
}

/// One step done.
#[derive(Clone, Debug, Serialize)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// Steps at most.
    pub steps: usize,
    /// The epoch, from 1.
    pub epoch: usize,
    /// Epochs at most.
    pub epochs: usize,
    /// The batch's mean loss.
    pub loss: f64,
    /// The learning rate used.
    pub learning_rate: f64,
    /// The gradient's Euclidean norm before clipping.
    pub gradient_norm: f64,
    /// Speed since the epoch began or was resumed.
    pub examples_per_second: f64,
}

/// One epoch done.
#[derive(Clone, Debug, Serialize)]
pub struct EpochEnd {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Epochs at most.
    pub epochs: usize,
    /// Steps done.
    pub step: usize,
    /// Mean loss of its steps.
    pub train_loss: f64,
    /// Mean loss on the validation split.
    pub valid_loss: Option<f64>,
    /// Accuracy on the validation split, 0..=1.
    pub valid_accuracy: Option<f64>,
    /// Bits a character on the validation split, of a language model of characters or pieces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits_per_character: Option<f64>,
    /// Whether this is the best epoch so far.
    pub best: bool,
    /// Seconds it took, or since it was resumed.
    pub seconds: f64,
    /// The share of the time of its steps in which they waited for data, 0..=1.
    pub data_wait_share: f64,
}

/// Work before the first step or after the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Data is read and unpacked.
    Reading,
    /// The vocabulary is learned from the data.
    Learning,
    /// Data becomes numbers.
    Encoding,
    /// What a network that does not learn makes of pictures is computed.
    Seeing,
    /// A picture is covered piece by piece, to see what a model's answer depends on.
    Covering,
    /// The finished model is measured.
    Measuring,
}

/// Watches a training, or what leads to it and follows it.
pub trait Observer {
    /// Work on a stage goes on: the share of it that is done, 0..=1, or `None` while that cannot be
    /// told. Called now and then, at least when the stage begins.
    fn stage(&mut self, _stage: Stage, _share: Option<f64>) {}
    /// Something that a person should know, such as what of the data cannot be used, or that averaging of parameters begins.
    /// What is known before training begins is part of [`Start`].
    fn note(&mut self, _note: &str) {}
    /// Training begins.
    fn start(&mut self, start: &Start);
    /// A step is done.
    fn step(&mut self, progress: &Progress);
    /// An epoch is done and saved.
    fn epoch(&mut self, end: &EpochEnd);
    /// Whether to save and stop now; asked after every step.
    fn stop(&self) -> bool {
        false
    }
}

/// Watches nothing.
pub struct Quiet;

impl Observer for Quiet {
    fn start(&mut self, _: &Start) {}
    fn step(&mut self, _: &Progress) {}
    fn epoch(&mut self, _: &EpochEnd) {}
}
