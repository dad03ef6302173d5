//! Flags checked against the disk and each other: what a command needs to know, and nothing doubtful.

use std::path::{Path, PathBuf};

use anyhow::Result;
use unfold::lab::{Budget, LabConfig};
use unfold::tasks::Recipe;
use unfold::tasks::text::Explain;

use crate::failure::unusable;
use crate::flags::{self, Clipping, Command, Laboratory, Method, Picture, TrainTask};
use crate::run_folder;

/// What to do.
#[derive(Debug)]
pub(crate) enum Plan {
    /// Train a text classifier.
    TrainText(Box<TrainText>),
    /// Measure a model.
    Eval(Eval),
    /// Answer texts.
    Run(Run),
    /// Draw pictures.
    Show(Show),
    /// Compare what recurrent cells remember.
    LabMemory(Box<LabMemory>),
    /// Measure speed.
    Bench(Bench),
    /// Print a completion script.
    Completions(clap_complete::Shell),
}

/// A training of a text classifier.
#[derive(Debug)]
pub(crate) struct TrainText {
    pub(crate) data: String,
    pub(crate) recipe: Recipe,
    pub(crate) out: PathBuf,
    pub(crate) resume: bool,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
}

/// A measurement.
#[derive(Debug)]
pub(crate) struct Eval {
    pub(crate) run: PathBuf,
    pub(crate) data: String,
    pub(crate) json: bool,
}

/// Where the texts to answer come from.
#[derive(Debug)]
pub(crate) enum Input {
    /// The command line.
    Texts(Vec<String>),
    /// Standard input, a text a line.
    Lines,
}

/// Answers.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) run: PathBuf,
    pub(crate) input: Input,
    pub(crate) json: bool,
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

/// A comparison of what recurrent cells remember.
#[derive(Debug)]
pub(crate) struct LabMemory {
    pub(crate) config: LabConfig,
    /// The page's file.
    pub(crate) out: PathBuf,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
}

/// Pictures.
#[derive(Debug)]
pub(crate) struct Show {
    pub(crate) run: PathBuf,
    pub(crate) pictures: Pictures,
    pub(crate) out: PathBuf,
    /// Where the confusion matrix is counted; the run's own test split when `None`.
    pub(crate) data: Option<String>,
}

/// Which pictures.
#[derive(Debug)]
pub(crate) enum Pictures {
    /// Those that the run has something to draw for, and the words of a text if there is one.
    All(Option<Words>),
    /// Loss and accuracy.
    Curves,
    /// The confusion matrix.
    Confusion,
    /// The words that decided.
    Words(Words),
}

/// A text to explain.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) text: String,
    pub(crate) method: Explain,
    /// The class to explain; the answer when `None`.
    pub(crate) label: Option<String>,
}

impl Plan {
    /// Checks the flags. Nothing is written yet.
    pub(crate) fn new(command: Command) -> Result<Self> {
        Ok(match command {
            Command::Train(train) => match train.task {
                TrainTask::Text(train) => Self::TrainText(Box::new(train_text(train)?)),
            },
            Command::Eval(eval) => {
                use_threads(&eval.threads);
                check_data(&eval.data)?;
                Self::Eval(Eval {
                    run: eval.run,
                    data: eval.data,
                    json: eval.json,
                })
            }
            Command::Run(run) => {
                use_threads(&run.threads);
                let input = if run.text.is_empty() {
                    Input::Lines
                } else {
                    Input::Texts(run.text)
                };
                Self::Run(Run {
                    run: run.run,
                    input,
                    json: run.json,
                })
            }
            Command::Show(show) => Self::Show(plan_show(show)?),
            Command::Lab(lab) => match lab.laboratory {
                Laboratory::Memory(memory) => Self::LabMemory(Box::new(lab_memory(*memory)?)),
            },
            Command::Bench(bench) => {
                use_threads(&bench.threads);
                unfold::set_exact(bench.exact);
                Self::Bench(Bench {
                    workloads: bench.workloads,
                    list: bench.list,
                    json: bench.json,
                })
            }
            Command::Completions { shell } => Self::Completions(shell),
        })
    }
}

fn use_threads(threads: &flags::Threads) {
    if let Some(threads) = threads.threads {
        unfold::set_threads(threads.into());
    }
}

/// The library says more about what it cannot read; a path that is not there is told before anything begins.
fn check_data(data: &str) -> Result<()> {
    if data.starts_with("builtin:") || Path::new(data).exists() {
        return Ok(());
    }
    Err(unusable(
        format!("{data}: there is no such file or folder"),
        "check the path, or try the bundled builtin:spam",
    ))
}

