//! Running statistics are part of a training's state: stopping and resuming changes no bit of them.

use std::path::Path;
use std::time::Instant;

use unfold::nn::{BatchNorm, Linear, Params, Pass};
use unfold::ops::Activation;
use unfold::train::{
    EpochEnd, Evaluation, Observer, Progress, Quiet, RunFolder, Start, Task, TrainConfig, fit,
};
use unfold::{Key, Moment, Tensor, set_threads};

const FEATURES: usize = 7;
const BATCH: usize = 16;

/// Is the sum of some numbers positive?
struct Signs {
    hidden: Linear,
    norm: BatchNorm,
    head: Linear,
}

impl Signs {
    fn new() -> (Signs, Params) {
        let mut params = Params::new(3);
        let task = Signs {
            hidden: Linear::new(&mut params.scope("hidden"), FEATURES, 9),
            norm: BatchNorm::new(&mut params.scope("norm"), 9).with_activation(Activation::Relu),
            head: Linear::new(&mut params.scope("head"), 9, 2),
        };
        (task, params)
    }

    fn logits(&self, pass: &Pass, x: &Tensor) -> Tensor {
        let h = self.norm.forward(pass, &self.hidden.forward(pass, x));
        self.head.forward(pass, &h)
    }
}

impl Task for Signs {
    type Batch = (Tensor, Vec<u32>);

    fn steps(&self) -> usize {
        60usize.div_ceil(BATCH)
    }
    fn order(&self, key: Key) -> Vec<Vec<usize>> {
        let start = key.below(0, 60);
        let order: Vec<usize> = (start..start + 60).map(|i| i % 60).collect();
        order.chunks(BATCH).map(<[usize]>::to_vec).collect()
    }
    fn batch(&self, examples: &[usize], _: Moment) -> unfold::Result<Self::Batch> {
        let value = |i: usize| Key::new(8).uniform(i as u64) as f32 - 0.4;
        let row = |&i: &usize| (0..FEATURES).map(move |j| value(i * FEATURES + j));
        let x: Vec<f32> = examples.iter().flat_map(row).collect();
        let class = |row: &[f32]| u32::from(row.iter().sum::<f32>() > 0.7);
        let classes = x.chunks(FEATURES).map(class).collect();
        Ok((Tensor::from_vec(x, [examples.len(), FEATURES]), classes))
    }
    fn size(&self, (_, classes): &Self::Batch) -> usize {
        classes.len()
    }
    fn loss(&self, pass: &Pass, (x, classes): &Self::Batch, _: &mut Vec<Tensor>) -> Tensor {
        let logits = self.logits(pass, x);
        logits.cross_entropy(classes, &Default::default())
    }
    fn validates(&self) -> bool {
        true
    }
    fn validate(&self, params: &Params) -> unfold::Result<Option<Evaluation>> {
        let all: Vec<usize> = (0..60).collect();
        let key = Key::new(0);
        let batch = self.batch(&all, Moment { epoch: 0, key })?;
        let loss = self.loss(&Pass::evaluation(params), &batch, &mut Vec::new());
        Ok(Some(Evaluation {
            loss: loss.item().into(),
            accuracy: None,
        }))
    }
    fn constrain(&self, _: &mut Params) {}
    fn fingerprint(&self) -> u64 {
        1
    }
}

/// Asks to stop after a number of steps.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn start(&mut self, _: &Start) {}
    fn step(&mut self, _: &Progress) {
        self.0 = self.0.saturating_sub(1);
    }
    fn epoch(&mut self, _: &EpochEnd) {}
    fn stop(&self) -> bool {
        self.0 == 0
    }
}

#[test]
fn running_statistics_can_be_taken_anew_as_means() {
    let mut params = Params::<f64>::new(1);
    let norm = BatchNorm::new(&mut params.scope("norm"), 2);
    let batches = [
        [1.0, 10.0, 3.0, 30.0],
        [5.0, 0.0, 9.0, 4.0],
        [2.0, 7.0, 2.0, 7.0],
    ];
    // Values of an earlier training leave nothing behind.
    params.get_mut(norm.running_mean()).fill(70.0);
    params.get_mut(norm.running_variance()).fill(70.0);
    for (i, batch) in batches.iter().enumerate() {
        let pass = Pass::statistics(&params, Key::new(0), 1.0 / (i + 1) as f64);
        norm.forward(&pass, &Tensor::from_vec(batch.to_vec(), [2, 2]));
        params.follow(pass);
    }
    // Means 2, 7, 2 and 20, 2, 7; of two values a, b the unbiased variance is (a - b)² / 2: 2, 8, 0 and 200, 8, 0.
    let near = |id, expected: [f64; 2]| {
        let got = params.get(id);
        let off = got.iter().zip(expected).map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f64::max) < 1e-12, "{got:?}");
    };
    near(norm.running_mean(), [11.0 / 3.0, 29.0 / 3.0]);
    near(norm.running_variance(), [10.0 / 3.0, 208.0 / 3.0]);
}

