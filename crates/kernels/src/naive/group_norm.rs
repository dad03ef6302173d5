//! Group normalisation.

use crate::{Float, GroupNorm};

/// The elements of a group of a picture, in order.
fn group(len: usize, sizes: GroupNorm, b: usize, g: usize) -> Vec<usize> {
    let (c, part) = (sizes.channels, sizes.channels / sizes.groups);
    let picture = len / sizes.batch;
    let all = b * picture..(b + 1) * picture;
    all.filter(|i| i % c / part == g).collect()
}

/// As [`crate::group_norm`].
pub fn group_norm<E: Float>(
    x: &[E],
    sizes: GroupNorm,
    gamma: &[E],
    beta: &[E],
    eps: E,
    y: &mut [E],
    figures: &mut [E],
) {
    let (c, groups) = (sizes.channels, sizes.groups);
    for b in 0..sizes.batch {
        for g in 0..groups {
            let own = group(x.len(), sizes, b, g);
            let count = E::from_usize(own.len());
            let (mut mean, mut variance) = (E::ZERO, E::ZERO);
            for &i in &own {
                mean += x[i] / count;
            }
            for &i in &own {
                variance += (x[i] - mean) * (x[i] - mean) / count;
            }
            let rstd = E::ONE / (variance + eps).sqrt();
            for &i in &own {
                y[i] = gamma[i % c] * (x[i] - mean) * rstd + beta[i % c];
            }
            figures[b * 2 * groups + g] = mean;
            figures[(b * 2 + 1) * groups + g] = rstd;
        }
    }
}

/// As [`crate::group_norm_backward`].
pub fn group_norm_backward<E: Float>(
    x: &[E],
    sizes: GroupNorm,
    gamma: &[E],
    figures: &[E],
    dy: &[E],
    dx: &mut [E],
    dgamma: &mut [E],
    dbeta: &mut [E],
) {
    let (c, groups) = (sizes.channels, sizes.groups);
    dgamma.fill(E::ZERO);
    dbeta.fill(E::ZERO);
    for b in 0..sizes.batch {
        for g in 0..groups {
            let own = group(x.len(), sizes, b, g);
            let count = E::from_usize(own.len());
            let mean = figures[b * 2 * groups + g];
            let rstd = figures[(b * 2 + 1) * groups + g];
            let h = |i: usize| (x[i] - mean) * rstd;
            let (mut mean_g, mut mean_gh) = (E::ZERO, E::ZERO);
            for &i in &own {
                dgamma[i % c] += dy[i] * h(i);
                dbeta[i % c] += dy[i];
                mean_g += gamma[i % c] * dy[i] / count;
                mean_gh += gamma[i % c] * dy[i] * h(i) / count;
            }
            for &i in &own {
                dx[i] = rstd * (gamma[i % c] * dy[i] - mean_g - h(i) * mean_gh);
            }
        }
    }
}
