//! Large memory: blocks are cut from mappings, and what is free lies joined again.
//!
//! The largest values of a network's first layers and the many smaller ones of its last are not needed at once: what one part of
//! a step gives back serves another, whatever their sizes.

use std::ptr::NonNull;

/// A stretch of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: NonNull<u8>,
    pub(super) bytes: usize,
}

// SAFETY: who has a span owns the memory alone.
unsafe impl Send for Span {}

impl Span {
    /// The address after the last byte.
    fn end(&self) -> usize {
        self.start.addr().get() + self.bytes
    }
}

/// All mappings, and the stretches of them that are free; both by address.
pub(super) struct Spans {
    mappings: Vec<Span>,
    free: Vec<Span>,
}

impl Spans {
    pub(super) const fn new() -> Self {
        Spans {
            mappings: Vec::new(),
            free: Vec::new(),
        }
    }

    /// The beginning of the smallest free stretch that holds so many bytes: so large ones stay whole for large blocks.
    pub(super) fn take(&mut self, bytes: usize) -> Option<NonNull<u8>> {
        let fits = self.free.iter().enumerate();
        let fits = fits.filter(|(_, span)| span.bytes >= bytes);
        let (i, span) = fits.min_by_key(|(_, span)| span.bytes)?;
        let (start, left) = (span.start, span.bytes - bytes);
        if left == 0 {
            self.free.remove(i);
        } else {
            // SAFETY: inside the mapping, as more bytes follow.
            let start = unsafe { start.add(bytes) };
            self.free[i] = Span { start, bytes: left };
        }
        Some(start)
    }

    /// Takes note of a mapping, all of which is in use.
    pub(super) fn add(&mut self, mapping: Span) {
        let at = self.mappings.partition_point(|m| m.start < mapping.start);
        self.mappings.insert(at, mapping);
    }

    /// Takes a block back, and gives the free stretch that it is part of now.
    pub(super) fn give(&mut self, block: Span) -> Span {
        let at = self.free.partition_point(|span| span.start < block.start);
        let mut whole = block;
        let mut joined = at..at;
        // Mappings that happen to lie side by side stay apart, for they go back to the system alone.
        if let Some(next) = self.free.get(at)
            && next.start.addr().get() == block.end()
            && !self.begins(next.start)
        {
            whole.bytes += next.bytes;
            joined.end += 1;
        }
        if let Some(before) = at.checked_sub(1).map(|before| self.free[before])
            && before.end() == block.start.addr().get()
            && !self.begins(block.start)
        {
            whole = Span {
                start: before.start,
                bytes: before.bytes + whole.bytes,
            };
            joined.start -= 1;
        }
        self.free.splice(joined, [whole]);
        whole
    }

    /// Forgets a free stretch if it is a mapping, which it says.
    pub(super) fn remove(&mut self, span: Span) -> bool {
        let is = |list: &[Span]| list.iter().position(|s| *s == span);
        let (Some(mapping), Some(free)) = (is(&self.mappings), is(&self.free)) else {
            return false;
        };
        self.mappings.remove(mapping);
        self.free.remove(free);
        true
    }

    /// Whether a mapping begins here.
    fn begins(&self, start: NonNull<u8>) -> bool {
        self.mappings
            .binary_search_by(|m| m.start.cmp(&start))
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    fn span(start: &mut [u8]) -> Span {
        Span {
            start: NonNull::from(&mut *start).cast(),
            bytes: start.len(),
        }
    }

    #[test]
    fn blocks_lie_apart_and_join_to_mappings() {
        let mut random = Random::new(5);
        let mut memory = vec![0u8; 3000];
        let (left, right) = memory.split_at_mut(1000);
        // Side by side, and yet never one.
        let mappings = [span(left), span(right)];
        let mut spans = Spans::new();
        for mapping in mappings {
            spans.add(mapping);
            spans.give(mapping);
        }
        let mut blocks: Vec<Span> = Vec::new();
        for _ in 0..2000 {
            if !blocks.is_empty() && random.below(2) == 0 {
                let block = blocks.swap_remove(random.below(blocks.len()));
                let whole = spans.give(block);
                assert!(whole.start <= block.start && whole.end() >= block.end());
            } else {
                let bytes = 1 + random.below(400);
                let Some(start) = spans.take(bytes) else {
                    assert!(spans.free.iter().all(|free| free.bytes < bytes));
                    continue;
                };
                let block = Span { start, bytes };
                let inside = |m: &Span| m.start <= start && block.end() <= m.end();
                assert!(mappings.iter().any(inside), "in one mapping");
                let apart =
                    |b: &Span| b.end() <= start.addr().get() || block.end() <= b.start.addr().get();
                assert!(blocks.iter().all(apart));
                blocks.push(block);
            }
        }
        blocks.into_iter().for_each(|block| {
            spans.give(block);
        });
        assert_eq!(spans.free, mappings);
        assert!(spans.remove(mappings[1]) && !spans.remove(mappings[1]));
        assert_eq!(spans.take(2000), None);
        assert_eq!(spans.take(1000), Some(mappings[0].start));
    }

    #[test]
    fn the_smallest_stretch_that_fits_is_cut() {
        let (mut large, mut small) = (vec![0u8; 500], vec![0u8; 100]);
        let (large, small) = (span(&mut large), span(&mut small));
        let mut spans = Spans::new();
        for mapping in [large, small] {
            spans.add(mapping);
            spans.give(mapping);
        }
        assert_eq!(spans.take(90), Some(small.start));
        assert_eq!(spans.take(500), Some(large.start));
    }
}
