//! Measurements and answers.

use std::path::PathBuf;

use anyhow::Result;
use unfold::tasks::caption::{AnswerConfig, CaptionModel};
use unfold::tasks::language::Sampling;
use unfold::tasks::{TaskKind, task_of};

use super::{check_data, refuse_unused, use_kernels};
use crate::failure::unusable;
use crate::flags;

/// The temperature unless told otherwise.
const USUAL_TEMPERATURE: f64 = 0.8;
/// As many findings are told unless told otherwise.
const USUAL_TOP: usize = 5;

/// A measurement.
#[derive(Debug)]
pub(crate) struct Eval {
    pub(crate) run: PathBuf,
    /// What the model is for; `None` where `run` holds predictions.
    pub(crate) task: Option<TaskKind>,
    pub(crate) data: String,
    pub(crate) int8: bool,
    /// The rate at which a language model learns from what it is measured on.
    pub(crate) dynamic: Option<f64>,
    pub(crate) search: Search,
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
    /// What the model is for.
    pub(crate) task: TaskKind,
    pub(crate) input: Input,
    /// Where something is looked for.
    pub(crate) among: Option<String>,
    /// As many as fit best are told.
    pub(crate) top: usize,
    pub(crate) writing: Writing,
    pub(crate) json: bool,
}

/// How the likeliest texts are looked for; what is `None` is as the model has it.
#[derive(Debug)]
pub(crate) struct Search {
    pub(crate) beam: Option<usize>,
    /// The power of a caption's length that ln of its probability is divided by.
    length_power: Option<f64>,
}

/// How a language model or a captioner writes.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) sampling: Sampling,
    /// Words at most; as many as suit its tokens when `None`.
    pub(crate) length: Option<usize>,
    /// Whether a caption's words are drawn, and not searched for.
    pub(crate) drawn: bool,
    pub(crate) search: Search,
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
        use_kernels(&flags.kernels);
        check_data(&flags.data)?;
        let search = Search::new(flags.beam, flags.length_power)?;
        if let Some(rate) = flags
            .dynamic
            .filter(|&rate| !(rate > 0.0 && rate.is_finite()))
        {
            return Err(unusable(
                format!("--dynamic {rate}: makes no sense"),
                "choose a number above 0, such as 0.0003",
            ));
        }
        let ending = flags.run.extension().and_then(|ending| ending.to_str());
        // A run's folder may be called anything.
        let predictions = !flags.run.join("model.safetensors").exists()
            && matches!(ending, Some("json" | "jsonl" | "csv" | "tsv"));
        let task = match predictions {
            true => None,
            false => Some(task_of(&flags.run)?),
        };
        let unusual = [
            ("int8", flags.int8, &[TaskKind::Language][..]),
            ("dynamic", flags.dynamic.is_some(), &[TaskKind::Language]),
            ("beam", flags.beam.is_some(), &[TaskKind::Caption]),
            (
                "length-power",
                flags.length_power.is_some(),
                &[TaskKind::Caption],
            ),
        ];
        match task {
            Some(task) => refuse_unused("eval", &unusual, task)?,
            None => {
                if let Some((flag, ..)) = unusual.iter().find(|(_, given, _)| *given) {
                    let problem =
                        format!("--{flag}: predictions come as they are, without a model");
                    return Err(unusable(problem, "leave it out"));
                }
            }
        }
        Ok(Eval {
            run: flags.run,
            task,
            data: flags.data,
            int8: flags.int8,
            dynamic: flags.dynamic,
            search,
            json: flags.json,
        })
    }
}

impl Run {
    pub(super) fn new(mut flags: flags::Run) -> Result<Run> {
        use_kernels(&flags.kernels);
        let task = task_of(&flags.run)?;
        check_flags(&flags, task)?;
        let input = match flags.going_on.prompt.take() {
            Some(prompt) => Input::Prompt(prompt),
            None if flags.going_on.interactive => Input::Interactive,
            None if flags.text.is_empty() => Input::Lines,
            None => Input::Texts(flags.text),
        };
        let flags::Finding { among, top } = flags.finding;
        among.as_deref().map_or(Ok(()), check_data)?;
        if let Some(top) = top.filter(|_| among.is_none()) {
            let problem = format!("--top {top}: nothing is looked for");
            return Err(unusable(problem, "say where to look with --among DATA"));
        }
        if top == Some(0) {
            return Err(unusable(
                "--top 0: asks for nothing",
                "choose a whole number from 1",
            ));
        }
        Ok(Run {
            run: flags.run,
            task,
            input,
            among,
            top: top.unwrap_or(USUAL_TOP),
            writing: Writing::new(flags.going_on, flags.choosing)?,
            json: flags.json,
        })
    }
}

