//! Pictures.

use std::path::{Path, PathBuf};

use anyhow::Result;
use unfold::tasks::text::Explain;
use unfold::tasks::{TaskKind, task_of};

use super::{check_data, refuse_unused, use_kernels};
use crate::failure::unusable;
use crate::flags::{self, Method, Picture};

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
    /// A picture with its captions.
    Caption(PathBuf),
    /// The answers to a question, about a picture where the model looks.
    Answer(Option<PathBuf>, String),
    /// A sentence beside the places of a picture, and how much it counts that words beside each other are about one.
    Alignment(PathBuf, String, Option<f64>),
    /// The curves, and one of the last three if there is a picture.
    Seen(Option<Box<Pictures>>),
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

impl Show {
    pub(super) fn new(show: flags::Show) -> Result<Show> {
        use_kernels(&show.kernels);
        if let Some(data) = &show.data {
            check_data(data)?;
        }
        let method = match show.method {
            Some(Method::Gradient) | None => Explain::Gradient,
            Some(Method::Occlusion) => Explain::Occlusion,
        };
        if !show.run.exists() {
            return Err(unusable(
                format!("{}: there is no such run or model", show.run.display()),
                "name the folder that `unfold train` printed",
            ));
        }
        let task = match task_of(&show.run) {
            Err(error) if needs_model(&show) => return Err(error.into()),
            task => task.ok(),
        };
        let pictures = match task {
            Some(TaskKind::Language) => language_pictures(&show)?,
            Some(TaskKind::Image) => image_pictures(&show)?,
            Some(TaskKind::Caption) => caption_pictures(&show)?,
            Some(TaskKind::Vqa) => answer_pictures(&show)?,
            Some(TaskKind::Align) => alignment_pictures(&show)?,
            // A run that is not finished has no model yet; its curves can be drawn.
            Some(TaskKind::Text) | None => text_pictures(&show, method)?,
        };
        if let Some(task) = task {
            check_flags(&show, task)?;
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
}

/// Refuses flags that nothing of a run of this task is drawn by.
fn check_flags(show: &flags::Show, task: TaskKind) -> Result<()> {
    use TaskKind::{Align, Caption, Image, Language, Text, Vqa};
    let flags: [(&str, bool, &[TaskKind]); 8] = [
        ("text", show.text.is_some(), &[Text, Language, Vqa, Align]),
        ("method", show.method.is_some(), &[Text]),
        ("label", show.label.is_some(), &[Text, Image]),
        ("word", show.word.is_some(), &[Language]),
        ("layer", show.layer.is_some(), &[Language, Image]),
        (
            "picture",
            show.file.is_some(),
            &[Image, Caption, Vqa, Align],
        ),
        ("smoothing", show.smoothing.is_some(), &[Align]),
        ("data", show.data.is_some(), &[Text, Image]),
    ];
    refuse_unused("show", &flags, task)?;
    check_alone(show, task)
}

/// Whether pictures are asked for that take a model.
fn needs_model(show: &flags::Show) -> bool {
    let said = [&show.text, &show.label, &show.word, &show.layer, &show.data];
    let without = matches!(
        show.picture,
        None | Some(Picture::Curves | Picture::Confusion)
    );
    !without
        || said.into_iter().any(Option::is_some)
        || show.method.is_some()
        || show.file.is_some()
        || show.smoothing.is_some()
}

/// Refuses what says more of a picture or a text that is not there.
fn check_alone(show: &flags::Show, task: TaskKind) -> Result<()> {
    let (given, what) = match task {
        TaskKind::Image => (show.file.is_some(), "--picture FILE"),
        _ => (show.text.is_some(), "--text '…'"),
    };
    let layer = show.layer.is_some() && task == TaskKind::Language;
    let flags = [
        ("label", show.label.is_some()),
        ("method", show.method.is_some()),
        ("layer", layer),
    ];
    match flags.into_iter().find(|(_, given)| *given) {
        Some((flag, _)) if !given => {
            let problem = format!("--{flag}: there is nothing that it is about");
            Err(unusable(problem, format!("add it with {what}")))
        }
        _ => Ok(()),
    }
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

fn caption_pictures(show: &flags::Show) -> Result<Pictures> {
    match (show.picture, &show.file) {
        (Some(Picture::Curves), _) => Ok(Pictures::Curves),
        (None, file) => {
            let caption = file.clone().map(|file| Box::new(Pictures::Caption(file)));
            Ok(Pictures::Seen(caption))
        }
        (Some(Picture::Caption), Some(file)) => Ok(Pictures::Caption(file.clone())),
        (Some(Picture::Caption), None) => Err(unusable(
            "caption: there is nothing to look at",
            "name a picture with --picture FILE",
        )),
        (Some(other), _) => Err(unusable(
            format!("{}: a captioner has no such picture", flags::name(other)),
            "draw curves or caption of this one",
        )),
    }
}

fn answer_pictures(show: &flags::Show) -> Result<Pictures> {
    let answer = match (&show.file, &show.text) {
        (Some(file), None) => {
            let problem = format!("--picture {}: there is no question", file.display());
            return Err(unusable(problem, "ask with --text '…'"));
        }
        (file, Some(question)) => Some(Pictures::Answer(file.clone(), question.clone())),
        (None, None) => None,
    };
    match (show.picture, answer) {
        (Some(Picture::Curves), _) => Ok(Pictures::Curves),
        (None, answer) => Ok(Pictures::Seen(answer.map(Box::new))),
        (Some(Picture::Answer), Some(answer)) => Ok(answer),
        (Some(Picture::Answer), None) => Err(unusable(
            "answer: there is no picture or no question",
            "name a picture with --picture FILE and ask with --text '…'",
        )),
        (Some(other), _) => {
            let name = flags::name(other);
            Err(unusable(
                format!("{name}: a model that answers questions has no such picture"),
                "draw curves or answer of this one",
            ))
        }
    }
}

fn alignment_pictures(show: &flags::Show) -> Result<Pictures> {
    let smoothing = show.smoothing;
    if let Some(beta) = smoothing.filter(|beta| !(*beta >= 0.0 && beta.is_finite())) {
        return Err(unusable(
            format!("--smoothing {beta}: places cannot count so"),
            "choose a number from 0, such as 0.1",
        ));
    }
    let both = show.file.clone().zip(show.text.clone());
    let alignment = both.map(|(file, text)| Pictures::Alignment(file, text, smoothing));
    let some = show.file.is_some() || show.text.is_some() || smoothing.is_some();
    match (show.picture, alignment) {
        (Some(Picture::Curves), _) => Ok(Pictures::Curves),
        (None, None) if !some => Ok(Pictures::Seen(None)),
        (None, Some(alignment)) => Ok(Pictures::Seen(Some(Box::new(alignment)))),
        (Some(Picture::Alignment), Some(alignment)) => Ok(alignment),
        (Some(Picture::Alignment) | None, None) => Err(unusable(
            "alignment: there is no picture or no sentence",
            "name a picture with --picture FILE and give a sentence with --text '…'",
        )),
        (Some(other), _) => {
            let name = flags::name(other);
            Err(unusable(
                format!("{name}: a model that aligns pictures and sentences has no such picture"),
                "draw curves or alignment of this one",
            ))
        }
    }
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
