//! `unfold bench`.

use clap::Args;

use super::Kernels;

const BENCH_EXAMPLES: &str = "\
EXAMPLES
  unfold bench                                    everything, in some minutes
  unfold bench lstm_ptb_small_train gemm_1024     these alone
  unfold bench --threads 1 --json > one-thread.jsonl

OUTPUT
  First what the machine can do: multiply-adds in registers, and reading memory. Then for each workload
  its time, the operations of its matrix products a second, and the share of the limit that it reaches:
  usually (by the median time) and at best. The limit is measured again in turn with the runs.

ENVIRONMENT
  UNFOLD_SIMD  the instructions to use in place of the machine's best: scalar, avx2, avx512 or neon";

/// `unfold bench`.
#[derive(Debug, Args)]
#[command(after_help = BENCH_EXAMPLES)]
pub(crate) struct Bench {
    /// What to measure [default: everything; --list names it]
    pub(crate) workloads: Vec<String>,
    /// Name the workloads and measure nothing
    #[arg(long)]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) kernels: Kernels,
    /// Print one JSON object for the machine and one for each workload
    #[arg(long)]
    pub(crate) json: bool,
}
