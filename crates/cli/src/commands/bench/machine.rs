//! What this machine can do at best.

use std::time::Instant;

use serde::Serialize;
use unfold_kernels::{multiply_add_burst, simd_level, sum};

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
        let values = vec![1.0f32; 64 << 20];
        let (fma_peak_gflops, bandwidth_gbs) = (peak(), bandwidth(&values));
        unfold::set_threads(1);
        let (fma_peak_1_gflops, bandwidth_1_gbs) = (peak(), bandwidth(&values));
        unfold::set_threads(threads);
        Machine {
            machine: processor(),
            simd: simd_level(),
            threads,
            // Where other programs have the other cores, threads are no faster than one alone: never slower.
            fma_peak_gflops: fma_peak_gflops.max(fma_peak_1_gflops),
            fma_peak_1_gflops,
            bandwidth_gbs,
            bandwidth_1_gbs,
        }
    }

    /// Measures the multiply-adds of all threads again: a machine that others use as well shows its best now and then.
    pub(super) fn measure_again(&mut self) {
        self.fma_peak_gflops = self.fma_peak_gflops.max(peak());
    }

    /// The least seconds that so many operations on so many bytes of memory can take.
    pub(super) fn limit(&self, flops: f64, bytes: f64) -> f64 {
        (flops / self.fma_peak_gflops).max(bytes / self.bandwidth_gbs) * 1e-9
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

fn bandwidth(values: &[f32]) -> f64 {
    best(5, || {
        std::hint::black_box(sum(values));
        size_of_val(values) as f64
    })
}

fn processor() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}
