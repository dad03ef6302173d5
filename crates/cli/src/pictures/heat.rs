//! Heat maps: numbers as colours, a column for each word of a text.

use super::canvas::{Anchor, Canvas, Rect, Text};
use super::colour::{Colour, MUTED, diverging, sequential};
use super::font::{self, Weight};

/// One map: `rows[unit][word]`.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    pub(crate) title: String,
    pub(crate) rows: Vec<Vec<f32>>,
    /// Whether values lie in -1..1, not in 0..1.
    pub(crate) signed: bool,
}

const MARGIN: f32 = 28.0;
const HEAD: f32 = 92.0;
const TITLE: f32 = 26.0;
const WORDS: f32 = 78.0;
/// Between maps.
const GAP: f32 = 10.0;
const LABEL_SIZE: f32 = 11.0;

/// The maps below each other over the same words.
pub(crate) fn draw(title: &str, subtitle: &str, words: &[String], maps: &[Map]) -> Canvas {
    let columns = words.len().max(1) as f32;
    let cell = (980.0 / columns).clamp(5.0, 26.0);
    let width = (cell * columns + 2.0 * MARGIN).max(560.0);
    let row = |map: &Map| (260.0 / map.rows.len().max(1) as f32).clamp(3.0, 12.0);
    let heights = maps
        .iter()
        .map(|map| TITLE + row(map) * map.rows.len() as f32);
    let gaps = GAP * maps.len().saturating_sub(1) as f32;
    let height = HEAD + heights.sum::<f32>() + gaps + WORDS + MARGIN;
    let mut canvas = Canvas::new(width, height, format!("{title}. {subtitle}"));
    let room = width - 2.0 * MARGIN;
    let heading = font::shorten(title, 18.0, Weight::Bold, room);
    canvas.text(Text::new(MARGIN, 36.0, heading).size(18.0).bold());
    let below = font::shorten(subtitle, 12.0, Weight::Regular, room);
    canvas.text(Text::new(MARGIN, 57.0, below).size(12.0).colour(MUTED));
    legend(&mut canvas, maps.first().is_none_or(|map| map.signed));
    let mut top = HEAD;
    for map in maps {
        canvas.text(
            Text::new(MARGIN, top + 16.0, map.title.as_str())
                .size(13.0)
                .bold(),
        );
        top += TITLE;
        let tall = row(map);
        for values in &map.rows {
            for (i, &value) in values.iter().enumerate() {
                let area = Rect {
                    x: MARGIN + cell * i as f32,
                    y: top,
                    // A hair wider, or paper shines through between cells.
                    width: cell + 0.3,
                    height: tall + 0.3,
                };
                canvas.rect(area, 0.0, colour(value, map.signed));
            }
            top += tall;
        }
        top += GAP;
    }
    top -= GAP;
    // As many words as can stand beside each other.
    let every = (LABEL_SIZE / cell).ceil().max(1.0) as usize;
    for (i, word) in words.iter().enumerate().step_by(every) {
        let x = MARGIN + cell * (i as f32 + 0.5) + LABEL_SIZE / 3.0;
        let word = font::shorten(word, LABEL_SIZE, Weight::Regular, WORDS - 8.0);
        let text = Text::new(x, top + 8.0, word).size(LABEL_SIZE).rotate(-90.0);
        canvas.text(text.anchor(Anchor::End));
    }
    canvas
}

fn colour(value: f32, signed: bool) -> Colour {
    match signed {
        true => diverging(value),
        false => sequential(value),
    }
}

fn legend(canvas: &mut Canvas, signed: bool) {
    let (low, high) = if signed { (-1.0, 1.0) } else { (0.0, 1.0) };
    let label = |x: f32, text: &str, anchor| {
        Text::new(x, 80.0, text)
            .size(LABEL_SIZE)
            .colour(MUTED)
            .anchor(anchor)
    };
    canvas.text(label(
        MARGIN,
        if signed { "−1" } else { "0" },
        Anchor::Start,
    ));
    const STEPS: usize = 40;
    for i in 0..STEPS {
        let value = low + (high - low) * i as f32 / (STEPS - 1) as f32;
        let area = Rect {
            x: MARGIN + 20.0 + 3.0 * i as f32,
            y: 71.0,
            width: 3.3,
            height: 10.0,
        };
        canvas.rect(area, 0.0, colour(value, signed));
    }
    canvas.text(label(
        MARGIN + 26.0 + 3.0 * STEPS as f32,
        "1",
        Anchor::Start,
    ));
}
