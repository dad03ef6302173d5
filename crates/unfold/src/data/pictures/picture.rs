//! One picture in memory.

/// A picture of bytes, `[H, W, C]`: row by row, the channels of a pixel side by side.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row, W.
    pub width: usize,
    /// Rows, H.
    pub height: usize,
    /// C: 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// The values, `[H, W, C]`.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// A picture of these values, `[H, W, C]`.
    ///
    /// # Panics
    /// When there is no pixel, the channels are neither 1 nor 3, or the number of values is another.
    #[track_caller]
    pub fn new(width: usize, height: usize, channels: usize, pixels: Vec<u8>) -> Picture {
        assert!(
            width > 0
                && height > 0
                && (channels == 1 || channels == 3)
                && pixels.len() == height * width * channels,
            "picture: expected [H, W, 1 or 3] values, got {} for [{height}, {width}, {channels}]",
            pixels.len()
        );
        Picture {
            width,
            height,
            channels,
            pixels,
        }
    }

    /// The picture with so many channels: grey is repeated, colours become their luma (ITU-R BT.601, as in JPEG and
    /// Pillow).
    ///
    /// # Panics
    /// When `channels` is neither 1 nor 3.
    #[track_caller]
    pub fn with_channels(self, channels: usize) -> Picture {
        let pixels = match (self.channels, channels) {
            (from, to) if from == to => return self,
            (1, 3) => self.pixels.iter().flat_map(|&grey| [grey; 3]).collect(),
            (3, 1) => {
                let pixels = self.pixels.chunks_exact(3);
                pixels
                    .map(|pixel| luma(pixel[0], pixel[1], pixel[2]))
                    .collect()
            }
            _ => panic!("picture: expected 1 or 3 channels, got {channels}"),
        };
        Picture::new(self.width, self.height, channels, pixels)
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (height, width, channels) = (self.height, self.width, self.channels);
        write!(f, "Picture [{height}, {width}, {channels}]")
    }
}

/// How light a colour is (ITU-R BT.601), rounded as Pillow rounds.
pub(super) fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let sum = u32::from(red) * 19_595 + u32::from(green) * 38_470 + u32::from(blue) * 7_471;
    ((sum + 0x8000) >> 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_changed_as_pillow_does() {
        let colours = Picture::new(3, 1, 3, vec![255, 0, 0, 0, 255, 0, 10, 20, 30]);
        let grey = colours.clone().with_channels(1);
        // ImageOps.grayscale of Pillow 12.
        assert_eq!(grey.pixels, [76, 150, 18]);
        assert_eq!(grey.clone().with_channels(1), grey);
        assert_eq!(
            grey.with_channels(3).pixels,
            [76, 76, 76, 150, 150, 150, 18, 18, 18]
        );
        assert_eq!(format!("{colours:?}"), "Picture [1, 3, 3]");
    }
}
