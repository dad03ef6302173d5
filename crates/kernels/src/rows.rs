//! Some of the rows of a table, where all others are zero: the gradient of an embedding.

use std::ops::Range;

use crate::buffer::Buffer;
use crate::float::Float;
use crate::reduce::SumSquares;
use crate::threads::parallel_rows;

/// Rows that a task looks at: whole words of the set.
const BLOCK: usize = 1024;

/// A set of rows of a table `[V, C]`.
#[derive(Clone, Debug)]
pub struct Rows {
    /// C.
    width: usize,
    /// A bit for each row.
    words: Vec<u64>,
}

impl Rows {
    /// None of the rows of a table `[V, C]`.
    pub fn none(v: usize, c: usize) -> Rows {
        Rows {
            width: c,
            words: vec![0; v.div_ceil(64)],
        }
    }

    /// Whether the set is one of rows of a table `[V, C]`.
    pub fn fits(&self, v: usize, c: usize) -> bool {
        (self.words.len(), self.width) == (v.div_ceil(64), c)
    }

    /// Adds rows.
    ///
    /// # Panics
    /// If the table does not have such a row.
    pub fn insert(&mut self, ids: &[u32]) {
        for &id in ids {
            self.words[id as usize / 64] |= 1 << (id % 64);
        }
    }

    /// Takes all rows out.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Where the rows among `block` lie, counted in elements from its first row: neighbours are one run.
    fn runs(&self, block: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let (c, words) = (self.width, &self.words);
        let held = move |row: usize| words[row / 64] >> (row % 64);
        let mut at = block.start;
        std::iter::from_fn(move || {
            // A word of the set at a time.
            while at < block.end && held(at) == 0 {
                at = (at / 64 + 1) * 64;
            }
            if at >= block.end {
                return None;
            }
            at += held(at).trailing_zeros() as usize;
            let first = at;
            while at < block.end && held(at) & 1 == 1 {
                at += (held(at).trailing_ones() as usize).min(block.end - at);
            }
            Some((first - block.start) * c..(at - block.start) * c)
        })
    }

    /// Runs `f(place of the first element, elements)` on each run of rows of the set, in parallel.
    ///
    /// # Panics
    /// If the table has other rows.
    pub fn for_each<E: Send>(&self, table: &mut [E], f: impl Fn(usize, &mut [E]) + Sync) {
        let c = self.width;
        assert_eq!(table.len().div_ceil((64 * c).max(1)), self.words.len());
        parallel_rows(table, c, BLOCK, |first, table| {
            let rows = table.len() / c;
            for run in self.runs(first..first + rows) {
                f(first * c + run.start, &mut table[run]);
            }
        });
    }

    /// The sum of the squares of the elements of the set's rows, added up in `f64`.
    ///
    /// # Panics
    /// If the table has other rows.
    pub fn sum_sq<E: Float>(&self, table: &[E]) -> f64 {
        let c = self.width;
        assert_eq!(table.len().div_ceil((64 * c).max(1)), self.words.len());
        let rows = table.len() / c.max(1);
        let mut partial = Buffer::<f64>::zeros(rows.div_ceil(BLOCK));
        parallel_rows(&mut partial, 1, 1, |block, partial| {
            let first = block * BLOCK;
            for run in self.runs(first..rows.min(first + BLOCK)) {
                partial[0] += E::dispatch(SumSquares(&table[first * c..][run]));
            }
        });
        partial.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_the_rows_inserted() {
        let (v, c) = (BLOCK + 200, 3);
        let ids = [0u32, 1, 2, 5, 63, 64, 127, 128, 1023, 1024, 1223];
        let mut rows = Rows::none(v, c);
        rows.insert(&ids);
        rows.insert(&ids[3..]);
        let mut table: Vec<f32> = (0..v * c).map(|i| i as f32).collect();
        let square = |id: &u32| (0..3).map(|j| f64::from(id * 3 + j).powi(2)).sum::<f64>();
        assert_eq!(rows.sum_sq(&table), ids.iter().map(square).sum::<f64>());
        rows.for_each(&mut table, |at, run| {
            assert_eq!(run[0], at as f32);
            run.fill(-1.0);
        });
        for (row, values) in table.chunks(c).enumerate() {
            let inside = ids.contains(&(row as u32));
            assert!(values.iter().all(|&x| (x == -1.0) == inside), "row {row}");
        }
        rows.clear();
        assert_eq!(rows.sum_sq(&table), 0.0);
    }
}
