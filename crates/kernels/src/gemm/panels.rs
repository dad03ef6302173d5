//! The right factor of a product, copied into panels in the order that the tiles read them.

use std::ops::Range;
use std::sync::Arc;

use super::Mat;
use crate::buffer::Buffer;
use crate::float::Float;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector, prefetch};
use crate::threads::{parallel, rows_per_task};

/// Panels filled together: enough of each row for a stream from memory.
pub(super) const GROUP: usize = 4;
/// Rows that are asked for ahead of their use.
const AHEAD: usize = 8;

/// Copies `steps` rows and `live` columns of a matrix into panels `apart` elements apart, `[step][column]` each, with
/// zeros right of the last column.
#[inline(always)]
pub(crate) fn fill<V: Vector>(
    from: Mat<'_, V::Elem>,
    steps: usize,
    live: usize,
    to: &mut [V::Elem],
    apart: usize,
) {
    let width = 2 * V::LANES;
    if from.col_stride == 1 {
        let whole = live / width;
        for p in 0..steps {
            let row = &from.data[p * from.row_stride..][..live];
            prefetch(row.as_ptr().wrapping_add(AHEAD * from.row_stride), live);
            for panel in 0..whole {
                let to = &mut to[panel * apart + p * width..][..width];
                // SAFETY: whole panels lie inside the row and `to` has room for two vectors.
                unsafe {
                    let from = row.as_ptr().add(panel * width);
                    V::load(from).store(to.as_mut_ptr());
                    V::load(from.add(V::LANES)).store(to.as_mut_ptr().add(V::LANES));
                }
            }
            if whole * width < live {
                let from = &row[whole * width..];
                let to = &mut to[whole * apart + p * width..][..width];
                let (left, right) = from.split_at(from.len().min(V::LANES));
                V::read(left).write(&mut to[..V::LANES]);
                V::read(right).write(&mut to[V::LANES..]);
            }
        }
        return;
    }
    if !live.is_multiple_of(width) {
        to[live / width * apart..][..steps * width].fill(V::Elem::default());
    }
    let squares = if from.row_stride == 1 && V::LANES >= 4 {
        (live / 4 * 4, steps / 4 * 4)
    } else {
        (0, 0)
    };
    for j in (0..squares.0).step_by(4) {
        let columns: [&[V::Elem]; 4] =
            std::array::from_fn(|c| &from.data[(j + c) * from.col_stride..][..steps]);
        let to = &mut to[j / width * apart + j % width..][..(steps - 1) * width + 4];
        for p in (0..squares.1).step_by(4) {
            // SAFETY: four steps from `p` on lie inside the columns, and their four rows of four inside `to`.
            unsafe {
                let four = columns.each_ref().map(|column| column.as_ptr().add(p));
                V::transpose4(four, to.as_mut_ptr().add(p * width), width);
            }
        }
    }
    for j in 0..live {
        let done = if j < squares.0 { squares.1 } else { 0 };
        let column = &from.data[j * from.col_stride..];
        let to = to[j / width * apart..][..steps * width].chunks_exact_mut(width);
        to.enumerate()
            .skip(done)
            .for_each(|(p, to)| to[j % width] = column[p * from.row_stride]);
    }
}

/// A right factor `[k, n]` in panels: `[panel][step][column]`.
pub(crate) struct Panels<E: Float> {
    /// From `start` on.
    data: Arc<Buffer<E>>,
    start: usize,
    pub(super) k: usize,
    pub(super) n: usize,
}

/// Columns of a panel.
struct Width;

impl<E> Kernel<E> for Width {
    type Out = usize;
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) -> usize {
        2 * V::LANES
    }
}

/// A group of panels of matrices that follow each other.
struct Fill<'a, E> {
    b: &'a [E],
    starts: &'a [usize],
    steps: usize,
    strides: [usize; 2],
    live: usize,
    to: &'a mut [E],
}

impl<E: Float> Kernel<E> for Fill<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let matrix = self.steps * 2 * V::LANES;
        for (i, &start) in self.starts.iter().enumerate() {
            let from = Mat {
                data: &self.b[start..],
                row_stride: self.strides[0],
                col_stride: self.strides[1],
            };
            let to = &mut self.to[i * matrix..];
            fill::<V>(from, self.steps, self.live, to, self.starts.len() * matrix);
        }
    }
}

impl<E: Float> Panels<E> {
    /// Packs matrices of `steps` rows and `n` columns, one below the other: element `(p, j)` of each is
    /// `b[start + p strides[0] + j strides[1]]`.
    pub(crate) fn new(
        b: &[E],
        starts: &[usize],
        steps: usize,
        n: usize,
        strides: [usize; 2],
    ) -> Self {
        let (width, k) = (E::dispatch(Width), starts.len() * steps);
        let panels = n.div_ceil(width);
        let size = (panels * width).checked_mul(k);
        let mut data = Buffer::scratch(size.expect("a matrix that memory can hold"));
        if k > 0 {
            let all = Shared::new(&mut data);
            let groups = rows_per_task(GROUP * width * k) * GROUP;
            parallel(panels.div_ceil(groups), |task| {
                for first in (task * groups..panels.min((task + 1) * groups)).step_by(GROUP) {
                    let some = GROUP.min(panels - first);
                    // SAFETY: each panel has its own place.
                    let to = unsafe { all.part(first * width * k, some * width * k) };
                    let j = first * width;
                    E::dispatch(Fill {
                        b: &b[j * strides[1]..],
                        starts,
                        steps,
                        strides,
                        live: (some * width).min(n - j),
                        to,
                    });
                }
            });
        }
        Panels {
            data: Arc::new(data),
            start: 0,
            k,
            n,
        }
    }

    /// All panels.
    #[inline(always)]
    pub(super) fn data(&self) -> &[E] {
        &self.data[self.start..]
    }

    /// Rows and columns.
    pub(crate) fn shape(&self) -> (usize, usize) {
        (self.k, self.n)
    }

    /// The panel, `[step][column]`, of the `width` columns from `j` on: as many as a panel has.
    #[inline(always)]
    pub(crate) fn panel(&self, j: usize, width: usize) -> &[E] {
        &self.data()[j * self.k..][..width * self.k]
    }

    /// `N` right factors `[k, n]` whose panels `f` fills: it gets the columns of a panel and the panel of each factor,
    /// `[step][column]`.
    pub(crate) fn filled<const N: usize>(
        k: usize,
        n: usize,
        f: impl Fn(Range<usize>, [&mut [E]; N]) + Sync,
    ) -> Vec<Self> {
        let width = E::dispatch(Width);
        let panels = n.div_ceil(width);
        let size = panels * width * k;
        let mut data = Buffer::scratch(N * size);
        let shared = Shared::new(&mut data);
        parallel(panels, |panel| {
            // SAFETY: each task has its own panel of each factor.
            let part = |i: usize| unsafe { shared.part(i * size + panel * width * k, width * k) };
            f(
                panel * width..n.min((panel + 1) * width),
                std::array::from_fn(part),
            );
        });
        let data = Arc::new(data);
        let factor = |i: usize| Panels {
            data: Arc::clone(&data),
            start: i * size,
            k,
            n,
        };
        (0..N).map(factor).collect()
    }
}
