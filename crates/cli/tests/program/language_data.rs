//! What a language model can be made of: every kind of tokens and of files, and what is refused.

use crate::desk::Desk;

/// Lines that are alike, so many.
fn lines(count: usize) -> impl Iterator<Item = String> {
    let who = ["ahab", "ishmael", "queequeg"];
    (0..count).map(move |i| format!("{} saw the white whale", who[i % 3]))
}

const SMALL: [&str; 8] = [
    "--set",
    "model.embedding_size=12",
    "--set",
    "train.epochs=2",
    "--set",
    "tokens.min_count=1",
    "--out",
    "run",
];

/// Trains on `data`, goes on with a prompt, and gives what was written.
#[track_caller]
fn written(desk: &Desk, data: &str, more: &[&str], prompt: &str) -> String {
    let train = [&["train", "language", data, "-q"], &SMALL[..], more].concat();
    desk.unfold(&train).ended(0);
    let eval = desk.unfold(&["eval", "run", data]).ended(0);
    assert!(eval.out.starts_with("test: "), "{eval:#?}");
    let run = [
        "run",
        "run",
        "--prompt",
        prompt,
        "--length",
        "20",
        "--temperature",
        "1",
    ];
    let said = desk.unfold(&run).ended(0);
    assert_eq!(said.err, "");
    assert!(said.out.starts_with(prompt), "{said:#?}");
    said.out
}

#[test]
fn json_lines() {
    let desk = Desk::new();
    let objects = lines(60).map(|line| format!("{{\"id\":1,\"post\":\"{line}\"}}\n"));
    desk.write("posts.jsonl", &objects.collect::<String>());
    let train = [&["train", "language", "posts.jsonl"], &SMALL[..]].concat();
    let said = desk.unfold(&train).ended(2);
    said.complained(&["posts.jsonl, line 1", "data.text", "id, post"]);
    assert!(!desk.path("run").exists());
    written(
        &desk,
        "posts.jsonl",
        &["--set", "data.text=post"],
        "ahab saw",
    );
    // A line is called by its number in the file, in parts that do not begin with it too.
    let objects = lines(60).map(|line| format!("{{\"text\":\"{line}\"}}\n"));
    desk.write("cut.jsonl", &(objects.collect::<String>() + "{\"text\":"));
    desk.unfold(&["train", "language", "cut.jsonl", "--out", "never"])
        .ended(2)
        .complained(&["cut.jsonl, line 61", "not a JSON object"]);
}

#[test]
fn what_no_file_is_named_for_is_held_out() {
    let desk = Desk::new();
    std::fs::create_dir(desk.path("latest")).unwrap();
    desk.write(
        "latest/train.txt",
        &lines(90).map(|line| line + "\n").collect::<String>(),
    );
    desk.write(
        "latest/valid.txt",
        &lines(30).map(|line| line + "\n").collect::<String>(),
    );
    let train = [&["train", "language", "latest", "--json"], &SMALL[..]].concat();
    let report = desk.unfold(&train).ended(0).json();
    assert_eq!(report["split"], "test", "{report}");
}

#[test]
fn texts_in_folders_of_any_encoding() {
    let desk = Desk::new();
    let text = |file: usize| -> String {
        let ends = ["\r\n", "\n"][file % 2];
        let long = " and Käpt’n Ahab".repeat(3000);
        let lines = lines(40).map(|line| format!("{line} {file}{ends}"));
        lines.collect::<String>() + &long + ends
    };
    for (folder, utf8) in [("given", true), ("encoded", false)] {
        std::fs::create_dir(desk.path(folder)).unwrap();
        for file in 0..4 {
            let text = text(file);
            let units = text.encode_utf16().flat_map(u16::to_le_bytes);
            let bytes = match utf8 {
                true => text.into_bytes(),
                false => [0xff, 0xfe].into_iter().chain(units).collect(),
            };
            std::fs::write(desk.path(&format!("{folder}/{file}.txt")), bytes).unwrap();
        }
    }
    for eos in ["line", "document"] {
        let eos = format!("data.eos={eos}");
        let [given, encoded] = ["given", "encoded"].map(|data| {
            written(&desk, data, &["--set", &eos], "ahab saw");
            let model = desk.bytes("run/model.safetensors");
            std::fs::remove_dir_all(desk.path("run")).unwrap();
            model
        });
        assert!(given == encoded, "{eos}");
    }
}

