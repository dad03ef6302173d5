//! Batch normalisation.

use crate::{Activation, BatchNorm, Float};

/// As [`crate::column_moments`].
pub fn column_moments<E: Float>(x: &[E], mean: &mut [E], variance: &mut [E]) {
    let c = mean.len();
    let rows = x.len() / c;
    for j in 0..c {
        (mean[j], variance[j]) = (E::ZERO, E::ZERO);
        for r in 0..rows {
            mean[j] += x[r * c + j] / E::from_usize(rows);
        }
        for r in 0..rows {
            let off = x[r * c + j] - mean[j];
            variance[j] += off * off / E::from_usize(rows);
        }
    }
}

/// As [`crate::batch_norm`].
pub fn batch_norm<E: Float>(x: &[E], norm: &BatchNorm<'_, E>, y: &mut [E]) {
    let c = norm.mean.len();
    for (i, y) in y.iter_mut().enumerate() {
        let j = i % c;
        let h = (x[i] - norm.mean[j]) * norm.rstd[j];
        *y = norm.gamma[j] * h + norm.beta[j];
        *y = match norm.activation {
            Activation::Identity => *y,
            Activation::Relu => y.max(E::ZERO),
            Activation::Relu6 => y.max(E::ZERO).min(E::from_f64(6.0)),
        };
    }
}

/// As [`crate::batch_norm_backward`].
pub fn batch_norm_backward<E: Float>(
    x: &[E],
    norm: &BatchNorm<'_, E>,
    constant: bool,
    dy: &[E],
    dx: &mut [E],
    dgamma: &mut [E],
    dbeta: &mut [E],
) {
    let c = norm.mean.len();
    let rows = E::from_usize(x.len() / c);
    let mut y = vec![E::ZERO; x.len()];
    batch_norm(x, norm, &mut y);
    let h = |i: usize| (x[i] - norm.mean[i % c]) * norm.rstd[i % c];
    let g = |i: usize| match norm.activation {
        Activation::Relu | Activation::Relu6 if y[i] <= E::ZERO => E::ZERO,
        Activation::Relu6 if y[i] >= E::from_f64(6.0) => E::ZERO,
        _ => dy[i],
    };
    dgamma.fill(E::ZERO);
    dbeta.fill(E::ZERO);
    for i in 0..x.len() {
        dgamma[i % c] += g(i) * h(i);
        dbeta[i % c] += g(i);
    }
    for (i, dx) in dx.iter_mut().enumerate() {
        let j = i % c;
        let means = match constant {
            true => E::ZERO,
            false => (dbeta[j] + h(i) * dgamma[j]) / rows,
        };
        *dx = norm.gamma[j] * norm.rstd[j] * (g(i) - means);
    }
}
