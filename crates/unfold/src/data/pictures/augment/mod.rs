//! Random changes to training pictures. Each is a function of a key, so it depends neither on threads nor on what
//! was drawn before.

mod affine;
mod colour;
mod crop;
mod erase;
mod mix;
mod rand_augment;
#[cfg(test)]
mod tests;
mod tone;

use serde::{Deserialize, Serialize};

pub use self::crop::Border;
pub use self::mix::{Mixed, cut_mix, mix_up};

use self::affine::Affine;
use super::form::{PictureForm, Resampler, View, Window};
use crate::error::{Error, Result};
use crate::random::Key;

/// What to change at random. By default nothing; changes are made in the order of the fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentConfig {
    /// Moves the picture by up to so many pixels in each direction, as if cut out of one with a border of that width.
    pub crop_padding: usize,
    /// Mirrors every other picture, left to right.
    pub flip: bool,
    /// Turns by up to so many degrees, either way.
    pub rotate: f64,
    /// Moves by up to this share of the width and of the height, either way.
    pub translate: f64,
    /// Makes smaller or larger by a factor between these.
    pub scale: [f64; 2],
    /// Slants by up to so many degrees, either way.
    pub shear: f64,
    /// What is shown where a picture was moved away.
    pub border: Border,
    /// Makes darker or lighter by a factor of up to 1 ± this.
    pub brightness: f64,
    /// Brings values nearer to the mean grey or away from it by a factor of up to 1 ± this.
    pub contrast: f64,
    /// Brings colours nearer to grey or away from it by a factor of up to 1 ± this.
    pub saturation: f64,
    /// Turns hues by up to this share of the circle, either way; at most 0.5.
    pub hue: f64,
    /// Covers a square with sides of so many pixels, around any pixel, with the mean colour (DeVries and Taylor 2017).
    pub cutout: usize,
    /// Mixes each picture and its label with another one's by a weight from Beta(α, α) (Zhang et al. 2018); 0 for never.
    pub mixup: f64,
    /// Puts a rectangle of another picture into each, of a share from Beta(α, α), and mixes the labels by it (Yun et
    /// al. 2019); 0 for never. Where `mixup` is set too, each batch gets one of both.
    pub cutmix: f64,
    /// Takes a random rectangle in place of the whole picture (Szegedy et al. 2015), before anything else.
    pub resized_crop: Option<ResizedCrop>,
    /// Some operations of a list, drawn for each picture (Cubuk et al. 2020), before `cutout`.
    pub randaugment: Option<RandAugment>,
    /// Covers a rectangle with the mean colour (Zhong et al. 2020), after `cutout`.
    pub erase: Option<Erase>,
}

impl Default for AugmentConfig {
    fn default() -> AugmentConfig {
        AugmentConfig {
            crop_padding: 0,
            flip: false,
            rotate: 0.0,
            translate: 0.0,
            scale: [1.0, 1.0],
            shear: 0.0,
            border: Border::default(),
            brightness: 0.0,
            contrast: 0.0,
            saturation: 0.0,
            hue: 0.0,
            cutout: 0,
            mixup: 0.0,
            cutmix: 0.0,
            resized_crop: None,
            randaugment: None,
            erase: None,
        }
    }
}

/// A random rectangle of a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ResizedCrop {
    /// Its share of the picture's area, at least and at most.
    pub area: [f64; 2],
    /// Its width over its height, at least and at most, before it is brought to the wanted size.
    pub aspect: [f64; 2],
}

impl Default for ResizedCrop {
    fn default() -> ResizedCrop {
        ResizedCrop {
            area: [0.08, 1.0],
            aspect: [3.0 / 4.0, 4.0 / 3.0],
        }
    }
}

/// Operations drawn from a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RandAugment {
    /// How many are applied to a picture, one after the other.
    pub operations: usize,
    /// How strongly: 0 to 30.
    pub magnitude: usize,
}

impl Default for RandAugment {
    fn default() -> RandAugment {
        RandAugment {
            operations: 2,
            magnitude: 9,
        }
    }
}

/// A rectangle that is covered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Erase {
    /// The share of pictures to which it is done.
    pub probability: f64,
    /// Its share of the picture's area, at least and at most.
    pub area: [f64; 2],
    /// Its height over its width, at least and at most.
    pub aspect: [f64; 2],
}

impl Default for Erase {
    fn default() -> Erase {
        Erase {
            probability: 0.25,
            area: [0.02, 0.33],
            aspect: [0.3, 3.3],
        }
    }
}

