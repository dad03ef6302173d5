//! From questions about pictures to their answers, and to pictures with other ones.

use crate::composition::{line, photos, some};
use crate::desk::Desk;

pub(crate) const VQA: &str = "train vqa photos --set encoder.network.channels=[6,8] --set train.epochs=12 \
                   --set train.batch_size=12";

#[test]
fn from_questions_to_answers() {
    let desk = Desk::new();
    photos(&desk, 60);
    let flags = ["--out", "run", "--json"];
    let said = desk.unfold(&line(VQA, &flags)).ended(0);
    let report = said.complained(&["accuracy"]).json();
    assert!(report["accuracy"].as_f64().unwrap() > 0.9, "{report}");
    let down = "photos/pictures/006.bmp";
    let said = desk
        .unfold(&[
            "run",
            "run",
            down,
            "Which way do they go?",
            "Do they go down?",
        ])
        .ended(0)
        .out;
    assert!(
        said.contains("\tdown\t") && said.contains("\tyes\t"),
        "{said}"
    );
    let typed = format!("{down}\tWhich way do they go?\n");
    let said = desk
        .unfold_reading(&["run", "run"], typed.as_bytes())
        .ended(0)
        .out;
    assert!(said.contains("\tdown\t"), "{said}");
    // Lines that cannot be answered keep none of the others from it.
    let typed = format!("none.bmp\tWhich way?\nno tab\n{down}\tQuo vadis\n") + &typed;
    let said = desk
        .unfold_reading(&["run", "run"], typed.as_bytes())
        .ended(2)
        .complained(&["none.bmp", "no tab", "knows none of these words"]);
    assert_eq!(said.out.lines().count(), 1, "{said:?}");
    for flags in [&["--length-power", "1"][..], &["--beam", "2"], &["--one"]] {
        let said = desk.unfold(&[&["run", "run", down, "Which way?"], flags].concat());
        said.ended(2).complained(&[flags[0], "`vqa`"]);
    }
    desk.write(
        "photos/strange.csv",
        "image,question,answer\n006.bmp,Quo vadis?,down\n007.bmp,Which way do they go?,across\n",
    );
    let report = desk
        .unfold(&["eval", "run", "photos/strange.csv", "--json"])
        .ended(0)
        .json();
    assert_eq!(
        (&report["examples"], &report["unknown"]),
        (&2.into(), &1.into()),
        "{report}"
    );
    std::fs::remove_file(desk.path("photos/strange.csv")).unwrap();
    let strange = desk
        .unfold(&["run", "run", down, "Do giraffes go down?"])
        .ended(0);
    strange.complained(&["giraffes"]);
    desk.unfold(&["run", "run", down, "Quo vadis"])
        .ended(2)
        .complained(&["knows none of these words"]);
    desk.unfold(&["run", "run", down])
        .ended(2)
        .complained(&["there is no question"]);
    let drawn = desk.unfold(&[
        "show",
        "run",
        "answer",
        "--picture",
        down,
        "--text",
        "Do they go down?",
    ]);
    assert!(drawn.ended(0).out.contains("answer.svg"));
    let scene = [
        "run",
        "run",
        "builtin:scenes#test-0001.bmp",
        "Do they go down?",
        down,
        "Do they go down?",
    ];
    let said = desk.unfold(&scene).ended(0).out;
    assert_eq!(said.lines().count(), 2, "{said}");

    let kinds = [
        ("attention", 0.9, 1.0),
        ("language", 0.2, 0.8),
        ("prior", 0.1, 0.6),
    ];
    for (kind, least, most) in kinds {
        let kind_is = format!("model.kind={kind}");
        let flags = "train vqa photos --set encoder.network.channels=[6,8] --set train.epochs=8 \
                     --set train.batch_size=12 --json --out";
        let report = desk
            .unfold(&line(flags, &[kind, "--set", &kind_is]))
            .ended(0)
            .json();
        let accuracy = report["accuracy"].as_f64().unwrap();
        assert!((least..=most).contains(&accuracy), "{kind}: {report}");
    }
    // Of several pictures before a question each is asked about, and named.
    let across = "photos/pictures/007.bmp";
    let said = desk.unfold(&["run", "run", down, across, "Do they go down?"]);
    let said = said.ended(0).out;
    let answers: Vec<&str> = said.lines().collect();
    assert!(
        answers[0].starts_with(down) && answers[0].contains("\tyes\t"),
        "{said}"
    );
    assert!(
        answers[1].starts_with(across) && answers[1].contains("\tno\t"),
        "{said}"
    );
    // What only names the picture is no part of the question.
    let named = desk.unfold(&["run", "run", down, "Do they go down in the image6 ?"]);
    assert_eq!(named.ended(0).err, "");
    // The prior is counted: no training changes it.
    let measured: Vec<serde_json::Value> = (desk.read("prior/metrics.jsonl").lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|line: &serde_json::Value| line["event"] == "epoch")
        .map(|line| line["valid_loss"].clone())
        .collect();
    assert!(measured.len() > 1 && !measured[0].is_null(), "{measured:?}");
    assert!(
        measured.iter().all(|loss| *loss == measured[0]),
        "{measured:?}"
    );
    // Without a picture the answers alone are drawn; one that is named is not looked at.
    let ask = "show language answer --text";
    let drawn = desk.unfold(&line(ask, &["Do they go down?", "--picture", down]));
    let drawn = drawn.ended(0).complained(&["is not looked at"]);
    assert!(drawn.out.contains("answer.svg"), "{drawn:?}");
    let ask = "show attention --text";
    desk.unfold(&line(ask, &["Do they go down?"]))
        .ended(2)
        .complained(&["--picture FILE"]);
    desk.unfold(&["show", "run", "--picture", down])
        .ended(2)
        .complained(&["there is no question", "--text"]);
}

