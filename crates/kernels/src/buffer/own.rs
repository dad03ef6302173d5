//! Blocks that stay with a thread.
//!
//! Tasks ask for the same working room again and again. What a thread gave back last is in its own cache, where from the pool it
//! might get what another core has written, and wait for the lock meanwhile: small convolutions took three times as long on
//! two threads as on one.

use std::cell::RefCell;
use std::ptr::NonNull;

use super::{Block, CLASSES, KEEP, Kind, pool};

/// Largest block that stays: what a core's own cache holds beside others.
const LARGEST: usize = 512 << 10;

/// One block of each class, with its bytes.
struct Own([Option<(Block, usize)>; CLASSES]);

thread_local! {
    static OWN: RefCell<Own> = const { RefCell::new(Own([const { None }; CLASSES])) };
}

/// The block of this class that stayed with this thread.
pub(super) fn take(class: usize) -> Option<NonNull<u8>> {
    // A thread that ends has none.
    let block = OWN.try_with(|own| own.borrow_mut().0[class].take());
    block.ok().flatten().map(|(block, _)| block.0)
}

/// Keeps a free block of this class for this thread; gives false if it has one, or does not keep such blocks.
pub(super) fn keep(class: usize, size: usize, block: NonNull<u8>) -> bool {
    let keep = |own: &RefCell<Own>| {
        let place = &mut own.borrow_mut().0[class];
        let empty = place.is_none();
        if empty {
            *place = Some((Block(block), size));
        }
        empty
    };
    size <= LARGEST && OWN.try_with(keep).unwrap_or(false)
}

impl Drop for Own {
    fn drop(&mut self) {
        let mut pool = pool();
        for (i, block) in self.0.iter_mut().enumerate() {
            if let Some((Block(start), size)) = block.take() {
                let class = Some(i);
                // SAFETY: of this class, and not used again.
                unsafe { pool.give(start, Kind { class, size }, KEEP) };
            }
        }
    }
}
