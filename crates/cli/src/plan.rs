//! Flags checked against the disk and each other: what a command needs to know, and nothing doubtful.

use std::path::{Path, PathBuf};

use anyhow::Result;
use unfold::ErrorKind;
use unfold::lab::filter::Filter;
use unfold::lab::forming::FormingConfig;
use unfold::lab::{Budget, LabConfig};
use unfold::tasks::image::{ImageRecipe, ModelConfig};
use unfold::tasks::language::{LanguageRecipe, Sampling};
use unfold::tasks::recipe::line_of;
use unfold::tasks::text::{Explain, TextRecipe};
use unfold::tasks::{Recipe, TaskKind, task_of};

use crate::failure::unusable;
use crate::flags::{self, Clipping, Command, Laboratory, Method, Picture, TrainTask};
use crate::run_folder;

/// What to do.
#[derive(Debug)]
pub(crate) enum Plan {
    /// Train a text classifier.
    TrainText(Box<Training<TextRecipe>>),
    /// Train a language model.
    TrainLanguage(Box<Training<LanguageRecipe>>),
    /// Train an image classifier.
    TrainImage(Box<Training<ImageRecipe>>),
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

/// A training.
#[derive(Debug)]
pub(crate) struct Training<R> {
    pub(crate) data: String,
    pub(crate) recipe: R,
    pub(crate) out: PathBuf,
    pub(crate) resume: bool,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    /// The recipe's file, if it came from one.
    pub(crate) origin: Option<PathBuf>,
}

impl<R> Training<R> {
    /// An error about the recipe, with its file and the line there.
    pub(crate) fn located(&self, error: unfold::Error) -> unfold::Error {
        let Some(path) = self
            .origin
            .as_ref()
            .filter(|_| error.kind() == ErrorKind::Recipe)
        else {
            return error;
        };
        let text = std::fs::read_to_string(path).unwrap_or_default();
        match line_of(&text, error.place()) {
            None => error,
            Some(line) => {
                let place = format!("{}, line {line}, {}", path.display(), error.place());
                unfold::Error::new(error.kind(), place, error.problem(), error.remedy())
            }
        }
    }
}

/// A measurement.
#[derive(Debug)]
pub(crate) struct Eval {
    pub(crate) run: PathBuf,
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
    pub(crate) writing: Writing,
    pub(crate) json: bool,
}

/// How a language model writes.
#[derive(Debug)]
pub(crate) struct Writing {
    pub(crate) sampling: Sampling,
    /// Words at most; as many as suit its tokens when `None`.
    pub(crate) length: Option<usize>,
    pub(crate) beam: Option<usize>,
    /// Words to stop before.
    pub(crate) stop: Vec<String>,
    /// Whether to stop at the first end of a text.
    pub(crate) one: bool,
    pub(crate) int8: bool,
    pub(crate) explain: bool,
    pub(crate) seed: u64,
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

/// Weights from elsewhere.
#[derive(Debug)]
pub(crate) struct Import {
    pub(crate) weights: PathBuf,
    pub(crate) network: ModelConfig,
    pub(crate) labels: Vec<String>,
    pub(crate) out: PathBuf,
}

/// Filters passed over a picture.
#[derive(Debug)]
pub(crate) struct LabConvolution {
    pub(crate) picture: PathBuf,
    pub(crate) filters: Vec<Filter>,
    /// An image classifier whose filters to take instead.
    pub(crate) model: Option<PathBuf>,
    /// How often to pool.
    pub(crate) pool: usize,
    /// The page's file.
    pub(crate) out: PathBuf,
}

/// A picture moved under filters.
#[derive(Debug)]
pub(crate) struct LabPooling {
    pub(crate) picture: PathBuf,
    /// By how many pixels at most.
    pub(crate) shift: usize,
    /// The page's file.
    pub(crate) out: PathBuf,
}

/// Filters as they form.
#[derive(Debug)]
pub(crate) struct LabFilters {
    pub(crate) data: String,
    pub(crate) config: FormingConfig,
    /// The page's file.
    pub(crate) out: PathBuf,
    pub(crate) quiet: bool,
}

/// The longest way to move a picture.
const MOST_SHIFT: usize = 256;

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
    /// What a language model shows.
    Language(Language),
    /// What an image classifier shows.
    Image(Image),
}

/// What to show of an image classifier.
#[derive(Debug)]
pub(crate) struct Image {
    /// Everything there is a picture or data for when `None`.
    pub(crate) picture: Option<Picture>,
    /// The picture to look at.
    pub(crate) file: Option<PathBuf>,
    pub(crate) layer: Option<String>,
    /// The class to explain; the answer when `None`.
    pub(crate) label: Option<String>,
}

/// What to show of a language model.
#[derive(Debug)]
pub(crate) struct Language {
    /// Everything there is a text or a word for when `None`.
    pub(crate) picture: Option<Picture>,
    pub(crate) text: Option<String>,
    pub(crate) word: Option<String>,
    /// From 1; the last one when `None`.
    pub(crate) layer: Option<usize>,
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
                TrainTask::Language(train) => {
                    let training =
                        training(train.data, train.training, |_: &mut LanguageRecipe| {})?;
                    Self::TrainLanguage(Box::new(training))
                }
                TrainTask::Image(train) => Self::TrainImage(Box::new(train_image(train)?)),
            },
            Command::Eval(eval) => {
                use_threads(&eval.threads);
                check_data(&eval.data)?;
                Self::Eval(Eval {
                    run: eval.run,
                    data: eval.data,
                    int8: eval.int8,
                    json: eval.json,
                })
            }
            Command::Run(mut run) => {
                use_threads(&run.threads);
                let input = match run.writing.prompt.take() {
                    Some(prompt) => Input::Prompt(prompt),
                    None if run.writing.interactive => Input::Interactive,
                    None if run.text.is_empty() => Input::Lines,
                    None => Input::Texts(run.text),
                };
                Self::Run(Run {
                    run: run.run,
                    input,
                    writing: writing(run.writing)?,
                    json: run.json,
                })
            }
            Command::Import(import) => Self::Import(plan_import(import)?),
            Command::Show(show) => Self::Show(plan_show(show)?),
            Command::Lab(lab) => match lab.laboratory {
                Laboratory::Memory(memory) => Self::LabMemory(Box::new(lab_memory(*memory)?)),
                Laboratory::Convolution(lab) => Self::LabConvolution(LabConvolution {
                    picture: lab.picture,
                    filters: given(lab.filters).unwrap_or(Filter::ALL.to_vec()),
                    model: lab.model,
                    pool: lab.pool,
                    out: page("lab-convolution", lab.out),
                }),
                Laboratory::Filters(lab) => {
                    use_threads(&lab.threads);
                    check_data(&lab.data)?;
                    Self::LabFilters(LabFilters {
                        data: lab.data,
                        config: FormingConfig {
                            filters: lab.filters.into(),
                            kernel: lab.kernel.into(),
                            steps: lab.steps,
                            seed: lab.seed,
                        },
                        out: page("lab-filters", lab.out),
                        quiet: lab.quiet,
                    })
                }
                Laboratory::Pooling(lab) => Self::LabPooling(LabPooling {
                    picture: lab.picture,
                    shift: lab.shift.clamp(1, MOST_SHIFT),
                    out: page("lab-pooling", lab.out),
                }),
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
        "check the path, or try the bundled builtin:spam (texts with labels), builtin:moby-dick (running text) or \
         builtin:digits (pictures with labels)",
    ))
}

