//! The right factor of a product, copied into panels in the order that the tiles read them.

use std::ops::Range;

use super::Mat;
use crate::buffer::Buffer;
use crate::float::Float;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector};
use crate::threads::{parallel, rows_per_task};

/// Panels filled together: enough of each row for a stream from memory.
pub(super) const GROUP: usize = 4;

/// Copies `steps` rows and `live` columns of a matrix into panels `apart` elements apart, `[step][column]` each, with
/// zeros right of the last column.
#[inline(always)]
pub(super) fn fill<V: Vector>(
    from: Mat<'_, V::Elem>,
    steps: usize,
    live: usize,
    to: &mut [V::Elem],
    apart: usize,
) {
    let width = 2 * V::LANES;
    if from.col_stride == 1 {
        for p in 0..steps {
            let row = &from.data[p * from.row_stride..][..live];
            for (panel, from) in row.chunks(width).enumerate() {
                let to = &mut to[panel * apart + p * width..][..width];
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
    for j in 0..live {
        let column = &from.data[j * from.col_stride..];
        let to = to[j / width * apart..][..steps * width].chunks_exact_mut(width);
        if from.row_stride == 1 {
            let column = &column[..steps];
            to.zip(column).for_each(|(to, x)| to[j % width] = *x);
        } else {
            to.enumerate()
                .for_each(|(p, to)| to[j % width] = column[p * from.row_stride]);
        }
    }
}

/// A right factor `[k, n]` in panels: `[panel][step][column]`.
pub(crate) struct Panels<E: Float> {
    pub(super) data: Buffer<E>,
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
        let mut data = Buffer::scratch(panels * width * k);
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
        Panels { data, k, n }
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
        let data = || Buffer::scratch(panels * width * k);
        let mut all: Vec<Buffer<E>> = std::iter::repeat_with(data).take(N).collect();
        let shared: Vec<Shared<'_, E>> = all.iter_mut().map(|data| Shared::new(data)).collect();
        parallel(panels, |panel| {
            // SAFETY: each task has its own panel of each factor.
            let part = |i: usize| unsafe { shared[i].part(panel * width * k, width * k) };
            f(
                panel * width..n.min((panel + 1) * width),
                std::array::from_fn(part),
            );
        });
        all.into_iter().map(|data| Panels { data, k, n }).collect()
    }
}
