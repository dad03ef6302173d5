//! A text with each word coloured by how little a language model expected it.

use super::canvas::{Canvas, Rect, Stroke, Text};
use super::colour::{Colour, GRID, MUTED, ink_on, sequential};
use super::flow;
use crate::wording::{counted, visible};
use unfold::tasks::language::Seen;

const WIDTH: f32 = 900.0;
const MARGIN: f32 = 28.0;
const TEXT_SIZE: f32 = 14.0;
const LINE_HEIGHT: f32 = 25.0;
const MOST_LINES: usize = 40;
/// The surprise of the darkest colour, in nats: one in twenty thousand.
const DARKEST: f64 = 10.0;
/// The colour of words that the model does not know: how likely `<unk>` was says nothing about them.
const UNKNOWN: Colour = Colour(0xc4, 0xc8, 0xcd);

/// Draws the text, whose tokens are called `noun`, and what surprised most.
pub(crate) fn draw(text: &str, seen: &[Seen], noun: &str) -> Canvas {
    let ranges: Vec<_> = seen.iter().map(|seen| seen.place.clone()).collect();
    let room = WIDTH - 2.0 * MARGIN - 24.0;
    let flow = flow::wrap(text, &ranges, TEXT_SIZE, room, MOST_LINES);
    let height = 20.0 + LINE_HEIGHT * flow.height() as f32;
    let mut strongest: Vec<&Seen> = seen.iter().filter(|seen| seen.known).collect();
    strongest.sort_by(|a, b| b.surprise.total_cmp(&a.surprise));
    strongest.truncate(8);
    let top = 106.0;
    let list = top + height + 40.0;
    let mean = seen.iter().map(|seen| seen.surprise).sum::<f64>() / seen.len().max(1) as f64;
    let title = format!(
        "Perplexity {:.1} over {}",
        mean.exp(),
        counted(seen.len() as u64, noun)
    );
    let all = list + 22.0 * strongest.len() as f32 + MARGIN;
    let mut canvas = Canvas::new(WIDTH, all, title.as_str());
    canvas.text(Text::new(MARGIN, 36.0, title).size(18.0).bold());
    let note = format!(
        "surprise: −ln of the probability that the model gave each {noun} before it read it"
    );
    canvas.text(Text::new(MARGIN, 57.0, note).colour(MUTED));
    legend(&mut canvas, seen.iter().any(|seen| !seen.known));
    let paper = Rect {
        x: MARGIN,
        y: top,
        width: WIDTH - 2.0 * MARGIN,
        height,
    };
    canvas.frame(paper, 6.0, Stroke::solid(GRID, 1.0));
    for (row, line) in flow.lines.iter().enumerate() {
        let baseline = top + 10.0 + LINE_HEIGHT * row as f32 + 17.0;
        for piece in line {
            let fill = match piece.range.map(|range| &seen[range]) {
                Some(seen) if !seen.known => UNKNOWN,
                seen => {
                    let surprise = seen.map_or(0.0, |seen| seen.surprise);
                    sequential((surprise / DARKEST) as f32)
                }
            };
            let x = MARGIN + 12.0 + piece.x;
            if piece.range.is_some() {
                let area = Rect {
                    x: x - 1.5,
                    y: baseline - 15.0,
                    width: piece.width + 3.0,
                    height: 20.0,
                };
                canvas.rect(area, 3.0, fill);
            }
            let text = Text::new(x, baseline, piece.text.as_str()).size(TEXT_SIZE);
            canvas.text(text.colour(ink_on(fill)).exact_width());
        }
    }
    if let Some(note) = flow.note() {
        let baseline = top + 10.0 + LINE_HEIGHT * flow.lines.len() as f32 + 17.0;
        canvas.text(Text::new(MARGIN + 12.0, baseline, note).colour(MUTED));
    }
    let heading = Text::new(MARGIN, list - 12.0, "What surprised most")
        .size(13.0)
        .bold();
    canvas.text(heading);
    for (i, seen) in strongest.iter().enumerate() {
        let line = format!(
            "“{}” with probability {} — expected “{}” ({})",
            visible(&seen.word),
            chance(seen.surprise),
            visible(&seen.expected.0),
            percent(seen.expected.1)
        );
        canvas.text(Text::new(MARGIN, list + 10.0 + 22.0 * i as f32, line).size(13.0));
    }
    canvas
}

/// A probability in words that stay readable however small it is.
fn percent(p: f64) -> String {
    format!("{:.1} %", p * 100.0)
}

fn chance(surprise: f64) -> String {
    let p = (-surprise).exp();
    match p {
        p if p >= 0.001 => percent(p),
        p => format!("1 in {}", crate::wording::count((1.0 / p).min(1e15) as u64)),
    }
}

fn legend(canvas: &mut Canvas, unknown: bool) {
    for i in 0..=20 {
        let area = Rect {
            x: MARGIN + 64.0 + 8.0 * i as f32,
            y: 74.0,
            width: 8.2,
            height: 12.0,
        };
        canvas.rect(area, 0.0, sequential(i as f32 / 20.0));
    }
    let label = |x: f32, text: &str| Text::new(x, 84.0, text).size(11.0).colour(MUTED);
    canvas.text(label(MARGIN, "expected"));
    canvas.text(label(MARGIN + 240.0, "10 nats: 1 in 22,000"));
    if unknown {
        let area = Rect {
            x: MARGIN + 380.0,
            y: 74.0,
            width: 24.0,
            height: 12.0,
        };
        canvas.rect(area, 0.0, UNKNOWN);
        canvas.text(label(MARGIN + 410.0, "unknown: the model read <unk>"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_or_left_out_is_told() {
        let seen = |known| Seen {
            place: 0..5,
            word: "whale".into(),
            known,
            surprise: 2.0,
            expected: ("a\n".into(), 0.5),
            layers: Vec::new(),
        };
        let svg = |text: &str, known| draw(text, &[seen(known)], "piece").to_svg();
        let known = svg("whale", true);
        assert!(
            known.contains("over 1 piece") && known.contains("“a↵”") && !known.contains("unknown")
        );
        assert!(svg("whale", false).contains("unknown"));
        let long = "whale ".repeat(10_000);
        assert!(!known.contains("more word") && svg(&long, true).contains("more words"));
    }
}