fn train_text(flags: flags::TrainText) -> Result<Training<TextRecipe>> {
    let columns = flags.columns;
    let plan = training(flags.data, flags.training, |recipe: &mut TextRecipe| {
        recipe.data.text = columns.text_column.or(recipe.data.text.take());
        recipe.data.label = columns.label_column.or(recipe.data.label.take());
    })?;
    check_vectors(&plan.recipe)?;
    Ok(plan)
}

fn train_image(flags: flags::TrainImage) -> Result<Training<ImageRecipe>> {
    let (from, freeze) = (flags.from, flags.freeze);
    let plan = training(flags.data, flags.training, |recipe: &mut ImageRecipe| {
        recipe.parameters.from = from.or(recipe.parameters.from.take());
        if !freeze.is_empty() {
            recipe.parameters.freeze = freeze;
        }
        recipe.data.strict |= flags.strict;
    })?;
    let from = plan.recipe.parameters.from.as_ref();
    match from.filter(|path| !path.exists()) {
        None => Ok(plan),
        Some(path) => Err(unusable(
            format!("{}: there is no such model", path.display()),
            "check the path after --from, or leave it out to begin anew",
        )),
    }
}

/// A training; `adjust` is what further flags say of its recipe.
fn training<R: Recipe + Default>(
    data: String,
    flags: flags::Training,
    adjust: impl FnOnce(&mut R),
) -> Result<Training<R>> {
    use_threads(&flags.work.threads);
    check_data(&data)?;
    let task = R::TASK.name();
    let out = if flags.resume {
        run_folder::for_resume(flags.out, task, &data)?
    } else {
        run_folder::for_new(flags.out, task, &data)?
    };
    // A resumed run goes on with its own recipe unless it is told another.
    let own = Some(out.join("recipe.toml")).filter(|own| flags.resume && own.exists());
    let origin = flags.recipe.or(own);
    let mut recipe = match &origin {
        Some(path) => read_recipe(path)?,
        None => R::default(),
    };
    for setting in &flags.set {
        recipe.set(setting)?;
    }
    if let Some(seed) = flags.work.seed {
        recipe.set_seed(seed);
    }
    adjust(&mut recipe);
    let plan = Training {
        data,
        recipe,
        out,
        resume: flags.resume,
        json: flags.work.json,
        quiet: flags.work.quiet,
        origin,
    };
    plan.recipe.check().map_err(|error| plan.located(error))?;
    Ok(plan)
}

