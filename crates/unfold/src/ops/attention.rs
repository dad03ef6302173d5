//! Additive soft attention over the places of pictures (Bahdanau et al. 2015; Xu et al. 2015, section 3.1).

use unfold_kernels::{self as kernels, Attention as Sizes, Buffer};

use super::{Op, Reads, Saved, Wanted, apply};
use crate::{Float, Shape, Tensor};

/// Inputs in order: query, keys, weight, values. Outputs: context, alpha.
struct Attention;

/// What [`Tensor::attention`] gives.
#[derive(Clone, Debug)]
pub struct Attended<E: Float = f32> {
    /// What was seen: the weighted mean of the values, `[B, C]`.
    pub context: Tensor<E>,
    /// Where: the weights of the places, `[B, L]`; each row sums to 1.
    pub alpha: Tensor<E>,
}

/// The sizes that the shapes of keys `[B', L, K]` and values `[B', L, C]` say.
fn sizes(keys: Shape, values: Shape) -> Sizes {
    Sizes {
        places: keys.dims()[1],
        features: keys.dims()[2],
        channels: values.dims()[2],
    }
}

impl<E: Float> Op<E> for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let [query, keys, weight, values] = [0, 1, 2, 3].map(|i| inputs[i]);
        match (query.dims(), keys.dims(), weight.dims(), values.dims()) {
            (&[b, k], &[pictures, l, also_k], &[weights], &[of_values, also_l, c])
                if also_k == k
                    && weights == k
                    && of_values == pictures
                    && also_l == l
                    && b <= pictures
                    && l > 0
                    && k > 0 =>
            {
                Ok(vec![[b, c].into(), [b, l].into()])
            }
            _ => Err(format!(
                "expected query [B, K], keys [B or more, L, K], weight [K] and values [B or more, L, C], got {query}, {keys}, \
                 {weight} and {values}"
            )),
        }
    }

    fn forward(&mut self, inputs: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let [query, keys, weight, values] = [0, 1, 2, 3].map(|i| inputs[i]);
        let [context, alpha] = outputs else {
            unreachable!("two outputs")
        };
        kernels::attention(
            sizes(keys.shape(), values.shape()),
            keys.data(),
            query.data(),
            weight.data(),
            values.data(),
            alpha,
            context,
        );
    }

    fn reads(&self) -> Reads {
        Reads::Both
    }

    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let zeros;
        let dcontext = match &gradients[0] {
            Some(dcontext) => dcontext.data(),
            None => {
                zeros = Buffer::zeros(saved.output(0).len());
                &zeros[..]
            }
        };
        let mut all = [0, 1, 2, 3].map(|i| Buffer::scratch(saved.shapes[i].len()));
        let [dquery, dkeys, dweight, dvalues] = &mut all;
        kernels::attention_backward(
            sizes(saved.shapes[1], saved.shapes[3]),
            saved.input(1),
            saved.input(0),
            saved.input(2),
            saved.input(3),
            saved.output(1),
            dcontext,
            gradients[1].as_ref().map(Tensor::data),
            dkeys,
            dquery,
            dweight,
            dvalues,
        );
        let shaped = all.into_iter().zip(&saved.shapes).zip(wanted);
        shaped
            .map(|((d, shape), &wanted)| wanted.then(|| Tensor::from_buffer(d, *shape)))
            .collect()
    }
}

impl<E: Float> Tensor<E> {
    /// Looks at places with queries `[B, K]`: with keys `[B', L, K]`, a weight w `[K]` and values `[B', L, C]` of L places each,
    ///
    /// α_bl = softmax over l of w · tanh(key_bl + query_b), context_b = Σ_l α_bl value_bl
    ///
    /// There may be more pictures than queries, B' ≥ B: the first B are looked at, as suits sentences of which some have
    /// ended.
    ///
    /// # Panics
    /// When shapes do not fit.
    #[track_caller]
    pub fn attention(
        &self,
        keys: &Tensor<E>,
        weight: &Tensor<E>,
        values: &Tensor<E>,
    ) -> Attended<E> {
        let mut outputs = apply(Attention, &[self, keys, weight, values]).into_iter();
        let mut next = || outputs.next().expect("two outputs");
        Attended {
            context: next(),
            alpha: next(),
        }
    }
}
