//! Which words decided: a text with each word coloured by what it contributed.

use std::collections::BTreeMap;
use std::ops::Range;

use super::bars;
use super::canvas::{Anchor, Canvas, Rect, Stroke, Text};
use super::colour::{Colour, GRID, MUTED, diverging, ink_on};
use super::flow::{self, Flow};
use super::font::{self, Weight};

/// A classified text and what its parts contributed to one class.
#[derive(Clone, Debug)]
pub(crate) struct Words<'a> {
    pub(crate) text: &'a str,
    /// The class the contributions are for.
    pub(crate) label: &'a str,
    /// How the contributions were found, in a few words.
    pub(crate) method: &'a str,
    /// Bytes of the text and their signed contribution, from left to right.
    pub(crate) weights: &'a [(Range<usize>, f32)],
    /// Every class with its probability.
    pub(crate) probabilities: &'a [(String, f32)],
}

const WIDTH: f32 = 900.0;
const MARGIN: f32 = 28.0;
const TEXT_SIZE: f32 = 14.0;
const LINE_HEIGHT: f32 = 24.0;
const MOST_LINES: usize = 40;
const MOST_BARS: usize = 8;

/// Draws the text above the class probabilities and the words that weigh most.
pub(crate) fn draw(words: &Words<'_>) -> Canvas {
    let ranges: Vec<_> = words
        .weights
        .iter()
        .map(|(range, _)| range.clone())
        .collect();
    let flow = flow::wrap(
        words.text,
        &ranges,
        TEXT_SIZE,
        WIDTH - 2.0 * MARGIN - 24.0,
        MOST_LINES,
    );
    let probabilities = likeliest(words.probabilities);
    let strongest = strongest(words.text, words.weights);
    let text_top = 106.0;
    let text_height = 20.0 + LINE_HEIGHT * flow.height() as f32;
    let bars_top = text_top + text_height + 44.0;
    let bars = probabilities.len().max(strongest.len()).max(1) as f32;
    let title = title(words);
    let mut canvas = Canvas::new(
        WIDTH,
        bars_top + bars * bars::HEIGHT + MARGIN,
        title.as_str(),
    );
    canvas.text(
        Text::new(
            MARGIN,
            36.0,
            font::shorten(&title, 18.0, Weight::Bold, WIDTH - 2.0 * MARGIN),
        )
        .size(18.0)
        .bold(),
    );
    canvas.text(Text::new(MARGIN, 57.0, words.method).colour(MUTED));
    draw_legend(&mut canvas, words.label, 84.0);

    let paper = Rect {
        x: MARGIN,
        y: text_top,
        width: WIDTH - 2.0 * MARGIN,
        height: text_height,
    };
    canvas.frame(paper, 6.0, Stroke::solid(GRID, 1.0));
    draw_text(
        &mut canvas,
        &flow,
        words.weights,
        MARGIN + 12.0,
        text_top + 10.0,
    );

    let half = (WIDTH - 2.0 * MARGIN) / 2.0 - 20.0;
    let left = Rect {
        x: MARGIN,
        y: bars_top,
        width: half,
        height: 0.0,
    };
    let title = "Class probabilities";
    bars::draw(&mut canvas, title, &probabilities, words.label, left);
    let right = Rect {
        x: WIDTH - MARGIN - half,
        y: bars_top,
        width: half,
        height: 0.0,
    };
    draw_strongest(&mut canvas, &strongest, right);
    canvas
}

fn title(words: &Words<'_>) -> String {
    match words
        .probabilities
        .iter()
        .find(|(label, _)| label == words.label)
    {
        Some((label, probability)) => {
            format!("“{label}” with probability {}", bars::percent(*probability))
        }
        None => format!("“{}”", words.label),
    }
}

fn likeliest(probabilities: &[(String, f32)]) -> Vec<(&str, f32)> {
    let mut sorted: Vec<_> = probabilities
        .iter()
        .map(|(label, p)| (label.as_str(), *p))
        .collect();
    sorted.sort_by(|a, b| b.1.total_cmp(&a.1));
    sorted.truncate(MOST_BARS);
    sorted
}

/// The words with the largest contributions, each summed over the places it stands at.
fn strongest(text: &str, weights: &[(Range<usize>, f32)]) -> Vec<(String, f32)> {
    let mut sums = BTreeMap::<String, f32>::new();
    for (range, weight) in weights {
        if let Some(word) = text.get(range.clone()) {
            *sums.entry(word.to_lowercase()).or_default() += weight;
        }
    }
    let mut sorted: Vec<_> = sums
        .into_iter()
        .filter(|(_, weight)| *weight != 0.0)
        .collect();
    sorted.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    sorted.truncate(MOST_BARS);
    sorted
}

/// Contributions as shares of the largest one.
fn largest(weights: impl Iterator<Item = f32>) -> f32 {
    weights
        .map(f32::abs)
        .filter(|weight| weight.is_finite())
        .fold(f32::MIN_POSITIVE, f32::max)
}

