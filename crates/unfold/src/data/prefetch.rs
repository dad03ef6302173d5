//! Work done ahead on another thread.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;

/// Gives what a closure makes of 0, 1, 2 and so on, in order, made ahead on a thread of its own.
/// A panic in the closure goes on where the value is asked for.
#[derive(Debug)]
pub struct Prefetch<T> {
    // Dropped first: the thread's next send then fails, and it ends.
    values: Option<Receiver<T>>,
    worker: Option<JoinHandle<()>>,
}

impl<T: Send + 'static> Prefetch<T> {
    /// Makes `total` values with `make`, at most `ahead` of them before they are asked for.
    pub fn new(
        total: usize,
        ahead: usize,
        mut make: impl FnMut(usize) -> T + Send + 'static,
    ) -> Prefetch<T> {
        let (send, values) = sync_channel(ahead);
        let worker = std::thread::spawn(move || {
            for number in 0..total {
                if send.send(make(number)).is_err() {
                    break;
                }
            }
        });
        Prefetch {
            values: Some(values),
            worker: Some(worker),
        }
    }
}

impl<T> Prefetch<T> {
    fn join(&mut self) -> std::thread::Result<()> {
        self.values = None;
        self.worker.take().map_or(Ok(()), JoinHandle::join)
    }
}

impl<T> Iterator for Prefetch<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let value = self.values.as_ref()?.recv();
        if value.is_err()
            && let Err(panic) = self.join()
        {
            std::panic::resume_unwind(panic);
        }
        value.ok()
    }
}

impl<T> Drop for Prefetch<T> {
    fn drop(&mut self) {
        // A panic that nobody asked for any more has been printed by its thread.
        drop(self.join());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_in_order() {
        assert_eq!(
            Prefetch::new(100, 3, |i| i * i).collect::<Vec<_>>(),
            (0..100).map(|i| i * i).collect::<Vec<_>>()
        );
    }

    #[test]
    fn it_can_be_dropped_early() {
        let mut values = Prefetch::new(usize::MAX, 2, |i| i);
        assert_eq!(values.next(), Some(0));
    }

    #[test]
    #[should_panic(expected = "three")]
    fn a_panic_is_passed_on() {
        Prefetch::new(10, 1, |i| assert!(i < 3, "three")).for_each(drop);
    }
}
