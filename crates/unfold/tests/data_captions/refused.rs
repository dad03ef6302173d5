//! What cannot be read is told: the place, the problem and the remedy. No file makes a panic.

use std::path::Path;

use serde_json::json;
use unfold::data::{
    CaptionSource, CaptionSplit, QuestionSource, QuestionSplit, read_captions, read_captions_split,
    read_questions, read_questions_split,
};

use crate::data_support::{folder, gzip, write};
use crate::{noted, picture, pictures, says, tar};

fn captions(path: &Path) -> unfold::Result<()> {
    read_captions(path, &CaptionSource::default(), 1).map(drop)
}

fn questions(path: &Path) -> unfold::Result<()> {
    read_questions(path, &QuestionSource::default(), 1).map(drop)
}

/// No other part is made in place of one that the data gives and that is lost.
#[test]
fn a_part_whose_pictures_are_lost() {
    let parts = [
        ("train", "training"),
        ("valid", "validation"),
        ("test", "test"),
    ];
    for (part, called) in parts {
        let folder = folder();
        pictures(&folder, "images/", 9);
        for (number, (other, _)) in parts.iter().enumerate() {
            let numbers = (0..3).map(|n| 3 * number + n + if *other == part { 50 } else { 0 });
            let names: Vec<String> = numbers.map(|number| format!("{number}.png")).collect();
            let table = |header: &str, rest: &str| {
                let rows: String = names
                    .iter()
                    .map(|name| format!("{name},{rest}\n"))
                    .collect();
                format!("{header}\n{rows}")
            };
            write(
                &folder,
                &format!("captions-{other}.csv"),
                table("image,caption", "one"),
            );
            let asked = table("image,question,answer", "what is it?,one");
            write(&folder, &format!("questions-{other}.csv"), asked);
        }
        let first = format!("no picture of the {called} part can be read (first: 5");
        says(captions(folder.path()), folder.path(), &[&first]);
        says(questions(folder.path()), folder.path(), &[&first]);
        // Only the test part matters where nothing is learned.
        let split = read_captions_split(folder.path(), &CaptionSource::default());
        assert_eq!(split.is_ok(), part != "test", "{part}");
        let split = read_questions_split(folder.path(), &QuestionSource::default());
        assert_eq!(split.is_ok(), part != "test", "{part}");
    }
}

#[test]
fn captions_and_pictures_that_have_no_counterpart() {
    let folder = folder();
    pictures(&folder, "images/", 4);
    write(&folder, "images/4.png", "no picture");
    write(&folder, "images/5.png", "");
    let rows = "image,caption\n0.png,one\n0.png,\n1.png,  \n2.png,two\n4.png,bad\n5.png,bad\n5.png,worse\n8.png,gone\n9.png,gone\n";
    write(&folder, "captions.csv", rows);
    let CaptionSplit { set, notes, .. } =
        read_captions_split(folder.path(), &CaptionSource::default()).expect("readable");
    assert_eq!(set.names, ["0.png", "2.png"]);
    noted(
        &notes,
        "2 rows without a picture or a caption passed over (first: ",
    );
    noted(&notes, "captions.csv, line 3)");
    noted(
        &notes,
        "2 pictures with captions but not there left out (first: 8.png)",
    );
    noted(
        &notes,
        "2 pictures without a caption left out (first: images/1.png)",
    );
    noted(&notes, "2 damaged pictures left out (first: ");
    noted(&notes, "images/4.png: it does not begin as");
    let source = CaptionSource {
        valid_fraction: 0.0,
        ..CaptionSource::default()
    };
    let data = read_captions(folder.path(), &source, 1).expect("readable");
    let damaged: Vec<String> = data.damaged.iter().map(ToString::to_string).collect();
    assert_eq!(damaged.len(), 2);
    assert!(
        damaged[1].ends_with("images/5.png: the file is empty"),
        "{damaged:?}"
    );
    let strict = CaptionSource {
        strict: true,
        ..source
    };
    let parts = ["images/4.png: it does not begin as", "`strict`"];
    says(
        read_captions(folder.path(), &strict, 1),
        folder.path(),
        &parts,
    );
}

