//! The recurrent cells by name.

use serde::{Deserialize, Serialize};

use crate::ops::Cell;

/// The recurrent cells as recipes name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellName {
    /// h_t = tanh(U x_t + W h_(t-1) + b).
    Elman,
    /// The same with ReLU.
    ElmanRelu,
    /// Gated recurrent unit.
    Gru,
    /// Long short-term memory.
    Lstm,
}

impl From<CellName> for Cell {
    fn from(name: CellName) -> Cell {
        match name {
            CellName::Elman => Cell::ElmanTanh,
            CellName::ElmanRelu => Cell::ElmanRelu,
            CellName::Gru => Cell::Gru,
            CellName::Lstm => Cell::Lstm,
        }
    }
}
