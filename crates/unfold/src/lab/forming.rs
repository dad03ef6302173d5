//! Filters of a first layer as they form during training.

use std::path::Path;

use crate::data::{
    Album, AlbumConfig, AugmentConfig, Batcher, PictureForm, PictureSource, read_pictures,
};
use crate::error::Result;
use crate::nn::network::{
    Conv2dConfig, LayerConfig, LayerKind, LinearConfig, Network, Outline, PoolConfig,
};
use crate::nn::{Adam, Optimizer, OptimizerConfig, Params, Pass};
use crate::random::Key;
use crate::tensor::Tensor;

/// What to train.
#[derive(Clone, Debug, PartialEq)]
pub struct FormingConfig {
    /// Filters of the first layer.
    pub filters: usize,
    /// Pixels along a side of a filter.
    pub kernel: usize,
    /// Steps in all.
    pub steps: usize,
    /// Decides initial values and the order of pictures.
    pub seed: u64,
}

impl Default for FormingConfig {
    fn default() -> FormingConfig {
        FormingConfig {
            filters: 16,
            kernel: 7,
            steps: 1000,
            seed: 1,
        }
    }
}

/// The filters after some step.
#[derive(Clone)]
pub struct Formed {
    /// Steps done.
    pub step: usize,
    /// The weights, `[K, K, C, O]`.
    pub weights: Tensor,
    /// The loss of the step before, in nats; none before the first.
    pub loss: Option<f64>,
}

/// Pictures a step.
const BATCH: usize = 64;
/// Larger pictures are made this small.
const SIDE: usize = 64;

/// Trains a small convolutional network on labelled pictures and keeps the filters of its first layer before the first
/// step and after 1, 2, 5, 10, 20, 50, .. steps. `watch` hears of every step done; training stops when it says so.
///
/// # Errors
/// When the data cannot be used.
pub fn forming(
    data: &str,
    config: &FormingConfig,
    watch: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<Formed>> {
    let pictures = read_pictures(Path::new(data), &PictureSource::default(), config.seed)?;
    let seen = pictures.train.survey(50);
    let size = seen
        .as_ref()
        .and_then(|seen| seen.size)
        .filter(|[h, w]| *h.max(w) <= SIDE);
    let [height, width] = size.unwrap_or([SIDE, SIDE]);
    let form = PictureForm {
        height,
        width,
        channels: if seen.is_some_and(|seen| seen.grey) {
            1
        } else {
            3
        },
        fit: Default::default(),
    };
    let album = Album::open(pictures.train, &form, AlbumConfig::default())?;
    let normalise = album.normalise(2000)?;
    let batcher = Batcher::new(album, normalise, AugmentConfig::default())?;
    let outline = Outline::new(
        &layers(config, pictures.labels.len()),
        [form.height, form.width, form.channels],
        "layers",
    )?;
    let mut params = Params::<f32>::new(config.seed);
    let network = Network::new(&mut params.scope(""), &outline);
    let first = network.conv2d("first").expect("the first layer").weight();
    let mut optimizer = Optimizer::new(OptimizerConfig::Adam(Adam::default()), &params);
    let key = Key::new(config.seed).named("forming");
    let keep = |params: &Params, step, loss| Formed {
        step,
        // A copy: the parameters change.
        weights: Tensor::from_slice(params.get(first), params.entry(first).shape),
        loss,
    };
    let mut formed = vec![keep(&params, 0, None)];
    let count = batcher.album().len();
    for step in 1..=config.steps {
        let draws = key.child(step as u64);
        let some: Vec<usize> = (0..BATCH).map(|i| draws.below(i as u64, count)).collect();
        let batch = batcher.batch(&some, None)?;
        let pass = Pass::training(&params, draws.named("pass"));
        let loss = network
            .forward(&pass, &batch.pixels)
            .cross_entropy(&batch.labels, &Default::default());
        let value = f64::from(loss.item());
        params.backward(&pass, loss);
        drop(pass);
        optimizer.step(&mut params, 2e-3);
        if telling(step) || step == config.steps {
            formed.push(keep(&params, step, Some(value)));
        }
        if watch(step) {
            break;
        }
    }
    Ok(formed)
}

/// Whether a step is 1, 2 or 5 times a power of ten.
fn telling(step: usize) -> bool {
    let power = 10usize.pow(step.ilog10());
    step.is_multiple_of(power) && [1, 2, 5].contains(&(step / power))
}

fn layers(config: &FormingConfig, classes: usize) -> Vec<LayerConfig> {
    let conv = |channels, kernel| {
        LayerKind::Conv2d(Conv2dConfig {
            padding: crate::nn::network::Padding::Same,
            ..Conv2dConfig::new(channels, kernel)
        })
    };
    let pool = || LayerConfig::from(LayerKind::MaxPool(PoolConfig::new(2)));
    vec![
        conv(config.filters, config.kernel).named("first"),
        LayerKind::Relu {}.into(),
        pool(),
        conv(2 * config.filters, 3).named("second"),
        LayerKind::Relu {}.into(),
        pool(),
        LayerKind::Flatten {}.into(),
        LayerKind::Linear(LinearConfig::new(classes)).named("head"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_change_and_are_kept() {
        let config = FormingConfig {
            filters: 4,
            kernel: 5,
            steps: 6,
            seed: 1,
        };
        let mut steps = 0;
        let formed = forming("builtin:digits", &config, &mut |step| {
            steps = step;
            false
        });
        let formed = formed.unwrap();
        assert_eq!(steps, 6);
        let kept: Vec<usize> = formed.iter().map(|formed| formed.step).collect();
        assert_eq!(kept, [0, 1, 2, 5, 6]);
        assert_eq!(formed[0].weights.dims(), [5, 5, 1, 4]);
        assert!(
            formed
                .windows(2)
                .all(|two| two[0].weights.data() != two[1].weights.data())
        );
        assert!(formed[0].loss.is_none() && formed[4].loss.is_some_and(|loss| loss < 3.0));
        let stopped = forming("builtin:digits", &config, &mut |step| step == 2).unwrap();
        assert_eq!(stopped.last().map(|formed| formed.step), Some(2));
    }
}
