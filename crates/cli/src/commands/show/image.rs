//! Pictures of an image classifier.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;
use unfold::Tensor;
use unfold::data::Picture as Pixels;
use unfold::nn::network::SummaryRow;
use unfold::tasks::Prediction;
use unfold::tasks::image::{Filters, ImageModel, Maps, Mistakes};

use super::photograph::{heated, photograph};
use super::{draw_curves, metrics_of};
use crate::commands::see;
use crate::failure::unusable;
use crate::flags::Picture;
use crate::output;
use crate::pictures::canvas::Canvas;
use crate::pictures::colour::{Colour, diverging, diverging_glow, glow, sequential};
use crate::pictures::filter;
use crate::pictures::mosaic::{self, Section, Tile};
use crate::pictures::raster::Raster;
use crate::plan::{Image, Show};
use crate::progress::with_reporter;
use crate::wording::{count, percent, shell};

/// Most filters and maps of a layer that are drawn.
const MOST_TILES: usize = 64;
/// As many filters of each of several layers: two rows.
const TWO_ROWS: usize = 36;
/// As many maps as stand beside each other.
const ONE_ROW: usize = 16;
/// Most layers that are drawn together.
const MOST_LAYERS: usize = 24;
/// The share of values that colours can tell apart; the largest others look like the largest of these.
const TOLD_APART: f64 = 0.995;
/// The colours of what was found in a picture, and the caption that explains them.
struct Scale {
    colour: fn(f32) -> Colour,
    caption: &'static str,
}
/// Where nothing is below 0.
const STRENGTH: Scale = Scale {
    colour: glow,
    caption: "what was found: the brighter, the more",
};
/// Where values have a sign; a picture in which they happen to share one has the same colours.
const FALL: Scale = Scale {
    colour: diverging_glow,
    caption: "what was found: blue where it falls, orange where it rises",
};
/// A map in which nothing reaches this share of its layer's largest value stays pale.
const LEAST: f32 = 0.01;
/// Most mistakes that are drawn.
const MOST_MISTAKES: usize = 60;

/// Draws what is wanted, or everything that there is a picture or data for.
pub(super) fn draw(plan: &Show, image: &Image) -> Result<Vec<(&'static str, Canvas)>> {
    let model = ImageModel::load(&plan.run)?;
    let wants = |picture| image.picture.is_none_or(|wanted| wanted == picture);
    let mut drawn = Vec::new();
    if image.picture == Some(Picture::Summary) {
        output::print(&summary(&model))?;
        return Ok(drawn);
    }
    if image.picture.is_none() && metrics_of(&plan.run) {
        drawn.push(("curves", draw_curves(&plan.run)?));
    }
    if wants(Picture::Filters) {
        match filters(&model, image.layer.as_deref())? {
            Some(canvas) => drawn.push(("filters", canvas)),
            None if image.picture.is_some() => {
                let problem = "filters: the network has no convolution";
                return Err(unusable(problem, "draw another picture of it"));
            }
            None => {}
        }
    }
    if let Some(file) = &image.file {
        drawn.extend(looked_at(&model, file, image)?);
    }
    if let Some(data) = plan.data.as_ref().filter(|_| wants(Picture::Mistakes)) {
        drawn.push(("mistakes", mistakes(&model, data)?));
    }
    Ok(drawn)
}

/// Pictures of one picture.
fn looked_at(
    model: &ImageModel,
    file: &Path,
    image: &Image,
) -> Result<Vec<(&'static str, Canvas)>> {
    let wants = |picture| image.picture.is_none_or(|wanted| wanted == picture);
    let name = file.display().to_string();
    let pixels = see::read(&name)?;
    let prediction = model
        .classifier()
        .classify(std::slice::from_ref(&pixels))
        .remove(0);
    let label = image.label.as_ref().unwrap_or(&prediction.label);
    let number = model.class(label)?;
    let fitted = model.form().apply(&pixels);
    let seen = Seen {
        name: &see::name(file),
        fitted: &fitted,
        label,
        prediction: &prediction,
    };
    let mut drawn = Vec::new();
    if wants(Picture::Maps) {
        drawn.push(("maps", maps(model, &seen, image.layer.as_deref())?));
    }
    if wants(Picture::Saliency) {
        let heat = model.saliency(&pixels, number);
        let about = "how strongly the class's logit changes with each pixel";
        drawn.push(("saliency", seen.heat("Saliency", about, &STRENGTH, &heat)));
    }
    if wants(Picture::Gradcam) {
        match model.grad_cam(&pixels, number, image.layer.as_deref()) {
            Ok((layer, heat)) => {
                let about = format!("where {layer} saw what speaks for the class");
                drawn.push(("gradcam", seen.heat("Grad-CAM", &about, &STRENGTH, &heat)));
            }
            Err(error) if image.picture.is_some() || image.layer.is_some() => {
                return Err(error.into());
            }
            Err(_) => {}
        }
    }
    if wants(Picture::Occlusion) {
        let side = (fitted.height.min(fitted.width) / 5).max(2);
        let heat = with_reporter(|reporter| {
            model.occlusion(&pixels, number, side, (side / 3).max(1), reporter)
        });
        let about = format!(
            "how much the class's probability falls when {side} x {side} pixels there are covered"
        );
        drawn.push(("occlusion", seen.heat("Occlusion", &about, &FALL, &heat)));
    }
    Ok(drawn)
}

