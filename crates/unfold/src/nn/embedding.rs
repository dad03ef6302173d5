//! Vectors for words, characters or whatever else has a number.

use unfold_kernels::Buffer;

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
    dropout: f64,
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
            dropout: 0.0,
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
            dropout: 0.0,
        }
    }

    /// In training drops whole rows of the table: each entry's vector is 0 wherever it stands in a pass with
    /// this probability p, and divided by 1 - p otherwise (Gal and Ghahramani 2016; Merity et al.
    /// 2017). Rows that a pass does not use cost nothing.
    ///
    /// # Panics
    /// Unless `probability` is in 0..1.
    #[track_caller]
    pub fn with_dropout(mut self, probability: f64) -> Embedding {
        assert!(
            (0.0..1.0).contains(&probability),
            "embedding: expected a dropout of at least 0 and below 1, got {probability}"
        );
        self.dropout = probability;
        self
    }

    /// The table `[V, C]`.
    pub fn weight(&self) -> ParamId {
        self.weight
    }

    /// The vectors of `ids`: `[N, C]`.
    #[track_caller]
    pub fn forward<E: Float>(&self, pass: &Pass<E>, ids: &[u32]) -> Tensor<E> {
        let table = pass.param(self.weight);
        let y = match self.scales(pass, ids) {
            // Each row is a bag of its own.
            Some(scales) => table.bag(ids, &scales, &(0..=ids.len()).collect::<Vec<_>>()),
            None => table.gather(ids),
        }; // [N, C]
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
        let table = pass.param(self.weight);
        let y = match self.scales(pass, ids) {
            Some(scales) => {
                let mut weights = Buffer::from_slice(weights);
                for (weight, &scale) in weights.iter_mut().zip(scales.iter()) {
                    *weight = *weight * scale;
                }
                table.bag(ids, &weights, offsets)
            }
            None => table.bag(ids, weights, offsets),
        }; // [B, C]
        pass.watch(&self.name, y)
    }

    /// What dropout multiplies the vectors of `ids` by: the same for each place of an id.
    fn scales<E: Float>(&self, pass: &Pass<E>, ids: &[u32]) -> Option<Buffer<E>> {
        if self.dropout == 0.0 {
            return None;
        }
        let key = pass.key()?;
        let keep = E::from_f64(1.0 / (1.0 - self.dropout));
        let mut scales = Buffer::scratch(ids.len());
        for (scale, &id) in scales.iter_mut().zip(ids) {
            let kept = key.uniform(id.into()) >= self.dropout;
            *scale = if kept { keep } else { E::ZERO };
        }
        Some(scales)
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
        params.backward(&pass, y.sum());
        assert_eq!(params.grad(frozen.weight()), Some(&[0.0; 4][..]));
        assert_eq!(params.grad(tuned.weight()), Some(&[0.0, 0.0, 2.0, 2.0][..]));
    }
    #[test]
    fn dropout_takes_whole_rows_in_training_alone() {
        const V: u32 = 400;
        let vectors = Tensor::full([V as usize, 2], 1.0);
        let mut params = Params::<f64>::new(0);
        let words = Embedding::pretrained(&mut params.scope("words"), &vectors).with_dropout(0.75);
        let ids: Vec<u32> = (0..V).chain(0..V).collect();
        let pass = Pass::training(&params, Key::new(1));
        let y = words.forward(&pass, &ids).to_vec();
        let (first, second) = y.split_at(2 * V as usize);
        assert_eq!(first, second);
        assert!(
            first
                .chunks(2)
                .all(|row| row == [0.0, 0.0] || row == [4.0, 4.0])
        );
        let kept = first.iter().filter(|&&v| v > 0.0).count() as f64 / first.len() as f64;
        assert!((kept - 0.25).abs() < 0.07, "{kept}");
        assert_ne!(words.forward(&pass, &ids).to_vec(), y);
        // Bags drop the same rows.
        let pass = Pass::training(&params, Key::new(1));
        let offsets: Vec<usize> = (0..=ids.len()).collect();
        let bags = words.bag(&pass, &ids, &vec![0.5; ids.len()], &offsets);
        assert_eq!(bags.affine(2.0, 0.0).data(), y);
        let plain = words.forward(&Pass::evaluation(&params), &ids);
        assert!(plain.data().iter().all(|&v| v == 1.0));
    }
}
