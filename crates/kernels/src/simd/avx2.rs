//! 256-bit vectors with fused multiply-add.

use std::arch::x86_64::*;

use super::{MAX_LANES, Vector, math, sse};
use crate::float::Float;

/// Eight `f32`.
#[derive(Clone, Copy)]
pub(super) struct F32x8(__m256);

/// Four `f64`.
#[derive(Clone, Copy)]
pub(super) struct F64x4(__m256d);

/// The first `n` of eight 32-bit lanes, as a mask.
#[inline(always)]
fn mask32(n: usize) -> __m256i {
    const TABLE: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    debug_assert!(n <= 8);
    // SAFETY: eight entries from place 8 - n (n is at most 8) lie inside the table.
    unsafe { _mm256_loadu_si256(TABLE.as_ptr().add(8 - n.min(8)).cast()) }
}

/// The first `n` of four 64-bit lanes, as a mask.
#[inline(always)]
fn mask64(n: usize) -> __m256i {
    const TABLE: [i64; 8] = [-1, -1, -1, -1, 0, 0, 0, 0];
    debug_assert!(n <= 4);
    // SAFETY: four entries from place 4 - n (n is at most 4) lie inside the table.
    unsafe { _mm256_loadu_si256(TABLE.as_ptr().add(4 - n.min(4)).cast()) }
}

/// Stores the first `n` lanes: in halves, for AMD's processors take a dozen cycles and more for a store under a mask.
///
/// # Safety
/// `p` is valid for writing `n` elements, and the instructions exist.
#[inline(always)]
unsafe fn store_first32(mut p: *mut f32, n: usize, x: __m256) {
    debug_assert!(n <= 8);
    // SAFETY: 8, or 4 + 2 + 1 elements as bits of `n` say, by the caller's promise.
    unsafe {
        if n >= 8 {
            return _mm256_storeu_ps(p, x);
        }
        let mut x4 = _mm256_castps256_ps128(x);
        if n & 4 != 0 {
            _mm_storeu_ps(p, x4);
            (p, x4) = (p.add(4), _mm256_extractf128_ps::<1>(x));
        }
        if n & 2 != 0 {
            _mm_storel_pd(p.cast(), _mm_castps_pd(x4));
            (p, x4) = (p.add(2), _mm_movehl_ps(x4, x4));
        }
        if n & 1 != 0 {
            _mm_store_ss(p, x4);
        }
    }
}

/// As [`store_first32`], of four lanes.
///
/// # Safety
/// As there.
#[inline(always)]
unsafe fn store_first64(mut p: *mut f64, n: usize, x: __m256d) {
    debug_assert!(n <= 4);
    // SAFETY: 4, or 2 + 1 elements as bits of `n` say, by the caller's promise.
    unsafe {
        if n >= 4 {
            return _mm256_storeu_pd(p, x);
        }
        let mut x2 = _mm256_castpd256_pd128(x);
        if n & 2 != 0 {
            _mm_storeu_pd(p, x2);
            (p, x2) = (p.add(2), _mm256_extractf128_pd::<1>(x));
        }
        if n & 1 != 0 {
            _mm_store_sd(p, x2);
        }
    }
}

