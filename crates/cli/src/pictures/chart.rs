//! Line charts side by side.

use super::canvas::{Anchor, Canvas, Rect, Stroke, Text};
use super::colour::{Colour, GRID, INK, MUTED, WHITE};
use super::ticks::{Axis, Format};

/// How a series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// A thin line without an entry in the legend that may leave the axis: noise behind a smoother line.
    Faint,
    /// A line.
    Line,
    /// A line with a dot at each value.
    Dots,
    /// A dashed line: a level to compare with.
    Dashes,
    /// Not drawn at all, but the axes make room for it.
    Hidden,
}

/// Values of one kind, from left to right.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) colour: Colour,
    pub(crate) style: Style,
    pub(crate) points: Vec<(f64, f64)>,
}

/// A place worth marking on the horizontal axis.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) x: f64,
    /// The value at `x`, where the dot goes.
    pub(crate) y: f64,
    pub(crate) label: String,
}

/// One chart of a picture.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) x_label: String,
    /// The values on a logarithmic horizontal axis; without any it counts from 0.
    pub(crate) x_values: Vec<f64>,
    pub(crate) y_format: Format,
    pub(crate) series: Vec<Series>,
    pub(crate) mark: Option<Mark>,
}

const MARGIN: f32 = 28.0;
const HEAD: f32 = 62.0;
const PANEL_WIDTH: f32 = 470.0;
const PANEL_HEIGHT: f32 = 340.0;
/// Room inside a panel for its title and legend, left labels, and the horizontal axis.
const TOP: f32 = 58.0;
const LEFT: f32 = 52.0;
const BOTTOM: f32 = 46.0;
const RIGHT: f32 = 18.0;

/// Where the names of the series are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Legend {
    /// In each panel its own.
    Own,
    /// Once for all panels, which have the first one's series, and one vertical axis.
    Shared,
}

/// The height of a shared legend of one line.
const LEGEND: f32 = 24.0;

/// The panels in one row under a title.
pub(crate) fn draw(title: &str, subtitle: &str, legend: Legend, panels: &[Panel]) -> Canvas {
    let shared = panels.first().filter(|_| legend == Legend::Shared);
    let columns = panels.len().max(1) as f32;
    let room = PANEL_WIDTH * columns;
    let width = MARGIN * 2.0 + room;
    let head = HEAD + shared.map_or(0.0, |panel| LEGEND + further_lines(&panel.series, room));
    let mut canvas = Canvas::new(
        width,
        head + PANEL_HEIGHT + MARGIN,
        format!("{title}. {subtitle}"),
    );
    canvas.text(Text::new(MARGIN, 36.0, title).size(18.0).bold());
    canvas.text(Text::new(MARGIN, 57.0, subtitle).colour(MUTED));
    if let Some(panel) = shared {
        draw_legend(
            &mut canvas,
            (MARGIN, HEAD + 22.0),
            room,
            &panel.series,
            legend,
        );
    }
    for (i, panel) in panels.iter().enumerate() {
        let together = match legend {
            Legend::Own => std::slice::from_ref(panel),
            Legend::Shared => panels,
        };
        let area = Rect {
            x: MARGIN + PANEL_WIDTH * i as f32,
            y: head,
            width: PANEL_WIDTH,
            height: PANEL_HEIGHT,
        };
        draw_panel(&mut canvas, area, panel, y_axis(together), legend);
    }
    canvas
}

/// The frame of a chart and how values become places in it.
struct Plot {
    frame: Rect,
    x: Axis,
    y: Axis,
}

impl Plot {
    fn at(&self, (x, y): (f64, f64)) -> (f32, f32) {
        let Rect {
            x: left,
            y: top,
            width,
            height,
        } = self.frame;
        (
            left + self.x.place(x) * width,
            top + (1.0 - self.y.place(y)) * height,
        )
    }

    fn bottom(&self) -> f32 {
        self.frame.y + self.frame.height
    }
}

fn draw_panel(canvas: &mut Canvas, area: Rect, panel: &Panel, y: Axis, legend: Legend) {
    let top = match legend {
        Legend::Own => TOP + further_lines(&panel.series, area.width - LEFT - RIGHT),
        Legend::Shared => TOP - LEGEND,
    };
    let frame = Rect {
        x: area.x + LEFT,
        y: area.y + top,
        width: area.width - LEFT - RIGHT,
        height: area.height - top - BOTTOM,
    };
    let plot = Plot {
        frame,
        x: x_axis(panel),
        y,
    };
    canvas.text(
        Text::new(frame.x, area.y + 26.0, panel.title.as_str())
            .size(13.0)
            .bold(),
    );
    draw_grid(canvas, &plot, &panel.x_label);
    for (series, dash) in panel.series.iter().zip(dashes(&panel.series, legend)) {
        draw_series(canvas, &plot, series, dash);
    }
    if let Some(mark) = &panel.mark {
        draw_mark(canvas, &plot, mark);
    }
    if legend == Legend::Own {
        let at = (frame.x, area.y + 46.0);
        draw_legend(canvas, at, frame.width, &panel.series, legend);
    }
}

