//! Recurrent layers whose parameters no longer change.

use unfold_kernels::{self as kernels, Buffer, Mat, PackedMat, PackedRnn, RnnRun};

use crate::nn::{Params, Recurrent, RecurrentOutput, States};
use crate::ops::Cell;
use crate::{Float, Ragged, Tensor};

/// A [`Recurrent`] whose parameters no longer change, made by [`Recurrent::frozen`]: its weights lie as products read
/// them. It gives the same values bit for bit. No gradient flows through it.
///
/// ```
/// use unfold::nn::{Params, Pass, Recurrent, RecurrentConfig};
/// use unfold::ops::Cell;
/// use unfold::{Ragged, Tensor};
///
/// let mut params = Params::<f32>::new(1);
/// let config = RecurrentConfig { bidirectional: true, ..RecurrentConfig::new(Cell::Lstm, 6) };
/// let lstm = Recurrent::new(&mut params.scope("lstm"), 4, config);
/// let (x, sequences) = (Tensor::full([4, 4], 0.5), Ragged::new(&[3, 1]));
/// let out = lstm.forward(&Pass::evaluation(&params), &x, &sequences, None);
/// let frozen = lstm.frozen(&params).forward(&x, &sequences, None);
/// assert_eq!(out.y.data(), frozen.y.data());
/// ```
pub struct FrozenRecurrent<E: Float = f32> {
    layer: Recurrent,
    /// As the layer's: layer by layer, the forward direction first.
    runs: Vec<FrozenRun<E>>,
}

/// One layer in one direction.
struct FrozenRun<E: Float> {
    /// U and b.
    input: PackedMat<E>,
    bias: Tensor<E>,
    /// W
    hidden: PackedRnn<E>,
    bias_hn: Option<Tensor<E>>,
}

/// What one layer in one direction computes.
struct Lists<E: Float> {
    gates: Buffer<E>,
    y: Buffer<E>,
    c: Buffer<E>,
    hn: Buffer<E>,
}

impl Recurrent {
    /// The layers as the parameters are now: for many answers.
    ///
    /// # Panics
    /// For layers with layer normalisation, which have no form of their own.
    #[track_caller]
    pub fn frozen<E: Float>(&self, params: &Params<E>) -> FrozenRecurrent<E> {
        assert!(
            !self.config().layer_norm,
            "frozen: layers with layer normalisation are composed of other operations"
        );
        let cell = self.config().cell;
        let run = |run: &super::recurrent::RunParams| {
            let (u, w) = (params.tensor(run.w_ih), params.tensor(run.w_hh));
            let [c, g] = [u.dim(0), u.dim(1)];
            FrozenRun {
                input: PackedMat::new(c, g, Mat::new(u.data(), g)),
                bias: params.tensor(run.bias),
                hidden: PackedRnn::new(cell, w.dim(0), w.data()),
                bias_hn: run.bias_hn.map(|id| params.tensor(id)),
            }
        };
        FrozenRecurrent {
            layer: self.clone(),
            runs: self.runs.iter().map(run).collect(),
        }
    }
}