impl AugmentConfig {
    /// Checks that its numbers make sense for pictures of this form.
    ///
    /// # Errors
    /// Naming the key and what it may be.
    pub fn check(&self, form: &PictureForm) -> Result<()> {
        let shorter = form.height.min(form.width) as f64;
        let longer = form.height.max(form.width) as f64;
        let number = |value: f64, least: f64, most: f64| (least..=most).contains(&value);
        let range = |[low, high]: [f64; 2], least: f64, most: f64| {
            low > least && low <= high && high <= most
        };
        let crop = self.resized_crop.clone().unwrap_or_default();
        let rand = self.randaugment.clone().unwrap_or_default();
        let erase = self.erase.clone().unwrap_or_default();
        let (padding, cutout) = (self.crop_padding as f64, self.cutout as f64);
        let checks: [(&str, bool, String); 20] = [
            (
                "crop_padding",
                number(padding, 0.0, shorter),
                format!("0 to {shorter}"),
            ),
            (
                "rotate",
                number(self.rotate, 0.0, 180.0),
                "0 to 180 (degrees)".into(),
            ),
            (
                "translate",
                number(self.translate, 0.0, 1.0),
                "0 to 1 (a share of the side)".into(),
            ),
            (
                "scale",
                range(self.scale, 0.09, 10.0),
                "two factors in 0.1..=10, such as [0.9, 1.1]".into(),
            ),
            (
                "shear",
                number(self.shear, 0.0, 80.0),
                "0 to 80 (degrees)".into(),
            ),
            (
                "brightness",
                number(self.brightness, 0.0, 1.0),
                "0 to 1".into(),
            ),
            ("contrast", number(self.contrast, 0.0, 1.0), "0 to 1".into()),
            (
                "saturation",
                number(self.saturation, 0.0, 1.0),
                "0 to 1".into(),
            ),
            ("hue", number(self.hue, 0.0, 0.5), "0 to 0.5".into()),
            (
                "cutout",
                number(cutout, 0.0, 2.0 * longer),
                format!("0 to {}", 2.0 * longer),
            ),
            ("mixup", number(self.mixup, 0.0, 100.0), "0 to 100".into()),
            ("cutmix", number(self.cutmix, 0.0, 100.0), "0 to 100".into()),
            (
                "resized_crop.area",
                range(crop.area, 0.0, 1.0),
                "two shares, such as [0.35, 1.0]".into(),
            ),
            (
                "resized_crop.aspect",
                range(crop.aspect, 0.0, 100.0),
                "two ratios, such as [0.75, 1.33]".into(),
            ),
            (
                "randaugment.operations",
                (1..=14).contains(&rand.operations),
                "1 to 14".into(),
            ),
            (
                "randaugment.magnitude",
                rand.magnitude <= 30,
                "0 to 30".into(),
            ),
            (
                "erase.probability",
                number(erase.probability, 0.0, 1.0),
                "0 to 1".into(),
            ),
            (
                "erase.area",
                range(erase.area, 0.0, 1.0),
                "two shares, such as [0.02, 0.33]".into(),
            ),
            (
                "erase.aspect",
                range(erase.aspect, 0.0, 100.0),
                "two ratios, such as [0.3, 3.3]".into(),
            ),
            (
                "saturation",
                form.channels == 3 || self.saturation == 0.0 && self.hue == 0.0,
                "0, and hue too: grey pictures have no colours".into(),
            ),
        ];
        match checks.into_iter().find(|(_, holds, _)| !holds) {
            Some((key, _, range)) => Err(Error::recipe(
                format!("augment.{key}"),
                "this cannot be meant",
                format!("choose {range}"),
            )),
            None => Ok(()),
        }
    }

    /// Whether rectangles are cut out of whole pictures, so that an album must hold those
    /// ([`AlbumConfig::whole`](super::AlbumConfig::whole)).
    pub fn cuts(&self) -> bool {
        self.resized_crop.is_some()
    }

    fn moves(&self) -> bool {
        self.rotate > 0.0 || self.translate > 0.0 || self.scale != [1.0, 1.0] || self.shear > 0.0
    }
}

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

    /// Leaves a changed picture of the form in the canvas.
    pub(super) fn apply(&self, view: View<'_>, key: Key, canvas: &mut Canvas) {
        let (config, form) = (&self.config, &self.form);
        let (height, width, channels) = (form.height, form.width, form.channels);
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
        let flip = config.flip && draws.unit() < 0.5;
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
