//! Models that look and write or answer, from a folder of pictures to what they say of new ones.

use crate::desk::Desk;
use crate::image::stripes;

/// Pictures of stripes with two captions and two questions each.
fn photos(desk: &Desk, count: usize) {
    std::fs::create_dir_all(desk.path("photos/pictures")).unwrap();
    let mut captions = String::from("image,caption\n");
    let mut questions = String::from("image,question,answer\n");
    for i in 0..count {
        let down = i % 2 == 0;
        let (way, name) = (if down { "down" } else { "across" }, format!("{i:03}.bmp"));
        let file = desk.path(&format!("photos/pictures/{name}"));
        std::fs::write(file, stripes(down, i / 2)).unwrap();
        captions += &format!("{name},Bright stripes go {way}.\n{name},There are stripes {way}!\n");
        let upright = if down { "yes" } else { "no" };
        questions +=
            &format!("{name},Which way do they go?,{way}\n{name},Do they go down?,{upright}\n");
    }
    desk.write("photos/captions.csv", &captions);
    desk.write("photos/questions.csv", &questions);
}

/// A folder `some` with these of the pictures, one whose end is missing, and a file that is none.
fn some(desk: &Desk, names: &[&str]) {
    std::fs::create_dir_all(desk.path("some")).unwrap();
    for name in names {
        let [from, to] = ["photos/pictures", "some"].map(|folder| format!("{folder}/{name}.bmp"));
        std::fs::copy(desk.path(&from), desk.path(&to)).unwrap();
    }
    std::fs::write(desk.path("some/cut.bmp"), b"BM cut off").unwrap();
    std::fs::write(desk.path("some/none.png"), b"none").unwrap();
}

/// `words` and what is in `more`, as the program takes them.
fn line<'a>(words: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    words
        .split_whitespace()
        .chain(more.iter().copied())
        .collect()
}

const CAPTION: &str = "train caption photos --set encoder.network.channels=[6,8] --set words.min_count=1 \
                       --set model.hidden_size=24 --set model.embedding_size=24 --set model.dropout=0.1 \
                       --set train.epochs=25 --set train.batch_size=16 --set train.learning_rate=0.01 \
                       --set train.schedule.warmup=5";

