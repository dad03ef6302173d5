//! Small pictures in rows, with a caption each.

use super::canvas::{Anchor, Canvas, Rect, Stroke, Text};
use super::colour::{GRID, MUTED};
use super::font::{self, Weight};
use super::raster::Raster;

/// One small picture.
pub(crate) struct Tile {
    pub(crate) raster: Raster,
    /// Lines below it.
    pub(crate) captions: Vec<String>,
}

impl Tile {
    /// Without a caption.
    pub(crate) fn plain(raster: Raster) -> Self {
        Self {
            raster,
            captions: Vec::new(),
        }
    }
}

/// Small pictures of one kind.
pub(crate) struct Section {
    pub(crate) title: String,
    /// The longer side of each, in units of the canvas.
    pub(crate) side: f32,
    pub(crate) tiles: Vec<Tile>,
}

const MARGIN: f32 = 28.0;
const HEAD: f32 = 78.0;
const TITLE: f32 = 30.0;
const GAP: f32 = 8.0;
const CAPTION: f32 = 15.0;
const WIDTH: f32 = 980.0;

/// The sections below each other.
pub(crate) fn draw(title: &str, subtitle: &str, sections: &[Section]) -> Canvas {
    let height = sections.iter().map(height_of).sum();
    let (mut canvas, free) = headed(title, subtitle, height);
    let mut top = free.y;
    for section in sections {
        add(&mut canvas, section, top);
        top += height_of(section);
    }
    canvas
}

/// A canvas with a heading, and what is free below it: so high, and as wide as sections are.
pub(crate) fn headed(title: &str, subtitle: &str, height: f32) -> (Canvas, Rect) {
    let width = WIDTH + 2.0 * MARGIN;
    let description = format!("{title}. {subtitle}");
    let mut canvas = Canvas::new(width, HEAD + height + MARGIN, description);
    let heading = font::shorten(title, 18.0, Weight::Bold, WIDTH);
    canvas.text(Text::new(MARGIN, 36.0, heading).size(18.0).bold());
    let below = font::shorten(subtitle, 12.0, Weight::Regular, WIDTH);
    canvas.text(Text::new(MARGIN, 57.0, below).size(12.0).colour(MUTED));
    let free = Rect {
        x: MARGIN,
        y: HEAD,
        width: WIDTH,
        height,
    };
    (canvas, free)
}

/// What is free beside the tiles of the first section, where they fill less than a row.
pub(crate) fn beside(first: &Section) -> Rect {
    let taken = first.tiles.len() as f32 * (first.side + GAP);
    Rect {
        x: MARGIN + taken + GAP,
        y: HEAD,
        width: WIDTH - taken - GAP,
        height: height_of(first),
    }
}

/// How many tiles stand beside each other.
fn columns(section: &Section) -> usize {
    (((WIDTH + GAP) / (section.side + GAP)) as usize).max(1)
}

/// The height of a row: of its tallest picture, and its captions.
fn row_height(section: &Section) -> f32 {
    let lines = section.tiles.iter().map(|tile| tile.captions.len()).max();
    let tallest = section.tiles.iter().map(|tile| size(tile, section.side).1);
    tallest.fold(0.0, f32::max) + lines.unwrap_or(0) as f32 * CAPTION + GAP
}

fn height_of(section: &Section) -> f32 {
    let title = if section.title.is_empty() { 0.0 } else { TITLE };
    let rows = section.tiles.len().div_ceil(columns(section));
    title + rows as f32 * row_height(section) + GAP
}

/// Width and height of a tile whose longer side is `side`.
fn size(tile: &Tile, side: f32) -> (f32, f32) {
    let (wide, high) = (tile.raster.width() as f32, tile.raster.height() as f32);
    let scale = side / wide.max(high);
    (wide * scale, high * scale)
}

fn add(canvas: &mut Canvas, section: &Section, mut top: f32) {
    if !section.title.is_empty() {
        let title = font::shorten(&section.title, 13.0, Weight::Bold, WIDTH);
        canvas.text(Text::new(MARGIN, top + 18.0, title).size(13.0).bold());
        top += TITLE;
    }
    let (columns, row) = (columns(section), row_height(section));
    for (i, tile) in section.tiles.iter().enumerate() {
        let x = MARGIN + (i % columns) as f32 * (section.side + GAP);
        let y = top + (i / columns) as f32 * row;
        let (width, height) = size(tile, section.side);
        let rect = Rect {
            x: x + (section.side - width) / 2.0,
            y,
            width,
            height,
        };
        canvas.raster(rect, tile.raster.clone());
        canvas.frame(rect, 0.0, Stroke::solid(GRID, 0.5));
        for (line, caption) in tile.captions.iter().enumerate() {
            let caption = font::shorten(caption, 11.0, Weight::Regular, section.side);
            let below = y + height + CAPTION * (line as f32 + 0.85);
            let text = Text::new(x + section.side / 2.0, below, caption).size(11.0);
            canvas.text(text.anchor(Anchor::Middle));
        }
    }
}
