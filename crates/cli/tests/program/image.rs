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
    let train = [&["train", "image", "stripes", "--json"], &SMALL[..]].concat();
    let said = desk.unfold(&train).ended(0);
    let said = said.complained(&["damaged", "accuracy", " run "]);
    let report = said.json();
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
        "--out",
        "second",
        "--json",
    ];
    let report = desk.unfold(&train).ended(0).json();
    assert_eq!(report["labels"][1], "vertical");
    assert!(report["accuracy"].as_f64().unwrap() > 0.8, "{report}");
}

#[test]
fn what_cannot_be_meant_is_told() {
    let desk = trained();
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
    desk.unfold(&["train", "image", "stripes", "--strict", "--out", "strict"])
        .ended(2)
        .complained(&["broken.jpg"]);
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
        (
            &["lab", "filters", "--steps", "12", "--filters", "4"][..],
            "after 10 steps",
        ),
    ] {
        let page = desk.unfold(flags).ended(0).out;
        let page = std::fs::read_to_string(desk.path(page.trim())).unwrap();
        assert!(page.contains(inside) && page.contains("<svg") && page.ends_with("</html>\n"));
    }
    desk.unfold(&["lab", "convolution", "none.png"])
        .ended(2)
        .complained(&["none.png"]);
}
