//! Bringing bytes to numbers around zero: `(x / 255 - mean) / deviation`, channel by channel.

use serde::{Deserialize, Serialize};

/// What is taken away from the values of each channel, and what they are divided by. Both are shares of 255.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalise {
    /// The mean of each channel, `[C]`.
    pub mean: Vec<f32>,
    /// The standard deviation of each channel, `[C]`.
    pub std: Vec<f32>,
}

/// Values that are worked on at once: whole pixels of either number of channels, and whole vectors.
const BLOCK: usize = 48;

impl Normalise {
    /// Whether it has a mean and a usable deviation for each of so many channels.
    pub fn fits(&self, channels: usize) -> bool {
        let usable = |std: &f32| std.is_finite() && *std > 0.0;
        self.mean.len() == channels
            && self.std.len() == channels
            && self.mean.iter().all(|mean| mean.is_finite())
            && self.std.iter().all(usable)
    }

    /// Normalises pixels, `[.., C]`, into `out`.
    ///
    /// # Panics
    /// When the lengths differ, or are not whole pixels.
    pub fn apply(&self, pixels: &[u8], out: &mut [f32]) {
        let channels = self.mean.len();
        assert!(
            pixels.len() == out.len() && pixels.len().is_multiple_of(channels),
            "normalise: expected pixels of {channels} channels and room for as many values, got {} and {}",
            pixels.len(),
            out.len()
        );
        let scale: [f32; BLOCK] = std::array::from_fn(|i| 1.0 / (255.0 * self.std[i % channels]));
        let shift: [f32; BLOCK] =
            std::array::from_fn(|i| -self.mean[i % channels] / self.std[i % channels]);
        let (blocks, rest) = pixels.as_chunks::<BLOCK>();
        let (out_blocks, out_rest) = out.as_chunks_mut::<BLOCK>();
        for (from, to) in blocks.iter().zip(out_blocks) {
            for i in 0..BLOCK {
                to[i] = f32::from(from[i]) * scale[i] + shift[i];
            }
        }
        for (i, (from, to)) in rest.iter().zip(out_rest).enumerate() {
            *to = f32::from(*from) * scale[i] + shift[i];
        }
    }

    /// The byte that is nearest to the mean of each channel; grey is repeated.
    pub(super) fn mean_colour(&self) -> [u8; 3] {
        let channels = self.mean.len().max(1);
        std::array::from_fn(|c| {
            let mean = self.mean.get(c % channels).copied().unwrap_or(0.0);
            (mean * 255.0).round() as u8
        })
    }
}

/// Sums over pixels, exact, so that their order does not matter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pixels: u64,
    values: [u64; 3],
    squares: [u64; 3],
}

impl Sums {
    /// Over the pixels of one picture.
    pub(super) fn of(pixels: &[u8], channels: usize) -> Sums {
        let mut sums = Sums {
            pixels: (pixels.len() / channels) as u64,
            ..Sums::default()
        };
        for pixel in pixels.chunks_exact(channels) {
            for (c, &value) in pixel.iter().enumerate() {
                sums.values[c] += u64::from(value);
                sums.squares[c] += u64::from(value) * u64::from(value);
            }
        }
        sums
    }

    /// Over more pictures.
    pub(super) fn add(&mut self, other: &Sums) {
        self.pixels += other.pixels;
        for c in 0..3 {
            self.values[c] += other.values[c];
            self.squares[c] += other.squares[c];
        }
    }

    /// Mean and deviation; a channel of one value is only moved. Nothing where there was no pixel.
    pub(super) fn normalise(&self, channels: usize) -> Option<Normalise> {
        let pixels = self.pixels as f64;
        let moments = |c: usize| {
            let mean = self.values[c] as f64 / pixels;
            (
                mean,
                (self.squares[c] as f64 / pixels - mean * mean)
                    .max(0.0)
                    .sqrt(),
            )
        };
        let std = |c: usize| match moments(c).1 {
            flat if flat < 1e-3 => 1.0,
            std => (std / 255.0) as f32,
        };
        (self.pixels > 0).then(|| Normalise {
            mean: (0..channels)
                .map(|c| (moments(c).0 / 255.0) as f32)
                .collect(),
            std: (0..channels).map(std).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_brought_around_zero() {
        let pixels: Vec<u8> = (0..3 * 67).map(|i| (i * 37 % 256) as u8).collect();
        let normalise = Sums::of(&pixels, 3).normalise(3).unwrap();
        let mut out = vec![0.0; pixels.len()];
        normalise.apply(&pixels, &mut out);
        for c in 0..3 {
            let values: Vec<f64> = out
                .iter()
                .skip(c)
                .step_by(3)
                .map(|&v| f64::from(v))
                .collect();
            let mean = values.iter().sum::<f64>() / 67.0;
            let square = values.iter().map(|v| v * v).sum::<f64>() / 67.0;
            assert!(
                mean.abs() < 1e-5 && (square - 1.0).abs() < 1e-5,
                "{mean} {square}"
            );
        }
        // What EfficientNet-Lite0 takes: (x - 127) / 128.
        let lite = Normalise {
            mean: vec![127.0 / 255.0; 3],
            std: vec![128.0 / 255.0; 3],
        };
        let mut out = [0.0; 3];
        lite.apply(&[0, 127, 255], &mut out);
        assert!((out[0] + 127.0 / 128.0).abs() < 1e-6 && out[1].abs() < 1e-6);
        assert_eq!(
            (lite.mean_colour(), lite.fits(3), lite.fits(1)),
            ([127; 3], true, false)
        );
    }

    #[test]
    fn one_grey_everywhere_is_only_moved() {
        let mut sums = Sums::of(&[9; 50], 1);
        sums.add(&Sums::of(&[9; 30], 1));
        let normalise = sums.normalise(1).unwrap();
        assert_eq!(
            (normalise.mean, normalise.std),
            (vec![9.0 / 255.0], vec![1.0])
        );
        assert_eq!(Sums::default().normalise(1), None);
    }
}
