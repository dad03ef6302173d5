//! Threads that work side by side and meet after every step of a job.
//!
//! Who is in a team is settled when the job starts: a thread that the machine keeps busy elsewhere is not
//! waited for. The work is cut among those who came; each output is computed by one of them in one fixed
//! order, so their number never shows in the results.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::threads::{inside, parallel, threads};

/// Set in `Team::seats` once the team is complete.
const CLOSED: usize = 1 << (usize::BITS - 1);
/// Turns of the wait loop before the first member starts with those who came: some wake-ups' time.
const WAIT: u32 = 8000;
/// Turns of a wait loop before a thread gives its core away.
const PATIENCE: u32 = 4000;

#[derive(Default)]
struct Team {
    /// How many have come; with `CLOSED`, for good.
    seats: AtomicUsize,
    /// How often members have come to a meeting.
    arrived: AtomicUsize,
    /// A member panicked.
    broken: AtomicBool,
}

/// One thread of a team.
pub(crate) struct Member<'a> {
    /// Its number, below `count`.
    pub(crate) index: usize,
    /// How many members there are.
    pub(crate) count: usize,
    team: &'a Team,
    /// Arrivals after which the last meeting is over.
    met: Cell<usize>,
}

/// Runs `work` once on each of at most `most` threads.
pub(crate) fn team(most: usize, work: impl Fn(&Member<'_>) + Sync) {
    let most = if inside() { 1 } else { most.min(threads()) };
    let team = Team::default();
    parallel(most.max(1), |_| {
        if let Some((index, count)) = team.join(most.max(1)) {
            work(&Member {
                index,
                count,
                team: &team,
                met: Cell::new(0),
            });
        }
    });
}

impl Team {
    /// A seat and the number of seats; `None` when the others have begun.
    fn join(&self, most: usize) -> Option<(usize, usize)> {
        let open = |seats: usize| (seats & CLOSED == 0).then_some(seats + 1);
        let order = (Ordering::AcqRel, Ordering::Acquire);
        let index = self.seats.fetch_update(order.0, order.1, open).ok()?;
        if index == 0 {
            let mut turns = 0;
            while self.seats.load(Ordering::Acquire) < most && turns < WAIT {
                std::hint::spin_loop();
                turns += 1;
            }
            return Some((0, self.seats.fetch_or(CLOSED, Ordering::AcqRel)));
        }
        let mut turns = 0;
        loop {
            let seats = self.seats.load(Ordering::Acquire);
            if seats & CLOSED != 0 {
                return Some((index, seats & !CLOSED));
            }
            pause(&mut turns);
        }
    }
}

/// A turn of a wait loop: patient at first, then the core is given away.
fn pause(turns: &mut u32) {
    *turns = turns.saturating_add(1);
    if *turns < PATIENCE {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

impl Member<'_> {
    /// Waits until every member is here. What each wrote before, all may read after.
    ///
    /// # Panics
    /// If another member has panicked.
    pub(crate) fn meet(&self) {
        let goal = self.met.get() + self.count;
        self.met.set(goal);
        self.team.arrived.fetch_add(1, Ordering::AcqRel);
        let mut turns = 0;
        while self.team.arrived.load(Ordering::Acquire) < goal {
            assert!(
                !self.team.broken.load(Ordering::Relaxed),
                "another thread of the team panicked"
            );
            pause(&mut turns);
        }
    }
}

impl Drop for Member<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.team.broken.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::with_threads;

    #[test]
    fn no_member_runs_ahead() {
        for threads in [1, 2, 3] {
            with_threads(threads, || {
                let steps: Vec<AtomicUsize> = (0..300).map(|_| AtomicUsize::new(0)).collect();
                team(threads, |member| {
                    for step in &steps {
                        step.fetch_add(1, Ordering::Relaxed);
                        member.meet();
                        assert_eq!(step.load(Ordering::Relaxed), member.count);
                        assert!(member.index < member.count && member.count <= threads);
                    }
                });
                assert!(steps[0].load(Ordering::Relaxed) >= 1);
            });
        }
    }

    #[test]
    fn inside_a_job_a_team_is_one() {
        with_threads(3, || {
            parallel(3, |_| team(3, |member| assert_eq!(member.count, 1)));
        });
    }

    #[test]
    fn a_panic_reaches_every_member() {
        with_threads(2, || {
            let result = std::panic::catch_unwind(|| {
                team(2, |member| {
                    assert!(member.index > 0, "the first");
                    member.meet();
                });
            });
            assert!(result.is_err());
            team(2, |member| member.meet());
        });
    }
}
