//! Pooling over windows of pictures.

use crate::pool::NONE;
use crate::{Float, Windows};

/// Calls `f(output, input, number in the window, elements to divide by)` for each pair that a window joins.
fn for_each_pair(
    pictures: usize,
    c: usize,
    [rows, columns]: &[Windows; 2],
    mut f: impl FnMut(usize, usize, usize, usize),
) {
    for b in 0..pictures {
        for (oh, row) in rows.all().iter().enumerate() {
            for (ow, column) in columns.all().iter().enumerate() {
                let mut k = 0;
                for h in row.start..row.end {
                    for w in column.start..column.end {
                        let y = (b * rows.outputs() + oh) * columns.outputs() + ow;
                        let x = (b * rows.input() + h) * columns.input() + w;
                        for j in 0..c {
                            f(y * c + j, x * c + j, k, row.share * column.share);
                        }
                        k += 1;
                    }
                }
            }
        }
    }
}

fn pictures(x: usize, c: usize, [rows, columns]: &[Windows; 2]) -> usize {
    x / (rows.input() * columns.input() * c)
}

/// As [`crate::max_pool2d`].
pub fn max_pool2d<E: Float>(
    x: &[E],
    c: usize,
    windows: &[Windows; 2],
    relu: bool,
    y: &mut [E],
    place: &mut [u16],
) {
    if relu {
        y.fill(E::ZERO);
        place.fill(NONE);
    }
    for_each_pair(
        pictures(x.len(), c, windows),
        c,
        windows,
        |to, from, k, _| {
            if (k == 0 && !relu) || x[from] > y[to] {
                y[to] = x[from];
                place[to] = k as u16;
            }
        },
    );
}

/// As [`crate::max_pool2d_backward`].
pub fn max_pool2d_backward<E: Float>(
    place: &[u16],
    dy: &[E],
    c: usize,
    windows: &[Windows; 2],
    dx: &mut [E],
) {
    dx.fill(E::ZERO);
    for_each_pair(
        pictures(dx.len(), c, windows),
        c,
        windows,
        |to, from, k, _| {
            if place[to] as usize == k {
                dx[from] += dy[to];
            }
        },
    );
}

/// As [`crate::avg_pool2d`].
pub fn avg_pool2d<E: Float>(x: &[E], c: usize, windows: &[Windows; 2], y: &mut [E]) {
    y.fill(E::ZERO);
    for_each_pair(
        pictures(x.len(), c, windows),
        c,
        windows,
        |to, from, _, share| {
            y[to] += x[from] / E::from_usize(share);
        },
    );
}

/// As [`crate::avg_pool2d_backward`].
pub fn avg_pool2d_backward<E: Float>(dy: &[E], c: usize, windows: &[Windows; 2], dx: &mut [E]) {
    dx.fill(E::ZERO);
    for_each_pair(
        pictures(dx.len(), c, windows),
        c,
        windows,
        |to, from, _, share| {
            dx[from] += dy[to] / E::from_usize(share);
        },
    );
}
