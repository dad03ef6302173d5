//! Models that look and write or find, from a folder of pictures to what they say of new ones; what those have in common that
//! look.

use crate::desk::Desk;
use crate::image::stripes;
use crate::questions::VQA;

/// Pictures of stripes with two captions and two questions each.
pub(crate) fn photos(desk: &Desk, count: usize) {
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
pub(crate) fn some(desk: &Desk, names: &[&str]) {
    std::fs::create_dir_all(desk.path("some")).unwrap();
    for name in names {
        let [from, to] = ["photos/pictures", "some"].map(|folder| format!("{folder}/{name}.bmp"));
        std::fs::copy(desk.path(&from), desk.path(&to)).unwrap();
    }
    std::fs::write(desk.path("some/cut.bmp"), b"BM cut off").unwrap();
    std::fs::write(desk.path("some/none.png"), b"none").unwrap();
}

/// `words` and what is in `more`, as the program takes them.
pub(crate) fn line<'a>(words: &'a str, more: &[&'a str]) -> Vec<&'a str> {
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
    // A folder that cannot be used costs time alone.
    desk.write("taken", "no folder");
    let mut flags = line(describe, &["--out", "anyway"]);
    flags.extend([
        "--set",
        "encoder.cache=\"taken\"",
        "--set",
        "train.epochs=1",
    ]);
    let told = desk.unfold(&flags).ended(0).err;
    assert!(
        told.contains("note: taken: ") && told.contains("encoder.cache"),
        "{told}"
    );
    // Who stops while pictures are looked at, here while another program has the file, is told what is kept.
    let files = std::fs::read_dir(desk.path("seen")).unwrap();
    let files = files.map(|file| std::fs::File::open(file.unwrap().path()).unwrap());
    let files: Vec<_> = files.collect();
    files.iter().for_each(|file| file.lock().unwrap());
    let mut child = desk.command(&line(describe, &["--out", "never"]));
    let child = child.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let (child, said) = crate::resume::interrupted_after(child, "looking at the pictures");
    assert_eq!(child.code(), Some(130), "{said}");
    assert!(
        said.contains("nothing was learned") && said.contains("are kept"),
        "{said}"
    );
    assert!(!desk.path("never").exists());
    drop(files);
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
