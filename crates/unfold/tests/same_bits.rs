//! Training gives the same bits with any number of threads, and after an interruption.

use std::fs;
use std::ops::Range;
use std::path::Path;

use unfold::nn::{
    Conv2d, Linear, Optimizer, OptimizerConfig, Params, Pass, Recurrent, RecurrentConfig, States,
    through_time,
};
use unfold::tasks::text::{self, TextRecipe};
use unfold::tasks::{Recipe as _, RunOptions};
use unfold::train::{EpochEnd, Observer, Progress, Quiet, Start};
use unfold::{ErrorKind, Key, Ragged, Tensor, ops, set_threads};

/// Some hundred short texts of two classes, written to a file.
fn write_data(folder: &Path) -> String {
    let words = ["sun", "rain", "wind", "snow", "hot", "cold", "dry", "wet"];
    let key = unfold::Key::new(5);
    let mut lines = String::from("label,text\n");
    for i in 0..240u64 {
        let class = key.child(i).below(0, 2);
        let count = 3 + key.child(i).below(1, 30);
        let word = |j: usize| {
            let any = key.child(i).below(2 + j as u64, words.len() * 3 / 2);
            words[if any >= words.len() { class * 4 } else { any }]
        };
        let text: Vec<&str> = (0..count).map(word).collect();
        lines += &format!("{},{}\n", ["no", "yes"][class], text.join(" "));
    }
    let path = folder.join("weather.csv");
    fs::write(&path, lines).unwrap();
    path.to_str().unwrap().to_string()
}

/// A small recipe for each kind of model; the sizes are odd so that no block comes out even.
fn recipes() -> Vec<(&'static str, TextRecipe)> {
    let kinds: [(&str, &[&str]); 6] = [
        (
            "bag",
            &[
                "model.kind=bag",
                "model.size=19",
                "model.hidden=[13]",
                "model.feature_dropout=0.2",
                "tokens.word_ngrams=2",
            ],
        ),
        (
            "cnn",
            &["model.kind=cnn", "model.embedding.size=17", "model.maps=11"],
        ),
        (
            "elman",
            &["model.kind=rnn", "model.cell=elman", "model.pool=last"],
        ),
        (
            "elman-relu",
            &[
                "model.kind=rnn",
                "model.cell=elman-relu",
                "train.clip_norm=1",
            ],
        ),
        (
            "gru",
            &["model.kind=rnn", "model.cell=gru", "model.layers=2"],
        ),
        (
            "lstm",
            &[
                "model.kind=rnn",
                "model.cell=lstm",
                "model.pool=mean",
                "train.schedule=cosine",
            ],
        ),
    ];
    let build = |(name, settings): (&'static str, &[&str])| {
        let mut recipe = TextRecipe::default();
        for setting in settings {
            recipe.set(setting).unwrap();
        }
        if settings[0] == "model.kind=rnn" {
            recipe.set("model.hidden_size=21").unwrap();
            recipe.set("model.embedding.size=15").unwrap();
            recipe.set("model.embedding.word_dropout=0.1").unwrap();
        }
        // 153 examples for training: 5 epochs of 10 steps.
        recipe.set("data.valid_fraction=0.2").unwrap();
        recipe.set("train.batch_size=16").unwrap();
        recipe.set("train.epochs=5").unwrap();
        recipe.set("train.select=last").unwrap();
        recipe.set("train.patience=0").unwrap();
        (name, recipe)
    };
    kinds.into_iter().map(build).collect()
}

fn model_bytes(run: &Path) -> Vec<u8> {
    fs::read(run.join("model.safetensors")).unwrap()
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let data = write_data(folder.path());
    for (name, recipe) in recipes() {
        let train = |threads: usize| {
            set_threads(threads);
            let out = folder.path().join(format!("{name}-{threads}"));
            let run = RunOptions {
                out: out.clone(),
                resume: false,
            };
            text::train(&data, &recipe, &run, &mut Quiet).unwrap();
            model_bytes(&out)
        };
        let one = train(1);
        for threads in [2, 3] {
            assert!(
                train(threads) == one,
                "{name}: other bits with {threads} threads"
            );
        }
    }
}

