//! `unfold lab convolution`: filters passed over a picture, on one page.

use std::path::Path;

use anyhow::Result;
use unfold::Tensor;
use unfold::data::Picture;
use unfold::lab::filter::{Filter, Filtered, Map, convolve, pooled};
use unfold::tasks::image::ImageModel;

use super::write;
use crate::commands::see;
use crate::commands::show::photograph::photograph;
use crate::failure::unusable;
use crate::output;
use crate::pictures::colour::{Colour, diverging, sequential};
use crate::pictures::filter;
use crate::pictures::mosaic::{self, Section, Tile};
use crate::pictures::page;
use crate::pictures::raster::Raster;
use crate::pictures::svg::escape;
use crate::plan::{Filters, LabConvolution};

/// The longer side of the picture that filters pass over: pixels stay visible.
const SIDE: usize = 160;
/// Most learned filters on a page.
const MOST: usize = 16;

/// Makes the page.
pub(in crate::commands) fn pass(plan: &LabConvolution) -> Result<()> {
    let picture = see::read(&plan.picture.display().to_string())?;
    let name = see::name(&plan.picture);
    let (after, sections) = match &plan.filters {
        Filters::Named(filters) => named(filters, plan.pool, &picture, &name)?,
        Filters::Learned(run, numbers) => learned(run, numbers, plan.pool, &picture, &name)?,
    };
    let body = format!(
        "<h1>One filter, one picture</h1>\n<p>A convolution passes a small grid of weights over the picture. Where the weights \
         lie over pixels, each pixel is multiplied by its weight, and the sum is one pixel of the output: y<sub>ij</sub> = \
         Σ<sub>kl</sub> x<sub>i+k, j+l</sub> w<sub>kl</sub>. It is high where the picture looks like the filter, and low where \
         it looks like its opposite.{after}</p>\n{sections}"
    );
    write(&plan.out, &page::page("One filter, one picture", &body))?;
    output::print(&format!("{}\n", plan.out.display()))
}

/// What is done to an output, of the layers that are shown.
fn after(layers: &[&str], pooled: bool) -> String {
    let has = |kind: &str| layers.contains(&kind);
    let largest = pooled || has("max_pool");
    let windows = match pooled && !has("max_pool") {
        true => "2 × 2 pixels",
        false => "the pixels of a window",
    };
    let mut text = String::new();
    if has("relu") {
        text += " The rectifier keeps what is above 0.";
    }
    if has("avg_pool") {
        text += " Mean pooling takes the mean of the pixels of a window.";
    }
    if largest {
        text += &format!(" Max pooling keeps the largest of {windows}.");
    }
    if largest || has("avg_pool") {
        text += " What was found stays, where exactly it was fades.";
    }
    text
}

/// Filters with names, over a picture's brightness: what is done after them, and a section for each.
fn named(
    filters: &[Filter],
    pool: usize,
    picture: &Picture,
    name: &str,
) -> Result<(String, String)> {
    let picture = grey(picture, SIDE);
    let mut body = format!(
        "<p>{} is shown in grey with {}.</p>\n",
        escape(name),
        size(&picture)
    );
    for filter in filters {
        let filtered = convolve(picture.clone(), &filter.weights(), pool)?;
        let below = arithmetic(&filtered);
        body += &section(
            filter.name(),
            filter.about(),
            tiles(&filtered),
            &sentence("The output", &filtered.output),
            &below,
        );
    }
    Ok((after(&["relu"], pool > 0), body))
}

/// The filters of a classifier's first convolution, and what the network makes of their outputs, over the picture as it
/// takes it; then pooled so often.
fn learned(
    run: &Path,
    numbers: &[usize],
    pool: usize,
    picture: &Picture,
    name: &str,
) -> Result<(String, String)> {
    let model = ImageModel::load(run)?;
    let Some(first) = model.filters().into_iter().next() else {
        return Err(unusable(
            format!("{}: the network has no convolution", run.display()),
            "name another model, or leave --model out for filters with names",
        ));
    };
    let stages = stages(&model, &first.layer, picture);
    let layers: Vec<&str> = stages.iter().map(|(layer, _)| layer.as_str()).collect();
    let normed = layers[1..]
        .iter()
        .take_while(|layer| layer.ends_with("_norm"))
        .count();
    let fitted = model.form().apply(picture);
    let figures = |values: &[f32]| {
        let values: Vec<String> = values.iter().map(|value| format!("{value:.3}")).collect();
        values.join(", ")
    };
    let mut body = format!(
        "<p>{} is shown as {} takes it: {} × {} pixels, of which the network sees each channel less the mean of the pictures \
         that it learned from ({}), divided by their deviation ({}). Each sum is one over all channels, and the layer’s bias is \
         added where it has one. The outputs are those of the network itself, layer by layer: {}.{}</p>\n",
        escape(name),
        escape(&run.display().to_string()),
        fitted.width,
        fitted.height,
        figures(&model.normalise().mean),
        figures(&model.normalise().std),
        escape(&layers.join(", ")),
        match pool {
            0 => "",
            _ => " What is pooled after them is so on this page alone.",
        }
    );
    let [.., c, o] = *first.weight.dims() else {
        unreachable!("a convolution's weight")
    };
    let over_colours = first.first && first.groups == 1 && c == 3;
    let most = filter::largest(first.weight.data());
    if let Some(number) = numbers.iter().find(|number| **number > o) {
        return Err(unusable(
            format!("--filters {number}: {} has {o} filters", first.layer),
            format!("choose numbers in 1..={o}"),
        ));
    }
    let chosen: Vec<usize> = match numbers {
        [] => (0..o.min(MOST)).collect(),
        numbers => numbers.iter().map(|number| number - 1).collect(),
    };
    for i in chosen {
        let title = format!("{}, filter {} of {o}", first.layer, i + 1);
        let about = match over_colours {
            true => {
                "Learned by the model. Of the filter, grey is nothing, and a colour counts for itself."
            }
            false => "Learned by the model.",
        };
        let filter = filter::raster(&first.weight, i, over_colours, most);
        let mut tiles = vec![
            tile(photograph(&fitted), "the picture".into()),
            tile(filter, "the filter".into()),
        ];
        let maps: Vec<Map> = stages.iter().map(|(_, maps)| channel(maps, i)).collect();
        let captioned = layers.iter().zip(&maps);
        tiles.extend(captioned.map(|(layer, map)| tile(colours(map), caption(layer, map))));
        if let Some(last) = maps.last() {
            let pooled = pooled(last, pool);
            tiles.extend(
                pooled
                    .iter()
                    .map(|map| tile(colours(map), caption("pooled", map))),
            );
        }
        let what = match normed {
            0 => "The output".to_owned(),
            _ => format!("The output after {}", layers[normed]),
        };
        body += &section(&title, about, tiles, &sentence(&what, &maps[normed]), "");
    }
    Ok((after(&layers, pool > 0), body))
}

