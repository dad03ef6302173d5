//! Random changes to training pictures. Each is a function of a key, so it depends neither on threads nor on what
//! was drawn before.

mod affine;
mod colour;
mod config;
mod crop;
mod erase;
mod mix;
mod rand_augment;
#[cfg(test)]
mod tests;
mod tone;

pub use self::config::{AugmentConfig, Erase, Flip, RandAugment, ResizedCrop};
pub use self::crop::Border;
pub use self::mix::{Mixed, cut_mix, mix_up};

use self::affine::Affine;
use super::form::{PictureForm, Resampler, View, Window};
use crate::random::{Key, Moment};

/// Numbers for one picture, one after the other.
struct Draws {
    key: Key,
    next: u64,
}

impl Draws {
    /// Uniform in [0, 1).
    fn unit(&mut self) -> f64 {
        let number = self.key.uniform(self.next);
        self.next += 1;
        number
    }

    /// Uniform between two numbers.
    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in -`most`..`most`.
    fn around(&mut self, most: f64) -> f64 {
        self.between(-most, most)
    }

    /// Uniform in `0..n`.
    fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// A factor: uniform in log space between two numbers.
    fn factor(&mut self, low: f64, high: f64) -> f64 {
        self.between(low.ln(), high.ln()).exp()
    }
}

/// Room for a picture while it is changed.
#[derive(Default)]
pub(super) struct Canvas {
    pub(super) resampler: Resampler,
    /// The picture as it is.
    pub(super) pixels: Vec<u8>,
    /// Room for the next.
    spare: Vec<u8>,
}

impl Canvas {
    /// Makes the picture anew from what it is.
    fn remake(&mut self, make: impl FnOnce(&[u8], &mut [u8])) {
        self.spare.resize(self.pixels.len(), 0);
        make(&self.pixels, &mut self.spare);
        std::mem::swap(&mut self.pixels, &mut self.spare);
    }
}

/// Changes pictures as an [`AugmentConfig`] says.
#[derive(Clone, Debug)]
pub(super) struct Augmenter {
    config: AugmentConfig,
    form: PictureForm,
    /// The mean colour.
    mean: [u8; 3],
}

impl Augmenter {
    pub(super) fn new(config: AugmentConfig, form: PictureForm, mean: [u8; 3]) -> Augmenter {
        Augmenter { config, form, mean }
    }

    pub(super) fn config(&self) -> &AugmentConfig {
        &self.config
    }

    /// Leaves the picture of this number, changed and of the form, in the canvas.
    pub(super) fn apply(
        &self,
        view: View<'_>,
        picture: usize,
        moment: Moment,
        canvas: &mut Canvas,
    ) {
        let (config, form) = (&self.config, &self.form);
        let (height, width, channels) = (form.height, form.width, form.channels);
        let key = moment.key.child(picture as u64);
        let mut draws = Draws { key, next: 0 };
        let Canvas {
            resampler,
            pixels,
            spare,
        } = canvas;
        let fitted: &[u8] = match &config.resized_crop {
            Some(crop) => {
                let window = rectangle(view, crop, &mut draws);
                resampler.window(view, window, width, height, spare);
                spare
            }
            None if form.is_of(view) => view.pixels,
            None => {
                resampler.fit(view, form, spare);
                spare
            }
        };
        pixels.resize(form.values(), 0);
        let padding = config.crop_padding;
        let mut step = || draws.below(2 * padding + 1) as isize - padding as isize;
        let (down, across) = if padding > 0 {
            (step(), step())
        } else {
            (0, 0)
        };
        let flip = match config.flip {
            Flip::Never => false,
            Flip::Random => draws.unit() < 0.5,
            Flip::Alternate => {
                let first = Key::new(picture as u64).uniform(0) < 0.5;
                first ^ (moment.epoch % 2 == 1)
            }
        };
        let fill = config.border.fill(&self.mean);
        crop::crop(
            fitted,
            pixels,
            form,
            [down, across],
            flip,
            config.border,
            fill,
        );

        if config.moves() {
            let moved = Affine {
                degrees: draws.around(config.rotate),
                right: draws.around(config.translate) * width as f64,
                down: draws.around(config.translate) * height as f64,
                scale: draws.between(config.scale[0], config.scale[1]),
                shear: [draws.around(config.shear), 0.0],
            };
            canvas.remake(|from, to| moved.apply(from, to, form, config.border, fill));
        }
        self.recolour(&mut draws, &mut canvas.pixels);
        if let Some(rand) = &config.randaugment {
            for _ in 0..rand.operations {
                rand_augment::apply(
                    rand.magnitude,
                    form,
                    config.border,
                    fill,
                    &mut draws,
                    canvas,
                );
            }
        }
        let mean = &self.mean[..channels];
        if config.cutout > 0 {
            let (y, x) = (draws.below(height), draws.below(width));
            erase::square(&mut canvas.pixels, form, [y, x], config.cutout, mean);
        }
        if let Some(erase) = &config.erase
            && draws.unit() < erase.probability
        {
            erase::rectangle(&mut canvas.pixels, form, erase, &mut draws, mean);
        }
    }

    fn recolour(&self, draws: &mut Draws, pixels: &mut [u8]) {
        let (config, channels) = (&self.config, self.form.channels);
        if config.brightness > 0.0 {
            colour::brightness(pixels, 1.0 + draws.around(config.brightness));
        }
        if config.contrast > 0.0 {
            colour::contrast(pixels, channels, 1.0 + draws.around(config.contrast));
        }
        if config.saturation > 0.0 {
            colour::saturation(pixels, 1.0 + draws.around(config.saturation));
        }
        if config.hue > 0.0 {
            colour::hue(pixels, draws.around(config.hue));
        }
    }
}

/// A rectangle inside a picture; the largest in its middle that the aspects allow when ten draws do not fit.
fn rectangle(view: View<'_>, crop: &ResizedCrop, draws: &mut Draws) -> Window {
    let (width, height) = (view.width as f64, view.height as f64);
    for _ in 0..10 {
        let area = draws.between(crop.area[0], crop.area[1]) * width * height;
        let aspect = draws.factor(crop.aspect[0], crop.aspect[1]);
        let (inner_width, inner_height) = (
            (area * aspect).sqrt().round(),
            (area / aspect).sqrt().round(),
        );
        if (1.0..=width).contains(&inner_width) && (1.0..=height).contains(&inner_height) {
            return Window {
                left: draws.below((width - inner_width) as usize + 1) as f64,
                top: draws.below((height - inner_height) as usize + 1) as f64,
                width: inner_width,
                height: inner_height,
            };
        }
    }
    let aspect = (width / height).clamp(crop.aspect[0], crop.aspect[1]);
    let (inner_width, inner_height) = (width.min(height * aspect), height.min(width / aspect));
    Window {
        left: (width - inner_width) / 2.0,
        top: (height - inner_height) / 2.0,
        width: inner_width,
        height: inner_height,
    }
}
