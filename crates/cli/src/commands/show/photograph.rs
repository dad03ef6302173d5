//! Pictures that a network looked at, and what it found there.

use unfold::Tensor;
use unfold::data::Picture as Pixels;

use crate::pictures::colour::{Colour, mix};
use crate::pictures::raster::Raster;

/// A picture in dark grey with values `[H, W]` over it, as far as they are up to `most`, in these colours, which should glow.
pub(super) fn heated(
    picture: &Pixels,
    heat: &Tensor,
    most: f32,
    colour: impl Fn(f32) -> Colour,
) -> Raster {
    let Pixels { width, height, .. } = *picture;
    let both = Raster::new(width, height, |x, y| {
        let (across, down) = (
            (x as f32 + 0.5) / width as f32,
            (y as f32 + 0.5) / height as f32,
        );
        let value = smooth(heat, across, down) / most;
        let share = 0.8 * value.abs().min(1.0).sqrt();
        mix(dimmed(pixel(picture, x, y)), colour(value), share)
    });
    both.smooth()
}

/// The value at a place 0..=1 across and down, between the four nearest.
fn smooth(heat: &Tensor, x: f32, y: f32) -> f32 {
    let (rows, columns) = (heat.dim(0), heat.dim(1));
    let along = |at: f32, length: usize| {
        let at = (at * length as f32 - 0.5).clamp(0.0, (length - 1) as f32);
        let low = at as usize;
        (low, (low + 1).min(length - 1), at - low as f32)
    };
    let ((left, right, across), (above, below, down)) = (along(x, columns), along(y, rows));
    let value = |y: usize, x: usize| heat.data()[y * columns + x];
    let row = |y: usize| value(y, left) * (1.0 - across) + value(y, right) * across;
    row(above) * (1.0 - down) + row(below) * down
}

fn pixel(picture: &Pixels, x: usize, y: usize) -> Colour {
    let at = (y * picture.width + x) * picture.channels;
    match picture.pixels[at..at + picture.channels] {
        [grey] => Colour(grey, grey, grey),
        [r, g, b, ..] => Colour(r, g, b),
        [] | [_, _] => unreachable!("1 or 3 channels"),
    }
}

/// The picture in grey and less bright, so that colours that glow stand out on it.
fn dimmed(colour: Colour) -> Colour {
    let grey = (u16::from(colour.0) + u16::from(colour.1) * 2 + u16::from(colour.2)) / 6;
    Colour(grey as u8, grey as u8, grey as u8)
}

/// A picture as it is.
pub(in crate::commands) fn photograph(picture: &Pixels) -> Raster {
    let raster = Raster::new(picture.width, picture.height, |x, y| pixel(picture, x, y));
    match picture.width.min(picture.height) > 64 {
        true => raster.smooth(),
        false => raster,
    }
}
