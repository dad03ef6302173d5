//! The network that compares pictures and sentences.

use super::config::AlignConfig;
use crate::error::Result;
use crate::nn::{Dropout, Embedding, Init, Linear, Params, Pass, Recurrent, RecurrentConfig};
use crate::ragged::Ragged;
use crate::tensor::Tensor;

/// Word vectors start normal with this deviation.
const SPREAD: Init = Init::Normal(0.1);

/// Regions of pictures and words of sentences in one space.
pub(super) struct Network {
    /// Rows and columns of the encoder's places, and of the regions that are means of them.
    places: [usize; 2],
    grid: [usize; 2],
    regions: Linear,
    table: Embedding,
    recurrent: Recurrent,
    words: Linear,
    dropout: Dropout,
}

impl Network {
    /// Adds the network's parameters to `params`, for rows and columns of places, so many channels and so many words.
    ///
    /// # Errors
    /// When there are fewer places than regions are asked for.
    pub(super) fn new(
        params: &mut Params<f32>,
        config: &AlignConfig,
        places: [usize; 2],
        channels: usize,
        words: usize,
    ) -> Result<Network> {
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
        Ok(Network {
            places,
            grid: config.regions(places)?,
            regions: Linear::new(&mut scope.scope("regions"), channels, joint),
            table: Embedding::with_init(&mut scope.scope("embedding"), words, c, SPREAD),
            recurrent: Recurrent::new(&mut scope.scope("recurrent"), c, layer),
            words: Linear::new(&mut scope.scope("words"), 2 * d, joint),
            dropout: Dropout::new(config.dropout),
        })
    }

    /// Rows and columns of regions.
    pub(super) fn grid(&self) -> [usize; 2] {
        self.grid
    }

    /// The R regions of pictures with features `[B, L, C]`, the picture as a whole last, region by region: `[(R + 1) B, J]`.
    pub(super) fn regions(&self, pass: &Pass<f32>, features: &Tensor) -> Tensor {
        let [b, c] = [0, 2].map(|axis| features.dim(axis));
        let whole = features.mean_axis(1); // [B, C]
        let ([height, width], l) = (self.places, self.grid.iter().product::<usize>());
        let features = match self.grid == self.places {
            true => features.clone(),
            false => features
                .reshape([b, height, width, c])
                .adaptive_avg_pool2d(self.grid),
        };
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
/// regions `[(R + 1) P, J]`.
pub(super) fn scores(
    regions: &Tensor,
    pictures: usize,
    words: &Tensor,
    sequences: &Ragged,
) -> Tensor {
    let places = regions.dim(0) / pictures;
    let products = regions.linear_t(words, None); // [(R + 1) P, N]
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
        let network = Network::new(&mut params, &config, [1, 5], 3, 7).unwrap();
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

    /// Of 3 x 3 places in 2 x 2 regions each region is the mean of four, and the whole one of all nine.
    #[test]
    fn regions_may_be_means_of_places() {
        let mut params = Params::new(1);
        let coarse = AlignConfig {
            joint_size: 4,
            grid: Some(2),
            ..AlignConfig::default()
        };
        let network = Network::new(&mut params, &coarse, [3, 3], 5, 7).unwrap();
        let pass = Pass::evaluation(&params);
        let features = random(&[1, 9, 5], 3);
        let found = network.regions(&pass, &features);
        assert_eq!((network.grid(), found.dims()), ([2, 2], &[5, 4][..]));
        let mean = |places: &[usize]| -> Vec<f32> {
            let at = |c: usize| places.iter().map(move |place| place * 5 + c);
            let sum = |c: usize| at(c).map(|i| features.data()[i]).sum::<f32>();
            (0..5).map(|c| sum(c) / places.len() as f32).collect()
        };
        let seen = [
            mean(&[0, 1, 3, 4]),
            mean(&[1, 2, 4, 5]),
            mean(&[3, 4, 6, 7]),
            mean(&[4, 5, 7, 8]),
            mean(&[0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ];
        let expected = network
            .regions
            .forward(&pass, &Tensor::from_vec(seen.concat(), [5, 5]));
        let off = found.data().iter().zip(expected.data());
        assert!(off.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 1e-5);
        let finer = AlignConfig {
            grid: Some(4),
            ..coarse
        };
        let error = Network::new(&mut Params::new(1), &finer, [3, 3], 5, 7).err();
        assert!(error.unwrap().to_string().contains("3 x 3 places"));
    }
}
