//! Recurrence forward with weights that are packed for many sequences.

use std::sync::{Mutex, PoisonError};

use super::panels::Panels;
use super::share::{deal, few};
use super::{Cell, Forward, ForwardStep, check, steps};
use crate::buffer::Buffer;
use crate::float::Float;
use crate::gemm::Mat;
use crate::seq::Ragged;
use crate::shared::Shared;
use crate::threads::parallel;

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
}

/// One direction of a recurrent layer, with lists as [`rnn_forward`](super::rnn_forward) has them.
pub struct PackedRun<'a, E: Float> {
    /// The recurrent weights.
    pub weights: &'a PackedRnn<E>,
    /// Whether each sequence runs from its own last step to its first.
    pub reverse: bool,
    /// `[N, G D]`: the input's share; gets the activated gates.
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

impl<E: Float> PackedRun<'_, E> {
    /// All steps.
    pub(super) fn forward(self, seq: &Ragged) {
        let PackedRnn { cell, panels } = self.weights;
        let (n, batch, d) = (seq.rows(), seq.batch(), panels.d);
        let (lstm, gru) = (
            usize::from(*cell == Cell::Lstm),
            usize::from(*cell == Cell::Gru),
        );
        check(
            "rnn_forward",
            &[
                ("gates", self.gates.len(), n * cell.gates() * d),
                ("b_hn", self.b_hn.len(), gru * d),
                ("h0", self.h0.len(), batch * d),
                ("c0", self.c0.len(), lstm * batch * d),
                ("y", self.y.len(), n * d),
                ("c", self.c.len(), lstm * n * d),
                ("hn", self.hn.len(), gru * n * d),
            ],
        );
        if d == 0 || n == 0 {
            return;
        }
        let pass = Forward {
            cell: *cell,
            seq,
            d,
            panels,
            b_hn: self.b_hn,
            h0: self.h0,
            c0: self.c0,
            gates: Shared::new(self.gates),
            y: Shared::new(self.y),
            c: Shared::new(self.c),
            hn: Shared::new(self.hn),
        };
        deal(batch, panels, |share, meet| {
            let mut product = Buffer::<E>::scratch(panels.room());
            let mut before = None;
            for t in steps(seq, self.reverse) {
                E::dispatch(ForwardStep {
                    pass: &pass,
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
}

/// Runs the directions of a recurrent layer: side by side where there are too few sequences to share them out among
/// threads, else one after the other.
///
/// # Panics
/// If the shapes do not fit.
pub fn rnn_packed<E: Float>(seq: &Ragged, directions: Vec<PackedRun<'_, E>>) {
    if directions.len() == 1 || !few(seq.batch()) {
        return directions.into_iter().for_each(|run| run.forward(seq));
    }
    let directions: Vec<_> = directions
        .into_iter()
        .map(|run| Mutex::new(Some(run)))
        .collect();
    parallel(directions.len(), |i| {
        let mut run = directions[i].lock().unwrap_or_else(PoisonError::into_inner);
        run.take().expect("each runs once").forward(seq);
    });
}