#[test]
fn running_statistics_survive_an_interruption() {
    let config = TrainConfig {
        epochs: 4,
        batch_size: BATCH,
        ..TrainConfig::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let train = |name: &Path, resume: bool, observer: &mut dyn Observer| {
        let mut run = RunFolder::open(&folder.path().join(name), resume).unwrap();
        let (task, mut params) = Signs::new();
        let outcome = fit(&task, &mut params, &config, 5, &mut run, resume, observer);
        outcome.map(|outcome| {
            // What was spent before an interruption counts.
            let now = Instant::now();
            assert_eq!(outcome.began(now) < now, resume);
            (params.values().to_vec(), task.norm, params)
        })
    };
    let (whole, norm, params) = train("whole".as_ref(), false, &mut Quiet).unwrap();
    let variance = params.get(norm.running_variance());
    assert!(variance.iter().all(|&v| v != 1.0), "{variance:?}");
    let measured = |name: &str| -> Vec<String> {
        let lines = std::fs::read_to_string(folder.path().join(name).join("metrics.jsonl"));
        let lines = lines.unwrap();
        let epochs = lines.lines().filter(|line| line.contains("valid_loss"));
        let value = |line: &str, key: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line[key].to_string()
        };
        let keys = ["epoch", "step", "train_loss", "valid_loss", "best"];
        epochs
            .map(|line| keys.map(|key| value(line, key)).join(" "))
            .collect()
    };
    assert_eq!(measured("whole").len(), 4);
    // In the middle of an epoch, after its last step, and after the last one of all.
    for stops in [[3, 4], [4, 8], [1, 15]] {
        let name = format!("parts-{}", stops[0]);
        let [first, second] = stops;
        assert!(train(name.as_ref(), false, &mut StopAfter(first)).is_err());
        assert!(train(name.as_ref(), true, &mut StopAfter(second)).is_err());
        let (parts, ..) = train(name.as_ref(), true, &mut Quiet).unwrap();
        assert!(parts == whole, "other bits after resuming: {stops:?}");
        assert_eq!(measured(&name), measured("whole"), "{stops:?}");
    }
    for threads in [1, 3] {
        set_threads(threads);
        let name = format!("threads-{threads}");
        let (values, ..) = train(name.as_ref(), false, &mut Quiet).unwrap();
        assert!(values == whole, "other bits with {threads} threads");
    }
}

#[test]
fn a_frozen_norm_does_what_it_does_outside_training() {
    let (task, mut params) = Signs::new();
    let x = task
        .batch(
            &(0..BATCH).collect::<Vec<_>>(),
            Moment {
                epoch: 0,
                key: Key::new(2),
            },
        )
        .unwrap()
        .0;
    let train = |params: &mut Params| {
        let pass = Pass::training(params, Key::new(1));
        let logits = task.logits(&pass, &x);
        let said = logits.to_vec();
        params.follow(pass);
        said
    };
    train(&mut params); // statistics that are not those of this batch
    let seen = |params: &Params| {
        let pass = Pass::evaluation(params);
        let mean = pass.param(task.norm.running_mean()).to_vec();
        (mean, task.logits(&pass, &x).to_vec())
    };
    // One that still learns its shift is not frozen: it needs the statistics of the batch.
    let frozen = |params: &mut Params, name: &str| {
        let id = params.id(name).unwrap();
        params.set_trainable(id, false);
    };
    frozen(&mut params, "norm.weight");
    let (mean, outside) = seen(&params);
    assert_ne!(train(&mut params), outside);
    assert_ne!(seen(&params).0, mean);
    frozen(&mut params, "norm.bias");
    let (mean, outside) = seen(&params);
    assert_eq!(train(&mut params), outside);
    assert_eq!(seen(&params).0, mean);
}
