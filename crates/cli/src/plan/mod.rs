//! Flags checked against the disk and each other: what a command needs to know, and nothing doubtful.

mod import;
mod lab;
mod run;
mod show;
mod train;

use std::path::Path;

use anyhow::Result;
use unfold::tasks::TaskKind;
use unfold::tasks::align::AlignRecipe;
use unfold::tasks::caption::CaptionRecipe;
use unfold::tasks::image::ImageRecipe;
use unfold::tasks::language::LanguageRecipe;
use unfold::tasks::text::TextRecipe;
use unfold::tasks::vqa::VqaRecipe;

pub(crate) use import::Import;
pub(crate) use lab::{Filters, LabConvolution, LabFilters, LabMemory, LabPooling};
pub(crate) use run::{Eval, Input, Run, Writing};
pub(crate) use show::{Image, Language, Pictures, Show, Words};
pub(crate) use train::Training;

use crate::failure::unusable;
use crate::flags::{self, Command, Laboratory, TrainTask};

/// What to do.
#[derive(Debug)]
pub(crate) enum Plan {
    /// Train a text classifier.
    TrainText(Box<Training<TextRecipe>>),
    /// Train a language model.
    TrainLanguage(Box<Training<LanguageRecipe>>),
    /// Train an image classifier.
    TrainImage(Box<Training<ImageRecipe>>),
    /// Train a model that answers questions about pictures.
    TrainVqa(Box<Training<VqaRecipe>>),
    /// Train a captioner.
    TrainCaption(Box<Training<CaptionRecipe>>),
    /// Train a model that aligns pictures and sentences.
    TrainAlign(Box<Training<AlignRecipe>>),
    /// Measure a model.
    Eval(Eval),
    /// Answer texts.
    Run(Run),
    /// Make a model of weights from elsewhere.
    Import(Import),
    /// Draw pictures.
    Show(Show),
    /// Compare what recurrent cells remember.
    LabMemory(Box<LabMemory>),
    /// Pass filters over a picture.
    LabConvolution(LabConvolution),
    /// Move a picture under filters.
    LabPooling(LabPooling),
    /// Watch filters form.
    LabFilters(LabFilters),
    /// Measure speed.
    Bench(Bench),
    /// Print a completion script.
    Completions(clap_complete::Shell),
}

/// Measurements of speed.
#[derive(Debug)]
pub(crate) struct Bench {
    /// The names of what to measure; everything when there is none.
    pub(crate) workloads: Vec<String>,
    /// Whether to name it only.
    pub(crate) list: bool,
    pub(crate) json: bool,
}

impl Plan {
    /// Checks the flags. Nothing is written yet.
    pub(crate) fn new(command: Command) -> Result<Self> {
        Ok(match command {
            Command::Train(train) => match train.task {
                TrainTask::Text(flags) => Self::TrainText(Box::new(train::text(flags)?)),
                TrainTask::Language(flags) => {
                    Self::TrainLanguage(Box::new(train::language(flags)?))
                }
                TrainTask::Image(flags) => Self::TrainImage(Box::new(train::image(flags)?)),
                TrainTask::Vqa(flags) => Self::TrainVqa(Box::new(train::vqa(flags)?)),
                TrainTask::Align(flags) => Self::TrainAlign(Box::new(train::align(flags)?)),
                TrainTask::Caption(flags) => Self::TrainCaption(Box::new(train::caption(flags)?)),
            },
            Command::Eval(flags) => Self::Eval(Eval::new(flags)?),
            Command::Run(flags) => Self::Run(Run::new(flags)?),
            Command::Import(flags) => Self::Import(Import::new(flags)?),
            Command::Show(flags) => Self::Show(Show::new(flags)?),
            Command::Lab(flags) => match flags.laboratory {
                Laboratory::Memory(flags) => Self::LabMemory(Box::new(LabMemory::new(*flags)?)),
                Laboratory::Convolution(flags) => Self::LabConvolution(LabConvolution::new(flags)?),
                Laboratory::Filters(flags) => Self::LabFilters(LabFilters::new(flags)?),
                Laboratory::Pooling(flags) => Self::LabPooling(LabPooling::new(flags)),
            },
            Command::Bench(flags) => Self::Bench(Bench::new(flags)),
            Command::Completions { shell } => Self::Completions(shell),
        })
    }
}

impl Bench {
    fn new(flags: flags::Bench) -> Bench {
        use_kernels(&flags.kernels);
        Bench {
            workloads: flags.workloads,
            list: flags.list,
            json: flags.json,
        }
    }
}

fn use_kernels(kernels: &flags::Kernels) {
    if let Some(threads) = kernels.threads {
        unfold::set_threads(threads.into());
    }
    unfold::set_exact(kernels.exact);
}

/// Refuses flags of `command` that are given though it makes no use of them for a run of this task. Of each flag its name,
/// whether it is given, and the tasks that use it.
fn refuse_unused(command: &str, flags: &[(&str, bool, &[TaskKind])], task: TaskKind) -> Result<()> {
    let unused = flags
        .iter()
        .find(|(_, given, tasks)| *given && !tasks.contains(&task));
    match unused {
        None => Ok(()),
        Some((flag, ..)) => Err(unusable(
            format!(
                "--{flag}: `unfold {command}` makes no use of it for a run of the task `{}`",
                task.name()
            ),
            format!("leave it out; `unfold {command} --help` says what each flag is for"),
        )),
    }
}

/// The library says more about what it cannot read; a path that is not there is told before anything begins.
fn check_data(data: &str) -> Result<()> {
    // What follows a `#` selects files inside.
    let whole = data.rsplit_once('#').map(|(whole, _)| whole);
    let is_there = |path: &str| path.starts_with("builtin:") || Path::new(path).exists();
    if is_there(data) || whole.is_some_and(is_there) {
        return Ok(());
    }
    Err(unusable(
        format!("{data}: there is no such file or folder"),
        "check the path, or try the bundled builtin:spam (texts with labels), builtin:moby-dick (running text), \
         builtin:digits (pictures with labels) or builtin:scenes (pictures with captions and questions)",
    ))
}
