//! Pictures of models that look at a picture and write or answer.

use std::path::Path;

use anyhow::Result;
use unfold::Tensor;
use unfold::data::Picture as Pixels;
use unfold::tasks::align::AlignModel;
use unfold::tasks::caption::CaptionModel;
use unfold::tasks::vqa::{Reply, VqaModel};

use super::photograph::{heated, photograph};
use crate::commands::{find, see};
use crate::failure::unusable;
use crate::pictures::bars;
use crate::pictures::canvas::{Canvas, Rect, Text};
use crate::pictures::colour::glow;
use crate::pictures::font::{self, Weight};
use crate::pictures::mosaic::{self, Section, Tile};
use crate::tell::tell;

/// As many captions and answers are told.
const TOLD: usize = 5;
/// The widest that bars are drawn.
const WIDEST: f32 = 480.0;
/// The size of the letters of lists beside a picture.
const LETTERS: f32 = 13.0;

/// A picture with its captions and, for models that look, where they looked for each word.
pub(super) fn caption(run: &Path, file: &Path) -> Result<Canvas> {
    let model = CaptionModel::load(run)?;
    let pixels = see::read(&file.display().to_string())?;
    let fitted = model.form().apply(&pixels);
    let captions = model
        .caption(std::slice::from_ref(&pixels), model.answer())
        .remove(0);
    let best = &captions[0];
    // What they are ranked by.
    let power = model.answer().length_power;
    let others = captions.iter().take(TOLD).map(|caption| {
        let length = (caption.words.len() + 1) as f64;
        let rank = caption.log_probability / length.powf(power);
        format!("{rank:.2}  {}", caption.text())
    });
    let mut sections = vec![Section {
        title: String::new(),
        side: 320.0,
        tiles: vec![Tile::plain(photograph(&fitted))],
    }];
    let looked = model.looked(&pixels, best);
    if !looked.is_empty() {
        let words = best.words.iter().map(String::as_str).chain(["(the end)"]);
        let tiles = words
            .zip(&looked)
            .map(|(word, heat)| place(&fitted, word, heat));
        sections.push(Section {
            title: "where it looked for each word".into(),
            side: 150.0,
            tiles: tiles.collect(),
        });
    }
    let rank = match power {
        0.0 => "ln p".to_owned(),
        1.0 => "ln p a word".to_owned(),
        power => format!("ln p / words^{power}"),
    };
    let about = format!("{}: {rank}, and what the model says", see::name(file));
    let mut canvas = mosaic::draw(&best.text(), &about, &sections);
    list(&mut canvas, others, mosaic::beside(&sections[0]));
    Ok(canvas)
}

/// Lines below each other, in what is free beside a picture.
fn list(canvas: &mut Canvas, lines: impl Iterator<Item = String>, free: Rect) {
    for (i, line) in lines.enumerate() {
        let line = font::shorten(&line, LETTERS, Weight::Regular, free.width);
        let y = free.y + (i as f32 + 1.0) * 1.6 * LETTERS;
        canvas.text(Text::new(free.x, y, line).size(LETTERS));
    }
}

/// The answers to a question beside its picture and, for models that look, where they looked.
pub(super) fn answer(run: &Path, file: Option<&Path>, question: &str) -> Result<Canvas> {
    let model = VqaModel::load(run)?;
    let asked = question.trim_end().trim_end_matches('?');
    let title = |reply: &Reply| format!("{asked}? – {}", reply.prediction.label);
    let (reply, mut canvas, free) = match (model.form(), file) {
        (None, file) => {
            if let Some(file) = file {
                let file = file.display();
                tell!("note: {file} is not looked at: this model answers from the question alone");
            }
            let reply = model.ask(None, question)?;
            let height = 24.0 + TOLD as f32 * bars::HEIGHT;
            let about = "the model answers from the question alone";
            let (canvas, free) = mosaic::headed(&title(&reply), about, height);
            (reply, canvas, free)
        }
        (Some(_), None) => {
            let remedy = "name a picture with --picture FILE";
            return Err(unusable("answer: there is no picture to ask about", remedy));
        }
        (Some(form), Some(file)) => {
            let pixels = see::read(&file.display().to_string())?;
            let reply = model.ask(Some(&pixels), question)?;
            let fitted = form.apply(&pixels);
            let mut tiles = vec![Tile::plain(photograph(&fitted))];
            if let Some(heat) = &reply.looked {
                tiles.push(place(&fitted, "where it looked", heat));
            }
            let section = Section {
                title: String::new(),
                side: 320.0,
                tiles,
            };
            let free = mosaic::beside(&section);
            let canvas = mosaic::draw(&title(&reply), &see::name(file), &[section]);
            (reply, canvas, free)
        }
    };
    let answers = reply.prediction.probabilities.iter().take(TOLD);
    let answers: Vec<(&str, f32)> = answers.map(|(answer, p)| (&answer[..], *p)).collect();
    let area = Rect {
        y: free.y + 24.0,
        width: free.width.min(WIDEST),
        ..free
    };
    let label = &reply.prediction.label;
    bars::draw(&mut canvas, "Answers", &answers, label, area);
    Ok(canvas)
}

/// The words of a sentence beside the places of a picture that they are about, smoothed as the model says unless told otherwise.
pub(super) fn alignment(
    run: &Path,
    file: &Path,
    sentence: &str,
    smoothing: Option<f64>,
) -> Result<Canvas> {
    let model = AlignModel::load(run)?;
    find::check(&model, sentence)?;
    let pixels = see::read(&file.display().to_string())?;
    let phrases = model.align(
        &pixels,
        sentence,
        smoothing.unwrap_or(model.answer().smoothing),
    );
    let fitted = model.form().apply(&pixels);
    let told = phrases.iter().map(|phrase| {
        let whole = match phrase.place {
            Some(_) => "",
            None => "  (the picture as a whole)",
        };
        format!("{:.2}  {}{whole}", phrase.score, phrase.words.join(" "))
    });
    let picture = Section {
        title: String::new(),
        side: 320.0,
        tiles: vec![Tile::plain(photograph(&fitted))],
    };
    let tiles = phrases.iter().map(|phrase| {
        let words = phrase.words.join(" ");
        // Products have no zero of their own: what counts is where a phrase fits better than elsewhere.
        let mean = f64::from(phrase.heat.mean().item());
        let better = phrase.heat.affine(1.0, -mean).relu();
        place(&fitted, &words, &better)
    });
    let places = Section {
        title: "where each phrase fits better than elsewhere".into(),
        side: 200.0,
        tiles: tiles.collect(),
    };
    let about = format!("{}: how well each phrase fits its place", see::name(file));
    let free = mosaic::beside(&picture);
    let mut canvas = mosaic::draw(sentence, &about, &[picture, places]);
    list(&mut canvas, told, free);
    Ok(canvas)
}

/// The picture with where a model looked.
fn place(fitted: &Pixels, caption: &str, heat: &Tensor) -> Tile {
    let most = heat
        .data()
        .iter()
        .fold(1e-12f32, |most, share| most.max(*share));
    Tile {
        raster: heated(fitted, heat, most, glow),
        captions: vec![caption.to_owned()],
    }
}