/// How each series is dashed. Where series stand beside each other in many panels, some may be the same: the first one's
/// line is whole, and those over it have gaps of different lengths, through which it can be seen.
fn dashes(series: &[Series], legend: Legend) -> Vec<Option<f32>> {
    const LENGTHS: [Option<f32>; 6] =
        [None, Some(14.0), Some(9.0), Some(6.0), Some(4.0), Some(2.5)];
    let mut lines = 0;
    let dash = |series: &Series| match series.style {
        Style::Dashes => Some(4.0),
        Style::Line | Style::Dots if legend == Legend::Shared => {
            lines += 1;
            LENGTHS[(lines - 1) % LENGTHS.len()]
        }
        _ => None,
    };
    series.iter().map(dash).collect()
}

fn finite(series: &Series) -> impl Iterator<Item = (f64, f64)> + '_ {
    series
        .points
        .iter()
        .copied()
        .filter(|(x, y)| x.is_finite() && y.is_finite())
}

fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), value| {
        (lo.min(value), hi.max(value))
    })
}

fn x_axis(panel: &Panel) -> Axis {
    if !panel.x_values.is_empty() {
        return Axis::of_values(&panel.x_values);
    }
    let (_, hi) = bounds(panel.series.iter().flat_map(finite).map(|(x, _)| x));
    Axis::fit(0.0, hi, 6, Format::Count, false)
}

/// The vertical axis of these panels. Faint series are noise: they fill it but do not stretch it, unless there is
/// nothing else.
fn y_axis(panels: &[Panel]) -> Axis {
    let all = || panels.iter().flat_map(|panel| &panel.series);
    let strong = || {
        all()
            .filter(|series| series.style != Style::Faint)
            .flat_map(finite)
    };
    let (lo, hi) = if strong().next().is_some() {
        bounds(strong().map(|(_, y)| y))
    } else {
        bounds(all().flat_map(finite).map(|(_, y)| y))
    };
    let format = panels
        .first()
        .map_or(Format::Number, |panel| panel.y_format);
    if format == Format::Power {
        return Axis::fit(lo, hi, 6, Format::Power, true);
    }
    let room = (hi - lo) * 0.05;
    let lo = if lo >= 0.0 && lo < (hi - lo) * 0.6 {
        0.0
    } else {
        lo - room
    };
    Axis::fit(lo, hi + room, 5, format, true)
}

fn draw_grid(canvas: &mut Canvas, plot: &Plot, x_label: &str) {
    let Rect {
        x: left,
        width,
        y: top,
        ..
    } = plot.frame;
    for (value, label) in plot.y.ticks() {
        let y = top + (1.0 - plot.y.place(*value)) * plot.frame.height;
        canvas.line((left, y), (left + width, y), Stroke::solid(GRID, 1.0));
        canvas.text(
            Text::new(left - 8.0, y + 4.0, label.as_str())
                .size(11.0)
                .colour(MUTED)
                .anchor(Anchor::End),
        );
    }
    let bottom = plot.bottom();
    canvas.line(
        (left, bottom),
        (left + width, bottom),
        Stroke::solid(MUTED, 1.0),
    );
    for (value, label) in plot.x.ticks() {
        let x = left + plot.x.place(*value) * width;
        canvas.line((x, bottom), (x, bottom + 4.0), Stroke::solid(MUTED, 1.0));
        canvas.text(
            Text::new(x, bottom + 18.0, label.as_str())
                .size(11.0)
                .colour(MUTED)
                .anchor(Anchor::Middle),
        );
    }
    let label = Text::new(left + width / 2.0, bottom + 36.0, x_label)
        .size(11.0)
        .colour(MUTED);
    canvas.text(label.anchor(Anchor::Middle));
}

fn draw_series(canvas: &mut Canvas, plot: &Plot, series: &Series, dash: Option<f32>) {
    if series.style == Style::Hidden {
        return;
    }
    let points: Vec<_> = finite(series).map(|point| plot.at(point)).collect();
    let width = match series.style {
        Style::Faint => 1.0,
        Style::Dashes => 1.5,
        _ => 2.0,
    };
    canvas.polyline(points.clone(), stroke(series.colour, width, dash));
    let crowded = points.len() > 30;
    if series.style == Style::Dots && !crowded || points.len() == 1 {
        for (x, y) in points {
            canvas.circle(x, y, 3.2, series.colour, Some(Stroke::solid(WHITE, 1.0)));
        }
    }
}

