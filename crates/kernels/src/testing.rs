//! What the tests of this crate share.

use std::sync::Mutex;

use crate::simd::{FORCED, levels};
use crate::{Float, Ragged};

/// Sizes around the edges of vectors and tiles, and primes.
#[cfg(not(miri))]
pub(crate) const SIZES: [usize; 14] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 67];
/// Fewer: interpreted, they take a thousand times as long.
#[cfg(miri)]
pub(crate) const SIZES: [usize; 5] = [0, 1, 3, 8, 17];

/// A small generator of test values in -1 .. 1.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    pub(crate) fn value<E: Float>(&mut self) -> E {
        E::from_f64(self.next() as f64 / (1u64 << 30) as f64 - 1.0)
    }
    pub(crate) fn vec<E: Float>(&mut self, n: usize) -> Vec<E> {
        (0..n).map(|_| self.value()).collect()
    }
    /// Descending lengths in 1 ..= most.
    pub(crate) fn ragged(&mut self, batch: usize, most: usize) -> Ragged {
        let mut lengths: Vec<usize> = (0..batch).map(|_| 1 + self.below(most)).collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        Ragged::new(&lengths)
    }
}

/// What `f` writes into `n` elements that lie off every alignment but the element's own and hold old values.
pub(crate) fn written<E: Float>(n: usize, f: impl FnOnce(&mut [E])) -> Vec<E> {
    let mut out = vec![E::from_f64(77.0); n + 1];
    f(&mut out[1..]);
    assert_eq!(out.remove(0).to_f64(), 77.0, "written before the slice");
    out
}

/// Fails unless the two agree within `ulps` rounding steps of the larger of 1 and the value wanted.
#[track_caller]
pub(crate) fn close<E: Float>(got: &[E], want: &[E], ulps: f64, what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    for (i, (g, w)) in got.iter().zip(want).enumerate() {
        let (g, w) = (g.to_f64(), w.to_f64());
        let room = ulps * E::EPSILON.to_f64() * w.abs().max(1.0);
        assert!((g - w).abs() <= room, "{what}: [{i}] is {g}, not {w}");
    }
}

/// Settings of the process, such as the number of threads: tests that change one take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Runs `f` with `n` threads.
pub(crate) fn with_threads<T>(n: usize, f: impl FnOnce() -> T) -> T {
    let _turn = TURN
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    crate::set_threads(n);
    let result = f();
    crate::set_threads(0);
    result
}

/// What `f` gives by default and with every product of the definition ([`crate::set_exact`]).
pub(crate) fn fast_and_exact<T>(f: impl Fn() -> T) -> [T; 2] {
    with_threads(0, || {
        [false, true].map(|exact| {
            crate::set_exact(exact);
            let result = f();
            crate::set_exact(false);
            result
        })
    })
}

/// Runs `f` once for each instruction set of this machine, on this thread alone.
pub(crate) fn at_every_level(f: impl Fn()) {
    with_threads(1, || {
        for level in levels() {
            FORCED.set(Some(level));
            f();
        }
        FORCED.set(None);
    });
}

/// Fails unless `f` gives the same bits with 1, 2 and 3 threads.
#[track_caller]
pub(crate) fn same_bits(what: &str, f: impl Fn() -> Vec<f32>) {
    let one: Vec<u32> = with_threads(1, &f).iter().map(|x| x.to_bits()).collect();
    for n in [2, 3] {
        let more: Vec<u32> = with_threads(n, &f).iter().map(|x| x.to_bits()).collect();
        assert!(one == more, "{what}: other bits with {n} threads");
    }
}
