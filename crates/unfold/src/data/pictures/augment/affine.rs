//! Turning, moving, scaling and slanting.

use super::crop::Border;
use crate::data::pictures::form::PictureForm;

/// A map of the plane about the middle of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    /// How far it turns, clockwise.
    pub(super) degrees: f64,
    /// Pixels to the right.
    pub(super) right: f64,
    /// Pixels down.
    pub(super) down: f64,
    pub(super) scale: f64,
    /// How far it slants along the rows and along the columns, in degrees.
    pub(super) shear: [f64; 2],
}

impl Affine {
    /// The map that changes nothing.
    pub(super) const NONE: Affine = Affine {
        degrees: 0.0,
        right: 0.0,
        down: 0.0,
        scale: 1.0,
        shear: [0.0, 0.0],
    };

    /// From a place in the result to the place that it shows, both seen from the middle:
    /// `x = a x' + b y' + c`, `y = d x' + e y' + f`.
    ///
    /// The map is translation · rotation · shear along y · shear along x · scale, as in torchvision.
    fn inverse(&self) -> [f64; 6] {
        let (turn, [x, y]) = (self.degrees.to_radians(), self.shear.map(f64::to_radians));
        let a = (turn - y).cos() / y.cos();
        let b = -(turn - y).cos() * x.tan() / y.cos() - turn.sin();
        let c = (turn - y).sin() / y.cos();
        let d = -(turn - y).sin() * x.tan() / y.cos() + turn.cos();
        // The determinant of rotation and shears is 1.
        let [a, b, c, d] = [d, -b, -c, a].map(|value| value / self.scale);
        let move_back = |p: f64, q: f64| -p * self.right - q * self.down;
        [a, b, move_back(a, b), c, d, move_back(c, d)]
    }

    /// The picture mapped, by bilinear interpolation.
    pub(super) fn apply(
        &self,
        from: &[u8],
        to: &mut [u8],
        form: &PictureForm,
        border: Border,
        fill: [u8; 3],
    ) {
        match form.channels {
            1 => self.sample::<1>(from, to, form, border, fill),
            _ => self.sample::<3>(from, to, form, border, fill),
        }
    }

    fn sample<const C: usize>(
        &self,
        from: &[u8],
        to: &mut [u8],
        form: &PictureForm,
        border: Border,
        fill: [u8; 3],
    ) {
        let (height, width) = (form.height, form.width);
        let [a, b, c, d, e, f] = self.inverse().map(|value| value as f32);
        let (middle_x, middle_y) = ((width as f32 - 1.0) / 2.0, (height as f32 - 1.0) / 2.0);
        let pixel = |y: isize, x: isize| -> [f32; C] {
            let place = border.place(y, height).zip(border.place(x, width));
            let at = |c: usize| match place {
                Some((y, x)) => from[(y * width + x) * C + c],
                None => fill[c],
            };
            std::array::from_fn(|c| f32::from(at(c)))
        };
        for (y, row) in to.chunks_exact_mut(width * C).enumerate() {
            let beside_y = y as f32 - middle_y;
            for (x, into) in row.as_chunks_mut::<C>().0.iter_mut().enumerate() {
                let beside_x = x as f32 - middle_x;
                let there_x = a * beside_x + b * beside_y + c + middle_x;
                let there_y = d * beside_x + e * beside_y + f + middle_y;
                let (left, top) = (there_x.floor(), there_y.floor());
                let (right_share, low_share) = (there_x - left, there_y - top);
                let (left, top) = (left as isize, top as isize);
                let inside =
                    left >= 0 && top >= 0 && left + 1 < width as isize && top + 1 < height as isize;
                let taps: [[f32; C]; 4] = if inside {
                    let at = (top as usize * width + left as usize) * C;
                    let two = |at: usize| -> [[f32; C]; 2] {
                        let pair = &from[at..at + 2 * C];
                        let one = |i: usize| std::array::from_fn(|c| f32::from(pair[i * C + c]));
                        [one(0), one(1)]
                    };
                    let ([p, q], [r, s]) = (two(at), two(at + width * C));
                    [p, q, r, s]
                } else {
                    [
                        pixel(top, left),
                        pixel(top, left + 1),
                        pixel(top + 1, left),
                        pixel(top + 1, left + 1),
                    ]
                };
                for (c, value) in into.iter_mut().enumerate() {
                    let upper = taps[0][c] + (taps[1][c] - taps[0][c]) * right_share;
                    let lower = taps[2][c] + (taps[3][c] - taps[2][c]) * right_share;
                    *value = (upper + (lower - upper) * low_share + 0.5) as u8;
                }
            }
        }
    }
}
