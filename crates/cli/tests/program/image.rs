//! An image classifier from a folder of pictures to what it looked at.

use std::path::Path;

use crate::desk::Desk;

/// A picture of 12 x 12 pixels as a BMP file: stripes down or across, at a place and in a shade that `i` decides.
pub(crate) fn stripes(down: bool, i: usize) -> Vec<u8> {
    const SIDE: usize = 12;
    let mut file = b"BM".to_vec();
    file.extend((54 + 3 * (SIDE * SIDE) as u32).to_le_bytes());
    file.extend([0; 4]);
    for field in [
        54u32,
        40,
        SIDE as u32,
        SIDE as u32,
        1 | 24 << 16,
        0,
        0,
        2835,
        2835,
        0,
        0,
    ] {
        file.extend(field.to_le_bytes());
    }
    for y in 0..SIDE {
        for x in 0..SIDE {
            let at = if down { x } else { y };
            let bright = (at + i) % 4 < 2;
            let shade = if bright {
                200 + (i * 7 % 50) as u8
            } else {
                (i * 5 % 60) as u8
            };
            file.extend([shade, shade, shade / 2]);
        }
    }
    file
}

/// Two classes of pictures in folders.
pub(crate) fn folder(desk: &Desk, name: &str, count: usize) {
    for (class, down) in [("across", false), ("down", true)] {
        std::fs::create_dir_all(desk.path(&format!("{name}/{class}"))).unwrap();
        for i in 0..count {
            let file = desk.path(&format!("{name}/{class}/{i:02}.bmp"));
            std::fs::write(file, stripes(down, i)).unwrap();
        }
    }
}

const SMALL: [&str; 8] = [
    "--set",
    "model.channels=[6,8]",
    "--set",
    "train.epochs=4",
    "--set",
    "train.batch_size=8",
    "--out",
    "run",
];

fn trained() -> Desk {
    let desk = Desk::new();
    folder(&desk, "stripes", 40);
    std::fs::write(
        desk.path("stripes/down/broken.jpg"),
        b"\xff\xd8\xff\xe0 cut off",
    )
    .unwrap();
    desk.write("stripes/across/none.png", "");
    let train = [&["train", "image", "stripes", "--json"], &SMALL[..]].concat();
    let said = desk.unfold(&train).ended(0);
    let left_out = "1 damaged picture left out of the";
    let said = said.complained(&[left_out, "accuracy", " run "]);
    assert_eq!(said.err.matches(left_out).count(), 2, "{}", said.err);
    // A note at the beginning, and a line of the report.
    assert_eq!(said.err.matches("none.png").count(), 2, "{}", said.err);
    let report = said.json();
    assert_eq!(report["damaged"].as_array().map(Vec::len), Some(2));
    assert!(report["accuracy"].as_f64().unwrap() > 0.9, "{report}");
    assert_eq!(report["split"], "test");
    for key in ["loss", "examples", "seconds", "data_wait_share"] {
        assert!(report[key].is_number(), "{key}: {report}");
    }
    desk
}