/// Refuses flags that a run of this task makes no use of. What a prompt is for, and what is answered in place of it, is told
/// by the command.
fn check_flags(flags: &flags::Run, task: TaskKind) -> Result<()> {
    use TaskKind::{Align, Caption, Language, Vqa};
    let flags::Run {
        finding,
        going_on,
        choosing,
        ..
    } = flags;
    let language: &[TaskKind] = &[Language];
    let writers: &[TaskKind] = &[Language, Caption];
    let flags: [(&str, bool, &[TaskKind]); 16] = [
        ("among", finding.among.is_some(), &[Vqa, Align]),
        ("top", finding.top.is_some(), &[Vqa, Align]),
        ("length", going_on.length.is_some(), language),
        ("stop", !going_on.stop.is_empty(), language),
        ("one", going_on.one, language),
        ("int8", going_on.int8, language),
        ("explain", going_on.explain, language),
        ("temperature", choosing.temperature.is_some(), writers),
        ("greedy", choosing.greedy, writers),
        ("top-k", choosing.top_k.is_some(), writers),
        ("top-p", choosing.top_p.is_some(), writers),
        ("typical", choosing.typical.is_some(), writers),
        (
            "repetition-penalty",
            choosing.repetition_penalty.is_some(),
            writers,
        ),
        ("seed", choosing.seed.is_some(), writers),
        ("beam", choosing.beam.is_some(), writers),
        ("length-power", choosing.length_power.is_some(), &[Caption]),
    ];
    refuse_unused("run", &flags, task)
}

impl Search {
    fn new(beam: Option<usize>, length_power: Option<f64>) -> Result<Search> {
        if let Some(width) = beam.filter(|width| !(1..=1000).contains(width)) {
            return Err(unusable(
                format!("--beam {width}: makes no sense"),
                "choose a whole number in 1..=1000",
            ));
        }
        if let Some(power) = length_power.filter(|power| !power.is_finite()) {
            return Err(unusable(
                format!("--length-power {power}: makes no sense"),
                "choose a number such as 0.7",
            ));
        }
        Ok(Search { beam, length_power })
    }

    /// The search for captions of this model.
    pub(crate) fn of(&self, model: &CaptionModel) -> AnswerConfig {
        let own = model.answer();
        AnswerConfig {
            beam: self.beam.unwrap_or(own.beam),
            length_power: self.length_power.unwrap_or(own.length_power),
        }
    }
}

impl Writing {
    fn new(going_on: flags::GoingOn, choosing: flags::Choosing) -> Result<Writing> {
        let wrong = |flag: &str, value: f64, remedy: &str| {
            Err(unusable(
                format!("--{flag} {value}: makes no sense"),
                remedy,
            ))
        };
        let flags::Choosing {
            temperature,
            greedy,
            top_k,
            top_p,
            typical,
            repetition_penalty,
            seed,
            beam,
            length_power,
        } = choosing;
        let drawn = temperature.is_some()
            || greedy
            || top_k.is_some()
            || top_p.is_some()
            || typical.is_some()
            || repetition_penalty.is_some()
            || seed.is_some();
        let choosers = [
            ("top-k", top_k.is_some()),
            ("top-p", top_p.is_some()),
            ("typical", typical.is_some()),
            ("seed", seed.is_some()),
        ];
        if let (Some(0.0), Some((flag, _))) =
            (temperature, choosers.iter().find(|(_, given)| *given))
        {
            let problem = format!("--{flag}: --temperature 0 always takes the likeliest word");
            return Err(unusable(problem, "leave one of the two out"));
        }
        let sampling = Sampling {
            temperature: match greedy {
                true => 0.0,
                false => temperature.unwrap_or(USUAL_TEMPERATURE),
            },
            top_k: top_k.unwrap_or(0),
            top_p: top_p.unwrap_or(1.0),
            typical: typical.unwrap_or(1.0),
            repetition_penalty: repetition_penalty.unwrap_or(1.0),
        };
        if !(0.0..=100.0).contains(&sampling.temperature) {
            let remedy = "choose a number from 0 to 100";
            return wrong("temperature", sampling.temperature, remedy);
        }
        for (flag, share) in [("top-p", sampling.top_p), ("typical", sampling.typical)] {
            if !(share > 0.0 && share <= 1.0) {
                return wrong(flag, share, "choose a share above 0 and up to 1");
            }
        }
        let penalty = sampling.repetition_penalty;
        if !(penalty > 0.0 && penalty.is_finite()) {
            let remedy = "choose a number above 0, such as 1.2";
            return wrong("repetition-penalty", penalty, remedy);
        }
        let search = Search::new(beam, length_power)?;
        Ok(Writing {
            sampling,
            length: going_on.length,
            drawn,
            search,
            stop: going_on.stop,
            one: going_on.one,
            int8: going_on.int8,
            explain: going_on.explain,
            seed: seed.unwrap_or(1),
        })
    }
}
