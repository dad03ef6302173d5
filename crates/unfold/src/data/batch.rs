//! Which examples go into which batch.

use crate::random::Key;

/// So many batches are sorted by length together: enough that the sequences of one batch are of
/// nearly one length, few enough that an epoch stays random.
const WINDOW: usize = 50;

/// Deals examples of the given lengths into batches of similar lengths, each example once, in an
/// order that depends on `key` alone. The last batches may be smaller.
///
/// # Panics
/// When `batch_size` is 0.
pub fn bucketed_batches(lengths: &[usize], batch_size: usize, key: Key) -> Vec<Vec<usize>> {
    assert!(
        batch_size > 0,
        "bucketed_batches: expected a batch size of 1 or more, got 0"
    );
    let mut order = key.named("examples").permutation(lengths.len());
    for window in order.chunks_mut(batch_size.saturating_mul(WINDOW)) {
        window.sort_by_key(|&example| std::cmp::Reverse(lengths[example]));
    }
    let batches: Vec<Vec<usize>> = order.chunks(batch_size).map(<[usize]>::to_vec).collect();
    key.named("batches")
        .permutation(batches.len())
        .into_iter()
        .map(|batch| batches[batch].clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_example_is_dealt_once_among_others_of_its_length() {
        let lengths: Vec<usize> = (0..5000).map(|i| 1 + i * 7919 % 100).collect();
        let batches = bucketed_batches(&lengths, 32, Key::new(1));
        let mut all: Vec<usize> = batches.iter().flatten().copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..5000).collect::<Vec<_>>());
        let spread = |batch: &Vec<usize>| lengths[batch[0]] - lengths[batch[batch.len() - 1]];
        assert!(batches.iter().map(spread).sum::<usize>() < 4 * batches.len());
        assert_eq!(batches, bucketed_batches(&lengths, 32, Key::new(1)));
        assert_ne!(batches, bucketed_batches(&lengths, 32, Key::new(2)));
        assert!(bucketed_batches(&[], 32, Key::new(1)).is_empty());
    }
}
