//! Recurrent layers one step at a time: for streams that go on as long as anybody listens.

use unfold_kernels::{self as kernels, Buffer, Mat, MatMut, Quantized};

use super::layer_norm_lstm::NormRoom;
use crate::nn::{Params, Recurrent};
use crate::ops::Cell;
use crate::{Float, Ragged};

/// The states of B streams between two steps, and the room that a step needs: its size does not
/// depend on how many steps are taken. A clone goes its own way from here.
#[derive(Clone, Debug)]
pub struct RecurrentState<E: Float = f32> {
    sequences: Ragged,
    layers: Vec<LayerState<E>>,
    product: Buffer<E>,
    hn: Buffer<E>,
    /// For layer normalisation.
    norm: Option<NormRoom<E>>,
}

#[derive(Clone, Debug)]
struct LayerState<E: Float> {
    h: Buffer<E>,
    c: Buffer<E>,
    /// Where the next states go.
    next_h: Buffer<E>,
    next_c: Buffer<E>,
    gates: Buffer<E>,
}

impl<E: Float> RecurrentState<E> {
    /// How many streams there are, B.
    pub fn batch(&self) -> usize {
        self.sequences.batch()
    }

    /// Forgets everything: zeros, as before the first step.
    pub fn reset(&mut self) {
        for layer in &mut self.layers {
            layer.h.fill(E::ZERO);
            layer.c.fill(E::ZERO);
        }
    }

    /// Forgets everything of one stream, and leaves the others where they are.
    ///
    /// # Panics
    /// Unless there is such a stream.
    pub fn reset_stream(&mut self, stream: usize) {
        let batch = self.batch();
        assert!(stream < batch, "stream {stream} of {batch}");
        for layer in &mut self.layers {
            for states in [&mut layer.h, &mut layer.c] {
                let size = states.len() / batch;
                states[stream * size..][..size].fill(E::ZERO);
            }
        }
    }

    /// Gives stream b the states that stream `from[b]` had.
    ///
    /// # Panics
    /// Unless `from` names a stream for each.
    pub fn select(&mut self, from: &[usize]) {
        assert_eq!(from.len(), self.batch(), "a source for each stream");
        for layer in &mut self.layers {
            let rows = |old: &Buffer<E>, new: &mut Buffer<E>| {
                let size = old.len() / from.len();
                for (new, &b) in new.chunks_exact_mut(size.max(1)).zip(from) {
                    new.copy_from_slice(&old[b * size..][..size]);
                }
            };
            rows(&layer.h, &mut layer.next_h);
            rows(&layer.c, &mut layer.next_c);
            layer.turn();
        }
    }

    /// The hidden states of a layer, `[B, D]`.
    pub fn hidden(&self, layer: usize) -> &[E] {
        &self.layers[layer].h
    }

    /// The activated gates of a layer at the last step, `[B, G D]` in the order of
    /// [`Recurrent`]'s equations.
    pub fn gates(&self, layer: usize) -> &[E] {
        &self.layers[layer].gates
    }
}

impl<E: Float> LayerState<E> {
    fn turn(&mut self) {
        std::mem::swap(&mut self.h, &mut self.next_h);
        std::mem::swap(&mut self.c, &mut self.next_c);
    }
}

impl Recurrent {
    /// States of zeros for B streams.
    ///
    /// # Panics
    /// For layers that run in both directions: they need whole sequences.
    pub fn stream<E: Float>(&self, batch: usize) -> RecurrentState<E> {
        let config = self.config();
        assert!(
            !config.bidirectional,
            "stream: layers in both directions need whole sequences"
        );
        let zeros = |d: usize| Buffer::zeros(batch * d);
        let cells = usize::from(config.cell == Cell::Lstm);
        let layer = |d: usize| LayerState {
            h: zeros(d),
            c: zeros(d * cells),
            next_h: zeros(d),
            next_c: zeros(d * cells),
            gates: zeros(d * config.cell.gates()),
        };
        let sizes = (0..config.layers).map(|layer| config.size(layer));
        let widest = sizes.clone().max().unwrap_or(0);
        RecurrentState {
            sequences: Ragged::new(&vec![1; batch]),
            layers: sizes.map(layer).collect(),
            product: zeros(widest * config.cell.gates()),
            hn: zeros(widest * usize::from(config.cell == Cell::Gru)),
            norm: config.layer_norm.then(|| NormRoom::new(batch, widest)),
        }
    }

