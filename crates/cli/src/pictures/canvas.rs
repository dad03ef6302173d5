//! A picture as a list of shapes, before it is SVG or PNG.

use std::path::{Path, PathBuf};

use anyhow::Result;
use unfold::files::write_atomic;

use super::colour::{Colour, INK};
use super::font::{self, Weight};
use super::raster::Raster;

/// Which point of a text its position names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// The position is the left end.
    Start,
    /// The position is the middle.
    Middle,
    /// The position is the right end.
    End,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stroke {
    pub(crate) colour: Colour,
    pub(crate) width: f32,
    /// Length of dashes and gaps; `None` is a solid line.
    pub(crate) dash: Option<f32>,
}

impl Stroke {
    /// A solid line.
    pub(crate) fn solid(colour: Colour, width: f32) -> Self {
        Self {
            colour,
            width,
            dash: None,
        }
    }

    /// A dashed line.
    pub(crate) fn dashed(colour: Colour, width: f32, dash: f32) -> Self {
        Self {
            colour,
            width,
            dash: Some(dash),
        }
    }
}

/// An upright rectangle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rect {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) width: f32,
    pub(crate) height: f32,
}

/// One line of text; the position is on its baseline.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) content: String,
    pub(crate) size: f32,
    pub(crate) weight: Weight,
    pub(crate) colour: Colour,
    pub(crate) anchor: Anchor,
    /// Degrees clockwise around the position.
    pub(crate) angle: f32,
    /// Whether the text must take the width of the bundled font in whatever font shows it.
    pub(crate) exact_width: bool,
}

impl Text {
    /// Regular ink of 12 units, to the right of `(x, y)`.
    pub(crate) fn new(x: f32, y: f32, content: impl Into<String>) -> Self {
        Self {
            x,
            y,
            content: content.into(),
            size: 12.0,
            weight: Weight::Regular,
            colour: INK,
            anchor: Anchor::Start,
            angle: 0.0,
            exact_width: false,
        }
    }

    pub(crate) fn size(mut self, size: f32) -> Self {
        self.size = size;
        self
    }

    pub(crate) fn bold(mut self) -> Self {
        self.weight = Weight::Bold;
        self
    }

    pub(crate) fn colour(mut self, colour: Colour) -> Self {
        self.colour = colour;
        self
    }

    pub(crate) fn anchor(mut self, anchor: Anchor) -> Self {
        self.anchor = anchor;
        self
    }

    pub(crate) fn rotate(mut self, degrees: f32) -> Self {
        self.angle = degrees;
        self
    }

    pub(crate) fn exact_width(mut self) -> Self {
        self.exact_width = true;
        self
    }

    /// The width in the bundled font.
    pub(crate) fn width(&self) -> f32 {
        font::width(&self.content, self.size, self.weight)
    }
}

/// What a canvas holds.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Rect {
        rect: Rect,
        radius: f32,
        fill: Option<Colour>,
        stroke: Option<Stroke>,
    },
    Polyline {
        points: Vec<(f32, f32)>,
        stroke: Stroke,
    },
    Circle {
        x: f32,
        y: f32,
        radius: f32,
        fill: Colour,
        stroke: Option<Stroke>,
    },
    Text(Text),
    Raster {
        rect: Rect,
        raster: Raster,
    },
}

/// Shapes on white paper, painted in the order they were added.
#[derive(Clone, Debug)]
pub(crate) struct Canvas {
    pub(super) width: f32,
    pub(super) height: f32,
    /// What the picture shows, for readers that cannot see it.
    pub(super) description: String,
    pub(super) shapes: Vec<Shape>,
}

impl Canvas {
    /// Empty paper.
    pub(crate) fn new(width: f32, height: f32, description: impl Into<String>) -> Self {
        Self {
            width: width.ceil(),
            height: height.ceil(),
            description: description.into(),
            shapes: Vec::new(),
        }
    }

    pub(crate) fn rect(&mut self, rect: Rect, radius: f32, fill: Colour) {
        self.shapes.push(Shape::Rect {
            rect,
            radius,
            fill: Some(fill),
            stroke: None,
        });
    }

    pub(crate) fn frame(&mut self, rect: Rect, radius: f32, stroke: Stroke) {
        self.shapes.push(Shape::Rect {
            rect,
            radius,
            fill: None,
            stroke: Some(stroke),
        });
    }

    pub(crate) fn line(&mut self, from: (f32, f32), to: (f32, f32), stroke: Stroke) {
        self.polyline(vec![from, to], stroke);
    }

    pub(crate) fn polyline(&mut self, points: Vec<(f32, f32)>, stroke: Stroke) {
        if points.len() > 1 {
            self.shapes.push(Shape::Polyline { points, stroke });
        }
    }

    pub(crate) fn circle(
        &mut self,
        x: f32,
        y: f32,
        radius: f32,
        fill: Colour,
        stroke: Option<Stroke>,
    ) {
        self.shapes.push(Shape::Circle {
            x,
            y,
            radius,
            fill,
            stroke,
        });
    }

    /// Pixels, stretched over `rect`.
    pub(crate) fn raster(&mut self, rect: Rect, raster: Raster) {
        self.shapes.push(Shape::Raster { rect, raster });
    }

    pub(crate) fn text(&mut self, text: Text) {
        if !text.content.is_empty() {
            self.shapes.push(Shape::Text(text));
        }
    }

    /// Writes `name.svg` and `name.png` into `folder` and returns their paths.
    pub(crate) fn save(&self, folder: &Path, name: &str) -> Result<[PathBuf; 2]> {
        const PNG_SCALE: f32 = 2.0;
        let svg = folder.join(format!("{name}.svg"));
        let png = folder.join(format!("{name}.png"));
        write_atomic(&svg, self.to_svg().as_bytes())?;
        write_atomic(&png, &self.to_png(PNG_SCALE)?)?;
        Ok([svg, png])
    }
}
