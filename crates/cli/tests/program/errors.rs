//! Mistakes of the user are named, with the remedy, and leave nothing behind.

use crate::desk::{Desk, train_small};

#[test]
fn data_that_is_not_there() {
    let desk = Desk::new();
    desk.unfold(&["train", "text", "no.csv"])
        .ended(2)
        .complained(&["error: no.csv", "check the path"]);
    desk.unfold(&["train", "text", "builtin:nothing"])
        .ended(2)
        .complained(&["builtin:spam"]);
    assert!(!desk.path("runs").exists());
}

#[test]
fn a_recipe_that_cannot_be_used() {
    let desk = Desk::with_mail();
    let train = |more: &[&str]| {
        desk.unfold(&[&["train", "text", "mail.csv"], more].concat())
            .ended(2)
    };
    train(&["--recipe", "no.toml"]).complained(&["no.toml", "--recipe"]);
    desk.write("typo.toml", "[train]\nepoch = 3\n");
    train(&["--recipe", "typo.toml"]).complained(&[
        "typo.toml, line 2",
        "`epoch`",
        "did you mean `epochs`?",
    ]);
    desk.write("broken.toml", "train = \n");
    train(&["--recipe", "broken.toml"]).complained(&["broken.toml, line 1"]);
    train(&["--set", "train.epoch=3"])
        .complained(&["--set train.epoch=3", "did you mean `epochs`?"]);
    train(&["--set", "train.epochs"]).complained(&["key=value"]);
    train(&["--set", "train.epochs=0"]).complained(&["train.epochs"]);
    train(&["--set", "train.epochs=many"]).complained(&["--set train.epochs=many"]);
    train(&["--set", "model.embedding.vectors=no.txt"])
        .complained(&["no.txt", "model.embedding.vectors"]);
    assert!(!desk.path("runs").exists());
}

#[test]
fn a_column_that_is_not_there() {
    let desk = Desk::with_mail();
    let said = desk
        .unfold(&["train", "text", "mail.csv", "--text-column", "body"])
        .ended(2);
    said.complained(&["mail.csv", "body"]);
    assert!(!desk.path("runs").exists());
}

#[test]
fn data_that_cannot_be_learned_from() {
    let desk = Desk::new();
    desk.write("empty.csv", "");
    desk.unfold(&["train", "text", "empty.csv"])
        .ended(2)
        .complained(&["empty.csv"]);
    desk.write("one.csv", "label,text\nham,one\nham,two\nham,three\n");
    desk.unfold(&["train", "text", "one.csv"])
        .ended(2)
        .complained(&["one.csv"]);
}

#[test]
fn a_run_is_never_overwritten() {
    let desk = Desk::with_mail();
    train_small(&desk, "run", &["--quiet"]);
    let before = desk.bytes("run/model.safetensors");
    let again = desk
        .unfold(&["train", "text", "mail.csv", "--out", "run"])
        .ended(2);
    again.complained(&["run: holds a run already", "--out"]);
    assert_eq!(desk.bytes("run/model.safetensors"), before);
    desk.write("file", "");
    desk.unfold(&["train", "text", "mail.csv", "--out", "file"])
        .ended(2)
        .complained(&["file", "not a folder"]);
}

#[test]
fn nothing_to_resume() {
    let desk = Desk::with_mail();
    desk.unfold(&["train", "text", "mail.csv", "--resume"])
        .ended(2)
        .complained(&["no run", "--out"]);
    let said = desk
        .unfold(&["train", "text", "mail.csv", "--resume", "--out", "run"])
        .ended(2);
    said.complained(&["run: there is no run"]);
    assert!(!desk.path("run").exists());
}