/// A small network on pictures: every kind of convolution, for a few steps.
#[test]
fn any_number_of_threads_gives_the_same_bits_for_pictures() {
    let train = |threads: usize| {
        set_threads(threads);
        let mut params = Params::<f32>::new(3);
        let conv = |scope: &str, params: &mut Params<f32>, c, o, geometry: ops::Conv2d| {
            Conv2d::new(&mut params.scope(scope), c, o, geometry)
        };
        let plain = ops::Conv2d::new([3, 3]);
        let layers = [
            conv("first", &mut params, 3, 19, plain.same([13, 11])),
            conv(
                "depthwise",
                &mut params,
                19,
                38,
                ops::Conv2d {
                    groups: 19,
                    ..plain
                },
            ),
            conv(
                "strided",
                &mut params,
                38,
                22,
                ops::Conv2d {
                    stride: [2, 3],
                    ..plain
                },
            ),
            conv(
                "grouped",
                &mut params,
                22,
                6,
                ops::Conv2d { groups: 2, ..plain },
            ),
        ];
        let head = Linear::new(&mut params.scope("head"), 6, 4);
        let mut optimizer = Optimizer::new(OptimizerConfig::default(), &params);
        let key = Key::new(4);
        let x: Vec<f32> = (0..7 * 13 * 11 * 3)
            .map(|i| key.uniform(i) as f32)
            .collect();
        let x = Tensor::from_vec(x, [7, 13, 11, 3]);
        for step in 0..5 {
            let pass = Pass::training(&params, key.child(step));
            let mut h = x.clone();
            for layer in &layers {
                h = layer.forward(&pass, &h).relu();
            }
            let pixels = h.dim(1) * h.dim(2);
            let h = h.reshape([7, pixels, 6]).mean_axis(1); // [B, O]
            let logits = head.forward(&pass, &h);
            let loss = logits.cross_entropy(&[0, 1, 2, 3, 2, 1, 0], &Default::default());
            params.backward(&pass, loss);
            drop((pass, h));
            optimizer.step(&mut params, 0.01);
        }
        params
            .values()
            .iter()
            .map(|v| v.to_bits())
            .collect::<Vec<_>>()
    };
    let one = train(1);
    for threads in [2, 3] {
        assert!(train(threads) == one, "other bits with {threads} threads");
    }
}

/// A recurrent network in segments that are computed again.
#[test]
fn any_number_of_threads_gives_the_same_bits_through_time() {
    const B: usize = 7;
    const T: usize = 60;
    let gradients = |threads: usize| {
        set_threads(threads);
        let mut params = Params::<f32>::new(3);
        let config = RecurrentConfig {
            layers: 2,
            last_size: Some(17),
            dropout: 0.3,
            locked: true,
            weight_dropout: 0.3,
            ..RecurrentConfig::new(ops::Cell::Lstm, 19)
        };
        let lstm = Recurrent::new(&mut params.scope("lstm"), 3, config);
        let head = Linear::new(&mut params.scope("head"), 17, 4);
        let pass = Pass::training(&params, Key::new(4));
        let initial = lstm.zero_states(B);
        let run = move |pass: &Pass, steps: Range<usize>, states: &States| {
            let n = steps.len() * B;
            let x = (0..3 * n).map(|i| Key::new(5).uniform(i as u64) as f32);
            let x = Tensor::from_vec(x.collect(), [n, 3]);
            let sequences = Ragged::new(&[steps.len(); B]);
            let out = lstm.forward(pass, &x, &sequences, Some(states));
            let logits = head.forward(pass, &out.y);
            let loss = logits.cross_entropy(&vec![2; n], &Default::default());
            (loss, out.states)
        };
        let (loss, _) = through_time(&pass, T, None, &initial, run);
        params.backward(&pass, loss);
        params
            .grads()
            .iter()
            .map(|g| g.to_bits())
            .collect::<Vec<_>>()
    };
    let one = gradients(1);
    for threads in [2, 3] {
        assert!(
            gradients(threads) == one,
            "other bits with {threads} threads"
        );
    }
}

