//! The same captions in every layout that is read.

use std::collections::BTreeSet;
use std::path::Path;

use unfold::data::{
    CaptionData, CaptionSet, CaptionSource, caption_words, read_captions, read_captions_split,
    read_pictures_and_captions,
};

use crate::data_support::{folder, gzip, write};
use crate::{noted, picture, pictures, tar};

const COUNT: u8 = 20;

fn read(path: &Path) -> CaptionData {
    read_captions(path, &CaptionSource::default(), 1).unwrap_or_else(|error| panic!("{error}"))
}

fn caption(number: u8, which: u8) -> String {
    format!("Picture {number}, \"seen\" the {which}. time")
}

fn csv(header: &str, ending: &str) -> String {
    let row =
        |(n, w): (u8, u8)| format!("{n}{ending},\"{}\"\n", caption(n, w).replace('"', "\"\""));
    let rows = (0..COUNT).flat_map(|n| [(n, 0), (n, 1)]);
    header.to_owned() + &rows.map(row).collect::<String>()
}

/// All parts: the first byte of each picture with its captions.
fn all(data: &CaptionData) -> BTreeSet<(u8, Vec<String>)> {
    let sets = [Some(&data.train), data.valid.as_ref(), data.test.as_ref()];
    let mut all = BTreeSet::new();
    for set in sets.into_iter().flatten() {
        assert_eq!(
            [set.names.len(), set.captions.len()],
            [set.pictures.len(); 2]
        );
        for (place, captions) in set.captions.iter().enumerate() {
            let pixels = set.pictures.read(place).expect("readable").pixels;
            assert!(all.insert((pixels[0], captions.clone())), "twice");
            assert!(
                set.names[place].contains(&pixels[0].to_string()),
                "{:?}",
                set.names
            );
        }
    }
    all
}

fn expected() -> BTreeSet<(u8, Vec<String>)> {
    (0..COUNT)
        .map(|n| (n, vec![caption(n, 0), caption(n, 1)]))
        .collect()
}

fn sizes(data: &CaptionData) -> [usize; 3] {
    let len = |set: &Option<CaptionSet>| set.as_ref().map_or(0, |set| set.names.len());
    [data.train.names.len(), len(&data.valid), len(&data.test)]
}

fn names_in(range: std::ops::Range<u8>, ending: &str) -> String {
    range.map(|n| format!("{n}{ending}\n")).collect()
}

fn tarred() -> Vec<u8> {
    let files: Vec<_> = (0..COUNT)
        .map(|n| (format!("images/{n}.png"), picture(n)))
        .collect();
    tar(&files)
}

#[test]
fn tables_lists_and_an_archive_in_a_folder() {
    let folder = folder();
    write(&folder, "pictures.tar", tarred());
    let table = write(&folder, "captions.csv", csv("image,caption\n", ".png"));
    write(&folder, "train.txt", names_in(0..12, ".png"));
    write(&folder, "dev.txt", names_in(12..16, ""));
    write(&folder, "test.txt", names_in(16..20, ".png"));
    write(&folder, "README.md", "what this is");
    for path in [folder.path(), &table] {
        let data = read(path);
        assert_eq!(sizes(&data), [12, 4, 4], "{}", path.display());
        assert_eq!(all(&data), expected());
        assert_eq!(data.notes, [""; 0]);
        let test = read_captions_split(path, &CaptionSource::default())
            .expect("readable")
            .set;
        assert_eq!(test.names, ["16.png", "17.png", "18.png", "19.png"]);
    }
}

#[test]
fn a_column_gives_the_parts() {
    let folder = folder();
    pictures(&folder, "images/", COUNT);
    let part = |n: u8| match n {
        0..12 => "train",
        12..16 => "val",
        16..19 => "Test",
        _ => "",
    };
    let row = |(n, w): (u8, u8)| format!("{n}.png,{},about {n} {w}\n", part(n));
    let rows: String = (0..COUNT).flat_map(|n| [(n, 0), (n, 1)]).map(row).collect();
    let table = "image,split,caption\n".to_owned() + &rows;
    write(&folder, "captions.csv", &table);
    let data = read(folder.path());
    assert_eq!(sizes(&data), [12, 4, 3]);
    let outside = "1 picture outside the split left out (first: 19.png)";
    noted(&data.notes, outside);
    write(&folder, "captions.csv", table.replace("val", "later"));
    let error = read_captions(folder.path(), &CaptionSource::default(), 1)
        .expect_err("no such part")
        .to_string();
    let said = "captions.csv, line 26: `split` has `later`, which is no part of a split";
    assert!(error.contains(said), "{error}");
}