/// Kinds of layers in which a map no longer comes from one filter alone, or is no other than before.
const OTHERS: [&str; 5] = [
    "conv2d",
    "conv_transpose2d",
    "residual",
    "parallel",
    "softmax",
];

/// What the convolution called `layer` makes of a picture, and the layers after it as long as each of their maps comes from one
/// of its filters: the kind of each, and its output.
fn stages(model: &ImageModel, layer: &str, picture: &Picture) -> Vec<(String, Tensor)> {
    let rows = model.outline().rows();
    let kind = |name: &str| {
        let row = rows.iter().find(|row| row.name == name);
        row.map_or("", |row| row.kind)
    };
    let mut maps = model.maps(picture).into_iter();
    let first = maps.find(|maps| maps.layer == layer);
    let own = maps.take_while(|maps| !OTHERS.contains(&kind(&maps.layer)));
    let seen = first
        .into_iter()
        .chain(own.filter(|maps| !maps.layer.ends_with("dropout")));
    seen.map(|maps| (kind(&maps.layer).to_owned(), maps.maps))
        .collect()
}

/// One of the maps `[H, W, C]`.
fn channel(maps: &Tensor, channel: usize) -> Map {
    Map {
        height: maps.dim(0),
        width: maps.dim(1),
        values: maps
            .data()
            .iter()
            .skip(channel)
            .step_by(maps.dim(2))
            .copied()
            .collect(),
    }
}

/// One filter's part of the page.
fn section(title: &str, about: &str, tiles: Vec<Tile>, sentence: &str, below: &str) -> String {
    let row = Section {
        title: String::new(),
        side: 232.0,
        tiles,
    };
    let legend = "blue is above 0, orange below, white is 0";
    format!(
        "<section>\n<h2>{}</h2>\n<p>{}</p>\n<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n{below}</section>\n",
        escape(title),
        escape(about),
        mosaic::draw(title, legend, &[row]).to_svg(),
        escape(sentence)
    )
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
    let most = filter::largest(&map.values);
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

fn tile(raster: Raster, caption: String) -> Tile {
    Tile {
        raster,
        captions: vec![caption],
    }
}

fn size(map: &Map) -> String {
    format!("{} × {} pixels", map.width, map.height)
}

fn caption(what: &str, map: &Map) -> String {
    format!("{what}, {} × {}", map.width, map.height)
}

/// The picture, the filter, and what came out.
fn tiles(filtered: &Filtered) -> Vec<Tile> {
    let Filtered {
        picture, output, ..
    } = filtered;
    let weights = Map {
        height: filtered.kernel,
        width: filtered.kernel,
        values: filtered.weights.clone(),
    };
    let mut tiles = vec![
        tile(shades(picture), caption("the picture", picture)),
        tile(colours(&weights), "the filter".into()),
        tile(colours(output), caption("its output", output)),
        tile(colours(&filtered.rectified), "above 0".into()),
    ];
    let pooled = filtered.pooled.iter();
    tiles.extend(pooled.map(|map| tile(colours(map), caption("pooled", map))));
    tiles
}

fn sentence(what: &str, output: &Map) -> String {
    let (high, low) = (output.peak(1.0), output.peak(-1.0));
    let value = |[y, x]: [usize; 2]| output.values[y * output.width + x];
    let above = output.values.iter().filter(|v| **v > 0.0).count() as f64;
    format!(
        "{what} is highest, {:.2}, at column {} of row {}, and lowest, {:.2}, at column {} of row {}; {:.0} % of it is \
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
