//! Measurements and answers.

use std::path::PathBuf;

use anyhow::Result;
use unfold::tasks::language::Sampling;

use super::{check_data, use_threads};
use crate::failure::unusable;
use crate::flags;

/// The temperature unless told otherwise.
const USUAL_TEMPERATURE: f64 = 0.8;

/// A measurement.
#[derive(Debug)]
pub(crate) struct Eval {
    pub(crate) run: PathBuf,
    /// Whether `run` holds predictions and no model.
    pub(crate) predictions: bool,
    pub(crate) data: String,
    pub(crate) int8: bool,
    pub(crate) json: bool,
}

/// Where the texts to answer come from.
#[derive(Debug)]
pub(crate) enum Input {
    /// The command line.
    Texts(Vec<String>),
    /// Standard input, a text a line.
    Lines,
    /// A language model goes on with a prompt.
    Prompt(String),
    /// A language model goes on with what is typed.
    Interactive,
}

/// Answers.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) run: PathBuf,
    pub(crate) input: Input,
    /// Where an alignment model finds.
    pub(crate) among: Option<String>,
    /// As many as fit best are told.
    pub(crate) top: usize,
    pub(crate) writing: Writing,
    pub(crate) json: bool,
}

/// How a language model writes.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) sampling: Sampling,
    /// Words at most; as many as suit its tokens when `None`.
    pub(crate) length: Option<usize>,
    /// Whether a caption's words are drawn, and not searched for.
    pub(crate) drawn: bool,
    /// The power of a caption's length that ln of its probability is divided by; the model's own when `None`.
    pub(crate) length_power: Option<f64>,
    pub(crate) beam: Option<usize>,
    /// Words to stop before.
    pub(crate) stop: Vec<String>,
    /// Whether to stop at the first end of a text.
    pub(crate) one: bool,
    pub(crate) int8: bool,
    pub(crate) explain: bool,
    pub(crate) seed: u64,
}

impl Eval {
    pub(super) fn new(flags: flags::Eval) -> Result<Eval> {
        use_threads(&flags.threads);
        check_data(&flags.data)?;
        let ending = flags.run.extension().and_then(|ending| ending.to_str());
        let predictions = matches!(ending, Some("json" | "jsonl" | "csv" | "tsv"));
        if predictions && flags.int8 {
            let problem = "--int8: predictions have no weights to be rounded";
            return Err(unusable(problem, "leave it out"));
        }
        Ok(Eval {
            run: flags.run,
            predictions,
            data: flags.data,
            int8: flags.int8,
            json: flags.json,
        })
    }
}

impl Run {
    pub(super) fn new(mut flags: flags::Run) -> Result<Run> {
        use_threads(&flags.threads);
        let input = match flags.writing.prompt.take() {
            Some(prompt) => Input::Prompt(prompt),
            None if flags.writing.interactive => Input::Interactive,
            None if flags.text.is_empty() => Input::Lines,
            None => Input::Texts(flags.text),
        };
        let flags::Finding { among, top } = flags.finding;
        among.as_deref().map_or(Ok(()), check_data)?;
        Ok(Run {
            run: flags.run,
            input,
            among,
            top,
            writing: Writing::new(flags.writing)?,
            json: flags.json,
        })
    }
}

impl Writing {
    fn new(flags: flags::Writing) -> Result<Writing> {
        let wrong = |flag: &str, value: f64, remedy: &str| {
            Err(unusable(
                format!("--{flag} {value}: makes no sense"),
                remedy,
            ))
        };
        let temperature = match flags.greedy {
            true => 0.0,
            false => flags.temperature.unwrap_or(USUAL_TEMPERATURE),
        };
        if !(0.0..=100.0).contains(&temperature) {
            return wrong("temperature", temperature, "choose a number from 0 to 100");
        }
        for (flag, share) in [("top-p", flags.top_p), ("typical", flags.typical)] {
            if !(share > 0.0 && share <= 1.0) {
                return wrong(flag, share, "choose a share above 0 and up to 1");
            }
        }
        if !(flags.repetition_penalty > 0.0 && flags.repetition_penalty.is_finite()) {
            let remedy = "choose a number above 0, such as 1.2";
            return wrong("repetition-penalty", flags.repetition_penalty, remedy);
        }
        if let Some(width) = flags.beam.filter(|width| !(1..=1000).contains(width)) {
            return wrong("beam", width as f64, "choose a whole number in 1..=1000");
        }
        Ok(Writing {
            sampling: Sampling {
                temperature,
                top_k: flags.top_k,
                top_p: flags.top_p,
                typical: flags.typical,
                repetition_penalty: flags.repetition_penalty,
            },
            length: flags.length,
            drawn: flags.greedy || flags.temperature.is_some(),
            length_power: flags.length_power,
            beam: flags.beam,
            stop: flags.stop,
            one: flags.one,
            int8: flags.int8,
            explain: flags.explain,
            seed: flags.seed,
        })
    }
}
