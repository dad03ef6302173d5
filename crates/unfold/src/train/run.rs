//! The folder that a training fills.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{EpochEnd, Progress};
use crate::error::{Error, Result};
use crate::files::write_atomic;

/// A run: `recipe.toml`, `metrics.jsonl`, `checkpoint/` and, when done, `model.safetensors`.
/// Held by one training at a time.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    metrics: File,
    /// Locked as long as the run is held; the system frees it even after a kill.
    _lock: File,
}

impl RunFolder {
    /// Opens `path` for a training: a new or empty folder, or with `resume` an existing run.
    ///
    /// # Errors
    /// When another training holds the folder, it holds a run and `resume` is not set, or the
    /// system refuses.
    pub fn open(path: &Path, resume: bool) -> Result<RunFolder> {
        let checkpoint = path.join("checkpoint");
        if !resume && !path.join("metrics.jsonl").exists() && holds_other_files(path) {
            return Err(Error::training(
                path.display(),
                "this folder holds other files",
                "choose a new or empty folder with --out",
            ));
        }
        fs::create_dir_all(&checkpoint).map_err(|e| Error::io(&checkpoint, "create", &e))?;
        let lock_path = checkpoint.join("lock");
        let lock = File::create(&lock_path).map_err(|e| Error::io(&lock_path, "create", &e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::training(
                    path.display(),
                    "another training is running in this folder",
                    "wait for it, or choose another folder with --out",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(Error::io(&lock_path, "lock", &error)),
        }
        let metrics_path = path.join("metrics.jsonl");
        if !resume && metrics_path.exists() {
            return Err(Error::training(
                path.display(),
                "this folder already holds a run",
                "go on with it with --resume, or choose another folder with --out",
            ));
        }
        let metrics = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&metrics_path)
            .map_err(|e| Error::io(&metrics_path, "open", &e))?;
        Ok(RunFolder {
            path: path.to_path_buf(),
            metrics,
            _lock: lock,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the checkpoint lies.
    pub fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint").join("state.safetensors")
    }

    /// Where the finished model lies.
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// Where the measurements lie, one JSON object a line.
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.jsonl")
    }

    /// Writes the resolved recipe, unless there is a checkpoint: beside it stands the recipe it was made with, from which only
    /// what does not decide the course of a training may differ.
    ///
    /// # Errors
    /// When the system cannot write, or the checkpoint was made with another recipe; naming what differs.
    pub fn keep_recipe(&self, toml: &str) -> Result<()> {
        let path = self.path.join("recipe.toml");
        let kept = fs::read_to_string(&path).ok();
        match kept.filter(|_| self.checkpoint().exists()) {
            None => write_atomic(&path, toml.as_bytes()),
            Some(kept) => match differences(&kept, toml) {
                differ if differ.is_empty() => Ok(()),
                differ => Err(Error::training(
                    self.path.display(),
                    format!("this run has another recipe: {}", differ.join(", ")),
                    "go on with its own, or begin anew with another --out",
                )),
            },
        }
    }

    /// Adds a line to the measurements.
    ///
    /// # Errors
    /// When the system cannot write.
    pub fn log(&mut self, event: &str, line: &impl Serialize) -> Result<()> {
        let mut value = serde_json::to_value(line).expect("measurements are plain data");
        if let Some(object) = value.as_object_mut() {
            object.insert("event".into(), event.into());
        }
        let path = self.metrics();
        writeln!(self.metrics, "{value}").map_err(|e| Error::io(path, "write", &e))
    }

    pub(super) fn log_step(&mut self, progress: &Progress, every: usize) -> Result<()> {
        if !progress.step.is_multiple_of(every) && progress.step != 1 {
            return Ok(());
        }
        self.log("step", progress)
    }

    pub(super) fn log_epoch(&mut self, end: &EpochEnd) -> Result<()> {
        self.log("epoch", end)
    }

    /// Drops measurements that a resumed training will make again: from after `step`, and of epochs after the first `epochs`.
    pub(super) fn rewind(&mut self, step: usize, epochs: usize) -> Result<()> {
        let path = self.metrics();
        let file = File::open(&path).map_err(|e| Error::io(&path, "read", &e))?;
        let read = |line: String| {
            let value = serde_json::from_str::<serde_json::Value>(&line).ok()?;
            Some((line, value))
        };
        let number = |value: &serde_json::Value, key: &str| value.get(key)?.as_u64();
        let lines = BufReader::new(file).lines().map_while(|line| line.ok());
        let kept = lines
            .filter_map(read)
            .take_while(|(_, value)| {
                value["event"] != "epoch" || number(value, "epoch") <= Some(epochs as u64)
            })
            .filter(|(_, value)| number(value, "step").is_some_and(|at| at <= step as u64))
            .map(|(line, _)| line + "\n");
        let kept: String = kept.collect();
        write_atomic(&path, kept.as_bytes())?;
        let reopened = OpenOptions::new().append(true).open(&path);
        self.metrics = reopened.map_err(|e| Error::io(&path, "open", &e))?;
        Ok(())
    }
}

/// How often a run is saved and where features are kept may change while it goes on.
const FREE: [&str; 2] = ["train.checkpoint_seconds", "encoder.cache"];

/// What differs between two recipes: each key with what it was and is.
fn differences(was: &str, is: &str) -> Vec<String> {
    let read = |text: &str| {
        let mut values = BTreeMap::new();
        if let Ok(table) = toml::from_str::<toml::Table>(text) {
            flatten("", &table, &mut values);
        }
        values
    };
    let (was, is) = (read(was), read(is));
    let keys: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let differ = keys
        .into_iter()
        .filter(|key| was.get(*key) != is.get(*key) && !FREE.contains(&key.as_str()));
    let value = |value: Option<&String>| value.map_or("nothing".to_owned(), String::clone);
    differ
        .map(|key| {
            let (was, is) = (value(was.get(key)), value(is.get(key)));
            format!("{key} is {was} there and {is} here")
        })
        .collect()
}

/// The values of a table by their dotted keys.
fn flatten(above: &str, table: &toml::Table, values: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let key = format!("{above}{key}");
        match value {
            toml::Value::Table(inner) => flatten(&format!("{key}."), inner, values),
            value => drop(values.insert(key, value.to_string())),
        }
    }
}

/// Whether a folder holds anything but what a training that never began leaves.
fn holds_other_files(path: &Path) -> bool {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .into_iter()
        .any(|entry| entry.file_name() != "checkpoint")
}
