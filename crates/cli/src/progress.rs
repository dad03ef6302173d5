//! How far a training or a measurement is, on standard error: a live bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use unfold::train::{EpochEnd, Observer, Progress, Stage, Start, Unit};

use crate::tell::tell;
use crate::wording::{count, counted, duration, percent, perplexity};

/// Tells the user about a training or a measurement.
#[derive(Debug)]
pub(crate) struct Reporter {
    display: Display,
    unit: Unit,
    /// What goes on before the first step or after the last one, and whether its share is known.
    stage: Option<(Stage, bool)>,
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
    /// What is told if nothing else happens.
    later: Option<Later>,
}

/// Something that is said after a while, unless this is dropped before.
#[derive(Debug)]
struct Later {
    _alive: mpsc::Sender<()>,
}

/// Places of the bar for what is told in shares.
const FINE: u64 = 1000;
/// Between two pictures of a spinner.
const SPIN: Duration = Duration::from_millis(100);

/// Lines between epochs come no closer than this.
const LINE_GAP: Duration = Duration::from_secs(2);

/// Does something that is told about while it lasts.
pub(crate) fn with_reporter<T>(work: impl FnOnce(&mut Reporter) -> T) -> T {
    let mut reporter = Reporter::new(false);
    let result = work(&mut reporter);
    reporter.finish();
    result
}

impl Reporter {
    /// The kind that suits standard error.
    pub(crate) fn new(quiet: bool) -> Self {
        let display = if quiet {
            Display::Quiet
        } else if std::io::stderr().is_terminal() {
            let target = ProgressDrawTarget::stderr();
            Display::Bar(ProgressBar::with_draw_target(Some(FINE), target))
        } else {
            // What is done within a moment is not told.
            Display::Lines(Lines {
                printed: Some(Instant::now()),
                ..Lines::default()
            })
        };
        Self {
            display,
            unit: Unit::Examples,
            stage: None,
        }
    }

    /// Nothing more will come.
    pub(crate) fn finish(&mut self) {
        match &mut self.display {
            Display::Quiet => {}
            Display::Bar(bar) => bar.finish_and_clear(),
            Display::Lines(lines) => lines.later = None,
        }
    }

    fn print(&mut self, line: &str) {
        match &mut self.display {
            Display::Quiet => {}
            Display::Bar(bar) => bar.suspend(|| tell!("{line}")),
            Display::Lines(lines) => {
                lines.printed = Some(Instant::now());
                lines.later = None;
                tell!("{line}");
            }
        }
    }
}

impl Observer for Reporter {
    fn note(&mut self, note: &str) {
        self.print(&format!("note: {note}"));
    }

    fn stage(&mut self, stage: Stage, share: Option<f64>) {
        let new = self.stage != Some((stage, share.is_some()));
        self.stage = Some((stage, share.is_some()));
        match &mut self.display {
            Display::Quiet => {}
            Display::Bar(bar) => {
                if new {
                    let style = match share {
                        Some(_) => "{msg}  {wide_bar:.blue/black.bright}  {percent} %",
                        None => "{spinner} {msg}",
                    };
                    set_style(bar, style);
                    bar.set_length(FINE);
                    bar.set_message(doing(stage));
                    match share {
                        Some(_) => bar.disable_steady_tick(),
                        None => bar.enable_steady_tick(SPIN),
                    }
                }
                bar.set_position((share.unwrap_or(0.0) * FINE as f64) as u64);
            }
            Display::Lines(lines) => match share {
                Some(share) => {
                    lines.later = None;
                    if lines.due() {
                        tell!("{}  {:.0} %", doing(stage), share * 100.0);
                    }
                }
                None if new => {
                    let say = move || tell!("{} …", doing(stage));
                    lines.later = Some(Later::new(LINE_GAP, say));
                }
                None => {}
            },
        }
    }

