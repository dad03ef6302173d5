//! The form in which a network takes pictures: how large they are, how many channels they have, and how a picture of
//! another size is brought to that.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer, pixels};
use serde::{Deserialize, Serialize};

use super::picture::Picture;
use crate::error::{Error, Result};

/// How a picture of another shape is fitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Both sides become what they should be; shapes are distorted.
    Stretch,
    /// The shorter side becomes what it should be, and the middle of the longer one is kept.
    #[default]
    Crop,
    /// The longer side becomes what it should be, and black is put beside the shorter one.
    Pad,
}

/// The form of the pictures that a network takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureForm {
    /// Rows, H.
    pub height: usize,
    /// Pixels in a row, W.
    pub width: usize,
    /// C: 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// How others are fitted.
    #[serde(default)]
    pub fit: Fit,
}

/// Longer sides are a mistake.
const LONGEST_SIDE: usize = 8192;

impl PictureForm {
    /// Checks that its numbers make sense; `place` is what they are called in messages.
    ///
    /// # Errors
    /// When a side is 0 or very long, or the channels are neither 1 nor 3.
    pub fn check(&self, place: &str) -> Result<()> {
        for (name, side) in [("height", self.height), ("width", self.width)] {
            if !(1..=LONGEST_SIDE).contains(&side) {
                let problem = format!("a {name} of {side} pixels cannot be meant");
                let remedy = format!("choose 1 to {LONGEST_SIDE}");
                return Err(Error::recipe(place, problem, remedy));
            }
        }
        if self.channels != 1 && self.channels != 3 {
            let problem = format!("{} channels cannot be meant", self.channels);
            return Err(Error::recipe(
                place,
                problem,
                "choose 1 (grey) or 3 (colours)",
            ));
        }
        Ok(())
    }

    /// Values of one picture: H · W · C.
    pub fn values(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// The picture in this form.
    pub fn apply(&self, picture: &Picture) -> Picture {
        let picture = picture.clone().with_channels(self.channels);
        let mut fitted = Vec::new();
        Resampler::default().fit(View::of(&picture), self, &mut fitted);
        Picture::new(self.width, self.height, self.channels, fitted)
    }

    /// Whether a picture has this form as it is.
    pub(super) fn is_of(&self, view: View<'_>) -> bool {
        (view.height, view.width, view.channels) == (self.height, self.width, self.channels)
    }
}

/// A picture that belongs to somebody else.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) channels: usize,
    pub(super) pixels: &'a [u8],
}

impl<'a> View<'a> {
    pub(super) fn of(picture: &'a Picture) -> View<'a> {
        View {
            width: picture.width,
            height: picture.height,
            channels: picture.channels,
            pixels: &picture.pixels,
        }
    }

    /// The whole of it.
    fn window(self) -> Window {
        Window {
            left: 0.0,
            top: 0.0,
            width: self.width as f64,
            height: self.height as f64,
        }
    }
}

/// A rectangle in a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Brings pictures to other sizes: bilinear, and as wide as the picture is reduced, so that no fine detail turns into
/// a coarse pattern (the filter of Pillow's `BILINEAR`).
#[derive(Default)]
pub(super) struct Resampler {
    resizer: Resizer,
    padded: Vec<u8>,
}

impl Resampler {
    /// The picture as `form` wants it, into `out` (H · W · C values).
    ///
    /// # Panics
    /// When the channels differ.
    pub(super) fn fit(&mut self, view: View<'_>, form: &PictureForm, out: &mut Vec<u8>) {
        assert_eq!(view.channels, form.channels, "channels of a picture to fit");
        let (width, height) = (view.width as f64, view.height as f64);
        let across = width / form.width as f64;
        let down = height / form.height as f64;
        match form.fit {
            _ if form.is_of(view) => {
                out.clear();
                out.extend_from_slice(view.pixels);
            }
            Fit::Stretch => self.window(view, view.window(), form.width, form.height, out),
            Fit::Crop => {
                let scale = across.min(down);
                let (inner_width, inner_height) =
                    (form.width as f64 * scale, form.height as f64 * scale);
                let window = Window {
                    left: (width - inner_width) / 2.0,
                    top: (height - inner_height) / 2.0,
                    width: inner_width,
                    height: inner_height,
                };
                self.window(view, window, form.width, form.height, out);
            }
            Fit::Pad => {
                let scale = across.max(down);
                let inner =
                    |side: f64, most: usize| ((side / scale).round() as usize).clamp(1, most);
                let (inner_width, inner_height) =
                    (inner(width, form.width), inner(height, form.height));
                let mut padded = std::mem::take(&mut self.padded);
                self.window(view, view.window(), inner_width, inner_height, &mut padded);
                out.clear();
                out.resize(form.values(), 0);
                let row = inner_width * form.channels;
                let left = (form.width - inner_width) / 2 * form.channels;
                let rows = out.chunks_exact_mut(form.width * form.channels);
                let rows = rows.skip((form.height - inner_height) / 2);
                for (into, from) in rows.zip(padded.chunks_exact(row)) {
                    into[left..left + row].copy_from_slice(from);
                }
                self.padded = padded;
            }
        }
    }

