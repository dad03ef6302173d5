//! Predictions of any model against what people said.

use std::path::{Path, PathBuf};

use serde_json::json;
use unfold::tasks::{CaptionScoreReport, ScoreReport, VqaScoreReport, score};

use crate::data_support::{folder, write};
use crate::{noted, says};

fn caption(predictions: &Path, references: &Path) -> CaptionScoreReport {
    match score(predictions, references).unwrap_or_else(|error| panic!("{error}")) {
        ScoreReport::Caption(report) => report,
        ScoreReport::Vqa(_) => panic!("these are captions"),
    }
}

fn vqa(predictions: &Path, references: &Path) -> VqaScoreReport {
    match score(predictions, references).unwrap_or_else(|error| panic!("{error}")) {
        ScoreReport::Vqa(report) => report,
        ScoreReport::Caption(_) => panic!("these are answers"),
    }
}

/// References in COCO's form, and the same as a table.
fn references(folder: &tempfile::TempDir) -> [PathBuf; 2] {
    let said = [
        (7, "a.jpg", "A dog runs."),
        (7, "a.jpg", "The dog's running"),
        (9, "b.jpg", "Two men sit, there!"),
    ];
    let images = json!([{"id": 7, "file_name": "a.jpg"}, {"id": 9, "file_name": "b.jpg"}]);
    let annotations =
        said.map(|(id, _, caption)| json!({"image_id": id, "id": 1, "caption": caption}));
    let coco = json!({"images": images, "annotations": annotations});
    let rows: String = said
        .iter()
        .map(|(_, name, caption)| format!("{name}\t{caption}\n"))
        .collect();
    [
        write(folder, "references.json", coco.to_string()),
        write(folder, "references.tsv", format!("image\tcaption\n{rows}")),
    ]
}

#[test]
fn captions_are_scored_without_pictures() {
    let folder = folder();
    let [coco, table] = references(&folder);
    let results = json!([{"image_id": 9, "caption": "two men sit there"}, {"image_id": 7, "caption": "a dog is running"}]);
    let results = write(&folder, "results.json", results.to_string());
    let named = write(
        &folder,
        "results.csv",
        "image,caption\na.jpg,A dog is running.\nb.jpg,\"Two men, sit there\"\n",
    );
    let lines = "{\"image_id\": 7, \"caption\": \"a dog is running\"}\n{\"image_id\": 9, \"caption\": \"two men sit there\"}\n";
    let lines = write(&folder, "results.jsonl", lines);
    let report = caption(&results, &coco);
    assert_eq!(
        (report.task, report.split, report.examples),
        ("caption", "given", 2)
    );
    for (predictions, references) in [(&named, &table), (&named, &coco), (&lines, &coco)] {
        assert_eq!(caption(predictions, references).scores, report.scores);
    }
    // 4 of 4 words for b, 3 of 4 for a, of whose references the first, of 3 words, and the second, of 4, say `a dog running`.
    assert!((report.scores.bleu1 - 7.0 / 8.0).abs() < 1e-6, "{report:?}");
    let shown = serde_json::to_value(ScoreReport::Caption(report)).expect("JSON");
    for key in [
        "task", "split", "bleu1", "bleu4", "rouge_l", "cider", "cider_d", "examples", "seconds",
    ] {
        assert!(shown.get(key).is_some(), "{key}: {shown}");
    }
    let empty = write(&folder, "empty.csv", "image,caption\na.jpg,\nb.jpg,\n");
    assert!(caption(&empty, &coco).scores.bleu1 < 1e-6);
}

#[test]
fn answers_are_scored_by_type() {
    let folder = folder();
    let annotation = |id: u64, answer: &str, kind: &str| {
        let answers: Vec<_> = (0..10)
            .map(|n| json!({"answer": if n < 3 { answer } else { "it" }, "answer_id": n}))
            .collect();
        json!({"question_id": id, "question_type": "what", "answer_type": kind, "answers": answers})
    };
    let annotations = json!({"annotations": [annotation(1, "two", "number"), annotation(2, "red", "other"), annotation(3, "blue", "other")]});
    let references = write(&folder, "annotations.json", annotations.to_string());
    let results = json!([{"question_id": 3, "answer": "green"}, {"question_id": 1, "answer": "2."}, {"question_id": 2, "answer": "It"}]);
    let results = write(&folder, "results.json", results.to_string());
    let report = vqa(&results, &references);
    assert_eq!((report.task, report.examples), ("vqa", 3));
    // `2.` is said by 3: (7 + 3 * 2/3) / 10.
    assert!(
        (report.scores.accuracy - 1.9 / 3.0).abs() < 1e-12,
        "{report:?}"
    );
    assert_eq!(report.scores.by_answer_type.get("other"), Some(&0.5));
    assert_eq!(report.scores.by_answer_type.get("number"), Some(&0.9));
    assert_eq!(report.scores.by_question_type.get("what"), Some(&0.6333));
}