    fn start(&mut self, start: &Start) {
        self.unit = start.unit;
        self.stage = None;
        for note in &start.notes {
            self.note(note);
        }
        self.print(&describe(start));
        if let Display::Bar(bar) = &self.display {
            let style = "{prefix}  {wide_bar:.blue/black.bright}  {msg}  {eta} left";
            set_style(bar, style);
            bar.disable_steady_tick();
            bar.set_length(start.steps as u64);
            bar.set_position(0);
        }
    }

    fn step(&mut self, progress: &Progress) {
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

    fn epoch(&mut self, end: &EpochEnd) {
        self.print(&summarize(end, self.unit));
    }
}

impl Later {
    /// Calls `say` after a while, on a thread of its own.
    fn new(after: Duration, say: impl FnOnce() + Send + 'static) -> Later {
        let (alive, dropped) = mpsc::channel();
        std::thread::spawn(move || {
            if dropped.recv_timeout(after) == Err(mpsc::RecvTimeoutError::Timeout) {
                say();
            }
        });
        Later { _alive: alive }
    }
}

fn set_style(bar: &ProgressBar, style: &str) {
    let style = ProgressStyle::with_template(style).expect("the template is right");
    bar.set_style(style.progress_chars("━╸─"));
}

/// What is done in a stage.
fn doing(stage: Stage) -> &'static str {
    match stage {
        Stage::Reading => "reading the data",
        Stage::Learning => "learning the vocabulary",
        Stage::Encoding => "turning the data into numbers",
        Stage::Seeing => "looking at the pictures",
        Stage::Covering => "covering the picture piece by piece",
        Stage::Measuring => "measuring the model",
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
        Unit::Examples | Unit::Pictures(_) => "classes",
        Unit::Questions => "answers",
        Unit::Words | Unit::Captions => "known words",
        Unit::Characters => "known characters",
        Unit::Tokens => "known pieces",
    };
    let size = match start.unit {
        Unit::Pictures([height, width]) => format!(" at {height} x {width}"),
        _ => String::new(),
    };
    format!(
        "{} {}{size} in {} {of}; {}; {} in {}",
        parts.join(", "),
        name(start.unit),
        count(start.classes as u64),
        counted(start.parameters as u64, "parameter"),
        counted(start.steps as u64, "step"),
        counted(start.epochs as u64, "epoch"),
    )
}

/// What examples are called.
fn name(unit: Unit) -> &'static str {
    match unit {
        Unit::Examples => "examples",
        Unit::Pictures(_) => "pictures",
        Unit::Words => "words",
        Unit::Characters => "characters",
        Unit::Tokens => "tokens",
        Unit::Captions => "captions",
        Unit::Questions => "questions",
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
    let predicted = match unit {
        Unit::Words => Some("word"),
        Unit::Characters => Some("character"),
        Unit::Tokens => Some("token"),
        _ => None,
    };
    if let (Some(loss), Some(unit)) = (end.valid_loss, predicted) {
        let perplexity = perplexity(loss.exp());
        line.push_str(&format!("  perplexity {perplexity} per {unit}"));
    }
    if let Some(bits) = end.bits_per_character {
        line.push_str(&format!("  {bits:.3} bits per character"));
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
            bits_per_character: None,
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
        (end.valid_loss, end.bits_per_character) = (Some(1.0), Some(0.48));
        assert_eq!(
            summarize(&end, Unit::Tokens),
            "epoch  3/10  training loss 0.2500  validation loss 1.0000  perplexity 2.72 per token  0.480 bits per character  4.2 s"
        );
    }

    #[test]
    fn what_takes_long_is_told_later() {
        let (said, heard) = mpsc::channel();
        let later = |after, word: &'static str| {
            let said = said.clone();
            Later::new(after, move || said.send(word).expect("somebody listens"))
        };
        drop(later(Duration::from_secs(60), "dropped"));
        let kept = later(Duration::from_millis(1), "kept");
        assert_eq!(heard.recv(), Ok("kept"));
        drop(kept);
    }

    #[test]
    fn lines_keep_their_distance() {
        let mut lines = Lines::default();
        assert!(lines.due());
        assert!(!lines.due());
    }
}
