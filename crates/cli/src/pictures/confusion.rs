//! The confusion matrix as a heat map.

use super::canvas::{Anchor, Canvas, Rect, Stroke, Text};
use super::colour::{Colour, GRID, INK, MUTED, ink_on, sequential};
use super::font::{self, Weight};
use crate::wording;

/// Counts by true and predicted class, and what to write above them.
#[derive(Clone, Debug)]
pub(crate) struct Confusion<'a> {
    pub(crate) title: &'a str,
    pub(crate) labels: &'a [String],
    /// `counts[truth][prediction]`, square.
    pub(crate) counts: &'a [Vec<u64>],
}

const MARGIN: f32 = 28.0;
const LABEL_SIZE: f32 = 11.0;
/// Names longer than this are cut; all of the name stays in the model and the JSON.
const LABEL_ROOM: f32 = 150.0;
const SIDE_WIDTH: f32 = 62.0;
/// Cells smaller than this have no room for names: those of columns rise at an angle, and lines of text lie 0.7 cells apart.
const SMALLEST_NAMED: f32 = 16.0;

struct Layout {
    left: f32,
    top: f32,
    cell: f32,
    classes: usize,
    /// Column names lie flat when they fit into a cell, else they rise at an angle.
    flat: bool,
    label_room: f32,
}

impl Layout {
    fn of(labels: &[String]) -> Self {
        let classes = labels.len();
        let cell = match classes {
            0..=3 => 112.0,
            4..=6 => 72.0,
            7..=12 => 52.0,
            13..=24 => 40.0,
            25..=40 => 26.0,
            41..=150 => (1000.0 / classes as f32).max(SMALLEST_NAMED),
            _ => (2000.0 / classes as f32).max(3.0),
        };
        let widest = labels
            .iter()
            .map(|label| font::width(label, LABEL_SIZE, Weight::Regular))
            .fold(0.0, f32::max);
        let label_room = if cell < SMALLEST_NAMED {
            0.0
        } else {
            widest.min(LABEL_ROOM)
        };
        let flat = label_room <= cell - 8.0;
        let names_height = if flat { 18.0 } else { label_room * 0.75 + 14.0 };
        Self {
            left: MARGIN + 24.0 + label_room + 8.0,
            top: 92.0 + names_height,
            cell,
            classes,
            flat,
            label_room,
        }
    }

    fn side(&self) -> f32 {
        self.cell * self.classes as f32
    }

    fn right(&self) -> f32 {
        self.left + self.side()
    }

    fn bottom(&self) -> f32 {
        self.top + self.side()
    }

    fn cell(&self, row: usize, column: usize) -> Rect {
        Rect {
            x: self.left + column as f32 * self.cell,
            y: self.top + row as f32 * self.cell,
            width: self.cell,
            height: self.cell,
        }
    }
}

/// Draws rows of true classes against columns of predicted ones, coloured by the share of the row.
pub(crate) fn draw(confusion: &Confusion<'_>) -> Canvas {
    let layout = Layout::of(confusion.labels);
    let subtitle = subtitle(confusion.counts);
    let title = Text::new(MARGIN, 36.0, confusion.title).size(18.0).bold();
    let text_width = title
        .width()
        .max(font::width(&subtitle, 12.0, Weight::Regular));
    // The last slanted column name leans out over the right edge.
    let lean = if layout.flat {
        0.0
    } else {
        layout.label_room * 0.72 - SIDE_WIDTH
    };
    let width = (layout.right() + SIDE_WIDTH + lean.max(0.0)).max(MARGIN + text_width) + MARGIN;
    let height = layout.bottom() + 36.0 + 62.0 + MARGIN;
    let mut canvas = Canvas::new(width, height, format!("{}. {subtitle}", confusion.title));
    canvas.text(title);
    canvas.text(Text::new(MARGIN, 57.0, subtitle).colour(MUTED));
    draw_cells(&mut canvas, &layout, confusion.counts);
    draw_names(&mut canvas, &layout, confusion.labels);
    draw_margins(&mut canvas, &layout, confusion.counts);
    draw_scale(&mut canvas, &layout);
    canvas
}

