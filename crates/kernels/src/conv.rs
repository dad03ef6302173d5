//! Convolution over time, on packed sequences of different lengths.
//!
//! A product whose left factor has the rows that all taps see side by side, read where they lie
//! ([`crate::gemm`]).

use crate::buffer::Buffer;
use crate::float::Float;
use crate::gemm::{Finish, NOWHERE, Panels, Pieces, Places, columns_product, rows_product};
use crate::seq::Ragged;

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
        let reach = self.dilation.checked_mul(self.kernel - 1)?.checked_add(1)?;
        let padding = self.padding.checked_mul(2)?;
        let length =
            |&t: &usize| Some(t.checked_add(padding)?.checked_sub(reach)? / self.stride + 1);
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

/// For each tap, and in it for each row of `to`, where the row of `from` begins that lies at the step which `step` gives
/// for its own: `[K][rows of to]`. Rows of `from` have `channels` elements.
fn seen(
    taps: usize,
    from: &Ragged,
    channels: usize,
    to: &Ragged,
    step: impl Fn(usize, usize) -> Option<usize>,
) -> Buffer<u32> {
    let mut starts = Buffer::scratch(taps * to.rows());
    for (tap, starts) in starts.chunks_exact_mut(to.rows().max(1)).enumerate() {
        for t in 0..to.steps() {
            let at = step(t, tap).filter(|at| *at < from.steps());
            let alive = at.map_or(0, |at| from.alive(at)).min(to.alive(t));
            let first = at.map_or(0, |at| from.offset(at));
            let (seen, beyond) = starts[to.offset(t)..to.offset(t + 1)].split_at_mut(alive);
            for (to, row) in seen.iter_mut().zip(first..) {
                *to = start(row, channels);
            }
            beyond.fill(NOWHERE);
        }
    }
    starts
}

/// Where a row begins, as an index holds it.
fn start(row: usize, channels: usize) -> u32 {
    u32::try_from(row * channels).expect("a batch of fewer than 2^32 elements")
}

/// A matrix whose rows are those of `data` that begin at `starts`, `len` elements each.
fn pieces<'a, E>(data: &'a [E], rows: usize, len: usize, starts: &'a [u32]) -> Pieces<'a, E> {
    Pieces {
        data,
        pictures: 1,
        picture: 0,
        rows,
        len,
        starts,
    }
}

/// A product into the rows of `c`, one after the other.
fn into_rows<E: Float>(a: Pieces<'_, E>, b: &Panels<E>, bias: Option<&[E]>, n: usize, c: &mut [E]) {
    let starts = Buffer::filled(a.rows, (0..a.rows).map(|row| start(row, n)));
    let to = Places {
        picture: 0,
        starts: &starts,
    };
    rows_product(a, b, bias, Finish::NONE, c, to);
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
    }
    let w = Panels::new(w, &[0], geometry.kernel * c, o, [o, 1]);
    convolve(x, input, c, &w, bias, geometry, output, y);
}

/// The weight of a convolution over time in the order in which products read it, for many answers.
pub struct PackedConv1d<E: Float> {
    geometry: Conv1d,
    /// `[K C, O]`
    weight: Panels<E>,
}

impl<E: Float> PackedConv1d<E> {
    /// Packs `w [K, C, O]`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub fn new(w: &[E], [c, o]: [usize; 2], geometry: Conv1d) -> Self {
        let k = geometry.kernel * c;
        assert!(
            w.len() == k * o,
            "PackedConv1d: expected [{}, {c}, {o}], got {} elements",
            geometry.kernel,
            w.len()
        );
        PackedConv1d {
            geometry,
            weight: Panels::new(w, &[0], k, o, [o, 1]),
        }
    }

    /// The geometry that it was packed for.
    pub fn geometry(&self) -> Conv1d {
        self.geometry
    }

    /// Channels in and out.
    pub fn channels(&self) -> [usize; 2] {
        let (k, o) = self.weight.shape();
        [k / self.geometry.kernel.max(1), o]
    }
}

/// [`conv1d`] with a weight that is packed for many uses.
pub fn conv1d_packed<E: Float>(
    x: &[E],
    input: &Ragged,
    w: &PackedConv1d<E>,
    bias: &[E],
    output: &Ragged,
    y: &mut [E],
) {
    let ([c, o], (n, m)) = (w.channels(), (input.rows(), output.rows()));
    assert!(
        x.len() == n * c && y.len() == m * o && bias.len() == o,
        "conv1d: expected [{n}, {c}], a bias of {o} and [{m}, {o}], got {}, {} and {} elements",
        x.len(),
        bias.len(),
        y.len()
    );
    convolve(x, input, c, &w.weight, Some(bias), w.geometry, output, y);
}

fn convolve<E: Float>(
    x: &[E],
    input: &Ragged,
    c: usize,
    w: &Panels<E>,
    bias: Option<&[E]>,
    geometry: Conv1d,
    output: &Ragged,
    y: &mut [E],
) {
    let step = |t, tap| geometry.input_step(t, tap);
    let starts = seen(geometry.kernel, input, c, output, step);
    let a = pieces(x, output.rows(), c, &starts);
    into_rows(a, w, bias, w.shape().1, y);
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
    let step = |t, tap| geometry.output_step(t, tap);
    let starts = seen(geometry.kernel, output, o, input, step);
    // The transpose of each tap's [C, O], one below the other.
    let taps: Vec<usize> = (0..geometry.kernel).map(|tap| tap * c * o).collect();
    let w = Panels::new(w, &taps, o, c, [1, o]);
    into_rows(pieces(dy, input.rows(), o, &starts), &w, None, c, dx);
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
    let step = |t, tap| geometry.input_step(t, tap);
    let starts = seen(geometry.kernel, input, c, output, step);
    let a = pieces(x, output.rows(), c, &starts);
    columns_product(a, (dy, o), o, false, (dw, o));
}
