//! What pixels, taps and outputs become at the places where they are multiplied: values of polynomials at 0, a, -a, b, -b
//! and infinity, with a^2 = 1/2 and b^2 = 2. These lose less to rounding than the usual 1 and 2.

use crate::float::Float;
use crate::simd::Vector;

/// A linear map of `M` values along an axis to `N`.
pub(super) trait Axis<const M: usize, const N: usize>: Sync {
    fn along<V: Vector>(x: [V; M]) -> [V; N];
}

#[inline(always)]
fn number<V: Vector>(x: f64) -> V {
    V::splat(V::Elem::from_f64(x))
}

const A: f64 = std::f64::consts::FRAC_1_SQRT_2;
const B: f64 = std::f64::consts::SQRT_2;

/// B^T, for pixels.
pub(super) struct Pixels;

impl Axis<6, 6> for Pixels {
    #[inline(always)]
    fn along<V: Vector>(x: [V; 6]) -> [V; 6] {
        let (half, two, most) = (number::<V>(-0.5), number::<V>(-2.0), number::<V>(-2.5));
        let even = [two.mul_add(x[2], x[4]), half.mul_add(x[2], x[4])];
        let odd = [
            number::<V>(A).mul(two.mul_add(x[1], x[3])),
            number::<V>(B).mul(half.mul_add(x[1], x[3])),
        ];
        [
            most.mul_add(x[2], x[0].add(x[4])),
            even[0].add(odd[0]),
            even[0].sub(odd[0]),
            even[1].add(odd[1]),
            even[1].sub(odd[1]),
            most.mul_add(x[3], x[1].add(x[5])),
        ]
    }
}

/// G, for taps.
pub(super) struct Taps;

impl Axis<3, 6> for Taps {
    #[inline(always)]
    fn along<V: Vector>(g: [V; 3]) -> [V; 6] {
        let (third, sixth) = (number::<V>(-2.0 / 3.0), number::<V>(1.0 / 6.0));
        let even = [
            third.mul(number::<V>(0.5).mul_add(g[2], g[0])),
            sixth.mul(number::<V>(2.0).mul_add(g[2], g[0])),
        ];
        let odd = [
            number::<V>(-2.0 * A / 3.0).mul(g[1]),
            number::<V>(B / 6.0).mul(g[1]),
        ];
        [
            g[0],
            even[0].add(odd[0]),
            even[0].sub(odd[0]),
            even[1].add(odd[1]),
            even[1].sub(odd[1]),
            g[2],
        ]
    }
}

/// A^T, for outputs.
pub(super) struct Outputs;

impl Axis<6, 4> for Outputs {
    #[inline(always)]
    fn along<V: Vector>(m: [V; 6]) -> [V; 4] {
        let sum = [m[1].add(m[2]), m[3].add(m[4])];
        let difference = [m[1].sub(m[2]), m[3].sub(m[4])];
        [
            m[0].add(sum[0]).add(sum[1]),
            number::<V>(B).mul_add(difference[1], number::<V>(A).mul(difference[0])),
            number::<V>(2.0).mul_add(sum[1], number::<V>(0.5).mul(sum[0])),
            number::<V>(2.0 * B).mul_add(
                difference[1],
                number::<V>(0.5 * A).mul_add(difference[0], m[5]),
            ),
        ]
    }
}

/// A, for gradients of outputs.
pub(super) struct Gradients;

impl Axis<4, 6> for Gradients {
    #[inline(always)]
    fn along<V: Vector>(y: [V; 4]) -> [V; 6] {
        let (half, two) = (number::<V>(0.5), number::<V>(2.0));
        let even = [half.mul_add(y[2], y[0]), two.mul_add(y[2], y[0])];
        let odd = [
            number::<V>(A).mul(half.mul_add(y[3], y[1])),
            number::<V>(B).mul(two.mul_add(y[3], y[1])),
        ];
        [
            y[0],
            even[0].add(odd[0]),
            even[0].sub(odd[0]),
            even[1].add(odd[1]),
            even[1].sub(odd[1]),
            y[3],
        ]
    }
}

/// G^T, for gradients of taps.
pub(super) struct TapGradients;

impl Axis<6, 3> for TapGradients {
    #[inline(always)]
    fn along<V: Vector>(u: [V; 6]) -> [V; 3] {
        let sum = [u[1].add(u[2]), u[3].add(u[4])];
        let difference = [u[1].sub(u[2]), u[3].sub(u[4])];
        let (third, sixth) = (number::<V>(-1.0 / 3.0), number::<V>(1.0 / 6.0));
        [
            sixth.mul_add(sum[1], number::<V>(-2.0 / 3.0).mul_add(sum[0], u[0])),
            number::<V>(B / 6.0).mul_add(
                difference[1],
                number::<V>(-2.0 * A / 3.0).mul(difference[0]),
            ),
            third.mul_add(sum[0].sub(sum[1]), u[5]),
        ]
    }
}

/// A map along both axes: `x[i]` is row `i`.
#[inline(always)]
pub(super) fn both<T: Axis<M, N>, V: Vector, const M: usize, const N: usize>(
    x: &[[V; M]; M],
) -> [[V; N]; N] {
    let zero = V::splat(V::Elem::default());
    let (mut rows, mut y) = ([[zero; N]; M], [[zero; N]; N]);
    for (to, from) in rows.iter_mut().zip(x) {
        *to = T::along(*from);
    }
    for j in 0..N {
        let mut column = [zero; M];
        for (to, from) in column.iter_mut().zip(&rows) {
            *to = from[j];
        }
        for (to, from) in y.iter_mut().zip(T::along(column)) {
            to[j] = from;
        }
    }
    y
}