    /// One step of B streams with inputs `x` `[B, C]`; gives the last layer's new hidden states,
    /// `[B, D]`. Nothing is allocated.
    ///
    /// # Panics
    /// When shapes do not fit.
    pub fn step<'s, E: Float>(
        &self,
        params: &Params<E>,
        x: &[E],
        state: &'s mut RecurrentState<E>,
    ) -> &'s [E] {
        let batch = state.batch();
        self.advance(params, x, state, |weights, x, bias, out| {
            let weights = params.get(match weights {
                Weights::Input(run) => self.runs[run].w_ih,
                Weights::Hidden(run) => self.runs[run].w_hh,
            });
            let (inputs, width) = (x.len() / batch.max(1), out.len() / batch.max(1));
            assert_eq!(
                weights.len(),
                inputs * width,
                "step: weights for {inputs} inputs of each stream"
            );
            let (x, w) = (Mat::new(x, inputs), Mat::new(weights, width));
            let out = MatMut::new(out, width);
            match bias {
                Some(bias) => kernels::gemm_bias(batch, width, inputs, x, w, bias, out),
                None => kernels::gemm(batch, width, inputs, x, w, false, out),
            }
        })
    }

    /// One step with products that `product` computes: weights, rows `[B, ..]`, bias, result.
    fn advance<'s, E: Float>(
        &self,
        params: &Params<E>,
        x: &[E],
        state: &'s mut RecurrentState<E>,
        product: impl Fn(Weights, &[E], Option<&[E]>, &mut [E]),
    ) -> &'s [E] {
        let (cell, batch) = (self.config().cell, state.batch());
        let RecurrentState {
            sequences,
            layers,
            product: room,
            hn,
            norm,
        } = state;
        let mut below: Option<&LayerState<E>> = None;
        for (i, (layer, run)) in layers.iter_mut().zip(&self.runs).enumerate() {
            let x = below.map_or(x, |below| &below.h);
            let d = layer.h.len() / batch.max(1);
            let room = &mut room[..batch * d * cell.gates()];
            let bias = params.get(run.bias);
            let mut norm = run.norms.zip(norm.as_mut());
            let added = Some(bias).filter(|_| norm.is_none());
            product(Weights::Input(i), x, added, &mut layer.gates);
            product(Weights::Hidden(i), &layer.h, None, room);
            if let Some((norms, scratch)) = &mut norm {
                norms.gates(params, bias, &mut layer.gates, room, scratch);
            }
            kernels::rnn_step(
                cell,
                sequences,
                d,
                &mut layer.gates,
                room,
                run.bias_hn.map(|id| params.get(id)),
                &layer.h,
                &layer.c,
                &mut layer.next_h,
                &mut layer.next_c,
                &mut hn[..batch * d * usize::from(cell == Cell::Gru)],
            );
            if let Some((norms, scratch)) = norm {
                let (gates, c) = (&layer.gates, &layer.next_c);
                norms.hidden(params, gates, c, &mut layer.next_h, scratch);
            }
            layer.turn();
            below = Some(layer);
        }
        below.map_or(&[], |last| &last.h)
    }

    /// The weights of all layers in eight bits, for [`Recurrent::step_int8`].
    pub fn int8(&self, params: &Params<f32>) -> RecurrentInt8 {
        let config = self.config();
        let pair = |(layer, run): (usize, &super::recurrent::RunParams)| {
            let width = config.size(layer) * config.cell.gates();
            [run.w_ih, run.w_hh].map(|id| Quantized::new(params.get(id), width))
        };
        RecurrentInt8 {
            layers: self.runs.iter().enumerate().map(pair).collect(),
        }
    }

    /// Rounds the weights to what eight bits hold, so that a whole pass computes what
    /// [`Recurrent::step_int8`] does.
    pub fn round_to_int8(&self, params: &mut Params<f32>) {
        let rounded = self.int8(params);
        for (run, [w_ih, w_hh]) in self.runs.iter().zip(&rounded.layers) {
            w_ih.values(params.get_mut(run.w_ih));
            w_hh.values(params.get_mut(run.w_hh));
        }
    }

    /// [`Recurrent::step`] with weights in eight bits; biases are those of `params`.
    ///
    /// # Panics
    /// When shapes do not fit.
    pub fn step_int8<'s>(
        &self,
        params: &Params<f32>,
        weights: &RecurrentInt8,
        x: &[f32],
        state: &'s mut RecurrentState,
    ) -> &'s [f32] {
        self.advance(params, x, state, |which, x, bias, out| {
            let weights = match which {
                Weights::Input(layer) => &weights.layers[layer][0],
                Weights::Hidden(layer) => &weights.layers[layer][1],
            };
            weights.product(x, bias.unwrap_or(&[]), out);
        })
    }
}

