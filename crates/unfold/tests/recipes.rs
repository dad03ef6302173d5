//! Recipes that cannot be meant are refused before anything is made, and the ones in the project
//! can be read.

use std::fs;
use std::path::Path;

use unfold::ErrorKind;
use unfold::nn::network::Outline;
use unfold::tasks::align::AlignRecipe;
use unfold::tasks::caption::CaptionRecipe;
use unfold::tasks::image::ImageRecipe;
use unfold::tasks::language::LanguageRecipe;
use unfold::tasks::text::{self, TextRecipe};
use unfold::tasks::vqa::VqaRecipe;
use unfold::tasks::{Recipe, RunOptions};
use unfold::train::Quiet;

#[test]
fn values_out_of_range_name_their_key() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("d.csv");
    let rows: String = (0..40)
        .map(|i| format!("{},word{i} text\n", ["a", "b"][i % 2]))
        .collect();
    fs::write(&data, format!("label,text\n{rows}")).unwrap();
    for (settings, key) in [
        (&["train.epochs=0"][..], "train.epochs: is 0"),
        (&["train.batch_size=0"], "train.batch_size: is 0"),
        (&["train.learning_rate=nan"], "train.learning_rate: is NaN"),
        (&["model.dropout=1.0"], "model.dropout: is 1"),
        (&["model.widths=[]"], "model.widths"),
        (&["model.widths=[0]"], "model.widths: is 0"),
        (&["model.max_norm=-1"], "model.max_norm: is -1"),
        (&["model.embedding.size=0"], "model.embedding.size: is 0"),
        (&["model.kind=bag", "model.init=nan"], "model.init: is NaN"),
        (
            &["model.kind=bag", "model.size=0", "model.hidden=[3]"],
            "model.hidden",
        ),
        (
            &["model.kind=rnn", "model.layers=65"],
            "model.layers: is 65",
        ),
        (
            &["model.kind=rnn", "model.hidden_size=1000000"],
            "model: has 8",
        ),
        (&["loss.label_smoothing=1.0"], "loss.label_smoothing: is 1"),
        (&["data.test_fraction=1.0"], "data.test_fraction"),
    ] {
        let mut recipe = TextRecipe::default();
        for setting in settings {
            recipe.set(setting).unwrap();
        }
        let out = folder.path().join("run");
        let run = RunOptions {
            out: out.clone(),
            resume: false,
        };
        let error = text::train(data.to_str().unwrap(), &recipe, &run, &mut Quiet).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Recipe, "{error}");
        assert!(error.to_string().starts_with(key), "{key}: {error}");
        assert!(!out.exists(), "{key}: nothing is made");
    }
}

#[test]
fn filters_of_one_width_may_come_twice_and_checkpoints_never() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("d.csv");
    let rows: String = (0..40)
        .map(|i| format!("{},word{} text\n", ["a", "b"][i % 2], i % 3))
        .collect();
    fs::write(&data, format!("label,text\n{rows}")).unwrap();
    let mut recipe = TextRecipe::default();
    recipe.set("model.widths=[2,2]").unwrap();
    // Gradients may go unclipped, whatever the default.
    recipe.set("train.clip_norm=inf").unwrap();
    recipe.set("train.checkpoint_seconds=inf").unwrap();
    let run = RunOptions {
        out: folder.path().join("run"),
        resume: false,
    };
    text::train(data.to_str().unwrap(), &recipe, &run, &mut Quiet).unwrap();
    text::TextModel::load(&run.out).unwrap();
    // Nor does a training fill a folder that holds something else.
    let run = RunOptions {
        out: folder.path().to_path_buf(),
        resume: false,
    };
    let error = text::train(data.to_str().unwrap(), &recipe, &run, &mut Quiet).unwrap_err();
    assert!(error.to_string().contains("holds other files"), "{error}");
}

/// A recipe that can be meant, and that TOML can hold.
fn checked<R: Recipe>(text: &str, name: &str) -> R {
    let recipe = R::from_toml(text, name).unwrap();
    recipe.check().unwrap();
    let again = R::from_toml(&recipe.to_toml(), name).unwrap();
    assert_eq!(again.to_toml(), recipe.to_toml(), "{name}");
    recipe
}

#[test]
fn the_projects_recipes_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "toml") {
            let text = fs::read_to_string(&path).unwrap();
            let name = path.to_str().unwrap();
            let task = |task: &str| text.contains(&format!("task = \"{task}\""));
            if task("language") {
                checked::<LanguageRecipe>(&text, name);
            } else if task("caption") {
                checked::<CaptionRecipe>(&text, name);
            } else if task("align") {
                checked::<AlignRecipe>(&text, name);
            } else if task("vqa") {
                checked::<VqaRecipe>(&text, name);
            } else if task("image") {
                let recipe = checked::<ImageRecipe>(&text, name);
                // Ten classes, as all of them have here.
                let size = match name.contains("mnist") {
                    true => [28, 28, 1],
                    false => [32, 32, 3],
                };
                let layers = recipe.model.layers([size[0], size[1]], 10);
                let outline = Outline::new(&layers, size, "model.layers").unwrap();
                assert_eq!(outline.output().dims(), [10], "{name}");
            } else {
                checked::<TextRecipe>(&text, name);
            }
            seen += 1;
        }
    }
    assert!(seen >= 4, "only {seen} recipes");
}