#[test]
fn what_no_list_names_is_for_training_where_none_is() {
    let folder = folder();
    write(&folder, "pictures.tar", tarred());
    write(&folder, "captions.csv", csv("image,caption\n", ".png"));
    write(&folder, "test.txt", names_in(16..20, ".png"));
    let data = read(folder.path());
    assert_eq!(sizes(&data), [14, 2, 4]);
    assert_eq!(all(&data), expected());
    assert_eq!(data.notes, [""; 0]);
}

#[test]
fn layouts_read_alike() {
    let folder = folder();
    // Flickr8k's own tables have no header, and a number behind the name.
    let token = |(n, w): (u8, u8)| format!("{n}.png#{w}\t{}\n", caption(n, w));
    let tokens: String = (0..COUNT)
        .flat_map(|n| [(n, 0), (n, 1)])
        .map(token)
        .collect();
    write(&folder, "token/Flickr.token.txt", tokens);
    pictures(&folder, "token/images/", COUNT);
    let lines = |(n, w): (u8, u8)| {
        serde_json::json!({"caption": caption(n, w), "file_name": format!("images/{n}.png")})
            .to_string()
            + "\n"
    };
    let lines: String = (0..COUNT)
        .flat_map(|n| [(n, 0), (n, 1)])
        .map(lines)
        .collect();
    write(&folder, "lines/captions.jsonl", lines);
    pictures(&folder, "lines/images/", COUNT);
    // Kaggle's Flickr8k calls its CSV captions.txt; and the order of columns is free.
    let table = csv("caption,image\n", "");
    let swapped = table.lines().skip(1).map(|line| {
        let (name, caption) = line.split_once(',').expect("two cells");
        format!("{caption},{name}\n")
    });
    let swapped: String = ["caption,image\n".to_owned()]
        .into_iter()
        .chain(swapped)
        .collect();
    write(&folder, "kaggle/captions.txt", swapped);
    pictures(&folder, "kaggle/Images/", COUNT);
    write(
        &folder,
        "packed/captions.csv.gz",
        gzip(("\u{feff}".to_owned() + &csv("", ".png")).as_bytes()),
    );
    pictures(&folder, "packed/", COUNT);
    let mut archive: Vec<_> = (0..COUNT)
        .map(|n| (format!("set/a/{n}.png"), picture(n)))
        .collect();
    archive.push((
        "set/captions.csv".into(),
        csv("image,caption\n", ".png").into(),
    ));
    write(&folder, "set.tar", tar(&archive));
    write(&folder, "set.tar.gz", gzip(&tar(&archive)));
    for path in [
        "token",
        "lines",
        "kaggle",
        "packed",
        "set.tar",
        "set.tar.gz",
    ] {
        let data = read(&folder.path().join(path));
        assert_eq!(all(&data), expected(), "{path}");
        assert_eq!(sizes(&data), [16, 2, 2], "{path}");
    }
}

/// COCO's form for some pictures.
fn coco(range: std::ops::Range<u8>) -> String {
    let images: Vec<_> = range
        .clone()
        .map(|n| serde_json::json!({"license": 3, "id": n, "file_name": format!("{n}.png")}))
        .collect();
    let annotations: Vec<_> = range
        .flat_map(|n| [(n, 0), (n, 1)])
        .map(|(n, w)| serde_json::json!({"id": 7, "image_id": n, "caption": caption(n, w)}))
        .collect();
    serde_json::json!({"info": {"year": 2014}, "images": images, "annotations": annotations})
        .to_string()
}

