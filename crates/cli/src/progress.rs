//! How far a training is, on standard error: a live bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use unfold::train::{EpochEnd, Progress, Start, Unit};

use crate::tell::tell;
use crate::wording::{count, duration, percent};

/// Tells the user about a training.
#[derive(Debug)]
pub(crate) struct Reporter {
    display: Display,
    unit: Unit,
}

/// How it is told.
#[derive(Debug)]
enum Display {
    /// A bar that moves, with a line above it for each epoch.
    Bar(ProgressBar),
    /// A line for each epoch and now and then one between them.
    Lines(Lines),
    /// Nothing at all.
    Quiet,
}

/// When the last line was printed, and since when the steps are timed.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    printed: Option<Instant>,
    /// The first step seen and when it was done: a resumed training does not begin at 1.
    first: Option<(usize, Instant)>,
}

/// Lines between epochs come no closer than this.
const LINE_GAP: Duration = Duration::from_secs(2);

impl Reporter {
    /// The kind that suits standard error.
    pub(crate) fn new(quiet: bool) -> Self {
        let display = if quiet {
            Display::Quiet
        } else if std::io::stderr().is_terminal() {
            Display::Bar(ProgressBar::hidden())
        } else {
            Display::Lines(Lines::default())
        };
        Self {
            display,
            unit: Unit::Examples,
        }
    }

    /// The training is about to begin.
    pub(crate) fn start(&mut self, start: &Start) {
        self.unit = start.unit;
        for note in &start.notes {
            self.print(&format!("note: {note}"));
        }
        self.print(&describe(start));
        if let Display::Bar(bar) = &self.display {
            let style = "{prefix}  {wide_bar:.blue/black.bright}  {msg}  {eta} left";
            let style = ProgressStyle::with_template(style).expect("the template is right");
            bar.set_style(style.progress_chars("━╸─"));
            bar.set_length(start.steps as u64);
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    /// A step is done.
    pub(crate) fn step(&mut self, progress: &Progress) {
        let Progress {
            step,
            steps,
            epoch,
            epochs,
            loss,
            examples_per_second,
            ..
        } = progress;
        let speed = format!(
            "{} {}/s",
            count(*examples_per_second as u64),
            name(self.unit)
        );
        match &mut self.display {
            Display::Quiet => {}
            Display::Bar(bar) => {
                bar.set_prefix(format!("epoch {epoch}/{epochs}"));
                bar.set_message(format!("loss {loss:.4}  {speed}"));
                let first = bar.position() == 0;
                bar.set_position(*step as u64);
                if first {
                    // A resumed run begins in the middle; those steps say nothing about the speed.
                    bar.reset_eta();
                }
            }
            Display::Lines(lines) => {
                if lines.due() {
                    let left = lines
                        .left(*step, *steps)
                        .map_or(String::new(), |left| format!("  {left} left"));
                    tell!(
                        "epoch {epoch}/{epochs}  step {step}/{steps}  loss {loss:.4}  {speed}{left}"
                    );
                } else if lines.first.is_none() {
                    lines.first = Some((*step, Instant::now()));
                }
            }
        }
    }

    /// An epoch is done.
    pub(crate) fn epoch(&mut self, end: &EpochEnd) {
        self.print(&summarize(end, self.unit));
    }

    /// Nothing more will come.
    pub(crate) fn finish(&self) {
        if let Display::Bar(bar) = &self.display {
            bar.finish_and_clear();
        }
    }

    fn print(&mut self, line: &str) {
        match &mut self.display {
            Display::Quiet => {}
            Display::Bar(bar) => bar.suspend(|| tell!("{line}")),
            Display::Lines(lines) => {
                lines.printed = Some(Instant::now());
                tell!("{line}");
            }
        }
    }
}

impl Lines {
    /// Whether it is time for a line; if so it counts as printed.
    pub(crate) fn due(&mut self) -> bool {
        let due = self
            .printed
            .is_none_or(|printed| printed.elapsed() >= LINE_GAP);
        if due {
            self.printed = Some(Instant::now());
        }
        due
    }

    /// How long the rest will take at the speed so far.
    fn left(&self, step: usize, steps: usize) -> Option<String> {
        let (first, since) = self.first?;
        let each = since.elapsed().as_secs_f64()
            / step.checked_sub(first).filter(|done| *done > 0)? as f64;
        Some(duration(each * steps.saturating_sub(step) as f64))
    }
}

fn describe(start: &Start) -> String {
    let mut parts = vec![format!("{} training", count(start.examples as u64))];
    for (examples, name) in [
        (start.valid_examples, "validation"),
        (start.test_examples, "test"),
    ] {
        if examples > 0 {
            parts.push(format!("{} {name}", count(examples as u64)));
        }
    }
    let of = match start.unit {
        Unit::Examples => "classes",
        Unit::Words => "known words",
        Unit::Characters => "known characters",
        Unit::Tokens => "known pieces",
    };
    format!(
        "{} {} in {} {of}; {} parameters; {} steps in {} epochs",
        parts.join(", "),
        name(start.unit),
        count(start.classes as u64),
        count(start.parameters as u64),
        count(start.steps as u64),
        count(start.epochs as u64),
    )
}

/// What examples are called.
fn name(unit: Unit) -> &'static str {
    match unit {
        Unit::Examples => "examples",
        Unit::Words => "words",
        Unit::Characters => "characters",
        Unit::Tokens => "tokens",
    }
}

fn summarize(end: &EpochEnd, unit: Unit) -> String {
    let width = end.epochs.to_string().len();
    let mut line = format!(
        "epoch {:>width$}/{}  training loss {:.4}",
        end.epoch, end.epochs, end.train_loss
    );
    if let Some(loss) = end.valid_loss {
        line.push_str(&format!("  validation loss {loss:.4}"));
    }
    if let Some(loss) = end.valid_loss.filter(|_| unit != Unit::Examples) {
        line.push_str(&format!("  perplexity {:.2}", loss.exp()));
    }
    if let Some(accuracy) = end.valid_accuracy {
        line.push_str(&format!("  accuracy {}", percent(accuracy)));
    }
    line.push_str(&format!("  {}", duration(end.seconds)));
    line.push_str(if end.best { "  * best" } else { "" });
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_one_line() {
        let mut end = EpochEnd {
            epoch: 3,
            epochs: 10,
            step: 300,
            train_loss: 0.25,
            valid_loss: Some(0.5),
            valid_accuracy: Some(0.9325),
            best: true,
            seconds: 4.25,
            data_wait_share: 0.0,
        };
        assert_eq!(
            summarize(&end, Unit::Examples),
            "epoch  3/10  training loss 0.2500  validation loss 0.5000  accuracy 93.25 %  4.2 s  * best"
        );
        (end.valid_loss, end.valid_accuracy, end.best) = (None, None, false);
        assert_eq!(
            summarize(&end, Unit::Examples),
            "epoch  3/10  training loss 0.2500  4.2 s"
        );
    }

    #[test]
    fn lines_keep_their_distance() {
        let mut lines = Lines::default();
        assert!(lines.due());
        assert!(!lines.due());
    }
}
