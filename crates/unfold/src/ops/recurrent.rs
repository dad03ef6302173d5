//! One recurrent layer over ragged sequences, in one direction or both, with hand-written
//! back-propagation through time (Werbos 1990).

use unfold_kernels::{self as kernels, Buffer, Mat, MatMut, PackedRnn, RnnBack, RnnRun};

use super::{Cell, Op, Reads, Saved, Wanted, apply, gradient};
use crate::{Float, Ragged, Shape, Tensor};

/// The parameters and initial states of one recurrent layer in one direction. G is 1 for Elman,
/// 3 for GRU (r, z, n) and 4 for LSTM (i, f, g, o).
#[derive(Clone)]
pub struct Recurrent<'a, E: Float = f32> {
    /// The kind of cell.
    pub cell: Cell,
    /// Whether to run from each sequence's last step to its first.
    pub reverse: bool,
    /// Input weights U, `[C, G D]`.
    pub w_ih: &'a Tensor<E>,
    /// Recurrent weights W, `[D, G D]`.
    pub w_hh: &'a Tensor<E>,
    /// Bias, `[G D]`.
    pub bias: &'a Tensor<E>,
    /// GRU only: the bias inside the reset gate, `[D]`.
    pub bias_hn: Option<&'a Tensor<E>>,
    /// Initial hidden states, `[B, D]`; zeros when `None`.
    pub h0: Option<&'a Tensor<E>>,
    /// LSTM only: initial cell states, `[B, D]`; zeros when `None`.
    pub c0: Option<&'a Tensor<E>>,
}

/// What a recurrent layer gives.
#[derive(Clone, Debug)]
pub struct Recurrence<E: Float = f32> {
    /// The hidden state of every step, `[N, D]`.
    pub y: Tensor<E>,
    /// The hidden state after the last step of each sequence, `[B, D]`.
    pub h: Tensor<E>,
    /// LSTM only: the cell state after the last step, `[B, D]`.
    pub c: Option<Tensor<E>>,
}

/// Inputs in order: x, and for each direction w_ih, w_hh, bias, [bias_hn (GRU)], h0, [c0 (LSTM)]. Outputs for each
/// direction: y, h, [c (LSTM)].
struct RecurrentOp<E: Float> {
    cell: Cell,
    sequences: Ragged,
    directions: Vec<Direction<E>>,
}

/// What one direction keeps for the way back.
#[derive(Clone)]
struct Direction<E: Float> {
    reverse: bool,
    /// Activated gates, [N, G D].
    gates: Buffer<E>,
    /// LSTM: cell state of every step, [N, D].
    cells: Buffer<E>,
    /// GRU: h W_hn + b_hn of every step, [N, D].
    hn: Buffer<E>,
}

/// Where the inputs of a direction stand, counted from its first one.
const W_IH: usize = 0;
const W_HH: usize = 1;
const BIAS: usize = 2;
/// GRU only.
const BIAS_HN: usize = 3;

impl<E: Float> RecurrentOp<E> {
    fn gru(&self) -> bool {
        self.cell == Cell::Gru
    }

    fn lstm(&self) -> bool {
        self.cell == Cell::Lstm
    }

    /// Where h0 stands, as [`W_IH`]; c0 follows.
    fn h0(&self) -> usize {
        3 + usize::from(self.gru())
    }

    /// How many inputs a direction has.
    fn inputs(&self) -> usize {
        self.h0() + self.states()
    }

    /// How many kinds of states there are.
    fn states(&self) -> usize {
        1 + usize::from(self.lstm())
    }

    /// The row of each sequence's final step.
    fn last(&self, reverse: bool) -> impl Iterator<Item = usize> + '_ {
        let lengths = self.sequences.lengths().iter().enumerate();
        lengths.map(move |(b, length)| self.sequences.row(if reverse { 0 } else { length - 1 }, b))
    }
}

