//! Recurrence over packed sequences of different lengths, forward and backward.
//!
//! The input's share of all gates comes ready from one product over all steps. Recurrent weights are packed
//! once; the cell's equations take the product of a few sequences' states with the weights of a few units while it is
//! in the nearest cache. Weight gradients wait for one product over all steps. No step does work for a sequence
//! that has ended.

mod cells;
mod packed;
mod panels;
mod share;

use std::ops::Range;

use self::cells::{Ahead, Back, backward, forward};
pub use self::packed::{PackedRnn, PackedRun, rnn_packed};
use self::panels::{Panels, Row, Source, Tile};
use self::share::{Share, TOGETHER, Tiles, deal};
use crate::buffer::Buffer;
use crate::denormals::Flush;
use crate::float::Float;
use crate::gemm::{Mat, MatMut, gemm};
use crate::seq::Ragged;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector, places, prefetch};
use crate::threads::parallel_rows;

/// The kind of recurrent cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// h = tanh(a), with a the sum of input and recurrent products (Elman 1990).
    ElmanTanh,
    /// h = max(a, 0)
    ElmanRelu,
    /// Gates r, z, n: n = tanh(x_n + r (h W_hn + b_hn)), h' = (1 - z) n + z h (Cho et al. 2014).
    Gru,
    /// Gates i, f, g, o: c' = f c + i g, h' = o tanh(c') (Hochreiter and Schmidhuber 1997).
    Lstm,
}

impl Cell {
    /// How many vectors of `D` values a step computes, `G`.
    #[inline(always)]
    pub fn gates(self) -> usize {
        match self {
            Cell::ElmanTanh | Cell::ElmanRelu => 1,
            Cell::Gru => 3,
            Cell::Lstm => 4,
        }
    }
}

/// The steps in the order of a pass that starts at the first or at the last one.
fn steps(seq: &Ragged, from_last: bool) -> impl Iterator<Item = usize> {
    let last = seq.steps().wrapping_sub(1);
    (0..seq.steps()).map(move |step| if from_last { last - step } else { step })
}

/// Checks the lengths of the lists that go by rows and by sequences.
fn check(name: &str, expected: &[(&str, usize, usize)]) {
    for (list, len, want) in expected {
        assert!(
            len == want,
            "{name}: expected {want} elements of {list}, got {len}"
        );
    }
}

/// A pass forward over all steps.
struct Forward<'a, E: Float> {
    cell: Cell,
    seq: &'a Ragged,
    d: usize,
    panels: &'a Panels<E>,
    b_hn: &'a [E],
    h0: &'a [E],
    c0: &'a [E],
    gates: Shared<'a, E>,
    y: Shared<'a, E>,
    c: Shared<'a, E>,
    hn: Shared<'a, E>,
}

/// One thread's share of one step of it.
struct ForwardStep<'a, E: Float> {
    pass: &'a Forward<'a, E>,
    share: Share,
    t: usize,
    /// The step before, in the order of the pass.
    before: Option<usize>,
    /// For the products of some tiles.
    product: &'a mut [E],
}

impl<E: Float> Kernel<E> for ForwardStep<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let (pass, share, seq) = (self.pass, self.share, self.pass.seq);
        let before = self.before.unwrap_or(seq.steps());
        let alive = share.rows(seq.alive(self.t));
        let known = share.rows(seq.alive(before)).min(alive);
        let panels = share.panels(pass.panels.count::<V>());
        let units = pass.panels.units::<V>(panels.clone());
        let stride = panels.len() * pass.panels.width::<V>();
        // Sequences that had a step before, and those whose first step this is.
        let stretches = Tiles::<2>::of::<V>([0..known, known..alive]);
        for some in stretches.groups::<V>(self.product.len() / stride.max(1)) {
            let mut tiles = [Tile::NONE; TOGETHER];
            let tiles = &mut tiles[..some.len()];
            for (tile, i) in tiles.iter_mut().zip(some.clone()) {
                let (rows, new) = stretches.get(i);
                *tile = pass.states(share, rows, (new == 0).then_some(before));
            }
            pass.panels
                .product::<V>(panels.clone(), tiles, self.product);
            let mut products = self.product.chunks_exact(stride);
            for i in some {
                let (rows, new) = stretches.get(i);
                for i in rows {
                    let b = share.sequence(i);
                    let before = (new == 0).then_some(before);
                    let row = Row {
                        products: products.next().unwrap_or(&[]),
                        gates: pass.cell.gates(),
                    };
                    pass.ask((self.t, b + share.every), units.clone());
                    let step = pass.step((self.t, b), before, units.clone());
                    forward::<V>(pass.cell, step, row);
                }
            }
        }
    }
}