/// A picture and what the model says of it.
struct Seen<'a> {
    name: &'a str,
    fitted: &'a Pixels,
    label: &'a str,
    prediction: &'a Prediction,
}

impl Seen<'_> {
    fn subtitle(&self, about: &str) -> String {
        let Prediction {
            label, probability, ..
        } = self.prediction;
        let answer = format!("{label} ({})", percent(f64::from(*probability)));
        match self.label == label {
            true => format!("{}: {answer}; {about}", self.name),
            false => format!("{}: {answer}, here {}; {about}", self.name, self.label),
        }
    }

    /// The picture, what was `found`, and both in one.
    fn heat(&self, title: &str, about: &str, scale: &Scale, heat: &Tensor) -> Canvas {
        let (rows, columns) = (heat.dim(0), heat.dim(1));
        let most = told_apart(heat.data());
        let value = |x: usize, y: usize| heat.data()[y * columns + x] / most;
        let alone = Raster::new(columns, rows, |x, y| (scale.colour)(value(x, y)));
        let both = heated(self.fitted, heat, most, scale.colour);
        let tiles = [
            (
                photograph(self.fitted),
                "the picture as the network takes it",
            ),
            (alone, scale.caption),
            (both, "both"),
        ];
        let tile = |(raster, caption): (Raster, &str)| Tile {
            raster,
            captions: vec![caption.to_owned()],
        };
        let section = Section {
            title: String::new(),
            side: 320.0,
            tiles: tiles.map(tile).into(),
        };
        mosaic::draw(title, &self.subtitle(about), &[section])
    }
}

/// The magnitude within which nearly all values lie, above 0.
fn told_apart(values: &[f32]) -> f32 {
    let mut sizes: Vec<f32> = values.iter().map(|value| value.abs()).collect();
    sizes.sort_unstable_by(f32::total_cmp);
    let within = (sizes.len() as f64 * TOLD_APART).ceil() as usize;
    let usual = sizes.get(within.saturating_sub(1)).copied();
    // Where nearly all are nothing, the others are what there is to see.
    let usual = usual.filter(|usual| *usual > 0.0).or(sizes.last().copied());
    usual.unwrap_or(0.0).max(1e-12)
}

/// At most [`MOST_LAYERS`] of some layers, evenly spread, the first and the last among them.
fn spread<T>(layers: Vec<T>) -> Vec<T> {
    let last = layers.len().saturating_sub(1);
    if last < MOST_LAYERS {
        return layers;
    }
    let chosen: Vec<usize> = (0..MOST_LAYERS)
        .map(|i| i * last / (MOST_LAYERS - 1))
        .collect();
    let numbered = layers.into_iter().enumerate();
    let chosen = numbered.filter(|(i, _)| chosen.contains(i));
    chosen.map(|(_, layer)| layer).collect()
}

/// A heading that says how many layers are drawn where not all are.
fn heading(what: &str, drawn: usize, all: usize) -> String {
    match drawn < all {
        true => format!("{what} of {drawn} of {all} layers; --layer NAME draws any"),
        false => what.to_owned(),
    }
}

