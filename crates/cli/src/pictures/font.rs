//! The bundled font: how wide a text is, and the outline of its letters.

use std::sync::OnceLock;

use tiny_skia::{Path, PathBuilder};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// How heavy the letters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// For everything that is not a heading.
    Regular,
    /// For headings and the values that matter most.
    Bold,
}

static REGULAR: &[u8] = include_bytes!("../../assets/DejaVuSans-subset.ttf");
static BOLD: &[u8] = include_bytes!("../../assets/DejaVuSans-Bold-subset.ttf");

fn face(weight: Weight) -> &'static Face<'static> {
    static FACES: OnceLock<[Face<'static>; 2]> = OnceLock::new();
    let load = |bytes| Face::parse(bytes, 0).expect("the bundled font is whole");
    let [regular, bold] = FACES.get_or_init(|| [load(REGULAR), load(BOLD)]);
    match weight {
        Weight::Regular => regular,
        Weight::Bold => bold,
    }
}

/// The face and glyph that draw `letter`: the wanted weight, else the regular one, else the sign for a letter
/// that is not there.
fn glyph(letter: char, weight: Weight) -> (&'static Face<'static>, GlyphId) {
    [weight, Weight::Regular]
        .into_iter()
        .find_map(|weight| {
            face(weight)
                .glyph_index(letter)
                .map(|id| (face(weight), id))
        })
        .unwrap_or_else(|| {
            let face = face(weight);
            (face, face.glyph_index('\u{fffd}').unwrap_or_default())
        })
}

fn advance(letter: char, weight: Weight) -> f32 {
    let (face, id) = glyph(letter, weight);
    f32::from(face.glyph_hor_advance(id).unwrap_or_default()) / f32::from(face.units_per_em())
}

/// Width of `text` in the units of `size`.
pub(crate) fn width(text: &str, size: f32, weight: Weight) -> f32 {
    text.chars()
        .map(|letter| advance(letter, weight))
        .sum::<f32>()
        * size
}

/// `text`, or as much of it as fits into `room` with an ellipsis behind it.
pub(crate) fn shorten(text: &str, size: f32, weight: Weight, room: f32) -> String {
    if width(text, size, weight) <= room {
        return text.to_owned();
    }
    let room = room / size - advance('…', weight);
    let mut used = 0.0;
    let kept = text.chars().take_while(|&letter| {
        used += advance(letter, weight);
        used <= room
    });
    let kept: String = kept.collect();
    format!("{}…", kept.trim_end())
}

/// The outline of `text` with its baseline starting at the origin; `None` when there is nothing to paint.
pub(crate) fn outline(text: &str, size: f32, weight: Weight) -> Option<Path> {
    let mut pen = Pen {
        path: PathBuilder::new(),
        x: 0.0,
        scale: 1.0,
    };
    for letter in text.chars() {
        let (face, id) = glyph(letter, weight);
        pen.scale = size / f32::from(face.units_per_em());
        face.outline_glyph(id, &mut pen);
        pen.x += advance(letter, weight) * size;
    }
    pen.path.finish()
}

/// Takes glyph coordinates (y upwards) and lays them on the line (y downwards).
struct Pen {
    path: PathBuilder,
    x: f32,
    scale: f32,
}

impl Pen {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, -y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_text_is_wider() {
        assert!(width("mm", 10.0, Weight::Regular) > width("ii", 10.0, Weight::Regular));
        assert!(width("m", 10.0, Weight::Bold) > width("m", 10.0, Weight::Regular));
    }

    #[test]
    fn every_alphabet_we_promise_has_glyphs() {
        for letter in "aZ09ßéŠλЖ…→−✓".chars() {
            assert!(
                face(Weight::Regular).glyph_index(letter).is_some(),
                "{letter} is missing"
            );
        }
    }

    #[test]
    fn unknown_letters_are_painted_as_such() {
        assert!(outline("漢", 12.0, Weight::Bold).is_some());
        assert!(outline(" ", 12.0, Weight::Regular).is_none());
    }

    #[test]
    fn shortened_text_fits() {
        let short = shorten("comp.sys.ibm.pc.hardware", 10.0, Weight::Regular, 60.0);
        assert!(
            short.ends_with('…') && width(&short, 10.0, Weight::Regular) <= 60.0,
            "{short}"
        );
        assert_eq!(shorten("ham", 10.0, Weight::Regular, 60.0), "ham");
    }
}
