//! `unfold import`.

use anyhow::Result;
use unfold::tasks::image;

use crate::output;
use crate::plan::Import;

/// Reads weights and writes a model.
pub(super) fn import(plan: &Import) -> Result<()> {
    let model = image::import(&plan.weights, &plan.network, plan.labels.clone())?;
    model.save(&plan.out)?;
    output::print(&format!("{}\n", plan.out.display()))
}
