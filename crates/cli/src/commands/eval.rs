//! `unfold eval`.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use unfold::tasks::align::AlignModel;
use unfold::tasks::caption::CaptionModel;
use unfold::tasks::image::ImageModel;
use unfold::tasks::language::LanguageModel;
use unfold::tasks::text::TextModel;
use unfold::tasks::vqa::VqaModel;
use unfold::tasks::{TaskKind, score};

use crate::output;
use crate::plan::Eval;
use crate::progress::with_reporter;
use crate::report;
use crate::tell::tell;

/// Measures a model on data, or predictions against what people said.
pub(super) fn eval(plan: &Eval) -> Result<()> {
    let Some(task) = plan.task else {
        let report = score(&plan.run, Path::new(&plan.data))?;
        for note in report.notes() {
            tell!("note: {note}");
        }
        return told(plan, &report, || report::of_score(&report));
    };
    match task {
        TaskKind::Text => {
            let report = TextModel::load(&plan.run)?.evaluate(&plan.data)?;
            told(plan, &report, || report::of_text(&report))
        }
        TaskKind::Image => {
            let model = ImageModel::load(&plan.run)?;
            let report = with_reporter(|reporter| model.evaluate(&plan.data, reporter))?;
            told(plan, &report, || report::of_image(&report))
        }
        TaskKind::Vqa => {
            let model = VqaModel::load(&plan.run)?;
            let report = with_reporter(|reporter| model.evaluate(&plan.data, reporter))?;
            told(plan, &report, || report::of_vqa(&report))
        }
        TaskKind::Caption => {
            let model = CaptionModel::load(&plan.run)?;
            let answer = plan.search.of(&model);
            let model = model.with_answer(answer)?;
            let report = with_reporter(|reporter| model.evaluate(&plan.data, reporter))?;
            told(plan, &report, || report::of_caption(&report))
        }
        TaskKind::Align => {
            let model = AlignModel::load(&plan.run)?;
            let report = with_reporter(|reporter| model.evaluate(&plan.data, reporter))?;
            told(plan, &report, || report::of_align(&report))
        }
        TaskKind::Language => {
            let mut model = LanguageModel::load(&plan.run)?;
            if plan.int8 {
                model = model.into_int8();
            }
            let report = with_reporter(|reporter| match plan.dynamic {
                None => model.evaluate(&plan.data, reporter),
                Some(rate) => model.evaluate_dynamic(&plan.data, rate, reporter),
            })?;
            told(plan, &report, || report::of_language(&report))
        }
    }
}

fn told(plan: &Eval, report: &impl Serialize, table: impl Fn() -> String) -> Result<()> {
    match plan.json {
        true => output::print(&report::json(report)?),
        false => output::print(&table()),
    }
}