#[test]
fn from_captions_to_captions() {
    let desk = Desk::new();
    photos(&desk, 60);
    std::fs::write(desk.path("photos/pictures/000.bmp"), b"BM cut off").unwrap();
    let wordless = desk.read("photos/captions.csv") + "001.bmp,...!!!\n";
    desk.write("photos/captions.csv", &wordless);
    let said = desk
        .unfold(&line(CAPTION, &["--out", "run", "--json"]))
        .ended(0);
    let report = said
        .complained(&["part 1 without a word left out"])
        .complained(&["damaged", "000.bmp", "BLEU-4", "CIDEr"])
        .json();
    assert!(report["bleu1"].as_f64().unwrap() > 0.95, "{report}");
    for key in [
        "bleu4",
        "rouge_l",
        "cider",
        "nats_per_word",
        "examples",
        "seconds",
    ] {
        assert!(report[key].is_number(), "{key}: {report}");
    }
    let (down, across) = ("photos/pictures/006.bmp", "photos/pictures/007.bmp");
    let said = desk.unfold(&["run", "run", down, across]).ended(0).out;
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines[0].starts_with(down) && lines[0].ends_with("down"),
        "{said}"
    );
    assert!(
        lines[1].starts_with(across) && lines[1].ends_with("across"),
        "{said}"
    );
    let json = desk
        .unfold(&["run", "run", down, "--beam", "3", "--json"])
        .ended(0)
        .json();
    assert_eq!(json["captions"].as_array().map(Vec::len), Some(3), "{json}");
    assert_eq!(json["caption"], json["captions"][0]["caption"]);
    let drawn = |seed: &str| {
        let flags = ["run", "run", down, "--temperature", "3", "--seed", seed];
        desk.unfold(&flags).ended(0).out
    };
    assert_eq!(drawn("1"), drawn("1"));
    assert!(["2", "3", "4"].iter().any(|seed| drawn(seed) != drawn("1")));
    let several = [&["run", "run", "--temperature", "3"], &[down; 6][..]].concat();
    let several = desk.unfold(&several).ended(0).out;
    let first = several.lines().next();
    assert_eq!(several.lines().count(), 6);
    assert!(
        several.lines().any(|line| Some(line) != first),
        "each draws the same numbers: {several}"
    );
    let likeliest = |flags: &[&str]| {
        desk.unfold(&[&["run", "run", down], flags].concat())
            .ended(0)
            .out
    };
    assert_eq!(
        likeliest(&["--top-k", "1", "--temperature", "5"]),
        likeliest(&["--greedy"])
    );
    for flags in [
        &["--length", "5"][..],
        &["--stop", "go"],
        &["--among", "photos"],
        &["--top", "3"],
        &["--explain"],
        &["--int8"],
    ] {
        let said = desk.unfold(&[&["run", "run", down], flags].concat());
        said.ended(2).complained(&[flags[0], "`caption`"]);
    }
    let folder = desk.unfold(&["run", "run", "photos#00?.bmp"]).ended(2);
    assert_eq!(folder.out.lines().count(), 9, "{folder:?}");
    folder.complained(&["000.bmp"]);
    desk.unfold(&["show", "run", "--picture", down, "--method", "occlusion"])
        .ended(2)
        .complained(&["--method", "`caption`"]);
    let eval =
        |flags: &[&str]| desk.unfold(&[&["eval", "run", "photos", "--json"], flags].concat());
    let same = eval(&[]).ended(0).json();
    assert_eq!(
        (&same["split"], &same["bleu4"]),
        (&report["split"], &report["bleu4"])
    );
    // Captions as short as can be recall few words; what is no search's is the same.
    let other = eval(&["--beam", "50", "--length-power", "-9"])
        .ended(0)
        .json();
    assert_ne!(other["rouge_l"], same["rouge_l"]);
    assert_eq!(other["nats_per_word"], same["nats_per_word"]);
    eval(&["--beam", "0"])
        .ended(2)
        .complained(&["--beam 0", "1..=1000"]);
    eval(&["--length-power", "nan"])
        .ended(2)
        .complained(&["--length-power NaN", "0.7"]);
    let drawn = desk
        .unfold(&["show", "run", "--picture", down])
        .ended(0)
        .out;
    assert!(
        drawn.contains("caption.svg") && drawn.contains("curves.png"),
        "{drawn}"
    );

    desk.unfold(&["show", "run", "words", "--text", "x"])
        .ended(2)
        .complained(&["a captioner has no such picture"]);
    desk.unfold(&["run", "run", "--prompt", "x"])
        .ended(2)
        .complained(&["goes on with no text"]);
    let none = ["--set", "words.min_count=1000", "--out", "none"];
    desk.unfold(&line(CAPTION, &none))
        .ended(2)
        .complained(&["words.min_count", "lower it"]);
    desk.unfold(&line(CAPTION, &["--strict", "--out", "strict"]))
        .ended(2)
        .complained(&["000.bmp"]);
    desk.unfold(&line(CAPTION, &["--from", "nowhere", "--out", "other"]))
        .ended(2)
        .complained(&["nowhere", "--from"]);
    // What of the data cannot be used is told whenever it is read.
    let lost = desk.read("photos/captions.csv") + "pictures/lost.bmp,a lost one\n";
    desk.write("photos/captions.csv", &lost);
    eval(&[]).ended(0).complained(&["lost.bmp"]);
}