/// The layers as a table.
fn summary(model: &ImageModel) -> String {
    let outline = model.outline();
    let mut rows =
        vec![["layer", "kind", "output", "parameters", "multiply-adds"].map(String::from)];
    let number = |n: u64| if n == 0 { String::new() } else { count(n) };
    let shape = |shape: &dyn std::fmt::Display| shape.to_string();
    rows.push([
        "input".into(),
        String::new(),
        shape(&outline.input()),
        String::new(),
        String::new(),
    ]);
    for row in outline.rows() {
        rows.push([
            format!("{}{}", "  ".repeat(row.depth), row.name),
            row.kind.to_owned(),
            shape(&row.output),
            number(row.parameters as u64),
            number(row.multiply_adds),
        ]);
    }
    rows.push([
        "all".into(),
        String::new(),
        shape(&outline.output()),
        count(outline.parameters() as u64),
        count(outline.multiply_adds()),
    ]);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; 5] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut out = String::new();
    for [layer, kind, output, parameters, products] in &rows {
        let [a, b, c, d, e] = widths;
        let line = format!("{layer:a$}  {kind:b$}  {output:c$}  {parameters:>d$}  {products:>e$}");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The filters of one convolution, or of all.
fn filters(model: &ImageModel, layer: Option<&str>) -> Result<Option<Canvas>> {
    let all = model.filters();
    if let Some(name) = layer
        && !all.iter().any(|filters| filters.layer == name)
    {
        let names: Vec<&str> = all.iter().map(|filters| filters.layer.as_str()).collect();
        return Err(unusable(
            format!("--layer {name}: there is no convolution of that name"),
            format!("choose one of: {}", names.join(", ")),
        ));
    }
    let wanted = |filters: &&Filters| match layer {
        Some(name) => name == filters.layer,
        None => filters.weight.dim(0) * filters.weight.dim(1) > 1, // points show nothing
    };
    let wanted: Vec<&Filters> = all.iter().filter(wanted).collect();
    let most_shown = if layer.is_some() || wanted.len() == 1 {
        MOST_TILES
    } else {
        TWO_ROWS
    };
    let count = wanted.len();
    let mut sections = Vec::new();
    for filters in spread(wanted) {
        let [kh, kw, c, o] = *filters.weight.dims() else {
            unreachable!("a convolution's weight")
        };
        let over_colours = filters.first && filters.groups == 1 && c == 3;
        let tiles = (0..o.min(most_shown)).map(|i| {
            let most = filter::strength(&filters.weight, i);
            Tile::plain(filter::raster(&filters.weight, i, over_colours, most))
        });
        let shown = if o > most_shown {
            format!(", the first {most_shown}")
        } else {
            String::new()
        };
        let each = if filters.groups > 1 { " each" } else { "" };
        let of = match c {
            1 if filters.first && filters.groups == 1 => "brightness".to_owned(),
            1 => format!("one map{each}"),
            3 if over_colours => "colours".to_owned(),
            _ => format!("{c} maps{each}, of which each shows the one that weighs most"),
        };
        sections.push(Section {
            title: format!(
                "{}: {o} filters of {kh} x {kw} over {of}{shown}",
                filters.layer
            ),
            side: 46.0,
            tiles: tiles.collect(),
        });
    }
    let about = "each filter has a scale of its own: blue counts for, orange against; over colours grey is nothing";
    let title = heading("Filters", sections.len(), count);
    Ok((!sections.is_empty()).then(|| mosaic::draw(&title, about, &sections)))
}

/// What layers make of a picture.
fn maps(model: &ImageModel, seen: &Seen<'_>, layer: Option<&str>) -> Result<Canvas> {
    let all = model.maps(seen.fitted);
    if let Some(name) = layer
        && !all.iter().any(|maps| maps.layer == name)
    {
        let names: Vec<&str> = all.iter().map(|maps| maps.layer.as_str()).collect();
        return Err(unusable(
            format!("--layer {name}: there is no layer of that name that puts out pictures"),
            format!("choose one of: {}", names.join(", ")),
        ));
    }
    let mut sections = vec![Section {
        title: "the picture as the network takes it".into(),
        side: 160.0,
        tiles: vec![Tile::plain(photograph(seen.fitted))],
    }];
    let most_shown = if layer.is_some() { MOST_TILES } else { ONE_ROW };
    let (count, chosen) = match layer {
        Some(name) => (1, all.iter().filter(|maps| maps.layer == name).collect()),
        None => telling(model, &all),
    };
    let title = heading("Feature maps", chosen.len(), count);
    for maps in chosen {
        let [h, w, c] = *maps.maps.dims() else {
            unreachable!("maps")
        };
        let values = maps.maps.data();
        let least = filter::largest(values) * LEAST;
        let signed = values.iter().any(|v| *v < 0.0);
        let tiles = (0..c.min(most_shown)).map(|channel| {
            let own: Vec<f32> = values.iter().skip(channel).step_by(c).copied().collect();
            let most = told_apart(&own).max(least);
            Tile::plain(Raster::new(w, h, |x, y| {
                let value = values[(y * w + x) * c + channel] / most;
                if signed {
                    diverging(value)
                } else {
                    sequential(value)
                }
            }))
        });
        let shown = if c > most_shown {
            format!(", the first {most_shown}")
        } else {
            String::new()
        };
        sections.push(Section {
            title: format!("{}: {c} maps of {h} x {w}{shown}", maps.layer),
            side: 53.0,
            tiles: tiles.collect(),
        });
    }
    let about =
        "each map has a scale of its own: the stronger the colour, the larger; orange is below 0";
    Ok(mosaic::draw(&title, &seen.subtitle(about), &sections))
}

/// How many layers put out maps of their own, and those of them that are drawn: of many the outermost, without those that
/// another layer only normalises or bends, and of many of these some.
fn telling<'a>(model: &ImageModel, all: &'a [Maps]) -> (usize, Vec<&'a Maps>) {
    // Dropout does nothing here.
    let own = all.iter().filter(|maps| !maps.layer.ends_with("dropout"));
    let mut own: Vec<&Maps> = own.collect();
    let count = own.len();
    if count > MOST_LAYERS {
        let rows = model.outline().rows();
        let outer: Vec<&SummaryRow> = rows.iter().filter(|row| row.depth == 0).collect();
        let goes_on = |i: usize| {
            outer.get(i + 1).is_some_and(|next| {
                let joins = matches!(next.kind, "residual" | "parallel");
                next.output == outer[i].output && next.multiply_adds == 0 && !joins
            })
        };
        let ends = (0..outer.len()).filter(|&i| !goes_on(i));
        let ends: HashSet<&str> = ends.map(|i| outer[i].name.as_str()).collect();
        own.retain(|maps| ends.contains(maps.layer.as_str()));
    }
    (count, spread(own))
}