#[test]
fn from_a_folder_to_answers_and_pictures() {
    let desk = trained();
    let eval = desk.unfold(&["eval", "run", "stripes"]).ended(0);
    assert!(eval.out.starts_with("test: 15 pictures"), "{}", eval.out);
    folder(&desk, "fresh", 6);
    desk.write("fresh/down/empty.png", "");
    let eval = desk.unfold(&["eval", "run", "fresh"]).ended(0).out;
    for part in ["12 pictures", "damaged", "down/empty.png"] {
        assert!(eval.contains(part), "{part}: {eval}");
    }
    let eval = desk.unfold(&["eval", "run", "fresh", "--json"]).ended(0);
    let damaged = eval.json()["damaged"][0].to_string();
    assert!(damaged.contains("down/empty.png"), "{damaged}");

    let file = "stripes/down/07.bmp";
    let run = desk.unfold(&["run", "run", file]).ended(0).out;
    assert!(run.starts_with("stripes/down/07.bmp\tdown\t"), "{run}");
    let json = desk.unfold(&["run", "run", file, "--json"]).ended(0).json();
    assert_eq!(
        (json["picture"].as_str(), json["label"].as_str()),
        (Some(file), Some("down"))
    );
    let typed = desk
        .unfold_reading(&["run", "run"], b"stripes/across/03.bmp\n")
        .ended(0);
    assert!(typed.out.contains("\tacross\t"), "{}", typed.out);
    folders_and_archives(&desk);

    let summary = desk.unfold(&["show", "run", "summary"]).ended(0).out;
    for part in ["layer", "conv2d", "[12, 12, 6]", "multiply-adds", "all"] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
    let all = [
        "show",
        "run",
        "--picture",
        file,
        "--data",
        "stripes",
        "--out",
        "pictures",
    ];
    let drawn = desk.unfold(&all).ended(0).out;
    for name in [
        "curves",
        "filters",
        "maps",
        "saliency",
        "gradcam",
        "occlusion",
        "mistakes",
        "confusion",
    ] {
        for ending in ["svg", "png"] {
            let path = format!("pictures/{name}.{ending}");
            assert!(
                drawn.contains(&path) && desk.path(&path).exists(),
                "{path}: {drawn}"
            );
        }
    }
    let one = [
        "show",
        "run",
        "gradcam",
        "--picture",
        file,
        "--label",
        "across",
        "--layer",
        "0.conv2d",
    ];
    assert!(desk.unfold(&one).ended(0).out.contains("gradcam.svg"));

    // Another model from this one: the last layer alone learns, for other labels.
    folder(&desk, "others", 30);
    std::fs::rename(desk.path("others/down"), desk.path("others/vertical")).unwrap();
    let train = [
        "train",
        "image",
        "others",
        "--from",
        "run",
        "--freeze",
        "backbone",
        "--set",
        "train.epochs=3",
        "--set",
        "train.batch_size=8",
        "--set",
        "train.learning_rate=0.03",
        "--set",
        "input.size=16",
        "--out",
        "second",
        "--json",
    ];
    let report = desk.unfold(&train).ended(0).json();
    // The recipe says what came from the first.
    let recipe = desk.read("second/recipe.toml");
    for part in ["size = [16, 16]", "channels = 3", "kind = \"layers\""] {
        assert!(recipe.contains(part), "{part}: {recipe}");
    }
    assert_eq!(report["labels"][1], "vertical");
    assert!(report["accuracy"].as_f64().unwrap() > 0.8, "{report}");
}

/// Of a deep network so many layers are drawn as one can look at, and the heading says so.
#[test]
fn some_layers_of_a_deep_network_are_drawn() {
    let desk = Desk::new();
    folder(&desk, "stripes", 8);
    let layer = "{ layer = \"conv2d\", channels = 4, kernel = 3, padding = \"same\" },\n{ layer = \"relu\" },\n";
    let layers = layer.repeat(30);
    let recipe = format!(
        "[model]\nkind = \"layers\"\nlayers = [\n{layers}{{ layer = \"global_pool\" }},\n]\n"
    );
    desk.write("deep.toml", &recipe);
    let train = ["train", "image", "stripes", "--recipe", "deep.toml"];
    let short = ["--set", "train.epochs=1", "--out", "run"];
    desk.unfold(&[&train[..], &short].concat()).ended(0);
    let draw = |line: &[&str]| {
        let picture = ["--picture", "stripes/down/01.bmp", "--out", "p"];
        desk.unfold(&[&["show", "run"], line, &picture].concat())
            .ended(0);
        desk.read(&format!("p/{}.svg", line[0]))
    };
    let maps = draw(&["maps"]);
    for part in ["Feature maps of 24 of 6", "a scale of its own", ">1.relu: "] {
        assert!(maps.contains(part), "{part}");
    }
    assert!(!maps.contains(">0.conv2d: "));
    assert!(draw(&["maps", "--layer", "0.conv2d"]).contains(">0.conv2d: "));
    assert!(draw(&["filters"]).contains("Filters of 24 of 30 layers"));
}

#[test]
fn small_pictures_of_several_sizes_stay_small() {
    let desk = Desk::new();
    folder(&desk, "stripes", 20);
    // One row less, as its header says.
    let mut lower = stripes(true, 0);
    lower[22] = 11;
    std::fs::write(desk.path("stripes/down/lower.bmp"), lower).unwrap();
    let train = [&["train", "image", "stripes"], &SMALL[..]].concat();
    desk.unfold(&train).ended(0);
    let summary = desk.unfold(&["show", "run", "summary"]).ended(0).out;
    assert!(summary.contains("[12, 12, 3]"), "{summary}");
}

