//! Who computes which sequences and which units of a recurrence.

use std::ops::Range;

use super::panels::Panels;
use crate::float::Float;
use crate::seq::Ragged;
use crate::simd::Vector;
use crate::team::{Member, team};
use crate::threads::{parallel_if, threads};

/// Fewest sequences of a thread when sequences are dealt out.
const FEWEST: usize = 6;
/// Fewest multiply-adds of a thread between two meetings: several times what a meeting costs.
const WORTH: usize = 1 << 16;

/// One thread's share: of the sequences `first`, `first + every`, .. the part `part` of `parts` of all units.
#[derive(Clone, Copy)]
pub(super) struct Share {
    first: usize,
    pub(super) every: usize,
    part: usize,
    parts: usize,
}

/// Runs every thread's share of every direction, of which each has such weights, through all steps.
///
/// Directions are side by side. With enough sequences each thread has its own and never waits: on a machine that does
/// other work as well, a meeting costs more than reading all weights from a near cache. With few, or with weights that no
/// near cache holds, the threads of a direction take some units of all sequences each, and meet after every step. `run`
/// gets the direction and what to call after a step.
pub(super) fn deal<E: Float>(
    seq: &Ragged,
    directions: usize,
    panels: &Panels<E>,
    run: impl Fn(usize, Share, &dyn Fn()) + Sync,
) {
    let each = (threads() / directions).max(1);
    let weights = panels.k * panels.d * panels.gates;
    let apart = each.min(seq.batch() / FEWEST).max(1);
    let parts = each.min(seq.batch() * weights / WORTH).max(1);
    if parts == 1 || apart > 1 && panels.near() {
        let worth = directions * seq.rows() * weights >= WORTH;
        return parallel_if(worth, directions * apart, |i| {
            let share = Share {
                first: i / directions,
                every: apart,
                part: 0,
                parts: 1,
            };
            run(i % directions, share, &|| {});
        });
    }
    team(directions * parts, |member: &Member<'_>| {
        let share = |part, parts| Share {
            first: 0,
            every: 1,
            part,
            parts,
        };
        let meet = || member.meet();
        if member.count < directions {
            // Who came goes through one direction after the other.
            let share = share(member.index, member.count);
            return (0..directions).for_each(|direction| run(direction, share, &meet));
        }
        let direction = member.index % directions;
        let parts = (member.count - direction).div_ceil(directions);
        run(direction, share(member.index / directions, parts), &meet);
    });
}

impl Share {
    /// How many of the sequences `0 .. n` are in the share.
    #[inline(always)]
    pub(super) fn rows(&self, n: usize) -> usize {
        n.saturating_sub(self.first).div_ceil(self.every)
    }

    /// The share's sequence `i`.
    #[inline(always)]
    pub(super) fn sequence(&self, i: usize) -> usize {
        self.first + i * self.every
    }

    /// This thread's part of so many panels.
    #[inline(always)]
    pub(super) fn panels(&self, count: usize) -> Range<usize> {
        count * self.part / self.parts..count * (self.part + 1) / self.parts
    }
}

/// Most tiles that meet the weights together: their rows stay in a near cache.
pub(super) const TOGETHER: usize = 8;

/// The tiles of stretches of rows: as few as possible in each, of equal height.
pub(super) struct Tiles<const N: usize> {
    stretches: [Range<usize>; N],
    counts: [usize; N],
}

impl<const N: usize> Tiles<N> {
    #[inline(always)]
    pub(super) fn of<V: Vector>(stretches: [Range<usize>; N]) -> Self {
        let mut counts = [0; N];
        for (count, rows) in counts.iter_mut().zip(&stretches) {
            *count = rows.len().div_ceil(V::TILE_ROWS);
        }
        Tiles { stretches, counts }
    }

    /// The tiles in groups that have at most so many rows, or one tile.
    #[inline(always)]
    pub(super) fn groups<V: Vector>(&self, rows: usize) -> impl Iterator<Item = Range<usize>> {
        let count: usize = self.counts.iter().sum();
        let most = (rows / V::TILE_ROWS).clamp(1, TOGETHER);
        let groups = count.div_ceil(most);
        (0..groups).map(move |i| count * i / groups..count * (i + 1) / groups)
    }

    /// The rows of tile `i`, and which stretch they are of.
    #[inline(always)]
    pub(super) fn get(&self, mut i: usize) -> (Range<usize>, usize) {
        let mut stretch = 0;
        while i >= self.counts[stretch] {
            i -= self.counts[stretch];
            stretch += 1;
        }
        let (rows, count) = (&self.stretches[stretch], self.counts[stretch]);
        let from = |i: usize| rows.start + rows.len() * i / count;
        (from(i)..from(i + 1), stretch)
    }
}
