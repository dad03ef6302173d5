//! What recurrent layers are made of, and how they start.

use crate::nn::Init;
use crate::ops::Cell;

/// What a [`Recurrent`](crate::nn::Recurrent) layer is made of.
///
/// ```
/// use unfold::nn::{RecurrentConfig, RecurrentInit};
/// use unfold::ops::Cell;
/// let config = RecurrentConfig { layers: 2, bidirectional: true, ..RecurrentConfig::new(Cell::Gru, 64) };
/// assert_eq!(config.outputs(), 128);
///
/// // Three layers as in AWD-LSTM (Merity et al. 2017): the last has the size of the embedding.
/// let config = RecurrentConfig {
///     layers: 3,
///     last_size: Some(400),
///     dropout: 0.25,
///     locked: true,
///     weight_dropout: 0.5,
///     init: RecurrentInit::Uniform(0.05),
///     ..RecurrentConfig::new(Cell::Lstm, 1150)
/// };
/// assert_eq!(config.outputs(), 400);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecurrentConfig {
    /// The kind of cell.
    pub cell: Cell,
    /// Units in each layer and direction, D.
    pub hidden_size: usize,
    /// Units of the last layer, where it has another number of them.
    pub last_size: Option<usize>,
    /// Layers on top of each other, at least 1.
    pub layers: usize,
    /// Whether each layer also runs from the last step to the first, beside the usual direction.
    pub bidirectional: bool,
    /// Dropout between layers: its probability, in 0..1 (Zaremba et al. 2014).
    pub dropout: f64,
    /// Whether that dropout has one mask for all steps of a sequence
    /// ([`LockedDropout`](crate::nn::LockedDropout)).
    pub locked: bool,
    /// Dropout of the recurrent weights W, one mask a pass: its probability, in 0..1 (DropConnect, Wan
    /// et al. 2013; Merity et al. 2017).
    pub weight_dropout: f64,
    /// Whether an LSTM's gates and cell states are normalised (Ba, Kiros and Hinton 2016), as
    /// [`Recurrent`](crate::nn::Recurrent) has it. Not when bidirectional.
    pub layer_norm: bool,
    /// How weights start.
    pub init: RecurrentInit,
    /// How the biases of gates start.
    pub gate_bias: GateBias,
}

/// How the weights of a recurrent layer start: U `[C, G D]` of the input, W `[D, G D]` of the states.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum RecurrentInit {
    /// U uniform as Glorot and Bengio (2010) have it for each gate, W with orthogonal gates (Saxe,
    /// McClelland and Ganguli 2014).
    #[default]
    Orthogonal,
    /// Both uniform between minus and plus this, as Zaremba et al. (2014) start language models: 0.1
    /// for their small one, 0.05 and 0.04 for the medium and the large.
    Uniform(f64),
    /// W the identity and U normal with deviation 0.001, for an Elman cell (Le, Jaitly and Hinton
    /// 2015): with a ReLU, states stay as they are until training changes that.
    Identity,
}

/// How the biases of gates start; all other biases are 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GateBias {
    /// That of an LSTM's forget gate with this: 1, the default, keeps much of a cell state (Gers et
    /// al. 2000; Jozefowicz et al. 2015); 0 is the plain start.
    Forget(f64),
    /// For sequences of up to `longest` steps, in an LSTM b_f = ln u with u uniform in 1..`longest` - 1
    /// and b_i = -b_f, in a GRU b_z = ln u: units forget after u steps or so (chrono initialisation,
    /// Tallec and Ollivier 2018).
    Chrono {
        /// The longest dependency expected, in steps; at least 2.
        longest: f64,
    },
}

impl Default for GateBias {
    fn default() -> GateBias {
        GateBias::Forget(1.0)
    }
}

impl RecurrentConfig {
    /// One layer of `hidden_size` units in the usual direction.
    pub const fn new(cell: Cell, hidden_size: usize) -> RecurrentConfig {
        RecurrentConfig {
            cell,
            hidden_size,
            last_size: None,
            layers: 1,
            bidirectional: false,
            dropout: 0.0,
            locked: false,
            weight_dropout: 0.0,
            layer_norm: false,
            init: RecurrentInit::Orthogonal,
            gate_bias: GateBias::Forget(1.0),
        }
    }

    /// Features of the output at each step: D of the last layer, or 2 D when bidirectional.
    pub fn outputs(&self) -> usize {
        self.size(self.layers.saturating_sub(1)) * self.directions()
    }

    /// Units in a layer and direction.
    pub(super) fn size(&self, layer: usize) -> usize {
        match self.last_size {
            Some(size) if layer + 1 == self.layers => size,
            _ => self.hidden_size,
        }
    }

    pub(super) fn directions(&self) -> usize {
        1 + usize::from(self.bidirectional)
    }

