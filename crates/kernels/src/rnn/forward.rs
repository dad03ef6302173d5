//! A pass forward through time.

use std::ops::Range;

use super::cells::{Ahead, forward};
use super::panels::{Panels, Row, Source, Tile};
use super::share::{Share, TOGETHER, Tiles, deal};
use super::{Cell, check, steps};
use crate::buffer::Buffer;
use crate::denormals::Flush;
use crate::float::Float;
use crate::gemm::Mat;
use crate::seq::Ragged;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector, places, prefetch};

/// Most sequences of a single step whose weights are read where they lie.
const FEW: usize = 3;

/// Recurrent weights in the order in which steps read them, for many sequences.
pub struct PackedRnn<E: Float> {
    cell: Cell,
    panels: Panels<E>,
}

impl<E: Float> PackedRnn<E> {
    /// Packs `w_hh [D, G D]`.
    ///
    /// # Panics
    /// If the shape does not fit.
    pub fn new(cell: Cell, d: usize, w_hh: &[E]) -> Self {
        let g = cell.gates() * d;
        check("PackedRnn", &[("w_hh", w_hh.len(), d * g)]);
        let panels = Panels::pack((d, d), d, cell.gates(), Mat::new(w_hh, g));
        PackedRnn { cell, panels }
    }

    /// Whether it pays to pack weights for these sequences. For a single step of a few it would take longer than the
    /// product: see [`rnn_step`].
    pub fn worth(seq: &Ragged) -> bool {
        seq.steps() > 1 || seq.batch() > FEW
    }
}

/// One direction of a recurrent layer, for [`rnn_forward`] over packed sequences. Lists that a cell lacks are empty.
pub struct RnnRun<'a, E: Float> {
    /// The recurrent weights.
    pub weights: &'a PackedRnn<E>,
    /// Whether each sequence runs from its own last step to its first.
    pub reverse: bool,
    /// `[N, G D]`: the input's share (products and bias); gets the activated gates.
    pub gates: &'a mut [E],
    /// `[D]` for a GRU.
    pub b_hn: &'a [E],
    /// `[B, D]`
    pub h0: &'a [E],
    /// `[B, D]` for an LSTM.
    pub c0: &'a [E],
    /// `[N, D]`: gets the hidden states.
    pub y: &'a mut [E],
    /// `[N, D]` for an LSTM: gets the cell states.
    pub c: &'a mut [E],
    /// `[N, D]` for a GRU: gets `h W_hn + b_hn`.
    pub hn: &'a mut [E],
}

/// Runs the directions of a recurrent layer, which have the same cell and as many units, side by side.
///
/// # Panics
/// If the shapes do not fit.
pub fn rnn_forward<E: Float>(seq: &Ragged, directions: Vec<RnnRun<'_, E>>) {
    let directions = directions.into_iter().map(|run| Forward::new(seq, run));
    let passes: Vec<Forward<'_, E>> = directions.collect();
    let Some(&Forward {
        cell, d, panels, ..
    }) = passes.first()
    else {
        return;
    };
    let alike = |pass: &Forward<'_, E>| (pass.cell, pass.d) == (cell, d);
    assert!(
        passes.iter().all(alike),
        "rnn_forward: expected directions of {d} units of {cell:?}"
    );
    if d == 0 || seq.rows() == 0 {
        return;
    }
    deal(seq, passes.len(), panels, |direction, share, meet| {
        let pass = &passes[direction];
        let mut product = Buffer::<E>::scratch(panels.room());
        let mut before = None;
        for t in steps(seq, pass.reverse) {
            E::dispatch(ForwardStep {
                pass,
                share,
                t,
                before,
                product: &mut product,
            });
            before = Some(t);
            meet();
        }
    });
}

/// A pass forward over all steps.
struct Forward<'a, E: Float> {
    cell: Cell,
    seq: &'a Ragged,
    d: usize,
    reverse: bool,
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

impl<'a, E: Float> Forward<'a, E> {
    fn new(seq: &'a Ragged, run: RnnRun<'a, E>) -> Self {
        let PackedRnn { cell, panels } = run.weights;
        let (n, batch, d) = (seq.rows(), seq.batch(), panels.d);
        let (lstm, gru) = (
            usize::from(*cell == Cell::Lstm),
            usize::from(*cell == Cell::Gru),
        );
        check(
            "rnn_forward",
            &[
                ("gates", run.gates.len(), n * cell.gates() * d),
                ("b_hn", run.b_hn.len(), gru * d),
                ("h0", run.h0.len(), batch * d),
                ("c0", run.c0.len(), lstm * batch * d),
                ("y", run.y.len(), n * d),
                ("c", run.c.len(), lstm * n * d),
                ("hn", run.hn.len(), gru * n * d),
            ],
        );
        Forward {
            cell: *cell,
            seq,
            d,
            reverse: run.reverse,
            panels,
            b_hn: run.b_hn,
            h0: run.h0,
            c0: run.c0,
            gates: Shared::new(run.gates),
            y: Shared::new(run.y),
            c: Shared::new(run.c),
            hn: Shared::new(run.hn),
        }
    }

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

/// The cell's equations of a single step, given the products `h W` `[B, G D]` of the states with the recurrent
/// weights; all other lists as [`RnnRun`] has them.
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
        reverse: false,
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
