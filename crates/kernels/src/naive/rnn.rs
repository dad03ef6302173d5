//! The recurrence, one sequence after the other, one step after the other.

use crate::{Cell, Float, Ragged};

/// The rows of a sequence in the order the layer sees them.
fn walk(seq: &Ragged, b: usize, reverse: bool) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..seq.lengths()[b]).map(|t| seq.row(t, b)).collect();
    if reverse {
        rows.reverse();
    }
    rows
}

/// As [`crate::rnn_forward`].
pub fn rnn_forward<E: Float>(
    cell: Cell,
    seq: &Ragged,
    d: usize,
    reverse: bool,
    gates: &mut [E],
    w_hh: &[E],
    b_hn: Option<&[E]>,
    h0: &[E],
    c0: &[E],
    y: &mut [E],
    c: &mut [E],
    hn: &mut [E],
) {
    let g = cell.gates() * d;
    for b in 0..seq.batch() {
        let mut h = h0[b * d..][..d].to_vec();
        let mut state = if cell == Cell::Lstm {
            c0[b * d..][..d].to_vec()
        } else {
            vec![]
        };
        for row in walk(seq, b, reverse) {
            let before = h.clone();
            let gates = &mut gates[row * g..][..g];
            // Column `j` of the recurrent product h W_hh.
            let product =
                |j: usize| (0..d).fold(E::ZERO, |sum, i| sum + before[i] * w_hh[i * g + j]);
            for j in 0..d {
                match cell {
                    Cell::ElmanTanh => {
                        gates[j] = (gates[j] + product(j)).tanh();
                        h[j] = gates[j];
                    }
                    Cell::ElmanRelu => {
                        gates[j] = (gates[j] + product(j)).max(E::ZERO);
                        h[j] = gates[j];
                    }
                    Cell::Gru => {
                        let r = (gates[j] + product(j)).sigmoid();
                        let z = (gates[d + j] + product(d + j)).sigmoid();
                        let inner = product(2 * d + j) + b_hn.map_or(E::ZERO, |bias| bias[j]);
                        let n = (gates[2 * d + j] + r * inner).tanh();
                        (gates[j], gates[d + j], gates[2 * d + j]) = (r, z, n);
                        hn[row * d + j] = inner;
                        h[j] = (E::ONE - z) * n + z * before[j];
                    }
                    Cell::Lstm => {
                        let i = (gates[j] + product(j)).sigmoid();
                        let f = (gates[d + j] + product(d + j)).sigmoid();
                        let n = (gates[2 * d + j] + product(2 * d + j)).tanh();
                        let o = (gates[3 * d + j] + product(3 * d + j)).sigmoid();
                        (gates[j], gates[d + j]) = (i, f);
                        (gates[2 * d + j], gates[3 * d + j]) = (n, o);
                        state[j] = f * state[j] + i * n;
                        c[row * d + j] = state[j];
                        h[j] = o * state[j].tanh();
                    }
                }
                y[row * d + j] = h[j];
            }
        }
    }
}

/// As [`crate::rnn_backward`].
pub fn rnn_backward<E: Float>(
    cell: Cell,
    seq: &Ragged,
    d: usize,
    reverse: bool,
    gates: &[E],
    w_hh: &[E],
    h0: &[E],
    c0: &[E],
    y: &[E],
    c: &[E],
    hn: &[E],
    dy: &[E],
    dh_last: Option<&[E]>,
    dc_last: Option<&[E]>,
    dgates: &mut [E],
    dhn: &mut [E],
    dh0: &mut [E],
    dc0: &mut [E],
    dw_hh: &mut [E],
) {
    let g = cell.gates() * d;
    // The derivatives of the two squashing functions, from their values.
    let tanh = |y: E| E::ONE - y * y;
    let sigmoid = |y: E| y * (E::ONE - y);
    dw_hh.fill(E::ZERO);
    for b in 0..seq.batch() {
        let rows = walk(seq, b, reverse);
        let mut dh: Vec<E> = dh_last.map_or(vec![E::ZERO; d], |last| last[b * d..][..d].to_vec());
        let mut dc: Vec<E> = dc_last.map_or(vec![E::ZERO; d], |last| last[b * d..][..d].to_vec());
        for step in (0..rows.len()).rev() {
            let row = rows[step];
            let (gates, dgates) = (&gates[row * g..][..g], &mut dgates[row * g..][..g]);
            let before = match step {
                0 => &h0[b * d..][..d],
                _ => &y[rows[step - 1] * d..][..d],
            };
            // What goes back past the recurrent product, and into it.
            let mut past = vec![E::ZERO; d];
            let mut dproduct = vec![E::ZERO; g];
            for j in 0..d {
                let dh = dh[j] + dy[row * d + j];
                match cell {
                    Cell::ElmanTanh => dgates[j] = dh * tanh(gates[j]),
                    Cell::ElmanRelu => dgates[j] = if gates[j] > E::ZERO { dh } else { E::ZERO },
                    Cell::Gru => {
                        let (r, z, n) = (gates[j], gates[d + j], gates[2 * d + j]);
                        dgates[2 * d + j] = dh * (E::ONE - z) * tanh(n);
                        dgates[d + j] = dh * (before[j] - n) * sigmoid(z);
                        dgates[j] = dgates[2 * d + j] * hn[row * d + j] * sigmoid(r);
                        dhn[row * d + j] = dgates[2 * d + j] * r;
                        past[j] = dh * z;
                    }
                    Cell::Lstm => {
                        let (i, f) = (gates[j], gates[d + j]);
                        let (n, o) = (gates[2 * d + j], gates[3 * d + j]);
                        let squashed = c[row * d + j].tanh();
                        let c_before = match step {
                            0 => c0[b * d + j],
                            _ => c[rows[step - 1] * d + j],
                        };
                        let dcell = dc[j] + dh * o * tanh(squashed);
                        dgates[j] = dcell * n * sigmoid(i);
                        dgates[d + j] = dcell * c_before * sigmoid(f);
                        dgates[2 * d + j] = dcell * i * tanh(n);
                        dgates[3 * d + j] = dh * squashed * sigmoid(o);
                        dc[j] = dcell * f;
                    }
                }
            }
            dproduct.copy_from_slice(dgates);
            if cell == Cell::Gru {
                dproduct[2 * d..].copy_from_slice(&dhn[row * d..][..d]);
            }
            for i in 0..d {
                dh[i] = past[i];
                for j in 0..g {
                    dh[i] += dproduct[j] * w_hh[i * g + j];
                    dw_hh[i * g + j] += before[i] * dproduct[j];
                }
            }
        }
        dh0[b * d..][..d].copy_from_slice(&dh);
        if cell == Cell::Lstm {
            dc0[b * d..][..d].copy_from_slice(&dc);
        }
    }
}
