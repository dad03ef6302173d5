//! Aligned memory that comes back to a pool.
//!
//! A training step asks for the same sizes again and again. Freed blocks are kept by size class (eight
//! classes per doubling, so at most an eighth is wasted), one of each with every thread ([`own`]), large ones as stretches
//! that others are cut from ([`spans`]), and a steady step allocates nothing.

mod memory;
mod own;
mod spans;

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use self::memory::ALIGN;
use self::spans::{Span, Spans};

/// Types for which any bytes are a valid value: the contents of recycled memory. Sealed.
pub trait Plain: Copy + Send + Sync + 'static + sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for i8 {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
    impl Sealed for u16 {}
    impl Sealed for u32 {}
}

impl Plain for i8 {}
impl Plain for f32 {}
impl Plain for f64 {}
impl Plain for u16 {}
impl Plain for u32 {}

/// Free bytes kept for later; more than this goes back to the system.
const KEEP: usize = 2 << 30;
/// The smallest block, as a power of two.
const SMALLEST: u32 = 8;
const CLASSES: usize = ((usize::BITS - SMALLEST) * 8) as usize;

struct Pool {
    free: [Vec<Block>; CLASSES],
    large: Spans,
    kept: usize,
    /// What is called where more bytes are asked for than may be alive.
    exhausted: fn(usize) -> !,
}

struct Block(NonNull<u8>);

// SAFETY: a block in the pool is owned by the pool alone.
unsafe impl Send for Block {}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    free: [const { Vec::new() }; CLASSES],
    large: Spans::new(),
    kept: 0,
    exhausted: |_| unreachable!("no limit"),
});

/// [`PoolStats`], counted without the lock; in a cache line of their own.
#[repr(align(64))]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    in_use: AtomicUsize,
    peak: AtomicUsize,
}

static COUNTS: Counts = Counts {
    hits: AtomicU64::new(0),
    misses: AtomicU64::new(0),
    in_use: AtomicUsize::new(0),
    peak: AtomicUsize::new(0),
};
/// As many bytes may be alive.
static LIMIT: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Calls `exhausted` with the bytes that would be alive where all buffers of the process together would take more than `bytes`,
/// or the system has no more. A program that knows how much memory there is can so end with a word about it, before the
/// system ends it without one.
pub fn limit_memory(bytes: usize, exhausted: fn(usize) -> !) {
    pool().exhausted = exhausted;
    LIMIT.store(bytes, Ordering::Release);
}

fn pool() -> std::sync::MutexGuard<'static, Pool> {
    // Nothing between lock and unlock leaves the pool half changed, so a poisoned lock is still good.
    POOL.lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Where free blocks that hold so many bytes are kept: with those of a class, or nowhere if they are large.
#[derive(Clone, Copy)]
struct Kind {
    class: Option<usize>,
    /// Bytes of the block.
    size: usize,
}

impl Kind {
    fn of(bytes: usize) -> Kind {
        match memory::large(bytes) {
            Some(size) => Kind { class: None, size },
            None => {
                let (class, size) = class(bytes);
                Kind {
                    class: Some(class),
                    size,
                }
            }
        }
    }
}

impl Pool {
    fn take(&mut self, Kind { class, size }: Kind) -> Option<NonNull<u8>> {
        let found = match class {
            Some(class) => self.free[class].pop().map(|block| block.0),
            None => self.large.take(size),
        };
        self.kept -= found.map_or(0, |_| size);
        found
    }

    /// Takes note of a new mapping, of which a block takes the first `used` bytes.
    fn map(&mut self, mapping: Span, used: usize) {
        self.large.add(mapping);
        let left = mapping.bytes - used;
        if left > 0 {
            // SAFETY: inside the mapping, as more bytes follow.
            let start = unsafe { mapping.start.add(used) };
            self.large.give(Span { start, bytes: left });
            self.kept += left;
        }
    }

    /// Takes a block back, and keeps it as long as there are at most `most` bytes.
    ///
    /// # Safety
    /// The block is of this kind, and not used again.
    unsafe fn give(&mut self, block: NonNull<u8>, Kind { class, size }: Kind, most: usize) {
        self.kept += size;
        let Some(class) = class else {
            let whole = self.large.give(Span {
                start: block,
                bytes: size,
            });
            if self.kept > most && self.large.remove(whole) {
                self.kept -= whole.bytes;
                // SAFETY: a mapping is what the system gave, and all of it is free.
                unsafe { memory::give_back(whole.start, whole.bytes) };
            }
            return;
        };
        if self.kept <= most {
            self.free[class].push(Block(block));
        } else {
            self.kept -= size;
            // SAFETY: taken with the size of its class, and not used again.
            unsafe { memory::give_back(block, size) };
        }
    }
}

/// The class that holds `bytes`, and the size of its blocks.
fn class(bytes: usize) -> (usize, usize) {
    let bytes = bytes.max(1 << SMALLEST);
    // Eight equal steps between each power of two and the next.
    let octave = usize::BITS - 1 - (bytes - 1).max(1 << SMALLEST >> 1).leading_zeros();
    let step = 1usize << (octave - 3);
    let steps = bytes.div_ceil(step); // 9..=16 within the octave, 8 for the smallest block
    let class = (octave as usize + 1 - SMALLEST as usize) * 8 + steps - 16;
    (class, steps * step)
}