/// Features of a frozen network are computed once, and change nothing but the time that it takes.
#[test]
fn a_trained_network_sees_for_another() {
    let desk = Desk::new();
    photos(&desk, 40);
    crate::image::folder(&desk, "stripes", 20);
    let classify = "train image stripes --set model.channels=[6,8] --set train.epochs=10 \
                    --set train.batch_size=8 --out classes";
    desk.unfold(&line(classify, &[])).ended(0);
    let describe = "train caption photos --from classes --set words.min_count=1 --set train.epochs=30 \
                    --set train.batch_size=16 --set train.learning_rate=0.02 --set train.schedule.warmup=5 \
                    --set encoder.cache=\"seen\"";
    // A name, how the picture comes in, and the cell.
    for (run, kind, cell) in [
        ("first-input", "first-input", "lstm"),
        ("initial-state", "initial-state", "lstm"),
        ("multimodal", "multimodal", "elman-relu"),
        ("added-lstm", "multimodal", "lstm"),
        ("attention", "attention", "lstm"),
    ] {
        let [kind_is, cell_is] = [format!("model.kind={kind}"), format!("model.cell={cell}")];
        let flags = line(
            describe,
            &[
                "--set",
                &kind_is,
                "--set",
                &cell_is,
                "--set",
                "model.hidden_size=24",
                "--set",
                "model.dropout=0.1",
            ],
        );
        let train = |out: &str| {
            let more = ["--out", out, "--json"];
            desk.unfold(&[&flags[..], &more].concat()).ended(0).json()
        };
        let report = train(run);
        assert!(report["bleu1"].as_f64().unwrap() > 0.7, "{run}: {report}");
        // What it says depends on the picture.
        let said = |file: &str| {
            let said = desk.unfold(&["run", run, file]).ended(0).out;
            said.split('\t').nth(1).map(str::to_owned)
        };
        let (down, across) = ("photos/pictures/006.bmp", "photos/pictures/007.bmp");
        assert_ne!(said(down), said(across), "{run}: {report}");
        let again = format!("{run}-again");
        train(&again);
        let model = |run: &str| desk.bytes(&format!("{run}/model.safetensors"));
        assert!(
            model(run) == model(&again),
            "{run}: other bits from the cache"
        );
    }
    // It brings its own layers and form of pictures: a recipe may say the same, or nothing.
    for (setting, parts) in [
        (
            "encoder.network.kind=resnet9",
            ["encoder.network", "is another network"],
        ),
        (
            "encoder.input.size=[16,16]",
            ["encoder.input.size", "not [12, 12]"],
        ),
    ] {
        let flags = line(describe, &["--set", setting, "--out", "never"]);
        desk.unfold(&flags).ended(2).complained(&parts);
    }
    for (setting, parts) in [
        (
            "encoder.augment.mixup=1",
            ["encoder.augment.mixup", "mixes labels"],
        ),
        (
            "encoder.augment.flip=true",
            ["encoder.augment", "does not learn"],
        ),
    ] {
        let flags = line(describe, &["--set", setting, "--out", "never"]);
        desk.unfold(&flags).ended(2).complained(&parts);
    }
    let same = [
        "--set",
        "encoder.network.channels=[6,8]",
        "--set",
        "train.epochs=1",
        "--out",
        "same",
    ];
    desk.unfold(&line(describe, &same)).ended(0);
    let ask = "train vqa photos --from classes --set train.epochs=1 --out asked --set encoder.cache=\"asked-cache\"";
    desk.unfold(&line(ask, &[])).ended(0);
    // A grid for attention, a vector for all others.
    assert_eq!(std::fs::read_dir(desk.path("seen")).unwrap().count(), 2);
    let drawn = desk.unfold(&[
        "show",
        "attention",
        "caption",
        "--picture",
        "photos/pictures/001.bmp",
        "--out",
        "seen-by",
    ]);
    let drawn = drawn.ended(0).out;
    assert!(
        drawn.contains("caption.png") && !drawn.contains("curves"),
        "{drawn}"
    );
    let svg = desk.read("seen-by/caption.svg");
    assert!(
        svg.contains("where it looked for each word"),
        "no attention in the picture"
    );
    // To measure a run is to use its features too.
    std::fs::remove_dir_all(desk.path("seen")).unwrap();
    for kind in ["first-input", "attention"] {
        let mut eval = desk.command(&["eval", kind, "photos"]);
        let said = eval.env("XDG_CACHE_HOME", desk.path("usual")).output();
        assert!(said.unwrap().status.success(), "{kind}");
    }
    assert_eq!(std::fs::read_dir(desk.path("seen")).unwrap().count(), 2);
    assert!(!desk.path("usual").exists());
    // A cache under another network's name is refused, and kept.
    let files = std::fs::read_dir(desk.path("seen")).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    let left = [&files[1], &files[0]].map(|file| std::fs::read(file).unwrap());
    for (file, left) in files.iter().zip(&left) {
        std::fs::write(file, left).unwrap();
    }
    for kind in ["first-input", "attention"] {
        let kind_is = format!("model.kind={kind}");
        let flags = line(describe, &["--set", &kind_is, "--out", "never"]);
        desk.unfold(&flags).ended(2).complained(&[
            ".features",
            "holds no features of this network",
            "encoder.cache",
        ]);
    }
    let kept = files.iter().map(|file| std::fs::read(file).unwrap());
    assert!(kept.eq(left), "a refused cache was changed");
}