/// A folder, an archive and what a pattern selects there are so many pictures, and each name that is told leads to one alone.
fn folders_and_archives(desk: &Desk) {
    let run = |names: &[&str]| desk.unfold(&[&["run", "run"], names].concat());
    let said = run(&["fresh"]).ended(2);
    assert_eq!(said.out.lines().count(), 12, "{said:?}");
    assert!(
        said.out.starts_with("fresh/across/00.bmp\tacross\t"),
        "{said:?}"
    );
    said.complained(&["fresh, down/empty.png", "the file is empty"]);
    let said = run(&["fresh#*03.bmp", "stripes/down/07.bmp"]).ended(0).out;
    let names: Vec<&str> = said
        .lines()
        .filter_map(|line| line.split('\t').next())
        .collect();
    assert_eq!(
        names,
        [
            "fresh/across/03.bmp",
            "fresh/down/03.bmp",
            "stripes/down/07.bmp"
        ]
    );
    assert_eq!(run(&names).ended(0).out, said);
    let scenes = run(&["builtin:scenes#test-000?.bmp"]).ended(0).out;
    let last = scenes.lines().last().unwrap();
    let name = last.split('\t').next().unwrap();
    assert_eq!(
        (scenes.lines().count(), name),
        (10, "builtin:scenes#pictures/test-0009.bmp")
    );
    assert_eq!(run(&[name]).ended(0).out.trim_end(), last);
    let show = |name| {
        [
            "show",
            "run",
            "gradcam",
            "--out",
            "looked",
            "--picture",
            name,
        ]
    };
    assert!(
        desk.unfold(&show(name))
            .ended(0)
            .out
            .contains("gradcam.svg")
    );
    let several = desk.unfold(&show("fresh")).ended(2);
    several.complained(&[
        "one picture is wanted, and there are 12",
        "'fresh/across/00.bmp'",
    ]);
    std::fs::create_dir(desk.path("texts")).unwrap();
    run(&["texts"])
        .ended(2)
        .complained(&["texts: holds no file"]);
    desk.write("texts/a.txt", "a");
    run(&["texts"])
        .ended(2)
        .complained(&["texts: holds no picture"]);
}

/// A file of grey pictures of 12 x 12 pixels, and one of their classes, as MNIST's are.
fn idx(desk: &Desk, name: &str, count: usize) {
    let head = |kind: u8, count: u8, rest: &[u8]| [&[0, 0, 8, kind, 0, 0, 0, count], rest].concat();
    let side = [0, 0, 0, 12, 0, 0, 0, 12];
    let (mut images, mut labels) = (head(3, count as u8, &side), head(1, count as u8, &[]));
    for i in 0..count {
        let pixels = stripes(i % 2 == 1, i);
        images.extend(pixels[54..].chunks_exact(3).map(|pixel| pixel[0]));
        labels.push(i as u8 % 2);
    }
    std::fs::create_dir_all(desk.path("digits")).unwrap();
    let file = |kind: &str| desk.path(&format!("digits/{name}-{kind}-ubyte"));
    std::fs::write(file("images-idx3"), images).unwrap();
    std::fs::write(file("labels-idx1"), labels).unwrap();
}

/// Pictures that lie many to a file can be tried one by one: the program says how, where a training ends and where mistakes are drawn.
#[test]
fn a_picture_in_a_file_of_many_has_a_name() {
    let desk = Desk::new();
    idx(&desk, "train", 40);
    idx(&desk, "t10k", 20);
    let small = ["--set", "model.channels=[4]", "--set", "train.epochs=1"];
    let train = [&["train", "image", "digits", "--out", "run"], &small[..]].concat();
    desk.unfold(&train)
        .ended(0)
        .complained(&["run  run 'digits#test-1'\n"]);
    let run = |names: &[&str]| desk.unfold(&[&["run", "run"], names].concat());
    let said = run(&["digits#test-1"]).ended(0).out;
    assert!(said.starts_with("digits#test-1\t"), "{said}");
    assert_eq!(run(&["digits#test-*"]).ended(0).out.lines().count(), 20);
    assert_eq!(run(&["digits"]).ended(0).out.lines().count(), 60);
    let show = |line: &[&str]| desk.unfold(&[&["show", "run", "--out", "p"], line].concat());
    show(&["saliency", "--picture", "digits#test-20"]).ended(0);
    show(&["saliency", "--picture", "digits#4"])
        .ended(2)
        .complained(&["there are 2", "'digits#test-4'"]);
    run(&["digits#test-21"])
        .ended(2)
        .complained(&["holds no picture `test-21`", "test-1 to train-40"]);
    // Half of these have another label than they are like.
    let labels = desk.path("digits/t10k-labels-idx1-ubyte");
    std::fs::write(&labels, [&[0, 0, 8, 1, 0, 0, 0, 20], &[0; 20][..]].concat()).unwrap();
    show(&["mistakes", "--data", "digits"]).ended(0);
    let drawn = desk.read("p/mistakes.svg");
    for part in [">test-", "--picture 'digits#test-"] {
        assert!(drawn.contains(part), "{part}");
    }
}

