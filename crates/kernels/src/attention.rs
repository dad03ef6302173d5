//! Additive soft attention (Bahdanau et al. 2015; Xu et al. 2015, section 3.1): a weighted mean of the places of a picture.

use crate::buffer::Buffer;
use crate::float::Float;
use crate::reduce::column_sums;
use crate::simd::{Kernel, Vector, places};
use crate::softmax::largest;
use crate::threads::{parallel_rows2, rows_per_task};

/// Sizes of [`attention`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attention {
    /// Places to look at, L.
    pub places: usize,
    /// Features of a key and of a query, K.
    pub features: usize,
    /// Channels of a value, C.
    pub channels: usize,
}

impl Attention {
    /// Checks the lengths and gives how many queries there are.
    fn batch<E>(self, keys: &[E], query: &[E], weight: &[E], values: &[E]) -> usize {
        let Attention {
            places: l,
            features: k,
            channels: c,
        } = self;
        assert!(
            l > 0 && k > 0,
            "attention: expected a place and a feature or more, got {l} and {k}"
        );
        let b = query.len() / k;
        assert!(
            query.len() == b * k
                && weight.len() == k
                && keys.len() >= b * l * k
                && values.len() >= b * l * c,
            "attention: expected queries [B, {k}], weight [{k}], keys [B or more, {l}, {k}] and values [B or more, {l}, {c}], \
             got {}, {}, {} and {} elements",
            query.len(),
            weight.len(),
            keys.len(),
            values.len()
        );
        b
    }

    /// Element operations for one query, about: a tanh counts for some.
    fn cost(self) -> usize {
        self.places * (10 * self.features + 2 * self.channels)
    }
}

/// Where one query looks, and what it sees there.
struct Look<'a, E> {
    keys: &'a [E],
    query: &'a [E],
    weight: &'a [E],
    values: &'a [E],
    alpha: &'a mut [E],
    context: &'a mut [E],
}

impl<E: Float> Kernel<E> for Look<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let Look {
            keys,
            query,
            weight,
            values,
            alpha,
            context,
        } = self;
        let (k, c) = (query.len(), context.len());
        for (l, alpha) in alpha.iter_mut().enumerate() {
            let key = &keys[l * k..][..k];
            let mut score = V::splat(E::ZERO);
            for at in places::<V>(k) {
                let sum = V::read(&key[at.clone()]).add(V::read(&query[at.clone()]));
                score = sum.tanh().mul_add(V::read(&weight[at]), score);
            }
            *alpha = score.reduce_sum();
        }
        let max = V::splat(largest::<V>(alpha));
        for at in places::<V>(alpha.len()) {
            let e = V::read(&alpha[at.clone()]).sub(max).exp();
            e.write(&mut alpha[at]);
        }
        let sum = alpha.iter().fold(E::ZERO, |sum, &e| sum + e);
        let scale = E::ONE / sum;
        alpha.iter_mut().for_each(|a| *a = *a * scale);
        for at in places::<V>(c) {
            let mut sum = V::splat(E::ZERO);
            for (l, &alpha) in alpha.iter().enumerate() {
                let value = V::read(&values[l * c..][at.clone()]);
                sum = value.mul_add(V::splat(alpha), sum);
            }
            sum.write(&mut context[at]);
        }
    }
}

/// For each query b: `alpha[b] = softmax over l of weight · tanh(keys[b, l] + query[b])`, and
/// `context[b] = sum over l of alpha[b, l] values[b, l]`.
///
/// Keys `[B', L, K]` and values `[B', L, C]` may be of more pictures than there are queries, `[B, K]` with B <= B': the first
/// B are looked at, as suits sequences of which some have ended. `alpha` is `[B, L]` and `context` `[B, C]`.
///
/// # Panics
/// If the lengths do not fit.
pub fn attention<E: Float>(
    sizes: Attention,
    keys: &[E],
    query: &[E],
    weight: &[E],
    values: &[E],
    alpha: &mut [E],
    context: &mut [E],
) {
    let b = sizes.batch(keys, query, weight, values);
    let Attention {
        places: l,
        features: k,
        channels: c,
    } = sizes;
    assert!(
        alpha.len() == b * l && context.len() == b * c,
        "attention: expected alpha [{b}, {l}] and context [{b}, {c}]"
    );
    parallel_rows2(
        alpha,
        l,
        context,
        c,
        rows_per_task(sizes.cost()),
        |first, alpha, context| {
            for (i, alpha) in alpha.chunks_exact_mut(l).enumerate() {
                let b = first + i;
                E::dispatch(Look {
                    keys: &keys[b * l * k..][..l * k],
                    query: &query[b * k..][..k],
                    weight,
                    values: &values[b * l * c..][..l * c],
                    alpha,
                    context: &mut context[i * c..][..c],
                });
            }
        },
    );
}

/// The gradient by the values and by the scores before the softmax.
struct ByValues<'a, E> {
    values: &'a [E],
    alpha: &'a [E],
    dcontext: &'a [E],
    dalpha: Option<&'a [E]>,
    dvalues: &'a mut [E],
    dscores: &'a mut [E],
}

