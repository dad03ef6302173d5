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
                _ => into.as_chunks_mut::<3>().0.reverse(),
            }
        }
    }
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
        let one = form(1, 1, 1);
        let mut to = [0];
        crop(&[5], &mut to, &one, [1, -1], false, Border::Mirror, [0; 3]);
        assert_eq!(to, [5]);
    }
}
