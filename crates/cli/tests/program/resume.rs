//! A training that was stopped goes on as if nothing had happened.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::desk::{Desk, filled};

/// A training that takes some seconds.
const LONG: [&str; 13] = [
    "train",
    "text",
    "mail.csv",
    "--set",
    "model.kind=rnn",
    "--set",
    "model.hidden_size=48",
    "--set",
    "model.embedding.size=32",
    "--set",
    "train.epochs=30",
    "--set",
    "train.checkpoint_seconds=0.1",
];

fn start(desk: &Desk, more: &[&str]) -> Child {
    let mut command = desk.command(&[&LONG, more].concat());
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits until the run has got to so many logged lines.
fn wait_for_lines(run: &Path, lines: usize) {
    let began = Instant::now();
    while std::fs::read_to_string(run.join("metrics.jsonl"))
        .unwrap_or_default()
        .lines()
        .count()
        < lines
    {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "the training does not begin"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([name, &id])
            .status()
            .unwrap()
            .success()
    );
}

/// Interrupts a program once it has said `awaited` on standard error; gives how it ended and all that it said.
pub(crate) fn interrupted_after(mut child: Child, awaited: &str) -> (ExitStatus, String) {
    let mut err = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = String::new();
    while !said.contains(awaited) {
        let read = err.read_line(&mut said).unwrap();
        assert!(read > 0, "it ended without {awaited}: {said}");
    }
    signal(&child, "-INT");
    err.read_to_string(&mut said).unwrap();
    (child.wait().unwrap(), said)
}

#[test]
fn interrupted_and_killed_trainings_give_the_same_model() {
    let desk = Desk::with_mail();
    let whole = desk
        .unfold(&[&LONG[..], &["--out", "whole", "-q"]].concat())
        .ended(0);
    assert_eq!(whole.err, "");
    let model = desk.bytes("whole/model.safetensors");

    for (out, name) in [("int", "-INT"), ("term", "-TERM")] {
        let child = start(&desk, &["--out", out]);
        wait_for_lines(&desk.path(out), 20);
        signal(&child, name);
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(130), "{said}");
        assert!(
            said.contains("stopped after step") && said.contains("--resume"),
            "{said}"
        );
        assert!(
            !desk.path(out).join("model.safetensors").exists(),
            "it was stopped too late to tell anything"
        );
        // The recipe is that of the run: nothing but --resume need be said.
        desk.unfold(&["train", "text", "mail.csv", "--out", out, "--resume", "-q"])
            .ended(0);
        assert!(
            desk.bytes(&format!("{out}/model.safetensors")) == model,
            "after {name}"
        );
    }

    for (out, lines) in [("kill-1", 1), ("kill-2", 90)] {
        let mut child = start(&desk, &["--out", out]);
        wait_for_lines(&desk.path(out), lines);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(
            !desk.path(out).join("model.safetensors").exists(),
            "it was killed too late to tell anything"
        );
        desk.unfold(&["train", "text", "mail.csv", "--out", out, "--resume", "-q"])
            .ended(0);
        assert!(
            desk.bytes(&format!("{out}/model.safetensors")) == model,
            "{out}"
        );
    }
    // Steps that were repeated are told once.
    assert!(steps(&desk, "kill-2") == steps(&desk, "whole"));
}

/// In the middle of an epoch a language model's states are on their way.
#[test]
fn a_killed_language_model_goes_on_with_its_states() {
    let desk = Desk::new();
    let line = |i: usize| format!("{} saw the whale, and {} did not\n", i % 7, i % 5);
    desk.write("book.txt", &(0..2000).map(line).collect::<String>());
    let train = |out: &str| {
        let words = "train language book.txt --set model.embedding_size=32 \
                     --set train.epochs=3 --set train.batch_size=4 --set window.length=10 \
                     --set window.restart=0.1 --set tokens.min_count=1 --set train.checkpoint_seconds=0.05 -q --out";
        let words = words.split_whitespace().chain([out]).map(str::to_owned);
        words.collect::<Vec<_>>()
    };
    let command =
        |words: &[String]| desk.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(command(&train("whole")).status().unwrap().success());
    for (out, lines) in [("early", 60), ("late", 500)] {
        let mut child = command(&train(out)).spawn().unwrap();
        wait_for_lines(&desk.path(out), lines);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(
            !desk.path(out).join("model.safetensors").exists(),
            "it was killed too late to tell anything"
        );
        desk.unfold(&[
            "train", "language", "book.txt", "--out", out, "--resume", "-q",
        ])
        .ended(0);
        let model = |out: &str| desk.bytes(&format!("{out}/model.safetensors"));
        assert!(model(out) == model("whole"), "{out}");
    }
}

