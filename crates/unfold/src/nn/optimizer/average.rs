//! The average of parameters over steps.

use unfold_kernels::{self as kernels, Buffer};

use super::CHUNK;
use super::clock::Clock;
use crate::Float;

/// The mean of n values of all parameters (Polyak and Juditsky 1992): w̄ ← w̄ + (w - w̄) / n.
#[derive(Clone)]
pub(super) struct Average<E: Float> {
    pub(super) values: Buffer<E>,
    /// n
    pub(super) count: Clock<E>,
}

impl<E: Float> Average<E> {
    /// That of these values alone.
    pub(super) fn new(values: &[E]) -> Average<E> {
        Average {
            values: Buffer::from_slice(values),
            count: Clock::new(1),
        }
    }

    /// Takes in the values after one more step.
    pub(super) fn add(&mut self, values: &[E]) {
        self.count = Clock::new(self.count.steps() + 1);
        let share = E::from_f64(1.0 / self.count.steps() as f64);
        kernels::parallel_parts([&mut self.values[..]], CHUNK, |first, [average]| {
            for (mean, &w) in average.iter_mut().zip(&values[first..]) {
                *mean += (w - *mean) * share;
            }
        });
    }
}
