//! Vectors of one lane: plain code for any machine.

use super::{MAX_LANES, Vector, math};

macro_rules! scalar {
    ($t:ty, $bits:ty, $bias:expr, $mantissa:expr, $exp:expr, $tanh:expr, $sigmoid:expr, $cdf:expr) => {
        impl Vector for $t {
            type Elem = $t;
            const LANES: usize = 1;
            const TILE_ROWS: usize = 4;

            #[inline(always)]
            fn splat(x: $t) -> Self {
                x
            }
            #[inline(always)]
            unsafe fn load(p: *const $t) -> Self {
                // SAFETY: the caller gives a pointer to one readable element.
                unsafe { p.read() }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut $t) {
                // SAFETY: the caller gives a pointer to one writable element.
                unsafe { p.write(self) }
            }
            #[inline(always)]
            unsafe fn load_part(_: *const $t, _: usize) -> Self {
                0.0
            }
            #[inline(always)]
            unsafe fn store_part(self, _: *mut $t, _: usize) {}
            #[inline(always)]
            fn add(self, o: Self) -> Self {
                self + o
            }
            #[inline(always)]
            fn sub(self, o: Self) -> Self {
                self - o
            }
            #[inline(always)]
            fn mul(self, o: Self) -> Self {
                self * o
            }
            #[inline(always)]
            fn div(self, o: Self) -> Self {
                self / o
            }
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                // Not the fused form: without the instruction it is a slow library call.
                self * a + b
            }
            #[inline(always)]
            fn max(self, o: Self) -> Self {
                if self > o { self } else { o }
            }
            #[inline(always)]
            fn min(self, o: Self) -> Self {
                if self < o { self } else { o }
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                <$t>::sqrt(self)
            }
            #[inline(always)]
            fn round(self) -> Self {
                <$t>::round_ties_even(self)
            }
            #[inline(always)]
            fn pow2(self) -> Self {
                <$t>::from_bits(((self as i32 + $bias) as $bits) << $mantissa)
            }
            #[inline(always)]
            fn select_gt(self, o: Self, yes: Self, no: Self) -> Self {
                if self > o { yes } else { no }
            }
            #[inline(always)]
            fn to_array(self) -> [$t; MAX_LANES] {
                let mut a = [0.0; MAX_LANES];
                a[0] = self;
                a
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $exp(self)
            }
            #[inline(always)]
            fn tanh(self) -> Self {
                $tanh(self)
            }
            #[inline(always)]
            fn sigmoid(self) -> Self {
                $sigmoid(self)
            }
            #[inline(always)]
            fn normal_cdf(self) -> Self {
                $cdf(self)
            }
        }
    };
}

scalar!(
    f32,
    u32,
    127,
    23,
    math::exp,
    math::tanh,
    math::sigmoid,
    math::normal_cdf
);
scalar!(
    f64,
    u64,
    1023,
    52,
    f64::exp,
    f64::tanh,
    crate::float::Float::sigmoid,
    crate::float::Float::normal_cdf
);
