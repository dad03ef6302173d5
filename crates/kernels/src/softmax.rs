//! Softmax, its logarithm, and the cross-entropy loss, along rows.

use crate::denormals::Flush;
use crate::float::Float;
use crate::simd::{Kernel, Vector, places};
use crate::threads::{parallel_rows, parallel_rows2, rows_per_task};

/// As a target of [`cross_entropy`]: the row does not count.
const IGNORE: u32 = u32::MAX;

/// The largest element; minus infinity for none.
#[inline(always)]
pub(crate) fn largest<V: Vector>(x: &[V::Elem]) -> V::Elem {
    let none = <V::Elem as Float>::NEG_INFINITY;
    let whole = x.len() - x.len() % V::LANES;
    let mut max = V::splat(none);
    for x in x[..whole].chunks_exact(V::LANES) {
        max = V::read(x).max(max);
    }
    let max = max.reduce_max();
    x[whole..]
        .iter()
        .fold(max, |max, &x| if x > max { x } else { max })
}

/// Puts e^(x - max) in place of each x and returns their sum.
#[inline(always)]
fn exponentials<V: Vector>(x: &mut [V::Elem], max: V::Elem) -> V::Elem {
    let (whole, shift) = (x.len() - x.len() % V::LANES, V::splat(max));
    let mut sum = V::splat(V::Elem::ZERO);
    for x in x[..whole].chunks_exact_mut(V::LANES) {
        let e = V::read(x).sub(shift).exp();
        e.write(x);
        sum = sum.add(e);
    }
    let mut sum = sum.reduce_sum();
    for x in x[whole..].chunks_mut(V::LANES) {
        V::read(x).sub(shift).exp().write(x);
        sum = x.iter().fold(sum, |sum, &e| sum + e);
    }
    sum
}

struct Softmax<'a, E>(&'a [E], &'a mut [E]);

impl<E: Float> Kernel<E> for Softmax<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let Softmax(x, y) = self;
        y.copy_from_slice(x);
        let sum = exponentials::<V>(y, largest::<V>(x));
        let scale = E::ONE / sum;
        y.iter_mut().for_each(|y| *y = *y * scale);
    }
}

struct LogSoftmax<'a, E>(&'a [E], &'a mut [E]);

impl<E: Float> Kernel<E> for LogSoftmax<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let LogSoftmax(x, y) = self;
        let max = largest::<V>(x);
        y.copy_from_slice(x);
        let shift = max + exponentials::<V>(y, max).ln();
        x.iter().zip(y).for_each(|(&x, y)| *y = x - shift);
    }
}

/// Runs `row(x row, y row)` for each of the rows of `C` elements, in parallel.
fn rows<E: Float>(name: &str, x: &[E], c: usize, y: &mut [E], row: impl Fn(&[E], &mut [E]) + Sync) {
    assert!(
        x.len() == y.len() && x.len().is_multiple_of(c.max(1)),
        "{name}: expected [R, {c}] and [R, {c}], got {} and {} elements",
        x.len(),
        y.len()
    );
    parallel_rows(y, c, rows_per_task(8 * c), |first, y| {
        for (r, y) in y.chunks_exact_mut(c).enumerate() {
            row(&x[(first + r) * c..][..c], y);
        }
    });
}

/// `y = e^x / sum e^x` along each row of `[R, C]`.
///
/// # Panics
/// If the lengths do not fit; so do the other functions here.
pub fn softmax<E: Float>(x: &[E], c: usize, y: &mut [E]) {
    rows("softmax", x, c, y, |x, y| E::dispatch(Softmax(x, y)));
}

/// The logarithm of [`softmax`], without its overflow.
pub fn log_softmax<E: Float>(x: &[E], c: usize, y: &mut [E]) {
    rows("log_softmax", x, c, y, |x, y| E::dispatch(LogSoftmax(x, y)));
}

struct LogSumExp<'a, E>(&'a [E]);

impl<E: Float> Kernel<E> for LogSumExp<'_, E> {
    type Out = E;
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) -> E {
        let max = largest::<V>(self.0);
        let (shift, mut sum) = (V::splat(max), V::splat(E::ZERO));
        let (whole, rest) = self.0.split_at(self.0.len() - self.0.len() % V::LANES);
        for x in whole.chunks_exact(V::LANES) {
            sum = sum.add(V::read(x).sub(shift).exp());
        }
        let rest_exp = V::read(rest).sub(shift).exp().to_array();
        let sum = rest_exp[..rest.len()]
            .iter()
            .fold(sum.reduce_sum(), |sum, &e| sum + e);
        max + sum.ln()
    }
}

/// `ln sum e^x` of a row.
pub fn log_sum_exp<E: Float>(x: &[E]) -> E {
    let _flush = Flush::start();
    E::dispatch(LogSumExp(x))
}

struct SoftmaxBackward<'a, E>(&'a [E], &'a [E], &'a mut [E]);

impl<E: Float> Kernel<E> for SoftmaxBackward<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let SoftmaxBackward(y, dy, dx) = self;
        let mut dot = V::splat(E::ZERO);
        for at in places::<V>(y.len()) {
            dot = V::read(&y[at.clone()]).mul_add(V::read(&dy[at]), dot);
        }
        let dot = V::splat(dot.reduce_sum());
        for at in places::<V>(y.len()) {
            let dy = V::read(&dy[at.clone()]).sub(dot);
            V::read(&y[at.clone()]).mul(dy).write(&mut dx[at]);
        }
    }
}

struct LogSoftmaxBackward<'a, E>(&'a [E], &'a [E], &'a mut [E]);

