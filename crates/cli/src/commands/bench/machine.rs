//! What this machine can do at best.

use std::time::{Duration, Instant};

use serde::Serialize;
use unfold_kernels::{multiply_add_burst, reading_burst, simd_level};

/// The limits of this machine.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Machine {
    /// The processor's name.
    pub(super) machine: String,
    /// The instruction set in use.
    pub(super) simd: &'static str,
    /// Threads in use.
    pub(super) threads: usize,
    /// Multiply-adds of all threads, each counted as two operations, in 10^9 a second.
    pub(super) fma_peak_gflops: f64,
    /// The same of one thread.
    pub(super) fma_peak_1_gflops: f64,
    /// Reading memory with all threads, in 10^9 bytes a second.
    pub(super) bandwidth_gbs: f64,
    /// The same with one thread.
    pub(super) bandwidth_1_gbs: f64,
}

impl Machine {
    /// Measures, in about a second.
    pub(super) fn measure() -> Machine {
        let threads = unfold::threads();
        let values = values(LARGE);
        let (fma_peak_gflops, bandwidth_gbs) = (peak(), bandwidth(5, &values));
        unfold::set_threads(1);
        let (fma_peak_1_gflops, bandwidth_1_gbs) = (peak(), bandwidth(5, &values));
        unfold::set_threads(threads);
        Machine {
            machine: processor(),
            simd: simd_level(),
            threads,
            // Where other programs have the other cores, threads are no faster than one alone: never slower.
            fma_peak_gflops: fma_peak_gflops.max(fma_peak_1_gflops),
            fma_peak_1_gflops,
            bandwidth_gbs: bandwidth_gbs.max(bandwidth_1_gbs),
            bandwidth_1_gbs,
        }
    }
}

/// The limits of the machine beside a workload, at their best: a machine that others use as well shows its best now and then, and
/// is not the same from minute to minute.
pub(super) struct Limits {
    flops: f64,
    bytes: f64,
    /// What is read to see how fast memory is, where that matters.
    values: Vec<f32>,
    /// When all was measured last.
    last: Instant,
}

impl Limits {
    /// Measures the multiply-adds, and reading so many bytes again and again, of which caches may hold a part.
    pub(super) fn measure(bytes: f64) -> Limits {
        let mut limits = Limits {
            flops: 0.0,
            bytes: 0.0,
            values: values(bytes as usize),
            last: Instant::now(),
        };
        limits.again();
        limits
    }

    /// Measures again where that is due, so that it takes a small part of the time. Whether the caches have lost what they held.
    pub(super) fn beside(&mut self) -> bool {
        let memory = !self.values.is_empty();
        let pause = Duration::from_millis(if memory { 200 } else { 20 });
        let due = self.last.elapsed() >= pause;
        if due {
            self.again();
        }
        due && memory
    }

    fn again(&mut self) {
        self.flops = self.flops.max(best(1, || multiply_add_burst(1 << 18)));
        if !self.values.is_empty() {
            self.bytes = self.bytes.max(bandwidth(1, &self.values));
        }
        self.last = Instant::now();
    }

    /// The least seconds that so many operations on so many bytes of memory can take.
    pub(super) fn least(&self, flops: f64, bytes: f64) -> f64 {
        let memory = if bytes > 0.0 { bytes / self.bytes } else { 0.0 };
        (flops / self.flops).max(memory) * 1e-9
    }
}

/// The best of some tries, in 10^9 a second. `work` says how much it did.
fn best(tries: usize, work: impl Fn() -> f64) -> f64 {
    let rate = |_| {
        let began = Instant::now();
        let done = work();
        done / began.elapsed().as_secs_f64() * 1e-9
    };
    (0..tries).map(rate).fold(0.0, f64::max)
}

fn peak() -> f64 {
    best(10, || multiply_add_burst(1 << 20))
}

/// More than any cache holds.
const LARGE: usize = 256 << 20;

fn values(bytes: usize) -> Vec<f32> {
    vec![1.0; bytes / size_of::<f32>()]
}

fn bandwidth(tries: usize, values: &[f32]) -> f64 {
    best(tries, || reading_burst(values))
}

fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}
