//! What the machine can do at best: the limits that kernels are measured against.

use std::hint::black_box;

use crate::float::Float;
use crate::simd::{Dispatch, Kernel, Vector};
use crate::threads::{parallel, threads};

/// Chains of multiply-adds that run beside each other: enough to hide the latency on two ports.
const CHAINS: usize = 12;

struct Burst<E> {
    rounds: usize,
    x: E,
}

impl<E: Float> Kernel<E> for Burst<E> {
    type Out = f64;
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) -> f64 {
        let (factor, summand) = (V::splat(self.x), V::splat(self.x));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_counts_its_operations() {
        let (one, two) = (multiply_add_burst(100), multiply_add_burst(200));
        assert!(one >= (2 * 100 * CHAINS) as f64);
        assert_eq!(two, 2.0 * one);
    }
}
