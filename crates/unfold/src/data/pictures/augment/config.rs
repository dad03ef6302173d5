//! What a recipe says about random changes.

use serde::{Deserialize, Serialize};

use super::crop::Border;
use crate::data::pictures::form::PictureForm;
use crate::error::{Error, Result};

/// What to change at random. By default nothing; changes are made in the order of the fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentConfig {
    /// Moves the picture by up to so many pixels in each direction, as if cut out of one with a border of that width.
    pub crop_padding: usize,
    /// Which pictures are mirrored, left to right.
    pub flip: Flip,
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
            flip: Flip::Never,
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

/// Which pictures are mirrored: `false`, `true` or `"alternate"` in a recipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Word", into = "Word")]
pub enum Flip {
    /// None.
    #[default]
    Never,
    /// Each one with probability ½, whenever it is seen.
    Random,
    /// A random half in the first epoch, the other half in the second, and so on: two epochs show each picture both ways
    /// (Jordan 2024, "94 % on CIFAR-10 in 3.29 seconds on a single GPU", section 3.6).
    Alternate,
}

/// A [`Flip`] as a recipe writes it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
enum Word {
    Switch(bool),
    Name(String),
}

impl TryFrom<Word> for Flip {
    type Error = String;

    fn try_from(word: Word) -> std::result::Result<Flip, String> {
        match word {
            Word::Switch(false) => Ok(Flip::Never),
            Word::Switch(true) => Ok(Flip::Random),
            Word::Name(name) if name == "alternate" => Ok(Flip::Alternate),
            Word::Name(name) => Err(format!(
                "{name:?} is no way of mirroring: choose true, false or \"alternate\""
            )),
        }
    }
}

impl From<Flip> for Word {
    fn from(flip: Flip) -> Word {
        match flip {
            Flip::Never => Word::Switch(false),
            Flip::Random => Word::Switch(true),
            Flip::Alternate => Word::Name("alternate".into()),
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
    /// ([`AlbumConfig::whole`](crate::data::AlbumConfig::whole)).
    pub fn cuts(&self) -> bool {
        self.resized_crop.is_some()
    }

    /// Whether pictures are turned, moved, scaled or slanted.
    pub(super) fn moves(&self) -> bool {
        self.rotate > 0.0 || self.translate > 0.0 || self.scale != [1.0, 1.0] || self.shear > 0.0
    }
}
