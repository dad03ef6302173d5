//! The project's recipes begin to learn on the data that they are of: the loss of their first steps is finite, falls, and
//! does not leap on the way.
//!
//! A setting that only a recipe uses can break where no other test sees it. The sets are read where they lie beside the
//! project, and skipped where they do not. Recipes that first compute what a network makes of thousands of photographs
//! are left out.

use std::path::Path;

use unfold::Result;
use unfold::tasks::image::{self, ImageRecipe};
use unfold::tasks::language::{self, LanguageRecipe};
use unfold::tasks::text::{self, TextRecipe};
use unfold::tasks::vqa::{self, VqaRecipe};
use unfold::tasks::{Recipe, RunOptions};
use unfold::train::{EpochEnd, Observer, Progress, Start};

/// Keeps the losses of some steps, then stops.
struct Losses {
    most: usize,
    losses: Vec<f64>,
}

impl Observer for Losses {
    fn start(&mut self, _: &Start) {}
    fn step(&mut self, progress: &Progress) {
        self.losses.push(progress.loss);
    }
    fn epoch(&mut self, _: &EpochEnd) {}
    fn stop(&self) -> bool {
        self.losses.len() >= self.most
    }
}

/// How a task trains: `text::train` and its like.
type Train<R, T> = fn(&str, &R, &RunOptions, &mut dyn Observer) -> Result<T>;

/// `steps` steps of a recipe on `data` below the folder of published sets.
fn begins<R: Recipe, T>(
    name: &str,
    data: &str,
    steps: usize,
    settings: &[&str],
    train: Train<R, T>,
) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = project.join("../shared/data").join(data);
    if !data.exists() {
        return println!("skipped {name}: {} is not there", data.display());
    }
    let path = project.join("recipes").join(name).with_extension("toml");
    let mut recipe = R::from_toml(&std::fs::read_to_string(path).unwrap(), name).unwrap();
    for setting in settings {
        recipe.set(setting).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let run = RunOptions {
        out: folder.path().join("run"),
        resume: false,
    };
    let mut seen = Losses {
        most: steps,
        losses: Vec::new(),
    };
    // Stopped on purpose, which is not a success.
    let stopped = train(data.to_str().unwrap(), &recipe, &run, &mut seen).err();
    let Losses { losses, .. } = seen;
    assert_eq!(losses.len(), steps, "{name}: {stopped:?}");
    // The first loss is that of the network as it was made.
    let made = losses[0];
    let worst = losses.iter().copied().fold(made, f64::max);
    let end = &losses[steps * 4 / 5..];
    let end = end.iter().sum::<f64>() / end.len() as f64;
    println!("{name}: {made:.4} at first, {worst:.4} at worst, {end:.4} at the end");
    assert!(
        losses.iter().all(|loss| loss.is_finite()) && worst < 1.5 * made && end < made,
        "{name}: {losses:?}"
    );
}

#[test]
fn of_texts() {
    let news = "text/20news-bydate.tar.xz";
    for (name, data) in [
        ("20news-raw", news),
        ("20news-stripped", news),
        ("20news-cnn", news),
        ("20news-rnn", news),
        ("sms", "text/SMSSpamCollection.tsv.gz"),
        ("mr", "text/sentences-mr-sst2.tar.gz"),
    ] {
        begins::<TextRecipe, _>(name, data, 40, &[], text::train);
    }
}

#[test]
fn of_languages() {
    let (words, characters) = ("text/ptb.tar.gz", "text/tinyshakespeare.txt.gz");
    for (name, data, steps) in [
        ("ptb-small", words, 40),
        ("ptb-elman", words, 40),
        ("ptb-60min", words, 30),
        ("shakespeare-char", characters, 20),
    ] {
        begins::<LanguageRecipe, _>(name, data, steps, &[], language::train);
    }
}

#[test]
fn of_pictures() {
    for name in ["mnist-1epoch", "mnist"] {
        begins::<ImageRecipe, _>(name, "images/mnist", 40, &[], image::train);
    }
    // A quarter of its batches: a debug build takes seconds for a whole one.
    let (data, smaller) = ("images/cifar10-jpeg.tar.xz", ["train.batch_size=128"]);
    begins::<ImageRecipe, _>("cifar10", data, 30, &smaller, image::train);
}

#[test]
fn of_questions() {
    let data = "vqa/easy-vqa.tar.gz";
    begins::<VqaRecipe, _>("easy-vqa", data, 150, &[], vqa::train);
}