impl<E: Float> Op<E> for RecurrentOp<E> {
    fn name(&self) -> &'static str {
        match self.cell {
            Cell::ElmanTanh | Cell::ElmanRelu => "elman",
            Cell::Gru => "gru",
            Cell::Lstm => "lstm",
        }
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let (rows, batch) = (self.sequences.rows(), self.sequences.batch());
        let (x, inputs) = (inputs[0], &inputs[1..]);
        let c = match *x.dims() {
            [n, c] if n == rows => c,
            _ => {
                return Err(format!(
                    "expected input [{rows}, C] for {rows} steps, got {x}"
                ));
            }
        };
        let d = inputs[W_HH].dims().first().copied().unwrap_or(0);
        let g = self.cell.gates() * d;
        let all: [(&str, bool, Shape); 6] = [
            ("w_ih", true, [c, g].into()),
            ("w_hh", true, [d, g].into()),
            ("bias", true, [g].into()),
            ("bias_hn", self.gru(), [d].into()),
            ("h0", true, [batch, d].into()),
            ("c0", self.lstm(), [batch, d].into()),
        ];
        let expected = all.iter().filter(|(_, has, _)| *has).cycle();
        for ((name, _, expected), got) in expected.zip(inputs) {
            if expected != got {
                return Err(format!(
                    "expected {name} {expected} for input {x} and {d} units, got {got}"
                ));
            }
        }
        let mut out = vec![[rows, d].into()];
        out.extend((0..self.states()).map(|_| Shape::from([batch, d])));
        Ok(out.repeat(self.directions.len()))
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let (x, inputs) = (inputs[0], &inputs[1..]);
        let (c, d) = (inputs[W_IH].dim(0), inputs[W_HH].dim(0));
        let (n, g) = (self.sequences.rows(), inputs[W_IH].dim(1));
        let (cell, gru, lstm, h0) = (self.cell, self.gru(), self.lstm(), self.h0());
        let (per, states) = (self.inputs(), self.states());
        let own = || inputs.chunks_exact(per);
        for (direction, own) in self.directions.iter_mut().zip(own()) {
            // The input's share of every gate at every step, in one product: X U + b.
            direction.gates = Buffer::scratch(n * g);
            kernels::gemm_bias(
                n,
                g,
                c,
                Mat::new(x.data(), c),
                Mat::new(own[W_IH].data(), g),
                own[BIAS].data(),
                MatMut::new(&mut direction.gates, g),
            );
            direction.cells = Buffer::scratch(if lstm { n * d } else { 0 });
            direction.hn = Buffer::scratch(if gru { n * d } else { 0 });
        }
        if PackedRnn::<E>::worth(&self.sequences) {
            let pack = |own: &[&Tensor<E>]| PackedRnn::new(cell, d, own[W_HH].data());
            let weights: Vec<PackedRnn<E>> = own().map(pack).collect();
            let outputs = outputs.iter_mut().step_by(1 + states);
            let all = self.directions.iter_mut().zip(own()).zip(&weights);
            let runs = all.zip(outputs);
            let runs = runs.map(|(((direction, own), weights), y)| RnnRun {
                weights,
                reverse: direction.reverse,
                gates: &mut direction.gates,
                b_hn: if gru { own[BIAS_HN].data() } else { &[] },
                h0: own[h0].data(),
                c0: if lstm { own[h0 + 1].data() } else { &[] },
                y,
                c: &mut direction.cells,
                hn: &mut direction.hn,
            });
            kernels::rnn_forward(&self.sequences, runs.collect());
        } else {
            let batch = self.sequences.batch();
            let mut product = Buffer::scratch(batch * g);
            let outputs = outputs.iter_mut().step_by(1 + states);
            for ((direction, own), y) in self.directions.iter_mut().zip(own()).zip(outputs) {
                let (h, w) = (Mat::new(own[h0].data(), d), Mat::new(own[W_HH].data(), g));
                kernels::gemm(batch, g, d, h, w, false, MatMut::new(&mut product, g));
                kernels::rnn_step(
                    cell,
                    &self.sequences,
                    d,
                    &mut direction.gates,
                    &product,
                    gru.then(|| own[BIAS_HN].data()),
                    own[h0].data(),
                    if lstm { own[h0 + 1].data() } else { &[] },
                    y,
                    &mut direction.cells,
                    &mut direction.hn,
                );
            }
        }
        for (direction, outputs) in self.directions.iter().zip(outputs.chunks_mut(1 + states)) {
            let (y, ends) = outputs.split_first_mut().expect("at least y and h");
            for (end, all) in ends.iter_mut().zip([&*y, &direction.cells]) {
                let rows = end.chunks_exact_mut(d.max(1));
                for (row, last) in rows.zip(self.last(direction.reverse)) {
                    row.copy_from_slice(&all[last * d..][..d]);
                }
            }
        }
    }

    fn reads(&self) -> Reads {
        Reads::Both
    }

    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        self.back(self.directions.clone(), saved, gradients, wanted)
    }

    fn backward_last(
        &mut self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let directions = std::mem::take(&mut self.directions);
        self.back(directions, saved, gradients, wanted)
    }
}

