//! What the files of all tasks have in common.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::TaskKind;
use crate::error::{Error, Result};
use crate::nn::Params;
use crate::tensors::{self, Stored};

/// What a model file says of itself besides the weights.
pub(super) trait Card: DeserializeOwned {
    /// The task it is for.
    const TASK: &'static str;
    /// The version of the file that this code writes, and the newest that it reads.
    const FORMAT: u32;

    /// The task that the file says it is for.
    fn task(&self) -> &str;

    /// The file's version.
    fn format(&self) -> u32;

    /// Checks that its numbers make sense.
    fn check(&self) -> Result<()>;
}

/// What the header of every model file has.
#[derive(Deserialize)]
struct Header {
    task: String,
}

/// Reads a model: the file itself or the folder of a finished run.
pub(super) fn load<C: Card>(path: &Path) -> Result<(PathBuf, C, Stored)> {
    let file = model_file(path)?;
    let wrong = |problem: String, remedy: &str| Error::model(file.display(), problem, remedy);
    let read = tensors::read::<C>(&file);
    if !matches!(&read, Ok((card, _)) if card.task() == C::TASK) {
        // Another task's file may well be whole.
        let header = tensors::header::<Header>(&file);
        if let Some(Header { task: other }) = header.ok().filter(|header| header.task != C::TASK) {
            let problem = format!("this is a model for the task `{other}`, not `{}`", C::TASK);
            let remedy = format!("name a model made by `unfold train {}`", C::TASK);
            return Err(wrong(problem, &remedy));
        }
    }
    let (card, stored) = read?;
    if card.format() > C::FORMAT {
        let problem = format!(
            "its format {} is newer than this program's {}",
            card.format(),
            C::FORMAT
        );
        return Err(wrong(problem, "use a newer version of unfold"));
    }
    card.check().map_err(|e| damaged(&file, e.to_string()))?;
    Ok((file, card, stored))
}

/// The task of the model at `path`: the file itself or the folder of a finished run.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn task_of(path: &Path) -> Result<TaskKind> {
    let file = model_file(path)?;
    let task = tensors::header::<Header>(&file)?.task;
    let known = [
        TaskKind::Text,
        TaskKind::Language,
        TaskKind::Image,
        TaskKind::Caption,
        TaskKind::Vqa,
        TaskKind::Align,
    ];
    let found = known.into_iter().find(|kind| kind.name() == task);
    found.ok_or_else(|| {
        let problem = format!("this is a model for the task `{task}`, which is not known here");
        Error::model(file.display(), problem, "use a newer version of unfold")
    })
}

/// Whether a file is a model of this program: other safetensors files say nothing of a task.
pub(super) fn is_model(file: &Path) -> bool {
    tensors::header::<Header>(file).is_ok()
}

/// The error for a file whose content cannot be meant.
pub(super) fn damaged(file: &Path, problem: String) -> Error {
    let remedy = "the file is damaged; copy it again or train again";
    Error::model(file.display(), problem, remedy)
}

/// All parameters by name, shape and values.
pub(super) fn tensors(params: &Params<f32>) -> impl Iterator<Item = (String, Vec<usize>, &[f32])> {
    params.entries().map(|entry| {
        let values = &params.values()[entry.range.clone()];
        (entry.name.clone(), entry.shape.dims().to_vec(), values)
    })
}

/// The model file that `path` means.
pub(super) fn model_file(path: &Path) -> Result<PathBuf> {
    let missing = |problem: &str, remedy: &str| Err(Error::model(path.display(), problem, remedy));
    if path.is_dir() {
        let file = path.join("model.safetensors");
        if file.exists() {
            return Ok(file);
        }
        return if path.join("metrics.jsonl").exists() {
            missing(
                "this run is not finished: it has no model.safetensors yet",
                "go on with `unfold train … --resume`",
            )
        } else {
            missing(
                "this folder is not a run: it has no model.safetensors",
                "name the folder that `unfold train` printed",
            )
        };
    }
    if !path.exists() {
        return missing(
            "there is no such run or model",
            "name the folder that `unfold train` printed, or a model.safetensors file",
        );
    }
    Ok(path.to_path_buf())
}

/// The FNV-1a hash of some bytes, 64 bits.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    mix(0xcbf2_9ce4_8422_2325, bytes)
}

/// [`hash`] of what `state` is the hash of, then some more bytes.
pub(super) fn mix(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
