//! The plain reference form of every kernel: its specification.
//!
//! Each function has the name and the arguments of the fast kernel whose documentation gives the shapes. One
//! loop an index, sums in the order of the index, no vectors, no threads; lengths are not checked beyond what
//! indexing checks. The fast kernels add in other orders, so the two agree up to rounding.

mod attention;
mod batch_norm;
mod group_norm;
mod pool;
mod rnn;

use crate::{Adam, BinaryOp, Conv1d, Conv2d, Float, Mat, MatMut, Ragged, UnaryOp};

pub use attention::{attention, attention_backward};
pub use batch_norm::{batch_norm, batch_norm_backward, column_moments};
pub use group_norm::{group_norm, group_norm_backward};
pub use pool::{avg_pool2d, avg_pool2d_backward, max_pool2d, max_pool2d_backward};
pub use rnn::{rnn_backward, rnn_forward};

/// As [`crate::unary`].
pub fn unary<E: Float>(op: UnaryOp, x: &[E], y: &mut [E]) {
    for (x, y) in x.iter().copied().zip(y) {
        *y = match op {
            UnaryOp::Neg => -x,
            UnaryOp::Exp => x.exp(),
            UnaryOp::Ln => x.ln(),
            UnaryOp::Tanh => x.tanh(),
            UnaryOp::Sigmoid => x.sigmoid(),
            UnaryOp::Relu => x.max(E::ZERO),
            UnaryOp::Sqrt => x.sqrt(),
            UnaryOp::Square => x * x,
            UnaryOp::Relu6 => x.max(E::ZERO).min(E::from_f64(6.0)),
            UnaryOp::LeakyRelu(_) if x > E::ZERO => x,
            UnaryOp::LeakyRelu(slope) => E::from_f64(slope) * x,
            UnaryOp::Silu => x * x.sigmoid(),
            UnaryOp::Gelu => x * x.normal_cdf(),
            UnaryOp::HardSwish => {
                let gate = (x + E::from_f64(3.0)).max(E::ZERO).min(E::from_f64(6.0));
                x * gate / E::from_f64(6.0)
            }
        };
    }
}

/// As [`crate::unary_backward`].
pub fn unary_backward<E: Float>(op: UnaryOp, x: &[E], y: &[E], dy: &[E], dx: &mut [E]) {
    let two = E::ONE + E::ONE;
    for (i, dx) in dx.iter_mut().enumerate() {
        let slope = match op {
            UnaryOp::Neg => -E::ONE,
            UnaryOp::Exp => y[i],
            UnaryOp::Ln => E::ONE / x[i],
            UnaryOp::Tanh => E::ONE - y[i] * y[i],
            UnaryOp::Sigmoid => y[i] * (E::ONE - y[i]),
            UnaryOp::Relu if y[i] > E::ZERO => E::ONE,
            UnaryOp::Relu => E::ZERO,
            UnaryOp::Sqrt => E::ONE / (two * y[i]),
            UnaryOp::Square => two * x[i],
            UnaryOp::Relu6 if y[i] > E::ZERO && y[i] < E::from_f64(6.0) => E::ONE,
            UnaryOp::Relu6 => E::ZERO,
            UnaryOp::LeakyRelu(_) if x[i] > E::ZERO => E::ONE,
            UnaryOp::LeakyRelu(slope) => E::from_f64(slope),
            UnaryOp::Silu => {
                let s = x[i].sigmoid();
                s * (E::ONE + x[i] * (E::ONE - s))
            }
            UnaryOp::Gelu => {
                let density = (-x[i] * x[i] / two).exp().to_f64() / std::f64::consts::TAU.sqrt();
                x[i].normal_cdf() + x[i] * E::from_f64(density)
            }
            UnaryOp::HardSwish => match x[i].to_f64() {
                ..=-3.0 => E::ZERO,
                ..3.0 => (two * x[i] + E::from_f64(3.0)) / E::from_f64(6.0),
                _ => E::ONE,
            },
        };
        *dx = dy[i] * slope;
    }
}

fn apply<E: Float>(op: BinaryOp, a: E, b: E) -> E {
    match op {
        BinaryOp::Add => a + b,
        BinaryOp::Sub => a - b,
        BinaryOp::Mul => a * b,
        BinaryOp::Div => a / b,
        BinaryOp::AddRelu if a + b < E::ZERO => E::ZERO,
        BinaryOp::AddRelu => a + b,
    }
}