fn subtitle(counts: &[Vec<u64>]) -> String {
    let total: u64 = counts.iter().flatten().sum();
    let right: u64 = counts.iter().enumerate().map(|(i, row)| row[i]).sum();
    match share(right, total) {
        Some(accuracy) => format!(
            "{:.2} % right: {} of {} examples",
            accuracy * 100.0,
            wording::count(right),
            wording::count(total)
        ),
        None => "no examples".to_owned(),
    }
}

fn share(part: u64, whole: u64) -> Option<f32> {
    (whole > 0).then(|| (part as f64 / whole as f64) as f32)
}

/// The colour of a share; small ones are lifted, since the mistakes are what one looks for.
fn shade(share: f32) -> Colour {
    sequential(share.powf(0.6))
}

/// A rate that never claims to be all or nothing when it is not.
fn percent(part: u64, whole: u64) -> String {
    match share(part, whole) {
        None => "–".to_owned(),
        Some(_) if part == whole => "100 %".to_owned(),
        Some(rate) if rate >= 0.995 => format!("{:.1} %", (rate * 1000.0).floor() / 10.0),
        Some(rate) if rate < 0.0095 && part > 0 => format!("{:.1} %", rate * 100.0),
        Some(rate) => format!("{:.0} %", rate * 100.0),
    }
}

fn draw_cells(canvas: &mut Canvas, layout: &Layout, counts: &[Vec<u64>]) {
    for (row, values) in counts.iter().enumerate() {
        let total = values.iter().sum();
        for (column, &count) in values.iter().enumerate() {
            let area = layout.cell(row, column);
            let fill = shade(share(count, total).unwrap_or(0.0));
            canvas.rect(area, 0.0, fill);
            if count > 0 {
                draw_count(canvas, area, count, &percent(count, total), ink_on(fill));
            }
        }
    }
    if layout.cell >= 20.0 {
        for i in 0..=layout.classes {
            let shift = i as f32 * layout.cell;
            let (x, y) = (layout.left + shift, layout.top + shift);
            canvas.line(
                (x, layout.top),
                (x, layout.bottom()),
                Stroke::solid(GRID, 1.0),
            );
            canvas.line(
                (layout.left, y),
                (layout.right(), y),
                Stroke::solid(GRID, 1.0),
            );
        }
    }
    let whole = Rect {
        x: layout.left,
        y: layout.top,
        width: layout.side(),
        height: layout.side(),
    };
    canvas.frame(whole, 0.0, Stroke::solid(MUTED, 1.0));
}

/// The count, and under it the rate where the cell is large enough.
fn draw_count(canvas: &mut Canvas, area: Rect, count: u64, rate: &str, ink: Colour) {
    let (x, y) = (area.x + area.width / 2.0, area.y + area.height / 2.0);
    let (large, small) = match area.width {
        wide if wide >= 100.0 => (20.0, 12.0),
        wide if wide >= 70.0 => (15.0, 11.0),
        wide if wide >= 50.0 => (12.0, 9.5),
        wide if wide >= 36.0 => (10.0, 8.0),
        _ => (8.0, 0.0),
    };
    let count = wording::count(count);
    if font::width(&count, large, Weight::Bold) > area.width - 2.0 {
        return;
    }
    let shift = if small > 0.0 {
        -small * 0.25
    } else {
        large * 0.36
    };
    canvas.text(
        Text::new(x, y + shift, count)
            .size(large)
            .bold()
            .colour(ink)
            .anchor(Anchor::Middle),
    );
    if small > 0.0 {
        let below = y + shift + small * 1.35;
        canvas.text(
            Text::new(x, below, rate)
                .size(small)
                .colour(ink)
                .anchor(Anchor::Middle),
        );
    }
}

