//! Who works on what: one pool of threads for the whole process.
//!
//! The pool runs one job at a time; the caller takes part. A call made while the pool is busy, or from
//! inside a job, runs inline. Since work is cut by shape alone and each output is written by one task,
//! that choice never shows in the results.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::denormals::Flush;
use crate::shared::Shared;

/// Turns of the wait loop before a thread sleeps: some microseconds, about what a wake-up costs.
const SPINS: u32 = 2000;

/// What the workers see of a job. It lives on the caller's stack for as long as a worker may look.
struct Job {
    run: *const (dyn Fn(usize) + Sync),
    tasks: usize,
    /// Of each part of the tasks the next one that nobody has taken.
    next: [Next; PARTS],
    parts: usize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Most parts that the tasks of a job are cut into, one for each thread.
const PARTS: usize = 16;

/// In a cache line of its own.
#[repr(align(64))]
struct Next(AtomicUsize);

struct State {
    job: Option<*const Job>,
    /// Workers that may still join the job.
    places: usize,
    /// Workers started so far, and those that sleep: to wake nobody would still be a call to the system.
    workers: usize,
    asleep: usize,
}

// SAFETY: the pointer is followed only between `join` and `leave`, while the caller of the job waits.
unsafe impl Send for State {}

static STATE: Mutex<State> = Mutex::new(State {
    job: None,
    places: 0,
    workers: 0,
    asleep: 0,
});
static WAKE: Condvar = Condvar::new();
static DONE: Condvar = Condvar::new();
/// Changes when a job is posted, so that spinning workers see it without the lock.
static POSTED: AtomicU64 = AtomicU64::new(0);
/// Workers inside the job.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);
/// Whether the caller sleeps until they are done, or is about to.
static AWAITED: AtomicBool = AtomicBool::new(false);
static BUSY: AtomicBool = AtomicBool::new(false);
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets how many threads kernels use, the caller included; 0 means all cores, which is the default.
pub fn set_threads(n: usize) {
    THREADS.store(n, Ordering::Relaxed);
}

/// How many threads kernels use.
pub fn threads() -> usize {
    match THREADS.load(Ordering::Relaxed) {
        0 => {
            static CORES: std::sync::OnceLock<usize> = std::sync::OnceLock::new();
            *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
        }
        n => n,
    }
}

/// Whether this thread works on a job, so that a call to [`parallel`] would run inline.
pub(crate) fn inside() -> bool {
    INSIDE.get()
}

/// Runs `f(0)`, `f(1)`, ... `f(tasks - 1)`, each once, on the threads of the pool; returns when all are
/// done. Runs inline for one task, one thread, or inside another call. A panic in `f` reaches the caller.
///
/// Denormal numbers are flushed to zero while `f` runs, on every thread.
pub fn parallel(tasks: usize, f: impl Fn(usize) + Sync) {
    let _flush = Flush::start();
    let threads = threads().min(tasks);
    let inline = threads <= 1 || INSIDE.get() || BUSY.swap(true, Ordering::Acquire);
    if inline {
        (0..tasks).for_each(f);
        return;
    }
    run_on_pool(tasks, threads, &f);
}

/// [`parallel`] where that is worth a wake-up, and else the same on this thread alone.
pub(crate) fn parallel_if(worth: bool, tasks: usize, f: impl Fn(usize) + Sync) {
    if worth {
        return parallel(tasks, f);
    }
    let _flush = Flush::start();
    (0..tasks).for_each(f);
}

fn run_on_pool(tasks: usize, threads: usize, f: &(dyn Fn(usize) + Sync)) {
    // SAFETY: only the lifetime changes. The workers follow the pointer while ACTIVE counts them, and this
    // function returns only after the job is withdrawn and ACTIVE is zero.
    let run: *const (dyn Fn(usize) + Sync) = unsafe {
        std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(f)
    };
    let parts = threads.min(PARTS);
    let job = Job {
        run,
        tasks,
        next: std::array::from_fn(|part| Next(AtomicUsize::new(tasks * part / parts))),
        parts,
        panic: Mutex::new(None),
    };
    let asleep = {
        let mut state = lock(&STATE);
        while state.workers < threads - 1 {
            let worker = std::thread::Builder::new()
                .name("unfold-kernels".into())
                .spawn({
                    let place = state.workers + 1;
                    move || work(place)
                });
            if worker.is_err() {
                break; // fewer threads do the same work
            }
            state.workers += 1;
        }
        state.job = Some(&raw const job);
        state.places = threads - 1;
        POSTED.fetch_add(1, Ordering::Release);
        state.asleep
    };
    match (asleep, threads) {
        (0, _) => {}
        (_, 2) => WAKE.notify_one(),
        _ => WAKE.notify_all(),
    }

    job.claim(0);

    // Withdraw the job, then wait for the workers that are in it.
    lock(&STATE).job = None;
    let mut spins = 0;
    while ACTIVE.load(Ordering::Acquire) > 0 && spins < SPINS {
        std::hint::spin_loop();
        spins += 1;
    }
    if ACTIVE.load(Ordering::Acquire) > 0 {
        // Either the last worker sees this, or this thread sees that it is done: both orders are sequentially consistent.
        AWAITED.store(true, Ordering::SeqCst);
        let mut state = lock(&STATE);
        while ACTIVE.load(Ordering::SeqCst) > 0 {
            state = DONE.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        AWAITED.store(false, Ordering::SeqCst);
    }
    BUSY.store(false, Ordering::Release);
    if let Some(panic) = lock(&job.panic).take() {
        resume_unwind(panic);
    }
}

impl Job {
    /// Runs tasks until none is left. A panic ends the job early and is kept for the caller.
    fn claim(&self, place: usize) {
        INSIDE.set(true);
        let result = catch_unwind(AssertUnwindSafe(|| {
            for part in (0..self.parts).map(|part| (place + part) % self.parts) {
                let end = self.tasks * (part + 1) / self.parts;
                loop {
                    let task = self.next[part].0.fetch_add(1, Ordering::Relaxed);
                    if task >= end {
                        break;
                    }
                    // SAFETY: the caller of the job waits until this function has returned.
                    unsafe { (*self.run)(task) };
                }
            }
        }));
        INSIDE.set(false);
        if let Err(panic) = result {
            for next in &self.next {
                next.0.store(self.tasks, Ordering::Relaxed);
            }
            lock(&self.panic).get_or_insert(panic);
        }
    }
}

/// The life of a worker.
fn work(place: usize) {
    std::mem::forget(Flush::start()); // for good
    let mut seen = 0;
    loop {
        let mut spins = 0;
        while POSTED.load(Ordering::Acquire) == seen && spins < SPINS {
            std::hint::spin_loop();
            spins += 1;
        }
        let mut state = lock(&STATE);
        let job = loop {
            seen = POSTED.load(Ordering::Relaxed);
            match state.job {
                Some(job) if state.places > 0 => {
                    state.places -= 1;
                    ACTIVE.fetch_add(1, Ordering::Relaxed);
                    break job;
                }
                _ => {
                    state.asleep += 1;
                    state = WAKE.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.asleep -= 1;
                }
            }
        };
        drop(state);
        // SAFETY: joined under the lock while the job was posted, so its caller waits for ACTIVE.
        unsafe { (*job).claim(place) };
        if ACTIVE.fetch_sub(1, Ordering::SeqCst) == 1 && AWAITED.load(Ordering::SeqCst) {
            // Under the lock, so that the caller is either before its check or already waiting.
            let _state = lock(&STATE);
            DONE.notify_all();
        }
    }
}

/// Cuts `out` into blocks of `rows_per_task` rows of `row` elements and runs `f(first row, block)` on each
/// in parallel.
///
/// # Panics
/// If `out` is not a whole number of rows.
pub fn parallel_rows<E: Send>(
    out: &mut [E],
    row: usize,
    rows_per_task: usize,
    f: impl Fn(usize, &mut [E]) + Sync,
) {
    parallel_rows2(
        out,
        row,
        &mut [(); 0],
        0,
        rows_per_task,
        |first, block, _| f(first, block),
    );
}

/// As [`parallel_rows`] for two slices with the same number of rows, of `row_a` and `row_b` elements:
/// `f(first row, block of a, block of b)`. A row width of 0 goes with an empty slice.
///
/// # Panics
/// If the slices do not have the same whole number of rows.
pub fn parallel_rows2<A: Send, B: Send>(
    a: &mut [A],
    row_a: usize,
    b: &mut [B],
    row_b: usize,
    rows_per_task: usize,
    f: impl Fn(usize, &mut [A], &mut [B]) + Sync,
) {
    let rows = a.len().checked_div(row_a);
    let rows = rows.or(b.len().checked_div(row_b)).unwrap_or(0);
    assert!(
        a.len() == rows * row_a && b.len() == rows * row_b,
        "parallel_rows: {} and {} elements are not {rows} rows of {row_a} and {row_b}",
        a.len(),
        b.len()
    );
    let block = rows_per_task.max(1);
    let (a, b) = (Shared::new(a), Shared::new(b));
    parallel(rows.div_ceil(block), |task| {
        let first = task * block;
        let n = block.min(rows - first);
        // SAFETY: each task has its own range of rows in both slices.
        let (a, b) = unsafe {
            (
                a.part(first * row_a, n * row_a),
                b.part(first * row_b, n * row_b),
            )
        };
        f(first, a, b);
    });
}

/// Cuts slices of one length, or empty ones, into blocks of `block` elements and runs
/// `f(first element, blocks)` in parallel.
///
/// # Panics
/// If a slice has another length than the first one and is not empty.
pub fn parallel_parts<E: Send, const N: usize>(
    slices: [&mut [E]; N],
    block: usize,
    f: impl Fn(usize, [&mut [E]; N]) + Sync,
) {
    let len = slices[0].len();
    let lens = slices.each_ref().map(|slice| slice.len());
    assert!(
        lens.iter().all(|&l| l == len || l == 0),
        "parallel_parts: slices of {lens:?} elements"
    );
    let slices = slices.map(|slice| (slice.is_empty(), Shared::new(slice)));
    parallel(len.div_ceil(block), |task| {
        let first = task * block;
        let n = block.min(len - first);
        let parts = slices.each_ref().map(|(empty, slice)| {
            let (first, n) = if *empty { (0, 0) } else { (first, n) };
            // SAFETY: each task has its own range in every slice.
            unsafe { slice.part(first, n) }
        });
        f(first, parts);
    });
}

/// Rows per task for rows of `cost` element operations each: enough work to be worth a wake-up.
pub(crate) fn rows_per_task(cost: usize) -> usize {
    (32 * 1024 / cost.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::with_threads;

    #[test]
    fn every_task_runs_once() {
        for threads in [1, 2, 3] {
            with_threads(threads, || {
                for tasks in [0usize, 1, 2, 7, 1000] {
                    let count: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                    parallel(tasks, |t| {
                        count[t].fetch_add(1, Ordering::Relaxed);
                        parallel(2, |_| {}); // inside: inline
                    });
                    assert!(count.iter().all(|c| c.load(Ordering::Relaxed) == 1));
                }
                for _ in 0..2000 {
                    let total = AtomicUsize::new(0);
                    parallel(5, |t| {
                        total.fetch_add(t, Ordering::Relaxed);
                    });
                    assert_eq!(total.into_inner(), 10);
                }
            });
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_lives_on() {
        with_threads(3, || {
            for at in [0, 50, 99] {
                let result = catch_unwind(|| parallel(100, |t| assert!(t != at, "task {at}")));
                let text = result.expect_err("must panic");
                assert_eq!(
                    *text.downcast_ref::<String>().expect("a text"),
                    format!("task {at}")
                );
                parallel(10, |_| {});
            }
        });
    }

    #[test]
    fn rows_are_cut_whole() {
        let mut a = vec![0usize; 7 * 3];
        let mut b = vec![0usize; 7];
        parallel_rows2(&mut a, 3, &mut b, 1, 2, |first, a, b| {
            for (r, (a, b)) in a.chunks_mut(3).zip(b).enumerate() {
                a.fill(first + r);
                *b = first + r;
            }
        });
        assert_eq!(b, [0, 1, 2, 3, 4, 5, 6]);
        assert!(a.chunks(3).enumerate().all(|(r, a)| a == [r; 3]));
    }

    #[test]
    fn parts_are_cut_alike() {
        let (mut a, mut b) = (vec![0usize; 10], vec![0usize; 10]);
        parallel_parts([&mut a, &mut b, &mut []], 4, |first, [a, b, none]| {
            assert!(none.is_empty() && a.len() == b.len());
            for (i, (a, b)) in a.iter_mut().zip(b).enumerate() {
                (*a, *b) = (first + i, 2 * (first + i));
            }
        });
        assert!((0..10).all(|i| (a[i], b[i]) == (i, 2 * i)));
    }

    #[test]
    #[cfg_attr(miri, ignore = "has no register for denormals")]
    fn denormals_are_flushed_inside_only() {
        let tiny = std::hint::black_box(f32::MIN_POSITIVE);
        for tasks in [1, 4] {
            parallel(tasks, |_| assert_eq!(std::hint::black_box(tiny) * 0.5, 0.0));
        }
        assert!(std::hint::black_box(tiny) * 0.5 > 0.0);
    }
}
