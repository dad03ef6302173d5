//! `unfold lab pooling`: how far a representation moves with the picture, on one page.

use anyhow::Result;
use unfold::lab::shift::{Pooling, Shifts, shifts};

use super::convolution::{grey, shades};
use super::write;
use crate::commands::see;
use crate::output;
use crate::pictures::chart::{self, Legend, Panel, Series, Style};
use crate::pictures::colour::{BLUE, Colour, GREEN, INK, PURPLE, SKY, VERMILION};
use crate::pictures::mosaic::{self, Section, Tile};
use crate::pictures::page;
use crate::pictures::svg::escape;
use crate::pictures::ticks::Format;
use crate::plan::LabPooling;

/// The longer side of the picture.
const SIDE: usize = 128;
const COLOURS: [Colour; 6] = [INK, SKY, BLUE, GREEN, PURPLE, VERMILION];

/// Makes the page.
pub(in crate::commands) fn shift(plan: &LabPooling) -> Result<()> {
    let picture = grey(&see::read(&plan.picture.display().to_string())?, SIDE);
    let results = shifts(&picture, plan.shift)?;
    let body = format!(
        "<h1>What pooling is for</h1>\n<p>The picture moves to the right, pixel by pixel. Four filters find its edges, and the \
         representation is what they put out, rectified and pooled. How far it moves, ‖f(moved) − f(picture)‖ / ‖f(picture)‖, \
         says how much a network that sees it would have to learn anew for every place.</p>\n\
         <figure>\n{}<figcaption>{} at the start and at the end.</figcaption>\n</figure>\n\
         <figure>\n{}<figcaption>{}</figcaption>\n</figure>\n{}",
        ends(&results),
        escape(&see::name(&plan.picture)),
        figure(&results),
        escape(&sentence(&results)),
        table(&results)
    );
    write(&plan.out, &page::page("What pooling is for", &body))?;
    output::print(&format!("{}\n", plan.out.display()))
}

fn ends(results: &Shifts) -> String {
    let captions = ["at the start", "at the end"];
    let tiles = results
        .ends
        .iter()
        .zip(captions)
        .map(|(map, caption)| Tile {
            raster: shades(map),
            captions: vec![caption.into()],
        });
    let section = Section {
        title: String::new(),
        side: 300.0,
        tiles: tiles.collect(),
    };
    mosaic::draw("The picture moves", "", &[section]).to_svg()
}

fn figure(results: &Shifts) -> String {
    let series = Pooling::ALL.iter().zip(&results.moved).zip(COLOURS);
    let series = series.map(|((pooling, moved), colour)| Series {
        name: pooling.title(),
        colour,
        style: Style::Line,
        points: moved
            .iter()
            .enumerate()
            .map(|(x, y)| (x as f64, *y))
            .collect(),
    });
    let panel = Panel {
        title: "how far it moves, by how much is pooled".into(),
        x_label: "pixels that the picture moved".into(),
        x_values: Vec::new(),
        y_format: Format::Number,
        series: series.collect(),
        mark: None,
    };
    let subtitle = "relative to its own length; √2 means that nothing of it is left in place";
    chart::draw(
        "Representation against shift",
        subtitle,
        Legend::Own,
        &[panel],
    )
    .to_svg()
}

fn sentence(results: &Shifts) -> String {
    let shift = 2.min(results.moved[0].len() - 1);
    let pixels = if shift == 1 {
        "one pixel"
    } else {
        "two pixels"
    };
    let at = |kind: Pooling| {
        let place = Pooling::ALL.iter().position(|other| *other == kind);
        results.moved[place.unwrap_or(0)][shift]
    };
    format!(
        "A shift by {pixels} moves the representation by {:.2} without pooling, by {:.2} when the largest of 4 × 4 pixels is \
         kept and by {:.2} with 8 × 8; what is largest anywhere moves by {:.2}, but no longer says where anything is.",
        at(Pooling::None),
        at(Pooling::Max(4)),
        at(Pooling::Max(8)),
        at(Pooling::Global)
    )
}

fn table(results: &Shifts) -> String {
    let head: String = Pooling::ALL
        .iter()
        .map(|p| format!("<th>{}</th>", escape(&p.title())))
        .collect();
    let count = results.moved[0].len();
    let row = |shift: usize| {
        let cells: String = results
            .moved
            .iter()
            .map(|moved| format!("<td>{:.3}</td>", moved[shift]))
            .collect();
        format!("<tr><td>{shift}</td>{cells}</tr>\n")
    };
    let rows: String = (0..count).map(row).collect();
    format!(
        "<details><summary>Data</summary>\n<div class=\"wide\"><table>\n<tr><th>pixels</th>{head}</tr>\n{rows}</table></div></details>\n"
    )
}