    /// A rectangle of a picture, resampled to `width` x `height`, into `out`.
    pub(super) fn window(
        &mut self,
        view: View<'_>,
        window: Window,
        width: usize,
        height: usize,
        out: &mut Vec<u8>,
    ) {
        out.resize(width * height * view.channels, 0);
        match view.channels {
            1 => self.resample::<pixels::U8>(view, window, width, height, out),
            _ => self.resample::<pixels::U8x3>(view, window, width, height, out),
        }
    }

    fn resample<P: PixelTrait>(
        &mut self,
        view: View<'_>,
        window: Window,
        width: usize,
        height: usize,
        out: &mut [u8],
    ) {
        // Rounding must not carry the rectangle over the edge.
        let inside = |start: f64, length: f64, side: usize| {
            let length = length.min(side as f64);
            (start.clamp(0.0, side as f64 - length), length)
        };
        let (left, inner_width) = inside(window.left, window.width, view.width);
        let (top, inner_height) = inside(window.top, window.height, view.height);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .crop(left, top, inner_width, inner_height)
            .use_alpha(false);
        let sides = |side: usize| side as u32; // no picture that is read is larger
        let source =
            TypedImageRef::<P>::from_buffer(sides(view.width), sides(view.height), view.pixels);
        let target = TypedImage::<P>::from_buffer(sides(width), sides(height), out);
        let (Ok(source), Ok(mut target)) = (source, target) else {
            unreachable!("buffers of the right length");
        };
        let resized = self.resizer.resize_typed(&source, &mut target, &options);
        resized.expect("the rectangle lies inside");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::pictures::testing::{differ, sizes};

    #[test]
    fn other_sizes_are_as_in_pillow() {
        let mut resampler = Resampler::default();
        for case in sizes() {
            let [height, width, channels] = case.from.shape;
            let view = View {
                width,
                height,
                channels,
                pixels: &case.from.values,
            };
            let [left, top, right, bottom] = case.window;
            let window = Window {
                left,
                top,
                width: right - left,
                height: bottom - top,
            };
            let mut out = Vec::new();
            let [height, width, _] = case.to.shape;
            resampler.window(view, window, width, height, &mut out);
            let worst = differ(&out, &case.to.values);
            assert!(
                worst <= 1,
                "{:?} to {:?}: {worst}",
                case.window,
                case.to.shape
            );
        }
    }

    #[test]
    fn pictures_are_fitted() {
        // Three stripes: 0, 100, 200. The filter reaches over the edge of what is cut out, as in Pillow.
        let stripes: Vec<u8> = (0..4 * 12)
            .map(|i| [0, 0, 0, 100, 100, 100, 100, 100, 100, 200, 200, 200][i % 12])
            .collect();
        let picture = Picture::new(12, 4, 1, stripes);
        let fitted = |fit| {
            let form = PictureForm {
                height: 2,
                width: 2,
                channels: 1,
                fit,
            };
            form.apply(&picture).pixels
        };
        assert_eq!(fitted(Fit::Crop), [100; 4]);
        let stretched = fitted(Fit::Stretch);
        assert!(stretched[0] < 70 && stretched[1] > 130, "{stretched:?}");
        let form = PictureForm {
            height: 6,
            width: 6,
            channels: 3,
            fit: Fit::Pad,
        };
        let padded = form.apply(&picture);
        let row = |y: usize| &padded.pixels[y * 18..(y + 1) * 18];
        assert_eq!(
            (row(0), row(1), row(4), row(5)),
            ([0; 18].as_slice(), &[0; 18][..], &[0; 18][..], &[0; 18][..])
        );
        assert_eq!((row(2), row(2)[0], row(2)[17]), (row(3), 0, 200));
        // A thread of pixels too thin for a whole one.
        let thread = Picture::new(1, 900, 1, vec![7; 900]);
        assert_eq!(
            form.apply(&thread)
                .pixels
                .iter()
                .filter(|&&value| value == 7)
                .count(),
            18
        );
    }

    #[test]
    fn forms_that_cannot_be_meant() {
        let form = |height, width, channels| PictureForm {
            height,
            width,
            channels,
            fit: Fit::Crop,
        };
        assert!(form(32, 32, 3).check("data.size").is_ok());
        for (form, part) in [
            (form(0, 32, 3), "height of 0"),
            (form(32, 9000, 3), "width of 9000"),
            (form(32, 32, 2), "2 channels"),
        ] {
            let message = form.check("data.size").unwrap_err().to_string();
            assert!(
                message.starts_with("data.size") && message.contains(part),
                "{message}"
            );
        }
    }
}
