//! Batches of sequences of different lengths, packed without padding, and pooling over time.

use std::sync::Arc;

use crate::float::Float;
use crate::simd::{Kernel, Vector, places};
use crate::threads::{parallel_rows, parallel_rows2, rows_per_task};

/// The geometry of a packed batch of `B` sequences: one `[N, C]` matrix, time by time.
///
/// The lengths descend, so the sequences alive at time `t` are the first `alive(t)` ones, and their rows
/// `offset(t) .. offset(t) + alive(t)` lie together: sequence `b` at time `t` is row `offset(t) + b`.
/// Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ragged(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    lengths: Vec<usize>,
    /// First row of each time, and the number of rows at the end: `[T + 1]`.
    offsets: Vec<usize>,
}

impl Ragged {
    /// The packing of sequences of these lengths.
    ///
    /// # Panics
    /// If the lengths do not descend or one is 0.
    pub fn new(lengths_desc: &[usize]) -> Self {
        assert!(
            lengths_desc.windows(2).all(|w| w[0] >= w[1]) && lengths_desc.last() != Some(&0),
            "Ragged: expected descending lengths of at least 1, got {lengths_desc:?}"
        );
        let steps = lengths_desc.first().copied().unwrap_or(0);
        let mut offsets = Vec::with_capacity(steps + 1);
        let (mut alive, mut row) = (lengths_desc.len(), 0);
        offsets.push(0);
        for t in 0..steps {
            while lengths_desc[alive - 1] <= t {
                alive -= 1;
            }
            row += alive;
            offsets.push(row);
        }
        Ragged(Arc::new(Inner {
            lengths: lengths_desc.to_vec(),
            offsets,
        }))
    }

    /// The lengths of the sequences, descending: `[B]`.
    pub fn lengths(&self) -> &[usize] {
        &self.0.lengths
    }
    /// The number of sequences, `B`.
    pub fn batch(&self) -> usize {
        self.0.lengths.len()
    }
    /// The greatest length, `T`.
    pub fn steps(&self) -> usize {
        self.0.offsets.len() - 1
    }
    /// The number of rows, `N`: the sum of the lengths.
    pub fn rows(&self) -> usize {
        self.0.offsets[self.steps()]
    }
    /// The first row of time `t`; the number of rows for `t = T`.
    #[inline]
    pub fn offset(&self, t: usize) -> usize {
        self.0.offsets[t]
    }
    /// How many sequences are longer than `t`; 0 for `t >= T`.
    #[inline]
    pub fn alive(&self, t: usize) -> usize {
        if t < self.steps() {
            self.0.offsets[t + 1] - self.0.offsets[t]
        } else {
            0
        }
    }
    /// The row of sequence `b` at time `t`.
    #[inline]
    pub fn row(&self, t: usize, b: usize) -> usize {
        debug_assert!(b < self.alive(t));
        self.0.offsets[t] + b
    }
    /// The time at which a row lies.
    pub(crate) fn time(&self, row: usize) -> usize {
        self.0.offsets.partition_point(|&first| first <= row) - 1
    }
    /// The row of the last step of each sequence: `[B]`.
    pub fn last_rows(&self) -> Vec<u32> {
        self.lengths()
            .iter()
            .enumerate()
            .map(|(b, &len)| self.row(len - 1, b) as u32)
            .collect()
    }
}

/// Sequences per task when pooling.
fn sequences_per_task(seq: &Ragged, c: usize) -> usize {
    rows_per_task(seq.rows() / seq.batch().max(1) * c)
}

/// Where `KEEP` holds, it is told which rows the largest are in.
struct Max<'a, E, const KEEP: bool> {
    x: &'a [E],
    seq: &'a Ragged,
    b: usize,
    out: &'a mut [E],
    argmax: &'a mut [u32], // as out, or empty
}

impl<E: Float, const KEEP: bool> Kernel<E> for Max<'_, E, KEEP> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let (c, first) = (self.out.len(), self.seq.row(0, self.b));
        for at in places::<V>(c) {
            // Steps are counted in lanes of the same type. In registers: as memory that is sometimes written this is slow.
            let mut best = V::read(&self.x[first * c..][..c][at.clone()]);
            let (mut t, mut best_t) = (V::splat(E::ZERO), V::splat(E::ZERO));
            for step in 1..self.seq.lengths()[self.b] {
                let row = self.seq.row(step, self.b);
                let x = V::read(&self.x[row * c..][..c][at.clone()]);
                if KEEP {
                    t = t.add(V::splat(E::ONE));
                    best_t = x.select_gt(best, t, best_t);
                }
                best = x.select_gt(best, x, best);
            }
            best.write(&mut self.out[at.clone()]);
            if KEEP {
                let steps = best_t.to_array();
                for (row, step) in self.argmax[at].iter_mut().zip(steps) {
                    *row = self.seq.row(step.to_f64() as usize, self.b) as u32;
                }
            }
        }
    }
}

