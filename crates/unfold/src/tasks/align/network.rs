//! The network that compares pictures and sentences.

use super::config::AlignConfig;
use crate::nn::{Dropout, Embedding, Init, Linear, Params, Pass, Recurrent, RecurrentConfig};
use crate::ragged::Ragged;
use crate::tensor::Tensor;

/// Word vectors start normal with this deviation.
const SPREAD: Init = Init::Normal(0.1);

/// Regions of pictures and words of sentences in one space.
pub(super) struct Network {
    regions: Linear,
    table: Embedding,
    recurrent: Recurrent,
    words: Linear,
    dropout: Dropout,
}

impl Network {
    /// Adds the network's parameters to `params`, for places of so many channels and so many words.
    pub(super) fn new(
        params: &mut Params<f32>,
        config: &AlignConfig,
        channels: usize,
        words: usize,
    ) -> Network {
        let mut scope = params.scope("aligner");
        let AlignConfig {
            hidden_size: d,
            embedding_size: c,
            joint_size: joint,
            ..
        } = *config;
        let layer = RecurrentConfig {
            bidirectional: true,
            ..RecurrentConfig::new(config.cell.into(), d)
        };
        Network {
            regions: Linear::new(&mut scope.scope("regions"), channels, joint),
            table: Embedding::with_init(&mut scope.scope("embedding"), words, c, SPREAD),
            recurrent: Recurrent::new(&mut scope.scope("recurrent"), c, layer),
            words: Linear::new(&mut scope.scope("words"), 2 * d, joint),
            dropout: Dropout::new(config.dropout),
        }
    }

    /// The regions of pictures with features `[B, L, C]`, the picture as a whole last, region by region: `[(L + 1) B, J]`.
    pub(super) fn regions(&self, pass: &Pass<f32>, features: &Tensor) -> Tensor {
        let [b, l, c] = [0, 1, 2].map(|axis| features.dim(axis));
        let whole = features.mean_axis(1); // [B, C]
        let place_by_place = (0..l * b).map(|row| ((row % b) * l + row / b) as u32);
        let places = features.reshape([b * l, c]);
        let places = places.gather(&place_by_place.collect::<Vec<_>>()); // [L B, C]
        let all = Tensor::concat(&[&places, &whole], 0);
        self.regions
            .forward(pass, &self.dropout.forward(pass, &all))
    }

    /// The words `[N]` of sentences, each as it is meant there: `[N, J]`.
    pub(super) fn words(&self, pass: &Pass<f32>, words: &[u32], sequences: &Ragged) -> Tensor {
        let drop = |x: &Tensor| self.dropout.forward(pass, x);
        let x = drop(&self.table.forward(pass, words)); // [N, C]
        let y = self.recurrent.forward(pass, &x, sequences, None).y; // [N, 2 D]
        self.words.forward(pass, &drop(&y)).relu()
    }
}

/// How well each of B sentences fits each of P pictures, `[B, P]`: the sum over words `[N, J]` of the best region's product, of
/// regions `[(L + 1) P, J]`.
pub(super) fn scores(
    regions: &Tensor,
    pictures: usize,
    words: &Tensor,
    sequences: &Ragged,
) -> Tensor {
    let places = regions.dim(0) / pictures;
    let products = regions.linear_t(words, None); // [(L + 1) P, N]
    let best = products.seq_max(&Ragged::new(&vec![places; pictures])); // [P, N]
    let mean = best.transpose().seq_mean(sequences); // [B, P]
    let lengths = sequences.lengths().iter().map(|&length| length as f32);
    let lengths = Tensor::from_vec(lengths.collect(), [sequences.batch(), 1]);
    mean.mul(&lengths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Key;

    fn random(dims: &[usize], seed: u64) -> Tensor {
        let len = dims.iter().product::<usize>() as u64;
        let values = (0..len).map(|i| Key::new(seed).normal(i) as f32);
        Tensor::from_vec(values.collect(), dims)
    }

    /// Σ_t max_i v_i · s_t, written out.
    #[test]
    fn scores_are_sums_over_words_of_the_best_region() {
        let (pictures, places, size) = (3, 4, 5);
        let sequences = Ragged::new(&[3, 2]);
        let (regions, words) = (random(&[places * pictures, size], 1), random(&[5, size], 2));
        let all = scores(&regions, pictures, &words, &sequences);
        assert_eq!(all.dims(), [2, pictures]);
        let dot = |a: usize, b: usize| -> f32 {
            let (a, b) = (
                &regions.data()[a * size..][..size],
                &words.data()[b * size..][..size],
            );
            a.iter().zip(b).map(|(a, b)| a * b).sum()
        };
        for (b, &length) in [3, 2].iter().enumerate() {
            for picture in 0..pictures {
                let best = |t: usize| {
                    let word = sequences.row(t, b);
                    let each = (0..places).map(|place| dot(place * pictures + picture, word));
                    each.fold(f32::NEG_INFINITY, f32::max)
                };
                let expected: f32 = (0..length).map(best).sum();
                let found = all.data()[b * pictures + picture];
                assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
            }
        }
    }

    /// The regions of a picture do not depend on the pictures beside it, and the last one is the mean of its places.
    #[test]
    fn regions_lie_place_by_place() {
        let mut params = Params::new(1);
        let config = AlignConfig {
            joint_size: 4,
            ..AlignConfig::default()
        };
        let network = Network::new(&mut params, &config, 3, 7);
        let pass = Pass::evaluation(&params);
        let features = random(&[2, 5, 3], 3);
        let both = network.regions(&pass, &features);
        assert_eq!(both.dims(), [12, 4]);
        for picture in 0..2 {
            let own = network.regions(&pass, &features.narrow(0, picture, 1));
            for region in 0..6 {
                let together = &both.data()[(region * 2 + picture) * 4..][..4];
                let alone = &own.data()[region * 4..][..4];
                let off = together.iter().zip(alone).map(|(a, b)| (a - b).abs());
                assert!(off.fold(0.0, f32::max) < 1e-6, "region {region}");
            }
            let mean = |j: usize| (0..5).map(|r| own.data()[r * 4 + j]).sum::<f32>() / 5.0;
            assert!((0..4).all(|j| (own.data()[20 + j] - mean(j)).abs() < 1e-5));
        }
    }
}
