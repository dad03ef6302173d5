//! How a product is cut into tasks.

use std::ops::Range;

use super::KC;
use crate::threads::threads;

/// Most rows of a task, a whole number of tiles.
pub(super) const ROWS: usize = 768;
/// Most elements of a task's packed rows: what a second-level cache holds beside other things.
const BLOCK: usize = 1 << 18;
/// Most rows of a task that reads them where they lie.
const UNPACKED: usize = 192;
/// Fewest columns for which a task's rows are packed.
pub(super) const WIDE: usize = 256;
/// Elements of a right factor that no core's own cache keeps from one use to the next.
const HEAVY: usize = 1 << 16;
/// Rows and columns that are cut together: whole tiles of any vectors.
const UNIT: [usize; 2] = [12, 32];
/// Tasks wanted for each thread, so that all finish together.
const EACH: usize = 3;

/// Whether a product takes its time to bring the right factor: few rows meet it, so each task should read its own columns, once
/// and ahead of time.
pub(super) fn heavy((m, n, k): (usize, usize, usize)) -> bool {
    k * n > HEAVY && n > m
}

/// Parts that rows and columns are cut into: of how many never shows in the results, since each element is summed in one
/// order.
///
/// Wide tasks pack their rows for many columns, high ones a `plain` right factor for many rows.
pub(super) fn cut((m, n, k): (usize, usize, usize), plain: bool) -> [usize; 2] {
    let units = [m.div_ceil(UNIT[0]), n.div_ceil(UNIT[1])];
    let steps = k.div_ceil(k.div_ceil(KC).max(1)).max(1);
    let most = if n < WIDE { UNPACKED } else { ROWS };
    let most = most.min(BLOCK / steps) / UNIT[0];
    let mut parts = [units[0].div_ceil(most.max(1)), 1];
    let wanted = EACH * threads();
    let few = if plain || heavy((m, n, k)) { 96 } else { 24 };
    while parts[0] * parts[1] < wanted {
        let [rows, cols] = [0, 1].map(|axis| units[axis].div_ceil(parts[axis]) * UNIT[axis]);
        let idle = parts[0] * parts[1] < threads();
        let axis = if cols >= 2 * WIDE && (cols > rows || rows < 2 * few) {
            1
        } else if rows >= 2 * few {
            0
        } else if cols >= 2 * WIDE || idle && cols > UNIT[1] {
            1
        } else if idle && rows > 2 * UNIT[0] {
            0
        } else {
            break;
        };
        parts[axis] = (2 * parts[axis]).min(units[axis]);
    }
    parts
}

/// The rows and columns of a task, of `parts` of an `[m, n]` product.
pub(super) fn part(size: [usize; 2], parts: [usize; 2], task: usize) -> [Range<usize>; 2] {
    let index = [task / parts[1], task % parts[1]];
    [0, 1].map(|axis| {
        // Of nearly equal length, whole units but for the last.
        let (len, unit) = (size[axis], UNIT[axis]);
        let units = len.div_ceil(unit);
        let place = |index: usize| len.min(units * index / parts[axis] * unit);
        place(index[axis])..place(index[axis] + 1)
    })
}
