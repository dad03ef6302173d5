//! Back-propagation through time.

use std::ops::Range;

use super::cells::{Back, backward};
use super::panels::{Panels, Row, Source, Tile};
use super::share::{Share, TOGETHER, Tiles, deal};
use super::{Cell, check, steps};
use crate::buffer::Buffer;
use crate::float::Float;
use crate::gemm::{Mat, MatMut, gemm};
use crate::seq::Ragged;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector, places};
use crate::threads::parallel_rows;

/// One direction of a recurrent layer, for [`rnn_backward`]. Lists that a cell lacks are empty.
pub struct RnnBack<'a, E: Float> {
    /// The recurrent weights, `[D, G D]`.
    pub w_hh: &'a [E],
    /// As the pass forward had it.
    pub reverse: bool,
    /// `[N, G D]`: the activated gates; gets the gradient of the gates before activation.
    pub gates: &'a mut [E],
    /// `[B, D]`
    pub h0: &'a [E],
    /// `[B, D]` for an LSTM.
    pub c0: &'a [E],
    /// `[N, D]`: the hidden states.
    pub y: &'a [E],
    /// `[N, D]` for an LSTM: the cell states.
    pub c: &'a [E],
    /// `[N, D]` for a GRU: `h W_hn + b_hn`; gets the gradient of that.
    pub hn: &'a mut [E],
    /// `[N, D]`: the gradient of all hidden states; zeros for `None`.
    pub dy: Option<&'a [E]>,
    /// `[B, D]`: that of the final ones (after the last step, or after the first with `reverse`); zeros for `None`.
    pub dh_last: Option<&'a [E]>,
    /// `[B, D]`: that of the final cell states; zeros for `None`.
    pub dc_last: Option<&'a [E]>,
    /// `[B, D]`: gets that of `h0`.
    pub dh0: &'a mut [E],
    /// `[B, D]` for an LSTM: gets that of `c0`.
    pub dc0: &'a mut [E],
}

/// Back-propagation through time for the directions of a recurrent layer of `d` units, side by side. Each step's gradients
/// are written over what the pass forward kept for it, which nothing reads after.
///
/// # Panics
/// If the shapes do not fit.
pub fn rnn_backward<E: Float>(
    cell: Cell,
    seq: &Ragged,
    d: usize,
    mut directions: Vec<RnnBack<'_, E>>,
) {
    for run in &mut directions {
        run.start(cell, seq, d);
    }
    if directions.is_empty() || d == 0 || seq.rows() == 0 {
        return;
    }
    let (g, cut) = match cell {
        Cell::Gru => (3 * d, 2 * d),
        _ => (cell.gates() * d, cell.gates() * d),
    };
    let weights = directions.iter().map(|run| Mat::t(run.w_hh, g));
    let panels: Vec<Panels<E>> = weights.map(|w| Panels::pack((g, cut), d, 1, w)).collect();
    let passes = directions.iter_mut().zip(&panels);
    let passes: Vec<Backward<'_, E>> = passes
        .map(|(run, panels)| run.pass(cell, seq, d, panels))
        .collect();
    deal(seq, passes.len(), &panels[0], |direction, share, meet| {
        let pass = &passes[direction];
        let mut product = Buffer::<E>::scratch(pass.panels.room());
        let mut after = None;
        for t in steps(seq, !pass.reverse).chain([seq.steps()]) {
            E::dispatch(BackwardStep {
                pass,
                share,
                t,
                after,
                product: &mut product,
            });
            after = Some(t);
            meet();
        }
    });
}