/// Which weights: those of the input or of the states, of a layer.
enum Weights {
    Input(usize),
    Hidden(usize),
}

/// The weights of recurrent layers in eight bits: U and W of each. A step reads a quarter of the
/// bytes.
#[derive(Clone, Debug)]
pub struct RecurrentInt8 {
    layers: Vec<[Quantized; 2]>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Pass, RecurrentConfig};
    use crate::random::Key;
    use crate::tensor::Tensor;

    #[test]
    fn eight_bits_are_near() {
        for layer_norm in [false, true] {
            let mut params = Params::<f32>::new(3);
            let config = RecurrentConfig {
                layers: 2,
                layer_norm,
                ..RecurrentConfig::new(Cell::Lstm, 33)
            };
            let layers = Recurrent::new(&mut params.scope("r"), 12, config);
            let int8 = layers.int8(&params);
            let (mut exact, mut near) = (layers.stream(2), layers.stream(2));
            let key = Key::new(1);
            for t in 0..20u64 {
                let x: Vec<f32> = (0..24).map(|i| key.child(t).normal(i) as f32).collect();
                let h = layers.step(&params, &x, &mut exact).to_vec();
                let close = layers.step_int8(&params, &int8, &x, &mut near);
                let far = h.iter().zip(close).map(|(a, b)| (a - b).abs());
                let far = far.fold(0.0, f32::max);
                assert!(far > 0.0 && far < 0.05, "layer_norm: {layer_norm}, {far}");
            }
        }
    }

    #[test]
    fn steps_are_the_sequence() {
        const T: usize = 5;
        let plain = [Cell::ElmanTanh, Cell::ElmanRelu, Cell::Gru, Cell::Lstm];
        let plain = plain.map(|cell| (cell, false)).into_iter();
        for (cell, layer_norm) in plain.chain([(Cell::Lstm, true)]) {
            for batch in [1, 2, 7] {
                let mut params = Params::<f64>::new(3);
                let config = RecurrentConfig {
                    layers: 2,
                    last_size: Some(5),
                    layer_norm,
                    ..RecurrentConfig::new(cell, 6)
                };
                let layers = Recurrent::new(&mut params.scope("r"), 4, config);
                let key = Key::new(1);
                // Gains and biases that change something.
                let some = (0..).map(|i| 0.3 * key.child(9).normal(i));
                params
                    .values_mut()
                    .iter_mut()
                    .zip(some)
                    .for_each(|(v, x)| *v += x);
                let values: Vec<f64> = (0..T * batch * 4).map(|i| key.normal(i as u64)).collect();
                let x = Tensor::from_slice(&values, [T * batch, 4]);
                let sequences = Ragged::new(&vec![T; batch]);
                let whole = layers.forward(&Pass::evaluation(&params), &x, &sequences, None);
                let mut state = layers.stream(batch);
                for t in 0..T {
                    let row = batch * 4;
                    let h = layers.step(&params, &values[t * row..][..row], &mut state);
                    let expected = &whole.y.data()[t * batch * 5..][..batch * 5];
                    for (a, b) in h.iter().zip(expected) {
                        assert!((a - b).abs() < 1e-12, "{cell:?} {batch}: {a} {b}");
                    }
                }
                state.select(&vec![batch - 1; batch]);
                let last = whole.states.h[1].data();
                assert_eq!(state.hidden(1)[..5], state.hidden(1)[(batch - 1) * 5..]);
                assert!((state.hidden(1)[0] - last[(batch - 1) * 5]).abs() < 1e-12);
                state.reset();
                assert!(state.hidden(0).iter().all(|&h| h == 0.0));
            }
        }
    }
}