/// Karpathy's JSON calls a picture by folder, file and COCO's number.
#[test]
fn pictures_are_known_by_number_and_by_file() {
    let folder = folder();
    let image = |id: u64, split: &str| {
        json!({"filepath": "val2014", "filename": format!("COCO_{id}.jpg"), "cocoid": id, "split": split,
               "sentences": [{"raw": "a dog runs on the sand"}, {"raw": ""}]})
    };
    let images = json!({"images": [image(41, "test"), image(42, "test"), image(43, "train")]});
    let references = write(&folder, "dataset_coco.json", images.to_string());
    let ids = [
        ["41", "42"],
        ["COCO_41.jpg", "COCO_42.jpg"],
        ["photos/COCO_41.jpg", "val2014/COCO_42.jpg"],
    ];
    for [first, second] in ids {
        let said = |id: &str| json!({"image_id": id, "caption": "a dog runs on the sand"});
        let results = json!([said(first), said(second)]).to_string();
        let report = caption(&write(&folder, "results.json", results), &references);
        assert!(report.scores.bleu4 > 0.99, "{first}: {report:?}");
        let blank = "2 captions without a word left out (first: val2014/COCO_41.jpg)";
        noted(&report.notes, blank);
    }
}

#[test]
fn what_references_lack_is_told() {
    let folder = folder();
    let few = json!([{"answer": "red"}, {"answer": "red"}, {"answer": "red"}]);
    let annotations = json!({"annotations": [
        {"question_id": 1, "answers": few}, {"question_id": 2, "answers": few}, {"question_id": 2, "answers": few}
    ]});
    let references = write(
        &folder,
        "v2_val2014_annotations.json",
        annotations.to_string(),
    );
    let results =
        json!([{"question_id": 1, "answer": "red"}, {"question_id": 2, "answer": "blue"}]);
    let results = write(&folder, "results.json", results.to_string());
    let report = vqa(&results, &references);
    noted(
        &report.notes,
        "3 questions with fewer than ten answers (first: 1)",
    );
    noted(&report.notes, "1 question given more than once");
    // A file of questions finds the answers beside it.
    let question = |id: u64| json!({"question_id": id, "image_id": 7, "question": "what colour?"});
    let questions = json!({"questions": [question(1), question(2)]});
    let questions = write(&folder, "v2_val2014_questions.json", questions.to_string());
    assert_eq!(vqa(&results, &questions).scores, report.scores);
    // Rows of a table are known by their own numbers, others by their places, whatever is left out.
    let table = "question_id,question,answer,image\n1,what?,red,a.jpg\n2,what?,,a.jpg\n5,what?,blue,a.jpg\n";
    let table = write(&folder, "table.csv", table);
    let said = |ids: [u64; 2]| {
        let results = ids.map(|id| json!({"question_id": id, "answer": "red"}));
        write(&folder, "said.json", json!(results).to_string())
    };
    let report = vqa(&said([1, 5]), &table);
    assert_eq!(report.scores.accuracy, 0.5);
    noted(&report.notes, "1 row without a question, answer or picture");
    let triples = json!([["what?", "red", 1], ["what?", " ", 1], ["what?", "blue", 2]]);
    let triples = write(&folder, "triples.json", triples.to_string());
    let report = vqa(&said([1, 3]), &triples);
    assert_eq!(report.scores.accuracy, 0.5);
    noted(&report.notes, "1 question without an answer left out");
}

#[test]
fn predictions_that_do_not_fit() {
    let folder = folder();
    let [coco, _] = references(&folder);
    let put = |content: &str| write(&folder, "results.json", content);
    let path = put("[{\"image_id\": 7, \"caption\": \"x\"}]");
    says(
        score(&path, &coco),
        &path,
        &["1 of 2 pictures have no prediction (first: b.jpg)"],
    );
    put("[{\"image_id\": 7, \"caption\": \"x\"}, {\"image_id\": 8, \"caption\": \"y\"}]");
    says(
        score(&path, &coco),
        &path,
        &["row 2: the references know no picture 8"],
    );
    put("[{\"image_id\": 7, \"caption\": \"x\"}, {\"image_id\": 7, \"caption\": \"y\"}]");
    says(
        score(&path, &coco),
        &path,
        &["row 2: the picture 7 is predicted a second time"],
    );
    put("[{\"image_id\": null, \"caption\": \"x\"}]");
    says(
        score(&path, &coco),
        &path,
        &["row 1: it is not said what is predicted"],
    );
    put("[{\"text_of_it\": 1}]");
    says(
        score(&path, &coco),
        &path,
        &["no column is called image or caption (found: "],
    );
    put("[]");
    says(score(&path, &coco), &path, &["it has no rows"]);
    put("{]");
    says(score(&path, &coco), &path, &["results.json, line 1"]);
    put("[{\"question_id\": \"x\", \"answer\": \"y\"}]");
    let annotations = json!({"annotations": [{"question_id": 1, "answers": [{"answer": "y"}]}]});
    let annotations = write(&folder, "annotations.json", annotations.to_string());
    says(
        score(&path, &annotations),
        &path,
        &["the references know no question x"],
    );
    says(score(&path, &coco), &coco, &["missing field `question_id`"]);
    let nowhere = folder.path().join("nowhere.json");
    says(score(&nowhere, &coco), &nowhere, &["no such file"]);
    says(score(&path, folder.path()), folder.path(), &["several"]);
}
