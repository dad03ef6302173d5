//! `unfold eval`.

use anyhow::Result;
use unfold::tasks::text::TextModel;

use crate::output;
use crate::plan::Eval;
use crate::report;

/// Measures a model on labelled data.
pub(super) fn eval(plan: &Eval) -> Result<()> {
    let report = TextModel::load(&plan.run)?.evaluate(&plan.data)?;
    if plan.json {
        output::print(&report::json(&report)?)
    } else {
        output::print(&report::table(&report))
    }
}