impl<E: Float> RecurrentOp<E> {
    /// The gradients of the inputs, with `directions` to write over.
    fn back(
        &self,
        mut directions: Vec<Direction<E>>,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let x = saved.shapes[0];
        let (c, g) = (x.dims()[1], saved.shapes[1 + W_IH].dims()[1]);
        let d = saved.shapes[1 + W_HH].dims()[0];
        let (n, batch) = (self.sequences.rows(), self.sequences.batch());
        let (per, h0, outputs) = (self.inputs(), self.h0(), 1 + self.states());
        let (gru, lstm) = (self.gru(), self.lstm());
        let input = |i: usize, k: usize| saved.input(1 + i * per + k);
        let initial = |kinds: usize| Buffer::scratch(kinds * batch * d);
        let mut states: Vec<[Buffer<E>; 2]> = directions
            .iter()
            .map(|_| [initial(1), initial(usize::from(lstm))])
            .collect();
        let runs = directions.iter_mut().zip(&mut states).enumerate();
        let runs = runs.map(|(i, (direction, [dh0, dc0]))| {
            let gradient = |k: usize| gradients.get(i * outputs + k)?.as_ref().map(Tensor::data);
            RnnBack {
                w_hh: input(i, W_HH),
                reverse: direction.reverse,
                gates: &mut direction.gates,
                h0: input(i, h0),
                c0: if lstm { input(i, h0 + 1) } else { &[] },
                y: saved.output(i * outputs),
                c: &direction.cells,
                hn: &mut direction.hn,
                dy: gradient(0),
                dh_last: gradient(1),
                dc_last: if lstm { gradient(2) } else { None },
                dh0,
                dc0,
            }
        });
        kernels::rnn_backward(self.cell, &self.sequences, d, runs.collect());
        // Gates and hn are gradients now, and no step is left that reads cells.
        for direction in &mut directions {
            direction.cells = Buffer::scratch(0);
        }
        // That of x comes last, when the room that weights' gradients took is free again.
        let mut all = vec![None];
        for ((i, direction), [dh0, dc0]) in directions.iter().enumerate().zip(states) {
            let wanted = &wanted[1 + i * per..][..per];
            let shape = |k: usize| saved.shapes[1 + i * per + k];
            let (gates, hn) = (&direction.gates[..], &direction.hn[..]);
            all.push(gradient(wanted[W_IH], shape(W_IH), |dw| {
                let (xt, rows) = (Mat::t(saved.input(0), c), Mat::new(gates, g));
                kernels::gemm(c, g, n, xt, rows, false, MatMut::new(dw, g));
            }));
            all.push(gradient(wanted[W_HH], shape(W_HH), |dw| {
                kernels::rnn_backward_weights(
                    self.cell,
                    &self.sequences,
                    d,
                    direction.reverse,
                    [saved.output(i * outputs), input(i, h0)],
                    [gates, hn],
                    dw,
                );
            }));
            all.push(gradient(wanted[BIAS], shape(BIAS), |db| {
                kernels::column_sums(gates, db, false);
            }));
            if gru {
                all.push(gradient(wanted[BIAS_HN], shape(BIAS_HN), |db| {
                    kernels::column_sums(hn, db, false);
                }));
            }
            all.push(wanted[h0].then(|| Tensor::from_buffer(dh0, [batch, d])));
            if lstm {
                all.push(wanted[h0 + 1].then(|| Tensor::from_buffer(dc0, [batch, d])));
            }
        }
        all[0] = gradient(wanted[0], x, |dx| {
            for (i, direction) in directions.iter().enumerate() {
                let (rows, u) = (Mat::new(&direction.gates, g), Mat::t(input(i, W_IH), g));
                kernels::gemm(n, c, g, rows, u, i > 0, MatMut::new(dx, c));
            }
        });
        all
    }
}

