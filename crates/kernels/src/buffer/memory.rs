//! Memory from the system, all zeros.
//!
//! Large blocks on Linux are made of huge pages where the system allows: each page that is first touched costs the system
//! microseconds, and each that is read a place in a small table of the processor.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// A cache line, and the widest vector register.
pub(super) const ALIGN: usize = 64;

/// Fewest bytes of a block that is part of a mapping, and what its size is a multiple of: at most an eighth is wasted.
const LARGE: usize = 512 << 10;
const ROUND: usize = 64 << 10;

/// The bytes of a block that is part of a mapping, if so many are worth it.
pub(super) fn large(bytes: usize) -> Option<usize> {
    let worth = bytes >= LARGE && pages::worth(mapping(bytes));
    worth.then(|| bytes.next_multiple_of(ROUND))
}

/// The bytes of a new mapping for a large block: at least a huge page.
pub(super) fn mapping(bytes: usize) -> usize {
    bytes.max(2 << 20)
}

/// Zeros: `bytes > 0` of them, at a multiple of [`ALIGN`]. Nothing where there is no memory left.
pub(super) fn take(bytes: usize) -> Option<NonNull<u8>> {
    match pages::worth(bytes) {
        true => pages::take(bytes),
        // SAFETY: the size is not zero.
        false => NonNull::new(unsafe { alloc_zeroed(layout(bytes)) }),
    }
}

/// Ends the process, as there is no memory left.
pub(super) fn none_left(bytes: usize) -> ! {
    handle_alloc_error(layout(bytes))
}

/// Gives a block back to the system.
///
/// # Safety
/// `block` came from [`take`] with as many `bytes`, and is not used again.
pub(super) unsafe fn give_back(block: NonNull<u8>, bytes: usize) {
    match pages::worth(bytes) {
        // SAFETY: as the caller promises.
        true => unsafe { pages::give_back(block, bytes) },
        // SAFETY: as the caller promises.
        false => unsafe { dealloc(block.as_ptr(), layout(bytes)) },
    }
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, ALIGN).expect("buffer larger than the address space")
}

#[cfg(all(target_os = "linux", not(miri)))]
mod pages {
    use std::ptr::{NonNull, null_mut};

    /// Bytes of a huge page on x86_64, and of most on aarch64.
    const HUGE: usize = 2 << 20;

    /// Whether a block is worth pages of its own.
    pub(super) fn worth(bytes: usize) -> bool {
        bytes >= HUGE
    }

    /// Fresh pages that begin at a multiple of a huge one.
    pub(super) fn take(bytes: usize) -> Option<NonNull<u8>> {
        let room = bytes.checked_add(HUGE)?;
        let (access, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
        );
        // SAFETY: a new mapping wherever the system likes.
        let start = unsafe { libc::mmap(null_mut(), room, access, kind, -1, 0) };
        if start == libc::MAP_FAILED {
            return None;
        }
        let before = start.align_offset(HUGE);
        let block = start.wrapping_byte_add(before);
        let end = block.wrapping_byte_add(whole(bytes));
        let after = room - before - whole(bytes);
        // SAFETY: whole pages at both ends of the mapping, of which nobody knows. Where the advice is not taken, pages are
        // small: not an error.
        unsafe {
            if before > 0 {
                libc::munmap(start, before);
            }
            if after > 0 {
                libc::munmap(end, after);
            }
            libc::madvise(block, whole(bytes), libc::MADV_HUGEPAGE);
        }
        NonNull::new(block.cast())
    }

    /// # Safety
    /// `block` came from [`take`] with as many `bytes`, and is not used again.
    pub(super) unsafe fn give_back(block: NonNull<u8>, bytes: usize) {
        // SAFETY: the mapping that `take` left.
        unsafe { libc::munmap(block.as_ptr().cast(), whole(bytes)) };
    }

    /// Whole pages of any size that Linux uses.
    fn whole(bytes: usize) -> usize {
        bytes.next_multiple_of(64 << 10)
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod pages {
    use std::ptr::NonNull;

    pub(super) fn worth(_: usize) -> bool {
        false
    }

    pub(super) fn take(_: usize) -> Option<NonNull<u8>> {
        None
    }

    /// # Safety
    /// Never called.
    pub(super) unsafe fn give_back(_: NonNull<u8>, _: usize) {}
}