#[test]
fn lists_that_do_not_fit() {
    let folder = folder();
    pictures(&folder, "", 6);
    let rows: String = (0..6).map(|n| format!("{n}.png\tcaption {n}\n")).collect();
    write(&folder, "captions.tsv", rows);
    write(
        &folder,
        "my.trainImages.txt",
        "0.png\n1.png\n2.png\n77.png\n",
    );
    write(&folder, "my.testImages.txt", "2.png\n3.png\n");
    let source = CaptionSource {
        valid_fraction: 0.0,
        ..CaptionSource::default()
    };
    let data = read_captions(folder.path(), &source, 1).unwrap_or_else(|error| panic!("{error}"));
    noted(
        &data.notes,
        "1 picture listed for several parts of the split",
    );
    noted(
        &data.notes,
        "2 pictures outside the split left out (first: 4.png)",
    );
    assert_eq!(
        data.train.names.len() + data.test.expect("a test part").names.len(),
        4
    );
    noted(
        &data.notes,
        "1 name in my.trainImages.txt that no caption is about passed over (first: 77.png)",
    );
    write(&folder, "my.testImages.txt", "c.png\n");
    says(
        captions(folder.path()),
        folder.path(),
        &[
            "my.testImages.txt: none of the pictures that have captions is in the list",
            "c.png",
        ],
    );
    let both = "0.png\n1.png\n";
    write(&folder, "my.trainImages.txt", both);
    write(&folder, "my.testImages.txt", both);
    says(
        captions(folder.path()),
        folder.path(),
        &["all of its pictures are in earlier lists"],
    );
    write(&folder, "my.testImages.txt", " \n");
    says(
        captions(folder.path()),
        folder.path(),
        &["my.testImages.txt: the file is empty"],
    );
}

#[test]
fn captions_that_are_unclear_or_not_there() {
    let folder = folder();
    says(
        captions(folder.path()),
        folder.path(),
        &["holds no file", "put the pictures"],
    );
    pictures(&folder, "", 3);
    says(
        captions(folder.path()),
        folder.path(),
        &["no captions were found", "`captions`"],
    );
    write(&folder, "one.csv", "a,b,c\n1,2,3\n");
    says(
        captions(folder.path()),
        folder.path(),
        &[
            "no column is called image or caption (found: ",
            "image,caption",
        ],
    );
    write(&folder, "two.csv", "");
    let parts = [
        "several files of captions: one.csv, two.csv",
        "captions = \"one.csv\"",
    ];
    says(captions(folder.path()), folder.path(), &parts);
    let two = folder.path().join("two.csv");
    says(captions(&two), &two, &["the file is empty"]);
    let named = |captions: &str| CaptionSource {
        captions: Some(captions.into()),
        ..CaptionSource::default()
    };
    let read = |source: &CaptionSource| read_captions(folder.path(), source, 1);
    says(
        read(&named("two.csv")),
        folder.path(),
        &["two.csv: the file is empty"],
    );
    says(
        read(&named("on.csv")),
        folder.path(),
        &["`captions` names on.csv", "did you mean one.csv?"],
    );
    write(&folder, "gone.csv", "image,caption\na.png,x\nb.png,y\n");
    let parts = [
        "none of the 2 pictures that have captions can be used (first: a.png)",
        "`pictures`",
    ];
    says(read(&named("gone.csv")), folder.path(), &parts);
    write(&folder, "blank.csv", "image,caption\n0.png,\n");
    says(
        read(&named("blank.csv")),
        folder.path(),
        &["blank.csv: no row has image and caption"],
    );
    write(
        &folder,
        "ragged.csv",
        "image,caption\n0.png,a\n1.png,b, and c\n",
    );
    says(
        read(&named("ragged.csv")),
        folder.path(),
        &["ragged.csv, line 3", "3 cells", "double quotes"],
    );
    let source = CaptionSource {
        pictures: Some("nowhere".into()),
        ..named("gone.csv")
    };
    says(
        read(&source),
        folder.path(),
        &["`pictures` names nowhere, which is not there"],
    );
    let source = CaptionSource {
        test_fraction: 1.5,
        ..named("gone.csv")
    };
    assert!(
        read(&source)
            .expect_err("a share")
            .to_string()
            .contains("1.5 is not a fraction")
    );
}

