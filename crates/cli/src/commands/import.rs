//! `unfold import`.

use anyhow::Result;
use unfold::Error;
use unfold::tasks::image;

use crate::output;
use crate::plan::Import;
use crate::wording::counted;

/// Reads weights and writes a model.
pub(super) fn import(plan: &Import) -> Result<()> {
    let model = image::import(&plan.weights, &plan.network, plan.labels.clone());
    let model = model.map_err(|error| with_labels(error, plan))?;
    model.save(&plan.out)?;
    output::print(&format!("{}\n", plan.out.display()))
}

/// The error, and how many classes were asked for: the weights may be of others.
fn with_labels(error: Error, plan: &Import) -> Error {
    let asked = match &plan.names {
        Some(path) => format!(
            "{} has {}",
            path.display(),
            counted(plan.labels.len() as u64, "line")
        ),
        None => format!("--classes is {}", plan.labels.len()),
    };
    let remedy = format!("{}; {asked}, one for each class", error.remedy());
    Error::new(error.kind(), error.place(), error.problem(), remedy)
}
