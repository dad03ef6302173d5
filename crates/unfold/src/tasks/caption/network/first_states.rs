//! States that come from a picture (Xu et al. 2015, section 3.1.2).

use crate::nn::{Linear, Pass, Recurrent, RecurrentConfig, Scope, States};
use crate::ops::Cell;
use crate::tasks::encoder::spread;
use crate::tensor::Tensor;

/// h_0 = tanh(v W_h + b_h), and c_0 = tanh(v W_c + b_c) for an LSTM, of a picture's vector v.
///
/// Shapes, with L layers of D units: v `[P, Z]`, W_h and W_c `[Z, L D]`, one layer's states after the other's.
pub(super) struct FirstStates {
    h: Linear,
    c: Option<Linear>,
}

impl FirstStates {
    /// For `layers` that go in one direction and have one size, from vectors of `inputs` values.
    pub(super) fn new(
        scope: &mut Scope<'_, f32>,
        inputs: usize,
        layers: &RecurrentConfig,
    ) -> FirstStates {
        let width = layers.layers * layers.hidden_size;
        let lstm = layers.cell == Cell::Lstm;
        FirstStates {
            h: Linear::new(&mut scope.scope("first_h"), inputs, width),
            c: lstm.then(|| Linear::new(&mut scope.scope("first_c"), inputs, width)),
        }
    }

    /// The states of `recurrent` before sentences about the pictures of these numbers, of those with vectors `[P, Z]`.
    pub(super) fn forward(
        &self,
        pass: &Pass<f32>,
        vectors: &Tensor,
        pictures: &[u32],
        recurrent: &Recurrent,
    ) -> States {
        let d = recurrent.config().hidden_size;
        let each = |layer: &Linear| -> Vec<Tensor> {
            let all = layer.forward(pass, vectors).tanh(); // [P, L D]
            let of_layers = (0..recurrent.config().layers).map(|l| all.narrow(1, l * d, d));
            of_layers.map(|state| spread(&state, pictures)).collect() // [B, D] each
        };
        let mut states = recurrent.zero_states(pictures.len());
        states.h = each(&self.h);
        states.c = self.c.as_ref().map(each).unwrap_or_default();
        states
    }
}
