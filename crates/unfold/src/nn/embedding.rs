//! Vectors for words, characters or whatever else has a number.

use crate::nn::{Init, ParamId, Pass, Scope};
use crate::{Float, Tensor};

/// A table with one vector for each entry of a vocabulary.
///
/// y_i = W\[id_i\]
///
/// Shapes, with V entries and C features: W `[V, C]`, ids N, y `[N, C]`.
///
/// ```
/// use unfold::Tensor;
/// use unfold::nn::{Embedding, Params, Pass};
///
/// let mut params = Params::<f32>::new(1);
/// let words = Embedding::new(&mut params.scope("words"), 1000, 16);
/// let y = words.forward(&Pass::evaluation(&params), &[3, 999, 3]);
/// assert_eq!(y.dims(), [3, 16]);
/// ```
#[derive(Clone, Debug)]
pub struct Embedding {
    name: String,
    weight: ParamId,
}

impl Embedding {
    /// A table of `vocabulary` vectors with `size` features that start normal with deviation 0.1.
    pub fn new<E: Float>(scope: &mut Scope<'_, E>, vocabulary: usize, size: usize) -> Embedding {
        Embedding::with_init(scope, vocabulary, size, Init::Normal(0.1))
    }

    /// A table whose vectors start as `init` says.
    pub fn with_init<E: Float>(
        scope: &mut Scope<'_, E>,
        vocabulary: usize,
        size: usize,
        init: Init,
    ) -> Embedding {
        Embedding {
            name: scope.path().to_string(),
            weight: scope.add("weight", [vocabulary, size], init),
        }
    }

    /// A table that starts from pretrained `vectors` `[V, C]` and goes on learning.
    pub fn pretrained<E: Float>(scope: &mut Scope<'_, E>, vectors: &Tensor<E>) -> Embedding {
        let weight = scope.add("weight", vectors.shape(), Init::Zeros);
        Embedding::holding(scope, weight, vectors)
    }

    /// A table of pretrained `vectors` `[V, C]` that training leaves as they are.
    pub fn frozen<E: Float>(scope: &mut Scope<'_, E>, vectors: &Tensor<E>) -> Embedding {
        let weight = scope.add_frozen("weight", vectors.shape(), Init::Zeros);
        Embedding::holding(scope, weight, vectors)
    }

    fn holding<E: Float>(
        scope: &mut Scope<'_, E>,
        weight: ParamId,
        vectors: &Tensor<E>,
    ) -> Embedding {
        scope.get_mut(weight).copy_from_slice(vectors.data());
        Embedding {
            name: scope.path().to_string(),
            weight,
        }
    }

    /// The table `[V, C]`.
    pub fn weight(&self) -> ParamId {
        self.weight
    }

    /// The vectors of `ids`: `[N, C]`.
    #[track_caller]
    pub fn forward<E: Float>(&self, pass: &Pass<E>, ids: &[u32]) -> Tensor<E> {
        let y = pass.param(self.weight).gather(ids); // [N, C]
        pass.watch(&self.name, y)
    }

    /// Weighted sums of vectors: row b of the result `[B, C]` sums those of
    /// `ids[offsets[b]..offsets[b + 1]]`, each times its weight.
    #[track_caller]
    pub fn bag<E: Float>(
        &self,
        pass: &Pass<E>,
        ids: &[u32],
        weights: &[E],
        offsets: &[usize],
    ) -> Tensor<E> {
        let y = pass.param(self.weight).bag(ids, weights, offsets); // [B, C]
        pass.watch(&self.name, y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Params;
    use crate::random::Key;

    #[test]
    fn frozen_vectors_get_no_gradient() {
        let vectors = Tensor::from_vec(vec![1.0f32, 2.0, 3.0, 4.0], [2, 2]);
        let mut params = Params::new(0);
        let frozen = Embedding::frozen(&mut params.scope("frozen"), &vectors);
        let tuned = Embedding::pretrained(&mut params.scope("tuned"), &vectors);
        let pass = Pass::training(&params, Key::new(0));
        let y = frozen
            .forward(&pass, &[1, 0])
            .add(&tuned.forward(&pass, &[1, 1]));
        assert_eq!(y.data(), [6.0, 8.0, 4.0, 6.0]);
        params.backward(&pass, &y.sum());
        assert_eq!(params.grad(frozen.weight()), Some(&[0.0; 4][..]));
        assert_eq!(params.grad(tuned.weight()), Some(&[0.0, 0.0, 2.0, 2.0][..]));
    }
}
