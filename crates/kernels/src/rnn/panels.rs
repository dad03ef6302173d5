//! The weights of a recurrence, packed once for all steps, and their product with a few rows of states.

use std::marker::PhantomData;
use std::ops::Range;

use crate::buffer::Buffer;
use crate::float::Float;
use crate::gemm::{Mat, fill};
use crate::shared::Shared;
use crate::simd::{Kernel, Vector, places, prefetch};
use crate::threads::{parallel_if, threads};

/// Weights `[K, Q D]` in panels: the `Q` columns of some units lie together, in the order that products read
/// them: `[panel][block of k][pair][k][column]`.
///
/// A panel has `per` vectors of units, and for each gate their columns: one vector for an even number of gates
/// and two for an odd one, so that vectors of columns always come in pairs.
pub(super) struct Panels<E: Float> {
    data: Buffer<E>,
    pub(super) k: usize,
    /// Where the left factor's second source begins.
    cut: usize,
    pub(super) d: usize,
    pub(super) gates: usize,
}

/// Elements of weights that a core's own cache holds.
const NEAR: usize = 1 << 18;

/// Elements of weights whose packing is worth a second thread.
const WORTH: usize = 1 << 14;

/// Vectors of units in a panel of so many gates.
pub(super) const fn per(gates: usize) -> usize {
    if gates.is_multiple_of(2) { 1 } else { 2 }
}

/// Vectors of units that one register holds.
struct Lanes;

impl<E> Kernel<E> for Lanes {
    type Out = usize;
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) -> usize {
        V::LANES
    }
}

impl<E: Float> Panels<E> {
    /// Packs `w [K, gates D]`, whose rows lie in memory unless there is one gate, for left factors whose first source has
    /// `cut` columns.
    pub(super) fn pack((k, cut): (usize, usize), d: usize, gates: usize, w: Mat<'_, E>) -> Self {
        let span = per(gates) * E::dispatch(Lanes);
        let (count, panel) = (d.div_ceil(span), k * gates * span);
        let mut data = Buffer::scratch(count * panel);
        let all = Shared::new(&mut data);
        // A few panels at a time: their columns of a row of `w` are whole cache lines.
        let some = count.div_ceil(threads()).clamp(1, 8);
        parallel_if(k * d * gates >= WORTH, count.div_ceil(some), |i| {
            let panels = i * some..count.min((i + 1) * some);
            // SAFETY: each panel has its own place.
            let out = unsafe { all.part(panels.start * panel, panels.len() * panel) };
            E::dispatch(Pack {
                k,
                cut,
                gates,
                w,
                units: panels.start * span..d.min(panels.end * span),
                d,
                out,
            });
        });
        Panels {
            data,
            k,
            cut,
            d,
            gates,
        }
    }

    /// Whether a core's own cache holds the weights.
    pub(super) fn near(&self) -> bool {
        self.k * self.d * self.gates <= NEAR
    }

    /// Elements to have for products: those of a tile at least, and else what a near cache holds.
    pub(super) fn room(&self) -> usize {
        let row = self.gates * (self.d + 2 * crate::simd::MAX_LANES);
        (12 * row).max(64 * 1024)
    }

    /// How many panels there are.
    #[inline(always)]
    pub(super) fn count<V: Vector<Elem = E>>(&self) -> usize {
        self.d.div_ceil(per(self.gates) * V::LANES)
    }

    /// Columns of a panel.
    #[inline(always)]
    pub(super) fn width<V: Vector<Elem = E>>(&self) -> usize {
        self.gates * per(self.gates) * V::LANES
    }

    /// The units of some panels.
    #[inline(always)]
    pub(super) fn units<V: Vector<Elem = E>>(&self, panels: Range<usize>) -> Range<usize> {
        let span = per(self.gates) * V::LANES;
        panels.start * span..self.d.min(panels.end * span)
    }

