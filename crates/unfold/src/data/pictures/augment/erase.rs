//! Covering part of a picture.

use super::crop::paint;
use super::{Draws, Erase};
use crate::data::pictures::form::PictureForm;

/// Covers the square with sides of `side` pixels around a pixel, as far as it lies inside.
pub(super) fn square(
    pixels: &mut [u8],
    form: &PictureForm,
    middle: [usize; 2],
    side: usize,
    colour: &[u8],
) {
    let [(top, bottom), (left, right)] =
        [(middle[0], form.height), (middle[1], form.width)].map(|(middle, end)| {
            let start = middle as isize - (side / 2) as isize;
            (
                start.max(0) as usize,
                (start + side as isize).clamp(0, end as isize) as usize,
            )
        });
    cover(
        pixels,
        form,
        [top, left],
        [bottom - top, right - left],
        colour,
    );
}

/// Covers a random rectangle; nothing when ten draws do not fit.
pub(super) fn rectangle(
    pixels: &mut [u8],
    form: &PictureForm,
    erase: &Erase,
    draws: &mut Draws,
    colour: &[u8],
) {
    for _ in 0..10 {
        let whole = (form.height * form.width) as f64;
        let area = draws.between(erase.area[0], erase.area[1]) * whole;
        let aspect = draws.factor(erase.aspect[0], erase.aspect[1]);
        let height = (area * aspect).sqrt().round() as usize;
        let width = (area / aspect).sqrt().round() as usize;
        if height < form.height && width < form.width {
            let top = draws.below(form.height - height + 1);
            let left = draws.below(form.width - width + 1);
            cover(pixels, form, [top, left], [height, width], colour);
            return;
        }
    }
}

fn cover(
    pixels: &mut [u8],
    form: &PictureForm,
    [top, left]: [usize; 2],
    [height, width]: [usize; 2],
    colour: &[u8],
) {
    let channels = form.channels;
    let rows = pixels.chunks_exact_mut(form.width * channels);
    for row in rows.skip(top).take(height) {
        paint(&mut row[left * channels..][..width * channels], colour);
    }
}
