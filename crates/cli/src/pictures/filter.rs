//! A convolution's filter as a small picture.

use unfold::Tensor;

use super::colour::{Colour, diverging};
use super::raster::Raster;

/// The filter of that number of weights `[KH, KW, C, O]`, whose values lie within `most`: as colours where it passes over those
/// of a picture, else the channel in which it weighs most.
pub(crate) fn raster(weight: &Tensor, filter: usize, over_colours: bool, most: f32) -> Raster {
    let [kh, kw, c, o] = *weight.dims() else {
        unreachable!("a convolution's weight")
    };
    let w = weight.data();
    let value = |tap: usize, channel: usize| w[(tap * c + channel) * o + filter] / most;
    let weight =
        |channel: usize| -> f32 { (0..kh * kw).map(|tap| value(tap, channel).powi(2)).sum() };
    let strongest = (0..c).max_by(|&a, &b| weight(a).total_cmp(&weight(b)));
    let strongest = strongest.unwrap_or(0);
    Raster::new(kw, kh, |x, y| {
        let shade = |channel| (value(y * kw + x, channel) * 127.5 + 127.5) as u8;
        match over_colours {
            true => Colour(shade(0), shade(1), shade(2)),
            false => diverging(value(y * kw + x, strongest)),
        }
    })
}

/// The largest magnitude of the weights `[KH, KW, C, O]` of one filter, above 0.
pub(crate) fn strength(weight: &Tensor, filter: usize) -> f32 {
    let filters = weight.dim(3);
    let own = weight.data().iter().skip(filter).step_by(filters);
    own.fold(1e-12, |most, value| most.max(value.abs()))
}

/// The largest magnitude of some values, above 0.
pub(crate) fn largest(values: &[f32]) -> f32 {
    values
        .iter()
        .fold(1e-12, |most, value| most.max(value.abs()))
}
