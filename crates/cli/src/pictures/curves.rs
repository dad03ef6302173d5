//! The curves of a training run: loss and accuracy, or perplexity, over its epochs.

use super::canvas::Canvas;
use super::chart::{self, Legend, Mark, Panel, Series, Style};
use super::colour::{BLUE, VERMILION, WHITE, mix};
use super::ticks::Format;
use crate::metrics::{Event, Record};

/// More points than this cannot be told apart on the picture.
const MOST_POINTS: usize = 400;

/// Draws what `metrics.jsonl` holds so far; `None` while there is nothing to draw.
pub(crate) fn draw(run: &str, records: &[Record]) -> Option<Canvas> {
    let axis = Axis::of(records);
    let steps = axis.points(records, Event::Step, |record| record.loss);
    let valid_loss = axis.points(records, Event::Epoch, |record| record.valid_loss);
    let valid_accuracy = axis.points(records, Event::Epoch, |record| record.valid_accuracy);
    let train_accuracy = axis.points(records, Event::Epoch, |record| record.train_accuracy);
    if steps.is_empty() && valid_loss.is_empty() {
        return None;
    }
    let best = records
        .iter()
        .rfind(|record| record.event == Event::Epoch && record.best);
    let mark = |value: fn(&Record) -> Option<f64>, show: fn(f64) -> String| {
        let best = best?;
        let y = value(best)?;
        Some(Mark {
            x: axis.place(best)?,
            y,
            label: format!("best: epoch {}, {}", best.epoch?, show(y)),
        })
    };

    let mut loss = vec![
        series(
            "each step",
            mix(BLUE, WHITE, 0.72),
            Style::Faint,
            thin(&steps),
        ),
        series("training", BLUE, Style::Line, thin(&smooth(&steps))),
    ];
    if !valid_loss.is_empty() {
        loss.push(series("validation", VERMILION, Style::Dots, valid_loss));
    }
    let mut panels = vec![Panel {
        title: "Loss".into(),
        x_label: axis.label().into(),
        x_values: Vec::new(),
        y_format: Format::Number,
        series: loss,
        mark: mark(|record| record.valid_loss, |loss| format!("{loss:.4}")),
    }];
    if !valid_accuracy.is_empty() {
        let mut accuracy = Vec::new();
        if !train_accuracy.is_empty() {
            accuracy.push(series("training", BLUE, Style::Line, train_accuracy));
        }
        accuracy.push(series("validation", VERMILION, Style::Dots, valid_accuracy));
        panels.push(Panel {
            title: "Accuracy".into(),
            x_label: axis.label().into(),
            x_values: Vec::new(),
            y_format: Format::Percent,
            series: accuracy,
            mark: mark(
                |record| record.valid_accuracy,
                |share| format!("{:.2} %", share * 100.0),
            ),
        });
    }
    let perplexity = axis.points(records, Event::Epoch, perplexity);
    if !perplexity.is_empty() {
        panels.push(Panel {
            title: "Perplexity".into(),
            x_label: axis.label().into(),
            x_values: Vec::new(),
            y_format: Format::Number,
            series: vec![series("validation", VERMILION, Style::Dots, perplexity)],
            mark: mark(self::perplexity, |perplexity| format!("{perplexity:.1}")),
        });
    }
    Some(chart::draw(run, &summary(records), Legend::Own, &panels))
}

/// e to the validation loss, where it is that of predicted words: nothing is then counted right or wrong.
fn perplexity(record: &Record) -> Option<f64> {
    let predicts = record.valid_accuracy.is_none();
    record.valid_loss.filter(|_| predicts).map(f64::exp)
}

fn series(
    name: &str,
    colour: super::colour::Colour,
    style: Style,
    points: Vec<(f64, f64)>,
) -> Series {
    Series {
        name: name.into(),
        colour,
        style,
        points,
    }
}

/// The horizontal axis: epochs when one has ended, else steps.
struct Axis {
    steps_per_epoch: Option<f64>,
}

impl Axis {
    fn of(records: &[Record]) -> Self {
        let last = records.iter().rfind(|record| record.event == Event::Epoch);
        let steps_per_epoch = last.and_then(|record| {
            let (step, epoch) = (record.step? as f64, record.epoch? as f64);
            (step > 0.0 && epoch > 0.0).then_some(step / epoch)
        });
        Self { steps_per_epoch }
    }