/// With everything on that is drawn anew for each picture, and that is carried from step to step.
#[test]
fn a_killed_image_classifier_goes_on_with_its_pictures() {
    let desk = Desk::new();
    crate::image::folder(&desk, "stripes", 40);
    let train = |out: &str| {
        let words = "train image stripes --set model.channels=[8,8] --set train.epochs=30 --set train.batch_size=8 \
                     --set augment.flip=true --set augment.crop_padding=2 --set augment.cutout=3 \
                     --set augment.cutmix=0.5 --set augment.brightness=0.2 --set train.average_decay=0.9 \
                     --set train.lookahead.rise=1 \
                     --set answer.reestimate=4 --set train.checkpoint_seconds=0.05 -q --out";
        let words = words.split_whitespace().chain([out]).map(str::to_owned);
        words.collect::<Vec<_>>()
    };
    let command =
        |words: &[String]| desk.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(command(&train("whole")).status().unwrap().success());
    for (out, lines) in [("early", 5), ("late", 150)] {
        let mut child = command(&train(out)).spawn().unwrap();
        wait_for_lines(&desk.path(out), lines);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(
            !desk.path(out).join("model.safetensors").exists(),
            "it was killed too late to tell anything"
        );
        desk.unfold(&["train", "image", "stripes", "--out", out, "--resume", "-q"])
            .ended(0);
        let model = |out: &str| desk.bytes(&format!("{out}/model.safetensors"));
        assert!(model(out) == model("whole"), "{out}");
    }
}

fn steps(desk: &Desk, run: &str) -> Vec<(String, u64, String)> {
    let text = desk.read(&format!("{run}/metrics.jsonl"));
    let records = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let step = |record: serde_json::Value| {
        let loss = record
            .get("loss")
            .or(record.get("valid_loss"))
            .map(ToString::to_string);
        Some((
            record["event"].to_string(),
            record["step"].as_u64()?,
            loss.unwrap_or_default(),
        ))
    };
    records.filter_map(step).collect()
}

#[test]
fn a_second_interrupt_ends_at_once() {
    let desk = Desk::with_mail();
    let mut child = start(&desk, &["--out", "run", "-q"]);
    wait_for_lines(&desk.path("run"), 3);
    signal(&child, "-INT");
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!desk.path("run/model.safetensors").exists());
}

#[test]
fn without_a_name_the_latest_run_goes_on() {
    let desk = Desk::with_mail();
    let mut child = start(&desk, &["-q"]);
    wait_for_lines(&desk.path("runs/text-mail"), 3);
    signal(&child, "-INT");
    child.wait().unwrap();
    // One that is done is not the one to go on with.
    let done = "train text mail.csv --set train.epochs=1 --set model.maps=4 -q";
    desk.unfold(&done.split(' ').collect::<Vec<_>>()).ended(0);
    assert!(filled(&desk.path("runs/text-mail-2/model.safetensors")));
    desk.unfold(&["train", "text", "mail.csv", "--resume", "-q"])
        .ended(0);
    assert!(filled(&desk.path("runs/text-mail/model.safetensors")));
    assert!(!desk.path("runs/text-mail-3").exists());
}

#[test]
fn two_trainings_do_not_share_a_folder() {
    let desk = Desk::with_mail();
    let mut child = start(&desk, &["--out", "run", "-q"]);
    wait_for_lines(&desk.path("run"), 3);
    let said = desk.unfold(&["train", "text", "mail.csv", "--out", "run", "--resume"]);
    child.kill().unwrap();
    child.wait().unwrap();
    said.ended(1).complained(&["another training"]);
}

#[test]
fn other_data_is_not_mixed_in() {
    let desk = Desk::with_mail();
    let mut child = start(&desk, &["--out", "run", "-q"]);
    wait_for_lines(&desk.path("run"), 20);
    signal(&child, "-INT");
    child.wait().unwrap();
    desk.write("other.csv", &crate::desk::mail(90));
    let said = desk
        .unfold(&["train", "text", "other.csv", "--out", "run", "--resume"])
        .ended(2);
    said.complained(&["another recipe or other data"]);
    let changed = [&LONG[..4], &["train.epochs=31", "--out", "run", "--resume"]].concat();
    desk.unfold(&changed)
        .ended(1)
        .complained(&["train.epochs is 30 there and 31 here"]);
}