impl<E: Float> Kernel<E> for LogSoftmaxBackward<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let LogSoftmaxBackward(y, dy, dx) = self;
        let mut sum = V::splat(E::ZERO);
        for at in places::<V>(dy.len()) {
            sum = sum.add(V::read(&dy[at]));
        }
        let minus = V::splat(-sum.reduce_sum());
        for at in places::<V>(dy.len()) {
            let p = V::read(&y[at.clone()]).exp();
            let dy = V::read(&dy[at.clone()]);
            p.mul_add(minus, dy).write(&mut dx[at]);
        }
    }
}

/// `dx = y (dy - sum(y dy))` along each row of `[R, C]`: the gradient of [`softmax`].
pub fn softmax_backward<E: Float>(y: &[E], dy: &[E], c: usize, dx: &mut [E]) {
    assert_eq!(
        y.len(),
        dy.len(),
        "softmax_backward: y and dy have the same length"
    );
    parallel_rows(dx, c, rows_per_task(4 * c), |first, dx| {
        for (r, dx) in dx.chunks_exact_mut(c).enumerate() {
            let (y, dy) = (&y[(first + r) * c..][..c], &dy[(first + r) * c..][..c]);
            E::dispatch(SoftmaxBackward(y, dy, dx));
        }
    });
}

/// `dx = dy - e^y sum(dy)` along each row of `[R, C]`: the gradient of [`log_softmax`].
pub fn log_softmax_backward<E: Float>(y: &[E], dy: &[E], c: usize, dx: &mut [E]) {
    assert_eq!(
        y.len(),
        dy.len(),
        "log_softmax_backward: y and dy have the same length"
    );
    parallel_rows(dx, c, rows_per_task(8 * c), |first, dx| {
        for (r, dx) in dx.chunks_exact_mut(c).enumerate() {
            let (y, dy) = (&y[(first + r) * c..][..c], &dy[(first + r) * c..][..c]);
            E::dispatch(LogSoftmaxBackward(y, dy, dx));
        }
    });
}

struct CrossEntropy<'a, E> {
    /// The logits, and after them their gradient.
    x: &'a mut [E],
    target: usize,
    weights: Option<&'a [E]>,
    /// The sum of the weights.
    total: E,
    smoothing: E,
    scale: E,
}

impl<E: Float> Kernel<E> for CrossEntropy<'_, E> {
    type Out = E;
    /// The loss is a sum over classes of q_v (lse - x_v), where q is the smoothed and weighted target;
    /// its derivative by x_j is (sum q) p_j - q_j.
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) -> E {
        let CrossEntropy {
            x,
            target,
            weights,
            total,
            smoothing,
            scale,
        } = self;
        let even = smoothing / E::from_usize(x.len());
        let hit = (E::ONE - smoothing) * weights.map_or(E::ONE, |w| w[target]);
        let mass = hit + even * total;
        // What the loss needs of the logits, before they are written over.
        let at_target = x[target];
        let weighted = match weights {
            _ if smoothing == E::ZERO => E::ZERO,
            None => x.iter().fold(E::ZERO, |sum, &x| sum + x),
            Some(w) => x.iter().zip(w).fold(E::ZERO, |sum, (&x, &w)| sum + w * x),
        };
        let max = largest::<V>(x);
        let sum = exponentials::<V>(x, max);
        let lse = max + sum.ln();
        let (p, q) = (V::splat(scale * mass / sum), V::splat(-scale * even));
        for at in places::<V>(x.len()) {
            let q = match weights {
                Some(w) => V::read(&w[at.clone()]).mul(q),
                None => q,
            };
            V::read(&x[at.clone()]).mul_add(p, q).write(&mut x[at]);
        }
        x[target] = x[target] - scale * hit;
        hit * (lse - at_target) + even * (total * lse - weighted)
    }
}

/// The cross-entropy of each row of logits `[R, V]` against its target class; the gradient of `scale` times their sum
/// takes the place of the logits.
///
/// With weights w and smoothing s, as `torch.nn.functional.cross_entropy` defines it before its mean:
/// `losses[r] = (1 - s) w[t] (-log p[t]) + s / V sum over v of w[v] (-log p[v])`. A target of `u32::MAX` gives loss 0 and
/// gradient 0.
///
/// # Panics
/// If the shapes do not fit or a target is not below `V`.
pub fn cross_entropy<E: Float>(
    logits: &mut [E],
    v: usize,
    targets: &[u32],
    weights: Option<&[E]>,
    smoothing: E,
    scale: E,
    losses: &mut [E],
) {
    let r = targets.len();
    assert!(
        logits.len() == r * v && losses.len() == r,
        "cross_entropy: expected logits [{r}, {v}] and losses [{r}]"
    );
    assert!(
        weights.is_none_or(|w| w.len() == v),
        "cross_entropy: expected {v} class weights"
    );
    let total = weights.map_or(E::from_usize(v), |w| {
        w.iter().fold(E::ZERO, |sum, &w| sum + w)
    });
    parallel_rows2(
        logits,
        v,
        losses,
        1,
        rows_per_task(8 * v),
        |first, logits, losses| {
            let rows = logits.chunks_exact_mut(v.max(1));
            for (i, (loss, x)) in losses.iter_mut().zip(rows).enumerate() {
                if targets[first + i] == IGNORE {
                    *loss = E::ZERO;
                    x.fill(E::ZERO);
                    continue;
                }
                *loss = E::dispatch(CrossEntropy {
                    x,
                    target: targets[first + i] as usize,
                    weights,
                    total,
                    smoothing,
                    scale,
                });
            }
        },
    );
}
