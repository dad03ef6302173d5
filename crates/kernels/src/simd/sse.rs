//! 128-bit registers, which every x86_64 machine has.

use std::arch::x86_64::*;

/// [`super::Vector::transpose4`] of `f32`.
///
/// # Safety
/// Each of `from` is valid for reading 4 elements, and `to` for writing 4 from each of its 4 places on.
#[inline(always)]
pub(super) unsafe fn transpose4(from: [*const f32; 4], to: *mut f32, apart: usize) {
    // SAFETY: by the caller's promise; the instructions exist everywhere.
    unsafe {
        let [mut a, mut b, mut c, mut d] = [
            _mm_loadu_ps(from[0]),
            _mm_loadu_ps(from[1]),
            _mm_loadu_ps(from[2]),
            _mm_loadu_ps(from[3]),
        ];
        _MM_TRANSPOSE4_PS(&mut a, &mut b, &mut c, &mut d);
        _mm_storeu_ps(to, a);
        _mm_storeu_ps(to.add(apart), b);
        _mm_storeu_ps(to.add(2 * apart), c);
        _mm_storeu_ps(to.add(3 * apart), d);
    }
}
