//! Pictures of a language model.

use std::path::Path;

use anyhow::Result;
use unfold::data::TokenKind;
use unfold::tasks::language::{LanguageModel, Seen};

use super::draw_curves;
use crate::commands::write::note_unknown;
use crate::failure::unusable;
use crate::flags::Picture;
use crate::pictures::canvas::Canvas;
use crate::pictures::chart::{self, Legend, Panel, Series, Style};
use crate::pictures::colour::{BLUE, GREEN, MUTED, PURPLE, SKY, VERMILION};
use crate::pictures::heat::{self, Map};
use crate::pictures::ticks::Format;
use crate::pictures::{neighbours, surprise};
use crate::plan::Language;
use crate::wording::{counted, visible};

/// Most units of a heat map: those that change most.
const MOST_UNITS: usize = 64;
/// Most words, characters or pieces of a heat map.
const MOST_WORDS: usize = 160;
/// Neighbours listed.
const NEIGHBOURS: usize = 12;

/// Draws what is wanted, or everything that there is a text or a word for.
pub(super) fn draw(run: &Path, plan: &Language) -> Result<Vec<(&'static str, Canvas)>> {
    let model = LanguageModel::load(run)?;
    let wants = |picture| plan.picture.is_none_or(|wanted| wanted == picture);
    let mut drawn = Vec::new();
    if plan.picture.is_none() && run.join("metrics.jsonl").exists() {
        drawn.push(("curves", draw_curves(run)?));
    }
    if let Some(text) = &plan.text {
        let seen = model.inspect(text);
        if seen.is_empty() {
            return Err(unusable(
                "--text: there is no word in it",
                "give a text to read, such as 'The whale rose.'",
            ));
        }
        note_unknown(model.codec(), text);
        let noun = match model.codec().encoder().config().tokenizer {
            TokenKind::Words | TokenKind::Whitespace => "word",
            TokenKind::Characters => "character",
            TokenKind::File | TokenKind::Bpe => "piece",
        };
        let layer = layer(&model, plan.layer)?;
        if wants(Picture::Surprise) {
            drawn.push(("surprise", surprise::draw(text, &seen, noun)));
        }
        if wants(Picture::States) {
            drawn.push(("states", states(&seen, layer, noun)));
        }
        if wants(Picture::Gates) {
            match gates(&seen, layer, noun) {
                Some(canvas) => drawn.push(("gates", canvas)),
                None if plan.picture.is_some() => {
                    let problem = "gates: an Elman network has none";
                    return Err(unusable(problem, "draw its states instead"));
                }
                None => {}
            }
        }
        if wants(Picture::Gradients) {
            match gradients(&model, text, &seen, noun) {
                Some(canvas) => drawn.push(("gradients", canvas)),
                None if plan.picture.is_some() => {
                    let problem = format!("gradients: the text has a single {noun}");
                    return Err(unusable(problem, "give a longer one"));
                }
                None => {}
            }
        }
    }
    if let Some(word) = plan.word.as_ref().filter(|_| wants(Picture::Neighbours)) {
        let found = model.neighbours(word, NEIGHBOURS).ok_or_else(|| {
            unusable(
                format!(
                    "--word {word}: is no single word, character or piece that the model knows"
                ),
                "check its spelling and its first letter: models may tell The from the",
            )
        })?;
        let shown: Vec<(String, f64)> = found
            .into_iter()
            .map(|(word, cosine)| (visible(&word), cosine))
            .collect();
        drawn.push(("neighbours", neighbours::draw(&visible(word), &shown)));
    }
    if drawn.is_empty() {
        return Err(unusable(
            "there is nothing to draw",
            "add a text with --text '…' or a word with --word '…'",
        ));
    }
    Ok(drawn)
}

fn layer(model: &LanguageModel, wanted: Option<usize>) -> Result<usize> {
    let layers = model.config().layers;
    match wanted {
        None => Ok(layers - 1),
        Some(number) if (1..=layers).contains(&number) => Ok(number - 1),
        Some(number) => Err(unusable(
            format!("--layer {number}: the model has {layers}"),
            format!("choose one of 1..={layers}"),
        )),
    }
}

fn words(seen: &[Seen]) -> Vec<String> {
    let shown = seen.iter().map(|seen| visible(&seen.word));
    shown.take(MOST_WORDS).collect()
}

