//! `unfold show`.

mod composed;
mod image;
mod language;
pub(super) mod photograph;

use std::path::Path;

use anyhow::{Context as _, Result};
use unfold::files::write_atomic;
use unfold::tasks::image::ImageModel;
use unfold::tasks::text::{Explain, TextModel};
use unfold::tasks::{TaskKind, task_of};

use crate::failure::unusable;
use crate::metrics::{self, Event, Record};
use crate::output;
use crate::pictures::canvas::Canvas;
use crate::pictures::confusion::{self, Confusion};
use crate::pictures::svg::escape;
use crate::pictures::{curves, page, words};
use crate::plan::{Pictures, Show, Words};
use crate::progress::with_reporter;

/// Draws pictures and prints where they are.
pub(super) fn show(plan: &Show) -> Result<()> {
    let mut drawn = Vec::new();
    match &plan.pictures {
        Pictures::Curves => drawn.push(("curves", draw_curves(&plan.run)?)),
        Pictures::Confusion => drawn.push(("confusion", draw_confusion(plan)?)),
        Pictures::Words(words) => drawn.push(("words", draw_words(&plan.run, words)?)),
        Pictures::Language(language) => drawn.extend(language::draw(&plan.run, language)?),
        Pictures::Image(image) => {
            drawn.extend(image::draw(plan, image)?);
            let diary = metrics_of(&plan.run);
            if image.picture.is_none() && diary && counted(&metrics::read(&plan.run)?).is_some() {
                drawn.push(("confusion", draw_confusion(plan)?));
            }
            if drawn.is_empty() {
                return Ok(());
            }
        }
        Pictures::Caption(_) | Pictures::Answer(..) | Pictures::Alignment(..) => {
            drawn.push(draw_seen(&plan.run, &plan.pictures)?);
        }
        Pictures::Seen(seen) => {
            if metrics_of(&plan.run) {
                drawn.push(("curves", draw_curves(&plan.run)?));
            }
            if let Some(seen) = seen {
                drawn.push(draw_seen(&plan.run, seen)?);
            }
        }
        Pictures::All(words) => {
            let diary = metrics_of(&plan.run);
            if diary || (words.is_none() && plan.data.is_none()) {
                drawn.push(("curves", draw_curves(&plan.run)?));
            }
            if plan.data.is_some() || (diary && counted(&metrics::read(&plan.run)?).is_some()) {
                drawn.push(("confusion", draw_confusion(plan)?));
            }
            if let Some(words) = words {
                drawn.push(("words", draw_words(&plan.run, words)?));
            }
        }
    }
    std::fs::create_dir_all(&plan.out)
        .with_context(|| format!("{}: cannot create the folder", plan.out.display()))?;
    for (name, canvas) in &drawn {
        for path in canvas.save(&plan.out, name)? {
            output::print(&format!("{}\n", path.display()))?;
        }
    }
    if drawn.len() > 1 {
        let path = plan.out.join("index.html");
        write_atomic(&path, all(&plan.run, &drawn).as_bytes())?;
        output::print(&format!("{}\n", path.display()))?;
    }
    Ok(())
}

/// A picture of what a model says of one.
fn draw_seen(run: &Path, pictures: &Pictures) -> Result<(&'static str, Canvas)> {
    Ok(match pictures {
        Pictures::Answer(file, question) => {
            ("answer", composed::answer(run, file.as_deref(), question)?)
        }
        Pictures::Caption(file) => ("caption", composed::caption(run, file)?),
        Pictures::Alignment(file, sentence, smoothing) => {
            let canvas = composed::alignment(run, file, sentence, *smoothing)?;
            ("alignment", canvas)
        }
        _ => unreachable!("nothing else is said of a picture"),
    })
}

