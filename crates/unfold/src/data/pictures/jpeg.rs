//! JPEG files, by the decoder that the crate `image` has for them too. Asked directly it reads the head of a file once; `image`
//! reads it twice, and once more to know how the camera was held, which takes a sixth of the time of a small picture.

use image::error::{DecodingError, UnsupportedError, UnsupportedErrorKind};
use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageResult};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// A JPEG file whose head was read.
pub(super) struct Jpeg<'a> {
    decoder: JpegDecoder<ZCursor<&'a [u8]>>,
    /// W and H.
    size: (u32, u32),
    grey: bool,
}

impl<'a> Jpeg<'a> {
    /// Reads the head of the file whose bytes these are.
    ///
    /// # Errors
    /// When it is damaged, or of a kind that is not read, as JPEG without losses.
    pub(super) fn new(bytes: &'a [u8]) -> ImageResult<Jpeg<'a>> {
        // How large a picture may be is for whoever asks.
        let options = DecoderOptions::default()
            .set_strict_mode(false)
            .set_max_width(usize::MAX)
            .set_max_height(usize::MAX);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().map_err(refused)?;
        let (width, height) = decoder.dimensions().expect("the head was read");
        let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
        if grey {
            decoder.set_options(options.jpeg_set_out_colorspace(ColorSpace::Luma));
        }
        Ok(Jpeg {
            decoder,
            size: (width as u32, height as u32), // 16 bits each
            grey,
        })
    }
}

impl ImageDecoder for Jpeg<'_> {
    fn dimensions(&self) -> (u32, u32) {
        self.size
    }

    fn color_type(&self) -> ColorType {
        if self.grey {
            ColorType::L8
        } else {
            ColorType::Rgb8
        }
    }

    fn exif_metadata(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.decoder.exif().cloned())
    }

    fn read_image(mut self, pixels: &mut [u8]) -> ImageResult<()> {
        self.decoder.decode_into(pixels).map_err(refused)
    }

    fn read_image_boxed(self: Box<Self>, pixels: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(pixels)
    }
}

fn refused(error: DecodeErrors) -> ImageError {
    let format = ImageFormat::Jpeg.into();
    match error {
        DecodeErrors::Unsupported(what) => {
            let kind = UnsupportedErrorKind::GenericFeature(format!("{what:?}"));
            ImageError::Unsupported(UnsupportedError::from_format_and_kind(format, kind))
        }
        error => ImageError::Decoding(DecodingError::new(format, error)),
    }
}

/// Whether the mark at the end of a JPEG file is there. Decoders fill what is missing with grey and say nothing.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    let mut at = 2;
    // Segments say how long they are; the mark may stand inside one, such as a small copy of the picture.
    while let Some(&[0xff, mark, high, low]) = bytes.get(at..at + 4) {
        if mark == 0xff {
            at += 1; // filling
            continue;
        }
        if mark == START_OF_SCAN {
            break;
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
    let scans = bytes.get(at..).unwrap_or_default();
    scans.windows(2).rev().any(|pair| pair == [0xff, 0xd9])
}