    /// The products of the rows of some tiles with some panels, into `out`: row by row, in each panel by panel.
    #[inline(always)]
    pub(super) fn product<V: Vector<Elem = E>>(
        &self,
        panels: Range<usize>,
        tiles: &[Tile<'_, E>],
        out: &mut [E],
    ) {
        let (pair, width) = (2 * V::LANES, self.width::<V>());
        let stride = panels.len() * width;
        // A row or two have too few sums to keep the machine busy with one pair.
        let low = tiles.len() == 1 && tiles[0].rows <= 3 && width >= 2 * pair;
        let columns = if low { 2 * pair } else { pair };
        for (i, panel) in panels.enumerate() {
            let mut weights = &self.data[panel * self.k * width..][..self.k * width];
            for steps in blocks(self.k, self.cut) {
                for column in (0..width).step_by(columns) {
                    let pairs = columns.min(width - column) / pair;
                    let (b, rest) = weights.split_at(steps.len() * pairs * pair);
                    weights = rest;
                    let mut row = 0;
                    // Weights from afar that come next: each tile asks for its share of them, step by step.
                    let every = match self.near() || weights.is_empty() {
                        true => 0,
                        false => (pairs * pair).div_ceil(tiles.len().max(1)),
                    };
                    for (order, tile) in tiles.iter().enumerate() {
                        let (source, start) = match steps.start.checked_sub(self.cut) {
                            Some(start) => (tile.second, start),
                            None => (tile.first, steps.start),
                        };
                        E::dispatch(Partial {
                            rows: tile.rows,
                            pairs,
                            source,
                            start,
                            b,
                            keep: steps.start > 0,
                            next: weights.as_ptr().wrapping_add(order * every * steps.len()),
                            every,
                            out: &mut out[row * stride + i * width + column..],
                            stride,
                        });
                        row += tile.rows;
                    }
                }
            }
        }
    }
}

/// A row of [`Panels::product`].
#[derive(Clone, Copy)]
pub(super) struct Row<'a, E> {
    pub(super) products: &'a [E],
    pub(super) gates: usize,
}

impl<E: Float> Row<'_, E> {
    /// Which vector of the row has the products with gate `gate` of vector `j` of the units.
    #[inline(always)]
    pub(super) fn place(gates: usize, gate: usize, j: usize) -> usize {
        // Panels have one or two vectors of units.
        let two = per(gates) - 1;
        ((j >> two) * gates + gate) << two | j & two
    }

    /// The products with gate `gate` of vector `j` of the units.
    #[inline(always)]
    pub(super) fn get<V: Vector<Elem = E>>(&self, gate: usize, j: usize) -> V {
        V::read(&self.products[Self::place(self.gates, gate, j) * V::LANES..])
    }

    /// Their sum with `x`.
    #[inline(always)]
    pub(super) fn with<V: Vector<Elem = E>>(&self, x: &[E], gate: usize, j: usize) -> V {
        V::read(x).add(self.get(gate, j))
    }
}

/// Steps of a product whose weights for two vectors stay in the nearest cache, beside the rows that meet them.
const NEAR_STEPS: usize = 208;

/// The blocks of steps in which a product is summed: as few as possible, of equal length before and after `cut`.
#[inline(always)]
fn blocks(k: usize, cut: usize) -> impl Iterator<Item = Range<usize>> {
    let (left, right) = (cut.div_ceil(NEAR_STEPS), (k - cut).div_ceil(NEAR_STEPS));
    (0..left + right).map(move |i| {
        let (from, n, count, i) = match i.checked_sub(left) {
            None => (0, cut, left, i),
            Some(i) => (cut, k - cut, right, i),
        };
        from + n * i / count..from + n * (i + 1) / count
    })
}

/// A few rows of a left factor.
#[derive(Clone, Copy)]
pub(super) struct Tile<'a, E> {
    /// How many; at most `TILE_ROWS` of the vector type.
    pub(super) rows: usize,
    /// The columns from the first on.
    pub(super) first: Source<'a, E>,
    /// The columns after those.
    pub(super) second: Source<'a, E>,
}

