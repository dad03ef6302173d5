//! `unfold run` with a model that looks at pictures.

use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use unfold::data::{Picture, PictureFiles, decode};
use unfold::tasks::caption::{Caption, CaptionModel};
use unfold::tasks::image::ImageModel;
use unfold::tasks::vqa::{Among, CounterExample, VqaModel};

use super::mistakes::Mistakes;
use super::run::{Answer, Lines, one_line};
use crate::failure::unusable;
use crate::output;
use crate::plan::Run;
use crate::progress::with_reporter;
use crate::tell::tell;

/// Reads the one picture that is named: a file, or what `#` selects in a folder, in an archive or in data that comes with the
/// program.
pub(super) fn read(name: &str) -> Result<Picture> {
    match several(name)? {
        None => read_file(name),
        Some(files) if files.len() == 1 => Ok(files.read(0)?),
        Some(files) => {
            let problem = format!(
                "{name}: one picture is wanted, and there are {}",
                files.len()
            );
            let remedy = format!("name one of them, such as '{}'", files.address(0));
            Err(unusable(problem, remedy))
        }
    }
}

fn read_file(file: &str) -> Result<Picture> {
    let path = Path::new(file);
    let bytes = std::fs::read(path).map_err(|error| unfold::Error::io(path, "read", &error))?;
    Ok(decode(&bytes, file)?)
}

