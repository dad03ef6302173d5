//! A language model from a text to written words.

use crate::desk::Desk;

/// A text whose sentences are alike.
fn text() -> String {
    let names = ["Ahab", "Ishmael", "Queequeg", "Starbuck"];
    let line = |i: usize| {
        let (who, whom) = (names[i % 4], names[(i / 4) % 4]);
        format!("“Well,” said {who} to {whom}, “there she blows!”\n\n")
    };
    (0..160).map(line).collect()
}

const SMALL: [&str; 8] = [
    "--set",
    "model.embedding_size=16",
    "--set",
    "train.epochs=3",
    "--set",
    "window.length=15",
    "--out",
    "run",
];

fn trained() -> Desk {
    let desk = Desk::new();
    desk.write("book.txt", &text());
    let train = [&["train", "language", "book.txt", "--json"], &SMALL[..]].concat();
    let said = desk.unfold(&train).ended(0);
    let said = said.complained(&["words in", "perplexity", " run ", "--prompt ''"]);
    let report = said.json();
    for key in ["perplexity", "nats_per_token", "tokens", "seconds"] {
        assert!(report[key].as_f64().unwrap() > 0.0, "{key}: {report}");
    }
    assert_eq!(report["split"], "test");
    desk
}

#[test]
fn from_a_book_to_its_own_words() {
    let desk = trained();
    let eval = desk.unfold(&["eval", "run", "book.txt"]).ended(0);
    assert!(eval.out.starts_with("test: ") && eval.out.contains("perplexity, per word"));
    let perplexity = |more: &[&str]| {
        let all = [&["eval", "run", "book.txt", "--json"], more].concat();
        let report = desk.unfold(&all).ended(0).json();
        (
            report["perplexity"].as_f64().unwrap(),
            report["dynamic_rate"].clone(),
        )
    };
    let (still, dynamic) = (perplexity(&[]), perplexity(&["--dynamic", "0.001"]));
    assert!(dynamic.0 < still.0 && dynamic.1 == 0.001 && still.1.is_null());
    desk.unfold(&["eval", "run", "book.txt", "--dynamic", "-1"])
        .ended(2)
        .complained(&["--dynamic -1", "0.0003"]);

    let write = |more: &[&str]| {
        let all = [&["run", "run", "--prompt", "“Well,” said"], more].concat();
        desk.unfold(&all).ended(0).out
    };
    let text = write(&["--length", "12", "--seed", "3"]);
    assert!(
        text.starts_with("“Well,” said ") && text.ends_with('\n'),
        "{text}"
    );
    assert_eq!(text, write(&["--length", "12", "--seed", "3"]));
    assert_eq!(write(&["--length", "0"]), "“Well,” said\n");
    assert_eq!(write(&["--one", "--greedy"]).lines().count(), 1);
    assert!(!write(&["--stop", "to", "--greedy"]).contains(" to "));
    let stopped = write(&["--stop", "to Ahab", "--length", "60", "--seed", "5"]);
    assert!(
        !stopped.contains("to Ahab") && !stopped.ends_with(" \n"),
        "{stopped}"
    );
    let line = write(&["--stop", "\n", "--length", "60", "--seed", "5"]);
    assert_eq!(line.lines().count(), 1, "{line}");
    let long = write(&["--length", "20000", "--seed", "5"]);
    assert!(long.split_whitespace().count() > 10_000, "{}", long.len());
    let spaced = desk.unfold(&["run", "run", "--prompt", "“Well,” said ", "--greedy"]);
    assert!(!spaced.ended(0).out.contains("said  "));
    assert_eq!(write(&["--beam", "3", "--length", "6"]).lines().count(), 3);
    let explained = write(&["--explain", "--length", "4"]);
    assert!(
        explained
            .lines()
            .filter(|line| line.matches('%').count() == 6)
            .count()
            == 4
    );
    let json: serde_json::Value =
        serde_json::from_str(&write(&["--json", "--explain", "--length", "4"])).unwrap();
    assert_eq!(
        (
            json["tokens"].as_u64(),
            json["steps"][3]["likeliest"][4][0].is_string(),
            json["steps"][3]["probability"].as_f64() > Some(0.0)
        ),
        (Some(4), true, true)
    );

    let typed = desk.unfold_reading(
        &["run", "run", "--interactive", "--length", "5"],
        "“Well,”\nsaid\n".as_bytes(),
    );
    assert!(typed.ended(0).out.lines().count() >= 2);

    let shown = [
        "show",
        "run",
        "--text",
        "“Well,” said Ahab",
        "--word",
        "Ahab",
    ];
    let pictures = desk.unfold(&shown).ended(0).out;
    for name in [
        "curves",
        "surprise",
        "states",
        "gates",
        "gradients",
        "neighbours",
    ] {
        assert!(
            pictures.contains(&format!("{name}.png")),
            "{name}: {pictures}"
        );
    }
}

#[test]
fn a_line_break_ends_a_line_of_the_prompt() {
    let desk = Desk::new();
    let line = |i: usize| format!("{} speaks :\nhow now ?\n", ["ahab", "stubb"][i % 2]);
    desk.write("play.txt", &(0..300).map(line).collect::<String>());
    let train = [
        &[
            "train",
            "language",
            "play.txt",
            "-q",
            "--set",
            "data.eos=line",
        ],
        &SMALL[..],
    ];
    desk.unfold(&train.concat()).ended(0);
    let likeliest = |prompt: &str| {
        let run = [
            "run",
            "run",
            "--prompt",
            prompt,
            "--explain",
            "--json",
            "--length",
            "1",
        ];
        desk.unfold(&run).ended(0).json()["steps"][0]["likeliest"].clone()
    };
    assert_ne!(likeliest("ahab speaks :\n"), likeliest("ahab speaks :"));
}

