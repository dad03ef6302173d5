//! A mutable slice that several tasks write in disjoint places.

use std::marker::PhantomData;

/// Hands out disjoint parts of one mutable slice to concurrent tasks.
pub(crate) struct Shared<'a, E> {
    ptr: *mut E,
    len: usize,
    life: PhantomData<&'a mut [E]>,
}

// SAFETY: the parts handed out are `&mut [E]`, which may move between threads when E may; the callers of
// `part` promise that no two of them overlap.
unsafe impl<E: Send> Send for Shared<'_, E> {}
// SAFETY: as above; a shared reference gives access to disjoint parts only.
unsafe impl<E: Send> Sync for Shared<'_, E> {}

impl<'a, E> Shared<'a, E> {
    pub(crate) fn new(slice: &'a mut [E]) -> Self {
        Shared {
            ptr: slice.as_mut_ptr(),
            len: slice.len(),
            life: PhantomData,
        }
    }

    /// How many elements there are.
    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The address of an element, which may lie outside.
    #[inline(always)]
    pub(crate) fn place(&self, at: usize) -> *const E {
        self.ptr.wrapping_add(at)
    }

    /// Elements `start .. start + len`, to read.
    ///
    /// # Safety
    /// While the part lives, no part to write overlaps it.
    #[inline(always)]
    pub(crate) unsafe fn read(&self, start: usize, len: usize) -> &[E] {
        assert!(start <= self.len && len <= self.len - start);
        // SAFETY: inside the slice; written by nobody, by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.ptr.add(start), len) }
    }

    /// Elements `start .. start + len`, to write.
    ///
    /// # Safety
    /// While the part lives, no other part that overlaps it is used.
    #[inline(always)]
    #[expect(
        clippy::mut_from_ref,
        reason = "the caller promises that the parts are disjoint"
    )]
    pub(crate) unsafe fn part(&self, start: usize, len: usize) -> &mut [E] {
        assert!(start <= self.len && len <= self.len - start);
        // SAFETY: inside the slice; disjoint from every other part in use, by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.add(start), len) }
    }
}
