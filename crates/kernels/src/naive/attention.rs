//! Additive soft attention.

use super::softmax;
use crate::{Attention, Float};

/// As [`crate::attention`].
pub fn attention<E: Float>(
    sizes: Attention,
    keys: &[E],
    query: &[E],
    weight: &[E],
    values: &[E],
    alpha: &mut [E],
    context: &mut [E],
) {
    let (l, k, c) = (sizes.places, sizes.features, sizes.channels);
    for b in 0..query.len() / k {
        let mut scores = vec![E::ZERO; l];
        for place in 0..l {
            for i in 0..k {
                let sum = keys[(b * l + place) * k + i] + query[b * k + i];
                scores[place] += weight[i] * sum.tanh();
            }
        }
        let alpha = &mut alpha[b * l..][..l];
        softmax(&scores, l, alpha);
        for i in 0..c {
            context[b * c + i] = E::ZERO;
            for place in 0..l {
                context[b * c + i] += alpha[place] * values[(b * l + place) * c + i];
            }
        }
    }
}

/// As [`crate::attention_backward`].
pub fn attention_backward<E: Float>(
    sizes: Attention,
    keys: &[E],
    query: &[E],
    weight: &[E],
    values: &[E],
    alpha: &[E],
    dcontext: &[E],
    dalpha: Option<&[E]>,
    dkeys: &mut [E],
    dquery: &mut [E],
    dweight: &mut [E],
    dvalues: &mut [E],
) {
    let (l, k, c) = (sizes.places, sizes.features, sizes.channels);
    for gradient in [&mut *dkeys, dquery, dweight, dvalues] {
        gradient.fill(E::ZERO);
    }
    for b in 0..query.len() / k {
        let mut by_alpha = vec![E::ZERO; l];
        for place in 0..l {
            by_alpha[place] = dalpha.map_or(E::ZERO, |d| d[b * l + place]);
            for i in 0..c {
                let at = (b * l + place) * c + i;
                by_alpha[place] += dcontext[b * c + i] * values[at];
                dvalues[at] = dcontext[b * c + i] * alpha[b * l + place];
            }
        }
        let mut mean = E::ZERO;
        for place in 0..l {
            mean += alpha[b * l + place] * by_alpha[place];
        }
        for place in 0..l {
            let dscore = alpha[b * l + place] * (by_alpha[place] - mean);
            for i in 0..k {
                let at = (b * l + place) * k + i;
                let t = (keys[at] + query[b * k + i]).tanh();
                dkeys[at] = dscore * weight[i] * (E::ONE - t * t);
                dquery[b * k + i] += dkeys[at];
                dweight[i] += dscore * t;
            }
        }
    }
}