const VQA: &str = "train vqa photos --set encoder.network.channels=[6,8] --set train.epochs=12 \
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
    // Networks that answer together are one model; by one alone counter-examples are learned.
    let flags = "train vqa photos --set encoder.network.channels=[6,8] --set train.epochs=8 --set train.batch_size=12 --set \
                 model.kind=attention --json --out together --set";
    let report = desk.unfold(&line(flags, &["model.members=3"])).ended(0);
    assert!(report.json()["accuracy"].as_f64().unwrap() > 0.9);
    let size = |run: &str| {
        let file = desk.path(run).join("model.safetensors");
        std::fs::metadata(file).unwrap().len()
    };
    assert!(size("together") > 2 * size("attention"));
    let said = desk.unfold(&["run", "together", down, "Do they go down?"]);
    assert!(said.ended(0).out.contains("\tyes\t"));
    let flags = "train vqa photos --out never --set";
    let refused = desk.unfold(&line(flags, &["model.members=0"])).ended(2);
    refused.complained(&["model.members", "is 0"]);
    let both = ["model.members=2", "--set", "counter_examples.neighbours=12"];
    let refused = desk.unfold(&line(flags, &both)).ended(2);
    refused.complained(&["counter_examples", "model.members = 1"]);

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
        .complained(&["note: 1 damaged", "cut.bmp", "none of the pictures"])
        .complained(&["2 pictures with captions but not there left out", "item"]);
    // Nor do tables about other things keep pictures from being found.
    desk.write("some/prices.json", "[1, 2]");
    desk.unfold(&[&ask[..], &["--among", "some"]].concat())
        .ended(0)
        .complained(&["no captions are read", "some", "pictures alone"]);
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

const ALIGN: &str = "train align photos --set encoder.network.channels=[6,8] --set words.min_count=1 \
                     --set model.hidden_size=12 --set model.embedding_size=12 --set model.joint_size=24 \
                     --set model.dropout=0 --set train.epochs=15 --set train.batch_size=12 \
                     --set train.learning_rate=0.01 --set train.schedule.warmup=5";

