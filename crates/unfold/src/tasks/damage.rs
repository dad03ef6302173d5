//! What a training or a search says about pictures that cannot be read.

use std::collections::HashSet;

use crate::data::Damage;

/// Each of the damaged pictures, once, for a report.
pub(super) fn listed<'a>(damaged: impl IntoIterator<Item = &'a Damage>) -> Vec<String> {
    let mut told = HashSet::new();
    let new = damaged.into_iter().filter(|damage| told.insert(*damage));
    new.map(Damage::to_string).collect()
}

/// What damaged pictures are told as.
pub(super) fn damage_notes(damaged: &[Damage], what: &str) -> Vec<String> {
    const TOLD: usize = 5;
    let Some(count) = (!damaged.is_empty()).then_some(damaged.len()) else {
        return Vec::new();
    };
    let some = damaged
        .iter()
        .take(TOLD)
        .map(|damage| format!("  {damage}"));
    let more = (count > TOLD).then(|| format!("  and {} more", count - TOLD));
    let pictures = if count == 1 { "picture" } else { "pictures" };
    let head = format!("{count} damaged {pictures} left out of {what}:");
    std::iter::once(head).chain(some).chain(more).collect()
}
