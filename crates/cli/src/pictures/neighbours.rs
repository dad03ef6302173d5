//! The words that a language model places nearest to another.

use super::canvas::{Anchor, Canvas, Rect, Text};
use super::colour::{BLUE, MUTED, WHITE, mix};

const WIDTH: f32 = 560.0;
const MARGIN: f32 = 28.0;
const ROW: f32 = 24.0;
const NAMES: f32 = 150.0;

/// A bar for each neighbour: the cosine between the vectors.
pub(crate) fn draw(word: &str, neighbours: &[(String, f64)]) -> Canvas {
    let height = 84.0 + ROW * neighbours.len() as f32 + MARGIN;
    let title = format!("Nearest to “{word}”");
    let mut canvas = Canvas::new(WIDTH, height, title.as_str());
    canvas.text(Text::new(MARGIN, 36.0, title).size(18.0).bold());
    let note = "cosine between the word vectors: 1 is the same direction, 0 none in common";
    canvas.text(Text::new(MARGIN, 57.0, note).size(12.0).colour(MUTED));
    for (i, (name, cosine)) in neighbours.iter().enumerate() {
        let y = 78.0 + ROW * i as f32;
        let text = Text::new(MARGIN + NAMES - 8.0, y + 15.0, name.as_str()).size(13.0);
        canvas.text(text.anchor(Anchor::End));
        let room = WIDTH - 2.0 * MARGIN - NAMES - 56.0;
        let bar = Rect {
            x: MARGIN + NAMES,
            y: y + 3.0,
            width: (room * cosine.clamp(0.0, 1.0) as f32).max(1.0),
            height: ROW - 8.0,
        };
        canvas.rect(bar, 2.0, mix(WHITE, BLUE, 0.75));
        let value = Text::new(bar.x + bar.width + 6.0, y + 15.0, format!("{cosine:.2}"));
        canvas.text(value.size(12.0).colour(MUTED));
    }
    canvas
}
