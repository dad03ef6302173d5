//! Layer normalisation.

use crate::buffer::Buffer;
use crate::float::Float;
use crate::reduce::column_sums;
use crate::threads::{parallel_rows, parallel_rows2, rows_per_task};

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
    let width = E::from_usize(c.max(1));
    parallel_rows2(
        mean,
        1,
        rstd,
        1,
        rows_per_task(4 * c),
        |first, mean, rstd| {
            for (i, (mean, rstd)) in mean.iter_mut().zip(rstd).enumerate() {
                let x = &x[(first + i) * c..][..c];
                *mean = x.iter().fold(E::ZERO, |sum, &x| sum + x) / width;
                let square = |sum, &x: &E| sum + (x - *mean) * (x - *mean);
                *rstd = E::ONE / (x.iter().fold(E::ZERO, square) / width + eps).sqrt();
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
    let width = E::from_usize(c.max(1));
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
                let (x, dy) = (&x[row * c..][..c], &dy[row * c..][..c]);
                let (mut mean_g, mut mean_gh) = (E::ZERO, E::ZERO);
                for j in 0..c {
                    let h = (x[j] - mean[row]) * rstd[row];
                    scaled[j] = dy[j] * h;
                    mean_g += gamma[j] * dy[j];
                    mean_gh += gamma[j] * scaled[j];
                }
                let (mean_g, mean_gh) = (mean_g / width, mean_gh / width);
                for j in 0..c {
                    let h = (x[j] - mean[row]) * rstd[row];
                    dx[j] = rstd[row] * (gamma[j] * dy[j] - mean_g - h * mean_gh);
                }
            }
        },
    );
    column_sums(&scaled, dgamma, false);
    column_sums(dy, dbeta, false);
}
