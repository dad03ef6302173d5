//! The cells that are compared: kind and first values.

use serde::Serialize;

use crate::Float;
use crate::nn::{ParamId, Params};
use crate::ops::Cell;
use crate::random::Key;

/// A kind of cell with its first values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellKind {
    /// Elman (1990) with tanh and an orthogonal recurrent weight.
    Elman,
    /// Elman with ReLU, whose recurrent weight starts as the identity (IRNN; Le, Jaitly and Hinton 2015).
    Irnn,
    /// GRU (Cho et al. 2014).
    Gru,
    /// LSTM whose forget gate's bias starts with 0.
    Lstm,
    /// LSTM whose forget gate's bias starts with 1 (Gers et al. 2000; Jozefowicz et al. 2015).
    LstmForget,
    /// LSTM with chrono initialisation (Tallec and Ollivier 2018).
    LstmChrono,
}

impl CellKind {
    /// All of them.
    pub const ALL: [CellKind; 6] = [
        CellKind::Elman,
        CellKind::Irnn,
        CellKind::Gru,
        CellKind::Lstm,
        CellKind::LstmForget,
        CellKind::LstmChrono,
    ];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            CellKind::Elman => "elman",
            CellKind::Irnn => "irnn",
            CellKind::Gru => "gru",
            CellKind::Lstm => "lstm",
            CellKind::LstmForget => "lstm-forget",
            CellKind::LstmChrono => "lstm-chrono",
        }
    }

    /// What figures call it.
    pub fn title(self) -> &'static str {
        match self {
            CellKind::Elman => "Elman (tanh)",
            CellKind::Irnn => "Elman (ReLU, identity)",
            CellKind::Gru => "GRU",
            CellKind::Lstm => "LSTM",
            CellKind::LstmForget => "LSTM (forget bias 1)",
            CellKind::LstmChrono => "LSTM (chrono)",
        }
    }

    /// The recurrence.
    pub fn cell(self) -> Cell {
        match self {
            CellKind::Elman => Cell::ElmanTanh,
            CellKind::Irnn => Cell::ElmanRelu,
            CellKind::Gru => Cell::Gru,
            CellKind::Lstm | CellKind::LstmForget | CellKind::LstmChrono => Cell::Lstm,
        }
    }

    /// Gives a layer of `units` units its first values, where they differ from
    /// [`Recurrent`](crate::nn::Recurrent)'s. `longest` is the number of steps of the longest sequence.
    pub(super) fn initialise<E: Float>(
        self,
        params: &mut Params<E>,
        layer: &str,
        units: usize,
        longest: usize,
        key: Key,
    ) {
        let id = |params: &Params<E>, name: &str| -> ParamId {
            params
                .id(&format!("{layer}.{name}"))
                .expect("a recurrent layer's parameter")
        };
        match self {
            CellKind::Elman | CellKind::Gru | CellKind::LstmForget => {}
            CellKind::Irnn => {
                let (input, recurrent) = (id(params, "w_ih"), id(params, "w_hh"));
                for (i, w) in (0..).zip(params.get_mut(input)) {
                    *w = E::from_f64(INPUT_DEVIATION * key.normal(i));
                }
                for (i, w) in params.get_mut(recurrent).iter_mut().enumerate() {
                    *w = if i / units == i % units {
                        E::ONE
                    } else {
                        E::ZERO
                    };
                }
            }
            CellKind::Lstm => {
                let bias = id(params, "bias");
                params.get_mut(bias).fill(E::ZERO);
            }
            CellKind::LstmChrono => {
                let bias = id(params, "bias");
                let bias = params.get_mut(bias);
                for u in 0..units {
                    let forget = chrono(key.uniform(u as u64), longest);
                    bias[u] = E::from_f64(-forget);
                    bias[units + u] = E::from_f64(forget);
                }
            }
        }
    }
}

/// Le, Jaitly and Hinton's deviation of an IRNN's input weights.
const INPUT_DEVIATION: f64 = 0.001;

/// A forget gate's bias that keeps a value for a time drawn between 1 and `longest` - 1 steps: the logarithm of
/// that time. The input gate's is its negative.
fn chrono(uniform: f64, longest: usize) -> f64 {
    let most = longest.saturating_sub(1).max(1) as f64;
    (1.0 + uniform * (most - 1.0)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Recurrent, RecurrentConfig};

    const UNITS: usize = 50;

    fn initialised(kind: CellKind) -> Params<f64> {
        let mut params = Params::new(1);
        let config = RecurrentConfig::new(kind.cell(), UNITS);
        Recurrent::new(&mut params.scope("rnn"), 3, config);
        kind.initialise(&mut params, "rnn.layer0.forward", UNITS, 201, Key::new(2));
        params
    }

    fn values(kind: CellKind, name: &str) -> Vec<f64> {
        let params = initialised(kind);
        let id = params.id(&format!("rnn.layer0.forward.{name}")).unwrap();
        params.get(id).to_vec()
    }

    #[test]
    fn chrono_keeps_for_one_step_up_to_all() {
        let bias = values(CellKind::LstmChrono, "bias");
        let times: Vec<f64> = bias[UNITS..2 * UNITS].iter().map(|b| b.exp()).collect();
        assert!(times.iter().all(|t| (1.0..=200.0).contains(t)), "{times:?}");
        // Uniform over the times: a quarter of 50 lies in each quarter, give or take.
        for quarter in 0..4 {
            let from = 1.0 + 49.75 * f64::from(quarter);
            let count = times
                .iter()
                .filter(|t| (from..from + 49.75).contains(*t))
                .count();
            assert!((4..=24).contains(&count), "{quarter}: {count}");
        }
        for u in 0..UNITS {
            assert_eq!(bias[u], -bias[UNITS + u]);
        }
        assert!(bias[2 * UNITS..].iter().all(|&b| b == 0.0));
        assert_eq!(chrono(0.5, 1), 0.0);
    }

    #[test]
    fn the_others_start_as_their_papers_say() {
        assert!(values(CellKind::Lstm, "bias").iter().all(|&b| b == 0.0));
        let forget = values(CellKind::LstmForget, "bias");
        assert!(forget[UNITS..2 * UNITS].iter().all(|&b| b == 1.0));
        let identity = values(CellKind::Irnn, "w_hh");
        for (i, w) in identity.into_iter().enumerate() {
            assert_eq!(w, f64::from(u8::from(i / UNITS == i % UNITS)));
        }
        assert!(
            values(CellKind::Irnn, "w_ih")
                .iter()
                .all(|w| w.abs() < 0.006)
        );
    }
}
