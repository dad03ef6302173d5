//! Counter-based randomness: every random number is a pure function of a key and a place, so a
//! draw does not depend on what was drawn before it, on the number of threads, or on whether
//! training was interrupted in between.
//!
//! The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy
//! as 1, 2, 3", SC 2011).

/// A moment of training, from which everything random about a batch follows.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The epoch, counted from 0.
    pub epoch: usize,
    /// The stream of the batch.
    pub key: Key,
}

/// Names one stream of random numbers. Copy it freely; derive others with [`Key::child`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key([u32; 2]);

impl Key {
    /// The root stream of a seed.
    pub fn new(seed: u64) -> Key {
        Key([seed as u32, (seed >> 32) as u32])
    }

    /// The stream below this one with the given number (a step, an epoch, a layer…).
    pub fn child(self, number: u64) -> Key {
        // The third counter word separates derived keys from numbers drawn under this key.
        let block = philox([number as u32, (number >> 32) as u32, 1, 0], self.0);
        Key([block[0], block[1]])
    }

    /// The stream below this one with the given name.
    pub fn named(self, name: &str) -> Key {
        let start = self.child(name.len() as u64);
        name.as_bytes().chunks(8).fold(start, |key, chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            key.child(u64::from_le_bytes(word))
        })
    }

    /// Four random words: number `4 i` to `4 i + 3` of the stream.
    pub fn block(self, i: u64) -> [u32; 4] {
        philox([i as u32, (i >> 32) as u32, 0, 0], self.0)
    }

    /// Random word `i` of the stream.
    pub fn word(self, i: u64) -> u32 {
        self.block(i / 4)[(i % 4) as usize]
    }

    /// Number `i` of the stream, uniform in [0, 1), with 53 random bits.
    pub fn uniform(self, i: u64) -> f64 {
        let block = self.block(i / 2);
        let pair = 2 * (i % 2) as usize;
        unit(block[pair], block[pair + 1])
    }

    /// Number `i` of the stream, normal with mean 0 and deviation 1 (Box and Muller 1958).
    pub fn normal(self, i: u64) -> f64 {
        let block = self.block(i);
        let radius = (-2.0 * (1.0 - unit(block[0], block[1])).ln()).sqrt();
        radius * (std::f64::consts::TAU * unit(block[2], block[3])).cos()
    }

    /// Number `i` of the stream, uniform in `0..n`.
    ///
    /// # Panics
    /// When `n` is 0.
    pub fn below(self, i: u64, n: usize) -> usize {
        assert!(n > 0, "random: expected a non-empty range");
        let block = self.block(i);
        let word = u64::from(block[0]) | u64::from(block[1]) << 32;
        // Lemire's multiply-shift: the bias is below n / 2^64.
        ((u128::from(word) * n as u128) >> 64) as usize
    }

    /// A random order of `0..n` (Fisher and Yates).
    pub fn permutation(self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i as u64, i + 1));
        }
        order
    }
}

fn unit(low: u32, high: u32) -> f64 {
    let word = u64::from(low) | u64::from(high) << 32;
    (word >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}

fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let a = u64::from(counter[0]) * 0xD251_1F53;
        let b = u64::from(counter[2]) * 0xCD9E_8D57;
        counter = [
            (b >> 32) as u32 ^ counter[1] ^ key[0],
            b as u32,
            (a >> 32) as u32 ^ counter[3] ^ key[1],
            a as u32,
        ];
        key[0] = key[0].wrapping_add(0x9E37_79B9);
        key[1] = key[1].wrapping_add(0xBB67_AE85);
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_vectors() {
        // Known answers distributed with the authors' Random123 library.
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }

    #[test]
    fn draws_are_spread_as_they_should() {
        let key = Key::new(3).named("spread");
        let n = 200_000;
        let mean = (0..n).map(|i| key.uniform(i)).sum::<f64>() / n as f64;
        assert!((mean - 0.5).abs() < 0.01, "mean {mean}");
        let square = (0..n).map(|i| key.normal(i).powi(2)).sum::<f64>() / n as f64;
        assert!((square - 1.0).abs() < 0.03, "variance {square}");
        let mut order = key.permutation(100);
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn streams_differ_by_name_number_and_seed() {
        let key = Key::new(1);
        let mut words: Vec<u32> = [
            key,
            Key::new(2),
            key.child(0),
            key.child(1),
            key.named("a"),
            key.named("a\0"),
            key.named("ab"),
        ]
        .iter()
        .map(|k| k.word(0))
        .collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), 7);
    }
}
