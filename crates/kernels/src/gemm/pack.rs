//! The factors of a product, copied into panels in the order that the tiles read them.

use std::ops::Range;

use super::{KC, Mat, SMALL};
use crate::buffer::Buffer;
use crate::float::Float;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector};
use crate::threads::parallel;

/// In an index of rows: a row of zeros.
pub(crate) const NO_ROW: u32 = u32::MAX;

/// The left factor of a product.
#[derive(Clone, Copy)]
pub(crate) enum Left<'a, E> {
    /// A matrix.
    Mat(Mat<'a, E>),
    /// Row `i` is the rows `index[i]`, `index[rows + i]`, `index[2 rows + i]`, .. of a row-major matrix with `cols`
    /// columns, side by side.
    Rows {
        data: &'a [E],
        cols: usize,
        rows: usize,
        index: &'a [u32],
    },
    /// The transpose of that.
    Columns {
        data: &'a [E],
        cols: usize,
        rows: usize,
        index: &'a [u32],
    },
}

impl<E: Float> Left<'_, E> {
    pub(super) fn check(&self, m: usize, k: usize) {
        let listed = |cols: usize, rows: usize, index: &[u32], (m, k): (usize, usize)| {
            rows == m && index.len() * cols == m * k
        };
        let fits = match *self {
            Left::Mat(a) => a.holds(m, k),
            Left::Rows {
                cols, rows, index, ..
            } => listed(cols, rows, index, (m, k)),
            Left::Columns {
                cols, rows, index, ..
            } => listed(cols, rows, index, (k, m)),
        };
        assert!(fits, "gemm: a [{m}, {k}] exceeds its data or its index");
    }

    /// Copies rows `i0 .. i0 + rows`, steps `p0 .. p0 + steps` into panels of `MR` rows: `[panel][step][row]`,
    /// with zeros below the last row.
    #[inline(always)]
    pub(super) fn pack<const MR: usize>(
        &self,
        i0: usize,
        rows: usize,
        p0: usize,
        steps: usize,
        out: &mut [E],
    ) {
        let panels = out.chunks_exact_mut(MR * steps).take(rows.div_ceil(MR));
        for (panel, out) in panels.enumerate() {
            let first = i0 + panel * MR;
            let live = MR.min(i0 + rows - first);
            if self.rows_lie_together() {
                self.pack_steps::<MR>(first, live, p0, out);
                continue;
            }
            for r in 0..MR {
                if r < live {
                    self.pack_row::<MR>(first + r, p0, &mut out[r..]);
                } else {
                    out[r..].iter_mut().step_by(MR).for_each(|x| *x = E::ZERO);
                }
            }
        }
    }

    /// Packs row `i` from step `p0` on into every `MR`th element.
    #[inline(always)]
    fn pack_row<const MR: usize>(&self, i: usize, p0: usize, out: &mut [E]) {
        let steps = out.len().div_ceil(MR);
        let to = out.iter_mut().step_by(MR);
        match *self {
            Left::Mat(a) if a.col_stride == 1 => {
                let from = &a.data[i * a.row_stride + p0..][..steps];
                to.zip(from).for_each(|(to, from)| *to = *from);
            }
            Left::Mat(a) => {
                let from = &a.data[i * a.row_stride + p0 * a.col_stride..];
                to.enumerate()
                    .for_each(|(p, to)| *to = from[p * a.col_stride]);
            }
            Left::Rows {
                data,
                cols,
                rows,
                index,
            } => {
                let mut p = 0;
                while p < steps {
                    let (tap, j) = ((p0 + p) / cols, (p0 + p) % cols);
                    let n = (cols - j).min(steps - p);
                    let to = out[p * MR..].iter_mut().step_by(MR).take(n);
                    match index[tap * rows + i] {
                        NO_ROW => to.for_each(|x| *x = E::ZERO),
                        row => {
                            let from = &data[row as usize * cols + j..][..n];
                            to.zip(from).for_each(|(to, from)| *to = *from);
                        }
                    }
                    p += n;
                }
            }
            Left::Columns { .. } => unreachable!("rows lie together"),
        }
    }

    /// Packs one panel where consecutive rows lie together: whole steps at a time.
    #[inline(always)]
    fn pack_steps<const MR: usize>(&self, first: usize, live: usize, p0: usize, out: &mut [E]) {
        match *self {
            Left::Mat(a) => {
                for (p, out) in out.chunks_exact_mut(MR).enumerate() {
                    copy_step::<E, MR>(
                        &a.data[first + (p0 + p) * a.col_stride..][..live],
                        &mut out[..],
                    );
                    out[live..].fill(E::ZERO);
                }
            }
            Left::Columns {
                data,
                cols,
                rows,
                index,
            } => {
                let mut r = 0;
                while r < live {
                    let (tap, j) = ((first + r) / cols, (first + r) % cols);
                    let n = (cols - j).min(live - r);
                    let index = &index[tap * rows + p0..];
                    for (out, &row) in out.chunks_exact_mut(MR).zip(index) {
                        match row {
                            NO_ROW => out[r..r + n].fill(E::ZERO),
                            row => copy_step::<E, MR>(
                                &data[row as usize * cols + j..][..n],
                                &mut out[r..],
                            ),
                        }
                    }
                    r += n;
                }
                out.chunks_exact_mut(MR)
                    .for_each(|out| out[live..].fill(E::ZERO));
            }
            Left::Rows { .. } => unreachable!("rows do not lie together"),
        }
    }

    fn rows_lie_together(&self) -> bool {
        match self {
            Left::Mat(a) => a.row_stride == 1 && a.col_stride != 1,
            Left::Rows { .. } => false,
            Left::Columns { .. } => true,
        }
    }
}