/// All pictures on one page that needs no other file.
fn all(run: &Path, drawn: &[(&str, Canvas)]) -> String {
    let name = run.display().to_string();
    let figures = drawn.iter().map(|(name, canvas)| {
        format!(
            "<section id=\"{name}\">\n<figure>\n{}</figure>\n</section>\n",
            canvas.to_svg()
        )
    });
    let body = format!(
        "<h1>{}</h1>\n{}",
        escape(&name),
        figures.collect::<String>()
    );
    page::page(&name, &body)
}

/// Whether a run has measurements.
fn metrics_of(run: &Path) -> bool {
    run.join("metrics.jsonl").exists()
}

pub(super) fn draw_curves(run: &Path) -> Result<Canvas> {
    let records = read_metrics(run)?;
    curves::draw(&run.display().to_string(), &records).ok_or_else(|| {
        unusable(
            format!("{}: nothing was measured yet", run.display()),
            "draw it again when an epoch is done",
        )
    })
}

fn read_metrics(run: &Path) -> Result<Vec<Record>> {
    if !run.join("metrics.jsonl").exists() {
        return Err(unusable(
            format!(
                "{}: holds no metrics.jsonl, so there are no curves to draw",
                run.display()
            ),
            "name the folder of a run, or one picture that needs none: unfold show RUN summary; \
             `unfold show --help` names them all",
        ));
    }
    metrics::read(run)
}

/// The run's own measurement.
struct Counted<'a> {
    split: &'a str,
    labels: &'a [String],
    counts: &'a [Vec<u64>],
}

fn counted(records: &[Record]) -> Option<Counted<'_>> {
    let report = records
        .iter()
        .rfind(|record| record.event == Event::Report)?;
    let (labels, counts) = (report.labels.as_deref()?, report.confusion.as_deref()?);
    let square = counts.len() == labels.len() && counts.iter().all(|row| row.len() == labels.len());
    let split = report.split.as_deref()?;
    square.then_some(Counted {
        split,
        labels,
        counts,
    })
}

fn draw_confusion(plan: &Show) -> Result<Canvas> {
    if let Some(data) = &plan.data {
        let (labels, counts) = match task_of(&plan.run)? {
            TaskKind::Image => {
                let model = ImageModel::load(&plan.run)?;
                let report = with_reporter(|reporter| model.evaluate(data, reporter))?;
                (report.labels, report.confusion)
            }
            _ => {
                let report = TextModel::load(&plan.run)?.evaluate(data)?;
                (report.labels, report.confusion)
            }
        };
        let title = format!("Confusion on {data}");
        return Ok(confusion::draw(&Confusion {
            title: &title,
            labels: &labels,
            counts: &counts,
        }));
    }
    if !metrics_of(&plan.run) {
        let run = plan.run.display();
        return Err(unusable(
            format!("confusion: {run} has no test of its own, so nothing was counted"),
            "name labelled data to count on with --data DATA",
        ));
    }
    let records = read_metrics(&plan.run)?;
    let Counted {
        split,
        labels,
        counts,
    } = counted(&records).ok_or_else(|| {
        unusable(
            format!(
                "{}: the run is not finished, so nothing was counted yet",
                plan.run.display()
            ),
            "finish it with `unfold train … --resume`, or count on other data with --data",
        )
    })?;
    let title = format!("Confusion on the {split} split");
    Ok(confusion::draw(&Confusion {
        title: &title,
        labels,
        counts,
    }))
}

fn draw_words(run: &Path, words: &Words) -> Result<Canvas> {
    let model = TextModel::load(run)?;
    let prediction = model.classify(&[&words.text]).remove(0);
    let label = words.label.as_ref().unwrap_or(&prediction.label);
    let number = model.class(label)?;
    let text = model.clean(&words.text);
    let weights = model.explain(&text, words.method, Some(number));
    let method = match words.method {
        Explain::Gradient => {
            "gradient × input: how each word moves the log-probability of the class"
        }
        Explain::Occlusion => {
            "occlusion: how much the probability of the class falls without the word"
        }
    };
    Ok(words::draw(&words::Words {
        text: &text,
        label,
        method,
        weights: &weights,
        probabilities: &prediction.probabilities,
    }))
}
