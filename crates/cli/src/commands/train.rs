//! `unfold train`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;
use unfold::files::write_atomic;
use unfold::tasks::RunOptions;
use unfold::tasks::align::{self, AlignRecipe};
use unfold::tasks::caption::{self, CaptionRecipe};
use unfold::tasks::image::{self, ImageRecipe};
use unfold::tasks::language::{self, LanguageModel, LanguageRecipe};
use unfold::tasks::text::{self, TextRecipe};
use unfold::tasks::vqa::{self, VqaConfig, VqaRecipe};
use unfold::train::{EpochEnd, Observer, Progress, Stage, Start};

use crate::interrupt::Interrupt;
use crate::metrics;
use crate::output;
use crate::pictures::curves;
use crate::plan::Training;
use crate::progress::Reporter;
use crate::report;
use crate::tell::tell;
use crate::wording::shell;

/// Trains a text classifier.
pub(super) fn text(plan: &Training<TextRecipe>) -> Result<()> {
    let report = watched(plan, text::train)?;
    finish(plan, &report, report::of_text(&report), "'a text'")
}

/// Trains a language model.
pub(super) fn language(plan: &Training<LanguageRecipe>) -> Result<()> {
    let report = watched(plan, language::train)?;
    let prompt = format!("--prompt '{}'", beginning(&plan.out)?);
    finish(plan, &report, report::of_language(&report), &prompt)
}

/// Words that a language model may go on with: of usual ones those that it knows.
fn beginning(run: &Path) -> Result<&'static str> {
    let model = LanguageModel::load(run)?;
    let known = |words: &&str| model.codec().unknown(words).is_empty();
    Ok(["The", "the"].into_iter().find(known).unwrap_or_default())
}

/// Trains an image classifier.
pub(super) fn image(plan: &Training<ImageRecipe>) -> Result<()> {
    let report = watched(plan, image::train)?;
    let first = report.first.as_deref().map(|name| shell(Path::new(name)));
    finish(
        plan,
        &report,
        report::of_image(&report),
        first.as_deref().unwrap_or(PICTURE),
    )
}

/// Trains a captioner.
pub(super) fn caption(plan: &Training<CaptionRecipe>) -> Result<()> {
    let report = watched(plan, caption::train)?;
    finish(
        plan,
        &report,
        report::of_caption(&report),
        picture(&plan.data),
    )
}

/// Trains a model that answers questions about pictures.
pub(super) fn vqa(plan: &Training<VqaRecipe>) -> Result<()> {
    let report = watched(plan, vqa::train)?;
    let input = match plan.recipe.model {
        VqaConfig::Prior(_) | VqaConfig::Language(_) => "'a question'".to_owned(),
        _ => format!("{} 'a question'", picture(&plan.data)),
    };
    finish(plan, &report, report::of_vqa(&report), &input)
}

/// Trains a model that aligns pictures and sentences.
pub(super) fn align(plan: &Training<AlignRecipe>) -> Result<()> {
    let report = watched(plan, align::train)?;
    finish(
        plan,
        &report,
        report::of_align(&report),
        "--among DATA 'a sentence'",
    )
}

/// What stands for a picture of the user's.
const PICTURE: &str = "PICTURE";

/// A picture to try a model with that was trained on `data`.
fn picture(data: &str) -> &'static str {
    match data {
        "builtin:scenes" => "'builtin:scenes#test-0000.bmp'",
        _ => PICTURE,
    }
}

/// Trains while the user looks on.
fn watched<R, T>(
    plan: &Training<R>,
    train: fn(&str, &R, &RunOptions, &mut dyn Observer) -> unfold::Result<T>,
) -> Result<T> {
    let interrupt = Interrupt::install()?;
    let run = RunOptions {
        out: plan.out.clone(),
        resume: plan.resume,
    };
    let mut watch = Watch {
        reporter: Reporter::new(plan.quiet),
        interrupt,
        began: false,
        run: plan.out.clone(),
    };
    let trained = train(&plan.data, &plan.recipe, &run, &mut watch);
    watch.reporter.finish();
    let report = trained.map_err(|error| plan.located(error))?;
    watch.draw_curves();
    Ok(report)
}

/// Tells what came out.
fn finish<R>(
    plan: &Training<R>,
    report: &impl Serialize,
    table: String,
    input: &str,
) -> Result<()> {
    if !plan.quiet {
        tell!("\n{table}{}", next(&plan.out, input));
    }
    if plan.json {
        output::print(&report::json(report)?)?;
    }
    Ok(())
}

/// What to type next.
fn next(out: &Path, input: &str) -> String {
    let program = std::env::args_os()
        .next()
        .unwrap_or_else(|| "unfold".into());
    let (program, run) = (shell(Path::new(&program)), shell(out));
    format!(
        "\nrun folder  {run}\n\
         next        {program} run  {run} {input}\n            \
         {program} eval {run} DATA\n            \
         {program} show {run}"
    )
}

/// Passes on what happens to the reporter, keeps `curves.svg` up to date, and listens for Ctrl-C.
struct Watch {
    reporter: Reporter,
    interrupt: Interrupt,
    /// Whether training has begun.
    began: bool,
    run: PathBuf,
}

impl Watch {
    /// A picture that cannot be written is no reason to stop a training: `show` draws it again.
    fn draw_curves(&self) {
        let Ok(records) = metrics::read(&self.run) else {
            return;
        };
        let name = self.run.display().to_string();
        if let Some(canvas) = curves::draw(&name, &records) {
            let _ = write_atomic(&self.run.join("curves.svg"), canvas.to_svg().as_bytes());
        }
    }
}

impl Observer for Watch {
    fn stage(&mut self, stage: Stage, share: Option<f64>) {
        match stage {
            // Nothing asks any more whether to stop.
            Stage::Measuring => self.interrupt.outside(
                "stopped: the model is trained and saved, but not measured; `unfold eval` does that",
            ),
            Stage::Seeing if !self.began => self.interrupt.outside(
                "stopped before the first step: nothing was learned, but the features of pictures computed so far are kept",
            ),
            _ => {}
        }
        self.reporter.stage(stage, share);
    }

    fn note(&mut self, note: &str) {
        self.reporter.note(note);
    }

    fn start(&mut self, start: &Start) {
        self.began = true;
        self.interrupt.training_began();
        self.reporter.start(start);
    }

    fn step(&mut self, progress: &Progress) {
        self.reporter.step(progress);
    }

    fn epoch(&mut self, end: &EpochEnd) {
        self.reporter.epoch(end);
        self.draw_curves();
    }

    fn stop(&self) -> bool {
        self.interrupt.asked()
    }
}
