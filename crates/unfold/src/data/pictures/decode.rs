//! From the bytes of a picture file to pixels: JPEG, PNG, WebP, BMP and GIF, whatever the file is called.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::metadata::Orientation;
use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, ImageResult, Limits,
};

use super::jpeg::{self, Jpeg};
use super::picture::Picture;
use crate::error::{Error, Result};

/// Larger pictures are refused before anything is reserved for them.
pub const MOST_PIXELS: u64 = 64 << 20;

/// The most bytes a decoder may take at once: [`MOST_PIXELS`] of four channels of two bytes.
const MOST_BYTES: u64 = MOST_PIXELS * 8;

/// The formats that are read, and the endings of their files.
const FORMATS: [(ImageFormat, &str, &[&str]); 5] = [
    (ImageFormat::Jpeg, "JPEG", &["jpg", "jpeg", "jpe", "jfif"]),
    (ImageFormat::Png, "PNG", &["png", "apng"]),
    (ImageFormat::WebP, "WebP", &["webp"]),
    (ImageFormat::Bmp, "BMP", &["bmp", "dib"]),
    (ImageFormat::Gif, "GIF", &["gif"]),
];

/// Endings of pictures in formats that are not read.
const UNREAD: [&str; 12] = [
    "tif", "tiff", "heic", "heif", "avif", "jxl", "jp2", "svg", "psd", "ico", "tga", "ppm",
];

/// So many bytes tell a format.
pub(super) const HEAD: usize = 16;

/// What a file is, as far as its first bytes and its name tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It begins as a picture does that is read.
    Picture,
    /// It should be a picture but is none.
    Damaged(&'static str),
    /// A picture in a format that is not read.
    Unread,
    /// No picture.
    Other,
}

/// What the file called `path` is, which begins with `head`.
pub(super) fn kind(path: &str, head: &[u8]) -> Kind {
    let ending = path
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_lowercase());
    let ending = ending.as_deref().unwrap_or("");
    if format(head).is_some() {
        Kind::Picture
    } else if FORMATS
        .iter()
        .any(|(_, _, endings)| endings.contains(&ending))
    {
        Kind::Damaged(match head {
            [] => "the file is empty",
            _ => NO_PICTURE,
        })
    } else if UNREAD.contains(&ending) {
        Kind::Unread
    } else {
        Kind::Other
    }
}

const NO_PICTURE: &str = "it does not begin as a JPEG, PNG, WebP, BMP or GIF file does";

fn format(head: &[u8]) -> Option<ImageFormat> {
    let format = image::guess_format(head).ok()?;
    FORMATS
        .iter()
        .any(|(known, ..)| *known == format)
        .then_some(format)
}

/// What the head of a picture file says: height, width, and whether it is grey.
pub(super) fn look(bytes: &[u8]) -> Option<([usize; 2], bool)> {
    let format = format(bytes)?;
    let look = || {
        let mut decoder = decoder(bytes, format).ok()?;
        let (width, height) = decoder.dimensions();
        let size = [height as usize, width as usize];
        let lies = orientation(&mut decoder).is_some_and(|turned| turned.to_exif() >= 5);
        let size = if lies { [size[1], size[0]] } else { size };
        Some((size, !decoder.color_type().has_color()))
    };
    catch_unwind(AssertUnwindSafe(look)).ok()?
}

/// How the picture must be turned to be upright, if it must.
fn orientation(decoder: &mut impl ImageDecoder) -> Option<Orientation> {
    // What says how the camera was held may itself be damaged; the picture is read all the same.
    let orientation = decoder.orientation().ok()?;
    (orientation != Orientation::NoTransforms).then_some(orientation)
}