#[test]
fn models_that_cannot_be_used() {
    let desk = Desk::with_mail();
    desk.unfold(&["run", "no-run", "text"])
        .ended(2)
        .complained(&["no-run"]);
    desk.unfold(&["show", "no-run"])
        .ended(2)
        .complained(&["no-run"]);
    desk.unfold(&["eval", "no-run", "mail.csv"])
        .ended(2)
        .complained(&["no-run"]);
    std::fs::create_dir(desk.path("folder")).unwrap();
    desk.unfold(&["run", "folder", "text"])
        .ended(2)
        .complained(&["folder", "model.safetensors"]);
    desk.unfold(&["show", "folder"])
        .ended(2)
        .complained(&["folder", "metrics.jsonl"]);
    train_small(&desk, "run", &["--quiet"]);
    let mut model = desk.bytes("run/model.safetensors");
    model.truncate(model.len() / 2);
    std::fs::write(desk.path("cut.safetensors"), &model).unwrap();
    desk.unfold(&["run", "cut.safetensors", "text"])
        .ended(2)
        .complained(&["cut.safetensors"]);
    desk.unfold(&["eval", "run", "no.csv"])
        .ended(2)
        .complained(&["no.csv", "check the path"]);
    desk.unfold(&["show", "run", "words"])
        .ended(2)
        .complained(&["--text"]);
    desk.unfold(&["run", "run", "text", "--beam", "3"])
        .ended(2)
        .complained(&["--beam", "`text`", "unfold run --help"]);
    desk.unfold(&["show", "run", "--label", "ham"])
        .ended(2)
        .complained(&["--label: there is nothing that it is about", "--text"]);
    std::fs::create_dir_all(desk.path("begun")).unwrap();
    desk.write("begun/metrics.jsonl", "");
    for flags in [&["--text", "a"][..], &["gradcam"], &["words"]] {
        desk.unfold(&[&["show", "begun"], flags].concat())
            .ended(2)
            .complained(&["this run is not finished"]);
    }
    desk.unfold(&["show", "run", "words", "--text", "a", "--label", "x"])
        .ended(2)
        .complained(&["x", "`ham`, `spam`"]);
}

#[test]
fn a_flipped_bit_in_a_model_is_noticed() {
    let desk = Desk::with_mail();
    train_small(&desk, "run", &["--quiet"]);
    let whole = desk.bytes("run/model.safetensors");
    for place in [whole.len() - 5, whole.len() / 2, 300] {
        let mut flipped = whole.clone();
        flipped[place] ^= 4;
        std::fs::write(desk.path("flipped.safetensors"), &flipped).unwrap();
        desk.unfold(&["run", "flipped.safetensors", "text"])
            .ended(2)
            .complained(&["flipped.safetensors", "damaged"]);
    }
}

#[test]
fn a_model_of_another_task_is_named() {
    let desk = Desk::new();
    for (task, said) in [
        ("language", "this model writes"),
        ("weather", "task `weather`"),
    ] {
        let header = serde_json::json!({"task": task});
        unfold::tensors::write(&desk.path("other.safetensors"), &header, []).unwrap();
        desk.unfold(&["run", "other.safetensors", "text"])
            .ended(2)
            .complained(&["other.safetensors", said]);
    }
}

/// A limit on the size of files stands for a full disk: both make writing fail half way.
#[cfg(unix)]
#[test]
fn a_full_disk_destroys_nothing() {
    let desk = Desk::with_mail();
    train_small(&desk, "run", &["--quiet"]);
    let files = ["run/model.safetensors", "run/checkpoint/state.safetensors"];
    let before = files.map(|file| desk.bytes(file));
    let script = "trap '' XFSZ; ulimit -f 4; exec \"$0\" train text mail.csv --out run --resume";
    let said = std::process::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_unfold")])
        .current_dir(desk.path(""))
        .output()
        .unwrap();
    let message = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(1), "{message}");
    assert!(message.contains("cannot write"), "{message}");
    assert!(
        message.contains("what was saved before is untouched"),
        "{message}"
    );
    assert!(before == files.map(|file| desk.bytes(file)));
}
