//! Group normalisation: parts of the channels of each picture by their own mean and variance.
//!
//! Within a picture this is batch normalisation whose columns share their figures: see [`crate::batch_norm`].

use crate::activation::Activation;
use crate::batch_norm::{BatchNorm, batch_norm, column_moments, grouped_backward};
use crate::buffer::Buffer;
use crate::float::Float;
use crate::reduce::column_sums;
use crate::threads::parallel_rows2;

/// The sizes of a group normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupNorm {
    /// Pictures, `B`.
    pub batch: usize,
    /// Channels, `C`.
    pub channels: usize,
    /// Equal parts of the channels, `G`.
    pub groups: usize,
}

impl GroupNorm {
    /// Elements of a picture among `len`.
    fn picture(self, name: &str, len: usize, others: &[usize]) -> usize {
        let GroupNorm {
            batch,
            channels,
            groups,
        } = self;
        assert!(
            groups > 0
                && channels.is_multiple_of(groups)
                && len.is_multiple_of((batch * channels).max(1))
                && (batch * channels > 0 || len == 0)
                && others.iter().all(|&n| n == len),
            "{name}: expected [{batch}, R, {channels}] in {groups} groups, got {len} and {others:?} elements"
        );
        len / batch.max(1)
    }
}

/// The figures of a picture, `[2, G]`, for each of `c` channels.
fn widened<E: Float>(figures: &[E], c: usize) -> [Vec<E>; 2] {
    let (mean, rstd) = figures.split_at(figures.len() / 2);
    let part = c / mean.len();
    [mean, rstd].map(|all| (0..c).map(|j| all[j / part]).collect())
}

/// `y = gamma (x - mean) rstd + beta` for `x [B, R, C]`, with `rstd = 1 / sqrt(variance + eps)` and the mean and the biased
/// variance of each group of channels of each picture; `figures [B, 2, G]` keeps mean and rstd for the gradient.
///
/// # Panics
/// If the shapes do not fit; so does the gradient.
pub fn group_norm<E: Float>(
    x: &[E],
    sizes: GroupNorm,
    gamma: &[E],
    beta: &[E],
    eps: E,
    y: &mut [E],
    figures: &mut [E],
) {
    let GroupNorm {
        batch,
        channels: c,
        groups,
    } = sizes;
    let picture = sizes.picture("group_norm", x.len(), &[y.len()]);
    assert!(
        gamma.len() == c && beta.len() == c && figures.len() == batch * 2 * groups,
        "group_norm: expected gamma and beta [{c}] and figures [{batch}, 2, {groups}]"
    );
    if picture == 0 {
        return figures.fill(E::ZERO);
    }
    parallel_rows2(y, picture, figures, 2 * groups, 1, |first, y, figures| {
        let pictures = y
            .chunks_exact_mut(picture)
            .zip(figures.chunks_exact_mut(2 * groups));
        for (i, (y, figures)) in pictures.enumerate() {
            let x = &x[(first + i) * picture..][..picture];
            let (mut means, mut variances) = (vec![E::ZERO; c], vec![E::ZERO; c]);
            column_moments(x, &mut means, &mut variances);
            let (mean, rstd) = figures.split_at_mut(groups);
            let part = E::from_usize(c / groups);
            let columns = means
                .chunks_exact(c / groups)
                .zip(variances.chunks_exact(c / groups));
            for ((mean, rstd), (means, variances)) in mean.iter_mut().zip(rstd).zip(columns) {
                *mean = E::ZERO;
                means.iter().for_each(|&m| *mean += m / part);
                let mut variance = E::ZERO;
                for (&m, &v) in means.iter().zip(variances) {
                    variance += (v + (m - *mean) * (m - *mean)) / part;
                }
                *rstd = E::ONE / (variance + eps).sqrt();
            }
            let [mean, rstd] = widened(figures, c);
            batch_norm(x, &norm(&mean, &rstd, gamma, beta), y);
        }
    });
}

fn norm<'a, E>(mean: &'a [E], rstd: &'a [E], gamma: &'a [E], beta: &'a [E]) -> BatchNorm<'a, E> {
    BatchNorm {
        mean,
        rstd,
        gamma,
        beta,
        activation: Activation::Identity,
    }
}

/// The gradients of [`group_norm`]: with `h = (x - mean) rstd` and `g = gamma dy`, `dx = rstd (g - mean(g) - h mean(g h))`
/// with means over each group of each picture, `dgamma = sum over pictures and rows of dy h`, `dbeta = sum of dy`.
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
    let GroupNorm {
        batch,
        channels: c,
        groups,
    } = sizes;
    let picture = sizes.picture("group_norm_backward", x.len(), &[dy.len(), dx.len()]);
    assert!(
        gamma.len() == c
            && figures.len() == batch * 2 * groups
            && dgamma.len() == c
            && dbeta.len() == c,
        "group_norm_backward: expected gamma and its gradients [{c}] and figures [{batch}, 2, {groups}]"
    );
    if picture == 0 {
        dgamma.fill(E::ZERO);
        return dbeta.fill(E::ZERO);
    }
    let mut sums = Buffer::scratch(batch * 2 * c);
    parallel_rows2(dx, picture, &mut sums, 2 * c, 1, |first, dx, sums| {
        let pictures = dx
            .chunks_exact_mut(picture)
            .zip(sums.chunks_exact_mut(2 * c));
        for (i, (dx, sums)) in pictures.enumerate() {
            let at = (first + i) * picture..(first + i + 1) * picture;
            let [mean, rstd] = widened(&figures[(first + i) * 2 * groups..][..2 * groups], c);
            let (dgamma, dbeta) = sums.split_at_mut(c);
            let norm = norm(&mean, &rstd, gamma, gamma); // the shift has no part in it
            grouped_backward(&x[at.clone()], &norm, groups, &dy[at], dx, dgamma, dbeta);
        }
    });
    let mut both = Buffer::scratch(2 * c);
    column_sums(&sums, &mut both, false);
    dgamma.copy_from_slice(&both[..c]);
    dbeta.copy_from_slice(&both[c..]);
}