/// The picture in the bytes of a file, upright; `place` is for messages. Grey pictures have one channel, others three;
/// what is transparent shows white, and of several pictures the first is taken.
///
/// # Errors
/// When the bytes are no picture in a format that is read, or are damaged, cut off or too large.
pub fn decode(bytes: &[u8], place: &str) -> Result<Picture> {
    let refuse = |problem: String| {
        let remedy = "fetch or make the file again, or remove it";
        Error::data(place, problem, remedy)
    };
    if bytes.is_empty() {
        return Err(refuse("the file is empty".to_owned()));
    }
    let Some(format) = format(bytes) else {
        return Err(Error::data(
            place,
            NO_PICTURE,
            "turn it into JPEG or PNG, or remove it",
        ));
    };
    if format == ImageFormat::Jpeg && !jpeg::is_whole(bytes) {
        return Err(refuse(
            "the JPEG file ends too early: it is cut off".to_owned(),
        ));
    }
    // Decoders are made for untrusted bytes, but a panic in one must not end the program.
    match catch_unwind(AssertUnwindSafe(|| pixels(bytes, format))) {
        Ok(Ok(picture)) => Ok(picture),
        Ok(Err(Refused::Large(size))) => Err(Error::data(
            place,
            format!(
                "{size} are more than the {} million that are read",
                MOST_PIXELS >> 20
            ),
            "make the picture smaller",
        )),
        Ok(Err(Refused::Empty)) => Err(refuse("the picture has no pixels".to_owned())),
        Ok(Err(Refused::Image(error))) => {
            let name = FORMATS.iter().find(|(known, ..)| *known == format);
            let name = name.map_or("picture", |(_, name, _)| name);
            Err(refuse(format!("the {name} file cannot be read ({error})")))
        }
        Err(_) => Err(refuse("its structure is damaged".to_owned())),
    }
}

enum Refused {
    /// What there is too much of.
    Large(String),
    /// There is no pixel.
    Empty,
    Image(ImageError),
}

impl From<ImageError> for Refused {
    fn from(error: ImageError) -> Refused {
        match error {
            ImageError::Limits(_) => Refused::Large("its pixels".to_owned()),
            error => Refused::Image(error),
        }
    }
}

/// What decodes a file of that format, its head read.
fn decoder(bytes: &[u8], format: ImageFormat) -> ImageResult<Box<dyn ImageDecoder + '_>> {
    if format == ImageFormat::Jpeg {
        return Ok(Box::new(Jpeg::new(bytes)?));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    Ok(Box::new(reader.into_decoder()?))
}

fn pixels(bytes: &[u8], format: ImageFormat) -> Result<Picture, Refused> {
    let mut decoder = decoder(bytes, format)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(Refused::Large(format!("{width} x {height} pixels")));
    }
    let orientation = orientation(&mut decoder);
    let mut image = DynamicImage::from_decoder(decoder)?;
    if let Some(orientation) = orientation {
        image.apply_orientation(orientation);
    }
    let (width, height) = (image.width() as usize, image.height() as usize);
    let colour = image.color();
    let (channels, pixels) = match (colour.has_color(), colour.has_alpha()) {
        (false, false) => (1, image.into_luma8().into_raw()),
        (true, false) => (3, image.into_rgb8().into_raw()),
        (false, true) => (1, over_white::<1>(&image.into_luma_alpha8().into_raw())),
        (true, true) => (3, over_white::<3>(&image.into_rgba8().into_raw())),
    };
    if pixels.is_empty() {
        return Err(Refused::Empty);
    }
    Ok(Picture::new(width, height, channels, pixels))
}

/// Pixels of C colours and an opacity, laid over white.
fn over_white<const C: usize>(pixels: &[u8]) -> Vec<u8> {
    let mut solid = Vec::with_capacity(pixels.len() / (C + 1) * C);
    for pixel in pixels.chunks_exact(C + 1) {
        let opacity = u32::from(pixel[C]);
        let mix = |&value: &u8| {
            let mixed = u32::from(value) * opacity + 255 * (255 - opacity);
            ((mixed + 127) / 255) as u8
        };
        solid.extend(pixel[..C].iter().map(mix));
    }
    solid
}
