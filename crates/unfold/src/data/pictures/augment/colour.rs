//! Light and colour. Each change is a mixture of the picture with another one, as in Pillow's `ImageEnhance`.

use super::super::picture::luma;

/// Every value by a factor.
pub(super) fn brightness(pixels: &mut [u8], factor: f64) {
    map(pixels, |value| value * factor);
}

/// Every value brought nearer to the mean grey of the picture (factor below 1) or away from it.
pub(super) fn contrast(pixels: &mut [u8], channels: usize, factor: f64) {
    let sum: u64 = match channels {
        1 => pixels.iter().map(|&value| u64::from(value)).sum(),
        _ => greys(pixels).map(u64::from).sum(),
    };
    let mean = (sum as f64 / (pixels.len() / channels) as f64).round();
    map(pixels, |value| mean + (value - mean) * factor);
}

/// Every colour brought nearer to its grey (factor below 1) or away from it.
pub(super) fn saturation(pixels: &mut [u8], factor: f64) {
    let factor = factor as f32;
    for pixel in pixels.as_chunks_mut::<3>().0 {
        let grey = f32::from(luma(pixel[0], pixel[1], pixel[2]));
        for value in pixel {
            // Casts of floating-point numbers to bytes keep to 0..=255.
            *value = (grey + (f32::from(*value) - grey) * factor + 0.5) as u8;
        }
    }
}

/// Every hue turned by this share of the circle.
pub(super) fn hue(pixels: &mut [u8], turn: f64) {
    let turn = turn as f32 * 6.0;
    for pixel in pixels.as_chunks_mut::<3>().0 {
        let [red, green, blue] = pixel.map(f32::from);
        let most = red.max(green).max(blue);
        let spread = most - red.min(green).min(blue);
        if spread == 0.0 {
            continue; // grey has no hue
        }
        // Sixths of the circle, from red over green to blue.
        let place = if most == red {
            (green - blue) / spread
        } else if most == green {
            2.0 + (blue - red) / spread
        } else {
            4.0 + (red - green) / spread
        };
        let place = place + turn;
        let value = |start: f32| {
            let at = (start + place).rem_euclid(6.0);
            let share = at.min(4.0 - at).clamp(0.0, 1.0);
            (most - spread * share + 0.5) as u8
        };
        *pixel = [value(5.0), value(3.0), value(1.0)];
    }
}

/// The grey of each colour.
fn greys(pixels: &[u8]) -> impl Iterator<Item = u8> {
    let pixels = pixels.as_chunks::<3>().0.iter();
    pixels.map(|pixel| luma(pixel[0], pixel[1], pixel[2]))
}

/// Each value by a table of all 256, rounded.
fn map(pixels: &mut [u8], f: impl Fn(f64) -> f64) {
    let table: [u8; 256] = std::array::from_fn(|value| (f(value as f64) + 0.5) as u8);
    look_up(pixels, &table);
}

/// Each value by a table.
pub(super) fn look_up(pixels: &mut [u8], table: &[u8; 256]) {
    for value in pixels {
        *value = table[usize::from(*value)];
    }
}
