//! `unfold bench`: how near the machine's limit kernels and whole training steps come.

mod images;
mod kernels;
mod machine;
mod passes;
mod steps;

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use self::machine::{Limits, Machine};
use crate::failure::unusable;
use crate::output;
use crate::plan::Bench;

/// One thing to measure.
struct Workload {
    name: &'static str,
    prepare: fn() -> Job,
}

/// A prepared workload.
struct Job {
    /// Floating-point operations of the matrix products, the least that a run needs.
    flops: f64,
    /// Bytes of memory that a run must read where that is what bounds it.
    bytes: f64,
    /// Runs once and says how long the part that counts took.
    run: Box<dyn FnMut() -> Duration>,
}

impl Job {
    /// A job all of whose time counts.
    fn timed(flops: f64, bytes: f64, mut work: impl FnMut() + 'static) -> Job {
        let run = move || {
            let began = Instant::now();
            work();
            began.elapsed()
        };
        Job {
            flops,
            bytes,
            run: Box::new(run),
        }
    }
}

/// What was measured.
#[derive(Serialize)]
struct Measured {
    workload: &'static str,
    median_ms: f64,
    min_ms: f64,
    gflops: f64,
    /// What the machine's limit, measured in turn with the runs, allows at best.
    limit_ms: f64,
    /// The share of that, for the median.
    of_limit: f64,
    threads: usize,
    runs: usize,
}

/// A workload is run at least so long and so often,
const ENOUGH: (Duration, usize) = (Duration::from_secs(2), 7);
/// but no longer than this where it has been run often enough for a median.
const TOO_LONG: (Duration, usize) = (Duration::from_secs(8), 3);

/// Measures the machine and the workloads.
pub(super) fn bench(plan: &Bench) -> Result<()> {
    let workloads = chosen(&plan.workloads)?;
    if plan.list {
        let names: String = workloads.iter().map(|w| w.name.to_owned() + "\n").collect();
        return output::print(&names);
    }
    let machine = Machine::measure();
    output::print(&if plan.json {
        serde_json::to_string(&machine)? + "\n"
    } else {
        heading(&machine)
    })?;
    for workload in workloads {
        let measured = measure(workload, machine.threads);
        output::print(&if plan.json {
            serde_json::to_string(&measured)? + "\n"
        } else {
            row(&measured)
        })?;
    }
    Ok(())
}

/// The workloads of the given names; all without any.
fn chosen(names: &[String]) -> Result<Vec<Workload>> {
    let all = || {
        let alone = kernels::ALL.into_iter().chain(passes::ALL);
        alone.chain(steps::ALL).chain(images::ALL)
    };
    if names.is_empty() {
        return Ok(all().collect());
    }
    let find = |name: &String| {
        all().find(|w| w.name == name).ok_or_else(|| {
            let problem = format!("{name}: there is no such workload");
            unusable(problem, "`unfold bench --list` names them")
        })
    };
    names.iter().map(find).collect()
}

fn measure(workload: Workload, threads: usize) -> Measured {
    let mut job = (workload.prepare)();
    for _ in 0..2 {
        (job.run)();
    }
    let mut limits = Limits::measure(job.bytes);
    let (began, mut times) = (Instant::now(), Vec::new());
    let done = |times: &Vec<f64>, (time, runs): (Duration, usize)| {
        began.elapsed() >= time && times.len() >= runs
    };
    while !done(&times, ENOUGH) && !done(&times, TOO_LONG) {
        if limits.beside() {
            (job.run)();
        }
        times.push((job.run)().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let least = limits.least(job.flops, job.bytes);
    Measured {
        workload: workload.name,
        median_ms: median * 1e3,
        min_ms: times[0] * 1e3,
        gflops: job.flops / median * 1e-9,
        limit_ms: least * 1e3,
        of_limit: least / median,
        threads,
        runs: times.len(),
    }
}

fn heading(machine: &Machine) -> String {
    let Machine {
        machine,
        simd,
        threads,
        fma_peak_gflops,
        fma_peak_1_gflops,
        bandwidth_gbs,
        bandwidth_1_gbs,
    } = machine;
    let one = if *threads == 1 { "thread" } else { "threads" };
    format!(
        "{machine}, {simd}, {threads} {one}\n\
         multiply-adds  {fma_peak_gflops:7.1} GFLOP/s  ({fma_peak_1_gflops:.1} on one thread)\n\
         memory         {bandwidth_gbs:7.1} GB/s     ({bandwidth_1_gbs:.1} on one thread)\n\n\
         {:<29} {:>10} {:>10} {:>9} {:>9} {:>9}\n",
        "workload", "median ms", "least ms", "GFLOP/s", "of limit", "at best"
    )
}

fn row(measured: &Measured) -> String {
    let Measured {
        workload,
        median_ms,
        min_ms,
        gflops,
        limit_ms,
        of_limit,
        ..
    } = measured;
    let shares = [*of_limit, limit_ms / min_ms].map(|share| share * 100.0);
    // What memory alone bounds does no products.
    let gflops = match *gflops {
        0.0 => "-".to_owned(),
        gflops => format!("{gflops:.1}"),
    };
    let [usual, best] = shares;
    format!(
        "{workload:<29} {median_ms:>10.2} {min_ms:>10.2} {gflops:>9} {usual:>7.1} % {best:>7.1} %\n"
    )
}
