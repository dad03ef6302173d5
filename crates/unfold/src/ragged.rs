//! Batches of sequences of different lengths, without padding.
//!
//! A batch is one `[N, C]` tensor, N the sum of the lengths. Sequences are ordered longest
//! first, and the rows of one time step lie together: at step t the sequences `0..alive(t)`
//! still run, and sequence b is row `offset(t) + b`.

pub use unfold_kernels::Ragged;

/// Sequences of anything, packed for a ragged batch.
#[derive(Clone, Debug)]
pub struct Packed<T> {
    /// The elements, time-major, `[N]`.
    pub items: Vec<T>,
    /// Where each sequence's steps are.
    pub sequences: Ragged,
    /// Which of the given sequences stands at each place of the batch: `order[b]` is an index
    /// into what was given.
    pub order: Vec<usize>,
}

/// Packs sequences: longest first (equal lengths keep their order), time-major.
///
/// # Panics
/// When a sequence is empty.
pub fn pack<T: Copy>(sequences: &[&[T]]) -> Packed<T> {
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(sequences[i].len()));
    let lengths: Vec<usize> = order.iter().map(|&i| sequences[i].len()).collect();
    let ragged = Ragged::new(&lengths);
    let mut items = Vec::with_capacity(ragged.rows());
    for t in 0..ragged.steps() {
        items.extend(order[..ragged.alive(t)].iter().map(|&i| sequences[i][t]));
    }
    Packed {
        items,
        sequences: ragged,
        order,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_longest_first_and_time_major() {
        let packed = pack::<u32>(&[&[1, 2], &[3, 4, 5], &[6]]);
        assert_eq!(packed.order, [1, 0, 2]);
        assert_eq!(packed.items, [3, 1, 6, 4, 2, 5]);
        assert_eq!(packed.sequences.lengths(), [3, 2, 1]);
    }
}
