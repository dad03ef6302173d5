//! Shares as bars below each other.

use super::canvas::{Anchor, Canvas, Rect, Text};
use super::colour::{BLUE, GRID, INK, diverging, mix};
use super::font::{self, Weight};

/// From one bar to the next.
pub(crate) const HEIGHT: f32 = 24.0;
/// Space for the name of a bar and, behind the bar, for its value.
pub(super) const NAME_ROOM: f32 = 120.0;
pub(super) const VALUE_ROOM: f32 = 74.0;

/// The name before a bar.
pub(super) fn name(canvas: &mut Canvas, area: Rect, baseline: f32, name: &str) {
    let name = font::shorten(name, 12.0, Weight::Regular, NAME_ROOM);
    canvas.text(Text::new(area.x + NAME_ROOM, baseline, name).anchor(Anchor::End));
}

/// A bar for each share, that of `label` the strongest, from the top of `area` on; the title stands above it.
pub(crate) fn draw(
    canvas: &mut Canvas,
    title: &str,
    shares: &[(&str, f32)],
    label: &str,
    area: Rect,
) {
    canvas.text(Text::new(area.x, area.y - 10.0, title).size(13.0).bold());
    let room = area.width - NAME_ROOM - VALUE_ROOM - 10.0;
    for (i, (of, share)) in shares.iter().enumerate() {
        let y = area.y + i as f32 * HEIGHT;
        name(canvas, area, y + 16.0, of);
        let bar = |width: f32| Rect {
            x: area.x + NAME_ROOM + 10.0,
            y: y + 4.0,
            width,
            height: 16.0,
        };
        canvas.rect(bar(room), 3.0, mix(GRID, diverging(0.0), 0.5));
        let fill = match *of == label {
            true => BLUE,
            false => mix(BLUE, diverging(0.0), 0.5),
        };
        canvas.rect(bar((room * share).max(1.5)), 3.0, fill);
        let value = Text::new(area.x + area.width, y + 16.0, percent(*share));
        canvas.text(value.anchor(Anchor::End).colour(INK));
    }
}

/// A probability in percent that shows how far from certain it is.
pub(super) fn percent(probability: f32) -> String {
    let percent = f64::from(probability) * 100.0;
    match percent {
        p if p > 99.99 => "> 99.99 %".to_owned(),
        p if p > 99.0 => format!("{p:.2} %"),
        p if p > 0.095 => format!("{p:.1} %"),
        p if p >= 0.005 => format!("{p:.2} %"),
        _ => "< 0.01 %".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_do_not_overstate() {
        assert_eq!(percent(0.999_99), "> 99.99 %");
        assert_eq!(percent(0.9812), "98.1 %");
        assert_eq!(percent(0.0), "< 0.01 %");
    }
}
