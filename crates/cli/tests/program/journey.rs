//! The whole way of a user: train, look at what came out, use it, measure it, draw it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::Stdio;

use crate::desk::{Desk, SMALL, filled, train_small};

#[test]
fn train_then_use() {
    let desk = Desk::with_mail();
    let said = train_small(&desk, "run", &["--json"]);
    assert_eq!(
        said.out.lines().count(),
        1,
        "one line of JSON alone: {said:#?}"
    );
    let report = said.json();
    assert_eq!(
        (&report["task"], &report["split"]),
        (&"text".into(), &"test".into())
    );
    for key in [
        "accuracy",
        "macro_f1",
        "precision",
        "recall",
        "f1",
        "loss",
        "examples",
        "seconds",
    ] {
        assert!(report[key].is_number(), "{key}: {report}");
    }
    assert!(report["accuracy"].as_f64() >= Some(0.9), "{report}");
    let said = said.complained(&[
        "epoch 4/4",
        "* best",
        "accuracy",
        "precision of",
        "run folder  run",
    ]);
    said.complained(&["run  run 'a text'", "eval run DATA", "show run"]);
    for file in [
        "recipe.toml",
        "metrics.jsonl",
        "curves.svg",
        "model.safetensors",
    ] {
        assert!(filled(&desk.path("run").join(file)), "{file}");
    }

    let said = desk
        .unfold(&["run", "run", "win a free prize", "the meeting on tuesday"])
        .ended(0);
    let lines: Vec<_> = said.out.lines().collect();
    assert!(
        lines[0].starts_with("spam\t0.") || lines[0].starts_with("spam\t1."),
        "{said:#?}"
    );
    assert!(
        lines[1].starts_with("ham\t") && lines.len() == 2,
        "{said:#?}"
    );

    // The data it was trained on: only what was held out counts.
    let said = desk.unfold(&["eval", "run", "mail.csv", "--json"]).ended(0);
    assert_eq!(said.json()["examples"], 48);
    assert_eq!(said.json()["split"], "test");
    // Other data: all of it.
    let all = desk.read("mail.csv");
    let other: Vec<&str> = all.lines().take(101).collect();
    desk.write("other.csv", &other.join("\n"));
    let said = desk
        .unfold(&["eval", "run/model.safetensors", "other.csv"])
        .ended(0);
    assert!(
        said.out.contains("accuracy") && said.out.contains("100 texts"),
        "{said:#?}"
    );
}

#[test]
fn quiet_says_nothing() {
    let desk = Desk::with_mail();
    let said = train_small(&desk, "run", &["--quiet"]);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", ""));
}

#[test]
fn runs_are_numbered() {
    let desk = Desk::with_mail();
    for _ in 0..2 {
        desk.unfold(&[&["train", "text", "mail.csv", "-q"], &SMALL[..]].concat())
            .ended(0);
    }
    assert!(filled(&desk.path("runs/text-mail/model.safetensors")));
    assert!(filled(&desk.path("runs/text-mail-2/model.safetensors")));
    assert_eq!(
        desk.bytes("runs/text-mail/model.safetensors"),
        desk.bytes("runs/text-mail-2/model.safetensors")
    );
}

#[test]
fn flags_reach_the_recipe() {
    let desk = Desk::with_mail();
    desk.write("r.toml", "seed = 3\n[train]\nbatch_size = 16\n");
    let more = [
        "--recipe",
        "r.toml",
        "--seed",
        "7",
        "--text-column",
        "text",
        "--label-column",
        "label",
        "--threads",
        "1",
    ];
    train_small(&desk, "run", &[&more[..], &["-q"]].concat());
    let recipe: toml::Table = desk.read("run/recipe.toml").parse().unwrap();
    assert_eq!(recipe["seed"].as_integer(), Some(7));
    assert_eq!(recipe["train"]["batch_size"].as_integer(), Some(16));
    assert_eq!(recipe["train"]["epochs"].as_integer(), Some(4));
    assert_eq!(recipe["data"]["text"].as_str(), Some("text"));
    assert_eq!(recipe["data"]["label"].as_str(), Some("label"));
    // What a kind brings takes nothing away that is set before it.
    let kinds = "train text mail.csv --set model.hidden_size=7 --set model.kind=rnn --set train.epochs=1 -q --out kinds";
    desk.unfold(&kinds.split(' ').collect::<Vec<_>>()).ended(0);
    let recipe: toml::Table = desk.read("kinds/recipe.toml").parse().unwrap();
    assert_eq!(recipe["model"]["hidden_size"].as_integer(), Some(7));
    // A text that is called as a file is, is a text still.
    let named = desk.unfold(&["run", "run", "mail.csv"]).ended(0);
    named.complained(&["mail.csv is a file", "< mail.csv"]);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let desk = Desk::with_mail();
    train_small(&desk, "one", &["-q", "--threads", "1"]);
    train_small(&desk, "three", &["-q", "--threads", "3"]);
    assert_eq!(
        desk.bytes("one/model.safetensors"),
        desk.bytes("three/model.safetensors")
    );
}

