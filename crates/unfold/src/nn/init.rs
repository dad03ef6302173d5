//! Initial values of parameters.

use unfold_kernels::parallel_rows;

use crate::Float;
use crate::ops::Cell;
use crate::random::Key;
use crate::shape::Shape;

/// How a parameter's first values are drawn.
///
/// The last axis of a weight counts its outputs O; the product of the others is its fan-in, the
/// number of inputs summed into each output: C for a linear weight `[C, O]`, K C for a
/// convolution's `[K, C, O]`, whose fan-out is K O.
#[derive(Clone, Debug, PartialEq)]
pub enum Init {
    /// 0 everywhere.
    Zeros,
    /// 1 everywhere.
    Ones,
    /// Uniform between minus and plus this.
    Uniform(f64),
    /// Normal with mean 0 and this deviation.
    Normal(f64),
    /// Uniform within √(6 / (fan-in + fan-out)): keeps the variance of signals both ways through
    /// a symmetric activation (Glorot and Bengio 2010).
    XavierUniform,
    /// Normal with variance 2 / (fan-in + fan-out).
    XavierNormal,
    /// Uniform within √(6 / fan-in): keeps the variance through ReLU (He et al. 2015).
    KaimingUniform,
    /// Normal with variance 2 / fan-in.
    KaimingNormal,
    /// Uniform within 1 / √fan-in.
    FanInUniform,
    /// Orthonormal rows or columns, whichever are fewer (Saxe, McClelland and Ganguli 2014), in
    /// each of this many blocks that the last axis is cut into: 1, or the gates of a recurrent
    /// weight `[D, G*D]`.
    Orthogonal {
        /// How many blocks the last axis is cut into.
        blocks: usize,
    },
    /// 1 on the diagonal of a matrix, 0 elsewhere.
    Identity,
    /// As [`Init::FanInUniform`], but for the first outputs of a convolution `[KH, KW, C, O]`, one for each input while both
    /// last, which pass it on: 1 at the middle tap, 0 elsewhere (Zagoruyko and Komodakis 2017).
    Dirac,
    /// The bias `[G D]` of a gated recurrent cell, 0 but for ln u in the gate that keeps states, an LSTM's
    /// f or a GRU's z, and -ln u in an LSTM's gate i, with u uniform in 1..`longest` - 1 for each unit
    /// (Tallec and Ollivier 2018).
    Chrono {
        /// A GRU or LSTM.
        cell: Cell,
        /// The longest dependency expected, in steps.
        longest: f64,
    },
    /// These values.
    Values(Vec<f64>),
}

