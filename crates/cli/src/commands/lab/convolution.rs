//! `unfold lab convolution`: filters passed over a picture, on one page.

use std::path::Path;

use anyhow::Result;
use unfold::data::Picture;
use unfold::lab::filter::{Filter, Filtered, Map, convolve};
use unfold::tasks::image::ImageModel;

use super::write;
use crate::commands::see;
use crate::failure::unusable;
use crate::output;
use crate::pictures::colour::{Colour, diverging, sequential};
use crate::pictures::mosaic::{self, Section, Tile};
use crate::pictures::page;
use crate::pictures::raster::Raster;
use crate::pictures::svg::escape;
use crate::plan::LabConvolution;

/// The longer side of the picture that filters pass over: pixels stay visible.
const SIDE: usize = 160;
/// Most learned filters on a page.
const MOST: usize = 16;

/// Makes the page.
pub(in crate::commands) fn pass(plan: &LabConvolution) -> Result<()> {
    let picture = grey(&see::read(&plan.picture.display().to_string())?, SIDE);
    let mut body = format!(
        "<h1>One filter, one picture</h1>\n<p>A convolution passes a small grid of weights over the picture. Where the weights \
         lie over pixels, each pixel is multiplied by its weight, and the sum is one pixel of the output: y<sub>ij</sub> = \
         Σ<sub>kl</sub> x<sub>i+k, j+l</sub> w<sub>kl</sub>. It is high where the picture looks like the filter, and low where \
         it looks like its opposite. The rectifier keeps what is above 0, and pooling keeps the largest of 2 × 2 pixels: \
         what was found stays, where exactly it was fades.</p>\n<p>{} is shown in grey with {} × {} pixels.</p>\n",
        escape(&see::name(&plan.picture)),
        picture.width,
        picture.height
    );
    for (title, about, weights) in filters(plan)? {
        let filtered = convolve(picture.clone(), &weights, plan.pool)?;
        body += &format!(
            "<section>\n<h2>{}</h2>\n<p>{}</p>\n<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n{}</section>\n",
            escape(&title),
            escape(&about),
            draw(&title, &filtered).to_svg(),
            escape(&sentence(&filtered)),
            arithmetic(&filtered)
        );
    }
    write(&plan.out, &page::page("One filter, one picture", &body))?;
    output::print(&format!("{}\n", plan.out.display()))
}

/// Title, explanation and weights of each filter.
fn filters(plan: &LabConvolution) -> Result<Vec<(String, String, Vec<f32>)>> {
    let Some(run) = &plan.model else {
        let named = |filter: &Filter| {
            let (name, about) = (filter.name().to_owned(), filter.about().to_owned());
            (name, about, filter.weights().to_vec())
        };
        return Ok(plan.filters.iter().map(named).collect());
    };
    learned(run)
}

/// The filters of a classifier's first convolution, over brightness.
fn learned(run: &Path) -> Result<Vec<(String, String, Vec<f32>)>> {
    let model = ImageModel::load(run)?;
    let all = model.filters();
    let first = all
        .first()
        .filter(|filters| filters.weight.dim(0) == filters.weight.dim(1));
    let Some(first) = first else {
        return Err(unusable(
            format!(
                "{}: the network does not begin with square filters",
                run.display()
            ),
            "name another model, or leave --model out for filters with names",
        ));
    };
    let [kh, kw, c, o] = *first.weight.dims() else {
        unreachable!("a convolution's weight")
    };
    let w = first.weight.data();
    let filter = |filter: usize| {
        // Grey has the same brightness in all channels, so their weights add up.
        let tap = |tap: usize| {
            (0..c)
                .map(|channel| w[(tap * c + channel) * o + filter])
                .sum()
        };
        let weights: Vec<f32> = (0..kh * kw).map(tap).collect();
        let title = format!("{}, filter {} of {o}", first.layer, filter + 1);
        (title, "Learned by the model.".to_owned(), weights)
    };
    Ok((0..o.min(MOST)).map(filter).collect())
}