/// As [`crate::binary`].
pub fn binary<E: Float>(op: BinaryOp, a: &[E], b: &[E], out: &mut [E]) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = apply(op, a[i], b[i]);
    }
}

/// As [`crate::binary_rows`].
pub fn binary_rows<E: Float>(op: BinaryOp, a: &[E], b: &[E], out: &mut [E]) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = apply(op, a[i], b[i % b.len()]);
    }
}

/// As [`crate::affine`].
pub fn affine<E: Float>(x: &[E], scale: E, shift: E, y: &mut [E]) {
    for (&x, y) in x.iter().zip(y) {
        *y = scale * x + shift;
    }
}

/// As [`crate::add_assign`].
pub fn add_assign<E: Float>(x: &[E], y: &mut [E]) {
    for (&x, y) in x.iter().zip(y) {
        *y += x;
    }
}

/// As [`crate::sum`].
pub fn sum<E: Float>(x: &[E]) -> E {
    x.iter().fold(E::ZERO, |sum, &x| sum + x)
}

/// As [`crate::sum_sq`].
pub fn sum_sq<E: Float>(x: &[E]) -> f64 {
    x.iter().map(|x| x.to_f64() * x.to_f64()).sum()
}

/// As [`crate::column_sums`].
pub fn column_sums<E: Float>(x: &[E], out: &mut [E], accumulate: bool) {
    let c = out.len();
    for (j, out) in out.iter_mut().enumerate() {
        if !accumulate {
            *out = E::ZERO;
        }
        for r in 0..x.len() / c {
            *out += x[r * c + j];
        }
    }
}

/// As [`crate::row_sums`].
pub fn row_sums<E: Float>(x: &[E], c: usize, out: &mut [E]) {
    for (r, out) in out.iter_mut().enumerate() {
        *out = sum(&x[r * c..][..c]);
    }
}

/// As [`crate::gemm`].
pub fn gemm<E: Float>(
    m: usize,
    n: usize,
    k: usize,
    a: Mat<'_, E>,
    b: Mat<'_, E>,
    accumulate: bool,
    c: MatMut<'_, E>,
) {
    for i in 0..m {
        for j in 0..n {
            let mut sum = E::ZERO;
            for p in 0..k {
                sum += a.data[i * a.row_stride + p * a.col_stride]
                    * b.data[p * b.row_stride + j * b.col_stride];
            }
            let c = &mut c.data[i * c.row_stride + j];
            *c = if accumulate { *c + sum } else { sum };
        }
    }
}

/// As [`crate::gemm_bias`].
pub fn gemm_bias<E: Float>(
    m: usize,
    n: usize,
    k: usize,
    a: Mat<'_, E>,
    b: Mat<'_, E>,
    bias: &[E],
    c: MatMut<'_, E>,
) {
    for i in 0..m {
        c.data[i * c.row_stride..][..n].copy_from_slice(bias);
    }
    gemm(m, n, k, a, b, true, c);
}

/// Calls `f(input row, tap, output row)` for each pair of rows that a tap joins.
fn for_each_tap(
    geometry: Conv1d,
    input: &Ragged,
    output: &Ragged,
    mut f: impl FnMut(usize, usize, usize),
) {
    for b in 0..output.batch() {
        for t in 0..output.lengths()[b] {
            for k in 0..geometry.kernel {
                let padded = t * geometry.stride + k * geometry.dilation;
                if padded < geometry.padding {
                    continue;
                }
                let from = padded - geometry.padding;
                if from < input.lengths()[b] {
                    f(input.row(from, b), k, output.row(t, b));
                }
            }
        }
    }
}

/// As [`crate::conv1d`].
pub fn conv1d<E: Float>(
    x: &[E],
    input: &Ragged,
    w: &[E],
    bias: Option<&[E]>,
    geometry: Conv1d,
    output: &Ragged,
    y: &mut [E],
) {
    let (c, o) = (x.len() / input.rows(), y.len() / output.rows());
    for (i, y) in y.iter_mut().enumerate() {
        *y = bias.map_or(E::ZERO, |bias| bias[i % o]);
    }
    for_each_tap(geometry, input, output, |from, k, to| {
        for i in 0..c {
            for j in 0..o {
                y[to * o + j] += x[from * c + i] * w[(k * c + i) * o + j];
            }
        }
    });
}