impl Init {
    /// Writes the first values of a parameter; `key` should name it.
    ///
    /// # Panics
    /// When given values are not as many as the shape's, an orthogonal weight is not a matrix that
    /// falls into its blocks, a Dirac weight is not a convolution's, or a cell has no gate for a chrono bias.
    pub(crate) fn fill<E: Float>(&self, key: Key, shape: Shape, out: &mut [E]) {
        let outputs = shape.last();
        let fan_in = (shape.len() / outputs.max(1)).max(1);
        let taps = match shape.dims() {
            [taps @ .., _, _] => taps.iter().product(),
            _ => 1,
        };
        let fans = (fan_in + taps * outputs) as f64;
        let fan_in = fan_in as f64;
        match self {
            Init::Zeros => out.fill(E::ZERO),
            Init::Ones => out.fill(E::ONE),
            Init::Uniform(bound) => uniform(key, *bound, out),
            Init::Normal(deviation) => normal(key, *deviation, out),
            Init::XavierUniform => uniform(key, (6.0 / fans).sqrt(), out),
            Init::XavierNormal => normal(key, (2.0 / fans).sqrt(), out),
            Init::KaimingUniform => uniform(key, (6.0 / fan_in).sqrt(), out),
            Init::KaimingNormal => normal(key, (2.0 / fan_in).sqrt(), out),
            Init::FanInUniform => uniform(key, fan_in.sqrt().recip(), out),
            Init::Orthogonal { blocks } => {
                let [rows, columns] = shape.dims() else {
                    panic!("orthogonal: expected a matrix, got shape {shape}");
                };
                assert!(
                    *blocks > 0 && columns % blocks == 0,
                    "orthogonal: expected a multiple of {blocks} columns, got shape {shape}"
                );
                let width = columns / blocks;
                for block in 0..*blocks {
                    let key = key.child(block as u64);
                    orthogonal(key, *rows, width, &mut |i, j, value| {
                        out[i * columns + block * width + j] = E::from_f64(value);
                    });
                }
            }
            Init::Identity => {
                out.fill(E::ZERO);
                let diagonal = out.iter_mut().step_by(outputs + 1).take(outputs);
                diagonal.for_each(|value| *value = E::ONE);
            }
            Init::Dirac => {
                uniform(key, fan_in.sqrt().recip(), out);
                let [kh, kw, c, o] = *shape.dims() else {
                    panic!("dirac: expected [KH, KW, C, O], got shape {shape}");
                };
                let middle = kh / 2 * kw + kw / 2;
                for (row, weights) in out.chunks_exact_mut(o.max(1)).enumerate() {
                    for (output, weight) in weights.iter_mut().take(c).enumerate() {
                        let passes = row == middle * c + output;
                        *weight = if passes { E::ONE } else { E::ZERO };
                    }
                }
            }
            Init::Chrono { cell, longest } => {
                assert!(
                    cell.gates() > 1,
                    "chrono: expected a GRU or LSTM, got {cell:?}"
                );
                let d = out.len() / cell.gates();
                out.fill(E::ZERO);
                for unit in 0..d {
                    let time = 1.0 + key.uniform(unit as u64) * (longest - 2.0);
                    // Gates lie in the order i, f, g, o or r, z, n.
                    out[d + unit] = E::from_f64(time.ln());
                    if *cell == Cell::Lstm {
                        out[unit] = E::from_f64(-time.ln());
                    }
                }
            }
            Init::Values(values) => {
                assert!(
                    values.len() == out.len(),
                    "values: expected {} for shape {shape}, got {}",
                    out.len(),
                    values.len()
                );
                for (out, value) in out.iter_mut().zip(values) {
                    *out = E::from_f64(*value);
                }
            }
        }
    }
}

fn uniform<E: Float>(key: Key, bound: f64, out: &mut [E]) {
    draw(out, |i| bound * (2.0 * key.uniform(i) - 1.0));
}

fn normal<E: Float>(key: Key, deviation: f64, out: &mut [E]) {
    draw(out, |i| deviation * key.normal(i));
}

/// Fills `out` with what `value` gives for each place.
fn draw<E: Float>(out: &mut [E], value: impl Fn(u64) -> f64 + Sync) {
    const BLOCK: usize = 4096;
    parallel_rows(out, 1, BLOCK, |first, block| {
        for (i, out) in block.iter_mut().enumerate() {
            *out = E::from_f64(value((first + i) as u64));
        }
    });
}

/// Calls `set(row, column, value)` for each element of a random `rows` x `columns` matrix with
/// orthonormal rows or columns: normal vectors, made orthonormal one after the other. Each is
/// freed of its part along the earlier ones twice, which is enough for full precision.
fn orthogonal(key: Key, rows: usize, columns: usize, set: &mut impl FnMut(usize, usize, f64)) {
    let (count, len) = (rows.min(columns), rows.max(columns));
    let mut basis = vec![0.0; count * len];
    normal(key, 1.0, &mut basis);
    for n in 0..count {
        let (earlier, rest) = basis.split_at_mut(n * len);
        let vector = &mut rest[..len];
        for _ in 0..2 {
            for other in earlier.chunks_exact(len) {
                let along = dot(other, vector);
                for (v, o) in vector.iter_mut().zip(other) {
                    *v -= along * o;
                }
            }
            let norm = dot(vector, vector).sqrt();
            vector.iter_mut().for_each(|v| *v /= norm);
        }
    }
    for i in 0..rows {
        for j in 0..columns {
            let (n, place) = if rows <= columns { (i, j) } else { (j, i) };
            set(i, j, basis[n * len + place]);
        }
    }
}