impl<E: Float> FrozenRecurrent<E> {
    /// Runs over `sequences`, whose rows are `x` `[sum(len), C]`, from `initial` states or zeros.
    ///
    /// # Panics
    /// As [`Recurrent::forward`].
    #[track_caller]
    pub fn forward(
        &self,
        x: &Tensor<E>,
        sequences: &Ragged,
        initial: Option<&States<E>>,
    ) -> RecurrentOutput<E> {
        let config = self.layer.config();
        let (cell, directions) = (config.cell, config.directions());
        let (n, batch) = (sequences.rows(), sequences.batch());
        let zeros;
        let initial = match initial {
            Some(states) => states,
            None => {
                zeros = self.layer.zero_states(batch);
                &zeros
            }
        };
        let (expected, got) = (self.runs.len(), initial.h.len());
        assert!(
            got == expected,
            "recurrent: expected {expected} initial states, got {got}"
        );
        let mut x = x.clone();
        let (mut h, mut c) = (Vec::new(), Vec::new());
        for (layer, runs) in self.runs.chunks(directions).enumerate() {
            let d = config.size(layer);
            let room = |has: bool| Buffer::scratch(if has { n * d } else { 0 });
            let lists = |run: &FrozenRun<E>| {
                let mut gates = Buffer::scratch(n * cell.gates() * d);
                kernels::gemm_packed(x.data(), &run.input, run.bias.data(), &mut gates);
                Lists {
                    gates,
                    y: room(true),
                    c: room(cell == Cell::Lstm),
                    hn: room(cell == Cell::Gru),
                }
            };
            let mut all: Vec<Lists<E>> = runs.iter().map(lists).collect();
            let starts = layer * directions..;
            let passes = all.iter_mut().zip(runs).zip(starts).enumerate();
            let passes = passes.map(|(direction, ((lists, run), i))| RnnRun {
                weights: &run.hidden,
                reverse: direction == 1,
                gates: &mut lists.gates,
                b_hn: run.bias_hn.as_ref().map_or(&[], Tensor::data),
                h0: initial.h[i].data(),
                c0: initial.c.get(i).map_or(&[], Tensor::data),
                y: &mut lists.y,
                c: &mut lists.c,
                hn: &mut lists.hn,
            });
            kernels::rnn_forward(sequences, passes.collect());
            for (direction, lists) in all.iter().enumerate() {
                let last = |values: &Buffer<E>| {
                    let mut rows = Buffer::scratch(batch * d);
                    for (b, row) in rows.chunks_exact_mut(d.max(1)).enumerate() {
                        let end = sequences.lengths()[b] - 1;
                        let at = sequences.row(if direction == 1 { 0 } else { end }, b);
                        row.copy_from_slice(&values[at * d..][..d]);
                    }
                    Tensor::from_buffer(rows, [batch, d])
                };
                h.push(last(&lists.y));
                if cell == Cell::Lstm {
                    c.push(last(&lists.c));
                }
            }
            let outputs = all
                .into_iter()
                .map(|lists| Tensor::from_buffer(lists.y, [n, d]));
            let outputs: Vec<Tensor<E>> = outputs.collect();
            x = match &outputs[..] {
                [only] => only.clone(),
                both => Tensor::concat(&both.iter().collect::<Vec<_>>(), 1), // [sum(len), 2 D]
            };
        }
        let states = States { h, c, directions };
        RecurrentOutput { y: x, states }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Pass, RecurrentConfig};
    use crate::random::Key;

    #[test]
    fn frozen_layers_answer_as_they_do() {
        for cell in [Cell::ElmanTanh, Cell::ElmanRelu, Cell::Gru, Cell::Lstm] {
            for (bidirectional, lengths) in [
                (false, &[7, 3, 1][..]),
                (true, &[5]),
                (true, &[9, 9, 4, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1]),
            ] {
                let mut params = Params::<f32>::new(3);
                let config = RecurrentConfig {
                    layers: 2,
                    bidirectional,
                    last_size: Some(9),
                    ..RecurrentConfig::new(cell, 18)
                };
                let layer = Recurrent::new(&mut params.scope("layer"), 5, config);
                let sequences = Ragged::new(lengths);
                let key = Key::new(1);
                let values =
                    |n: usize, key: Key| (0..n as u64).map(|i| key.normal(i) as f32).collect();
                let x = Tensor::from_vec(values(sequences.rows() * 5, key), [sequences.rows(), 5]);
                let mut states = layer.zero_states(sequences.batch());
                for (i, state) in states.h.iter_mut().chain(&mut states.c).enumerate() {
                    let values = values(state.shape().len(), key.child(i as u64));
                    *state = Tensor::from_vec(values, state.shape());
                }
                let frozen = layer.frozen(&params);
                for initial in [None, Some(&states)] {
                    let pass = Pass::evaluation(&params);
                    let want = layer.forward(&pass, &x, &sequences, initial);
                    let got = frozen.forward(&x, &sequences, initial);
                    let (want, got) = [want, got]
                        .map(|out| {
                            let states = out.states.tensors();
                            let all = states.iter().chain([&out.y]).map(Tensor::to_vec);
                            all.collect::<Vec<_>>()
                        })
                        .into();
                    assert_eq!(want, got, "{cell:?} {lengths:?}");
                }
            }
        }
    }
}
