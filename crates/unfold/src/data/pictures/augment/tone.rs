//! Changes of tone: what Pillow's `ImageOps` does, and sharpness.

use super::colour::look_up;
use crate::data::pictures::form::PictureForm;

/// Each channel stretched to all of 0..=255.
pub(super) fn autocontrast(pixels: &mut [u8], channels: usize) {
    for_each_channel(pixels, channels, |counts| {
        let low = counts.iter().position(|&count| count > 0)?;
        let high = counts.iter().rposition(|&count| count > 0)?;
        if high <= low {
            return None;
        }
        let scale = 255.0 / (high - low) as f64;
        // Pillow cuts the fraction off.
        let shift = -(low as f64) * scale;
        Some(std::array::from_fn(|value| {
            (value as f64 * scale + shift) as u8
        }))
    });
}

/// Each channel changed so that all values are about equally frequent.
pub(super) fn equalize(pixels: &mut [u8], channels: usize) {
    for_each_channel(pixels, channels, |counts| {
        let last = counts.iter().rfind(|&&count| count > 0)?;
        let step = (counts.iter().sum::<usize>() - last) / 255;
        if step == 0 {
            return None;
        }
        let mut below = step / 2;
        Some(std::array::from_fn(|value| {
            let level = below / step;
            below += counts[value];
            level.min(255) as u8
        }))
    });
}

/// Values from `threshold` on turned to their negatives.
pub(super) fn solarize(pixels: &mut [u8], threshold: f64) {
    for value in pixels
        .iter_mut()
        .filter(|value| f64::from(**value) >= threshold)
    {
        *value = 255 - *value;
    }
}

/// Only the highest `bits` of each value kept.
pub(super) fn posterize(pixels: &mut [u8], bits: u32) {
    let mask = !(0xff_u32 >> bits) as u8;
    pixels.iter_mut().for_each(|value| *value &= mask);
}

/// The picture brought nearer to a smoothed one (factor below 1) or away from it; its edge stays.
pub(super) fn sharpness(from: &[u8], to: &mut [u8], form: &PictureForm, factor: f64) {
    let (height, width, channels) = (form.height, form.width, form.channels);
    let (row, factor) = (width * channels, factor as f32);
    to.copy_from_slice(from);
    for y in 1..height.max(2) - 1 {
        for i in channels..(row - channels).max(channels) {
            let at = y * row + i;
            let three = |at: usize| {
                let sum = u32::from(from[at - channels]) + u32::from(from[at + channels]);
                sum + u32::from(from[at])
            };
            let around = three(at - row) + three(at) + three(at + row);
            let own = f32::from(from[at]);
            let smooth = (around as f32 + 4.0 * own) / 13.0;
            to[at] = (smooth + (own - smooth) * factor + 0.5) as u8;
        }
    }
}

/// Maps the values of each channel by the table that its counts give.
fn for_each_channel(
    pixels: &mut [u8],
    channels: usize,
    table: impl Fn(&[usize; 256]) -> Option<[u8; 256]>,
) {
    for channel in 0..channels {
        let mut counts = [0; 256];
        for value in pixels.iter().skip(channel).step_by(channels) {
            counts[usize::from(*value)] += 1;
        }
        let Some(table) = table(&counts) else {
            continue;
        };
        if channels == 1 {
            look_up(pixels, &table);
        } else {
            for value in pixels.iter_mut().skip(channel).step_by(channels) {
                *value = table[usize::from(*value)];
            }
        }
    }
}
