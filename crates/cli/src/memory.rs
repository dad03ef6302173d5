//! What asks for more memory than there is ends with a word about it, not by the system's hand.

use std::sync::OnceLock;

use crate::failure::FAILED;
use crate::tell::tell;

static AVAILABLE: OnceLock<usize> = OnceLock::new();

/// Ends the program where networks and their batches would take more memory than the machine has. Nothing where the system
/// does not tell how much that is.
pub(crate) fn watch() {
    if let Some(bytes) = available() {
        unfold::limit_memory(*AVAILABLE.get_or_init(|| bytes), exhausted);
    }
}

fn exhausted(needed: usize) -> ! {
    let gib = |bytes: usize| bytes as f64 / f64::from(1 << 30);
    tell!(
        "error: the memory does not suffice: {:.1} GiB and more are needed, and there are {:.1}\n  \
         make train.batch_size smaller, or the pictures (input.size), the texts (max_length, train.window) or the network; \
         what was saved before is kept",
        gib(needed),
        gib(AVAILABLE.get().copied().unwrap_or(0)),
    );
    std::process::exit(FAILED.into());
}

/// The bytes that the program may use: those of the machine, or of its share of it.
fn available() -> Option<usize> {
    let machine = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = machine
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: usize = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let share = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let share = share.and_then(|share| share.trim().parse().ok());
    Some(share.unwrap_or(usize::MAX).min(kib << 10))
}
