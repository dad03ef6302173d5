//! The average of parameters over steps.

use unfold_kernels::{self as kernels, Buffer};

use super::CHUNK;
use super::clock::Clock;
use crate::Float;

/// The mean of n values of all parameters: w̄ ← w̄ + (w - w̄) max(1 / n, 1 - decay). With a decay of 1 all values count
/// alike (Polyak and Juditsky 1992), below it those of long ago fade.
#[derive(Clone)]
pub(super) struct Average<E: Float> {
    pub(super) values: Buffer<E>,
    /// n
    pub(super) count: Clock<E>,
    pub(super) decay: [E; 1],
}

impl<E: Float> Average<E> {
    /// That of these values alone.
    pub(super) fn new(values: &[E], decay: f64) -> Average<E> {
        Average {
            values: Buffer::from_slice(values),
            count: Clock::new(1),
            decay: [E::from_f64(decay)],
        }
    }

    /// Takes in the values after one more step.
    pub(super) fn add(&mut self, values: &[E]) {
        self.count = Clock::new(self.count.steps() + 1);
        let newest = E::from_f64(1.0 / self.count.steps() as f64);
        let share = newest.max(E::ONE - self.decay[0]);
        kernels::parallel_parts([&mut self.values[..]], CHUNK, |first, [average]| {
            for (mean, &w) in average.iter_mut().zip(&values[first..]) {
                *mean += (w - *mean) * share;
            }
        });
    }
}