/// They are one model; by one alone counter-examples are learned.
#[test]
fn networks_answer_together() {
    let desk = Desk::new();
    photos(&desk, 60);
    let down = "photos/pictures/006.bmp";
    let flags = "train vqa photos --set encoder.network.channels=[6,8] --set train.epochs=8 --set train.batch_size=12 --set \
                 model.kind=attention --json --out together --set";
    let report = desk.unfold(&line(flags, &["model.members=3"])).ended(0);
    assert!(report.json()["accuracy"].as_f64().unwrap() > 0.9);
    let model = desk.bytes("together/model.safetensors");
    let holds = |name: &[u8]| model.windows(name.len()).any(|bytes| bytes == name);
    assert!(holds(b"answerer3.") && !holds(b"answerer4."));
    let said = desk.unfold(&["run", "together", down, "Do they go down?"]);
    assert!(said.ended(0).out.contains("\tyes\t"));
    let flags = "train vqa photos --out never --set";
    let refused = desk.unfold(&line(flags, &["model.members=0"])).ended(2);
    refused.complained(&["model.members", "is 0"]);
    let both = ["model.members=2", "--set", "counter_examples.neighbours=12"];
    let refused = desk.unfold(&line(flags, &both)).ended(2);
    refused.complained(&["counter_examples", "model.members = 1"]);
}

/// Stripes that go one way are a counter-example to what is said of stripes that go the other.
#[test]
fn counter_examples_are_learned_and_found() {
    let desk = Desk::new();
    photos(&desk, 60);
    let learn = ["--set", "counter_examples.neighbours=12", "--json", "--out"];
    for kind in ["deeper", "attention"] {
        let kind_is = format!("model.kind={kind}");
        let flags = [&learn[..], &[kind, "--set", &kind_is]].concat();
        let said = desk.unfold(&line(VQA, &flags)).ended(0);
        let scores = &said.complained(&["counter-examples found"]).json()["counter_examples"];
        assert!(scores["questions"].as_u64() > Some(0), "{scores}");
        let share = |name: &str| scores[name].as_f64().unwrap();
        assert!(
            share("found") > 0.9 && share("found") > share("chance"),
            "{scores}"
        );
        let down = "photos/pictures/006.bmp";
        let ask = [
            "run",
            kind,
            down,
            "Do they go down?",
            "--among",
            "photos/pictures",
        ];
        let found = desk.unfold(&[&ask[..], &["--top", "3", "--json"]].concat());
        let found = found.ended(0).json();
        assert_eq!(found["answer"], "yes", "{found}");
        let examples = found["counter_examples"].as_array().unwrap();
        assert_eq!(examples.len(), 3, "{found}");
        for example in examples {
            assert_eq!(example["answer"], "no", "{found}");
        }
        let said = desk.unfold(&ask).ended(0).out;
        let (answer, examples) = said.split_once('\n').unwrap();
        assert!(answer.contains("\tyes\t"), "{said}");
        // Five at most are told, of those that have another answer.
        assert!((3..=5).contains(&examples.lines().count()), "{said}");
        assert!(
            examples
                .lines()
                .all(|line| line.starts_with('\t') && line.contains("\tno\t")),
            "{said}"
        );
    }
    // Of stripes that all go the same way none is a counter-example.
    some(&desk, &["002", "004", "008", "010"]);
    desk.write("some/prices.csv", "item,price\npen,2\n");
    let ask = [
        "run",
        "deeper",
        "photos/pictures/006.bmp",
        "Do they go down?",
    ];
    let said = desk
        .unfold(&[&ask[..], &["--among", "some"]].concat())
        .ended(0)
        .complained(&["note: 1 damaged", "cut.bmp", "none of the pictures"]);
    // Pictures alone are looked for, whatever tables lie beside them.
    assert!(!said.err.contains("captions"), "{}", said.err);
    assert_eq!(said.out.lines().count(), 1, "{said:?}");
    let never = "train vqa photos --set counter_examples.neighbours=12 --out never --set";
    desk.unfold(&line(never, &["model.kind=language"]))
        .ended(2)
        .complained(&["counter_examples", "does not look at pictures"]);
    let reads = "train vqa photos --set train.epochs=1 --out reads --set";
    desk.unfold(&line(reads, &["model.kind=language"]))
        .ended(0)
        .complained(&["questions in 4 answers", "reads 'a question'"]);
    desk.unfold(&[
        "run",
        "reads",
        "photos/pictures/006.bmp",
        "Do they go down?",
    ])
    .ended(0)
    .complained(&["006.bmp is not looked at"]);
    desk.unfold(&line(never, &["counter_examples.margin=-1"]))
        .ended(2)
        .complained(&["counter_examples.margin", "above 0"]);
    desk.unfold(&line(
        "train vqa photos --set train.epochs=1 --out plain",
        &[],
    ))
    .ended(0);
    desk.unfold(&[
        "run",
        "plain",
        "photos/pictures/006.bmp",
        "Do they go down?",
        "--among",
        "photos",
    ])
    .ended(2)
    .complained(&[
        "did not learn to find counter-examples",
        "counter_examples.neighbours",
    ]);
}