/// A picture's brightness, 0..=1, with the longer side at most `side`.
pub(super) fn grey(picture: &Picture, side: usize) -> Map {
    let scale = picture.width.max(picture.height).div_ceil(side).max(1);
    let (width, height) = (
        (picture.width / scale).max(1),
        (picture.height / scale).max(1),
    );
    let picture = picture.clone().with_channels(1);
    let mean = |x: usize, y: usize| {
        let rows = y * scale..((y + 1) * scale).min(picture.height);
        let columns = x * scale..((x + 1) * scale).min(picture.width);
        let count = (rows.len() * columns.len()).max(1) as f32;
        let row = |y: usize| &picture.pixels[y * picture.width..][..picture.width];
        let sum: u32 = rows
            .map(|y| {
                row(y)[columns.clone()]
                    .iter()
                    .map(|&p| u32::from(p))
                    .sum::<u32>()
            })
            .sum();
        sum as f32 / count / 255.0
    };
    Map {
        height,
        width,
        values: (0..height * width)
            .map(|i| mean(i % width, i / width))
            .collect(),
    }
}

/// Brightness as it is.
pub(super) fn shades(map: &Map) -> Raster {
    Raster::new(map.width, map.height, |x, y| {
        let shade = (map.values[y * map.width + x].clamp(0.0, 1.0) * 255.0) as u8;
        Colour(shade, shade, shade)
    })
}

/// Values as colours, the largest magnitude the strongest.
fn colours(map: &Map) -> Raster {
    let most = map.values.iter().fold(1e-12f32, |m, v| m.max(v.abs()));
    let signed = map.values.iter().any(|v| *v < 0.0);
    Raster::new(map.width, map.height, |x, y| {
        let value = map.values[y * map.width + x] / most;
        if signed {
            diverging(value)
        } else {
            sequential(value)
        }
    })
}

fn draw(title: &str, filtered: &Filtered) -> crate::pictures::canvas::Canvas {
    let tile = |raster: Raster, caption: String| Tile {
        raster,
        captions: vec![caption],
    };
    let size = |map: &Map| format!("{} × {}", map.width, map.height);
    let weights = Map {
        height: filtered.kernel,
        width: filtered.kernel,
        values: filtered.weights.clone(),
    };
    let mut tiles = vec![
        tile(
            shades(&filtered.picture),
            format!("the picture, {}", size(&filtered.picture)),
        ),
        tile(colours(&weights), "the filter".into()),
        tile(
            colours(&filtered.output),
            format!("its output, {}", size(&filtered.output)),
        ),
        tile(colours(&filtered.rectified), "above 0".into()),
    ];
    tiles.extend(
        filtered
            .pooled
            .iter()
            .map(|map| tile(colours(map), format!("pooled, {}", size(map)))),
    );
    let section = Section {
        title: String::new(),
        side: 232.0,
        tiles,
    };
    mosaic::draw(
        title,
        "blue is above 0, orange below, white is 0",
        &[section],
    )
}

fn sentence(filtered: &Filtered) -> String {
    let output = &filtered.output;
    let (high, low) = (output.peak(1.0), output.peak(-1.0));
    let value = |[y, x]: [usize; 2]| output.values[y * output.width + x];
    let above = output.values.iter().filter(|v| **v > 0.0).count() as f64;
    format!(
        "The output is highest, {:.2}, at column {} of row {}, and lowest, {:.2}, at column {} of row {}; {:.0} % of it is \
         above 0.",
        value(high),
        high[1],
        high[0],
        value(low),
        low[1],
        low[0],
        above / output.values.len() as f64 * 100.0
    )
}

/// The sum at the highest place, written out.
fn arithmetic(filtered: &Filtered) -> String {
    let [top, left] = filtered.output.peak(1.0);
    let (kernel, picture) = (filtered.kernel, &filtered.picture);
    let grid = |value: &dyn Fn(usize, usize) -> f32| {
        let row = |y: usize| -> String {
            let cells = (0..kernel).map(|x| format!("<td>{:.2}</td>", value(y, x)));
            format!("<tr>{}</tr>", cells.collect::<String>())
        };
        format!(
            "<table style=\"display:inline-table;vertical-align:middle\">{}</table>",
            (0..kernel).map(row).collect::<String>()
        )
    };
    let pixel = |y: usize, x: usize| picture.values[(top + y) * picture.width + left + x];
    let weight = |y: usize, x: usize| filtered.weights[y * kernel + x];
    let sum = filtered.output.values[top * filtered.output.width + left];
    format!(
        "<details><summary>The sum at the highest place</summary>\n<p>pixels {} times weights {} add up to {sum:.2}</p></details>\n",
        grid(&pixel),
        grid(&weight)
    )
}
