//! Recurrence over packed sequences of different lengths, forward and backward.
//!
//! The input's share of all gates comes ready from one product over all steps. Recurrent weights are packed
//! once; the cell's equations take the product of a few sequences' states with the weights of a few units while it is
//! in the nearest cache. Weight gradients wait for one product over all steps. No step does work for a sequence
//! that has ended.

mod backward;
mod cells;
mod forward;
mod panels;
mod share;

pub use self::backward::{RnnBack, rnn_backward, rnn_backward_weights};
pub use self::forward::{PackedRnn, RnnRun, rnn_forward, rnn_step};
use crate::seq::Ragged;

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