impl<E: Float> Forward<'_, E> {
    /// The states of some sequences after step `t`; initial ones for `None`.
    #[inline(always)]
    fn states(&self, share: Share, rows: Range<usize>, t: Option<usize>) -> Tile<'_, E> {
        let (b, d) = (share.sequence(rows.start), self.d);
        let form = [rows.len(), share.every * d, d];
        Tile {
            rows: rows.len(),
            first: match t {
                // SAFETY: nobody writes the share's rows of the step before any more.
                Some(t) => unsafe { Source::shared(&self.y, (self.seq.offset(t) + b) * d, form) },
                None => Source::of(self.h0, b * d, form),
            },
            second: Source::NONE,
        }
    }

    /// Asks for the input's share of the gates of some units, which lies far away.
    #[inline(always)]
    fn ask(&self, (t, b): (usize, usize), units: Range<usize>) {
        let row = (self.seq.offset(t) + b) * self.cell.gates() * self.d + units.start;
        for gate in 0..self.cell.gates() {
            prefetch(self.gates.place(row + gate * self.d), units.len());
        }
    }

    /// What the cell's equations for some units of sequence `b` at step `t` read and write.
    #[inline(always)]
    fn step(
        &self,
        (t, b): (usize, usize),
        before: Option<usize>,
        units: Range<usize>,
    ) -> Ahead<'_, E> {
        let (d, gates, n) = (self.d, self.cell.gates(), units.len());
        let here = self.seq.row(t, b) * d + units.start;
        let old = before.map(|t| (self.seq.offset(t) + b) * d + units.start);
        let first = b * d + units.start;
        let mut lists: [&mut [E]; 4] = Default::default();
        for (q, list) in lists.iter_mut().enumerate().take(gates) {
            let start = (self.seq.row(t, b) * gates + q) * d + units.start;
            // SAFETY: each unit of each row belongs to one thread.
            *list = unsafe { self.gates.part(start, n) };
        }
        let (states, initial) = match self.cell {
            Cell::Lstm => (&self.c, self.c0),
            _ => (&self.y, self.h0),
        };
        Ahead {
            gates: lists,
            bias_hn: if self.b_hn.is_empty() {
                &[]
            } else {
                &self.b_hn[units]
            },
            before: match old {
                // SAFETY: nobody writes the rows of the step before any more.
                Some(old) => unsafe { states.read(old, n) },
                None => &initial[first..][..n],
            },
            // SAFETY: each unit of each row belongs to one thread.
            y: unsafe { self.y.part(here, n) },
            kept: match self.cell {
                // SAFETY: as above.
                Cell::Lstm => unsafe { self.c.part(here, n) },
                // SAFETY: as above.
                Cell::Gru => unsafe { self.hn.part(here, n) },
                _ => &mut [],
            },
        }
    }
}

/// Most sequences of a single step whose weights are read where they lie.
const FEW: usize = 3;

/// Runs a recurrent layer over packed sequences, in one direction.
///
/// `gates [N, G D]` holds the input's share (products and bias) and gets the activated gates; `w_hh
/// [D, G D]`; for a GRU `b_hn [D]`, and `hn [N, D]` gets `h W_hn + b_hn`; `h0 [B, D]`; for an LSTM
/// `c0 [B, D]`, and `c [N, D]` gets the cell states; `y [N, D]` gets the hidden states. Lists that a cell
/// lacks are empty. With `reverse` each sequence runs from its own last step to its first.
///
/// # Panics
/// If the shapes do not fit.
pub fn rnn_forward<E: Float>(
    cell: Cell,
    seq: &Ragged,
    d: usize,
    reverse: bool,
    gates: &mut [E],
    w_hh: &[E],
    b_hn: Option<&[E]>,
    h0: &[E],
    c0: &[E],
    y: &mut [E],
    c: &mut [E],
    hn: &mut [E],
) {
    let (batch, g) = (seq.batch(), cell.gates() * d);
    check("rnn_forward", &[("w_hh", w_hh.len(), d * g)]);
    if seq.steps() == 1 && batch <= FEW && d > 0 {
        // Packing would take longer than the product: weights that are read once are read where they lie.
        let mut product = Buffer::<E>::scratch(batch * g);
        let (rows, w) = (Mat::new(h0, d), Mat::new(w_hh, g));
        gemm(batch, g, d, rows, w, false, MatMut::new(&mut product, g));
        return rnn_step(cell, seq, d, gates, &product, b_hn, h0, c0, y, c, hn);
    }
    let run = PackedRun {
        weights: &PackedRnn::new(cell, d, w_hh),
        reverse,
        gates,
        b_hn: b_hn.unwrap_or(&[]),
        h0,
        c0,
        y,
        c,
        hn,
    };
    run.forward(seq);
}