fn train_text(flags: flags::TrainText) -> Result<TrainText> {
    use_threads(&flags.threads);
    check_data(&flags.data)?;
    let out = if flags.resume {
        run_folder::for_resume(flags.out, "text", &flags.data)?
    } else {
        run_folder::for_new(flags.out, "text", &flags.data)?
    };
    // A resumed run goes on with its own recipe unless it is told another.
    let own = Some(out.join("recipe.toml")).filter(|own| flags.resume && own.exists());
    let mut recipe = match flags.recipe.or(own) {
        Some(path) => read_recipe(&path)?,
        None => Recipe::default_text(),
    };
    for setting in &flags.set {
        recipe.set(setting)?;
    }
    recipe.seed = flags.seed.unwrap_or(recipe.seed);
    recipe.data.text = flags.columns.text_column.or(recipe.data.text);
    recipe.data.label = flags.columns.label_column.or(recipe.data.label);
    recipe.check()?;
    check_vectors(&recipe)?;
    Ok(TrainText {
        data: flags.data,
        recipe,
        out,
        resume: flags.resume,
        json: flags.json,
        quiet: flags.quiet,
    })
}

fn check_vectors(recipe: &Recipe) -> Result<()> {
    let vectors = recipe
        .model
        .embedding()
        .and_then(|embedding| embedding.vectors.as_ref());
    match vectors.filter(|path| !path.exists()) {
        None => Ok(()),
        Some(path) => Err(unusable(
            format!("{}: there is no such file of word vectors", path.display()),
            "mend model.embedding.vectors, or leave it out to learn the vectors",
        )),
    }
}

fn read_recipe(path: &Path) -> Result<Recipe> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        unusable(
            format!("{}: cannot read the recipe: {error}", path.display()),
            "check the path after --recipe",
        )
    })?;
    Ok(Recipe::from_toml(&text, &path.display().to_string())?)
}

fn lab_memory(flags: flags::LabMemory) -> Result<LabMemory> {
    use_threads(&flags.threads);
    let start = if flags.quick {
        LabConfig::quick()
    } else {
        LabConfig::default()
    };
    let steps = flags.steps.map(Budget::Steps);
    let clipped = Some(flags.clip_norm);
    let config = LabConfig {
        tasks: given(flags.tasks).unwrap_or(start.tasks),
        cells: given(flags.cells).unwrap_or(start.cells),
        distances: given(flags.distances).map_or(start.distances, sorted),
        pixels: given(flags.pixels).map_or(start.pixels, sorted),
        mnist: flags.mnist,
        clip_norms: match flags.clipping {
            Clipping::Both => vec![clipped, None],
            Clipping::On => vec![clipped],
            Clipping::Off => vec![None],
        },
        budget: flags
            .seconds
            .map(Budget::Seconds)
            .or(steps)
            .unwrap_or(start.budget),
        hidden_size: flags.hidden_size.unwrap_or(start.hidden_size),
        batch_size: flags.batch_size.unwrap_or(start.batch_size),
        learning_rate: flags.learning_rate.unwrap_or(start.learning_rate),
        test_size: flags.test_size.unwrap_or(start.test_size),
        seed: flags.seed.unwrap_or(start.seed),
    };
    config.check()?;
    Ok(LabMemory {
        config,
        out: page(flags.out),
        json: flags.json,
        quiet: flags.quiet,
    })
}

/// What was given, if anything was.
fn given<T>(values: Vec<T>) -> Option<Vec<T>> {
    Some(values).filter(|values| !values.is_empty())
}

fn sorted(mut values: Vec<usize>) -> Vec<usize> {
    values.sort_unstable();
    values.dedup();
    values
}

/// The file of a laboratory's page: the one asked for, or one that is not there yet.
fn page(asked: Option<PathBuf>) -> PathBuf {
    const NAME: &str = "lab-memory";
    match asked {
        Some(path) if path.is_dir() || path.extension().is_none() => {
            path.join(format!("{NAME}.html"))
        }
        Some(path) => path,
        None => {
            let numbered = (2..).map(|n| format!("{NAME}-{n}.html"));
            let mut names = std::iter::once(format!("{NAME}.html")).chain(numbered);
            let free = names.find(|name| !Path::new(name).exists());
            free.expect("there is always another number").into()
        }
    }
}

fn plan_show(show: flags::Show) -> Result<Show> {
    use_threads(&show.threads);
    if let Some(data) = &show.data {
        check_data(data)?;
    }
    let method = match show.method {
        Method::Gradient => Explain::Gradient,
        Method::Occlusion => Explain::Occlusion,
    };
    let words = show.text.map(|text| Words {
        text,
        method,
        label: show.label,
    });
    let pictures = match (show.picture, words) {
        (None, words) => Pictures::All(words),
        (Some(Picture::Curves), _) => Pictures::Curves,
        (Some(Picture::Confusion), _) => Pictures::Confusion,
        (Some(Picture::Words), Some(words)) => Pictures::Words(words),
        (Some(Picture::Words), None) => {
            return Err(unusable(
                "words: there is no text to colour",
                "add one with --text '…'",
            ));
        }
    };
    if !show.run.exists() {
        return Err(unusable(
            format!("{}: there is no such run or model", show.run.display()),
            "name the folder that `unfold train` printed",
        ));
    }
    let folder = if show.run.is_dir() {
        show.run.as_path()
    } else {
        show.run.parent().unwrap_or(Path::new(""))
    };
    let out = show.out.unwrap_or_else(|| folder.join("pictures"));
    Ok(Show {
        run: show.run,
        pictures,
        out,
        data: show.data,
    })
}