#[test]
fn coco_json_has_its_parts_in_the_names_of_files() {
    let folder = folder();
    write(&folder, "annotations/captions_train2014.json", coco(0..15));
    write(&folder, "annotations/captions_val2014.json", coco(15..20));
    write(
        &folder,
        "annotations/instances_train2014.json",
        "{\"annotations\": [{}]}",
    );
    pictures(&folder, "train2014/", 15);
    for n in 15..COUNT {
        write(&folder, &format!("val2014/{n}.png"), picture(n));
    }
    let data = read(folder.path());
    assert_eq!(sizes(&data), [13, 5, 2]);
    assert_eq!(all(&data), expected());
    noted(
        &data.notes,
        "1 file without captions passed over (first: annotations/instances_train2014.json)",
    );
    // One part alone is all there is.
    let source = CaptionSource {
        captions: Some("annotations/captions_val2014.json".into()),
        test_fraction: 0.4,
        valid_fraction: 0.0,
        ..CaptionSource::default()
    };
    let data = read_captions(folder.path(), &source, 1).expect("readable");
    assert_eq!(sizes(&data), [3, 0, 2]);
    // Without a list of images they are found by their numbers.
    let named = serde_json::json!({"annotations": [{"image_id": 17, "caption": "seventeen"}]});
    let numbers = write(&folder, "numbers.json", named.to_string());
    let set = read_captions_split(&numbers, &CaptionSource::default())
        .expect("readable")
        .set;
    assert_eq!(set.pictures.read(0).expect("readable").pixels[0], 17);
}

#[test]
fn karpathy_says_the_part_of_each_picture() {
    let folder = folder();
    let image = |n: u8, split: Option<&str>| {
        let sentences =
            [caption(n, 0), caption(n, 1)].map(|raw| serde_json::json!({"raw": raw, "tokens": []}));
        serde_json::json!({"filename": format!("{n}.png"), "filepath": "val2014", "split": split, "sentences": sentences})
    };
    let put = |split: &dyn Fn(u8) -> Option<&'static str>| {
        let images: Vec<_> = (0..COUNT).map(|n| image(n, split(n))).collect();
        let content = serde_json::json!({"images": images, "dataset": "coco"}).to_string();
        write(&folder, "dataset_coco.json", content);
    };
    put(&|n| Some(["train", "restval", "val", "test"][usize::from(n) % 4]));
    pictures(&folder, "val2014/", COUNT);
    let data = read(folder.path());
    assert_eq!(sizes(&data), [10, 5, 5]);
    assert_eq!(all(&data), expected());
    assert_eq!(data.notes, Vec::<String>::new());
    put(&|_| None);
    let data = read(folder.path());
    assert_eq!(all(&data), expected());
    noted(
        &data.notes,
        "no picture of dataset_coco.json has a `split`: parts are made by picture, by the seed",
    );
    put(&|n| Some(["train", "held-out"][usize::from(n == 3)]));
    let error = read_captions(folder.path(), &CaptionSource::default(), 1).unwrap_err();
    let said = "images[3]: `split` has `held-out`, which is no part of a split";
    assert!(error.to_string().contains(said), "{error}");
}

#[test]
fn a_split_is_made_by_picture_and_repeats() {
    let folder = folder();
    write(&folder, "captions.csv", csv("image,caption\n", ".png"));
    pictures(&folder, "images/", COUNT);
    let source = CaptionSource {
        test_fraction: 0.25,
        valid_fraction: 0.2,
        ..CaptionSource::default()
    };
    let read = |source: &CaptionSource, seed| {
        read_captions(folder.path(), source, seed).expect("readable")
    };
    let data = read(&source, 1);
    assert_eq!((sizes(&data), all(&data)), ([12, 3, 5], expected()));
    let test = |data: CaptionData| data.test.expect("a test part").names;
    let first = test(data);
    assert_eq!(test(read(&source, 1)), first);
    assert_ne!(test(read(&source, 2)), first);
    // To measure: everything, but where the seed of the split is known.
    let whole = read_captions_split(folder.path(), &source)
        .expect("readable")
        .set;
    assert_eq!(whole.names.len(), 20);
    let seeded = CaptionSource {
        seed: Some(1),
        ..source
    };
    let part = read_captions_split(folder.path(), &seeded)
        .expect("readable")
        .set;
    assert_eq!(part.names, first);
    assert_eq!(test(read(&seeded, 5)), first);
}