/// Most steps that lanes count.
const MOST_STEPS: usize = 1 << 24;

/// The maximum of each channel over the time of each sequence: `x [N, C]` to `out [B, C]`. `argmax [B, C]`
/// gets the row of `x` it came from, the first one of equals; an empty one nothing, which is faster: an answer alone needs
/// none.
///
/// # Panics
/// If the shapes do not fit; so do the other functions here.
pub fn seq_max<E: Float>(x: &[E], c: usize, seq: &Ragged, out: &mut [E], argmax: &mut [u32]) {
    check("seq_max", x.len(), out.len(), c, seq);
    assert!(
        [0, out.len()].contains(&argmax.len()),
        "seq_max: argmax has the shape of out, or is empty"
    );
    assert!(
        seq.steps() <= MOST_STEPS,
        "seq_max: expected at most {MOST_STEPS} steps"
    );
    let kept = if argmax.is_empty() { 0 } else { c };
    parallel_rows2(
        out,
        c,
        argmax,
        kept,
        sequences_per_task(seq, c),
        |first, out, argmax| {
            for (r, out) in out.chunks_exact_mut(c).enumerate() {
                macro_rules! run {
                    ($keep:literal) => {
                        E::dispatch(Max::<E, $keep> {
                            x,
                            seq,
                            b: first + r,
                            out,
                            argmax: &mut argmax[r * kept..][..kept],
                        })
                    };
                }
                match kept {
                    0 => run!(false),
                    _ => run!(true),
                }
            }
        },
    );
}

/// The gradient of [`seq_max`]: `dx [N, C]` is zero but for the rows that `argmax [B, C]` names, which
/// get `dy [B, C]`.
pub fn seq_max_backward<E: Float>(argmax: &[u32], dy: &[E], c: usize, dx: &mut [E]) {
    assert_eq!(
        argmax.len(),
        dy.len(),
        "seq_max_backward: argmax and dy have the same shape"
    );
    parallel_rows(dx, 1, 1 << 16, |_, dx| dx.fill(E::ZERO));
    for (argmax, dy) in argmax.chunks_exact(c.max(1)).zip(dy.chunks_exact(c.max(1))) {
        for (j, (&row, &dy)) in argmax.iter().zip(dy).enumerate() {
            dx[row as usize * c + j] = dy;
        }
    }
}

/// The mean of each channel over the time of each sequence: `x [N, C]` to `out [B, C]`.
pub fn seq_mean<E: Float>(x: &[E], c: usize, seq: &Ragged, out: &mut [E]) {
    check("seq_mean", x.len(), out.len(), c, seq);
    parallel_rows(out, c, sequences_per_task(seq, c), |first, out| {
        for (r, out) in out.chunks_exact_mut(c).enumerate() {
            let length = seq.lengths()[first + r];
            out.fill(E::ZERO);
            for t in 0..length {
                let x = &x[seq.row(t, first + r) * c..][..c];
                out.iter_mut().zip(x).for_each(|(out, &x)| *out += x);
            }
            let scale = E::ONE / E::from_usize(length);
            out.iter_mut().for_each(|out| *out = *out * scale);
        }
    });
}

/// The gradient of [`seq_mean`]: every step of a sequence gets its share of `dy [B, C]`.
pub fn seq_mean_backward<E: Float>(dy: &[E], c: usize, seq: &Ragged, dx: &mut [E]) {
    check("seq_mean_backward", dx.len(), dy.len(), c, seq);
    for t in 0..seq.steps() {
        let rows = seq.offset(t) * c..seq.offset(t + 1) * c;
        for (b, dx) in dx[rows].chunks_exact_mut(c.max(1)).enumerate() {
            let scale = E::ONE / E::from_usize(seq.lengths()[b]);
            dx.iter_mut()
                .zip(&dy[b * c..])
                .for_each(|(dx, &dy)| *dx = dy * scale);
        }
    }
}

fn check(name: &str, packed: usize, pooled: usize, c: usize, seq: &Ragged) {
    let (n, b) = (seq.rows(), seq.batch());
    assert!(
        packed == n * c && pooled == b * c,
        "{name}: expected [{n}, {c}] and [{b}, {c}], got {packed} and {pooled} elements"
    );
}