/// As [`crate::conv1d_backward_data`].
pub fn conv1d_backward_data<E: Float>(
    dy: &[E],
    input: &Ragged,
    w: &[E],
    geometry: Conv1d,
    output: &Ragged,
    dx: &mut [E],
) {
    let (c, o) = (dx.len() / input.rows(), dy.len() / output.rows());
    dx.fill(E::ZERO);
    for_each_tap(geometry, input, output, |from, k, to| {
        for i in 0..c {
            for j in 0..o {
                dx[from * c + i] += dy[to * o + j] * w[(k * c + i) * o + j];
            }
        }
    });
}

/// As [`crate::conv1d_backward_weights`].
pub fn conv1d_backward_weights<E: Float>(
    x: &[E],
    input: &Ragged,
    dy: &[E],
    geometry: Conv1d,
    output: &Ragged,
    dw: &mut [E],
) {
    let (c, o) = (x.len() / input.rows(), dy.len() / output.rows());
    dw.fill(E::ZERO);
    for_each_tap(geometry, input, output, |from, k, to| {
        for i in 0..c {
            for j in 0..o {
                dw[(k * c + i) * o + j] += x[from * c + i] * dy[to * o + j];
            }
        }
    });
}

/// Calls `f(input, weight, output)` with the places of the elements of each product of a convolution: `x [B, H, W, C]`
/// of the given size, `w [KH, KW, C / groups, O]`, `y [B, OH, OW, O]`.
fn for_each_pair(
    geometry: Conv2d,
    [b, h, w, c]: [usize; 4],
    o: usize,
    mut f: impl FnMut(usize, usize, usize),
) {
    let [oh, ow] = geometry.output([h, w]).expect("a pixel");
    let ([kh, kw], [sy, sx], [dy, dx]) = (geometry.kernel, geometry.stride, geometry.dilation);
    let [[above, _], [left, _]] = geometry.padding;
    let (ins, outs) = (c / geometry.groups, o / geometry.groups);
    for (b, i, j) in triples(b, oh, ow) {
        for (k, l, q) in triples(kh, kw, ins) {
            let (y, x) = (i * sy + k * dy, j * sx + l * dx);
            if y < above || y - above >= h || x < left || x - left >= w {
                continue;
            }
            let pixel = (b * h + y - above) * w + x - left;
            for to in 0..o {
                f(
                    pixel * c + to / outs * ins + q,
                    ((k * kw + l) * ins + q) * o + to,
                    ((b * oh + i) * ow + j) * o + to,
                );
            }
        }
    }
}

fn triples(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a * b * c).map(move |i| (i / c / b, i / c % b, i % c))
}

/// As [`crate::conv2d`].
pub fn conv2d<E: Float>(
    x: &[E],
    size: [usize; 4],
    w: &[E],
    bias: Option<&[E]>,
    geometry: Conv2d,
    y: &mut [E],
) {
    let [oh, ow] = geometry.output([size[1], size[2]]).expect("a pixel");
    let o = y.len() / (size[0] * oh * ow);
    for (i, y) in y.iter_mut().enumerate() {
        *y = bias.map_or(E::ZERO, |bias| bias[i % o]);
    }
    for_each_pair(geometry, size, o, |from, tap, to| y[to] += x[from] * w[tap]);
}

/// As [`crate::conv2d_backward_data`].
pub fn conv2d_backward_data<E: Float>(
    dy: &[E],
    size: [usize; 4],
    w: &[E],
    geometry: Conv2d,
    dx: &mut [E],
) {
    let [oh, ow] = geometry.output([size[1], size[2]]).expect("a pixel");
    let o = dy.len() / (size[0] * oh * ow);
    dx.fill(E::ZERO);
    for_each_pair(geometry, size, o, |from, tap, to| {
        dx[from] += dy[to] * w[tap]
    });
}

/// As [`crate::conv2d_backward_weights`].
pub fn conv2d_backward_weights<E: Float>(
    x: &[E],
    size: [usize; 4],
    dy: &[E],
    geometry: Conv2d,
    dw: &mut [E],
) {
    let [oh, ow] = geometry.output([size[1], size[2]]).expect("a pixel");
    let o = dy.len() / (size[0] * oh * ow);
    dw.fill(E::ZERO);
    for_each_pair(geometry, size, o, |from, tap, to| {
        dw[tap] += x[from] * dy[to]
    });
}

/// As [`crate::gather`].
pub fn gather<E: Float>(table: &[E], c: usize, ids: &[u32], out: &mut [E]) {
    for (n, &id) in ids.iter().enumerate() {
        for j in 0..c {
            out[n * c + j] = table[id as usize * c + j];
        }
    }
}