#[test]
fn a_training_that_diverges_is_no_success() {
    let desk = Desk::new();
    desk.write("book.txt", &text());
    let rate = [
        "train.optimizer=sgd",
        "train.learning_rate=1e30",
        "train.schedule=constant",
    ];
    let sets = rate.iter().flat_map(|setting| ["--set", setting]);
    let train = ["train", "language", "book.txt", "-q"].into_iter();
    let train: Vec<&str> = train.chain(SMALL).chain(sets).collect();
    desk.unfold(&train).ended(1).complained(&["learning rate"]);
    assert!(!desk.path("run/model.safetensors").exists());
}

/// What was best before a training diverged can be used.
#[test]
fn a_training_that_diverges_keeps_its_best_model() {
    let desk = Desk::with_mail();
    let schedule = "train.schedule={kind = \"step\", every = 10, factor = 1e30}";
    let train = [
        "train", "text", "mail.csv", "--out", "run", "-q", "--set", schedule,
    ];
    let said = desk.unfold(&[&train[..], &crate::desk::SMALL].concat());
    said.ended(1).complained(&[
        "the loss is",
        "the model of epoch 1, the best before, is kept",
        "learning rate",
    ]);
    let answer = desk.unfold(&["run", "run", "win a free prize"]).ended(0);
    assert!(answer.out.contains('\t'), "{answer:?}");
}

#[test]
fn averaging_is_told_when_it_begins() {
    let desk = Desk::new();
    desk.write("book.txt", &text());
    let settings = "train.optimizer=sgd train.learning_rate=30 train.schedule=constant train.average_after=0 train.epochs=6";
    let settings = settings.split(' ').flat_map(|setting| ["--set", setting]);
    let train = ["train", "language", "book.txt"].into_iter().chain(SMALL);
    let train: Vec<&str> = train.chain(settings).collect();
    let said = desk.unfold(&train).ended(0);
    said.complained(&["note: validation results improve no more"]);
}

#[test]
fn mistakes_are_named() {
    let desk = trained();
    let wrong = |args: &[&str], words: &[&str]| {
        desk.unfold(args).ended(2).complained(words);
    };
    wrong(
        &["run", "run", "a text"],
        &["this model writes", "--prompt"],
    );
    wrong(
        &["run", "run", "--prompt", "x", "--temperature", "-1"],
        &["--temperature"],
    );
    wrong(
        &["run", "run", "--prompt", "x", "--length", "-1"],
        &["'-1'", "--length"],
    );
    let dash = ["run", "run", "--prompt", "- he said", "--length", "3"];
    assert!(desk.unfold(&dash).ended(0).out.starts_with("- he said"));
    wrong(
        &["run", "run", "--prompt", "x", "--top-p", "0"],
        &["--top-p 0", "a share"],
    );
    wrong(
        &["run", "run", "--prompt", "x", "--beam", "0"],
        &["--beam 0"],
    );
    wrong(
        &["run", "run", "--prompt", "x", "--stop", "zebra"],
        &["--stop zebra"],
    );
    wrong(
        &["run", "run", "--prompt", "x", "--stop", ""],
        &["--stop: no text to stop before"],
    );
    // What would change nothing is refused.
    for flags in [
        ["--beam", "2", "--temperature", "1"],
        ["--beam", "2", "--seed", "3"],
        ["--beam", "2", "--stop", "to"],
        ["--top-k", "2", "--greedy", "--one"],
    ] {
        let line = [&["run", "run", "--prompt", "x"][..], &flags].concat();
        wrong(&line, &["cannot be used with"]);
    }
    wrong(
        &[
            "run",
            "run",
            "--prompt",
            "x",
            "--temperature",
            "0",
            "--seed",
            "3",
        ],
        &["--seed", "--temperature 0 always takes the likeliest"],
    );
    wrong(
        &["run", "run", "--prompt", "x", "--length-power", "1"],
        &["--length-power", "`language`", "--help"],
    );
    wrong(
        &["show", "run", "words", "--text", "x"],
        &["a language model has no such picture"],
    );
    wrong(&["show", "run", "gates"], &["gates", "--text"]);
    wrong(
        &["show", "run", "states", "--text", "Ahab", "--layer", "2"],
        &["--layer 2"],
    );
    wrong(
        &["show", "run", "neighbours", "--word", "zebra"],
        &["zebra"],
    );
    wrong(
        &["train", "text", "book.txt", "--recipe", "run/recipe.toml"],
        &["task", "language"],
    );
    // Unknown words are told, some of many, and read as such; no prompt at all is a beginning too.
    let said = desk
        .unfold(&["run", "run", "--prompt", "zebra", "--length", "3"])
        .ended(0);
    said.complained(&["“zebra”", "<unk>"]);
    let many: String = (0..50).map(|i| format!("zebra{i} ")).collect();
    let said = desk
        .unfold(&["show", "run", "surprise", "--text", &many])
        .ended(0);
    said.complained(&["“zebra0”", "and 40 more"]);
    desk.unfold(&["run", "run", "--prompt", "", "--length", "3"])
        .ended(0);
}