/// A block of elements aligned to 64 bytes, taken from the pool and given back when dropped.
pub struct Buffer<E: Plain> {
    ptr: NonNull<u8>,
    len: usize,
    element: PhantomData<E>,
}

// SAFETY: a buffer owns its memory, as a Vec does.
unsafe impl<E: Plain> Send for Buffer<E> {}
// SAFETY: a shared buffer gives shared access only, as a Vec does.
unsafe impl<E: Plain> Sync for Buffer<E> {}

impl<E: Plain> Buffer<E> {
    /// `len` elements with unspecified (but valid) contents.
    pub fn scratch(len: usize) -> Self {
        Self::take(len).0
    }

    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        let (mut buffer, fresh) = Self::take(len);
        if !fresh {
            // SAFETY: the block holds `len` elements, and zero bytes are a value of every Plain type.
            unsafe { buffer.ptr.cast::<E>().as_ptr().write_bytes(0, len) };
        }
        let _: &mut [E] = &mut buffer;
        buffer
    }

    /// The bytes, in the machine's order.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: initialised memory of so many bytes, which need no alignment.
        unsafe { std::slice::from_raw_parts(self.ptr.as_ptr(), self.len * size_of::<E>()) }
    }

    /// The bytes, for writing: any are values of a Plain type.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`, and the buffer is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.as_ptr(), self.len * size_of::<E>()) }
    }

    /// A copy of `data`.
    pub fn from_slice(data: &[E]) -> Self {
        let mut buffer = Self::scratch(data.len());
        buffer.copy_from_slice(data);
        buffer
    }

    /// The first `len` of `values`.
    ///
    /// # Panics
    /// If there are fewer.
    pub(crate) fn filled(len: usize, values: impl IntoIterator<Item = E>) -> Self {
        let (mut buffer, mut values) = (Self::scratch(len), values.into_iter());
        buffer.fill_with(|| values.next().expect("a value for each element"));
        buffer
    }

    /// Gives the memory back to the system, not to the pool: for a size that nothing asks for again.
    pub fn release(self) {
        let (ptr, bytes) = (self.ptr, self.len * size_of::<E>());
        std::mem::forget(self);
        if bytes > 0 {
            let kind = Kind::of(bytes);
            COUNTS.in_use.fetch_sub(kind.size, Ordering::Relaxed);
            // SAFETY: taken for as many bytes, and not used again.
            unsafe { pool().give(ptr, kind, 0) };
        }
    }

    /// A buffer, and whether its memory is fresh from the system (and so zero).
    fn take(len: usize) -> (Self, bool) {
        let bytes = len
            .checked_mul(size_of::<E>())
            .expect("buffer larger than the address space");
        if bytes == 0 {
            // Never read or freed; the address is a whole number of ALIGNs.
            let ptr = NonNull::without_provenance(std::num::NonZero::new(ALIGN).expect("not zero"));
            return (
                Buffer {
                    ptr,
                    len,
                    element: PhantomData,
                },
                true,
            );
        }
        let kind = Kind::of(bytes);
        let buffer = |ptr| Buffer {
            ptr,
            len,
            element: PhantomData,
        };
        let in_use = COUNTS.in_use.fetch_add(kind.size, Ordering::Relaxed) + kind.size;
        if in_use > COUNTS.peak.load(Ordering::Relaxed) {
            COUNTS.peak.fetch_max(in_use, Ordering::Relaxed);
        }
        if in_use > LIMIT.load(Ordering::Acquire) {
            exhausted(kind.size);
        }
        let own = kind.class.and_then(own::take);
        if let Some(ptr) = own.or_else(|| pool().take(kind)) {
            COUNTS.hits.fetch_add(1, Ordering::Relaxed);
            return (buffer(ptr), false);
        }
        COUNTS.misses.fetch_add(1, Ordering::Relaxed);
        let bytes = match kind.class {
            Some(_) => kind.size,
            None => memory::mapping(kind.size),
        };
        let Some(start) = memory::take(bytes) else {
            exhausted(kind.size);
        };
        if kind.class.is_none() {
            pool().map(Span { start, bytes }, kind.size);
        }
        (buffer(start), true)
    }
}

/// Tells that there is no room for a block of `size` bytes, which are counted already.
fn exhausted(size: usize) -> ! {
    let bytes = COUNTS.in_use.fetch_sub(size, Ordering::Relaxed);
    let tell = pool().exhausted;
    match LIMIT.load(Ordering::Acquire) {
        usize::MAX => memory::none_left(size),
        _ => tell(bytes),
    }
}

impl<E: Plain> Deref for Buffer<E> {
    type Target = [E];
    fn deref(&self) -> &[E] {
        // SAFETY: the block holds `len` elements, all initialised (fresh memory is zero, old memory has
        // been a Plain value before), and is owned by this buffer. An empty slice needs alignment only.
        unsafe { std::slice::from_raw_parts(self.ptr.cast::<E>().as_ptr(), self.len) }
    }
}