/// As [`crate::scatter_add`].
pub fn scatter_add<E: Float>(ids: &[u32], dy: &[E], c: usize, table: &mut [E]) {
    for (n, &id) in ids.iter().enumerate() {
        for j in 0..c {
            table[id as usize * c + j] += dy[n * c + j];
        }
    }
}

/// As [`crate::bag`].
pub fn bag<E: Float>(
    table: &[E],
    c: usize,
    ids: &[u32],
    weights: &[E],
    offsets: &[usize],
    out: &mut [E],
) {
    out.fill(E::ZERO);
    for b in 0..offsets.len() - 1 {
        for i in offsets[b]..offsets[b + 1] {
            for j in 0..c {
                out[b * c + j] += weights[i] * table[ids[i] as usize * c + j];
            }
        }
    }
}

/// As [`crate::bag_backward`].
pub fn bag_backward<E: Float>(
    ids: &[u32],
    weights: &[E],
    offsets: &[usize],
    dy: &[E],
    c: usize,
    table: &mut [E],
) {
    for b in 0..offsets.len() - 1 {
        for i in offsets[b]..offsets[b + 1] {
            for j in 0..c {
                table[ids[i] as usize * c + j] += weights[i] * dy[b * c + j];
            }
        }
    }
}

/// As [`crate::layer_norm`].
pub fn layer_norm<E: Float>(
    x: &[E],
    gamma: &[E],
    beta: &[E],
    eps: E,
    y: &mut [E],
    mean: &mut [E],
    rstd: &mut [E],
) {
    let c = gamma.len();
    let width = E::from_usize(c);
    for r in 0..mean.len() {
        let x = &x[r * c..][..c];
        mean[r] = sum(x) / width;
        let mut variance = E::ZERO;
        for &x in x {
            variance += (x - mean[r]) * (x - mean[r]) / width;
        }
        rstd[r] = E::ONE / (variance + eps).sqrt();
        for j in 0..c {
            y[r * c + j] = gamma[j] * (x[j] - mean[r]) * rstd[r] + beta[j];
        }
    }
}

/// As [`crate::layer_norm_backward`].
pub fn layer_norm_backward<E: Float>(
    x: &[E],
    gamma: &[E],
    mean: &[E],
    rstd: &[E],
    dy: &[E],
    dx: &mut [E],
    dgamma: &mut [E],
    dbeta: &mut [E],
) {
    let c = gamma.len();
    let width = E::from_usize(c);
    dgamma.fill(E::ZERO);
    dbeta.fill(E::ZERO);
    for r in 0..mean.len() {
        let h = |j: usize| (x[r * c + j] - mean[r]) * rstd[r];
        let g = |j: usize| gamma[j] * dy[r * c + j];
        let (mut mean_g, mut mean_gh) = (E::ZERO, E::ZERO);
        for j in 0..c {
            mean_g += g(j) / width;
            mean_gh += g(j) * h(j) / width;
            dgamma[j] += dy[r * c + j] * h(j);
            dbeta[j] += dy[r * c + j];
        }
        for j in 0..c {
            dx[r * c + j] = rstd[r] * (g(j) - mean_g - h(j) * mean_gh);
        }
    }
}

/// As [`crate::softmax`].
pub fn softmax<E: Float>(x: &[E], c: usize, y: &mut [E]) {
    log_softmax(x, c, y);
    for y in y {
        *y = y.exp();
    }
}

/// As [`crate::softmax_backward`].
pub fn softmax_backward<E: Float>(y: &[E], dy: &[E], c: usize, dx: &mut [E]) {
    for r in 0..y.len().checked_div(c).unwrap_or(0) {
        let at = r * c..(r + 1) * c;
        let dot = at.clone().fold(E::ZERO, |sum, i| sum + y[i] * dy[i]);
        for i in at {
            dx[i] = y[i] * (dy[i] - dot);
        }
    }
}

/// As [`crate::log_softmax`].
pub fn log_softmax<E: Float>(x: &[E], c: usize, y: &mut [E]) {
    for r in 0..x.len().checked_div(c).unwrap_or(0) {
        let x = &x[r * c..][..c];
        let total = log_sum_exp(x);
        for j in 0..c {
            y[r * c + j] = x[j] - total;
        }
    }
}