impl<E: Float> RnnBack<'_, E> {
    /// Checks all lists, and has the gradients of the final states come back first.
    fn start(&mut self, cell: Cell, seq: &Ragged, d: usize) {
        let (n, batch, g) = (seq.rows(), seq.batch(), cell.gates() * d);
        let (lstm, gru) = (
            usize::from(cell == Cell::Lstm),
            usize::from(cell == Cell::Gru),
        );
        let last = |last: Option<&[E]>| last.map_or(batch * d, <[E]>::len);
        check(
            "rnn_backward",
            &[
                ("gates", self.gates.len(), n * g),
                ("w_hh", self.w_hh.len(), d * g),
                ("h0", self.h0.len(), batch * d),
                ("c0", self.c0.len(), lstm * batch * d),
                ("y", self.y.len(), n * d),
                ("c", self.c.len(), lstm * n * d),
                ("hn", self.hn.len(), gru * n * d),
                ("dy", self.dy.map_or(n * d, <[E]>::len), n * d),
                ("dh_last", last(self.dh_last), batch * d),
                ("dc_last", last(self.dc_last), batch * d),
                ("dh0", self.dh0.len(), batch * d),
                ("dc0", self.dc0.len(), lstm * batch * d),
            ],
        );
        for (start, last) in [
            (&mut *self.dh0, self.dh_last),
            (&mut *self.dc0, self.dc_last),
        ] {
            match last.filter(|last| last.len() == start.len()) {
                Some(last) => start.copy_from_slice(last),
                None => start.fill(E::ZERO),
            }
        }
    }

    fn pass<'p>(
        &'p mut self,
        cell: Cell,
        seq: &'p Ragged,
        d: usize,
        panels: &'p Panels<E>,
    ) -> Backward<'p, E> {
        Backward {
            cell,
            seq,
            d,
            reverse: self.reverse,
            panels,
            gates: Shared::new(self.gates),
            h0: self.h0,
            c0: self.c0,
            y: self.y,
            c: self.c,
            hn: Shared::new(self.hn),
            dy: self.dy,
            zeros: Buffer::zeros(if self.dy.is_none() { d } else { 0 }),
            dh: Shared::new(self.dh0),
            dc: Shared::new(self.dc0),
        }
    }
}

/// The gradient of the recurrent weights of one direction, `[D, G D]`, all steps at once: the states before each step times
/// what came back to it. `y` and `h0` are the states, `dgates` and `dhn` the gradients that [`rnn_backward`] leaves.
///
/// # Panics
/// If the shapes do not fit.
pub fn rnn_backward_weights<E: Float>(
    cell: Cell,
    seq: &Ragged,
    d: usize,
    reverse: bool,
    [y, h0]: [&[E]; 2],
    [dgates, dhn]: [&[E]; 2],
    dw_hh: &mut [E],
) {
    let (n, batch, g) = (seq.rows(), seq.batch(), cell.gates() * d);
    let gru = usize::from(cell == Cell::Gru);
    check(
        "rnn_backward_weights",
        &[
            ("y", y.len(), n * d),
            ("h0", h0.len(), batch * d),
            ("dgates", dgates.len(), n * g),
            ("dhn", dhn.len(), gru * n * d),
            ("dw_hh", dw_hh.len(), d * g),
        ],
    );
    let mut before = Buffer::<E>::scratch(n * d);
    parallel_rows(&mut before, d, 256, |first, before| {
        for (i, to) in before.chunks_exact_mut(d).enumerate() {
            let row = first + i;
            let t = seq.time(row);
            let b = row - seq.offset(t);
            let previous = match reverse {
                false => t.checked_sub(1).map(|t| seq.row(t, b)),
                true => (b < seq.alive(t + 1)).then(|| seq.row(t + 1, b)),
            };
            to.copy_from_slice(match previous {
                Some(row) => &y[row * d..][..d],
                None => &h0[b * d..][..d],
            });
        }
    });
    let before = Mat::t(&before, d);
    let mut columns = |from: usize, n_columns: usize, dy: Mat<'_, E>| {
        let dw = MatMut {
            data: &mut dw_hh[from..],
            row_stride: g,
        };
        gemm(d, n_columns, n, before, dy, false, dw);
    };
    if cell == Cell::Gru {
        columns(0, 2 * d, Mat::new(dgates, g));
        columns(2 * d, d, Mat::new(dhn, d));
    } else {
        columns(0, g, Mat::new(dgates, g));
    }
}

/// A pass backward over all steps.
struct Backward<'a, E: Float> {
    cell: Cell,
    seq: &'a Ragged,
    d: usize,
    reverse: bool,
    /// The transposed weights.
    panels: &'a Panels<E>,
    /// Those of the steps seen are gradients already, and so are `hn`.
    gates: Shared<'a, E>,
    h0: &'a [E],
    c0: &'a [E],
    y: &'a [E],
    c: &'a [E],
    hn: Shared<'a, E>,
    dy: Option<&'a [E]>,
    /// A row of `dy` where there is none.
    zeros: Buffer<E>,
    /// What comes back to each sequence's states from the step after, past the product; at the end, all of it.
    dh: Shared<'a, E>,
    dc: Shared<'a, E>,
}

/// One thread's share of one step of it. At step `T`, which is none, all sequences have been seen.
struct BackwardStep<'a, E: Float> {
    pass: &'a Backward<'a, E>,
    share: Share,
    t: usize,
    /// The step after, which the pass has seen before.
    after: Option<usize>,
    product: &'a mut [E],
}