/// The inner product, in eight running sums so that the loop can use vector registers.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f64 = a
        .remainder()
        .iter()
        .zip(b.remainder())
        .map(|(a, b)| a * b)
        .sum();
    for (a, b) in a.zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(init: &Init, shape: impl Into<Shape>) -> Vec<f64> {
        let shape = shape.into();
        let mut out = vec![f64::NAN; shape.len()];
        init.fill(Key::new(3).named("a"), shape, &mut out);
        out
    }

    fn variance(values: &[f64]) -> f64 {
        values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64
    }

    #[test]
    fn variances_follow_the_fans() {
        let cases = [
            (Init::XavierUniform, 2.0 / (3.0 * 40.0 + 3.0 * 60.0)),
            (Init::XavierNormal, 2.0 / (3.0 * 40.0 + 3.0 * 60.0)),
            (Init::KaimingUniform, 2.0 / (3.0 * 40.0)),
            (Init::KaimingNormal, 2.0 / (3.0 * 40.0)),
            (Init::FanInUniform, 1.0 / (3.0 * 3.0 * 40.0)),
            (Init::Uniform(0.3), 0.09 / 3.0),
            (Init::Normal(0.3), 0.09),
        ];
        for (init, expected) in cases {
            let found = variance(&drawn(&init, [3, 40, 60]));
            assert!(
                (found / expected - 1.0).abs() < 0.05,
                "{init:?}: variance {found}, expected {expected}"
            );
        }
    }

    #[test]
    fn dirac_passes_the_first_channels_on() {
        let w = drawn(&Init::Dirac, [3, 3, 2, 4]);
        for (at, row) in w.chunks(4).enumerate() {
            let passed = [0, 1].map(|output| f64::from(u8::from(at == 4 * 2 + output)));
            assert_eq!(row[..2], passed);
            assert!(
                row[2..]
                    .iter()
                    .all(|v| *v != 0.0 && v.abs() < 18f64.sqrt().recip())
            );
        }
        // As many outputs as there are, where they are fewer.
        assert_eq!(
            drawn(&Init::Dirac, [1, 1, 3, 2]),
            [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
        );
    }

    #[test]
    fn every_gate_is_orthogonal() {
        let (d, gates) = (12, 4);
        let w = drawn(&Init::Orthogonal { blocks: gates }, [d, gates * d]);
        for gate in 0..gates {
            for a in 0..d {
                for b in 0..d {
                    let column = |j: usize, i: usize| w[i * gates * d + gate * d + j];
                    let dot: f64 = (0..d).map(|i| column(a, i) * column(b, i)).sum();
                    let expected = f64::from(u8::from(a == b));
                    assert!(
                        (dot - expected).abs() < 1e-12,
                        "gate {gate}: {a}, {b}: {dot}"
                    );
                }
            }
        }
        assert_ne!(w[0], w[d], "gates differ");
    }

    #[test]
    fn oblong_matrices_have_orthonormal_short_sides() {
        for (rows, columns) in [(3, 7), (7, 3)] {
            let w = drawn(&Init::Orthogonal { blocks: 1 }, [rows, columns]);
            let norm: f64 = w.iter().map(|v| v * v).sum();
            assert!((norm - 3.0).abs() < 1e-12, "{rows} x {columns}: {norm}");
        }
    }

    #[test]
    #[should_panic(expected = "values: expected 4 for shape [2, 2], got 1")]
    fn given_values_must_fit() {
        drawn(&Init::Values(vec![1.0]), [2, 2]);
    }
}