#[test]
fn what_cannot_be_meant_is_told() {
    let desk = trained();
    let flat =
        "train image stripes --set model.kind=feed-forward --set train.epochs=1 --out flat -q";
    desk.unfold(&flat.split(' ').collect::<Vec<_>>()).ended(0);
    desk.unfold(&["run", "run", "none.png", "stripes/down/01.bmp"])
        .ended(2)
        .complained(&["none.png", "check the path"]);
    desk.unfold(&["run", "run", "stripes/down/broken.jpg"])
        .ended(2)
        .complained(&["broken.jpg"]);
    desk.unfold(&["run", "run", "--prompt", "x"])
        .ended(2)
        .complained(&["goes on with no text"]);
    desk.unfold(&["show", "run", "gradcam"])
        .ended(2)
        .complained(&["--picture FILE"]);
    let label = ["--picture", "stripes/down/01.bmp", "--label", "dwon"];
    desk.unfold(&[&["show", "run", "gradcam"], &label[..]].concat())
        .ended(2)
        .complained(&["class `dwon`", "`across`, `down`"]);
    desk.unfold(&["show", "run", "mistakes"])
        .ended(2)
        .complained(&["--data DATA"]);
    desk.unfold(&["show", "run", "words", "--text", "x"])
        .ended(2)
        .complained(&["an image classifier has no such picture"]);
    desk.unfold(&[
        "show",
        "run",
        "maps",
        "--picture",
        "stripes/down/01.bmp",
        "--layer",
        "nine",
    ])
    .ended(2)
    .complained(&["nine", "choose one of"]);
    let strict = ["train", "image", "stripes", "--strict", "--out", "strict"];
    desk.unfold(&strict).ended(2).complained(&["none.png"]);
    std::fs::remove_file(desk.path("stripes/across/none.png")).unwrap();
    desk.unfold(&strict).ended(2).complained(&["broken.jpg"]);
    let recipe = "[model]\nkind = \"layers\"\nlayers = [\n    { layer = \"conv2d\", channels = 4, kernel = 3 },\n    \
                  { layer = \"max_pool\", kernel = 40 },\n    { layer = \"flatten\" },\n]\n";
    desk.write("wrong.toml", recipe);
    desk.unfold(&[
        "train",
        "image",
        "stripes",
        "--recipe",
        "wrong.toml",
        "--out",
        "wrong",
    ])
    .ended(2)
    .complained(&["wrong.toml, line 5", "max_pool", "[10, 10, 4]"]);
    assert!(!desk.path("wrong").exists());
    let freeze = [
        "train", "image", "stripes", "--freeze", "bakcbone", "--out", "wrong",
    ];
    desk.unfold(&freeze)
        .ended(2)
        .complained(&["bakcbone", "0.conv2d.weight"]);
    let train = ["train", "image", "stripes", "--out", "wrong"];
    for (more, parts) in [
        (
            &["--freeze", "backbone"][..],
            ["parameters.freeze", "--from"],
        ),
        (
            &["--freeze", "*"],
            ["parameters.freeze", "leaves no parameter"],
        ),
        (
            &["--set", "model.channels=[]"],
            ["model.channels", "is empty"],
        ),
        (
            &["--from", "flat", "--set", "input.size=24"],
            [
                "input.size: is [24, 24], not [12, 12]",
                "come from the model",
            ],
        ),
        (
            &["--from", "run", "--set", "input.channels=1"],
            ["input.channels: is 1, not 3", "come from the model"],
        ),
        (
            &["--from", "run", "--set", "model.kind=resnet9"],
            ["model: is another network", "come from the model"],
        ),
    ] {
        desk.unfold(&[&train[..], more].concat())
            .ended(2)
            .complained(&parts);
        assert!(!desk.path("wrong").exists(), "{more:?}");
    }
    let filters = [
        "lab",
        "convolution",
        "stripes/down/01.bmp",
        "--model",
        "run",
    ];
    let page = desk.unfold(&filters).ended(0).out;
    let page = desk.read(page.trim());
    for part in [
        "12 × 12 pixels",
        "conv2d, batch_norm, relu",
        "The output after batch_norm",
        "The rectifier keeps what is above 0.",
        "filter 1 of 6",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let one = [&filters[..], &["--filters", "2", "--pool", "2"]].concat();
    let page = desk.unfold(&one).ended(0).out;
    let page = desk.read(page.trim());
    for (part, there) in [
        ("filter 2 of 6", true),
        ("filter 1 of 6", false),
        ("Max pooling keeps the largest of", true),
        ("pooled after them is so on this page alone", true),
        ("pooled, 3 × 3", true),
    ] {
        assert!(page.contains(part) == there, "{part}");
    }
    for (wrong, parts) in [
        ("7", ["has 6 filters", "1..=6"]),
        ("blur", ["is no number of a filter", "--filters 1,3"]),
    ] {
        let line = [&filters[..], &["--filters", wrong]].concat();
        desk.unfold(&line).ended(2).complained(&parts);
    }
    std::fs::copy(
        desk.path("run/model.safetensors"),
        desk.path("alone.safetensors"),
    )
    .unwrap();
    desk.unfold(&["show", "alone.safetensors", "confusion"])
        .ended(2)
        .complained(&[
            "confusion: alone.safetensors has no test of its own",
            "--data DATA",
        ]);
}

#[test]
fn a_part_without_a_good_picture_is_named() {
    let desk = Desk::new();
    for part in ["train", "valid", "test"] {
        folder(&desk, part, 3);
    }
    let folders = desk.path("parts");
    std::fs::create_dir(&folders).unwrap();
    for part in ["train", "valid", "test"] {
        std::fs::rename(desk.path(part), folders.join(part)).unwrap();
    }
    for class in ["across", "down"] {
        for i in 0..3 {
            let file = folders.join(format!("valid/{class}/{i:02}.bmp"));
            let whole = std::fs::read(&file).unwrap();
            std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        }
    }
    desk.unfold(&["train", "image", "parts", "--out", "run"])
        .ended(2)
        .complained(&["the validation part: none of the pictures can be read"]);
}

#[test]
fn the_last_rate_that_is_written_counts() {
    let desk = Desk::new();
    folder(&desk, "stripes", 8);
    let small = [
        "--set",
        "model.channels=[4]",
        "--set",
        "train.epochs=1",
        "--set",
        "train.batch_size=4",
    ];
    let train = |out: &str, rates: &str| {
        let recipe = format!("{out}.toml");
        desk.write(&recipe, &format!("[parameters]\nrates = {{ {rates} }}\n"));
        let line = [
            "train", "image", "stripes", "--recipe", &recipe, "--out", out,
        ];
        desk.unfold(&[&line[..], &small].concat()).ended(0);
        desk.bytes(&format!("{out}/model.safetensors"))
    };
    // In the order of the alphabet the first of the two would stand behind the second.
    let learning = train("learning", r#"backbone = 0.0, "*" = 1.0"#);
    assert!(learning == train("plain", ""));
    assert!(learning != train("still", r#""*" = 1.0, backbone = 0.0"#));
    assert!(
        desk.read("learning/recipe.toml")
            .contains("backbone = 0.0\n\"*\" = 1.0")
    );
}

#[test]
fn a_part_of_an_archive_or_a_folder_is_data() {
    let desk = Desk::new();
    folder(&desk, "all/stripes", 8);
    folder(&desk, "all/others", 2);
    let line = ["train", "image", "all#stripes/*", "--out", "run"];
    let small = ["--set", "model.channels=[4]", "--set", "train.epochs=1"];
    let size = ["--set", "input.size=10"];
    desk.unfold(&[&line[..], &small, &size].concat())
        .ended(0)
        .complained(&["pictures at 10 x 10 in 2 classes", "in 1 epoch\n"]);
    desk.unfold(&["eval", "run", "none#stripes/*"])
        .ended(2)
        .complained(&["there is no such file"]);
}

#[test]
fn the_same_seed_gives_the_same_model_with_any_number_of_threads() {
    let desk = Desk::new();
    folder(&desk, "stripes", 20);
    let train = |out: &str, threads: &str| {
        let flags = [
            "train",
            "image",
            "stripes",
            "--set",
            "model.channels=[5,6]",
            "--set",
            "train.epochs=2",
            "--set",
            "train.batch_size=8",
            "--set",
            "augment.flip=true",
            "--set",
            "augment.crop_padding=2",
            "--set",
            "augment.mixup=0.3",
            "--set",
            "train.average_decay=0.9",
            "--threads",
            threads,
            "--out",
            out,
        ];
        desk.unfold(&flags).ended(0);
        std::fs::read(desk.path(out).join(Path::new("model.safetensors"))).unwrap()
    };
    let one = train("one", "1");
    assert!(one == train("two", "2") && one == train("three", "3"));
}

#[test]
fn averages_are_kept_without_a_validation_part_too() {
    let desk = Desk::new();
    folder(&desk, "stripes", 12);
    let train = |out: &str, more: &[&str]| {
        let flags = [
            "train",
            "image",
            "stripes",
            "--set",
            "model.channels=[4]",
            "--set",
            "train.epochs=2",
            "--set",
            "train.batch_size=6",
            "--set",
            "data.valid_fraction=0",
            "--out",
            out,
        ];
        desk.unfold(&[&flags[..], more].concat()).ended(0);
        desk.bytes(&format!("{out}/model.safetensors"))
    };
    let last = train("last", &[]);
    assert!(last == train("again", &[]));
    assert!(last != train("average", &["--set", "train.average_decay=0.9"]));
}

#[test]
fn filters_and_shifts_have_pages() {
    let desk = Desk::new();
    std::fs::write(desk.path("stripes.bmp"), stripes(true, 1)).unwrap();
    for (flags, inside) in [
        (
            &[
                "lab",
                "convolution",
                "stripes.bmp",
                "--filters",
                "blur,edges-across",
            ][..],
            "edges-across",
        ),
        (
            &["lab", "pooling", "stripes.bmp", "--shift", "5"][..],
            "mean 4 × 4",
        ),
        (&["lab", "pooling"][..], "test-4 at the start"),
        (
            &["lab", "filters", "--steps", "12", "--filters", "4"][..],
            "after 10 steps",
        ),
    ] {
        let page = desk.unfold(flags).ended(0).out;
        let page = std::fs::read_to_string(desk.path(page.trim())).unwrap();
        assert!(page.contains(inside) && page.contains("<svg") && page.ends_with("</html>\n"));
    }
    // A page takes the place of a page, and of nothing else.
    for (out, code) in [("lab-convolution.html", 0), ("stripes.bmp", 2)] {
        let draw = ["lab", "convolution", "stripes.bmp", "--out", out];
        desk.write("lab-convolution.html", "<!doctype html>");
        desk.unfold(&draw).ended(code);
    }
    assert_eq!(
        std::fs::read(desk.path("stripes.bmp")).unwrap(),
        stripes(true, 1)
    );
    desk.write("weights.safetensors", "those of somebody");
    let flags =
        "import weights.safetensors --network resnet18 --classes 10 --out weights.safetensors";
    desk.unfold(&flags.split(' ').collect::<Vec<_>>())
        .ended(2)
        .complained(&["would be overwritten"]);
    for shift in ["0", "257"] {
        desk.unfold(&["lab", "pooling", "stripes.bmp", "--shift", shift])
            .ended(2)
            .complained(&["--shift", "1..=256"]);
    }
    desk.unfold(&["lab", "convolution", "stripes.bmp", "--filters", "bluer"])
        .ended(2)
        .complained(&["--filters bluer", "blur, gaussian, sharpen"]);
    desk.unfold(&["lab", "convolution", "none.png"])
        .ended(2)
        .complained(&["none.png"]);
}