impl<E: Plain> DerefMut for Buffer<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        // SAFETY: as in `deref`, and the buffer is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(self.ptr.cast::<E>().as_ptr(), self.len) }
    }
}

impl<E: Plain> Clone for Buffer<E> {
    fn clone(&self) -> Self {
        Self::from_slice(self)
    }
}

impl<E: Plain + std::fmt::Debug> std::fmt::Debug for Buffer<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<E: Plain> Drop for Buffer<E> {
    fn drop(&mut self) {
        let bytes = self.len * size_of::<E>();
        if bytes == 0 {
            return;
        }
        let kind = Kind::of(bytes);
        COUNTS.in_use.fetch_sub(kind.size, Ordering::Relaxed);
        let stays = kind
            .class
            .is_some_and(|class| own::keep(class, kind.size, self.ptr));
        if !stays {
            // SAFETY: taken for as many bytes, and not used again.
            unsafe { pool().give(self.ptr, kind, KEEP) };
        }
    }
}

/// What all buffers of the process have asked for. Bytes are those of whole blocks, so they depend on what
/// is computed and not on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStats {
    /// Buffers that came from the pool.
    pub hits: u64,
    /// Buffers that came from the system.
    pub misses: u64,
    /// Bytes of the buffers alive now.
    pub in_use: usize,
    /// The most bytes alive at once since the start or the last [`reset_pool_peak`].
    pub peak: usize,
}

/// What buffers have asked for so far.
pub fn pool_stats() -> PoolStats {
    PoolStats {
        hits: COUNTS.hits.load(Ordering::Relaxed),
        misses: COUNTS.misses.load(Ordering::Relaxed),
        in_use: COUNTS.in_use.load(Ordering::Relaxed),
        peak: COUNTS.peak.load(Ordering::Relaxed),
    }
}

/// Lets [`PoolStats::peak`] begin again from the bytes alive now.
pub fn reset_pool_peak() {
    let in_use = COUNTS.in_use.load(Ordering::Relaxed);
    COUNTS.peak.store(in_use, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_blocks_are_cut_from_what_is_free() {
        // No other test takes as much, so the mapping is this one's until it is given back.
        let bytes = 100 << 20;
        let Some(size) = memory::large(bytes) else {
            return; // a system without
        };
        let whole = Buffer::<u32>::scratch(bytes / 4);
        let (start, end) = (whole.as_ptr().addr(), whole.as_ptr().addr() + size);
        drop(whole);
        let parts: Vec<_> = (0..4).map(|_| Buffer::<u32>::scratch(bytes / 16)).collect();
        let inside = |part: &Buffer<u32>| (start..end).contains(&part.as_ptr().addr());
        assert!(parts.iter().any(inside));
        drop(parts);
        let zeros = Buffer::<u32>::zeros(bytes / 4);
        assert!(zeros.iter().all(|&x| x == 0));
        zeros.release();
    }

    #[test]
    fn a_class_holds_its_bytes_and_wastes_at_most_an_eighth() {
        let mut last = (0, 0);
        for bytes in 1..100_000 {
            let (class, size) = class(bytes);
            assert!(size >= bytes && size % 32 == 0);
            assert!(
                bytes <= 256 || size - bytes <= bytes / 8,
                "{bytes} -> {size}"
            );
            assert!((class, size) == last || (class == last.0 + 1 && size > last.1) || bytes == 1);
            last = (class, size);
        }
        let (class, _) = class(isize::MAX as usize);
        assert!(class < CLASSES);
    }

    #[test]
    fn blocks_of_a_thread_that_ends_go_to_the_pool() {
        // No other test takes this size.
        let block = || Buffer::<i8>::scratch(491_000);
        let own = std::thread::spawn(move || {
            let first = block().as_ptr().addr();
            assert_eq!(block().as_ptr().addr(), first);
            first
        });
        let own = own.join().expect("no panic");
        assert_eq!(block().as_ptr().addr(), own);
    }

    #[test]
    fn zeros_are_zero_after_reuse() {
        // The last ones lie in pages of their own.
        for len in [0usize, 1, 63, 64, 65, 1000, 200_000, 1 << 19, 700_001] {
            assert!(Buffer::<f32>::zeros(len).iter().all(|&x| x == 0.0));
            let mut b = Buffer::<f32>::scratch(len);
            assert_eq!(b.as_ptr() as usize % ALIGN, 0);
            b.iter_mut().for_each(|x| *x = 7.0);
            let copy = b.clone();
            drop(b);
            assert!(Buffer::<f32>::zeros(len).iter().all(|&x| x == 0.0));
            assert!(copy.len() == len && copy.iter().all(|&x| x == 7.0));
        }
        let before = pool_stats().hits;
        drop(Buffer::<f64>::scratch(12_345));
        drop(Buffer::<f64>::scratch(12_345));
        assert!(pool_stats().hits > before);
    }
}