#[test]
fn learned_pieces() {
    let desk = Desk::new();
    desk.write("book.txt", &lines(80).collect::<Vec<_>>().join("\n"));
    let more = [
        "--set",
        "tokens.tokenizer=bpe",
        "--set",
        "tokens.max_size=280",
    ];
    // Bytes are pieces too, so no word is unknown.
    written(&desk, "book.txt", &more, "Zebras? ahab saw");
}

#[test]
fn a_tokenizer_of_others() {
    let desk = Desk::new();
    desk.write("book.txt", &lines(80).collect::<Vec<_>>().join("\n"));
    let tokenizer = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "post_processor": null,
        "decoder": null, "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"},
        "model": {
            "type": "WordLevel", "unk_token": "[UNK]",
            "vocab": {"[UNK]": 0, "ahab": 1, "saw": 2, "the": 3, "white": 4, "whale": 7}
        }
    });
    desk.write("tokenizer.json", &tokenizer.to_string());
    let more = [
        "--set",
        "tokens.tokenizer=file",
        "--set",
        "tokens.file=tokenizer.json",
    ];
    let text = written(&desk, "book.txt", &more, "ahab saw");
    assert!(text.contains("white"), "{text}");
    // The model holds all that it needs.
    std::fs::remove_file(desk.path("tokenizer.json")).unwrap();
    desk.unfold(&["run", "run", "--prompt", "ahab"]).ended(0);
    desk.unfold(&["run", "run", "--prompt", "ahab", "--one"])
        .ended(2)
        .complained(&["--one", "data.eos"]);
}

#[test]
fn layers_that_are_normalised() {
    let desk = Desk::new();
    desk.write("book.txt", &lines(80).collect::<Vec<_>>().join("\n"));
    let more = ["--set", "model.layer_norm=true", "--set", "model.layers=2"];
    written(&desk, "book.txt", &more, "ahab saw");
    for more in [&["--int8"][..], &["--beam", "3"]] {
        let run = [&["run", "run", "--prompt", "ahab", "--length", "5"], more].concat();
        desk.unfold(&run).ended(0);
    }
}

#[test]
fn little_text() {
    let desk = Desk::new();
    let train = |text: &str, more: &[&str]| {
        desk.write("book.txt", text);
        let _ = std::fs::remove_dir_all(desk.path("run"));
        desk.unfold(&[&["train", "language", "book.txt"], &SMALL[..], more].concat())
    };
    let whole = [
        "--set",
        "data.test_fraction=0",
        "--set",
        "data.valid_fraction=0",
    ];
    // Shorter than a window, and a window longer than any text.
    train("a few words are enough", &whole).ended(0);
    let window = [&whole[..], &["--set", "window.length=1000000"]].concat();
    train(&lines(30).collect::<Vec<_>>().join("\n"), &window).ended(0);
    // An end for each line of a single word: something can be predicted.
    train("whale\nwhale\nwhale\n", &whole).ended(0);

    // A single word, and all others.
    let never = [&whole[..], &["--set", "data.eos=never"]].concat();
    train("whale whale whale", &never).ended(0);
    for (text, more, words) in [
        ("", &whole[..], "empty"),
        ("\n\n \n", &whole, "there is no word to learn"),
        ("whale", &never, "a single token"),
        (
            "white whale",
            &["--set", "tokens.min_count=3"],
            "no word is left",
        ),
    ] {
        let said = train(text, more).ended(2);
        said.complained(&[words]);
        assert!(!desk.path("run").exists(), "{text:?}");
    }
}

#[test]
fn labelled_data_is_no_running_text() {
    let desk = Desk::with_mail();
    for data in ["builtin:spam", "mail.csv"] {
        let said = desk.unfold(&["train", "language", data, "--out", "run"]);
        said.ended(2)
            .complained(&[data, "running text", "unfold train text"]);
        assert!(!desk.path("run").exists());
    }
}