/// Pictures on which the model is wrong.
fn mistakes(model: &ImageModel, data: &str) -> Result<Canvas> {
    let Mistakes {
        wrong,
        examples,
        surest,
    } = with_reporter(|reporter| model.mistakes(data, MOST_MISTAKES, reporter))?;
    let tiles = surest.iter().map(|mistake| {
        let Prediction {
            label, probability, ..
        } = &mistake.prediction;
        Tile {
            raster: photograph(&mistake.picture),
            captions: vec![
                called(&mistake.address),
                format!("is {}", mistake.truth),
                // The name may be long, and is what can be cut.
                format!("{} “{label}”", percent(f64::from(*probability))),
            ],
        }
    });
    let section = Section {
        title: String::new(),
        side: 116.0,
        tiles: tiles.collect(),
    };
    let of = format!("{} answers on {data}", count(examples as u64));
    let look = surest.first().map_or(String::new(), |first| {
        format!(
            "; look into the first with --picture {}",
            shell(Path::new(&first.address))
        )
    });
    let about = match wrong {
        0 => format!("none in {of}"),
        _ if wrong > surest.len() => format!(
            "the {} surest of {} in {of}, the surest first{look}",
            surest.len(),
            count(wrong as u64)
        ),
        _ => format!(
            "all {} in {of}, the surest first{look}",
            count(wrong as u64)
        ),
    };
    Ok(mosaic::draw("Mistakes", &about, &[section]))
}

/// What a picture is called: its address without DATA and folders.
fn called(address: &str) -> String {
    let inside = address
        .rsplit_once('#')
        .map_or(address, |(_, inside)| inside);
    see::name(Path::new(inside))
}

#[cfg(test)]
mod tests {
    use super::{FALL, MOST_LAYERS, called, spread, told_apart};
    use crate::pictures::colour::Colour;

    /// The caption says so.
    #[test]
    fn a_fall_is_blue_and_a_rise_orange() {
        let Colour(red, _, blue) = (FALL.colour)(0.5);
        assert!(blue > red);
        let Colour(red, _, blue) = (FALL.colour)(-0.5);
        assert!(red > blue);
    }

    #[test]
    fn pictures_are_told_from_each_other() {
        for (address, name) in [
            ("flowers/rose/07.bmp", "07.bmp"),
            ("flowers.zip#rose/07.bmp", "07.bmp"),
            ("mnist#test-4", "test-4"),
            ("hub#data/train-00002-12", "train-00002-12"),
        ] {
            assert_eq!(called(address), name);
        }
    }
    #[test]
    fn many_layers_are_spread() {
        assert_eq!(spread(vec![1, 2, 3]), [1, 2, 3]);
        let some = spread((0..143).collect());
        assert_eq!((some.len(), some[0]), (MOST_LAYERS, 0));
        assert_eq!(some.last(), Some(&142));
    }

    /// One pixel that stands out does not make all others look like nothing.
    #[test]
    fn colours_tell_nearly_all_values_apart() {
        let mut values = vec![1.0; 1000];
        values[7] = -50.0;
        assert_eq!(told_apart(&values), 1.0);
        assert_eq!(told_apart(&[0.5, -2.0]), 2.0);
        let mut nothing = vec![0.0; 1000];
        nothing[7] = 3.0;
        assert_eq!(told_apart(&nothing), 3.0);
        assert!(told_apart(&[]) > 0.0);
    }
}