/// Copies up to `MR` elements. A copy of constant length is a few moves; of any other, a call.
#[inline(always)]
fn copy_step<E: Copy, const MR: usize>(from: &[E], to: &mut [E]) {
    match (<&[E; MR]>::try_from(from), to.first_chunk_mut::<MR>()) {
        (Ok(from), Some(to)) => *to = *from,
        _ => to[..from.len()].copy_from_slice(from),
    }
}

/// The right factor of a product, packed for repeated use.
pub struct Packed<E: Float> {
    pub(super) data: Buffer<E>,
    pub(super) k: usize,
    pub(super) n: usize,
}

/// Columns of a packed panel.
struct Width;

impl<E> Kernel<E> for Width {
    type Out = usize;
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) -> usize {
        2 * V::LANES
    }
}

/// Panels packed together: enough of each row of `B` for a stream from memory.
pub(super) const GROUP: usize = 4;

/// Copies steps and columns of a matrix into panels, `[panel][step][column]`, with zeros right of the last column.
pub(super) struct PackPanels<'a, E> {
    pub(super) b: Mat<'a, E>,
    pub(super) steps: Range<usize>,
    pub(super) cols: Range<usize>,
    pub(super) out: &'a mut [E],
}

impl<E: Float> Kernel<E> for PackPanels<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let PackPanels {
            b,
            steps,
            cols,
            out,
        } = self;
        let (width, last) = (2 * V::LANES, cols.len() % (2 * V::LANES));
        let panel = width * steps.len();
        if b.col_stride == 1 {
            for (q, p) in steps.enumerate() {
                let row = &b.data[p * b.row_stride + cols.start..][..cols.len()];
                for (from, to) in row.chunks(width).zip(out.chunks_exact_mut(panel)) {
                    let to = &mut to[q * width..][..width];
                    let (left, right) = from.split_at(from.len().min(V::LANES));
                    V::read(left).write(&mut to[..V::LANES]);
                    V::read(right).write(&mut to[V::LANES..]);
                }
            }
            return;
        }
        if last > 0 {
            out[cols.len() / width * panel..][..panel].fill(E::ZERO);
        }
        for (i, j) in cols.enumerate() {
            let from = &b.data[steps.start * b.row_stride + j * b.col_stride..];
            let to = &mut out[i / width * panel..][..panel];
            let rows = to.chunks_exact_mut(width).enumerate();
            if b.row_stride == 1 {
                let from = &from[..steps.len()];
                rows.for_each(|(p, row)| row[i % width] = from[p]);
            } else {
                rows.for_each(|(p, row)| row[i % width] = from[p * b.row_stride]);
            }
        }
    }
}

/// Packs `b [k, n]` for [`gemm_packed`](super::gemm_packed).
///
/// # Panics
/// If the matrix exceeds its data.
pub fn pack<E: Float>(k: usize, n: usize, b: Mat<'_, E>) -> Packed<E> {
    check_right(k, n, b);
    let width = E::dispatch(Width);
    let panels = n.div_ceil(width);
    // Blocks of KC steps one after the other; within one, panel by panel: [block][panel][step][column].
    let mut data = Buffer::scratch(panels * width * k);
    let out = Shared::new(&mut data);
    let fill = |group: usize| {
        let (first, last) = (group * GROUP, panels.min((group + 1) * GROUP));
        for p0 in (0..k).step_by(KC) {
            let steps = KC.min(k - p0);
            let start = (p0 * panels + first * steps) * width;
            // SAFETY: each panel of each block has its own place.
            let out = unsafe { out.part(start, (last - first) * steps * width) };
            E::dispatch(PackPanels {
                b,
                steps: p0..p0 + steps,
                cols: first * width..n.min(last * width),
                out,
            });
        }
    };
    let groups = panels.div_ceil(GROUP);
    if k * n < SMALL {
        (0..groups).for_each(fill);
    } else {
        parallel(groups, fill);
    }
    Packed { data, k, n }
}

pub(super) fn check_right<E>(k: usize, n: usize, b: Mat<'_, E>) {
    assert!(
        b.holds(k, n),
        "gemm: b [{k}, {n}] exceeds its {} elements",
        b.data.len()
    );
}
