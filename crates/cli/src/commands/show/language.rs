//! Pictures of a language model.

use std::path::Path;

use anyhow::Result;
use unfold::tasks::language::{LanguageModel, Seen};

use super::draw_curves;
use crate::failure::unusable;
use crate::flags::Picture;
use crate::pictures::canvas::Canvas;
use crate::pictures::chart::{self, Legend, Panel, Series, Style};
use crate::pictures::colour::{BLUE, MUTED, VERMILION};
use crate::pictures::heat::{self, Map};
use crate::pictures::ticks::Format;
use crate::pictures::{neighbours, surprise};
use crate::plan::Language;

/// Most units of a heat map: those that change most.
const MOST_UNITS: usize = 64;
/// Most words of a heat map.
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
        let layer = layer(&model, plan.layer)?;
        if wants(Picture::Surprise) {
            drawn.push(("surprise", surprise::draw(text, &seen)));
        }
        if wants(Picture::States) {
            drawn.push(("states", states(&seen, layer)));
        }
        if wants(Picture::Gates) {
            match gates(&seen, layer) {
                Some(canvas) => drawn.push(("gates", canvas)),
                None if plan.picture.is_some() => {
                    let problem = "gates: an Elman network has none";
                    return Err(unusable(problem, "draw its states instead"));
                }
                None => {}
            }
        }
        if wants(Picture::Gradients) {
            match gradients(&model, text, &seen) {
                Some(canvas) => drawn.push(("gradients", canvas)),
                None if plan.picture.is_some() => {
                    let problem = "gradients: the text has a single word";
                    return Err(unusable(problem, "give a longer one"));
                }
                None => {}
            }
        }
    }
    if let Some(word) = plan.word.as_ref().filter(|_| wants(Picture::Neighbours)) {
        let found = model.neighbours(word, NEIGHBOURS).ok_or_else(|| {
            unusable(
                format!("--word {word}: the model does not know this word"),
                "check its spelling and its first letter: models may tell The from the",
            )
        })?;
        drawn.push(("neighbours", neighbours::draw(word, &found)));
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
    let shown = |seen: &Seen| match seen.word.as_str() {
        "\n" => "⏎".to_owned(),
        " " => "␣".to_owned(),
        word => word.to_owned(),
    };
    seen.iter().take(MOST_WORDS).map(shown).collect()
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

fn states(seen: &[Seen], layer: usize) -> Canvas {
    let map = Map {
        title: format!("Layer {}", layer + 1),
        rows: rows(seen, |seen| &seen.layers[layer].hidden),
        signed: true,
    };
    let note = "each row is a unit (those that change most), each column the state after a word";
    heat::draw("Hidden states", note, &words(seen), &[map])
}

fn gates(seen: &[Seen], layer: usize) -> Option<Canvas> {
    let names: &[(usize, &str)] = match seen[0].layers[layer].gates.len() {
        3 => &[(0, "Reset gate"), (1, "Update gate: 1 keeps the old state")],
        4 => &[
            (0, "Input gate: 1 lets the word in"),
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
    let note = "each row is a unit (those that change most), each column a word";
    Some(heat::draw(&title, note, &words(seen), &maps))
}

fn gradients(model: &LanguageModel, text: &str, seen: &[Seen]) -> Option<Canvas> {
    let norms = model.gradients_through_time(text);
    let steps = norms.first()?.len();
    let colours = [BLUE, VERMILION, MUTED];
    let series = norms.iter().enumerate().map(|(layer, norms)| {
        let back = norms.iter().rev().enumerate();
        let points = back.map(|(back, norm)| (back as f64 + 1.0, norm.max(1e-30)));
        Series {
            name: format!("layer {}", layer + 1),
            colour: colours[layer % colours.len()],
            style: Style::Line,
            points: points.collect(),
        }
    });
    let panel = Panel {
        title: "Norm of the gradient by the hidden state".into(),
        x_label: "words back from the last one".into(),
        x_values: Vec::new(),
        // They fall by orders of magnitude.
        y_format: Format::Power,
        series: series.collect(),
        mark: None,
    };
    let last = &seen.last()?.word;
    let note = format!(
        "of the loss of the last word, “{last}”, by the states after each of {steps} words before"
    );
    Some(chart::draw(
        "Gradient through time",
        &note,
        Legend::Own,
        &[panel],
    ))
}