/// The pictures in a folder or an archive; nothing where a file is named, which should be a picture itself.
fn several(name: &str) -> Result<Option<PictureFiles>> {
    let path = Path::new(name);
    if !path.exists() && !names_part(name) {
        let problem = format!("{name}: there is no such picture");
        return Err(unusable(problem, "check the path"));
    }
    match PictureFiles::open(path, None) {
        Ok(files) => Ok((!files.is_single()).then_some(files)),
        // Decoding says best what is wrong with a file.
        Err(_) if path.is_file() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a name is of data that comes with the program, or of a part of other data.
fn names_part(name: &str) -> bool {
    let whole = name.rsplit_once('#').map(|(whole, _)| whole);
    name.starts_with("builtin:") || whole.is_some_and(|whole| Path::new(whole).exists())
}

/// Whether a word is the name of a picture, and not part of a text.
pub(super) fn names_picture(word: &str) -> bool {
    Path::new(word).is_file() || names_part(word)
}

/// A picture's name without the folders that it is in.
pub(super) fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Classifies pictures.
pub(super) fn classify(plan: &Run, files: Option<&Vec<String>>) -> Result<()> {
    let model = ImageModel::load(&plan.run)?;
    let classifier = model.classifier();
    each(files, |file, picture| {
        let prediction = classifier.classify(&[picture]).remove(0);
        Ok(match plan.json {
            true => serde_json::to_string(&Answer {
                picture: Some(file),
                prediction: &prediction,
            })?,
            false => format!(
                "{}\t{}\t{:.4}",
                one_line(file),
                one_line(&prediction.label),
                prediction.probability
            ),
        })
    })
}

/// Describes pictures.
pub(super) fn caption(plan: &Run, files: Option<&Vec<String>>) -> Result<()> {
    let model = CaptionModel::load(&plan.run)?;
    let writing = &plan.writing;
    let answer = writing.search.of(&model);
    let mut number = 0..;
    each(files, |file, picture| {
        let first = number.next().unwrap_or_default();
        let captions = match writing.drawn {
            true => model.sample(&[picture], &writing.sampling, writing.seed, first),
            false => model.caption(&[picture], &answer).remove(0),
        };
        Ok(match plan.json {
            true => {
                let said = |caption: &Caption| Said {
                    caption: caption.text(),
                    log_probability: caption.log_probability,
                };
                serde_json::to_string(&Described {
                    picture: file,
                    caption: captions[0].text(),
                    captions: captions.iter().map(said).collect(),
                })?
            }
            false => format!("{}\t{}", one_line(file), captions[0].text()),
        })
    })
}

/// Answers questions about pictures: the files before a question are the pictures that it and those after it are about. A question
/// that cannot be answered is told and passed over; the command then fails at its end.
pub(super) fn ask(plan: &Run, texts: &[String]) -> Result<()> {
    let model = VqaModel::load(&plan.run)?;
    let among = among(plan, &model)?;
    let mut pictures: Vec<(&str, Picture)> = Vec::new();
    let (mut asked, mut mistakes) = (false, Mistakes::default());
    let mut done = false; // whether a question was asked of them
    for text in texts {
        if names_picture(text) && model.form().is_none() {
            tell!("note: {text} is not looked at: this model answers from the question alone");
            continue;
        }
        if names_picture(text) || (pictures.is_empty() && model.form().is_some()) {
            if std::mem::take(&mut done) {
                pictures.clear();
            }
            pictures.push((text, read(text)?));
            continue;
        }
        (asked, done) = (true, true);
        let of = pictures.iter().map(Some);
        let of: Vec<_> = match pictures.is_empty() {
            true => vec![None],
            false => of.collect(),
        };
        for picture in &of {
            let answer = reply(plan, &model, among.as_ref(), *picture, text);
            if let Some(answer) = mistakes.pass(answer) {
                // Which picture it is of is plain where there is one.
                let file = picture.filter(|_| of.len() > 1 && !plan.json);
                let file = file.map_or(String::new(), |(file, _)| one_line(file) + "\t");
                output::print(&(file + &answer))?;
            }
        }
    }
    match asked {
        true => mistakes.end(),
        false => Err(unusable(
            "there is no question",
            "give one after the picture: unfold run RUN photo.jpg 'What color is the car?'",
        )),
    }
}

/// Answers questions on standard input, each with the path of its picture and a tab before it; mistakes are passed over as
/// by [`ask`].
pub(super) fn ask_lines(plan: &Run) -> Result<()> {
    let model = VqaModel::load(&plan.run)?;
    let among = among(plan, &model)?;
    if std::io::stdin().is_terminal() {
        tell!("type the path of a picture, a tab and a question, and press Enter; Ctrl-D ends");
    }
    let answer = |line: &str| -> Result<String> {
        let (picture, question) = match line.split_once('\t') {
            Some((file, question)) => (Some((file, read(file)?)), question),
            None if model.form().is_none() => (None, line),
            None => {
                return Err(unusable(
                    format!("`{line}`: there is no tab between a picture and a question"),
                    "write a line as PICTURE, a tab, and the question",
                ));
            }
        };
        reply(plan, &model, among.as_ref(), picture.as_ref(), question)
    };
    let mut mistakes = Mistakes::default();
    let mut lines = Lines::new(std::io::stdin().lock());
    while let Some(texts) = lines.waiting().context("standard input: cannot read")? {
        for line in texts {
            if let Some(answer) = mistakes.pass(answer(&line)) {
                output::print(&answer)?;
            }
        }
    }
    mistakes.end()
}

/// The pictures to find counter-examples among, where some are named.
fn among<'m>(plan: &Run, model: &'m VqaModel) -> Result<Option<Among<'m>>> {
    let opened = plan.among.as_ref().map(|data| {
        let pictures = with_reporter(|reporter| model.among(data, reporter))?;
        pictures
            .notes()
            .iter()
            .for_each(|note| tell!("note: {note}"));
        Ok(pictures)
    });
    opened.transpose()
}