#[test]
fn json_that_lacks_something() {
    let folder = folder();
    pictures(&folder, "", 3);
    let put = |content: &str| write(&folder, "captions.json", content);
    let path = folder.path();
    put(
        "{\"images\": [\n{\"id\": 0, \"file_name\": \"0.png\"}],\n\"annotations\": [{\"image_id\": 0}]}",
    );
    says(
        captions(path),
        path,
        &[
            "captions.json, line 3, column",
            "missing field `caption`",
            "COCO's form",
        ],
    );
    put("{\"images\": [{\"id\": 0}], \"annotations\": []}");
    says(
        captions(path),
        path,
        &["captions.json, images[0]: there is no `file_name`"],
    );
    put("{\"images\": [{\"id\": 0, \"file_name\": \"0.png\"}]}");
    says(
        captions(path),
        path,
        &["images[0]: there is no `sentences`", "Karpathy's"],
    );
    put(
        "{\"images\": [{\"id\": 7, \"file_name\": \"0.png\"}, {\"id\": 7, \"file_name\": \"1.png\"}], \"annotations\": []}",
    );
    says(
        captions(path),
        path,
        &["images[1]: has the `id` of images[0], 7", "`id` of its own"],
    );
    put(
        "{\"images\": [{\"filename\": \"0.png\", \"split\": \"train\", \"sentences\": []}, {\"filename\": \"1.png\", \"sentences\": []}]}",
    );
    says(
        captions(path),
        path,
        &["images[1]: there is no `split`", "Karpathy's"],
    );
    put("{\"pictures\": []}");
    says(
        captions(path),
        path,
        &["neither `images` nor `annotations`"],
    );
    put("{\"images\": [], \"annotations\": [{\"image_id\": 1.5, \"caption\": \"x\"}]}");
    says(captions(path), path, &["line 1", "a number or a name"]);
    put("{\"images\": [");
    says(
        captions(path),
        path,
        &["captions.json, line 1, column 12", "EOF"],
    );
    put("[[[[");
    says(
        captions(path),
        path,
        &["captions.json, line 1", "not an array of JSON objects"],
    );
    put(&"[".repeat(100_000));
    says(captions(path), path, &["captions.json"]);
    put("{\"images\": [], \"annotations\": []}");
    says(captions(path), path, &["none of the 0 pictures"]);
    write(&folder, "captions.json", b"\x00\x01\xff\xfe{}");
    says(captions(path), path, &["no captions were found"]);
    write(
        &folder,
        "captions.json.gz",
        &gzip(b"{\"images\": []}")[..12],
    );
    std::fs::remove_file(path.join("captions.json")).expect("removed");
    write(
        &folder,
        "captions.csv",
        "image,caption\n0.png,x\n1.png,y\n2.png,z\n",
    );
    says(
        captions(path),
        path,
        &["several files of captions: captions.csv, captions.json"],
    );
    let source = CaptionSource {
        captions: Some("captions.json.gz".into()),
        ..CaptionSource::default()
    };
    says(
        read_captions(path, &source, 1),
        path,
        &["captions.json: ", "cut off"],
    );
}

