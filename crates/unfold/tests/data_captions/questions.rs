//! Questions in every layout that is read.

use std::io::{Cursor, Write as _};
use std::path::Path;

use serde_json::json;
use unfold::data::{
    PictureFiles, Question, QuestionData, QuestionSet, QuestionSource, QuestionSplit,
    question_words, read_questions, read_questions_split,
};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::data_support::{folder, gzip, write};
use crate::{noted, picture, pictures, tar};

fn read(path: &Path) -> QuestionData {
    read_questions(path, &QuestionSource::default(), 1).unwrap_or_else(|error| panic!("{error}"))
}

fn sizes(data: &QuestionData) -> [usize; 3] {
    let len = |set: &Option<QuestionSet>| set.as_ref().map_or(0, |set| set.questions.len());
    [
        data.train.questions.len(),
        len(&data.valid),
        len(&data.test),
    ]
}

/// The colour of the picture that a question is about.
fn seen(set: &QuestionSet, question: &Question) -> u8 {
    let pictures = set.pictures.as_ref().expect("pictures");
    let picture = question.picture.expect("a picture");
    assert_eq!(pictures.len(), set.names.len());
    pictures.read(picture).expect("readable").pixels[0]
}

fn questions(ids: std::ops::Range<u64>) -> serde_json::Value {
    let question = |id: u64| json!({"question_id": id, "image_id": id / 10, "question": format!("What is {id}?")});
    json!({"license": {}, "questions": ids.map(question).collect::<Vec<_>>()})
}

fn annotations(ids: std::ops::Range<u64>) -> serde_json::Value {
    let annotation = |id: u64| {
        let answers: Vec<_> = (0..10)
            .map(|n| json!({"answer": format!("a{}", n % 2), "answer_id": n + 1}))
            .collect();
        json!({"question_id": id, "image_id": id / 10, "question_type": "what is", "answer_type": "other",
               "multiple_choice_answer": "a0", "answers": answers})
    };
    json!({"annotations": ids.map(annotation).collect::<Vec<_>>()})
}

#[test]
fn the_challenges_questions_and_annotations_are_joined() {
    let folder = folder();
    let put =
        |name: &str, content: serde_json::Value| drop(write(&folder, name, content.to_string()));
    put(
        "v2_OpenEnded_mscoco_train2014_questions.json",
        questions(100..140),
    );
    put("v2_mscoco_train2014_annotations.json", annotations(98..138));
    put(
        "v2_OpenEnded_mscoco_val2014_questions.json",
        questions(200..210),
    );
    let packed = gzip(annotations(200..210).to_string().as_bytes());
    write(&folder, "v2_mscoco_val2014_annotations.json.gzip", packed);
    for n in [10, 11, 12, 20] {
        let name = ["train2014", "val2014"][usize::from(n) / 20];
        write(
            &folder,
            &format!("{name}/COCO_{name}_0000000000{n}.png"),
            picture(n),
        );
    }
    write(
        &folder,
        "train2014/COCO_train2014_000000000099.png",
        picture(99),
    );
    let source = QuestionSource {
        test_fraction: 0.0,
        ..QuestionSource::default()
    };
    let data = read_questions(folder.path(), &source, 1).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(sizes(&data), [30, 10, 0]);
    let first = &data.train.questions[0];
    assert_eq!(
        (first.id, first.text.as_str(), first.answers.len()),
        (100, "What is 100?", 10)
    );
    assert_eq!(first.question_type.as_deref(), Some("what is"));
    assert_eq!(first.answer_type.as_deref(), Some("other"));
    for question in &data.train.questions {
        assert_eq!(u64::from(seen(&data.train, question)), question.id / 10);
    }
    assert_eq!(data.train.names, ["10", "11", "12"]);
    noted(
        &data.notes,
        "2 annotations without a question left out (first: 98)",
    );
    noted(
        &data.notes,
        "2 questions without an answer left out (first: 138)",
    );
    noted(
        &data.notes,
        "8 questions whose picture is not there left out (first: 13)",
    );
    noted(&data.notes, "1 picture without a question left out");
}