fn writing(flags: flags::Writing) -> Result<Writing> {
    let wrong = |flag: &str, value: f64, remedy: &str| {
        Err(unusable(
            format!("--{flag} {value}: makes no sense"),
            remedy,
        ))
    };
    let temperature = if flags.greedy { 0.0 } else { flags.temperature };
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
        beam: flags.beam,
        stop: flags.stop,
        one: flags.one,
        int8: flags.int8,
        explain: flags.explain,
        seed: flags.seed,
    })
}

fn check_vectors(recipe: &TextRecipe) -> Result<()> {
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

fn read_recipe<R: Recipe>(path: &Path) -> Result<R> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        unusable(
            format!("{}: cannot read the recipe: {error}", path.display()),
            "check the path after --recipe",
        )
    })?;
    Ok(R::from_toml(&text, &path.display().to_string())?)
}

fn text_pictures(show: &flags::Show, method: Explain) -> Result<Pictures> {
    let words = show.text.clone().map(|text| Words {
        text,
        method,
        label: show.label.clone(),
    });
    Ok(match (show.picture, words) {
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
        (Some(other), _) => {
            let name = flags::name(other);
            return Err(unusable(
                format!("{name}: a text classifier has no such picture"),
                "draw curves, confusion or words of this one",
            ));
        }
    })
}

fn language_pictures(show: &flags::Show) -> Result<Pictures> {
    let wanted = show.picture;
    match wanted {
        Some(Picture::Curves) => return Ok(Pictures::Curves),
        Some(
            Picture::Surprise
            | Picture::States
            | Picture::Gates
            | Picture::Gradients
            | Picture::Neighbours,
        )
        | None => {}
        Some(picture) => {
            let name = flags::name(picture);
            return Err(unusable(
                format!("{name}: a language model has no such picture"),
                "draw curves, surprise, states, gates, gradients or neighbours of this one",
            ));
        }
    }
    match wanted {
        Some(Picture::Neighbours) if show.word.is_none() => {
            let remedy = "add one with --word '…'";
            return Err(unusable(
                "neighbours: there is no word to start from",
                remedy,
            ));
        }
        Some(picture) if show.text.is_none() && picture != Picture::Neighbours => {
            let name = flags::name(picture);
            let problem = format!("{name}: there is no text to read");
            return Err(unusable(problem, "add one with --text '…'"));
        }
        _ => {}
    }
    Ok(Pictures::Language(Language {
        picture: wanted,
        text: show.text.clone(),
        word: show.word.clone(),
        layer: show.layer.as_deref().map(number).transpose()?,
    }))
}

