//! Everything a training needs to go on as if it had never stopped.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Evaluation;
use crate::Tensor;
use crate::error::{Error, Result};
use crate::tensors;

/// The state of a training between two steps. Random numbers need none: they are functions of
/// the seed and the step.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    /// Steps done.
    pub step: usize,
    /// Epochs done, their validation included: the steps of one more may all be done.
    pub epochs: usize,
    /// Seconds that they took.
    pub seconds: f64,
    /// Sum of the losses of this epoch's steps so far.
    pub loss_sum: f64,
    /// Epochs since the best one.
    pub stale: usize,
    /// What the last step left to the next one of its epoch.
    pub carried: Vec<Tensor>,
    /// The best parameters so far.
    pub best: Option<Best>,
    /// The schedule's memory.
    pub scheduler: Vec<f64>,
    /// The validation losses that decide when averaging begins.
    pub losses: Vec<f64>,
    /// Parameters, filled when read.
    pub values: Vec<f32>,
    /// The optimizer's buffers, filled when read.
    pub optimizer: Vec<(String, Vec<f32>)>,
}

/// The best parameters so far and how good they are.
#[derive(Clone, Debug)]
pub struct Best {
    /// The epoch they are from, from 1.
    pub epoch: usize,
    /// How good they are.
    pub evaluation: Evaluation,
    /// The parameters.
    pub values: Vec<f32>,
}

/// The part of a checkpoint that is not lists of f32. Numbers whose every bit matters are kept
/// as bits.
#[derive(Serialize, Deserialize)]
struct Header {
    fingerprint: u64,
    step: usize,
    epochs: usize,
    loss_sum: u64,
    stale: usize,
    scheduler: Vec<u64>,
    best: Option<(usize, u64, Option<u64>)>,
    carried: usize,
    losses: Vec<u64>,
    optimizer: Vec<String>,
    #[serde(default)]
    seconds: f64,
}

const VALUES: &str = "parameters";
const BEST: &str = "best";

impl Checkpoint {
    /// Writes the checkpoint, all or nothing.
    ///
    /// # Errors
    /// When the system cannot write; the earlier checkpoint is then untouched.
    pub fn write(
        &self,
        path: &Path,
        fingerprint: u64,
        values: &[f32],
        optimizer: &[(&str, &[f32])],
    ) -> Result<()> {
        let header = Header {
            fingerprint,
            step: self.step,
            epochs: self.epochs,
            loss_sum: self.loss_sum.to_bits(),
            stale: self.stale,
            scheduler: self.scheduler.iter().map(|v| v.to_bits()).collect(),
            best: self.best.as_ref().map(|best| {
                let Evaluation { loss, accuracy } = best.evaluation;
                (best.epoch, loss.to_bits(), accuracy.map(f64::to_bits))
            }),
            carried: self.carried.len(),
            losses: self.losses.iter().map(|v| v.to_bits()).collect(),
            optimizer: optimizer.iter().map(|(name, _)| name.to_string()).collect(),
            seconds: self.seconds,
        };
        let flat = |name: String, values| -> (String, Vec<usize>, &[f32]) {
            let values: &[f32] = values;
            (name, vec![values.len()], values)
        };
        let mut all = vec![flat(VALUES.into(), values)];
        if let Some(best) = &self.best {
            all.push(flat(BEST.into(), &best.values));
        }
        let carried = self.carried.iter().enumerate();
        all.extend(carried.map(|(i, t)| (carried_name(i), t.dims().to_vec(), t.data())));
        let buffers = optimizer.iter();
        all.extend(buffers.map(|(name, values)| flat(buffer_name(name), values)));
        tensors::write(path, &header, all)
    }

    /// Reads a checkpoint; `None` when there is none yet.
    ///
    /// # Errors
    /// When it is damaged, or was made from other data or another model.
    pub fn read(path: &Path, fingerprint: u64) -> Result<Option<Checkpoint>> {
        if !path.exists() {
            return Ok(None);
        }
        let (header, stored) = tensors::read::<Header>(path)?;
        if header.fingerprint != fingerprint {
            return Err(Error::model(
                path.display(),
                "the checkpoint was made with another recipe or other data",
                "resume with the recipe, seed and data it began with, or start anew with another --out",
            ));
        }
        let lacks = |name: &str| {
            Error::model(
                path.display(),
                format!("the checkpoint lacks `{name}`"),
                "the file is damaged; start anew with another --out",
            )
        };
        let take = |name: &str| {
            let values = stored.get(name).map(<[f32]>::to_vec);
            values.ok_or_else(|| lacks(name))
        };
        let values = take(VALUES)?;
        let best = match header.best {
            None => None,
            Some((epoch, loss, accuracy)) => Some(Best {
                epoch,
                evaluation: Evaluation {
                    loss: f64::from_bits(loss),
                    accuracy: accuracy.map(f64::from_bits),
                },
                values: take(BEST)?,
            }),
        };
        let carried = (0..header.carried).map(|i| {
            let name = carried_name(i);
            let place = stored.places.get(&name).ok_or_else(|| lacks(&name))?;
            let values = &stored.values[place.range.clone()];
            Ok(Tensor::from_slice(values, &place.shape[..]))
        });
        let carried = carried.collect::<Result<_>>()?;
        let optimizer = header.optimizer.into_iter().map(|name| {
            let values = take(&buffer_name(&name))?;
            Ok((name, values))
        });
        Ok(Some(Checkpoint {
            step: header.step,
            epochs: header.epochs,
            seconds: header.seconds,
            loss_sum: f64::from_bits(header.loss_sum),
            stale: header.stale,
            optimizer: optimizer.collect::<Result<_>>()?,
            scheduler: header.scheduler.into_iter().map(f64::from_bits).collect(),
            carried,
            losses: header.losses.into_iter().map(f64::from_bits).collect(),
            best,
            values,
        }))
    }
}

fn carried_name(i: usize) -> String {
    format!("carried.{i}")
}

fn buffer_name(name: &str) -> String {
    format!("optimizer.{name}")
}
