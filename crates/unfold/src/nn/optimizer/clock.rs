//! A count that the state of an optimizer can hold.

use crate::Float;

/// A number of steps, also as two numbers that are exact in any type: units of 1 and of [`UNIT`].
#[derive(Clone, Copy, Default)]
pub(super) struct Clock<E> {
    steps: u64,
    digits: [E; 2],
}

const UNIT: u64 = 1 << 20;

impl<E: Float> Clock<E> {
    pub(super) fn new(steps: u64) -> Clock<E> {
        let count = |n: u64| E::from_f64(n as f64);
        Clock {
            steps,
            digits: [count(steps % UNIT), count(steps / UNIT)],
        }
    }

    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    pub(super) fn digits(&self) -> &[E; 2] {
        &self.digits
    }

    /// The count that these digits are of.
    pub(super) fn read(digits: &[E]) -> Clock<E> {
        let count = |n: E| n.to_f64() as u64;
        Clock::new(count(digits[0]) + UNIT * count(digits[1]))
    }
}