/// A recurrent layer's number.
fn number(layer: &str) -> Result<usize> {
    layer.parse().map_err(|_| {
        unusable(
            format!("--layer {layer}: is no number"),
            "recurrent layers are counted from 1",
        )
    })
}

fn image_pictures(show: &flags::Show) -> Result<Pictures> {
    let wanted = |remedy: &str| {
        let name = show.picture.map_or(String::new(), flags::name);
        Err(unusable(
            format!("{name}: there is nothing to look at"),
            remedy,
        ))
    };
    match show.picture {
        Some(Picture::Curves) => return Ok(Pictures::Curves),
        Some(Picture::Confusion) => return Ok(Pictures::Confusion),
        Some(Picture::Summary | Picture::Filters) | None => {}
        Some(Picture::Maps | Picture::Saliency | Picture::Gradcam | Picture::Occlusion) => {
            if show.file.is_none() {
                return wanted("name a picture with --picture FILE");
            }
        }
        Some(Picture::Mistakes) => {
            if show.data.is_none() {
                return wanted("name labelled pictures with --data DATA");
            }
        }
        Some(other) => {
            let name = flags::name(other);
            return Err(unusable(
                format!("{name}: an image classifier has no such picture"),
                "draw curves, confusion, summary, filters, maps, saliency, gradcam, occlusion or mistakes of this one",
            ));
        }
    }
    Ok(Pictures::Image(Image {
        picture: show.picture,
        file: show.file.clone(),
        layer: show.layer.clone(),
        label: show.label.clone(),
    }))
}

fn lab_memory(flags: flags::LabMemory) -> Result<LabMemory> {
    use_threads(&flags.work.threads);
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
        seed: flags.work.seed.unwrap_or(start.seed),
    };
    config.check()?;
    Ok(LabMemory {
        config,
        out: page("lab-memory", flags.out),
        json: flags.work.json,
        quiet: flags.work.quiet,
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
fn page(name: &str, asked: Option<PathBuf>) -> PathBuf {
    match asked {
        Some(path) if path.is_dir() || path.extension().is_none() => {
            path.join(format!("{name}.html"))
        }
        Some(path) => path,
        None => {
            let numbered = (2..).map(|n| format!("{name}-{n}.html"));
            let mut names = std::iter::once(format!("{name}.html")).chain(numbered);
            let free = names.find(|name| !Path::new(name).exists());
            free.expect("there is always another number").into()
        }
    }
}

fn plan_import(flags: flags::Import) -> Result<Import> {
    let mut recipe = ImageRecipe::default();
    recipe
        .set(&format!("model.kind={}", flags.network))
        .map_err(|_| {
            unusable(
                format!("--network {}: is not known", flags.network),
                "choose resnet18, resnet34, resnet50, mobilenet-v2 or efficientnet-lite0",
            )
        })?;
    let labels = match &flags.labels {
        None => (0..flags.classes).map(|class| class.to_string()).collect(),
        Some(path) => {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| unfold::Error::io(path, "read", &error))?;
            text.lines().map(|line| line.trim().to_owned()).collect()
        }
    };
    Ok(Import {
        weights: flags.weights,
        network: recipe.model,
        labels,
        out: flags.out,
    })
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
    if !show.run.exists() {
        return Err(unusable(
            format!("{}: there is no such run or model", show.run.display()),
            "name the folder that `unfold train` printed",
        ));
    }
    let pictures = match task_of(&show.run) {
        Ok(TaskKind::Language) => language_pictures(&show)?,
        Ok(TaskKind::Image) => image_pictures(&show)?,
        // A run that is not finished has no model yet; its curves can be drawn.
        Ok(TaskKind::Text) | Err(_) => text_pictures(&show, method)?,
    };
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