fn draw_text(
    canvas: &mut Canvas,
    flow: &Flow,
    weights: &[(Range<usize>, f32)],
    left: f32,
    top: f32,
) {
    let largest = largest(weights.iter().map(|(_, weight)| *weight));
    for (row, line) in flow.lines.iter().enumerate() {
        let baseline = top + LINE_HEIGHT * row as f32 + 17.0;
        for piece in line {
            let weight = piece.range.map_or(0.0, |range| weights[range].1 / largest);
            let fill = shade(weight);
            let x = left + piece.x;
            if weight.abs() > 0.02 {
                let area = Rect {
                    x: x - 1.5,
                    y: baseline - 15.0,
                    width: piece.width + 3.0,
                    height: 20.0,
                };
                canvas.rect(area, 3.0, fill);
            }
            let text = Text::new(x, baseline, piece.text.as_str())
                .size(TEXT_SIZE)
                .colour(ink_on(fill));
            canvas.text(text.exact_width());
        }
    }
    if let Some(note) = flow.note() {
        let baseline = top + LINE_HEIGHT * flow.lines.len() as f32 + 17.0;
        canvas.text(Text::new(left, baseline, note).colour(MUTED));
    }
}

/// The colour of a relative contribution; middling ones are lifted so that they can be seen.
fn shade(weight: f32) -> Colour {
    diverging(weight.signum() * weight.abs().powf(0.75))
}

fn draw_legend(canvas: &mut Canvas, label: &str, y: f32) {
    const STEPS: usize = 31;
    const WIDTH: f32 = 150.0;
    let label = font::shorten(label, 11.0, Weight::Regular, 160.0);
    let against = Text::new(MARGIN, y + 10.0, format!("against “{label}”"))
        .size(11.0)
        .colour(MUTED);
    let left = MARGIN + against.width() + 10.0;
    canvas.text(against);
    for i in 0..STEPS {
        let x = left + WIDTH * i as f32 / STEPS as f32;
        let strip = Rect {
            x,
            y,
            width: WIDTH / STEPS as f32 + 0.5,
            height: 12.0,
        };
        canvas.rect(strip, 0.0, shade(i as f32 / (STEPS - 1) as f32 * 2.0 - 1.0));
    }
    canvas.frame(
        Rect {
            x: left,
            y,
            width: WIDTH,
            height: 12.0,
        },
        0.0,
        Stroke::solid(GRID, 1.0),
    );
    canvas.text(
        Text::new(left + WIDTH + 10.0, y + 10.0, format!("for “{label}”"))
            .size(11.0)
            .colour(MUTED),
    );
}

fn draw_strongest(canvas: &mut Canvas, strongest: &[(String, f32)], area: Rect) {
    canvas.text(
        Text::new(area.x, area.y - 10.0, "Words that weigh most")
            .size(13.0)
            .bold(),
    );
    if strongest.is_empty() {
        canvas.text(
            Text::new(
                area.x,
                area.y + 16.0,
                "No word of this text changes the answer.",
            )
            .colour(MUTED),
        );
    }
    let largest = largest(strongest.iter().map(|(_, weight)| *weight));
    let room = area.width - bars::NAME_ROOM - bars::VALUE_ROOM - 10.0;
    let left = area.x + bars::NAME_ROOM + 10.0;
    // Zero stands in the middle when both signs occur, else at the side the bars grow from.
    let any = |sign: f32| strongest.iter().any(|(_, weight)| weight * sign > 0.0);
    let (zero, reach) = match (any(-1.0), any(1.0)) {
        (true, true) => (left + room / 2.0, room / 2.0),
        (true, false) => (left + room, room),
        _ => (left, room),
    };
    for (i, (word, weight)) in strongest.iter().enumerate() {
        let y = area.y + i as f32 * bars::HEIGHT;
        bars::name(canvas, area, y + 16.0, word);
        let width = (weight.abs() / largest * reach).max(1.5);
        let x = if *weight < 0.0 { zero - width } else { zero };
        canvas.rect(
            Rect {
                x,
                y: y + 4.0,
                width,
                height: 16.0,
            },
            3.0,
            diverging(weight.signum()),
        );
        let value = Text::new(
            area.x + area.width,
            y + 16.0,
            format!("{weight:+.3}").replace('-', "−"),
        );
        canvas.text(value.anchor(Anchor::End));
    }
    if !strongest.is_empty() {
        let bottom = area.y + strongest.len() as f32 * bars::HEIGHT;
        canvas.line((zero, area.y), (zero, bottom), Stroke::solid(MUTED, 1.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_word_counts_once() {
        let text = "Free free ham";
        let weights = [(0..4, 0.5), (5..9, 0.25), (10..13, -1.0)];
        assert_eq!(
            strongest(text, &weights),
            [("ham".to_owned(), -1.0), ("free".to_owned(), 0.75)]
        );
    }

    #[test]
    fn markup_in_the_text_stays_text() {
        let weights = [(0..8, 1.0)];
        let probabilities = [("a".to_owned(), 1.0)];
        let words = Words {
            text: "<script>",
            label: "a",
            method: "",
            weights: &weights,
            probabilities: &probabilities,
        };
        let svg = draw(&words).to_svg();
        assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;"));
    }
}
