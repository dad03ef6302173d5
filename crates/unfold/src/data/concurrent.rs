//! One function over many documents or pictures, on several cores.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// Fewer items than this for each thread are not worth starting one.
const LEAST_PER_THREAD: usize = 64;

/// `f` of every item, in order. The result does not depend on the number of threads.
pub(super) fn map<T: Sync, U: Send>(items: &[T], f: impl Fn(&T) -> U + Sync) -> Vec<U> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads = cores.min(items.len() / LEAST_PER_THREAD).max(1);
    if threads == 1 {
        return items.iter().map(f).collect();
    }
    let f = &f;
    thread::scope(|scope| {
        let chunks = items.chunks(items.len().div_ceil(threads));
        let workers: Vec<_> = chunks
            .map(|chunk| scope.spawn(move || chunk.iter().map(f).collect::<Vec<U>>()))
            .collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Vec<U>>| {
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(join).collect()
    })
}

/// Gives each of some items to `work`, on so many threads. They take turns, so items that cost much do not hold up the
/// others; `room` makes what a thread keeps from item to item.
pub(super) fn each<T: Send, R>(
    items: impl Iterator<Item = T> + Send,
    threads: usize,
    room: impl Fn() -> R + Sync,
    work: impl Fn(&mut R, T) + Sync,
) {
    if threads <= 1 {
        let mut room = room();
        items.for_each(|item| work(&mut room, item));
        return;
    }
    let items = Mutex::new(items);
    let run = || {
        let mut room = room();
        // Taking the next item changes nothing when it panics.
        let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
        while let Some(item) = next() {
            work(&mut room, item);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
}

#[cfg(test)]
mod tests {
    #[test]
    fn order_is_kept() {
        let items: Vec<usize> = (0..1001).collect();
        assert_eq!(
            super::map(&items, |i| i * 2),
            items.iter().map(|i| i * 2).collect::<Vec<_>>()
        );
        assert!(super::map(&[0; 0], |i| *i).is_empty());
    }

    #[test]
    fn each_item_is_worked_on_once() {
        for threads in [1, 3, 50] {
            let mut items = vec![1; 20];
            super::each(items.iter_mut(), threads, || 1, |one, item| *item += *one);
            assert_eq!(items, [2; 20]);
        }
    }
}
