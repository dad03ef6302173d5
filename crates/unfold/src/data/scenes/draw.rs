//! Scenes as pictures.

use super::{COLOURS, Form, Shape};
use crate::random::Key;

/// Pixels along a side.
const SIDE: usize = 48;
/// Points in a pixel that are looked at along each axis, for smooth edges.
const POINTS: usize = 3;

/// A scene as a BMP file: shapes of random sizes near the middles of their quarters, on a grey ground with a little noise.
pub(super) fn bmp(shapes: &[Shape], key: Key) -> Vec<u8> {
    let placed: Vec<Placed> = (0..)
        .zip(shapes)
        .map(|(i, shape)| Placed::new(*shape, key.child(i)))
        .collect();
    let ground = 200.0 + 40.0 * key.uniform(100);
    let mut file = head();
    // Rows of a BMP file go up, and colours are blue, green, red.
    for y in (0..SIDE).rev() {
        for x in 0..SIDE {
            let noise = 12.0 * (key.uniform(1000 + (y * SIDE + x) as u64) - 0.5);
            let mut colour = [ground; 3];
            for shape in &placed {
                let covered = shape.covers(x, y);
                let own = COLOURS[shape.shape.colour].1;
                for (value, own) in colour.iter_mut().zip(own) {
                    *value += covered * (f64::from(own) - *value);
                }
            }
            let byte = |value: f64| (value + noise).round().clamp(0.0, 255.0) as u8;
            let [red, green, blue] = colour.map(byte);
            file.extend([blue, green, red]);
        }
    }
    file
}

/// A shape with its middle and its size, in pixels.
struct Placed {
    shape: Shape,
    x: f64,
    y: f64,
    /// Half of what it is wide.
    reach: f64,
}

impl Placed {
    fn new(shape: Shape, key: Key) -> Placed {
        let half = SIDE as f64 / 2.0;
        let middle =
            |side: usize, draw: u64| (side as f64 + 0.5) * half + 5.0 * (key.uniform(draw) - 0.5);
        Placed {
            shape,
            x: middle(shape.column, 0),
            y: middle(shape.row, 1),
            reach: 6.0 + 3.0 * key.uniform(2),
        }
    }

    /// The share of a pixel that it covers.
    fn covers(&self, x: usize, y: usize) -> f64 {
        let at = |pixel: usize, point: usize| pixel as f64 + (point as f64 + 0.5) / POINTS as f64;
        let points = (0..POINTS * POINTS).map(|p| [at(x, p % POINTS), at(y, p / POINTS)]);
        let inside = points.filter(|[x, y]| self.holds(x - self.x, y - self.y));
        inside.count() as f64 / (POINTS * POINTS) as f64
    }

    /// Whether it holds a point, seen from its middle.
    fn holds(&self, x: f64, y: f64) -> bool {
        let reach = self.reach;
        match self.shape.form {
            Form::Circle => x * x + y * y <= reach * reach,
            Form::Square => x.abs().max(y.abs()) <= 0.9 * reach,
            // Its tip is up.
            Form::Triangle => y.abs() <= reach && x.abs() <= (y + reach) / 2.0 * 1.1,
        }
    }
}

/// The head of a BMP file of 24 bits a pixel.
fn head() -> Vec<u8> {
    const HEAD: usize = 54;
    let side = SIDE as u32;
    let mut head = b"BM".to_vec();
    let size = (HEAD + 3 * SIDE * SIDE) as u32;
    for field in [size, 0, HEAD as u32, 40, side, side, 1 | 24 << 16] {
        head.extend(field.to_le_bytes());
    }
    for field in [0u32, 0, 2835, 2835, 0, 0] {
        head.extend(field.to_le_bytes());
    }
    head
}
