//! What the machine can do at best: the limits that kernels are measured against.

use std::hint::black_box;

use crate::float::Float;
use crate::simd::{Dispatch, Kernel, Vector, places};
use crate::threads::{parallel, threads};

/// Chains of multiply-adds that run beside each other: enough to hide the latency on two ports.
const CHAINS: usize = 12;
/// Plain numbers that are multiplied beside each other: a loop over them is what compilers turn into vectors.
const PLAIN: usize = 256;
/// Places of memory that a thread reads side by side: one alone does not keep memory busy.
const STREAMS: usize = 8;

struct Burst<E> {
    rounds: usize,
    x: E,
}

impl<E: Float> Kernel<E> for Burst<E> {
    type Out = f64;
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) -> f64 {
        let (factor, summand) = (V::splat(self.x), V::splat(self.x));
        if V::LANES == 1 {
            let mut sums = vec![V::splat(E::ZERO); black_box(PLAIN)];
            let rounds = (self.rounds * CHAINS).div_ceil(PLAIN);
            for _ in 0..rounds {
                for sum in &mut sums {
                    *sum = sum.mul_add(factor, summand);
                }
            }
            black_box(&sums);
            return (2 * rounds * PLAIN) as f64;
        }
        let mut sums = [V::splat(E::ZERO); CHAINS];
        for _ in 0..self.rounds {
            for sum in &mut sums {
                *sum = sum.mul_add(factor, summand);
            }
        }
        let all = sums.into_iter().reduce(V::add).expect("several chains");
        black_box(all.reduce_sum());
        (2 * self.rounds * CHAINS * V::LANES) as f64
    }
}

/// Does nothing but `f32` multiply-adds in registers, `rounds` rounds on each thread, and returns how many
/// floating-point operations that were. Divided by the time it takes, it is the arithmetic limit.
pub fn multiply_add_burst(rounds: usize) -> f64 {
    let burst = || {
        f32::dispatch(Burst {
            rounds,
            x: black_box(0.5),
        })
    };
    let done = std::sync::Mutex::new(0.0);
    parallel(threads(), |_| {
        let flops = burst();
        *done.lock().expect("no burst panics") += flops;
    });
    done.into_inner().expect("no burst panics")
}

struct Reading<'a, E>(&'a [E]);

impl<E: Float> Kernel<E> for Reading<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let apart = self.0.len() / STREAMS;
        let streams: [&[E]; STREAMS] = std::array::from_fn(|i| &self.0[i * apart..][..apart]);
        let mut sums = [V::splat(E::ZERO); STREAMS];
        for at in places::<V>(apart) {
            for (sum, stream) in sums.iter_mut().zip(&streams) {
                *sum = sum.add(V::read(&stream[at.clone()]));
            }
        }
        let all = sums.into_iter().reduce(V::add).expect("several streams");
        black_box(all.reduce_sum());
    }
}

/// Reads values with all threads, each its part of them, and returns how many bytes that were. Divided by the time it takes, it
/// is what memory gives at best, or caches where they hold the values.
pub fn reading_burst(values: &[f32]) -> f64 {
    let part = values.len() / threads() / STREAMS * STREAMS;
    parallel(threads(), |i| {
        f32::dispatch(Reading(&values[i * part..][..part]));
    });
    (threads() * part * size_of::<f32>()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_counts_its_operations() {
        // A whole number of rounds over plain numbers as well.
        let (one, two) = (multiply_add_burst(PLAIN), multiply_add_burst(2 * PLAIN));
        assert!(one >= (2 * PLAIN * CHAINS) as f64);
        assert_eq!(two, 2.0 * one);
    }

    #[test]
    fn a_reading_counts_its_bytes() {
        for len in [0, 7, 8, 1000, 100_003] {
            let most = (len * size_of::<f32>()) as f64;
            let read = reading_burst(&vec![1.0; len]);
            assert!(read <= most && read + (32 * STREAMS * threads()) as f64 > most);
        }
    }
}
