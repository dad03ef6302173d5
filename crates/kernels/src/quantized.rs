//! Weights of eight bits: products that read a quarter of the bytes.

use std::ops::Range;

use crate::buffer::Buffer;
use crate::shared::Shared;
use crate::simd::{Dispatch as _, Kernel, Vector};
use crate::threads::parallel_if;

/// A matrix `[K, N]` in eight bits: element (k, n) is q(k, n) s(n), with q whole numbers in -127..=127 and a
/// scale s for each column.
#[derive(Clone, Debug)]
pub struct Quantized {
    /// Column by column group, in each row by row: a product reads it from front to back.
    data: Buffer<i8>,
    scales: Buffer<f32>,
    k: usize,
}

/// Columns in a group.
const GROUP: usize = 256;
/// Rows that meet their factors side by side.
const STEPS: usize = 8;
/// Multiply-adds that are worth a second thread.
const WORTH: usize = 1 << 16;

impl Quantized {
    /// The nearest such matrix to `w` `[K, N]`, row-major. The largest element of each column, in magnitude, is
    /// kept as it is but for rounding.
    ///
    /// # Panics
    /// Unless `w` has a whole number of rows of `n`.
    pub fn new(w: &[f32], n: usize) -> Quantized {
        let k = w.len() / n.max(1);
        assert_eq!(w.len(), k * n, "quantized: whole rows of {n}");
        let mut largest = vec![0.0f32; n];
        for row in w.chunks_exact(n.max(1)) {
            for (largest, x) in largest.iter_mut().zip(row) {
                *largest = largest.max(x.abs());
            }
        }
        let mut scales = Buffer::scratch(n);
        for (scale, largest) in scales.iter_mut().zip(&largest) {
            *scale = largest / 127.0;
        }
        let mut data = Buffer::scratch(k * n);
        for (start, group) in groups(n) {
            let out = &mut data[start * k..][..group * k];
            for (p, out) in out.chunks_exact_mut(group.max(1)).enumerate() {
                let columns = start..start + group;
                let row = &w[p * n..][columns.clone()];
                for ((q, x), scale) in out.iter_mut().zip(row).zip(&scales[columns]) {
                    // A column of zeros has a scale of 0, and 0 / 0 is cast to 0.
                    *q = (x / scale).round() as i8;
                }
            }
        }
        Quantized { data, scales, k }
    }

    /// Rows and columns, K and N.
    pub fn size(&self) -> [usize; 2] {
        [self.k, self.scales.len()]
    }

    /// The matrix as numbers, `[K, N]` row-major.
    ///
    /// # Panics
    /// Unless `w` has K N elements.
    pub fn values(&self, w: &mut [f32]) {
        let [k, n] = self.size();
        assert_eq!(w.len(), k * n, "quantized: room for [{k}, {n}]");
        for (start, group) in groups(n) {
            let data = &self.data[start * k..][..group * k];
            for (p, data) in data.chunks_exact(group.max(1)).enumerate() {
                let columns = start..start + group;
                let row = &mut w[p * n..][columns.clone()];
                for ((x, &q), scale) in row.iter_mut().zip(data).zip(&self.scales[columns]) {
                    *x = f32::from(q) * scale;
                }
            }
        }
    }

    /// Y = X W + b for a few rows: `x` `[B, K]`, `bias` `[N]` or empty for none, `y` `[B, N]`.
    ///
    /// # Panics
    /// When the shapes do not fit.
    pub fn product(&self, x: &[f32], bias: &[f32], y: &mut [f32]) {
        let [k, n] = self.size();
        let rows = x.len() / k.max(1);
        assert!(
            x.len() == rows * k && y.len() == rows * n && (bias.is_empty() || bias.len() == n),
            "quantized: expected x [B, {k}], bias [{n}] and y [B, {n}], got {}, {} and {}",
            x.len(),
            bias.len(),
            y.len()
        );
        let y = Shared::new(y);
        let task = |i: usize| {
            let start = i * GROUP;
            let group = GROUP.min(n - start);
            let columns = start..start + group;
            let data = &self.data[start * k..][..group * k];
            let mut sums = [0.0; GROUP];
            for (row, x) in x.chunks_exact(k.max(1)).enumerate() {
                let sums = &mut sums[..group];
                sums.fill(0.0);
                f32::dispatch(Sums { x, data, sums });
                // SAFETY: each task has its own columns.
                let y = unsafe { y.part(row * n + start, group) };
                let scaled = sums.iter().zip(&self.scales[columns.clone()]);
                y.iter_mut()
                    .zip(scaled)
                    .for_each(|(y, (sum, scale))| *y = sum * scale);
                if let Some(bias) = bias.get(columns.clone()) {
                    y.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
                }
            }
        };
        let tasks = n.div_ceil(GROUP);
        parallel_if(rows * k * n >= WORTH, tasks, task);
    }
}

/// The first column of each group and how many it has.
fn groups(n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..n)
        .step_by(GROUP)
        .map(move |start| (start, GROUP.min(n - start)))
}

/// Sums of the products of one row of X with some columns.
struct Sums<'a> {
    x: &'a [f32],
    data: &'a [i8],
    sums: &'a mut [f32],
}

impl Kernel<f32> for Sums<'_> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = f32>>(self) {
        let Sums { x, data, sums } = self;
        let n = sums.len();
        let whole = n - n % V::LANES;
        for (x, data) in x.chunks(STEPS).zip(data.chunks(STEPS * n)) {
            if let Ok(x) = <[f32; STEPS]>::try_from(x) {
                let rows: [&[i8]; STEPS] = std::array::from_fn(|p| &data[p * n..][..n]);
                for at in (0..whole).step_by(V::LANES) {
                    let mut sum = V::read(&sums[at..]);
                    for (x, row) in x.iter().zip(&rows) {
                        sum = V::splat(*x).mul_add(widen::<V>(row, at..at + V::LANES), sum);
                    }
                    sum.write(&mut sums[at..at + V::LANES]);
                }
                for at in whole..n {
                    for (x, row) in x.iter().zip(&rows) {
                        sums[at] += x * f32::from(row[at]);
                    }
                }
                continue;
            }
            for (x, row) in x.iter().zip(data.chunks_exact(n)) {
                for (sum, &q) in sums.iter_mut().zip(row) {
                    *sum += x * f32::from(q);
                }
            }
        }
    }
}

/// A vector of small numbers; compilers know an instruction for it.
#[inline(always)]
fn widen<V: Vector<Elem = f32>>(row: &[i8], at: Range<usize>) -> V {
    let mut wide = [0.0; crate::simd::MAX_LANES];
    let narrow = &row[at];
    for i in 0..V::LANES {
        wide[i] = f32::from(narrow[i]);
    }
    V::read(&wide)
}