impl<E: Float> Tensor<E> {
    /// Runs the directions of a recurrent layer, one or both, side by side over ragged sequences `[N, C]`:
    ///
    /// - Elman (1990): h_t = tanh(U x_t + W h_(t-1) + b), or ReLU in place of tanh;
    /// - LSTM (Hochreiter and Schmidhuber 1997; Gers et al. 2000) and GRU (Cho et al. 2014, with
    ///   the reset gate after the product) with PyTorch's gate order and equations.
    ///
    /// # Panics
    /// When shapes do not fit, directions differ in their cell or number of units, a GRU lacks `bias_hn`, or a bias or
    /// state is given to a cell that has none.
    #[track_caller]
    pub fn recurrent(
        &self,
        sequences: &Ragged,
        directions: &[Recurrent<'_, E>],
    ) -> Vec<Recurrence<E>> {
        let cell = directions.first().map_or(Cell::ElmanTanh, |run| run.cell);
        let (gru, lstm) = (cell == Cell::Gru, cell == Cell::Lstm);
        let mut inputs = Vec::with_capacity(1 + 6 * directions.len());
        inputs.push(self.clone());
        for run in directions {
            assert!(
                run.cell == cell,
                "recurrent: expected {cell:?} in all directions, got {:?}",
                run.cell
            );
            assert!(
                run.bias_hn.is_some() == gru,
                "recurrent: expected bias_hn for a GRU and no other cell, got it for {cell:?}: {}",
                run.bias_hn.is_some()
            );
            assert!(
                run.c0.is_none() || lstm,
                "recurrent: expected c0 for an LSTM alone, got it for {cell:?}"
            );
            let d = run.w_hh.dims().first().copied().unwrap_or(0);
            let state = |given: Option<&Tensor<E>>| match given {
                Some(state) => state.clone(),
                None => Tensor::zeros([sequences.batch(), d]),
            };
            inputs.extend([run.w_ih, run.w_hh, run.bias].map(Tensor::clone));
            inputs.extend(run.bias_hn.cloned());
            inputs.push(state(run.h0));
            if lstm {
                inputs.push(state(run.c0));
            }
        }
        let direction = |run: &Recurrent<'_, E>| Direction {
            reverse: run.reverse,
            gates: Buffer::scratch(0),
            cells: Buffer::scratch(0),
            hn: Buffer::scratch(0),
        };
        let op = RecurrentOp {
            cell,
            sequences: sequences.clone(),
            directions: directions.iter().map(direction).collect(),
        };
        let mut outputs = apply(op, &inputs.iter().collect::<Vec<_>>()).into_iter();
        let mut next = || outputs.next().expect("two or three for each direction");
        let out = directions.iter().map(|_| Recurrence {
            y: next(),
            h: next(),
            c: lstm.then(&mut next),
        });
        out.collect()
    }
}
