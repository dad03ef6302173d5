//! Mixing the pictures of a batch, and with them their labels.

use super::Draws;
use crate::random::Key;

/// How the pictures of a batch were mixed: picture b has the share `weight` of its own label and the rest of that of
/// picture `B - 1 - b`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixed {
    /// The share of a picture's own label, 0..=1.
    pub weight: f32,
}

impl Mixed {
    /// The picture that is mixed into picture `b` of a batch of `batch`.
    ///
    /// # Panics
    /// When there is no picture `b`.
    pub fn other(self, b: usize, batch: usize) -> usize {
        batch - 1 - b
    }
}

/// Mixes each picture with another (mixup: Zhang, Cissé, Dauphin and Lopez-Paz 2018): `x = λ x + (1 - λ) x'` with one
/// λ from Beta(α, α) for the batch. `pixels` is `[B, H, W, C]`, of which the first extent is `batch`.
///
/// # Panics
/// When the pictures are not of one size.
pub fn mix_up(pixels: &mut [f32], batch: usize, alpha: f64, key: Key) -> Mixed {
    let weight = beta(alpha, &mut Draws { key, next: 0 }) as f32;
    for (a, b) in pairs(pixels, batch) {
        for (a, b) in a.iter_mut().zip(b) {
            let own = *a;
            *a = weight * own + (1.0 - weight) * *b;
            *b = weight * *b + (1.0 - weight) * own;
        }
    }
    Mixed { weight }
}

/// Puts a rectangle of another picture into each (CutMix: Yun et al. 2019): its share of the picture is 1 - λ with one λ
/// from Beta(α, α) for the batch; what lies outside the picture is cut off and does not count. `pixels` is
/// `[B, H, W, C]`, `shape` its extents.
///
/// # Panics
/// When `pixels` has not that shape.
pub fn cut_mix(pixels: &mut [f32], shape: [usize; 4], alpha: f64, key: Key) -> Mixed {
    let [batch, height, width, channels] = shape;
    assert_eq!(
        pixels.len(),
        shape.iter().product::<usize>(),
        "cut_mix: expected pixels [{batch}, {height}, {width}, {channels}]"
    );
    let mut draws = Draws { key, next: 0 };
    let side = (1.0 - beta(alpha, &mut draws)).sqrt();
    let mut span = |length: usize| {
        let middle = draws.below(length);
        let half = (side * length as f64) as usize / 2;
        (middle.saturating_sub(half), (middle + half).min(length))
    };
    let ((top, bottom), (left, right)) = (span(height), span(width));
    for (a, b) in pairs(pixels, batch) {
        for y in top..bottom {
            let row = (y * width + left) * channels..(y * width + right) * channels;
            a[row.clone()].swap_with_slice(&mut b[row]);
        }
    }
    let covered = ((bottom - top) * (right - left)) as f32 / (height * width) as f32;
    Mixed {
        weight: 1.0 - covered,
    }
}

/// Each picture with its mate from the other end; one in the middle has none.
fn pairs(pixels: &mut [f32], batch: usize) -> impl Iterator<Item = (&mut [f32], &mut [f32])> {
    let size = pixels.len() / batch.max(1);
    assert_eq!(pixels.len(), size * batch, "values of {batch} pictures");
    let half = batch / 2 * size;
    let (first, rest) = pixels.split_at_mut(half);
    let second = rest.len() - half;
    let size = size.max(1);
    let second = rest[second..].chunks_exact_mut(size).rev();
    first.chunks_exact_mut(size).zip(second)
}

/// A number from Beta(α, α): X / (X + Y) with X and Y from Gamma(α).
fn beta(alpha: f64, draws: &mut Draws) -> f64 {
    let (x, y) = (gamma(alpha, draws), gamma(alpha, draws));
    // Both may round to zero where α is tiny; then one of them has all.
    if x + y > 0.0 {
        x / (x + y)
    } else {
        draws.unit().round()
    }
}

/// A number from Gamma(α) (Marsaglia and Tsang 2000).
fn gamma(alpha: f64, draws: &mut Draws) -> f64 {
    if alpha < 1.0 {
        let boost = draws.unit().powf(1.0 / alpha);
        return gamma(alpha + 1.0, draws) * boost;
    }
    let d = alpha - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let normal = draws.normal();
        let cube = (1.0 + c * normal).powi(3);
        let unit = 1.0 - draws.unit();
        if cube > 0.0 && unit.ln() < normal * normal / 2.0 + d - d * cube + d * cube.ln() {
            return d * cube;
        }
    }
}
