//! The figures of a laboratory's page.

use unfold::lab::{CellKind, TaskResults};

use crate::pictures::chart::{self, Legend, Panel, Series, Style};
use crate::pictures::colour::{BLUE, Colour, GREEN, INK, MUTED, PURPLE, SKY, VERMILION};
use crate::pictures::ticks::Format;

/// Gradients below this are left out: who falls there has lost them.
pub(super) const LOWEST: f64 = 1e-12;

fn colour(cell: CellKind) -> Colour {
    match cell {
        CellKind::Elman => INK,
        CellKind::Irnn => VERMILION,
        CellKind::Gru => BLUE,
        CellKind::Lstm => SKY,
        CellKind::LstmForget => GREEN,
        CellKind::LstmChrono => PURPLE,
    }
}

/// What a training with this clipping is called.
pub(super) fn clipping(clip_norm: Option<f64>) -> String {
    match clip_norm {
        Some(norm) => format!("with clipping to norm {norm}"),
        None => "without clipping".to_owned(),
    }
}

/// Accuracy against distance, as SVG.
pub(super) fn accuracy(task: &TaskResults, clip_norms: &[Option<f64>]) -> String {
    let distances: Vec<f64> = task.distances.iter().map(|&d| d as f64).collect();
    let panel = |&clip_norm: &Option<f64>| {
        let mut series = vec![Series {
            name: "no memory".into(),
            colour: MUTED,
            style: Style::Dashes,
            points: distances.iter().map(|&d| (d, task.chance)).collect(),
        }];
        // 0 and 1 belong to the axis wherever the cells are.
        series.push(Series {
            name: String::new(),
            colour: MUTED,
            style: Style::Hidden,
            points: vec![(distances[0], 0.0), (distances[0], 1.0)],
        });
        for cell in &task.cells {
            let run = cell.runs.iter().find(|run| run.clip_norm == clip_norm);
            let scores = run.map_or(&[][..], |run| &run.scores);
            series.push(Series {
                name: cell.cell.title().into(),
                colour: colour(cell.cell),
                style: Style::Dots,
                points: distances
                    .iter()
                    .copied()
                    .zip(scores.iter().copied())
                    .collect(),
            });
        }
        Panel {
            title: capital(&clipping(clip_norm)),
            x_label: format!("distance in {}", task.unit),
            x_values: distances.clone(),
            y_format: Format::Percent,
            series,
            mark: None,
        }
    };
    let panels: Vec<Panel> = clip_norms.iter().map(panel).collect();
    let subtitle = "share of right answers, after training on all of these distances";
    let title = format!("{}: accuracy against distance", task.title);
    chart::draw(&title, subtitle, Legend::Shared, &panels).to_svg()
}

/// The gradient's norm against steps back in time, as SVG.
pub(super) fn gradients(task: &TaskResults, clip_norms: &[Option<f64>]) -> String {
    let panel = |title: String, of: &dyn Fn(usize) -> Option<Vec<f64>>| {
        let line = |(i, cell): (usize, &unfold::lab::CellResults)| {
            let norms = of(i).unwrap_or_default();
            let points = norms
                .iter()
                .enumerate()
                .map(|(back, &norm)| (back as f64, norm));
            Series {
                name: cell.cell.title().into(),
                colour: colour(cell.cell),
                style: Style::Line,
                points: points.take_while(|&(_, norm)| norm >= LOWEST).collect(),
            }
        };
        Panel {
            title,
            x_label: "steps back from the last one".into(),
            x_values: Vec::new(),
            y_format: Format::Power,
            series: task.cells.iter().enumerate().map(line).collect(),
            mark: None,
        }
    };
    let mut panels = vec![panel("Before training".into(), &|i| {
        Some(task.cells[i].before.clone())
    })];
    for &clip_norm in clip_norms {
        let title = format!("After training {}", clipping(clip_norm));
        panels.push(panel(title, &|i| {
            let mut runs = task.cells[i].runs.iter();
            let run = runs.find(|run| run.clip_norm == clip_norm)?;
            Some(run.after.clone())
        }));
    }
    let title = format!("{}: how far the gradient reaches back", task.title);
    let subtitle = "norm of the gradient of the loss with respect to the hidden state, at the longest distance; a line \
                    ends where it falls below 10⁻¹²";
    chart::draw(&title, subtitle, Legend::Shared, &panels).to_svg()
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