/// The official download: test questions come without annotations, and pictures in an archive for each part.
#[test]
fn the_challenges_download_is_read_as_it_comes() {
    let folder = folder();
    let put =
        |name: &str, content: serde_json::Value| drop(write(&folder, name, content.to_string()));
    for (part, ids) in [("train2014", 100..140), ("val2014", 200..210)] {
        let questions = questions(ids.clone());
        put(
            &format!("v2_OpenEnded_mscoco_{part}_questions.json"),
            questions,
        );
        put(
            &format!("v2_mscoco_{part}_annotations.json"),
            annotations(ids),
        );
        let pairs = json!([[100, 200], [101, 201]]);
        put(&format!("v2_mscoco_{part}_complementary_pairs.json"), pairs);
    }
    for part in ["test2015", "test-dev2015"] {
        let name = format!("v2_OpenEnded_mscoco_{part}_questions.json");
        put(&name, questions(300..305));
    }
    let file = |n: u8| {
        let name = ["train2014", "val2014"][usize::from(n) / 20];
        let path = format!("{name}/COCO_{name}_0000000000{n}.png");
        (path, picture(n))
    };
    write(&folder, "train2014.tar", tar(&[10, 11, 12, 13].map(file)));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (n, method) in [
        (20, CompressionMethod::Stored),
        (21, CompressionMethod::Deflated),
    ] {
        let (path, bytes) = file(n);
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(path, options).expect("begun");
        zip.write_all(&bytes).expect("written");
    }
    let zip = zip.finish().expect("finished").into_inner();
    write(&folder, "val2014.zip", zip);
    write(
        &folder,
        "more.tar",
        tar(&[("notes.txt".into(), b"x".to_vec())]),
    );
    let source = QuestionSource {
        test_fraction: 0.25,
        ..QuestionSource::default()
    };
    let data = read_questions(folder.path(), &source, 1).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(sizes(&data), [30, 10, 10]);
    noted(
        &data.notes,
        "2 files of questions without annotations left out (first: v2_OpenEnded_mscoco_test-dev2015",
    );
    noted(&data.notes, "1 picture without a question left out");
    let valid = data.valid.expect("a validation part");
    for set in [&data.train, &valid, &data.test.expect("a test part")] {
        for question in &set.questions {
            assert_eq!(u64::from(seen(set, question)), question.id / 10);
        }
    }
    // Each is found again by its address.
    let address = valid.pictures.expect("pictures").address(0);
    assert!(address.contains("val2014.zip#val2014/COCO"), "{address}");
    let again = PictureFiles::open(Path::new(&address), None).expect("readable");
    assert_eq!(again.read(0).expect("readable").pixels[0], 20);
    // A key may name the folder of the archives.
    let texts = crate::data_support::folder();
    write(&texts, "questions.json", questions(100..140).to_string());
    write(
        &texts,
        "annotations.json",
        annotations(100..140).to_string(),
    );
    let source = QuestionSource {
        pictures: Some(folder.path().display().to_string()),
        ..QuestionSource::default()
    };
    let data = read_questions(texts.path(), &source, 1).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(seen(&data.train, &data.train.questions[0]), 10);
}

#[test]
fn questions_alone_are_split_by_the_picture_they_name() {
    let folder = folder();
    write(&folder, "questions.json", questions(0..200).to_string());
    write(&folder, "annotations.json", annotations(0..200).to_string());
    let data = read(folder.path());
    assert_eq!(sizes(&data), [160, 20, 20]);
    assert!(data.train.pictures.is_none() && data.train.names.is_empty());
    assert!(
        data.train
            .questions
            .iter()
            .all(|question| question.picture.is_none())
    );
    let pictures =
        |set: &QuestionSet| -> Vec<u64> { set.questions.iter().map(|q| q.id / 10).collect() };
    let test = pictures(data.test.as_ref().expect("a test part"));
    assert!(
        pictures(&data.train)
            .iter()
            .all(|picture| !test.contains(picture))
    );
    noted(&data.notes, "there are no pictures");
    // A named file finds its answers beside it.
    let all = read_questions_split(
        &folder.path().join("questions.json"),
        &QuestionSource::default(),
    )
    .expect("readable")
    .set;
    assert_eq!(all.questions.len(), 200);
}

#[test]
fn easy_vqa_numbers_the_pictures_of_each_part() {
    let folder = folder();
    let triples = |start: u8| -> String {
        let triple = |n: u8| {
            let answer = ["yes", "no"][usize::from(n) % 2];
            json!([format!("what is {}?", start + n), answer, n / 2])
        };
        json!((0..8).map(triple).collect::<Vec<_>>()).to_string()
    };
    let mut files = Vec::new();
    for (part, start) in [("train", 100), ("test", 200)] {
        files.push((
            format!("data/{part}/questions.json"),
            triples(start).into_bytes(),
        ));
        files.extend((0..4).map(|n| (format!("data/{part}/images/{n}.png"), picture(start + n))));
    }
    files.push(("data/answers.txt".into(), b"yes\nno\n".to_vec()));
    write(&folder, "set.tar.gz", gzip(&tar(&files)));
    for (path, bytes) in &files {
        write(&folder, &format!("plain/{path}"), bytes);
    }
    for path in ["set.tar.gz", "plain"] {
        let source = QuestionSource {
            valid_fraction: 0.25,
            ..QuestionSource::default()
        };
        let path = folder.path().join(path);
        let data = read_questions(&path, &source, 1).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(sizes(&data), [6, 2, 8]);
        noted(&data.notes, "1 file without questions passed over");
        let test = data.test.as_ref().expect("a test part");
        let seen: Vec<u8> = test
            .questions
            .iter()
            .map(|question| seen(test, question))
            .collect();
        assert_eq!(seen, [200, 200, 201, 201, 202, 202, 203, 203]);
        assert_eq!(test.questions[1].answers, ["no"]);
        assert_eq!(test.questions[0].text, "what is 200?");
        let again = read_questions_split(&path, &source).expect("readable").set;
        assert_eq!(again.questions, test.questions);
    }
}

