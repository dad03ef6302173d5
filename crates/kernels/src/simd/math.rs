//! Exponentials of `f32` vectors, as polynomials (the forms and coefficients of Cephes).
//!
//! The largest error of each function is measured against `f64` on a dense grid (see the tests of this
//! folder) and stated in units in the last place of the result, where that is a normal number.

use super::{MAX_LANES, Vector};

/// Applies a scalar function to each lane.
#[inline(always)]
pub(super) fn lanes<V: Vector>(x: V, f: impl Fn(V::Elem) -> V::Elem) -> V {
    let mut a: [V::Elem; MAX_LANES] = x.to_array();
    for v in &mut a[..V::LANES] {
        *v = f(*v);
    }
    V::read(&a[..V::LANES])
}

/// e^x within 1.1 ulp. Overflows to infinity, underflows through the denormals to zero, keeps NaN.
#[inline(always)]
pub(super) fn exp<V: Vector<Elem = f32>>(x: V) -> V {
    // The bounds come first: `min` and `max` return their second operand when it is NaN.
    let x = V::splat(89.0).min(x);
    let x = V::splat(-104.0).max(x);
    let (n, p) = parts(x);
    // Two factors: 2^n itself leaves the range of normal numbers at both ends.
    let half = n.mul(V::splat(0.5)).round();
    p.mul(half.pow2()).mul(n.sub(half).pow2())
}

/// e^x for x from -87 on, as [`exp`]; infinity from 88.4 on, already.
#[inline(always)]
fn exp_of_normal<V: Vector<Elem = f32>>(x: V) -> V {
    // The bound comes first, as above. At 128 the power is infinity.
    let (n, p) = parts(V::splat(89.0).min(x));
    p.mul(n.pow2())
}

/// A whole n and a p about 1 with e^x = 2^n p.
#[inline(always)]
fn parts<V: Vector<Elem = f32>>(x: V) -> (V, V) {
    // x = n ln 2 + r, |r| <= ln 2 / 2; the first part of ln 2 is short, so that its product is exact.
    let n = x.mul(V::splat(std::f32::consts::LOG2_E)).round();
    let r = n.mul_add(V::splat(-0.693_359_4), x);
    let r = n.mul_add(V::splat(2.121_944_4e-4), r);
    let mut p = V::splat(1.987_569_1e-4);
    p = p.mul_add(r, V::splat(1.398_2e-3));
    p = p.mul_add(r, V::splat(8.333_452e-3));
    p = p.mul_add(r, V::splat(4.166_579_6e-2));
    p = p.mul_add(r, V::splat(1.666_666_5e-1));
    p = p.mul_add(r, V::splat(5e-1));
    (n, p.mul_add(r.mul(r), r).add(V::splat(1.0)))
}

/// tanh(x) within 1.4 ulp.
#[inline(always)]
pub(super) fn tanh<V: Vector<Elem = f32>>(x: V) -> V {
    let zero = V::splat(0.0);
    let minus = zero.sub(x);
    let size = x.select_gt(minus, x, minus);
    // Far from zero: 1 - 2 / (e^2|x| + 1), with the sign of x.
    let e = exp_of_normal(size.add(size));
    let far = V::splat(1.0).sub(V::splat(2.0).div(e.add(V::splat(1.0))));
    let far = x.select_gt(zero, far, zero.sub(far));
    // Near zero that difference cancels: an odd polynomial instead.
    let z = x.mul(x);
    let mut p = V::splat(-5.704_989e-3);
    p = p.mul_add(z, V::splat(2.063_909e-2));
    p = p.mul_add(z, V::splat(-5.373_971_6e-2));
    p = p.mul_add(z, V::splat(1.333_144_2e-1));
    p = p.mul_add(z, V::splat(-3.333_328e-1));
    let near = p.mul_add(z.mul(x), x);
    size.select_gt(V::splat(0.625), far, near)
}

/// 1 / (1 + e^-x) within 2.5 ulp; 0 where that is less than a normal number.
#[inline(always)]
pub(super) fn sigmoid<V: Vector<Elem = f32>>(x: V) -> V {
    // Below -87 e^-x is nothing beside 1.
    let e = exp_of_normal(V::splat(-87.0).max(V::splat(0.0).sub(x)));
    V::splat(1.0).div(e.add(V::splat(1.0)))
}

/// The share of a normal distribution of mean 0 and deviation 1 below x, within 3e-7 (Abramowitz and Stegun 1964, 7.1.26, for the
/// error function: a polynomial of 1 / (1 + 0.3275911 |x| / √2) times e^(-x²/2)).
#[inline(always)]
pub(super) fn normal_cdf<V: Vector<Elem = f32>>(x: V) -> V {
    let (zero, one) = (V::splat(0.0), V::splat(1.0));
    let minus = zero.sub(x);
    let size = x.select_gt(minus, x, minus);
    let t = one.div(size.mul_add(V::splat(0.231_641_89), one));
    let mut p = V::splat(0.530_702_7);
    p = p.mul_add(t, V::splat(-0.726_576_03));
    p = p.mul_add(t, V::splat(0.710_706_9));
    p = p.mul_add(t, V::splat(-0.142_248_37));
    p = p.mul_add(t, V::splat(0.127_414_8));
    let tail = p.mul(t).mul(x.mul(x).mul(V::splat(-0.5)).exp());
    x.select_gt(zero, one.sub(tail), tail)
}