/// The methods whose intrinsics differ by suffix only. All of them run only inside `dispatch` (see the
/// module `simd`), on a machine that has the instructions.
macro_rules! common {
    ($wrap:ident, $elem:ty, $mask:ident, $set1:ident, $loadu:ident, $storeu:ident, $maskload:ident,
     $store_first:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $fma:ident, $max:ident, $min:ident,
     $sqrt:ident, $round:ident, $cmp:ident, $blend:ident) => {
        #[inline(always)]
        fn splat(x: $elem) -> Self {
            // SAFETY: runs only where the instructions exist.
            unsafe { $wrap($set1(x)) }
        }
        #[inline(always)]
        unsafe fn load(p: *const $elem) -> Self {
            // SAFETY: the caller's pointer covers a whole vector; the instructions exist.
            unsafe { $wrap($loadu(p)) }
        }
        #[inline(always)]
        unsafe fn store(self, p: *mut $elem) {
            // SAFETY: the caller's pointer covers a whole vector; the instructions exist.
            unsafe { $storeu(p, self.0) }
        }
        #[inline(always)]
        unsafe fn load_part(p: *const $elem, n: usize) -> Self {
            // SAFETY: the mask keeps the access to the caller's first `n` elements.
            unsafe { $wrap($maskload(p, $mask(n))) }
        }
        #[inline(always)]
        unsafe fn store_part(self, p: *mut $elem, n: usize) {
            // SAFETY: only the caller's first `n` elements are written; the instructions exist.
            unsafe { $store_first(p, n, self.0) }
        }
        #[inline(always)]
        fn add(self, o: Self) -> Self {
            // SAFETY: runs only where the instructions exist.
            unsafe { $wrap($add(self.0, o.0)) }
        }
        #[inline(always)]
        fn sub(self, o: Self) -> Self {
            // SAFETY: runs only where the instructions exist.
            unsafe { $wrap($sub(self.0, o.0)) }
        }
        #[inline(always)]
        fn mul(self, o: Self) -> Self {
            // SAFETY: runs only where the instructions exist.
            unsafe { $wrap($mul(self.0, o.0)) }
        }
        #[inline(always)]
        fn div(self, o: Self) -> Self {
            // SAFETY: runs only where the instructions exist.
            unsafe { $wrap($div(self.0, o.0)) }
        }
        #[inline(always)]
        fn mul_add(self, a: Self, b: Self) -> Self {
            // SAFETY: runs only where the instructions exist.
            unsafe { $wrap($fma(self.0, a.0, b.0)) }
        }
        #[inline(always)]
        fn max(self, o: Self) -> Self {
            // SAFETY: runs only where the instructions exist.
            unsafe { $wrap($max(self.0, o.0)) }
        }
        #[inline(always)]
        fn min(self, o: Self) -> Self {
            // SAFETY: runs only where the instructions exist.
            unsafe { $wrap($min(self.0, o.0)) }
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            // SAFETY: runs only where the instructions exist.
            unsafe { $wrap($sqrt(self.0)) }
        }
        #[inline(always)]
        fn round(self) -> Self {
            // SAFETY: runs only where the instructions exist.
            unsafe {
                $wrap($round::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(
                    self.0,
                ))
            }
        }
        #[inline(always)]
        fn select_gt(self, o: Self, yes: Self, no: Self) -> Self {
            // SAFETY: runs only where the instructions exist.
            unsafe { $wrap($blend(no.0, yes.0, $cmp::<_CMP_GT_OQ>(self.0, o.0))) }
        }
        #[inline(always)]
        fn to_array(self) -> [$elem; MAX_LANES] {
            let mut a = [0.0; MAX_LANES];
            // SAFETY: the array has room for a whole vector; the instructions exist.
            unsafe { $storeu(a.as_mut_ptr(), self.0) };
            a
        }
    };
}

impl Vector for F32x8 {
    type Elem = f32;
    const LANES: usize = 8;
    const TILE_ROWS: usize = 6;

    common!(
        F32x8,
        f32,
        mask32,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_maskload_ps,
        store_first32,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_mul_ps,
        _mm256_div_ps,
        _mm256_fmadd_ps,
        _mm256_max_ps,
        _mm256_min_ps,
        _mm256_sqrt_ps,
        _mm256_round_ps,
        _mm256_cmp_ps,
        _mm256_blendv_ps
    );

    #[inline(always)]
    unsafe fn transpose4(from: [*const f32; 4], to: *mut f32, apart: usize) {
        // SAFETY: by the caller's promise.
        unsafe { sse::transpose4(from, to, apart) }
    }
    #[inline(always)]
    fn pow2(self) -> Self {
        // SAFETY: runs only where the instructions exist.
        unsafe {
            let n = _mm256_add_epi32(_mm256_cvtps_epi32(self.0), _mm256_set1_epi32(127));
            F32x8(_mm256_castsi256_ps(_mm256_slli_epi32::<23>(n)))
        }
    }
    #[inline(always)]
    fn exp(self) -> Self {
        math::exp(self)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        math::tanh(self)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        math::sigmoid(self)
    }
    #[inline(always)]
    fn normal_cdf(self) -> Self {
        math::normal_cdf(self)
    }
}

impl Vector for F64x4 {
    type Elem = f64;
    const LANES: usize = 4;
    const TILE_ROWS: usize = 6;

    common!(
        F64x4,
        f64,
        mask64,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_maskload_pd,
        store_first64,
        _mm256_add_pd,
        _mm256_sub_pd,
        _mm256_mul_pd,
        _mm256_div_pd,
        _mm256_fmadd_pd,
        _mm256_max_pd,
        _mm256_min_pd,
        _mm256_sqrt_pd,
        _mm256_round_pd,
        _mm256_cmp_pd,
        _mm256_blendv_pd
    );

    #[inline(always)]
    fn pow2(self) -> Self {
        math::lanes(self, Vector::pow2)
    }
    #[inline(always)]
    fn exp(self) -> Self {
        math::lanes(self, Float::exp)
    }
    #[inline(always)]
    fn tanh(self) -> Self {
        math::lanes(self, Float::tanh)
    }
    #[inline(always)]
    fn sigmoid(self) -> Self {
        math::lanes(self, Float::sigmoid)
    }
}
