//! 512-bit vectors; tails use mask registers.

use std::arch::x86_64::*;

use super::{MAX_LANES, Vector, math, sse};
use crate::float::Float;

/// Sixteen `f32`.
#[derive(Clone, Copy)]
pub(super) struct F32x16(__m512);

/// Eight `f64`.
#[derive(Clone, Copy)]
pub(super) struct F64x8(__m512d);

/// The first `n` of sixteen 32-bit lanes, as a mask.
#[inline(always)]
fn mask32(n: usize) -> __mmask16 {
    ((1u32 << n) - 1) as __mmask16
}

/// The first `n` of eight 64-bit lanes, as a mask.
#[inline(always)]
fn mask64(n: usize) -> __mmask8 {
    ((1u32 << n) - 1) as __mmask8
}

/// The methods whose intrinsics differ by suffix only. All of them run only inside `dispatch` (see the
/// module `simd`), on a machine that has the instructions.
macro_rules! common {
    ($wrap:ident, $elem:ty, $mask:ident, $set1:ident, $loadu:ident, $storeu:ident, $maskload:ident,
     $maskstore:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $fma:ident, $max:ident, $min:ident,
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
            unsafe { $wrap($maskload($mask(n), p)) }
        }
        #[inline(always)]
        unsafe fn store_part(self, p: *mut $elem, n: usize) {
            // SAFETY: the mask keeps the access to the caller's first `n` elements.
            unsafe { $maskstore(p, $mask(n), self.0) }
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
            unsafe { $wrap($blend($cmp::<_CMP_GT_OQ>(self.0, o.0), no.0, yes.0)) }
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

impl Vector for F32x16 {
    type Elem = f32;
    const LANES: usize = 16;
    const TILE_ROWS: usize = 12;

    common!(
        F32x16,
        f32,
        mask32,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_maskz_loadu_ps,
        _mm512_mask_storeu_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_mul_ps,
        _mm512_div_ps,
        _mm512_fmadd_ps,
        _mm512_max_ps,
        _mm512_min_ps,
        _mm512_sqrt_ps,
        _mm512_roundscale_ps,
        _mm512_cmp_ps_mask,
        _mm512_mask_blend_ps
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
            let n = _mm512_add_epi32(_mm512_cvtps_epi32(self.0), _mm512_set1_epi32(127));
            F32x16(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(n)))
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

impl Vector for F64x8 {
    type Elem = f64;
    const LANES: usize = 8;
    const TILE_ROWS: usize = 12;

    common!(
        F64x8,
        f64,
        mask64,
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_maskz_loadu_pd,
        _mm512_mask_storeu_pd,
        _mm512_add_pd,
        _mm512_sub_pd,
        _mm512_mul_pd,
        _mm512_div_pd,
        _mm512_fmadd_pd,
        _mm512_max_pd,
        _mm512_min_pd,
        _mm512_sqrt_pd,
        _mm512_roundscale_pd,
        _mm512_cmp_pd_mask,
        _mm512_mask_blend_pd
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