/// The answer to a question, and pictures to which the model has another one, as lines.
fn reply(
    plan: &Run,
    model: &VqaModel,
    among: Option<&Among<'_>>,
    picture: Option<&(&str, Picture)>,
    question: &str,
) -> Result<String> {
    let reply = model.ask(picture.map(|(_, picture)| picture), question)?;
    if !reply.unknown.is_empty() && !plan.json {
        let words = reply.unknown.join(", ");
        tell!("note: the model does not know: {words}");
    }
    let prediction = &reply.prediction;
    let examples = match (among, picture) {
        (Some(among), Some((_, picture))) => among.counter_examples(picture, question)?,
        _ => Vec::new(),
    };
    if among.is_some() && examples.is_empty() && !plan.json {
        tell!("note: to none of the pictures like it does the model give another answer");
    }
    let examples = &examples[..plan.top.min(examples.len())];
    let line = match plan.json {
        true => serde_json::to_string(&Replied {
            picture: picture.map(|(file, _)| *file),
            question,
            answer: &prediction.label,
            probability: prediction.probability,
            answers: prediction.probabilities.iter().take(TOLD).collect(),
            unknown: &reply.unknown,
            counter_examples: among.map(|_| examples.iter().map(told).collect()),
        })?,
        false => {
            let answer = format!(
                "{}\t{}\t{:.4}",
                one_line(question),
                one_line(&prediction.label),
                prediction.probability
            );
            let each = examples.iter().map(|example| {
                let (name, answer) = (one_line(&example.name), one_line(&example.answer.label));
                format!("\n\t{name}\t{answer}\t{:.4}", example.score)
            });
            each.fold(answer, |all, line| all + &line)
        }
    };
    Ok(line + "\n")
}

/// As many answers are told as JSON.
const TOLD: usize = 5;

/// An answer as an object.
#[derive(Serialize)]
struct Replied<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<&'a str>,
    question: &'a str,
    answer: &'a str,
    probability: f32,
    /// The likeliest ones.
    answers: Vec<&'a (String, f32)>,
    /// Words that the model does not know.
    unknown: &'a [String],
    /// Pictures to which the model has another answer, where some were looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    counter_examples: Option<Vec<Told<'a>>>,
}

/// A counter-example as an object.
#[derive(Serialize)]
struct Told<'a> {
    picture: &'a str,
    answer: &'a str,
    score: f32,
}

fn told(example: &CounterExample) -> Told<'_> {
    Told {
        picture: &example.name,
        answer: &example.answer.label,
        score: example.score,
    }
}

/// A picture's captions as an object, likeliest first.
#[derive(Serialize)]
struct Described<'a> {
    picture: &'a str,
    caption: String,
    captions: Vec<Said>,
}

#[derive(Serialize)]
struct Said {
    caption: String,
    /// ln of its probability, in nats.
    log_probability: f64,
}

/// Prints a line for each picture, also of folders and archives. One that cannot be read is told and passed over; the command then
/// fails at its end.
fn each(
    names: Option<&Vec<String>>,
    mut line: impl FnMut(&str, Picture) -> Result<String>,
) -> Result<()> {
    let mut mistakes = Mistakes::default();
    let mut print = |name: &str, picture: Result<Picture>| -> Result<()> {
        match mistakes.pass(picture) {
            Some(picture) => output::print(&(line(name, picture)? + "\n")),
            None => Ok(()),
        }
    };
    let mut answer = |name: &String| -> Result<()> {
        let files = match several(name) {
            Ok(Some(files)) => files,
            Ok(None) => return print(name, read_file(name)),
            Err(error) => return print(name, Err(error)),
        };
        for picture in 0..files.len() {
            let read = files.read(picture).map_err(Into::into);
            print(&files.address(picture), read)?;
        }
        files.damaged().iter().try_for_each(|damage| {
            let remedy = "fetch or make the file again, or remove it";
            print(&damage.place, Err(unusable(damage.to_string(), remedy)))
        })
    };
    if let Some(names) = names {
        names.iter().try_for_each(answer)?;
    } else {
        if std::io::stdin().is_terminal() {
            tell!("type the path of a picture and press Enter; Ctrl-D ends");
        }
        let mut lines = Lines::new(std::io::stdin().lock());
        while let Some(names) = lines.waiting().context("standard input: cannot read")? {
            names.iter().try_for_each(&mut answer)?;
        }
    }
    mistakes.end()
}
