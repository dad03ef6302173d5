//! `unfold lab filters`: first-layer filters as they form, on one page.

use anyhow::Result;
use unfold::lab::forming::{Formed, forming};

use super::write;
use crate::interrupt::Interrupt;
use crate::output;
use crate::pictures::filter::{largest, raster};
use crate::pictures::mosaic::{self, Section, Tile};
use crate::pictures::page;
use crate::pictures::svg::escape;
use crate::plan::LabFilters;
use crate::tell::tell;
use crate::wording::count;

/// Steps between two words on how far it is.
const TOLD_EVERY: usize = 100;

/// Trains, and makes the page.
pub(in crate::commands) fn form(plan: &LabFilters) -> Result<()> {
    let interrupt = Interrupt::install()?;
    interrupt.training_began();
    let steps = plan.config.steps;
    let formed = forming(&plan.data, &plan.config, &mut |step| {
        if !plan.quiet && step % TOLD_EVERY == 0 {
            tell!("step {} of {}", count(step as u64), count(steps as u64));
        }
        interrupt.asked()
    })?;
    let sections: Vec<Section> = formed.iter().map(section).collect();
    let canvas = mosaic::draw(
        "Filters as they form",
        "blue counts for, orange against; over colours grey is nothing",
        &sections,
    );
    let body = format!(
        "<h1>Filters as they form</h1>\n<p>A network of two convolutions learns to sort {}. Its first layer begins with noise. \
         Each step moves the weights a little against the gradient of the loss, and what helps to tell classes apart \
         grows: edges, strokes, spots, colours.</p>\n<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n",
        escape(&plan.data),
        canvas.to_svg(),
        escape(&sentence(&formed))
    );
    write(&plan.out, &page::page("Filters as they form", &body))?;
    output::print(&format!("{}\n", plan.out.display()))
}

fn section(formed: &Formed) -> Section {
    let weights = &formed.weights; // [KH, KW, C, O]
    let (most, over_colours) = (largest(weights.data()), weights.dim(2) == 3);
    let tiles =
        (0..weights.dim(3)).map(|filter| Tile::plain(raster(weights, filter, over_colours, most)));
    let loss = formed.loss.map_or("before training".to_owned(), |loss| {
        format!("loss {loss:.3}")
    });
    let steps = if formed.step == 1 { "step" } else { "steps" };
    Section {
        title: format!("after {} {steps}: {loss}", count(formed.step as u64)),
        side: 52.0,
        tiles: tiles.collect(),
    }
}

fn sentence(formed: &[Formed]) -> String {
    let (Some(first), Some(last)) = (formed.first(), formed.last()) else {
        return String::new();
    };
    let moved: f32 = first
        .weights
        .data()
        .iter()
        .zip(last.weights.data())
        .map(|(a, b)| (a - b).powi(2))
        .sum();
    let size: f32 = first.weights.data().iter().map(|a| a.powi(2)).sum();
    format!(
        "After {} steps the weights lie {:.1} times their first length away from where they began.",
        count(last.step as u64),
        (moved / size.max(1e-12)).sqrt()
    )
}