/// The cell's equations of a single step, given the products `h W` `[B, G D]` of the states with the recurrent
/// weights; all else as in [`rnn_forward`] over sequences of one step.
///
/// # Panics
/// If the shapes do not fit.
pub fn rnn_step<E: Float>(
    cell: Cell,
    seq: &Ragged,
    d: usize,
    gates: &mut [E],
    product: &[E],
    b_hn: Option<&[E]>,
    h0: &[E],
    c0: &[E],
    y: &mut [E],
    c: &mut [E],
    hn: &mut [E],
) {
    let (batch, g) = (seq.batch(), cell.gates() * d);
    let (lstm, gru) = (
        usize::from(cell == Cell::Lstm),
        usize::from(cell == Cell::Gru),
    );
    let b_hn = b_hn.unwrap_or(&[]);
    check(
        "rnn_step",
        &[
            ("steps", seq.steps(), 1),
            ("gates", gates.len(), batch * g),
            ("product", product.len(), batch * g),
            ("b_hn", b_hn.len(), gru * d),
            ("h0", h0.len(), batch * d),
            ("c0", c0.len(), lstm * batch * d),
            ("y", y.len(), batch * d),
            ("c", c.len(), lstm * batch * d),
            ("hn", hn.len(), gru * batch * d),
        ],
    );
    if d == 0 {
        return;
    }
    let pass = Forward {
        cell,
        seq,
        d,
        panels: &Panels::pack((0, 0), d, cell.gates(), Mat::new(&[], g)),
        b_hn,
        h0,
        c0,
        gates: Shared::new(gates),
        y: Shared::new(y),
        c: Shared::new(c),
        hn: Shared::new(hn),
    };
    let _flush = Flush::start();
    E::dispatch(OneStep {
        pass: &pass,
        product,
    });
}

/// The only step of a few sequences, given its products `[B, G D]`.
struct OneStep<'a, E: Float> {
    pass: &'a Forward<'a, E>,
    product: &'a [E],
}

impl<E: Float> Kernel<E> for OneStep<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let (pass, gates) = (self.pass, self.pass.cell.gates());
        let panels = pass.panels.count::<V>();
        let mut products = Buffer::<E>::scratch(panels * pass.panels.width::<V>());
        for (b, product) in self.product.chunks_exact(gates * pass.d).enumerate() {
            for (gate, product) in product.chunks_exact(pass.d).enumerate() {
                for (j, at) in places::<V>(pass.d).enumerate() {
                    let place = Row::<E>::place(gates, gate, j) * V::LANES;
                    V::read(&product[at]).write(&mut products[place..]);
                }
            }
            let row = Row {
                products: &products,
                gates,
            };
            let step = pass.step((0, b), None, 0..pass.d);
            forward::<V>(pass.cell, step, row);
        }
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
    gates: &'a [E],
    h0: &'a [E],
    c0: &'a [E],
    y: &'a [E],
    c: &'a [E],
    hn: &'a [E],
    dy: &'a [E],
    dgates: Shared<'a, E>,
    dhn: Shared<'a, E>,
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
        let first = unsafe { Source::shared(&self.dgates, from * g, [rows, every * g, steps]) };
        let second = match gru {
            // SAFETY: as above.
            true => unsafe { Source::shared(&self.dhn, from * d, [rows, every * d, d]) },
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
        let mut lists = [&self.gates[..0]; 4];
        let mut dlists: [&mut [E]; 4] = Default::default();
        for q in 0..gates {
            let start = (row * gates + q) * d + start;
            lists[q] = &self.gates[start..][..n];
            // SAFETY: each unit of each row belongs to one thread.
            dlists[q] = unsafe { self.dgates.part(start, n) };
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
            hn: &self.hn[here.min(self.hn.len())..][..gru],
            dy: &self.dy[here..][..n],
            // SAFETY: each unit of each sequence belongs to one thread.
            dh: unsafe { self.dh.part(b * d + start, n) },
            // SAFETY: as above.
            dc: unsafe { self.dc.part((b * d + start) * usize::from(lstm > 0), lstm) },
            dgates: dlists,
            // SAFETY: as above.
            dhn: unsafe { self.dhn.part(here * usize::from(gru > 0), gru) },
        }
    }
}