/// Asks to stop after a number of steps.
struct StopAfter {
    left: usize,
}

impl Observer for StopAfter {
    fn start(&mut self, _: &Start) {}
    fn step(&mut self, _: &Progress) {
        self.left = self.left.saturating_sub(1);
    }
    fn epoch(&mut self, _: &EpochEnd) {}
    fn stop(&self) -> bool {
        self.left == 0
    }
}

#[test]
fn an_interrupted_training_resumes_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let data = write_data(folder.path());
    for (name, recipe) in recipes() {
        let train = |out: &str, resume: bool, observer: &mut dyn Observer| {
            let out = folder.path().join(format!("{name}-{out}"));
            let run = RunOptions {
                out: out.clone(),
                resume,
            };
            text::train(&data, &recipe, &run, observer).map(|_| model_bytes(&out))
        };
        let whole = train("whole", false, &mut Quiet).unwrap();
        // Within an epoch, at its end, and twice.
        let stopped = train("parts", false, &mut StopAfter { left: 7 }).unwrap_err();
        assert_eq!(stopped.kind(), ErrorKind::Interrupted);
        let stopped = train("parts", true, &mut StopAfter { left: 13 }).unwrap_err();
        assert!(stopped.to_string().contains("step 20 of 50"), "{stopped}");
        let parts = train("parts", true, &mut Quiet).unwrap();
        assert!(parts == whole, "{name}: other bits after resuming");
        // A finished run resumes to itself.
        assert!(train("parts", true, &mut Quiet).unwrap() == whole, "{name}");
    }
}

#[test]
fn a_checkpoint_of_another_recipe_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = write_data(folder.path());
    let (_, mut recipe) = recipes().swap_remove(0);
    let run = RunOptions {
        out: folder.path().join("run"),
        resume: false,
    };
    text::train(&data, &recipe, &run, &mut StopAfter { left: 3 }).unwrap_err();
    let right = recipe.clone();
    recipe.set("train.learning_rate=0.5").unwrap();
    let resume = RunOptions {
        resume: true,
        ..run
    };
    let error = text::train(&data, &recipe, &resume, &mut Quiet).unwrap_err();
    let named = "another recipe: train.learning_rate is";
    assert!(error.to_string().contains(named), "{error}");
    // The refusal destroyed nothing.
    text::train(&data, &right, &resume, &mut Quiet).unwrap();
}

#[test]
fn two_trainings_do_not_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let _first = unfold::train::RunFolder::open(folder.path(), false).unwrap();
    let error = unfold::train::RunFolder::open(folder.path(), true).unwrap_err();
    assert!(
        error.to_string().contains("another training is running"),
        "{error}"
    );
}

#[test]
fn a_loss_that_is_not_finite_stops_with_step_layer_and_hint() {
    let folder = tempfile::tempdir().unwrap();
    let data = write_data(folder.path());
    let mut recipe = TextRecipe::default();
    for setting in [
        "model.kind=rnn",
        "model.cell=elman-relu",
        "train.optimizer=sgd",
        "train.learning_rate=1e30",
    ] {
        recipe.set(setting).unwrap();
    }
    let run = RunOptions {
        out: folder.path().join("run"),
        resume: false,
    };
    let said = text::train(&data, &recipe, &run, &mut Quiet)
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("step ") && said.contains("went first"),
        "{said}"
    );
    assert!(said.contains("learning rate"), "{said}");
}