#[test]
fn pairs_of_lines_name_their_picture() {
    let folder = folder();
    let files: Vec<_> = (0..4)
        .map(|n| (format!("images/image{n}.png"), picture(n)))
        .collect();
    write(&folder, "rooms.tar", tar(&files));
    let pair = |n: u8| format!("what is on the desk in the image{n} ?\nbook, lamp {n}\n");
    write(
        &folder,
        "rooms-train.txt",
        (0..3).map(pair).collect::<String>(),
    );
    write(&folder, "rooms-test.txt", pair(3).replace('\n', "\r\n"));
    let source = QuestionSource {
        valid_fraction: 0.0,
        ..QuestionSource::default()
    };
    let data = read_questions(folder.path(), &source, 1).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(sizes(&data), [3, 0, 1]);
    let question = &data.train.questions[2];
    assert_eq!(question.text, "what is on the desk ?");
    assert_eq!(question.answers, ["book, lamp 2"]);
    assert_eq!(seen(&data.train, question), 2);
    assert_eq!(
        question_words(&question.text),
        ["what", "is", "on", "the", "desk"]
    );
    let ids: Vec<u64> = data
        .train
        .questions
        .iter()
        .chain(&data.test.expect("a test part").questions)
        .map(|q| q.id)
        .collect();
    assert_eq!(
        ids.iter().collect::<std::collections::BTreeSet<_>>().len(),
        4,
        "{ids:?}"
    );
    // Among others, keys choose.
    write(&folder, "other.tar", tar(&files[..1]));
    write(&folder, "other-questions.json", "[[\"a\", \"b\", 1]]");
    let source = QuestionSource {
        pictures: Some("rooms.tar".into()),
        train: Some("rooms-train.txt".into()),
        test: Some("rooms-test.txt".into()),
        ..source
    };
    let data = read_questions(folder.path(), &source, 1).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(sizes(&data), [3, 0, 1]);
    // A model is measured on other data too, which need not be called alike.
    write(&folder, "office/shots.tar", tar(&files));
    write(
        &folder,
        "office/office.txt",
        (1..3).map(pair).collect::<String>(),
    );
    let office = folder.path().join("office");
    let QuestionSplit { set, notes, .. } =
        read_questions_split(&office, &source).expect("readable");
    assert_eq!(set.questions.len(), 2);
    assert_eq!(seen(&set, &set.questions[1]), 2);
    noted(
        &notes,
        "`test` = rooms-test.txt, as the model's recipe says, is not there",
    );
    assert!(read_questions(&office, &source, 1).is_err());
}

#[test]
fn a_table_of_ones_own() {
    let folder = folder();
    pictures(&folder, "shots/", 4);
    let rows = "image,question,answer,split\n0,a?,b,train\n1,c?,d,test\n2,e?,f,train\n";
    write(&folder, "questions.csv", rows);
    let data = read(folder.path());
    assert_eq!(sizes(&data), [1, 1, 1]);
    assert_eq!(data.test.expect("a test part").questions[0].text, "c?");
    let rows = "image,question,answer\nshots/0.png,\"what, then?\",this\n1,how?,so\n2.png,,no\n";
    write(&folder, "questions.csv", rows);
    let source = QuestionSource {
        test_fraction: 0.5,
        valid_fraction: 0.0,
        ..QuestionSource::default()
    };
    let data = read_questions(folder.path(), &source, 1).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(sizes(&data), [1, 0, 1]);
    noted(
        &data.notes,
        "1 row without a question, answer or picture passed over",
    );
    let all = read_questions_split(folder.path(), &source)
        .expect("readable")
        .set;
    assert_eq!(
        [seen(&all, &all.questions[0]), seen(&all, &all.questions[1])],
        [0, 1]
    );
}

#[test]
fn answers_that_are_fewer_or_not_there() {
    let folder = folder();
    write(&folder, "questions.json", questions(0..6).to_string());
    let annotations = json!({"annotations": [
        {"question_id": 0, "answers": [{"answer": "x"}, {"answer": "y"}]},
        {"question_id": 1, "multiple_choice_answer": "z"},
        {"question_id": 2, "answers": []},
        {"question_id": 3, "answers": [{"answer": " "}]},
        {"question_id": 4, "answers": [{"answer": "w"}]},
        {"question_id": 4, "answers": [{"answer": "v"}]},
    ]});
    write(&folder, "annotations.json", annotations.to_string());
    let QuestionSplit {
        set: all, notes, ..
    } = read_questions_split(folder.path(), &QuestionSource::default()).expect("readable");
    let answers: Vec<&[String]> = all
        .questions
        .iter()
        .map(|question| &question.answers[..])
        .collect();
    assert_eq!(answers, [&["x", "y"][..], &["z"], &["v"]]);
    noted(&notes, "6 questions with fewer than ten answers (first: 0)");
    noted(&notes, "3 questions without an answer left out (first: 2)");
    noted(
        &notes,
        "1 question given more than once, of which one counts (first: 4)",
    );
}