/// Back-propagation through time for [`rnn_forward`], whose lists it takes (`gates` activated).
///
/// `dy [N, D]` is the gradient of all states; `dh_last`, `dc_last [B, D]` those of the final ones (after the
/// last step, or after the first with `reverse`). Writes `dgates [N, G D]`, the gradient of the gates
/// before activation; for a GRU `dhn [N, D]`, that of `h W_hn + b_hn`; `dh0` and `dc0 [B, D]`; and `dw_hh
/// [D, G D]`.
///
/// # Panics
/// If the shapes do not fit.
pub fn rnn_backward<E: Float>(
    cell: Cell,
    seq: &Ragged,
    d: usize,
    reverse: bool,
    gates: &[E],
    w_hh: &[E],
    h0: &[E],
    c0: &[E],
    y: &[E],
    c: &[E],
    hn: &[E],
    dy: &[E],
    dh_last: Option<&[E]>,
    dc_last: Option<&[E]>,
    dgates: &mut [E],
    dhn: &mut [E],
    dh0: &mut [E],
    dc0: &mut [E],
    dw_hh: &mut [E],
) {
    let (n, batch, g) = (seq.rows(), seq.batch(), cell.gates() * d);
    let (lstm, gru) = (
        usize::from(cell == Cell::Lstm),
        usize::from(cell == Cell::Gru),
    );
    check(
        "rnn_backward",
        &[
            ("gates", gates.len(), n * g),
            ("w_hh", w_hh.len(), d * g),
            ("h0", h0.len(), batch * d),
            ("c0", c0.len(), lstm * batch * d),
            ("y", y.len(), n * d),
            ("c", c.len(), lstm * n * d),
            ("hn", hn.len(), gru * n * d),
            ("dy", dy.len(), n * d),
            ("dh_last", dh_last.map_or(batch * d, <[E]>::len), batch * d),
            ("dc_last", dc_last.map_or(batch * d, <[E]>::len), batch * d),
            ("dgates", dgates.len(), n * g),
            ("dhn", dhn.len(), gru * n * d),
            ("dh0", dh0.len(), batch * d),
            ("dc0", dc0.len(), lstm * batch * d),
            ("dw_hh", dw_hh.len(), d * g),
        ],
    );
    for (start, last) in [(&mut *dh0, dh_last), (&mut *dc0, dc_last)] {
        match last.filter(|last| last.len() == start.len()) {
            Some(last) => start.copy_from_slice(last),
            None => start.fill(E::ZERO),
        }
    }
    if d == 0 || n == 0 {
        dw_hh.fill(E::ZERO);
        return;
    }
    let cut = if cell == Cell::Gru { 2 * d } else { g };
    let panels = Panels::pack((g, cut), d, 1, Mat::t(w_hh, g));
    let pass = Backward {
        cell,
        seq,
        d,
        reverse,
        panels: &panels,
        gates,
        h0,
        c0,
        y,
        c,
        hn,
        dy,
        dgates: Shared::new(&mut *dgates),
        dhn: Shared::new(&mut *dhn),
        dh: Shared::new(dh0),
        dc: Shared::new(dc0),
    };
    deal(batch, &panels, |share, meet| {
        let mut product = Buffer::<E>::scratch(panels.room());
        let mut after = None;
        for t in steps(seq, !reverse).chain([seq.steps()]) {
            E::dispatch(BackwardStep {
                pass: &pass,
                share,
                t,
                after,
                product: &mut product,
            });
            after = Some(t);
            meet();
        }
    });
    recurrent_weights(cell, seq, d, reverse, h0, y, dgates, dhn, dw_hh);
}

/// The gradient of the recurrent weights, all steps at once: the states before each step times what came back
/// to it.
fn recurrent_weights<E: Float>(
    cell: Cell,
    seq: &Ragged,
    d: usize,
    reverse: bool,
    h0: &[E],
    y: &[E],
    dgates: &[E],
    dhn: &[E],
    dw_hh: &mut [E],
) {
    let (n, g) = (seq.rows(), cell.gates() * d);
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
