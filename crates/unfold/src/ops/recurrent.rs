//! One recurrent layer in one direction over ragged sequences, with hand-written
//! back-propagation through time (Werbos 1990).

use unfold_kernels::{self as kernels, Buffer, Mat, MatMut};

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

/// Inputs in order: x, w_ih, w_hh, bias, [bias_hn (GRU)], h0, [c0 (LSTM)].
struct RecurrentOp<E: Float> {
    cell: Cell,
    reverse: bool,
    sequences: Ragged,
    /// The row of each sequence's final step.
    last: Vec<usize>,
    /// Activated gates, [N, G D].
    gates: Buffer<E>,
    /// LSTM: cell state of every step, [N, D].
    cells: Buffer<E>,
    /// GRU: h W_hn + b_hn of every step, [N, D].
    hn: Buffer<E>,
}

impl<E: Float> RecurrentOp<E> {
    fn gru(&self) -> bool {
        self.cell == Cell::Gru
    }

    fn lstm(&self) -> bool {
        self.cell == Cell::Lstm
    }

    /// Where h0 stands among the inputs.
    fn h0(&self) -> usize {
        4 + usize::from(self.gru())
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
        let x = inputs[0];
        let c = match *x.dims() {
            [n, c] if n == rows => c,
            _ => {
                return Err(format!(
                    "expected input [{rows}, C] for {rows} steps, got {x}"
                ));
            }
        };
        let d = inputs[2].dims().first().copied().unwrap_or(0);
        let g = self.cell.gates() * d;
        let mut expected: Vec<(&str, Shape)> = vec![
            ("w_ih", [c, g].into()),
            ("w_hh", [d, g].into()),
            ("bias", [g].into()),
        ];
        if self.gru() {
            expected.push(("bias_hn", [d].into()));
        }
        expected.push(("h0", [batch, d].into()));
        if self.lstm() {
            expected.push(("c0", [batch, d].into()));
        }
        for ((name, expected), got) in expected.into_iter().zip(&inputs[1..]) {
            if expected != *got {
                return Err(format!(
                    "expected {name} {expected} for input {x} and {d} units, got {got}"
                ));
            }
        }
        let states = if self.lstm() { 2 } else { 1 };
        let mut out = vec![[rows, d].into()];
        out.extend((0..states).map(|_| Shape::from([batch, d])));
        Ok(out)
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let (c, d) = (inputs[1].dim(0), inputs[2].dim(0));
        let (n, g) = (self.sequences.rows(), inputs[1].dim(1));
        // The input's share of every gate at every step, in one product: X U + b.
        self.gates = Buffer::scratch(n * g);
        kernels::gemm_bias(
            n,
            g,
            c,
            Mat::new(inputs[0].data(), c),
            Mat::new(inputs[1].data(), g),
            inputs[3].data(),
            MatMut::new(&mut self.gates, g),
        );
        self.cells = Buffer::scratch(if self.lstm() { n * d } else { 0 });
        self.hn = Buffer::scratch(if self.gru() { n * d } else { 0 });
        let (h0, gru) = (self.h0(), self.gru());
        kernels::rnn_forward(
            self.cell,
            &self.sequences,
            d,
            self.reverse,
            &mut self.gates,
            inputs[2].data(),
            gru.then(|| inputs[4].data()),
            inputs[h0].data(),
            inputs.get(h0 + 1).map_or(&[], |c0| c0.data()),
            &mut outputs[0],
            &mut self.cells,
            &mut self.hn,
        );
        let (y, states) = outputs.split_first_mut().expect("at least y and h");
        for (state, all) in states.iter_mut().zip([&*y, &self.cells]) {
            for (row, &last) in state.chunks_exact_mut(d.max(1)).zip(&self.last) {
                row.copy_from_slice(&all[last * d..][..d]);
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
        let (c, g) = (saved.shapes[1].dims()[0], saved.shapes[1].dims()[1]);
        let d = saved.shapes[2].dims()[0];
        let (n, batch) = (self.sequences.rows(), self.sequences.batch());
        let h0 = self.h0();
        let zeros;
        let dy = match &gradients[0] {
            Some(dy) => dy.data(),
            None => {
                zeros = Buffer::zeros(n * d);
                &zeros[..]
            }
        };
        let state = |i: usize| gradients.get(i).and_then(|g| g.as_ref()).map(Tensor::data);
        let mut dgates = Buffer::scratch(n * g);
        let mut dhn = Buffer::scratch(self.hn.len());
        let mut dh0 = Buffer::scratch(batch * d);
        let mut dc0 = Buffer::scratch(if self.lstm() { batch * d } else { 0 });
        let mut dw_hh = Buffer::scratch(d * g);
        kernels::rnn_backward(
            self.cell,
            &self.sequences,
            d,
            self.reverse,
            &self.gates,
            saved.input(2),
            saved.input(h0),
            saved.inputs.get(h0 + 1).map_or(&[], |c0| c0.data()),
            saved.output(0),
            &self.cells,
            &self.hn,
            dy,
            state(1),
            state(2),
            &mut dgates,
            &mut dhn,
            &mut dh0,
            &mut dc0,
            &mut dw_hh,
        );
        let dgates_rows = Mat::new(&dgates, g);
        let mut all = vec![
            gradient(wanted[0], saved.shapes[0], |dx| {
                let wt = Mat::t(saved.input(1), g);
                kernels::gemm(n, c, g, dgates_rows, wt, false, MatMut::new(dx, c));
            }),
            gradient(wanted[1], saved.shapes[1], |dw| {
                let xt = Mat::t(saved.input(0), c);
                kernels::gemm(c, g, n, xt, dgates_rows, false, MatMut::new(dw, g));
            }),
            wanted[2].then(|| Tensor::from_buffer(dw_hh, [d, g])),
            gradient(wanted[3], saved.shapes[3], |db| {
                kernels::column_sums(&dgates, db, false);
            }),
        ];
        if self.gru() {
            all.push(gradient(wanted[4], saved.shapes[4], |db| {
                kernels::column_sums(&dhn, db, false);
            }));
        }
        all.push(wanted[h0].then(|| Tensor::from_buffer(dh0, [batch, d])));
        if self.lstm() {
            all.push(wanted[h0 + 1].then(|| Tensor::from_buffer(dc0, [batch, d])));
        }
        all
    }
}

impl<E: Float> Tensor<E> {
    /// Runs a recurrent layer in one direction over ragged sequences `[N, C]`:
    ///
    /// - Elman (1990): h_t = tanh(U x_t + W h_(t-1) + b), or ReLU in place of tanh;
    /// - LSTM (Hochreiter and Schmidhuber 1997; Gers et al. 2000) and GRU (Cho et al. 2014, with
    ///   the reset gate after the product) with PyTorch's gate order and equations.
    ///
    /// # Panics
    /// When shapes do not fit, a GRU lacks `bias_hn`, or a bias or state is given to a cell
    /// that has none.
    #[track_caller]
    pub fn recurrent(&self, sequences: &Ragged, args: &Recurrent<'_, E>) -> Recurrence<E> {
        let Recurrent { cell, reverse, .. } = *args;
        let (gru, lstm) = (cell == Cell::Gru, cell == Cell::Lstm);
        assert!(
            args.bias_hn.is_some() == gru,
            "recurrent: expected bias_hn for a GRU and no other cell, got it for {cell:?}: {}",
            args.bias_hn.is_some()
        );
        assert!(
            args.c0.is_none() || lstm,
            "recurrent: expected c0 for an LSTM alone, got it for {cell:?}"
        );
        let d = args.w_hh.dims().first().copied().unwrap_or(0);
        let zeros = Tensor::zeros([sequences.batch(), d]);
        let mut inputs = vec![self, args.w_ih, args.w_hh, args.bias];
        inputs.extend(args.bias_hn);
        inputs.push(args.h0.unwrap_or(&zeros));
        if lstm {
            inputs.push(args.c0.unwrap_or(&zeros));
        }
        let last = (0..sequences.batch())
            .map(|b| {
                sequences.row(
                    if reverse {
                        0
                    } else {
                        sequences.lengths()[b] - 1
                    },
                    b,
                )
            })
            .collect();
        let op = RecurrentOp {
            cell,
            reverse,
            sequences: sequences.clone(),
            last,
            gates: Buffer::scratch(0),
            cells: Buffer::scratch(0),
            hn: Buffer::scratch(0),
        };
        let mut outputs = apply(op, &inputs).into_iter();
        let mut next = || outputs.next();
        Recurrence {
            y: next().expect("the states"),
            h: next().expect("the last states"),
            c: next(),
        }
    }
}
