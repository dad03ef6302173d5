//! How far a laboratory is, on standard error.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use unfold::lab::{LabObserver, LabProgress, LabResults, Run, RunEnd};

use super::save_for_now;
use crate::interrupt::Interrupt;
use crate::plan::LabMemory;
use crate::progress::Lines;
use crate::tell::tell;
use crate::wording::duration;

/// Tells the user about each training, keeps the page up to date, and listens for Ctrl-C.
pub(super) struct Watch {
    interrupt: Interrupt,
    page: PathBuf,
    teller: Teller,
    began: Instant,
}

enum Teller {
    Bar(ProgressBar),
    Lines(Lines),
    Quiet,
}

/// Places of the bar for each training.
const FINE: u64 = 1000;

impl Watch {
    pub(super) fn new(plan: &LabMemory, interrupt: Interrupt) -> Watch {
        let teller = if plan.quiet {
            Teller::Quiet
        } else if std::io::stderr().is_terminal() {
            let style = "{prefix}  {wide_bar:.blue/black.bright}  {msg}";
            let style = ProgressStyle::with_template(style).expect("the template is right");
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(style.progress_chars("━╸─"));
            Teller::Bar(bar)
        } else {
            Teller::Lines(Lines::default())
        };
        Watch {
            interrupt,
            page: plan.out.clone(),
            teller,
            began: Instant::now(),
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(&self) {
        if let Teller::Bar(bar) = &self.teller {
            bar.finish_and_clear();
        }
    }
}

impl LabObserver for Watch {
    fn step(&mut self, progress: &LabProgress) {
        self.interrupt.training_began();
        let LabProgress {
            run,
            runs,
            step,
            share,
            loss,
            ..
        } = progress;
        match &mut self.teller {
            Teller::Quiet => {}
            Teller::Bar(bar) => {
                bar.set_length(*runs as u64 * FINE);
                bar.set_position((*run as u64 - 1) * FINE + (share * FINE as f64) as u64);
                bar.set_prefix(format!("{run}/{runs}"));
                bar.set_message(format!("{}  step {step}  loss {loss:.4}", name(progress)));
            }
            Teller::Lines(lines) => {
                if lines.due() {
                    let percent = share * 100.0;
                    tell!(
                        "{run}/{runs}  {}  {percent:.0} %  loss {loss:.4}",
                        name(progress)
                    );
                }
            }
        }
    }

    fn trained(&mut self, progress: &LabProgress, run: &Run) {
        let scores: Vec<String> = run
            .scores
            .iter()
            .map(|s| format!("{:.1}", s * 100.0))
            .collect();
        let end = match run.end {
            RunEnd::Solved => "solved",
            RunEnd::Spent => "ended",
            RunEnd::Diverged => "diverged",
        };
        let line = format!(
            "{}/{}  {}  {end} after {} steps, {}  accuracy {} %  ({} in all)",
            progress.run,
            progress.runs,
            name(progress),
            run.steps,
            duration(run.seconds),
            scores.join(" "),
            duration(self.began.elapsed().as_secs_f64()),
        );
        match &self.teller {
            Teller::Quiet => {}
            Teller::Bar(bar) => bar.suspend(|| tell!("{line}")),
            Teller::Lines(_) => tell!("{line}"),
        }
    }

    fn results(&mut self, results: &LabResults) {
        save_for_now(&self.page, results);
    }

    fn stop(&self) -> bool {
        self.interrupt.asked()
    }
}

fn name(progress: &LabProgress) -> String {
    let clipping = match progress.clip_norm {
        Some(_) => "clipped",
        None => "not clipped",
    };
    format!(
        "{}  {}  {clipping}",
        progress.task.name(),
        progress.cell.name()
    )
}