/// As [`crate::log_sum_exp`].
pub fn log_sum_exp<E: Float>(x: &[E]) -> E {
    // Any shift gives the same result; this one keeps the exponentials from overflowing.
    let max = x.iter().fold(E::NEG_INFINITY, |max, &x| max.max(x));
    let total = x.iter().fold(E::ZERO, |sum, &x| sum + (x - max).exp());
    max + total.ln()
}

/// As [`crate::log_softmax_backward`].
pub fn log_softmax_backward<E: Float>(y: &[E], dy: &[E], c: usize, dx: &mut [E]) {
    for r in 0..y.len().checked_div(c).unwrap_or(0) {
        let total = sum(&dy[r * c..][..c]);
        for i in r * c..(r + 1) * c {
            dx[i] = dy[i] - y[i].exp() * total;
        }
    }
}

/// As [`crate::cross_entropy`].
pub fn cross_entropy<E: Float>(
    logits: &mut [E],
    v: usize,
    targets: &[u32],
    weights: Option<&[E]>,
    smoothing: E,
    scale: E,
    losses: &mut [E],
) {
    let weight = |class: usize| weights.map_or(E::ONE, |weights| weights[class]);
    let mut log_p = vec![E::ZERO; logits.len()];
    log_softmax(logits, v, &mut log_p);
    for (r, &target) in targets.iter().enumerate() {
        losses[r] = E::ZERO;
        logits[r * v..][..v].fill(E::ZERO);
        if target == u32::MAX {
            continue;
        }
        // How much -log p of each class counts.
        let share = |class: usize| {
            let even = smoothing / E::from_usize(v) * weight(class);
            if class == target as usize {
                even + (E::ONE - smoothing) * weight(class)
            } else {
                even
            }
        };
        let mass = (0..v).fold(E::ZERO, |sum, class| sum + share(class));
        for class in 0..v {
            let log_p = log_p[r * v + class];
            losses[r] += share(class) * -log_p;
            logits[r * v + class] = scale * (mass * log_p.exp() - share(class));
        }
    }
}

/// As [`crate::adam`].
pub fn adam<E: Float>(step: Adam<E>, w: &mut [E], g: &[E], m: &mut [E], v: &mut [E]) {
    for i in 0..w.len() {
        let g = g[i] + step.penalty * w[i];
        m[i] = step.mean[0] * m[i] + step.mean[1] * g;
        v[i] = step.mean_square[0] * v[i] + step.mean_square[1] * g * g;
        w[i] = step.keep * w[i] - step.rate * m[i] / (v[i].sqrt() * step.scale + step.epsilon);
    }
}

/// As [`crate::seq_max`].
pub fn seq_max<E: Float>(x: &[E], c: usize, seq: &Ragged, out: &mut [E], argmax: &mut [u32]) {
    for b in 0..seq.batch() {
        for j in 0..c {
            let mut best = seq.row(0, b);
            for t in 1..seq.lengths()[b] {
                if x[seq.row(t, b) * c + j] > x[best * c + j] {
                    best = seq.row(t, b);
                }
            }
            out[b * c + j] = x[best * c + j];
            argmax[b * c + j] = best as u32;
        }
    }
}

/// As [`crate::seq_max_backward`].
pub fn seq_max_backward<E: Float>(argmax: &[u32], dy: &[E], c: usize, dx: &mut [E]) {
    dx.fill(E::ZERO);
    for (i, &row) in argmax.iter().enumerate() {
        dx[row as usize * c + i % c] = dy[i];
    }
}

/// As [`crate::seq_mean`].
pub fn seq_mean<E: Float>(x: &[E], c: usize, seq: &Ragged, out: &mut [E]) {
    out.fill(E::ZERO);
    for b in 0..seq.batch() {
        for t in 0..seq.lengths()[b] {
            for j in 0..c {
                out[b * c + j] += x[seq.row(t, b) * c + j] / E::from_usize(seq.lengths()[b]);
            }
        }
    }
}

/// As [`crate::seq_mean_backward`].
pub fn seq_mean_backward<E: Float>(dy: &[E], c: usize, seq: &Ragged, dx: &mut [E]) {
    for b in 0..seq.batch() {
        for t in 0..seq.lengths()[b] {
            for j in 0..c {
                dx[seq.row(t, b) * c + j] = dy[b * c + j] / E::from_usize(seq.lengths()[b]);
            }
        }
    }
}

/// As [`crate::transpose`].
pub fn transpose<E: Float>(x: &[E], stride: usize, rows: usize, y: &mut [E]) {
    for (i, y) in y.iter_mut().enumerate() {
        *y = x[i % rows * stride + i / rows];
    }
}