/// Every picture fits half of the sentences, so ranks say little; which way the stripes go decides what is found.
#[test]
fn pictures_are_found_by_sentences_and_sentences_by_pictures() {
    let desk = Desk::new();
    photos(&desk, 60);
    let said = desk
        .unfold(&line(ALIGN, &["--out", "run", "--json"]))
        .ended(0);
    let report = said
        .complained(&["a sentence's picture", "median rank"])
        .json();
    for direction in ["sentences", "pictures"] {
        for key in ["r1", "r5", "r10", "median_rank"] {
            assert!(report[direction][key].is_number(), "{key}: {report}");
        }
    }
    assert!(report["sentences"]["r5"].as_f64() > Some(0.9), "{report}");
    let run = |more: &[&str]| desk.unfold(&[&["run", "run", "--among", "photos"], more].concat());
    for (sentence, rest) in [
        ("There are stripes down!", 0),
        ("Bright stripes go across.", 1),
    ] {
        let found = run(&[sentence, "--top", "3", "--json"]).ended(0).json();
        let pictures = found["pictures"].as_array().unwrap();
        assert_eq!(pictures.len(), 3, "{found}");
        for picture in pictures {
            let path = std::path::Path::new(picture["found"].as_str().unwrap());
            assert!(desk.path(path.to_str().unwrap()).exists(), "{path:?}");
            let number = path.file_stem().unwrap().to_str().unwrap();
            let number: usize = number.parse().unwrap();
            assert_eq!(number % 2, rest, "{sentence}: {found}");
        }
    }
    let down = "photos/pictures/006.bmp";
    let found = run(&[down]).ended(0).out;
    // Of sentences that many pictures have, each once.
    assert_eq!(found.lines().count(), 4, "{found}");
    let mut best = found.lines().take(2);
    assert!(best.all(|line| line.contains("down")), "{found}");
    // Pictures alone will do to find among, and lines of standard input to ask.
    let bare = ["run", "run", "--among", "photos/pictures"];
    let typed = desk
        .unfold_reading(&bare, b"quo vadis\nstripes down\n")
        .ended(2)
        .complained(&["knows no word"])
        .out;
    assert!(
        typed.starts_with("stripes down\t") && typed.contains(".bmp\t"),
        "{typed}"
    );
    some(&desk, &["000", "001"]);
    let damaged = ["run", "run", "--among", "some", "stripes down"];
    let said = desk.unfold(&damaged).ended(0);
    let said = said.complained(&["damaged picture", "cut.bmp", "none.png"]);
    assert_eq!(said.out.lines().count(), 2, "{said:?}");
    desk.unfold(&[&bare[..], &[down]].concat())
        .ended(2)
        .complained(&["has no sentences"]);
    run(&["giraffes go down"])
        .ended(0)
        .complained(&["giraffes"]);
    run(&["quo vadis"]).ended(2).complained(&["knows no word"]);
    run(&["none.jpg"]).ended(2).complained(&["no such picture"]);
    let flags = ["run", "run", "stripes down"];
    desk.unfold(&flags).ended(2).complained(&["--among"]);
    desk.unfold(&[&flags[..], &["--top", "3"]].concat())
        .ended(2)
        .complained(&["--top 3: nothing is looked for", "--among DATA"]);
    let shown = ["show", "run", "alignment", "--picture", down];
    desk.unfold(&shown).ended(2).complained(&["no sentence"]);
    let sentence = ["--text", "Bright stripes go down."];
    let drawn = desk.unfold(&[&shown[..], &sentence].concat()).ended(0);
    assert!(drawn.out.contains("alignment.png"));
    desk.unfold(&[&shown[..], &["--text", "quo vadis"]].concat())
        .ended(2)
        .complained(&["knows no word"]);
    assert!(desk.read("run/pictures/alignment.svg").contains("stripes"));
    let smoothed =
        |beta: &str| desk.unfold(&[&shown[..], &sentence, &["--smoothing", beta]].concat());
    smoothed("inf").ended(2).complained(&["--smoothing inf"]);
    smoothed("0.1").ended(0);
    let other = desk.unfold(&["show", "run", "--word", "dog"]).ended(2);
    other.complained(&["--word", "`align`", "--help"]);
    let json = desk.unfold(&["eval", "run", "photos", "--json"]).ended(0);
    let json = json.json();
    assert_eq!(json["split"], "test", "{json}");
    assert_eq!(json["pictures"], report["pictures"], "{json}");
}

#[test]
fn the_same_seed_gives_the_same_model_with_any_number_of_threads() {
    let desk = Desk::new();
    photos(&desk, 24);
    for (task, flags) in [("caption", CAPTION), ("vqa", VQA), ("align", ALIGN)] {
        let train = |threads: &str| {
            let out = format!("{task}-{threads}");
            let more = [
                "--set",
                "train.epochs=2",
                "--threads",
                threads,
                "--out",
                &out,
            ];
            desk.unfold(&line(flags, &more)).ended(0);
            desk.bytes(&format!("{out}/model.safetensors"))
        };
        let one = train("1");
        assert!(one == train("2") && one == train("3"), "{task}");
    }
}