/// Rows of `steps` elements, each `stride` elements after the one before. What lies between them may be another thread's
/// to write, so they are no slice.
#[derive(Clone, Copy)]
pub(super) struct Source<'a, E> {
    first: *const E,
    rows: usize,
    stride: usize,
    steps: usize,
    life: PhantomData<&'a E>,
}

impl<'a, E: Float> Source<'a, E> {
    pub(super) const NONE: Self = Source {
        first: std::ptr::null(),
        rows: 0,
        stride: 0,
        steps: 0,
        life: PhantomData,
    };

    /// Rows of a list, the first of which begins at `start`.
    pub(super) fn of(list: &'a [E], start: usize, [rows, stride, steps]: [usize; 3]) -> Self {
        let list = &list[start..][..rows.saturating_sub(1) * stride + steps];
        Source {
            first: list.as_ptr(),
            rows,
            stride,
            steps,
            life: PhantomData,
        }
    }

    /// Rows of a list that threads write, the first of which begins at `start`.
    ///
    /// # Safety
    /// While the source lives nobody writes its rows.
    pub(super) unsafe fn shared(
        list: &'a Shared<'_, E>,
        start: usize,
        [rows, stride, steps]: [usize; 3],
    ) -> Self {
        let end = start + rows.saturating_sub(1) * stride + steps;
        assert!(end <= list.len(), "rows inside the list");
        Source {
            first: list.place(start),
            rows,
            stride,
            steps,
            life: PhantomData,
        }
    }
}

impl<E: Float> Tile<'_, E> {
    pub(super) const NONE: Self = Self::zeros(0);

    /// Rows of zeros.
    pub(super) const fn zeros(rows: usize) -> Self {
        Tile {
            rows,
            first: Source::NONE,
            second: Source::NONE,
        }
    }
}

/// The product of a tile over some steps with the weights of two vectors.
///
/// Dispatched by itself, so that a function of its own has all registers for the sums.
struct Partial<'a, E> {
    rows: usize,
    /// Pairs of vectors: one, or two for up to three rows.
    pairs: usize,
    source: Source<'a, E>,
    /// The first step of the source.
    start: usize,
    /// The weights: `[pair][step][column]`.
    b: &'a [E],
    /// Whether to add to what `out` holds.
    keep: bool,
    /// Memory to ask for ahead of time, `every` elements at each step.
    next: *const E,
    every: usize,
    out: &'a mut [E],
    /// Distance from a row of `out` to the next.
    stride: usize,
}

impl<E: Float> Kernel<E> for Partial<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        if self.pairs == 2 {
            return match self.rows {
                1 => self.rows::<V, 1, 2>(),
                2 => self.rows::<V, 2, 2>(),
                3 => self.rows::<V, 3, 2>(),
                rows => unreachable!("{rows} rows of two pairs"),
            };
        }
        match self.rows {
            1 => self.rows::<V, 1, 1>(),
            2 => self.rows::<V, 2, 1>(),
            3 => self.rows::<V, 3, 1>(),
            4 => self.rows::<V, 4, 1>(),
            5 => self.rows::<V, 5, 1>(),
            6 => self.rows::<V, 6, 1>(),
            7 => self.rows::<V, 7, 1>(),
            8 => self.rows::<V, 8, 1>(),
            9 => self.rows::<V, 9, 1>(),
            10 => self.rows::<V, 10, 1>(),
            11 => self.rows::<V, 11, 1>(),
            12 => self.rows::<V, 12, 1>(),
            rows => unreachable!("a tile of {rows} rows"),
        }
    }
}

impl<E: Float> Partial<'_, E> {
    #[inline(always)]
    fn rows<V: Vector<Elem = E>, const R: usize, const P: usize>(self) {
        if R > V::TILE_ROWS {
            unreachable!("a tile of {R} rows");
        }
        let pair = 2 * V::LANES;
        let mut sums = [[[V::splat(E::ZERO); 2]; P]; R];
        if self.keep {
            for (r, sums) in sums.iter_mut().enumerate() {
                let out = &self.out[r * self.stride..][..P * pair];
                for (sums, out) in sums.iter_mut().zip(out.chunks_exact(pair)) {
                    *sums = [V::read(out), V::read(&out[V::LANES..])];
                }
            }
        }
        if self.source.steps > 0 {
            let next = (self.next, self.every);
            sums = self.source.add(sums, self.start, self.b, next);
        }
        for (r, sums) in sums.iter().enumerate() {
            let out = &mut self.out[r * self.stride..][..P * pair];
            for (sums, out) in sums.iter().zip(out.chunks_exact_mut(pair)) {
                sums[0].write(out);
                sums[1].write(&mut out[V::LANES..]);
            }
        }
    }
}

