//! Moving and mirroring by whole pixels.

use serde::{Deserialize, Serialize};

use crate::data::pictures::form::PictureForm;

/// What is shown beyond the edge of a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Border {
    /// Black.
    #[default]
    Black,
    /// The mean colour of the training pictures.
    Mean,
    /// The picture itself, mirrored at its edge.
    Mirror,
}

impl Border {
    /// The colour beyond the edge, where it is one.
    pub(super) fn fill(self, mean: &[u8; 3]) -> [u8; 3] {
        match self {
            Border::Mean => *mean,
            Border::Black | Border::Mirror => [0; 3],
        }
    }

    /// Which of `n` pixels in a row is shown at place `i`; nothing where a colour is.
    pub(crate) fn place(self, i: isize, n: usize) -> Option<usize> {
        let last = n as isize - 1;
        let inside = (0..=last).contains(&i);
        match self {
            _ if inside => Some(i as usize),
            Border::Mirror if last > 0 => {
                let there = i.rem_euclid(2 * last);
                Some(there.min(2 * last - there) as usize)
            }
            Border::Mirror => Some(0),
            Border::Black | Border::Mean => None,
        }
    }
}

/// Takes the picture that lies `move_by` (down, right) of a picture, then mirrors it if `flip`.
pub(super) fn crop(
    from: &[u8],
    to: &mut [u8],
    form: &PictureForm,
    move_by: [isize; 2],
    flip: bool,
    border: Border,
    fill: [u8; 3],
) {
    let (width, channels) = (form.width, form.channels);
    let row = width * channels;
    let [down, right] = move_by;
    // The columns of the result that lie inside.
    let first = (-right).clamp(0, width as isize) as usize;
    let last = (width as isize - right).clamp(first as isize, width as isize) as usize;
    let start = (first as isize + right) as usize * channels;
    for (y, into) in to.chunks_exact_mut(row).enumerate() {
        let Some(y) = border.place(y as isize + down, form.height) else {
            paint(into, &fill[..channels]);
            continue;
        };
        let line = &from[y * row..][..row];
        let inside = &mut into[first * channels..last * channels];
        if !inside.is_empty() {
            inside.copy_from_slice(&line[start..][..inside.len()]);
        }
        for x in (0..first).chain(last..width) {
            let pixel = &mut into[x * channels..][..channels];
            match border.place(x as isize + right, width) {
                Some(x) => pixel.copy_from_slice(&line[x * channels..][..channels]),
                None => pixel.copy_from_slice(&fill[..channels]),
            }
        }
        if flip {
            match channels {
                1 => into.reverse(),
                _ => mirror(into),
            }
        }
    }
}

/// The pixels of three bytes each in reverse, four from each end at a time.
fn mirror(row: &mut [u8]) {
    let fours = row.len() / 24 * 12;
    let (left, rest) = row.split_at_mut(fours);
    let (middle, right) = rest.split_at_mut(rest.len() - fours);
    middle.as_chunks_mut::<3>().0.reverse();
    let left = left.as_chunks_mut::<12>().0.iter_mut();
    let right = right.as_chunks_mut::<12>().0.iter_mut().rev();
    for (left, right) in left.zip(right) {
        (*left, *right) = (turned(right), turned(left));
    }
}

/// Four pixels in reverse, as three numbers of four bytes: `rgbr gbrg brgb`.
fn turned(pixels: &[u8; 12]) -> [u8; 12] {
    let word = |i: usize| u32::from_le_bytes(std::array::from_fn(|byte| pixels[4 * i + byte]));
    let (a, b, c) = (word(0), word(1), word(2));
    let first = c >> 8 | (b >> 16) << 24;
    let second = b >> 24 | (c & 0xff) << 8 | (a >> 24) << 16 | b << 24;
    let third = (b >> 8) & 0xff | a << 8;
    let mut turned = [0; 12];
    for (to, word) in turned
        .as_chunks_mut::<4>()
        .0
        .iter_mut()
        .zip([first, second, third])
    {
        *to = word.to_le_bytes();
    }
    turned
}

/// Gives every pixel one colour.
pub(super) fn paint(pixels: &mut [u8], colour: &[u8]) {
    for pixel in pixels.chunks_exact_mut(colour.len()) {
        pixel.copy_from_slice(colour);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::pictures::form::Fit;

    fn form(height: usize, width: usize, channels: usize) -> PictureForm {
        PictureForm {
            height,
            width,
            channels,
            fit: Fit::Crop,
        }
    }

    fn cropped(move_by: [isize; 2], flip: bool, border: Border, fill: u8) -> Vec<u8> {
        let from: Vec<u8> = (1..=12).collect();
        let mut to = vec![99; 12];
        crop(
            &from,
            &mut to,
            &form(3, 4, 1),
            move_by,
            flip,
            border,
            [fill; 3],
        );
        to
    }

    #[test]
    fn pictures_are_moved_over_a_border() {
        let whole = cropped([0, 0], false, Border::Black, 0);
        assert_eq!(whole, (1..=12).collect::<Vec<u8>>());
        assert_eq!(
            cropped([1, -1], false, Border::Mean, 7),
            [7, 5, 6, 7, 7, 9, 10, 11, 7, 7, 7, 7]
        );
        // numpy.pad(…, mode="reflect")
        assert_eq!(
            cropped([-1, 2], false, Border::Mirror, 0),
            [7, 8, 7, 6, 3, 4, 3, 2, 7, 8, 7, 6]
        );
        assert_eq!(
            cropped([0, 0], true, Border::Black, 0),
            [4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9]
        );
        assert_eq!(cropped([0, 9], false, Border::Mean, 7), [7; 12]);
        assert_eq!(cropped([0, -9], false, Border::Mean, 7), [7; 12]);
    }

    #[test]
    fn colours_stay_together() {
        let from: Vec<u8> = (1..=12).collect();
        let mut to = vec![0; 12];
        crop(
            &from,
            &mut to,
            &form(2, 2, 3),
            [0, 1],
            true,
            Border::Mean,
            [70, 80, 90],
        );
        assert_eq!(to, [70, 80, 90, 4, 5, 6, 70, 80, 90, 10, 11, 12]);
        for width in [1, 5, 7, 8, 9, 17, 40] {
            let wide: Vec<u8> = (0..3 * width as u8).collect();
            let mut to = vec![0; 3 * width];
            let form = form(1, width, 3);
            crop(&wide, &mut to, &form, [0, 0], true, Border::Black, [0; 3]);
            let turned: Vec<u8> = wide.chunks(3).rev().flatten().copied().collect();
            assert_eq!(to, turned, "{width} pixels");
        }
        let one = form(1, 1, 1);
        let mut to = [0];
        crop(&[5], &mut to, &one, [1, -1], false, Border::Mirror, [0; 3]);
        assert_eq!(to, [5]);
    }
}