fn draw_names(canvas: &mut Canvas, layout: &Layout, labels: &[String]) {
    let head = Text::new(layout.left, 84.0, "predicted →").colour(MUTED);
    canvas.text(head.size(LABEL_SIZE));
    let middle = layout.top + layout.side() / 2.0;
    let side = Text::new(MARGIN + 8.0, middle, "← true")
        .size(LABEL_SIZE)
        .colour(MUTED);
    canvas.text(side.anchor(Anchor::Middle).rotate(-90.0));
    if layout.cell < SMALLEST_NAMED {
        return;
    }
    for (i, label) in labels.iter().enumerate() {
        let name = font::shorten(label, LABEL_SIZE, Weight::Regular, layout.label_room + 0.5);
        let at = (i as f32 + 0.5) * layout.cell;
        let row =
            Text::new(layout.left - 8.0, layout.top + at + 4.0, name.clone()).size(LABEL_SIZE);
        canvas.text(row.anchor(Anchor::End));
        let column = Text::new(layout.left + at, layout.top - 8.0, name).size(LABEL_SIZE);
        canvas.text(if layout.flat {
            column.anchor(Anchor::Middle)
        } else {
            column.rotate(-45.0)
        });
    }
}

/// Recall of each row to the right, precision of each column below.
fn draw_margins(canvas: &mut Canvas, layout: &Layout, counts: &[Vec<u64>]) {
    let (right, bottom) = (layout.right() + 10.0, layout.bottom() + 18.0);
    if layout.cell < 20.0 {
        return;
    }
    let size = if layout.cell >= 36.0 { 11.0 } else { 8.0 };
    for (i, row) in counts.iter().enumerate() {
        let at = (i as f32 + 0.5) * layout.cell;
        let recall = percent(row[i], row.iter().sum());
        canvas.text(
            Text::new(right, layout.top + at + 4.0, recall)
                .size(size)
                .colour(INK),
        );
        let precision = percent(row[i], counts.iter().map(|row| row[i]).sum());
        canvas.text(
            Text::new(layout.left + at, bottom, precision)
                .size(size)
                .colour(INK)
                .anchor(Anchor::Middle),
        );
    }
    let caption = |x, y, text: &str| Text::new(x, y, text).size(10.0).colour(MUTED);
    if layout.flat {
        canvas.text(caption(right, layout.top - 8.0, "recall"));
    } else {
        canvas.text(caption(right, bottom, "↑ recall"));
    }
    canvas.text(caption(layout.left - 8.0, bottom, "precision").anchor(Anchor::End));
}

/// What the colours mean.
fn draw_scale(canvas: &mut Canvas, layout: &Layout) {
    const STEPS: usize = 100;
    let width = layout.side().clamp(120.0, 220.0);
    let (left, y) = (layout.left, layout.bottom() + 44.0);
    for i in 0..STEPS {
        let x = left + width * i as f32 / STEPS as f32;
        let strip = Rect {
            x,
            y,
            width: width / STEPS as f32 + 0.5,
            height: 10.0,
        };
        canvas.rect(strip, 0.0, shade(i as f32 / (STEPS - 1) as f32));
    }
    canvas.frame(
        Rect {
            x: left,
            y,
            width,
            height: 10.0,
        },
        0.0,
        Stroke::solid(GRID, 1.0),
    );
    for (share, label) in [(0.0, "0 %"), (0.5, "50 %"), (1.0, "100 %")] {
        let label = Text::new(left + width * share, y + 24.0, label)
            .size(10.0)
            .colour(MUTED);
        canvas.text(label.anchor(Anchor::Middle));
    }
    canvas.text(
        Text::new(left, y + 42.0, "share of the true class (row)")
            .size(10.0)
            .colour(MUTED),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_do_not_overstate() {
        assert_eq!(percent(999, 1000), "99.9 %");
        assert_eq!(percent(9999, 10_000), "99.9 %");
        assert_eq!(percent(1000, 1000), "100 %");
        assert_eq!(percent(1, 1000), "0.1 %");
        assert_eq!(percent(0, 7), "0 %");
        assert_eq!(percent(0, 0), "–");
    }

    #[test]
    fn an_empty_matrix_is_drawn() {
        let canvas = draw(&Confusion {
            title: "empty",
            labels: &[],
            counts: &[],
        });
        assert!(canvas.to_svg().contains("no examples"));
    }
}