/// What a column of a heat map is, and which of the text's words have one where not all have.
fn columns(seen: &[Seen], noun: &str) -> String {
    match seen.len() {
        0..=MOST_WORDS => format!("each column a {noun}"),
        all => format!(
            "each column one of the first {MOST_WORDS} of {}",
            counted(all as u64, noun)
        ),
    }
}

/// The units that change most over the words, in their own order, as rows.
fn rows<'a>(seen: &'a [Seen], of: impl Fn(&'a Seen) -> &'a [f32]) -> Vec<Vec<f32>> {
    let columns: Vec<&[f32]> = seen.iter().take(MOST_WORDS).map(of).collect();
    let units = columns.first().map_or(0, |column| column.len());
    let row = |unit: usize| {
        columns
            .iter()
            .map(|column| column[unit])
            .collect::<Vec<f32>>()
    };
    let spread = |unit: usize| {
        let row = row(unit);
        let mean = row.iter().sum::<f32>() / row.len() as f32;
        row.iter().map(|value| (value - mean).powi(2)).sum::<f32>()
    };
    let mut chosen: Vec<usize> = (0..units).collect();
    chosen.sort_by(|&a, &b| spread(b).total_cmp(&spread(a)).then(a.cmp(&b)));
    chosen.truncate(MOST_UNITS);
    chosen.sort_unstable();
    chosen.into_iter().map(row).collect()
}

fn states(seen: &[Seen], layer: usize, noun: &str) -> Canvas {
    let map = Map {
        title: format!("Layer {}", layer + 1),
        rows: rows(seen, |seen| &seen.layers[layer].hidden),
        signed: true,
    };
    let note = format!(
        "states after reading: each row is a unit (those that change most), {}",
        columns(seen, noun)
    );
    heat::draw("Hidden states", &note, &words(seen), &[map])
}

fn gates(seen: &[Seen], layer: usize, noun: &str) -> Option<Canvas> {
    let names: &[(usize, &str)] = match seen[0].layers[layer].gates.len() {
        3 => &[(0, "Reset gate"), (1, "Update gate: 1 keeps the old state")],
        4 => &[
            (0, "Input gate: 1 lets in what is read"),
            (1, "Forget gate: 1 keeps the old cell"),
            (3, "Output gate: 1 shows the cell"),
        ],
        _ => return None,
    };
    let map = |&(gate, name): &(usize, &str)| Map {
        title: name.to_owned(),
        rows: rows(seen, |seen| &seen.layers[layer].gates[gate]),
        signed: false,
    };
    let maps: Vec<Map> = names.iter().map(map).collect();
    let title = format!("Gates of layer {}", layer + 1);
    let note = format!(
        "each row is a unit (those that change most), {}",
        columns(seen, noun)
    );
    Some(heat::draw(&title, &note, &words(seen), &maps))
}

fn gradients(model: &LanguageModel, text: &str, seen: &[Seen], noun: &str) -> Option<Canvas> {
    let norms = model.gradients_through_time(text);
    let steps = norms.first()?.len();
    let colours = [BLUE, VERMILION, GREEN, PURPLE, SKY, MUTED];
    let series = norms.iter().enumerate().map(|(layer, norms)| {
        // Nothing at all has no place on an axis of powers.
        let back = norms
            .iter()
            .rev()
            .enumerate()
            .filter(|(_, norm)| **norm > 0.0);
        let points = back.map(|(back, &norm)| (back as f64 + 1.0, norm));
        Series {
            name: format!("layer {}", layer + 1),
            colour: colours[layer % colours.len()],
            style: Style::Line,
            points: points.collect(),
        }
    });
    let panel = Panel {
        title: "Norm of the gradient by the hidden state".into(),
        x_label: format!("{noun}s back from the last one"),
        x_values: Vec::new(),
        // They fall by orders of magnitude.
        y_format: Format::Power,
        series: series.collect(),
        mark: None,
    };
    let last = visible(&seen.last()?.word);
    let note = format!(
        "of the loss of the last {noun}, “{last}”, by the states after each of {} before",
        counted(steps as u64, noun)
    );
    Some(chart::draw(
        "Gradient through time",
        &note,
        Legend::Own,
        &[panel],
    ))
}