impl<E: Float> Kernel<E> for ByValues<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let ByValues {
            values,
            alpha,
            dcontext,
            dalpha,
            dvalues,
            dscores,
        } = self;
        let c = dcontext.len();
        let mut mean = E::ZERO;
        for (l, dscore) in dscores.iter_mut().enumerate() {
            let (value, dvalue) = (&values[l * c..][..c], &mut dvalues[l * c..][..c]);
            let share = V::splat(alpha[l]);
            let mut dot = V::splat(E::ZERO);
            for at in places::<V>(c) {
                let d = V::read(&dcontext[at.clone()]);
                dot = V::read(&value[at.clone()]).mul_add(d, dot);
                d.mul(share).write(&mut dvalue[at]);
            }
            *dscore = dot.reduce_sum();
            if let Some(dalpha) = dalpha {
                *dscore += dalpha[l];
            }
            mean += alpha[l] * *dscore;
        }
        for (dscore, &alpha) in dscores.iter_mut().zip(alpha) {
            *dscore = alpha * (*dscore - mean);
        }
    }
}

/// The gradient by the keys, the query and the weight. `dboth` is `[2, K]`: query, then weight.
struct ByKeys<'a, E> {
    keys: &'a [E],
    query: &'a [E],
    weight: &'a [E],
    dscores: &'a [E],
    dkeys: &'a mut [E],
    dboth: &'a mut [E],
}

impl<E: Float> Kernel<E> for ByKeys<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let ByKeys {
            keys,
            query,
            weight,
            dscores,
            dkeys,
            dboth,
        } = self;
        let k = query.len();
        let (dquery, dweight) = dboth.split_at_mut(k);
        for at in places::<V>(k) {
            let (q, w) = (V::read(&query[at.clone()]), V::read(&weight[at.clone()]));
            let (mut dq, mut dw) = (V::splat(E::ZERO), V::splat(E::ZERO));
            for (l, &dscore) in dscores.iter().enumerate() {
                let d = V::splat(dscore);
                let t = V::read(&keys[l * k..][at.clone()]).add(q).tanh();
                let slope = V::splat(E::ONE).sub(t.mul(t));
                let dkey = d.mul(w).mul(slope);
                dkey.write(&mut dkeys[l * k..][at.clone()]);
                dq = dq.add(dkey);
                dw = t.mul_add(d, dw);
            }
            dq.write(&mut dquery[at.clone()]);
            dw.write(&mut dweight[at]);
        }
    }
}

/// The gradients of [`attention`], given those of its context `[B, C]` and, where something depends on where it looked, of
/// `alpha` `[B, L]`. `dkeys` and `dvalues` are as long as keys and values; those of pictures without a query are zero.
///
/// # Panics
/// If the lengths do not fit.
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
    let b = sizes.batch(keys, query, weight, values);
    let Attention {
        places: l,
        features: k,
        channels: c,
    } = sizes;
    assert!(
        alpha.len() == b * l
            && dcontext.len() == b * c
            && dalpha.is_none_or(|d| d.len() == b * l)
            && dkeys.len() == keys.len()
            && dquery.len() == query.len()
            && dweight.len() == k
            && dvalues.len() == values.len(),
        "attention_backward: expected gradients of the shapes of alpha [{b}, {l}], context [{b}, {c}] and the inputs"
    );
    let (dkeys, no_keys) = dkeys.split_at_mut(b * l * k);
    let (dvalues, no_values) = dvalues.split_at_mut(b * l * c);
    no_keys.fill(E::ZERO);
    no_values.fill(E::ZERO);
    let mut dscores = Buffer::scratch(b * l);
    let task = rows_per_task(sizes.cost());
    parallel_rows2(
        dvalues,
        l * c,
        &mut dscores,
        l,
        task,
        |first, dvalues, dscores| {
            for (i, dscores) in dscores.chunks_exact_mut(l).enumerate() {
                let b = first + i;
                E::dispatch(ByValues {
                    values: &values[b * l * c..][..l * c],
                    alpha: &alpha[b * l..][..l],
                    dcontext: &dcontext[b * c..][..c],
                    dalpha: dalpha.map(|dalpha| &dalpha[b * l..][..l]),
                    dvalues: &mut dvalues[i * l * c..][..l * c],
                    dscores,
                });
            }
        },
    );
    let mut dboth = Buffer::scratch(b * 2 * k);
    parallel_rows2(
        dkeys,
        l * k,
        &mut dboth,
        2 * k,
        task,
        |first, dkeys, dboth| {
            for (i, dboth) in dboth.chunks_exact_mut(2 * k).enumerate() {
                let b = first + i;
                E::dispatch(ByKeys {
                    keys: &keys[b * l * k..][..l * k],
                    query: &query[b * k..][..k],
                    weight,
                    dscores: &dscores[b * l..][..l],
                    dkeys: &mut dkeys[i * l * k..][..l * k],
                    dboth,
                });
            }
        },
    );
    // The weight is the same for all queries.
    let mut sums = Buffer::scratch(2 * k);
    column_sums(&dboth, &mut sums, false);
    dweight.copy_from_slice(&sums[k..]);
    for (dquery, dboth) in dquery.chunks_exact_mut(k).zip(dboth.chunks_exact(2 * k)) {
        dquery.copy_from_slice(&dboth[..k]);
    }
}
