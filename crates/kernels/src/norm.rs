//! Layer normalisation.

use crate::buffer::Buffer;
use crate::float::Float;
use crate::reduce::column_sums;
use crate::simd::{Kernel, Vector, places};
use crate::threads::{parallel_rows, parallel_rows2, rows_per_task};

/// The mean and the biased variance of a row.
struct Moments<'a, E>(&'a [E]);

impl<E: Float> Kernel<E> for Moments<'_, E> {
    type Out = (E, E);
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) -> (E, E) {
        let (x, zero) = (self.0, V::splat(E::ZERO));
        let width = E::from_usize(x.len().max(1));
        let mut sum = zero;
        for x in x.chunks(V::LANES) {
            sum = sum.add(V::read(x));
        }
        let mean = sum.reduce_sum() / width;
        let (whole, rest) = x.split_at(x.len() - x.len() % V::LANES);
        let mut squares = zero;
        for x in whole.chunks_exact(V::LANES) {
            let x = V::read(x).sub(V::splat(mean));
            squares = x.mul_add(x, squares);
        }
        let mut squares = squares.reduce_sum();
        for &x in rest {
            squares += (x - mean) * (x - mean);
        }
        (mean, squares / width)
    }
}

/// `y = gamma (x - mean) rstd + beta` along each row of `x [R, C]`, with `rstd = 1 / sqrt(variance + eps)`
/// and the biased variance; `mean [R]` and `rstd [R]` are kept for the gradient.
///
/// # Panics
/// If the shapes do not fit.
pub fn layer_norm<E: Float>(
    x: &[E],
    gamma: &[E],
    beta: &[E],
    eps: E,
    y: &mut [E],
    mean: &mut [E],
    rstd: &mut [E],
) {
    let (c, r) = (gamma.len(), mean.len());
    assert!(
        x.len() == r * c && y.len() == r * c && beta.len() == c && rstd.len() == r,
        "layer_norm: expected x and y [{r}, {c}], beta [{c}], rstd [{r}]"
    );
    parallel_rows2(
        mean,
        1,
        rstd,
        1,
        rows_per_task(4 * c),
        |first, mean, rstd| {
            for (i, (mean, rstd)) in mean.iter_mut().zip(rstd).enumerate() {
                let (center, variance) = E::dispatch(Moments(&x[(first + i) * c..][..c]));
                *mean = center;
                *rstd = E::ONE / (variance + eps).sqrt();
            }
        },
    );
    let (mean, rstd) = (&*mean, &*rstd);
    parallel_rows(y, c, rows_per_task(4 * c), |first, y| {
        for (i, y) in y.chunks_exact_mut(c).enumerate() {
            let (row, x) = (first + i, &x[(first + i) * c..][..c]);
            for (((y, &x), &gamma), &beta) in y.iter_mut().zip(x).zip(gamma).zip(beta) {
                *y = gamma * (x - mean[row]) * rstd[row] + beta;
            }
        }
    });
}

/// What goes through one row of the gradient.
struct Backward<'a, E> {
    x: &'a [E],
    dy: &'a [E],
    gamma: &'a [E],
    mean: E,
    rstd: E,
    dx: &'a mut [E],
    /// Out: dy h.
    scaled: &'a mut [E],
}

impl<E: Float> Kernel<E> for Backward<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let c = self.x.len();
        let width = E::from_usize(c.max(1));
        let (mean, rstd) = (V::splat(self.mean), V::splat(self.rstd));
        // The lanes past the end read gamma and dy as zero, and add nothing.
        let (mut g_sum, mut gh_sum) = (V::splat(E::ZERO), V::splat(E::ZERO));
        for at in places::<V>(c) {
            let h = V::read(&self.x[at.clone()]).sub(mean).mul(rstd);
            let dy = V::read(&self.dy[at.clone()]);
            let (gamma, scaled) = (V::read(&self.gamma[at.clone()]), dy.mul(h));
            scaled.write(&mut self.scaled[at]);
            g_sum = gamma.mul_add(dy, g_sum);
            gh_sum = gamma.mul_add(scaled, gh_sum);
        }
        let mean_g = V::splat(g_sum.reduce_sum() / width);
        let mean_gh = V::splat(gh_sum.reduce_sum() / width);
        for at in places::<V>(c) {
            let h = V::read(&self.x[at.clone()]).sub(mean).mul(rstd);
            let g = V::read(&self.gamma[at.clone()]).mul(V::read(&self.dy[at.clone()]));
            let dx = g.sub(mean_g).sub(h.mul(mean_gh)).mul(rstd);
            dx.write(&mut self.dx[at]);
        }
    }
}

/// The gradients of [`layer_norm`]: with `h = (x - mean) rstd` and `g = gamma dy`,
/// `dx = rstd (g - mean(g) - h mean(g h))`, `dgamma = sum over rows of dy h`, `dbeta = sum of dy`.
///
/// # Panics
/// If the shapes do not fit.
pub fn layer_norm_backward<E: Float>(
    x: &[E],
    gamma: &[E],
    mean: &[E],
    rstd: &[E],
    dy: &[E],
    dx: &mut [E],
    dgamma: &mut [E],
    dbeta: &mut [E],
) {
    let (c, r) = (gamma.len(), mean.len());
    assert!(
        x.len() == r * c && dy.len() == r * c && dx.len() == r * c && rstd.len() == r,
        "layer_norm_backward: expected x, dy and dx [{r}, {c}], rstd [{r}]"
    );
    assert!(
        dgamma.len() == c && dbeta.len() == c,
        "layer_norm_backward: expected gradients [{c}]"
    );
    let mut scaled = Buffer::scratch(x.len()); // dy h
    parallel_rows2(
        dx,
        c,
        &mut scaled,
        c,
        rows_per_task(6 * c),
        |first, dx, scaled| {
            for (i, (dx, scaled)) in dx
                .chunks_exact_mut(c)
                .zip(scaled.chunks_exact_mut(c))
                .enumerate()
            {
                let row = first + i;
                E::dispatch(Backward {
                    x: &x[row * c..][..c],
                    dy: &dy[row * c..][..c],
                    gamma,
                    mean: mean[row],
                    rstd: rstd[row],
                    dx,
                    scaled,
                });
            }
        },
    );
    column_sums(&scaled, dgamma, false);
    column_sums(dy, dbeta, false);
}
