//! Runs of words and how often they occur.

use std::collections::BTreeMap;

/// The longest runs that the metrics of captions look at.
pub(super) const LONGEST: usize = 4;

/// How often each run of 1 to [`LONGEST`] words occurs. They are ordered, so that sums over them have the same bits
/// each time.
pub(super) fn counts<'a, 'w>(words: &'a [&'w str]) -> BTreeMap<&'a [&'w str], usize> {
    let mut counts = BTreeMap::new();
    for length in 1..=LONGEST {
        for run in words.windows(length) {
            *counts.entry(run).or_default() += 1;
        }
    }
    counts
}
