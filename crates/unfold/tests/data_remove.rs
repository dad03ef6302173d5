//! What is left of posts, against what scikit-learn leaves (`tools/make_remove_reference.py`).

use serde::Deserialize;
use unfold::data::{Remove, TextSource};

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    post: String,
    remove: Vec<Remove>,
    expected: String,
}

#[test]
fn posts_are_stripped_as_scikit_learn_strips_them() {
    let reference: Reference =
        serde_json::from_str(include_str!("reference/remove.json")).expect("reference");
    assert!(reference.cases.len() > 200);
    for Case {
        post,
        remove,
        expected,
    } in reference.cases
    {
        let source = TextSource {
            remove,
            ..TextSource::default()
        };
        assert_eq!(
            source.clean(&post),
            expected,
            "{post:?} without {:?}",
            source.remove
        );
    }
}
