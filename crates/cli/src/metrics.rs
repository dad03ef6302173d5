//! Reading `metrics.jsonl`, the diary of a run.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// What a line of the diary is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Event {
    /// A training step was taken.
    Step,
    /// An epoch ended and the validation split was looked at.
    Epoch,
    /// The finished model was measured, on the test split where there is one.
    Report,
    /// Something this version has no picture for.
    #[serde(other)]
    Other,
}

/// One line of the diary; what a line does not hold is `None`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Record {
    pub(crate) event: Event,
    pub(crate) step: Option<u64>,
    pub(crate) epoch: Option<u64>,
    pub(crate) loss: Option<f64>,
    pub(crate) valid_loss: Option<f64>,
    pub(crate) valid_accuracy: Option<f64>,
    pub(crate) train_accuracy: Option<f64>,
    pub(crate) accuracy: Option<f64>,
    pub(crate) perplexity: Option<f64>,
    pub(crate) split: Option<String>,
    pub(crate) labels: Option<Vec<String>>,
    /// `confusion[truth][answer]`.
    pub(crate) confusion: Option<Vec<Vec<u64>>>,
    #[serde(default)]
    pub(crate) best: bool,
}

/// All records of a run folder; a line cut short by a crash is left out.
pub(crate) fn read(run: &Path) -> Result<Vec<Record>> {
    let path = run.join("metrics.jsonl");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("{}: cannot read", path.display()))?;
    Ok(parse(&text))
}

fn parse(text: &str) -> Vec<Record> {
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_events_and_cut_lines_do_no_harm() {
        let records = parse(
            "{\"event\":\"step\",\"step\":1,\"loss\":0.5}\n{\"event\":\"later\",\"x\":[1]}\n\n{\"event\":\"epo",
        );
        assert_eq!(records.len(), 2);
        assert_eq!(
            (records[0].event, records[0].loss),
            (Event::Step, Some(0.5))
        );
        assert_eq!(records[1].event, Event::Other);
    }
}