impl<E: Float> Kernel<E> for BackwardStep<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let (pass, share, seq) = (self.pass, self.share, self.pass.seq);
        let after = self.after.unwrap_or(seq.steps());
        let (alive, known) = (share.rows(seq.alive(self.t)), share.rows(seq.alive(after)));
        let both = alive.min(known);
        let panels = share.panels(pass.panels.count::<V>());
        let units = pass.panels.units::<V>(panels.clone());
        let stride = panels.len() * pass.panels.width::<V>();
        // Sequences with a step after, those whose last step this is, those whose first step that was.
        let stretches = Tiles::<3>::of::<V>([0..both, both..alive, both..known]);
        for some in stretches.groups::<V>(self.product.len() / stride.max(1)) {
            let mut tiles = [Tile::NONE; TOGETHER];
            let tiles = &mut tiles[..some.len()];
            for (tile, i) in tiles.iter_mut().zip(some.clone()) {
                let (rows, kind) = stretches.get(i);
                *tile = match kind {
                    1 => Tile::zeros(rows.len()),
                    _ => pass.arrived(share, rows, after),
                };
            }
            pass.panels
                .product::<V>(panels.clone(), tiles, self.product);
            let mut products = self.product.chunks_exact(stride);
            for i in some {
                let (rows, kind) = stretches.get(i);
                for i in rows {
                    let b = share.sequence(i);
                    let row = Row {
                        products: products.next().unwrap_or(&[]),
                        gates: 1,
                    };
                    if kind == 2 {
                        // SAFETY: each unit of each sequence belongs to one thread.
                        let dh = unsafe { pass.dh.part(b * pass.d + units.start, units.len()) };
                        for (j, at) in places::<V>(dh.len()).enumerate() {
                            let sum = V::read(&dh[at.clone()]).add(row.get::<V>(0, j));
                            sum.write(&mut dh[at]);
                        }
                    } else {
                        backward::<V>(pass.cell, pass.step(self.t, b, units.clone()), row);
                    }
                }
            }
        }
    }
}

impl<E: Float> Backward<'_, E> {
    /// What came back to the gates of some sequences at step `t`.
    #[inline(always)]
    fn arrived(&self, share: Share, rows: Range<usize>, t: usize) -> Tile<'_, E> {
        let (d, g) = (self.d, self.cell.gates() * self.d);
        let from = self.seq.row(t, share.sequence(rows.start));
        let (rows, every) = (rows.len(), share.every);
        let gru = self.cell == Cell::Gru;
        // A GRU's third gate passes on the gradient of its recurrent share.
        let steps = if gru { 2 * d } else { g };
        // SAFETY: nobody writes the share's rows of the step after any more.
        let first = unsafe { Source::shared(&self.gates, from * g, [rows, every * g, steps]) };
        let second = match gru {
            // SAFETY: as above.
            true => unsafe { Source::shared(&self.hn, from * d, [rows, every * d, d]) },
            false => Source::NONE,
        };
        Tile {
            rows,
            first,
            second,
        }
    }

    /// What the gradients of some units of sequence `b` at step `t` read and write.
    #[inline(always)]
    fn step(&self, t: usize, b: usize, units: Range<usize>) -> Back<'_, E> {
        let (d, n, start) = (self.d, units.len(), units.start);
        let (cell, gates) = (self.cell, self.cell.gates());
        let row = self.seq.row(t, b);
        let here = row * d + start;
        let mut lists: [&mut [E]; 4] = Default::default();
        for (q, list) in lists[..gates].iter_mut().enumerate() {
            // SAFETY: each unit of each row belongs to one thread.
            *list = unsafe { self.gates.part((row * gates + q) * d + start, n) };
        }
        let before = match self.reverse {
            false => t.checked_sub(1).map(|t| self.seq.offset(t) + b),
            true => (b < self.seq.alive(t + 1)).then(|| self.seq.offset(t + 1) + b),
        };
        let (states, initial) = match cell {
            Cell::Lstm => (self.c, self.c0),
            _ => (self.y, self.h0),
        };
        let lstm = if cell == Cell::Lstm { n } else { 0 };
        let gru = if cell == Cell::Gru { n } else { 0 };
        Back {
            gates: lists,
            after: &states[here..][..n],
            before: match before {
                Some(before) => &states[before * d + start..][..n],
                None => &initial[b * d + start..][..n],
            },
            // SAFETY: as above.
            hn: unsafe { self.hn.part(here * usize::from(gru > 0), gru) },
            dy: match self.dy {
                Some(dy) => &dy[here..][..n],
                None => &self.zeros[..n],
            },
            // SAFETY: each unit of each sequence belongs to one thread.
            dh: unsafe { self.dh.part(b * d + start, n) },
            // SAFETY: as above.
            dc: unsafe { self.dc.part((b * d + start) * usize::from(lstm > 0), lstm) },
        }
    }
}
