//! The network that compares pictures and sentences.

use super::config::{AlignConfig, Score};
use crate::nn::{Dropout, Embedding, Init, Linear, Params, Pass, Recurrent, RecurrentConfig};
use crate::ragged::Ragged;
use crate::tensor::Tensor;

/// Word vectors start normal with this deviation.
const SPREAD: Init = Init::Normal(0.1);

/// Keeps a vector of zeros from being divided by nothing.
const TINY: f64 = 1e-12;

/// Regions of pictures and words of sentences in one space.
pub(super) struct Network {
    regions: Linear,
    table: Embedding,
    recurrent: Recurrent,
    words: Linear,
    dropout: Dropout,
    score: Score,
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
            score: config.score,
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
        let all = self.dropout.forward(pass, &all);
        self.compared(self.regions.forward(pass, &all))
    }

    /// The words `[N]` of sentences, each as it is meant there: `[N, J]`.
    pub(super) fn words(&self, pass: &Pass<f32>, words: &[u32], sequences: &Ragged) -> Tensor {
        let drop = |x: &Tensor| self.dropout.forward(pass, x);
        let x = drop(&self.table.forward(pass, words)); // [N, C]
        let y = self.recurrent.forward(pass, &x, sequences, None).y; // [N, 2 D]
        self.compared(self.words.forward(pass, &drop(&y)).relu())
    }

    /// Vectors `[R, J]` as they are compared: of length 1 for cosines.
    fn compared(&self, x: Tensor) -> Tensor {
        match self.score {
            Score::Products => x,
            Score::Cosines => {
                let squares = x.square().sum_axis(1).affine(1.0, TINY);
                x.div(&squares.sqrt().reshape([x.dim(0), 1]))
            }
        }
    }

    /// How well each of B sentences fits each of P pictures, `[B, P]`, of regions `[(L + 1) P, J]` and words `[N, J]`.
    pub(super) fn scores(
        &self,
        regions: &Tensor,
        pictures: usize,
        words: &Tensor,
        sequences: &Ragged,
    ) -> Tensor {
        let mean = means(regions, pictures, words, sequences);
        match self.score {
            Score::Products => {
                let lengths = sequences.lengths().iter().map(|&length| length as f32);
                mean.mul(&Tensor::from_vec(lengths.collect(), [sequences.batch(), 1]))
            }
            Score::Cosines => mean,
        }
    }
}

/// The mean over each sentence's words `[N, J]` of the product with the best of each picture's regions `[(L + 1) P, J]`: `[B, P]`.
fn means(regions: &Tensor, pictures: usize, words: &Tensor, sequences: &Ragged) -> Tensor {
    let places = regions.dim(0) / pictures;
    let products = regions.linear_t(words, None); // [(L + 1) P, N]
    let best = products.seq_max(&Ragged::new(&vec![places; pictures])); // [P, N]
    best.transpose().seq_mean(sequences)
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

    fn network(score: Score) -> (Network, Params<f32>) {
        let mut params = Params::new(1);
        let config = AlignConfig {
            joint_size: 5,
            score,
            ..AlignConfig::default()
        };
        (Network::new(&mut params, &config, 3, 7), params)
    }

    /// Σ_t max_i v_i · s_t, written out, and the mean of cosines.
    #[test]
    fn scores_come_from_the_best_region_of_each_word() {
        let (pictures, places, size) = (3, 4, 5);
        let sequences = Ragged::new(&[3, 2]);
        let (regions, words) = (random(&[places * pictures, size], 1), random(&[5, size], 2));
        let of = |network: Network| {
            let (regions, words) = (regions.clone(), words.clone());
            let [regions, words] = [regions, words].map(|x| network.compared(x));
            network.scores(&regions, pictures, &words, &sequences)
        };
        let [all, cosines] = [Score::Products, Score::Cosines].map(|score| of(network(score).0));
        assert_eq!(all.dims(), [2, pictures]);
        let dot = |a: usize, b: usize| -> f32 {
            let (a, b) = (
                &regions.data()[a * size..][..size],
                &words.data()[b * size..][..size],
            );
            a.iter().zip(b).map(|(a, b)| a * b).sum()
        };
        let norm = |x: &Tensor, row: usize| {
            let row = &x.data()[row * size..][..size];
            row.iter().map(|x| x * x).sum::<f32>().sqrt()
        };
        for (b, &length) in [3, 2].iter().enumerate() {
            for picture in 0..pictures {
                let best = |t: usize, cosine: bool| {
                    let word = sequences.row(t, b);
                    let each = (0..places).map(|place| {
                        let region = place * pictures + picture;
                        let lengths = norm(&regions, region) * norm(&words, word);
                        dot(region, word) / if cosine { lengths } else { 1.0 }
                    });
                    each.fold(f32::NEG_INFINITY, f32::max)
                };
                for (all, cosine) in [(&all, false), (&cosines, true)] {
                    let sum: f32 = (0..length).map(|t| best(t, cosine)).sum();
                    let expected = if cosine { sum / length as f32 } else { sum };
                    let found = all.data()[b * pictures + picture];
                    assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
                }
            }
        }
    }

    /// The regions of a picture do not depend on the pictures beside it, and the last one is the mean of its places.
    #[test]
    fn regions_lie_place_by_place() {
        let (network, params) = network(Score::Products);
        let pass = Pass::evaluation(&params);
        let features = random(&[2, 5, 3], 3);
        let both = network.regions(&pass, &features);
        assert_eq!(both.dims(), [12, 5]);
        for picture in 0..2 {
            let own = network.regions(&pass, &features.narrow(0, picture, 1));
            for region in 0..6 {
                let together = &both.data()[(region * 2 + picture) * 5..][..5];
                let alone = &own.data()[region * 5..][..5];
                let off = together.iter().zip(alone).map(|(a, b)| (a - b).abs());
                assert!(off.fold(0.0, f32::max) < 1e-6, "region {region}");
            }
            let mean = |j: usize| (0..5).map(|r| own.data()[r * 5 + j]).sum::<f32>() / 5.0;
            assert!((0..5).all(|j| (own.data()[25 + j] - mean(j)).abs() < 1e-5));
        }
    }
}