#[test]
fn standard_input_is_answered_line_by_line() {
    let desk = Desk::with_mail();
    train_small(&desk, "run", &["-q"]);
    let said = desk
        .unfold_reading(
            &["run", "run", "--json"],
            b"win cash\r\n\n\xff\xfe\nlunch today",
        )
        .ended(0);
    let answers: Vec<serde_json::Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 4, "{said:#?}");
    assert_eq!(
        (&answers[0]["label"], &answers[3]["label"]),
        (&"spam".into(), &"ham".into())
    );
    for answer in answers {
        let probabilities = answer["probabilities"].as_object().unwrap();
        let sum: f64 = probabilities.values().map(|p| p.as_f64().unwrap()).sum();
        assert!(
            (sum - 1.0).abs() < 1e-5 && probabilities.len() == 2,
            "{answer}"
        );
        assert_eq!(
            answer["probability"],
            probabilities[answer["label"].as_str().unwrap()]
        );
    }
    assert_eq!(desk.unfold(&["run", "run"]).ended(0).out, "");
}

/// A conversation: the answer to a line comes before the next line is sent.
#[test]
fn an_answer_does_not_wait_for_the_next_line() {
    let desk = Desk::with_mail();
    train_small(&desk, "run", &["-q"]);
    let mut command = desk.command(&["run", "run"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut output = BufReader::new(output);
    for text in ["win a prize\n", "the agenda\n"] {
        input.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        output.read_line(&mut answer).unwrap();
        assert!(answer.contains('\t'), "{answer}");
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

/// As `unfold run … | head -1` does.
#[test]
fn a_closed_pipe_ends_quietly() {
    let desk = Desk::with_mail();
    train_small(&desk, "run", &["-q"]);
    let mut command = desk.command(&["run", "run"]);
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut first = [0; 1];
    input.write_all(b"win\n").unwrap();
    let mut output = child.stdout.take().unwrap();
    output.read_exact(&mut first).unwrap();
    drop(output);
    // The program may be gone before all of it is written; that is what is tested.
    let _ = input.write_all("win a prize\n".repeat(100_000).as_bytes());
    drop(input);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(
        (
            ended.status.code(),
            String::from_utf8_lossy(&ended.stderr).as_ref()
        ),
        (Some(0), "")
    );
}

#[test]
fn pictures_are_drawn() {
    let desk = Desk::with_mail();
    train_small(&desk, "run", &["-q"]);
    let said = desk
        .unfold(&["show", "run", "--text", "win the prize\non tuesday"])
        .ended(0);
    let names: Vec<_> = said.out.lines().collect();
    assert_eq!(names.len(), 7, "{said:#?}");
    assert!(desk.read(names[6]).contains("<svg"), "{said:#?}");
    for (name, kind) in names.iter().zip([
        "curves",
        "curves",
        "confusion",
        "confusion",
        "words",
        "words",
    ]) {
        assert!(name.contains(&format!("pictures/{kind}.")), "{name}");
        let start = &desk.bytes(name)[..4];
        assert!(
            if name.ends_with(".svg") {
                start == b"<svg"
            } else {
                start == b"\x89PNG"
            },
            "{name}"
        );
    }
    assert!(desk.read("run/curves.svg").contains("validation"));
    assert!(
        desk.read("run/pictures/words.svg")
            .contains(">prize</text>")
    );

    let occlusion = [
        "show",
        "run",
        "words",
        "--text",
        "win",
        "--method",
        "occlusion",
        "--label",
        "ham",
        "--out",
        "x",
    ];
    desk.unfold(&occlusion).ended(0);
    assert!(desk.read("x/words.svg").contains("occlusion"));
    desk.unfold(&[
        "show",
        "run",
        "confusion",
        "--data",
        "mail.csv",
        "--out",
        "x",
    ])
    .ended(0);
    assert!(desk.read("x/confusion.svg").contains("of 48 examples"));
    desk.unfold(&[
        "show",
        "run/model.safetensors",
        "--text",
        "win",
        "--out",
        "y",
    ])
    .ended(0);
    assert!(desk.path("y/words.png").exists() && !desk.path("y/curves.png").exists());
}

/// As `unfold train … 2>&1 | head -1` does.
#[test]
fn a_training_goes_on_when_nobody_listens() {
    let desk = Desk::with_mail();
    let line = [&["train", "text", "mail.csv", "--out", "run"], &SMALL[..]].concat();
    let mut child = desk.command(&line).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success());
    assert!(filled(&desk.path("run/model.safetensors")));
}