    fn label(&self) -> &'static str {
        if self.steps_per_epoch.is_some() {
            "epoch"
        } else {
            "step"
        }
    }

    fn place(&self, record: &Record) -> Option<f64> {
        match self.steps_per_epoch {
            Some(_) if record.event == Event::Epoch => record.epoch.map(|epoch| epoch as f64),
            Some(steps) => record.step.map(|step| step as f64 / steps),
            None => record.step.map(|step| step as f64),
        }
    }

    fn points(
        &self,
        records: &[Record],
        event: Event,
        value: fn(&Record) -> Option<f64>,
    ) -> Vec<(f64, f64)> {
        let records = records.iter().filter(|record| record.event == event);
        records
            .filter_map(|record| Some((self.place(record)?, value(record)?)))
            .collect()
    }
}

fn summary(records: &[Record]) -> String {
    let mut parts = Vec::new();
    if let Some(epoch) = records.iter().filter_map(|record| record.epoch).max() {
        parts.push(crate::wording::counted(epoch, "epoch"));
    }
    if let Some(step) = records.iter().filter_map(|record| record.step).max() {
        parts.push(crate::wording::counted(step, "step"));
    }
    let best = records.iter().rfind(|record| record.best);
    if let Some(perplexity) = best.and_then(perplexity) {
        parts.push(format!("best validation perplexity {perplexity:.1}"));
    }
    let is_report = |record: &&Record| record.event == Event::Report;
    if let Some(report) = records.iter().rfind(is_report)
        && let Some(split) = &report.split
    {
        let accuracy = report.accuracy.map(crate::wording::percent);
        parts.extend(accuracy.map(|accuracy| format!("{split} accuracy {accuracy}")));
        let perplexity = report.perplexity;
        parts.extend(perplexity.map(|perplexity| format!("{split} perplexity {perplexity:.1}")));
    }
    parts.join("  ·  ")
}

/// Each value averaged with its neighbours, about a thirtieth of the run in all.
fn smooth(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let points: Vec<_> = points
        .iter()
        .copied()
        .filter(|(_, y)| y.is_finite())
        .collect();
    let mut sums = vec![0.0];
    for (i, (_, y)) in points.iter().enumerate() {
        sums.push(sums[i] + y);
    }
    let reach = (points.len() / 60).clamp(1, 100);
    let average = |i: usize| {
        // The window narrows towards both ends and so never leans to one side.
        let reach = reach.min(i).min(points.len() - 1 - i);
        (sums[i + reach + 1] - sums[i - reach]) / (2 * reach + 1) as f64
    };
    (0..points.len())
        .map(|i| (points[i].0, average(i)))
        .collect()
}

/// At most [`MOST_POINTS`] points, each the mean of its neighbours.
fn thin(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let group = points.len().div_ceil(MOST_POINTS).max(1);
    let mean = |group: &[(f64, f64)]| {
        let count = group.len() as f64;
        (
            group.iter().map(|point| point.0).sum::<f64>() / count,
            group.iter().map(|point| point.1).sum::<f64>() / count,
        )
    };
    points.chunks(group).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_stay_small() {
        let points: Vec<_> = (0..100_000).map(|i| (f64::from(i), 1.0)).collect();
        let thin = thin(&points);
        assert!(thin.len() <= MOST_POINTS);
        assert!(thin.iter().all(|point| point.1 == 1.0));
    }

    #[test]
    fn smoothing_keeps_a_constant_and_skips_what_is_not_a_number() {
        let points = [(0.0, 2.0), (1.0, f64::NAN), (2.0, 2.0)];
        assert_eq!(smooth(&points), [(0.0, 2.0), (2.0, 2.0)]);
    }

    #[test]
    fn predictions_have_a_perplexity() {
        let records = |accuracy: &str| {
            let lines = [(3.0f64.ln(), false), (2.0f64.ln(), true)]
                .into_iter()
                .enumerate();
            let record = |(i, (loss, best)): (usize, (f64, bool))| {
                let (step, epoch) = (10 * (i + 1), i + 1);
                let line = format!(
                    r#"{{"event":"epoch","step":{step},"epoch":{epoch},"valid_loss":{loss},"best":{best}{accuracy}}}"#
                );
                serde_json::from_str(&line).expect("a record")
            };
            lines.map(record).collect::<Vec<Record>>()
        };
        let svg = draw("run", &records("")).expect("a picture").to_svg();
        for words in [
            "Perplexity",
            "best: epoch 2, 2.0",
            "best validation perplexity 2.0",
        ] {
            assert!(svg.contains(words), "{words}: {svg}");
        }
        let svg = draw("run", &records(r#","valid_accuracy":0.5"#))
            .expect("a picture")
            .to_svg();
        assert!(svg.contains("Accuracy") && !svg.contains("erplexity"));
    }

    #[test]
    fn nothing_to_draw_is_no_picture() {
        assert!(draw("run", &[]).is_none());
    }
}
