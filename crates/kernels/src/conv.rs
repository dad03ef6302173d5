//! Convolution over time, on packed sequences of different lengths.
//!
//! A product whose left factor has the rows that all taps see side by side, taken through an index: no patch is
//! ever copied out, and steps outside a sequence are rows of zeros that only the packing sees.

use crate::float::Float;
use crate::gemm::{Left, Mat, MatMut, NO_ROW, gemm_indexed};
use crate::seq::Ragged;
use crate::threads::parallel_rows;

/// The geometry of a convolution over time: output step `t` sees the input steps
/// `t stride + k dilation - padding` for `k` in `0 .. kernel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv1d {
    /// Taps, `K`.
    pub kernel: usize,
    /// Steps from one output to the next.
    pub stride: usize,
    /// Steps of zeros before and after each sequence.
    pub padding: usize,
    /// Steps between taps.
    pub dilation: usize,
}

impl Conv1d {
    /// The lengths after the convolution: `(T + 2 padding - dilation (K - 1) - 1) / stride + 1`, rounded
    /// down; `None` if a sequence is too short for a single step or the geometry has a 0 where it cannot.
    pub fn output(&self, seq: &Ragged) -> Option<Ragged> {
        if self.kernel == 0 || self.stride == 0 {
            return None;
        }
        let reach = self.dilation * (self.kernel - 1) + 1;
        let length =
            |&t: &usize| Some((t + 2 * self.padding).checked_sub(reach)? / self.stride + 1);
        let lengths: Option<Vec<usize>> = seq.lengths().iter().map(length).collect();
        Some(Ragged::new(&lengths?))
    }

    /// The input step that output step `t` sees through a tap.
    fn input_step(&self, t: usize, tap: usize) -> Option<usize> {
        (t * self.stride + tap * self.dilation).checked_sub(self.padding)
    }

    /// The output step that sees input step `t` through a tap.
    fn output_step(&self, t: usize, tap: usize) -> Option<usize> {
        let at = (t + self.padding).checked_sub(tap * self.dilation)?;
        (at % self.stride == 0).then_some(at / self.stride)
    }
}

/// For each row of `to`, the row of `from` at the step that `step` gives for its own, or [`NO_ROW`].
fn index(from: &Ragged, to: &Ragged, step: impl Fn(usize) -> Option<usize>) -> Vec<u32> {
    let mut rows = Vec::with_capacity(to.rows());
    for t in 0..to.steps() {
        let at = step(t);
        let alive = at.map_or(0, |at| from.alive(at)).min(to.alive(t));
        let first = at.map_or(0, |at| {
            if at < from.steps() {
                from.offset(at)
            } else {
                0
            }
        });
        rows.extend((first..first + alive).map(|row| row as u32));
        rows.resize(to.offset(t + 1), NO_ROW);
    }
    rows
}

/// For each tap, and in it for each output row, the input row that it sees: `[K][M]`.
fn taps(geometry: Conv1d, input: &Ragged, output: &Ragged) -> Vec<u32> {
    (0..geometry.kernel)
        .flat_map(|tap| index(input, output, |t| geometry.input_step(t, tap)))
        .collect()
}

/// Channels in and out, from the weight `[K, C, O]`.
fn channels<E>(
    name: &str,
    x: &[E],
    input: &Ragged,
    w: &[E],
    y: &[E],
    output: &Ragged,
    k: usize,
) -> (usize, usize) {
    let (n, m) = (input.rows(), output.rows());
    let (c, o) = (
        x.len().checked_div(n).unwrap_or(0),
        y.len().checked_div(m).unwrap_or(0),
    );
    assert!(
        x.len() == n * c && y.len() == m * o && w.len() == k * c * o,
        "{name}: expected [{n}, C], [{k}, C, O] and [{m}, O], got {}, {} and {} elements",
        x.len(),
        w.len(),
        y.len()
    );
    (c, o)
}

/// `y[t] = bias + sum over k of x[t stride + k dilation - padding] w[k]`, steps outside the sequence being
/// zero: `x [N, C]`, `w [K, C, O]`, `bias [O]`, `y [M, O]`.
///
/// # Panics
/// If the shapes do not fit; so do the other functions here.
pub fn conv1d<E: Float>(
    x: &[E],
    input: &Ragged,
    w: &[E],
    bias: Option<&[E]>,
    geometry: Conv1d,
    output: &Ragged,
    y: &mut [E],
) {
    let (c, o) = channels("conv1d", x, input, w, y, output, geometry.kernel);
    if let Some(bias) = bias {
        assert_eq!(bias.len(), o, "conv1d: expected a bias of {o}");
        parallel_rows(y, o, 256, |_, y| {
            y.chunks_exact_mut(o).for_each(|y| y.copy_from_slice(bias));
        });
    }
    let index = taps(geometry, input, output);
    let a = Left::Rows {
        data: x,
        cols: c,
        rows: output.rows(),
        index: &index,
    };
    let (w, y) = (Mat::new(w, o), MatMut::new(y, o));
    let keep = bias.is_some();
    gemm_indexed(output.rows(), o, geometry.kernel * c, a, w, keep, y);
}

/// The gradient of [`conv1d`] by its input: `dy [M, O]`, `w [K, C, O]`, `dx [N, C]`.
pub fn conv1d_backward_data<E: Float>(
    dy: &[E],
    input: &Ragged,
    w: &[E],
    geometry: Conv1d,
    output: &Ragged,
    dx: &mut [E],
) {
    let (c, o) = channels(
        "conv1d_backward_data",
        dx,
        input,
        w,
        dy,
        output,
        geometry.kernel,
    );
    for tap in 0..geometry.kernel {
        let index = index(output, input, |t| geometry.output_step(t, tap));
        let a = Left::Rows {
            data: dy,
            cols: o,
            rows: input.rows(),
            index: &index,
        };
        let wt = Mat::t(&w[tap * c * o..][..c * o], o);
        gemm_indexed(input.rows(), c, o, a, wt, tap > 0, MatMut::new(dx, c));
    }
}

/// The gradient of [`conv1d`] by its weight: `x [N, C]`, `dy [M, O]`, `dw [K, C, O]`.
pub fn conv1d_backward_weights<E: Float>(
    x: &[E],
    input: &Ragged,
    dy: &[E],
    geometry: Conv1d,
    output: &Ragged,
    dw: &mut [E],
) {
    let (c, o) = channels(
        "conv1d_backward_weights",
        x,
        input,
        dw,
        dy,
        output,
        geometry.kernel,
    );
    let index = taps(geometry, input, output);
    let a = Left::Columns {
        data: x,
        cols: c,
        rows: output.rows(),
        index: &index,
    };
    let (dy, dw) = (Mat::new(dy, o), MatMut::new(dw, o));
    gemm_indexed(geometry.kernel * c, o, output.rows(), a, dy, false, dw);
}