impl<E: Float> Source<'_, E> {
    /// Adds the product of R rows, from step `start` on, with the weights `b` of P pairs of vectors.
    #[inline(always)]
    fn add<V: Vector<Elem = E>, const R: usize, const P: usize>(
        &self,
        mut sums: [[[V; 2]; P]; R],
        start: usize,
        b: &[E],
        (next, every): (*const E, usize),
    ) -> [[[V; 2]; P]; R] {
        let (pair, stride) = (2 * V::LANES, self.stride);
        let steps = b.len() / (P * pair);
        if steps == 0 {
            return sums;
        }
        assert!(R <= self.rows && start + steps <= self.steps);
        // One pointer a row: the address of an element is then a part of the load.
        let mut a = [self.first; R];
        for (r, a) in a.iter_mut().enumerate() {
            // SAFETY: inside the list, as all rows are.
            *a = unsafe { self.first.add(r * stride + start) };
        }
        for (p, first) in b[..steps * pair].chunks_exact(pair).enumerate() {
            prefetch(next.wrapping_add(p * every), 1);
            let mut columns = [[V::read(first), V::read(&first[V::LANES..])]; P];
            for (q, columns) in columns.iter_mut().enumerate().skip(1) {
                let b = &b[(q * steps + p) * pair..][..pair];
                *columns = [V::read(b), V::read(&b[V::LANES..])];
            }
            for (sums, a) in sums.iter_mut().zip(&a) {
                // SAFETY: step `start + p` of a row, inside by the assertion; nobody writes it, as whoever made the source saw to.
                let x = V::splat(unsafe { *a.add(p) });
                for (sums, columns) in sums.iter_mut().zip(&columns) {
                    sums[0] = x.mul_add(columns[0], sums[0]);
                    sums[1] = x.mul_add(columns[1], sums[1]);
                }
            }
        }
        sums
    }
}

/// Packs the weights of some units, whole panels of them.
struct Pack<'a, E> {
    k: usize,
    cut: usize,
    gates: usize,
    w: Mat<'a, E>,
    units: Range<usize>,
    d: usize,
    out: &'a mut [E],
}

impl<E: Float> Kernel<E> for Pack<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let Pack {
            k,
            cut,
            gates,
            w,
            units,
            d,
            out,
        } = self;
        let (per, pair) = (per(gates), 2 * V::LANES);
        let panel = k * gates * per * V::LANES;
        if gates > 1 && units.len() % (per * V::LANES) > 0 {
            out.fill(E::ZERO);
        }
        for steps in blocks(k, cut) {
            let block = steps.start * gates * per * V::LANES;
            if gates == 1 {
                // A panel is a pair of vectors, as those of other products are.
                let first = steps.start * w.row_stride + units.start * w.col_stride;
                let data = &w.data[first..];
                let (to, live) = (&mut out[block..], units.len());
                fill::<V>(Mat { data, ..w }, steps.len(), live, to, panel);
                continue;
            }
            for p in 0..steps.len() {
                let from = &w.data[(steps.start + p) * w.row_stride..];
                for gate in 0..gates {
                    let from = &from[gate * d + units.start..];
                    for (j, at) in places::<V>(units.len()).enumerate() {
                        let vector = gate * per + j % per;
                        let place = (vector / 2 * steps.len() + p) * pair + vector % 2 * V::LANES;
                        let to = &mut out[j / per * panel + block + place..];
                        V::read(&from[at]).write(to);
                    }
                }
            }
        }
    }
}