#[test]
fn archives_that_are_many_or_nested() {
    let folder = folder();
    let one = tar(&[("0.png".into(), picture(0)), ("1.png".into(), picture(1))]);
    let table = "image,caption\n0.png,x\n1.png,y\n";
    write(&folder, "captions.csv", table);
    says(
        captions(folder.path()),
        folder.path(),
        &["no pictures beside them", "`pictures`"],
    );
    write(&folder, "a.tar", &one);
    assert!(captions(folder.path()).is_ok());
    write(&folder, "b.tar", &one[..540]);
    says(
        captions(folder.path()),
        folder.path(),
        &["b.tar", "cut off"],
    );
    let source = CaptionSource {
        pictures: Some("b.tar".into()),
        ..CaptionSource::default()
    };
    says(
        read_captions(folder.path(), &source, 1),
        folder.path(),
        &["b.tar", "cut off"],
    );
    let files = [
        ("captions.csv".into(), table.into()),
        ("inner.tar".into(), one),
    ];
    let nested = write(&folder, "nested.tar", tar(&files));
    says(
        captions(&nested),
        &nested,
        &["inner.tar is an archive inside another one", "unpack"],
    );
}

#[test]
fn a_dataset_toml_that_cannot_be_meant() {
    let folder = folder();
    pictures(&folder, "", 3);
    write(&folder, "captions.csv", "image,caption\n0.png,x\n");
    write(
        &folder,
        "dataset.toml",
        "captions = \"captions.csv\"\npicture = \"x\"\n",
    );
    says(
        captions(folder.path()),
        folder.path(),
        &["dataset.toml, line 2", "picture", "`key = \"path\"`"],
    );
    write(&folder, "dataset.toml", "captions = ");
    says(
        captions(folder.path()),
        folder.path(),
        &["dataset.toml, line 1"],
    );
    write(&folder, "dataset.toml", "captions = \"other.csv\"");
    says(
        captions(folder.path()),
        folder.path(),
        &["`captions` names other.csv, which is not there"],
    );
}

#[test]
fn questions_that_cannot_be_read() {
    let folder = folder();
    let path = folder.path();
    pictures(&folder, "", 3);
    says(
        questions(path),
        path,
        &["no questions were found", "`questions`"],
    );
    let put = |name: &str, content: &str| drop(write(&folder, name, content));
    put(
        "questions.json",
        "{\"questions\": [{\"question_id\": 1, \"image_id\": 0, \"question\": \"why?\"}]}",
    );
    says(
        questions(path),
        path,
        &[
            "none of the questions has an answer (first: 1)",
            "`answers`",
        ],
    );
    put(
        "annotations.json",
        "{\"annotations\": [{\"question_id\": 1, \"answers\": [{}]}]}",
    );
    says(
        questions(path),
        path,
        &["annotations.json, line 1, column", "missing field `answer`"],
    );
    put("annotations.json", "{\"annotations\": [{\"answers\": []}]}");
    says(
        questions(path),
        path,
        &["missing field `question_id`", "VQA challenge"],
    );
    put("annotations.json", "{}");
    says(
        questions(path),
        path,
        &["annotations.json: the JSON has neither"],
    );
    put("annotations.json", "\n");
    says(
        questions(path),
        path,
        &["annotations.json: the file is empty"],
    );
    put(
        "annotations.json",
        "{\"annotations\": [{\"question_id\": -4}]}",
    );
    says(
        questions(path),
        path,
        &["annotations.json, line 1", "expected u64"],
    );
    std::fs::remove_file(path.join("annotations.json")).expect("removed");
    put(
        "questions.json",
        "[[\"what?\", \"this\", 0], [\"what?\", \"that\"]]",
    );
    says(
        questions(path),
        path,
        &["questions.json, line 1, column", "easy-VQA"],
    );
    put("questions.json", "[[\"what?\", \"this\", 7]]");
    says(
        questions(path),
        path,
        &["none of the 1 questions can be used", "`pictures`"],
    );
    std::fs::remove_file(path.join("questions.json")).expect("removed");
    put(
        "train.txt",
        "what is in the image1 ?\nchair\nwhat is there ?\ntable\n",
    );
    says(
        questions(path),
        path,
        &["train.txt, line 3: the question names no picture"],
    );
    put(
        "train.txt",
        "what is in the image1 ?\nchair\n\nwhat is in the image2 ?\n",
    );
    says(
        questions(path),
        path,
        &["train.txt, line 4: the question has no answer"],
    );
}

