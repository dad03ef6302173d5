//! Predictions of any model, scored from the command line.

use crate::desk::Desk;

const REFERENCES: &str =
    "image,caption\na.jpg,A dog runs.\na.jpg,The dog is running\nb.jpg,\"Two men, sitting\"\n";

const ANNOTATIONS: &str = r#"{"annotations": [{"question_id": 1, "question_type": "is the", "answer_type": "yes/no",
    "answers": [{"answer": "yes"}, {"answer": "yes"}, {"answer": "yes"}, {"answer": "no"}]}]}"#;

#[test]
fn captions_and_answers_are_scored() {
    let desk = Desk::new();
    desk.write("said.csv", REFERENCES);
    desk.write(
        "model.csv",
        "image,caption\nb.jpg,two men sitting\na.jpg,the dog is running\n",
    );
    let said = desk.unfold(&["eval", "model.csv", "said.csv"]).ended(0);
    assert!(said.out.starts_with("given: 2 captions, "), "{}", said.out);
    for line in ["  BLEU-4   100.0\n", "  ROUGE-L  100.0\n", "  CIDEr-D"] {
        assert!(said.out.contains(line), "{line:?} in {}", said.out);
    }
    let json = desk
        .unfold(&["eval", "model.csv", "said.csv", "--json"])
        .ended(0)
        .json();
    assert_eq!(
        (&json["task"], &json["split"], &json["examples"]),
        (&"caption".into(), &"given".into(), &2.into())
    );
    assert!((json["bleu4"].as_f64().unwrap() - 1.0).abs() < 1e-6);
    desk.write("annotations.json", ANNOTATIONS);
    desk.write("answers.json", r#"[{"question_id": 1, "answer": "Yes!"}]"#);
    let json = desk
        .unfold(&["eval", "answers.json", "annotations.json", "--json"])
        .ended(0)
        .json();
    assert_eq!(
        (&json["task"], &json["by_answer_type"]["yes/no"]),
        (&"vqa".into(), &0.75.into())
    );
    let said = desk
        .unfold(&["eval", "answers.json", "annotations.json"])
        .ended(0);
    assert!(said.out.contains("  accuracy  75.00 %\n"), "{}", said.out);
    assert!(said.out.contains("    is the  75.00 %\n"), "{}", said.out);
}

#[test]
fn predictions_that_do_not_fit_are_named() {
    let desk = Desk::new();
    desk.write("said.csv", REFERENCES);
    desk.write("model.csv", "image,caption\na.jpg,a dog\n");
    let eval = |more: &[&str]| {
        desk.unfold(&[&["eval", "model.csv", "said.csv"], more].concat())
            .ended(2)
    };
    eval(&[]).complained(&[
        "model.csv",
        "1 of 2 pictures have no prediction (first: b.jpg)",
    ]);
    for flags in [&["--int8"][..], &["--beam", "3"]] {
        eval(flags).complained(&[flags[0], "leave it out"]);
    }
    desk.write("model.csv", "image,caption\na.jpg,a dog\nc.jpg,two\n");
    eval(&[]).complained(&["model.csv, line 3", "know no picture c.jpg"]);
    desk.unfold(&["eval", "none.json", "said.csv"])
        .ended(2)
        .complained(&["none.json", "no such file"]);
    // What is misspelt is named, and so is what is there.
    desk.write("annotations.json", ANNOTATIONS);
    desk.write("model.csv", "image,captoin\na.jpg,a dog\nb.jpg,two\n");
    let found = "no column is called caption (found: `image`, `captoin`)";
    eval(&[]).complained(&["model.csv", found, "first row: image,caption"]);
    desk.write("model.json", r#"[{"question_id": 1, "anwser": "yes"}]"#);
    let told = "no column is called answer (found: `anwser`, `question_id`)";
    desk.unfold(&["eval", "model.json", "annotations.json"])
        .ended(2)
        .complained(&[told, "name them so: question_id, answer"]);
    desk.write("model.json", r#"[{"question_id": 1, "answer": "yes"}]"#);
    desk.unfold(&["eval", "model.json", "said.csv"])
        .ended(2)
        .complained(&["said.csv", "no column is called question or answer"]);
    desk.write("model.json", "[]");
    desk.unfold(&["eval", "model.json", "said.csv"])
        .ended(2)
        .complained(&["model.json: it has no rows"]);
    std::fs::create_dir(desk.path("folder.json")).unwrap();
    desk.unfold(&["eval", "folder.json", "said.csv"])
        .ended(2)
        .complained(&["folder.json: predictions are one file"]);
}