fn stroke(colour: Colour, width: f32, dash: Option<f32>) -> Stroke {
    match dash {
        Some(dash) => Stroke::dashed(colour, width, dash),
        None => Stroke::solid(colour, width),
    }
}

fn draw_mark(canvas: &mut Canvas, plot: &Plot, mark: &Mark) {
    let (x, y) = plot.at((mark.x, mark.y));
    let Rect {
        x: left,
        y: top,
        width,
        ..
    } = plot.frame;
    canvas.line(
        (x, top),
        (x, plot.bottom()),
        Stroke::dashed(MUTED, 1.0, 3.0),
    );
    canvas.circle(x, y, 5.0, WHITE, Some(Stroke::solid(INK, 2.0)));
    let to_the_left = x > left + width / 2.0;
    let (shift, anchor) = if to_the_left {
        (-7.0, Anchor::End)
    } else {
        (7.0, Anchor::Start)
    };
    // The label goes to whichever end of the dashed line its dot is farther from.
    let near_top = y < top + plot.frame.height / 2.0;
    let label_y = if near_top {
        plot.bottom() - 10.0
    } else {
        top + 14.0
    };
    let label = Text::new(x + shift, label_y, mark.label.as_str())
        .size(11.0)
        .anchor(anchor);
    let label_x = if to_the_left {
        label.x - label.width()
    } else {
        label.x
    };
    let paper = Rect {
        x: label_x - 3.0,
        y: label_y - 11.0,
        width: label.width() + 6.0,
        height: 15.0,
    };
    canvas.rect(paper, 2.0, WHITE);
    canvas.text(label);
}

/// From a line of a legend to the next.
const LEGEND_LINE: f32 = 16.0;

/// A name in a legend, which has none for series that are there for comparison.
fn legend_name(series: &Series) -> Option<Text> {
    let named = !matches!(series.style, Style::Faint | Style::Hidden);
    named.then(|| Text::new(0.0, 0.0, series.name.as_str()).size(11.0))
}

/// Where the names of a legend so wide are, from its first one.
fn legend_places(series: &[Series], room: f32) -> Vec<(f32, f32)> {
    let mut next = (0.0, 0.0);
    let names = series.iter().filter_map(legend_name);
    let places = names.map(|name| {
        let width = 24.0 + name.width();
        if next.0 > 0.0 && next.0 + width > room {
            next = (0.0, next.1 + LEGEND_LINE);
        }
        let place = next;
        next.0 += width + 18.0;
        place
    });
    places.collect()
}

/// The height of all lines of such a legend but the first.
fn further_lines(series: &[Series], room: f32) -> f32 {
    let places = legend_places(series, room);
    places.last().map_or(0.0, |place| place.1)
}

fn draw_legend(
    canvas: &mut Canvas,
    (left, top): (f32, f32),
    room: f32,
    series: &[Series],
    legend: Legend,
) {
    let named = series.iter().zip(dashes(series, legend));
    let named = named.filter_map(|(series, dash)| Some((series, dash, legend_name(series)?)));
    for ((series, dash, name), (right, down)) in named.zip(legend_places(series, room)) {
        let (x, y) = (left + right, top + down);
        let width = match series.style {
            Style::Dashes => 1.5,
            _ => 2.5,
        };
        let stroke = stroke(series.colour, width, dash);
        canvas.line((x, y - 4.0), (x + 18.0, y - 4.0), stroke);
        if series.style == Style::Dots {
            canvas.circle(
                x + 9.0,
                y - 4.0,
                3.2,
                series.colour,
                Some(Stroke::solid(WHITE, 1.0)),
            );
        }
        canvas.text(Text {
            x: x + 24.0,
            y,
            ..name
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pictures::colour::BLUE;

    #[test]
    fn a_legend_goes_on_in_a_further_line() {
        let series = |name: &str, style| Series {
            name: name.into(),
            colour: BLUE,
            style,
            points: vec![(0.0, 1.0), (1.0, 2.0)],
        };
        let all = [
            series("a name", Style::Line),
            series("for comparison", Style::Faint),
            series("a name", Style::Dots),
            series("another name", Style::Dashes),
        ];
        let width = 24.0 + legend_name(&all[0]).unwrap().width();
        let places = legend_places(&all, 2.0 * width + 18.0);
        let second = (width + 18.0, 0.0);
        assert_eq!(places, [(0.0, 0.0), second, (0.0, LEGEND_LINE)]);
        assert_eq!(further_lines(&all, 1000.0), 0.0);
        // One that is too long for any line has one of its own.
        assert_eq!(further_lines(&all, 1.0), 2.0 * LEGEND_LINE);
    }
}
