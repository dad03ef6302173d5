//! Pixels within a picture.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tiny_skia::{Pixmap, PremultipliedColorU8};

use super::colour::Colour;

/// A picture of pixels, row by row.
#[derive(Clone, Debug)]
pub(crate) struct Raster {
    pixels: Pixmap,
    /// Whether pixels flow into each other where they are drawn larger.
    pub(crate) smooth: bool,
}

impl Raster {
    /// `height` rows of `width` pixels; `colour` says that of column x, row y. Nothing is as large as one pixel.
    pub(crate) fn new(
        width: usize,
        height: usize,
        colour: impl Fn(usize, usize) -> Colour,
    ) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        let mut pixels = Pixmap::new(width as u32, height as u32).expect("a picture in memory");
        for (i, pixel) in pixels.pixels_mut().iter_mut().enumerate() {
            let Colour(r, g, b) = colour(i % width, i / width);
            *pixel = PremultipliedColorU8::from_rgba(r, g, b, 255).expect("opaque");
        }
        Self {
            pixels,
            smooth: false,
        }
    }

    /// Lets pixels flow into each other, as suits photographs.
    pub(crate) fn smooth(mut self) -> Self {
        self.smooth = true;
        self
    }

    /// Columns.
    pub(crate) fn width(&self) -> usize {
        self.pixels.width() as usize
    }

    /// Rows.
    pub(crate) fn height(&self) -> usize {
        self.pixels.height() as usize
    }

    /// The pixels as tiny-skia draws them.
    pub(super) fn pixmap(&self) -> &Pixmap {
        &self.pixels
    }

    /// The pixels as a PNG in a `data:` address.
    pub(super) fn address(&self) -> String {
        let png = self.pixels.encode_png().expect("a picture in memory");
        format!("data:image/png;base64,{}", STANDARD.encode(png))
    }
}