#[test]
fn questions_of_damaged_pictures() {
    let folder = folder();
    pictures(&folder, "", 2);
    write(&folder, "2.png", "no picture");
    let triples: Vec<_> = (0..4).map(|n| json!(["what?", "this", n])).collect();
    write(&folder, "questions.json", json!(triples).to_string());
    let QuestionSplit { set, notes, .. } =
        read_questions_split(folder.path(), &QuestionSource::default()).expect("readable");
    assert_eq!(
        (set.questions.len(), set.names),
        (2, vec!["0".to_owned(), "1".to_owned()])
    );
    noted(&notes, "1 damaged picture left out");
    noted(
        &notes,
        "1 question whose picture is not there left out (first: 3)",
    );
    let strict = QuestionSource {
        strict: true,
        ..QuestionSource::default()
    };
    says(
        read_questions(folder.path(), &strict, 1),
        folder.path(),
        &["2.png: it does not begin as", "`strict`"],
    );
}

#[test]
fn a_name_that_fits_several_pictures_is_told() {
    let folder = folder();
    pictures(&folder, "a/", 3);
    write(&folder, "b/2.png", picture(2));
    let table = "image,caption\n0.png,x\n1.png,y\n2.png,z\n2.png,w\n";
    write(&folder, "captions.csv", table);
    let source = CaptionSource {
        test_fraction: 0.0,
        valid_fraction: 0.0,
        ..CaptionSource::default()
    };
    let data = read_captions(folder.path(), &source, 1).expect("readable");
    let told = "1 picture of a name that fits several left out (first: 2.png: a/2.png or b/2.png)";
    noted(&data.notes, told);
}

/// Questions are no captions, whatever lies beside the pictures.
#[test]
fn questions_are_not_taken_for_captions() {
    let folder = folder();
    pictures(&folder, "", 2);
    for part in ["train2014", "val2014"] {
        let name = format!("v2_OpenEnded_mscoco_{part}_questions.json");
        let question =
            "{\"questions\": [{\"question_id\": 1, \"image_id\": 1, \"question\": \"what?\"}]}";
        write(&folder, &name, question);
    }
    says(
        captions(folder.path()),
        folder.path(),
        &["no captions were found"],
    );
}

#[test]
fn an_object_a_line_under_another_name() {
    let folder = folder();
    let row = |n: u8| format!("{{\"image\": \"{n}.png\", \"caption\": \"a thing\"}}\n");
    pictures(&folder, "", 2);
    let path = write(&folder, "captions.json", row(0) + &row(1));
    says(
        captions(&path),
        &path,
        &["line 2", "call a file of an object a line .jsonl"],
    );
}

#[test]
fn no_bytes_make_a_panic() {
    use proptest::prelude::*;
    let folder = folder();
    pictures(&folder, "images/", 3);
    let names = [
        "captions.csv",
        "captions.json",
        "train.txt",
        "questions.json",
        "annotations.json",
        "dataset.toml",
        "captions.jsonl",
    ];
    let whole = "{\"images\":[{\"id\":1,\"file_name\":\"0.png\",\"sentences\":[{\"raw\":\"x\"}]}],\"annotations\":[{\"image_id\":1,\
                 \"caption\":\"x\",\"question_id\":2,\"answers\":[{\"answer\":\"y\"}]}],\"questions\":[{\"question_id\":2}]}\n\
                 image,caption\t0.png#0\twhat is in the image1 ?";
    let config = ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let text = (
        0..names.len(),
        0..whole.len(),
        0..whole.len(),
        prop::collection::vec(any::<u8>(), 0..20),
    );
    proptest!(config, |((file, start, end, noise) in text)| {
        let (start, end) = (start.min(end), start.max(end));
        let bytes = [&whole.as_bytes()[start..end], &noise[..]].concat();
        let path = write(&folder, names[file], bytes);
        for data in [folder.path(), path.as_path()] {
            let _ = captions(data);
            let _ = questions(data);
        }
        std::fs::remove_file(path).expect("removed");
    });
}