    /// # Panics
    /// When a setting lies outside its range or is not one of the cell's.
    #[track_caller]
    pub(super) fn check(&self) {
        assert!(
            self.layers > 0,
            "recurrent: expected at least 1 layer, got 0"
        );
        for (name, p) in [
            ("dropout", self.dropout),
            ("weight_dropout", self.weight_dropout),
        ] {
            assert!(
                (0.0..1.0).contains(&p),
                "recurrent: expected {name} of at least 0 and below 1, got {p}"
            );
        }
        assert!(
            self.init != RecurrentInit::Identity || self.cell.gates() == 1,
            "recurrent: expected an Elman cell to start from the identity, got {:?}",
            self.cell
        );
        assert!(
            !self.layer_norm || self.cell == Cell::Lstm && !self.bidirectional,
            "recurrent: expected an LSTM in one direction for layer normalisation, got {:?}, bidirectional: {}",
            self.cell,
            self.bidirectional
        );
        if let GateBias::Chrono { longest } = self.gate_bias {
            assert!(
                self.cell.gates() > 1 && longest >= 2.0,
                "recurrent: expected a GRU or LSTM and at least 2 steps for chrono initialisation, got \
                 {:?} and {longest}",
                self.cell
            );
        }
    }

    /// How U `[inputs, G D]`, W `[D, G D]` and the bias `[G D]` of `d` units start.
    pub(super) fn inits(&self, inputs: usize, d: usize) -> [Init; 3] {
        let gates = self.cell.gates();
        let bound = (6.0 / (inputs + d).max(1) as f64).sqrt();
        let [w_ih, w_hh] = match self.init {
            RecurrentInit::Orthogonal => [Init::Uniform(bound), Init::Orthogonal { blocks: gates }],
            RecurrentInit::Uniform(bound) => [Init::Uniform(bound), Init::Uniform(bound)],
            RecurrentInit::Identity => [Init::Normal(0.001), Init::Identity],
        };
        let bias = match (self.gate_bias, self.cell) {
            // The second gate is the forget gate.
            (GateBias::Forget(value), Cell::Lstm) => {
                let gate = |i| if (d..2 * d).contains(&i) { value } else { 0.0 };
                Init::Values((0..gates * d).map(gate).collect())
            }
            (GateBias::Forget(_), _) => Init::Zeros,
            (GateBias::Chrono { longest }, cell) => Init::Chrono { cell, longest },
        };
        [w_ih, w_hh, bias]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Params, Recurrent};

    /// The values of a layer of `d` units with that configuration.
    fn values(config: RecurrentConfig, name: &str) -> Vec<f64> {
        let mut params = Params::<f64>::new(0);
        Recurrent::new(&mut params.scope("rnn"), 3, config);
        let id = params.id(&format!("rnn.layer0.forward.{name}"));
        params.get(id.expect("a parameter")).to_vec()
    }

    #[test]
    fn the_forget_gate_starts_as_told() {
        for value in [1.0, 0.0, 2.5] {
            let config = RecurrentConfig {
                gate_bias: GateBias::Forget(value),
                ..RecurrentConfig::new(Cell::Lstm, 2)
            };
            let expected = [0.0, 0.0, value, value, 0.0, 0.0, 0.0, 0.0];
            assert_eq!(values(config, "bias"), expected);
        }
    }

    #[test]
    fn uniform_weights_fill_their_range() {
        let config = RecurrentConfig {
            init: RecurrentInit::Uniform(0.05),
            ..RecurrentConfig::new(Cell::Lstm, 40)
        };
        for name in ["w_ih", "w_hh"] {
            let weights = values(config, name);
            let largest = weights.iter().fold(0.0f64, |max, w| max.max(w.abs()));
            assert!((0.049..=0.05).contains(&largest), "{name}: {largest}");
        }
    }

    #[test]
    fn an_elman_network_starts_from_the_identity() {
        let config = RecurrentConfig {
            init: RecurrentInit::Identity,
            ..RecurrentConfig::new(Cell::ElmanRelu, 2)
        };
        assert_eq!(values(config, "w_hh"), [1.0, 0.0, 0.0, 1.0]);
        assert!(values(config, "w_ih").iter().all(|w| w.abs() < 0.01));
    }

    #[test]
    fn chrono_biases_are_logarithms_of_times() {
        const D: usize = 400;
        let config = |cell| RecurrentConfig {
            gate_bias: GateBias::Chrono { longest: 101.0 },
            ..RecurrentConfig::new(cell, D)
        };
        let mean = |times: &[f64]| times.iter().map(|b| b.exp()).sum::<f64>() / D as f64;
        let lstm = values(config(Cell::Lstm), "bias");
        for i in 0..D {
            assert!((0.0..=100.0f64.ln()).contains(&lstm[D + i]));
            assert_eq!(lstm[i], -lstm[D + i]);
        }
        assert!((mean(&lstm[D..2 * D]) - 50.5).abs() < 5.0);
        assert!(lstm[2 * D..].iter().all(|&b| b == 0.0));
        let gru = values(config(Cell::Gru), "bias");
        assert!((mean(&gru[D..2 * D]) - 50.5).abs() < 5.0);
        assert!(gru[..D].iter().chain(&gru[2 * D..]).all(|&b| b == 0.0));
    }

    #[test]
    #[should_panic(
        expected = "recurrent: expected an LSTM in one direction for layer normalisation, got Gru"
    )]
    fn other_cells_are_not_normalised() {
        let config = RecurrentConfig {
            layer_norm: true,
            ..RecurrentConfig::new(Cell::Gru, 2)
        };
        values(config, "bias");
    }

    #[test]
    #[should_panic(
        expected = "recurrent: expected weight_dropout of at least 0 and below 1, got 1"
    )]
    fn settings_are_checked() {
        let config = RecurrentConfig {
            weight_dropout: 1.0,
            ..RecurrentConfig::new(Cell::Gru, 2)
        };
        values(config, "bias");
    }
}
