//! 128-bit vectors of aarch64, which every such machine has.

use std::arch::aarch64::*;

use super::{MAX_LANES, Vector, math};
use crate::float::Float;

/// Four `f32`.
#[derive(Clone, Copy)]
pub(super) struct F32x4(float32x4_t);

/// Two `f64`.
#[derive(Clone, Copy)]
pub(super) struct F64x2(float64x2_t);

/// The methods whose intrinsics differ by suffix only.
macro_rules! common {
    ($wrap:ident, $elem:ty, $dup:ident, $ld:ident, $st:ident, $add:ident, $sub:ident, $mul:ident, $div:ident,
     $fma:ident, $sqrt:ident, $round:ident, $gt:ident, $bsl:ident) => {
        #[inline(always)]
        fn splat(x: $elem) -> Self {
            // SAFETY: every aarch64 machine has the instructions.
            unsafe { $wrap($dup(x)) }
        }
        #[inline(always)]
        unsafe fn load(p: *const $elem) -> Self {
            // SAFETY: the caller's pointer covers a whole vector.
            unsafe { $wrap($ld(p)) }
        }
        #[inline(always)]
        unsafe fn store(self, p: *mut $elem) {
            // SAFETY: the caller's pointer covers a whole vector.
            unsafe { $st(p, self.0) }
        }
        #[inline(always)]
        unsafe fn load_part(p: *const $elem, n: usize) -> Self {
            let mut a: [$elem; Self::LANES] = [0.0; Self::LANES];
            // SAFETY: the caller's pointer covers `n` elements, fewer than the array has.
            unsafe {
                std::ptr::copy_nonoverlapping(p, a.as_mut_ptr(), n);
                Self::load(a.as_ptr())
            }
        }
        #[inline(always)]
        unsafe fn store_part(self, p: *mut $elem, n: usize) {
            let a = self.to_array();
            // SAFETY: the caller's pointer covers `n` elements, fewer than the array has.
            unsafe { std::ptr::copy_nonoverlapping(a.as_ptr(), p, n) }
        }
        #[inline(always)]
        fn add(self, o: Self) -> Self {
            // SAFETY: every aarch64 machine has the instructions.
            unsafe { $wrap($add(self.0, o.0)) }
        }
        #[inline(always)]
        fn sub(self, o: Self) -> Self {
            // SAFETY: every aarch64 machine has the instructions.
            unsafe { $wrap($sub(self.0, o.0)) }
        }
        #[inline(always)]
        fn mul(self, o: Self) -> Self {
            // SAFETY: every aarch64 machine has the instructions.
            unsafe { $wrap($mul(self.0, o.0)) }
        }
        #[inline(always)]
        fn div(self, o: Self) -> Self {
            // SAFETY: every aarch64 machine has the instructions.
            unsafe { $wrap($div(self.0, o.0)) }
        }
        #[inline(always)]
        fn mul_add(self, a: Self, b: Self) -> Self {
            // SAFETY: every aarch64 machine has the instructions.
            unsafe { $wrap($fma(b.0, self.0, a.0)) }
        }
        #[inline(always)]
        fn max(self, o: Self) -> Self {
            self.select_gt(o, self, o)
        }
        #[inline(always)]
        fn min(self, o: Self) -> Self {
            o.select_gt(self, self, o)
        }
        #[inline(always)]
        fn sqrt(self) -> Self {
            // SAFETY: every aarch64 machine has the instructions.
            unsafe { $wrap($sqrt(self.0)) }
        }
        #[inline(always)]
        fn round(self) -> Self {
            // SAFETY: every aarch64 machine has the instructions.
            unsafe { $wrap($round(self.0)) }
        }
        #[inline(always)]
        fn select_gt(self, o: Self, yes: Self, no: Self) -> Self {
            // SAFETY: every aarch64 machine has the instructions.
            unsafe { $wrap($bsl($gt(self.0, o.0), yes.0, no.0)) }
        }
        #[inline(always)]
        fn to_array(self) -> [$elem; MAX_LANES] {
            let mut a = [0.0; MAX_LANES];
            // SAFETY: the array has room for a whole vector.
            unsafe { $st(a.as_mut_ptr(), self.0) };
            a
        }
    };
}

impl Vector for F32x4 {
    type Elem = f32;
    const LANES: usize = 4;
    const TILE_ROWS: usize = 12;

    common!(
        F32x4,
        f32,
        vdupq_n_f32,
        vld1q_f32,
        vst1q_f32,
        vaddq_f32,
        vsubq_f32,
        vmulq_f32,
        vdivq_f32,
        vfmaq_f32,
        vsqrtq_f32,
        vrndnq_f32,
        vcgtq_f32,
        vbslq_f32
    );

    #[inline(always)]
    fn pow2(self) -> Self {
        // SAFETY: every aarch64 machine has the instructions.
        unsafe {
            let n = vaddq_s32(vcvtq_s32_f32(self.0), vdupq_n_s32(127));
            F32x4(vreinterpretq_f32_s32(vshlq_n_s32::<23>(n)))
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

impl Vector for F64x2 {
    type Elem = f64;
    const LANES: usize = 2;
    const TILE_ROWS: usize = 12;

    common!(
        F64x2,
        f64,
        vdupq_n_f64,
        vld1q_f64,
        vst1q_f64,
        vaddq_f64,
        vsubq_f64,
        vmulq_f64,
        vdivq_f64,
        vfmaq_f64,
        vsqrtq_f64,
        vrndnq_f64,
        vcgtq_f64,
        vbslq_f64
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