#[test]
fn dataset_toml_names_the_files() {
    let folder = folder();
    write(&folder, "shots/a.tar", tarred());
    write(&folder, "shots/b.tar", tar(&[("0.png".into(), picture(0))]));
    write(&folder, "set/one.csv", csv("image,caption\n", ".png"));
    write(&folder, "set/two.csv", csv("image,caption\n", ".png"));
    write(&folder, "learn", names_in(0..9, ".png"));
    let content = "pictures = \"../shots/a.tar\"\ncaptions = \"one.csv\"\ntrain = \"../learn\"\ntest_fraction = 0.0\n";
    let manifest = write(&folder, "set/dataset.toml", content);
    for path in [manifest.as_path(), manifest.parent().expect("a folder")] {
        let data = read(path);
        assert_eq!(sizes(&data), [8, 1, 0]);
        noted(
            &data.notes,
            "11 pictures outside the split left out (first: 9.png)",
        );
    }
    let other = CaptionSource {
        pictures: Some("../shots/b.tar".into()),
        valid_fraction: 0.0,
        ..CaptionSource::default()
    };
    let data = read_captions(&manifest, &other, 1).expect("readable");
    assert_eq!(sizes(&data), [1, 0, 0]);
}

#[test]
fn words_of_words_are_the_same_words() {
    use proptest::prelude::*;
    const PIECES: [&str; 33] = [
        "dog",
        "Dog's",
        "can't",
        "cannot",
        "n't",
        "'s",
        "'",
        ".",
        ",",
        "-",
        "u.s.",
        "mr.",
        "a.m",
        "3.5",
        "#1",
        "t-shirt",
        "rock'n'roll",
        "&",
        "(",
        ")",
        "“",
        "’re",
        "É",
        "$",
        "x/y",
        "...",
        "--",
        "i'd've",
        "20%",
        "\u{a0}",
        "gonna",
        "_",
        "'t",
    ];
    let text = prop::collection::vec((prop::sample::select(&PIECES[..]), prop::bool::ANY), 0..12);
    proptest!(|(text in text, any in ".{0,30}")| {
        let joined: String = text.iter().map(|(piece, space)| format!("{piece}{}", if *space { " " } else { "" })).collect();
        for text in [joined, any] {
            let words = caption_words(&text);
            prop_assert_eq!(&caption_words(&words.join(" ")), &words, "{:?}", text);
            prop_assert!(words.iter().all(|word| !word.is_empty() && !word.contains(char::is_whitespace)));
        }
    });
}

/// Everything is read to find among: all parts, pictures without captions, and folders without any caption.
#[test]
fn pictures_without_captions_are_there_to_be_found() {
    let both = folder();
    pictures(&both, "pictures/", COUNT);
    write(&both, "captions.csv", csv("image,caption\n", ".png"));
    write(&both, "pictures/alone.png", picture(77));
    let read = |path: &Path| {
        let read = read_pictures_and_captions(path, &CaptionSource::default());
        read.unwrap_or_else(|error| panic!("{error}")).0
    };
    let all = read(both.path());
    assert_eq!(all.pictures.len(), usize::from(COUNT) + 1);
    let alone = all.names.iter().position(|name| name.contains("alone"));
    let without = all.captions.iter().position(Vec::is_empty);
    assert!(alone.is_some() && alone == without, "{:?}", all.names);
    let bare = read(&both.path().join("pictures"));
    assert_eq!(bare.pictures.len(), usize::from(COUNT) + 1);
    assert!(bare.captions.iter().all(Vec::is_empty));
    // Tables about other things keep no picture from being found.
    write(&both, "pictures/prices.json", "[1, 2]");
    let source = CaptionSource::default();
    let (bare, notes) =
        read_pictures_and_captions(&both.path().join("pictures"), &source).expect("readable");
    assert_eq!(bare.pictures.len(), usize::from(COUNT) + 1);
    noted(&notes, "no captions are read");
}
