//! `unfold eval`.

use std::io::Write as _;

use anyhow::Result;
use unfold::tasks::text::TextModel;

use crate::plan::Eval;
use crate::report;

/// Measures a model on labelled data.
pub(super) fn eval(plan: &Eval) -> Result<()> {
    let report = TextModel::load(&plan.run)?.evaluate(&plan.data)?;
    let mut out = std::io::stdout().lock();
    if plan.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        write!(out, "{}", report::table(&report))?;
    }
    Ok(())
}
