//! The mail that comes with the program.

use std::collections::HashSet;
use std::path::Path;

use unfold::data::{Example, TextSource, read_text, read_text_split};

#[test]
fn spam_is_decoded_and_split_once() {
    let path = Path::new("builtin:spam");
    let data = read_text(path, &TextSource::default(), 1).unwrap_or_else(|error| panic!("{error}"));
    let test = data.test.expect("a test part");
    let valid = data.valid.expect("a validation part");
    let count = |part: &[Example], label: usize| {
        part.iter().filter(|example| example.label == label).count()
    };
    assert_eq!(data.labels, ["ham", "spam"]);
    // The counts that data/README.md states.
    assert_eq!(
        [count(&data.train, 0), count(&data.train, 1)],
        [2_951, 1_190]
    );
    assert_eq!([count(&valid, 0), count(&valid, 1)], [328, 132]);
    assert_eq!([count(&test, 0), count(&test, 1)], [820, 330]);

    // Headers reveal the class; none is left.
    let all = || data.train.iter().chain(&valid).chain(&test);
    for header in [
        "\nReceived: from",
        "\nX-Spam-Status:",
        "\nDelivered-To: zzzz",
        "\nList-Id:",
    ] {
        let leaks = all().filter(|example| {
            example
                .text
                .split("\n\n")
                .next()
                .is_some_and(|start| start.contains(header))
        });
        assert_eq!(leaks.count(), 0, "{header}");
    }
    let distinct: HashSet<&str> = all().map(|example| example.text.as_str()).collect();
    assert_eq!(distinct.len(), all().count());

    // Another seed of the run does not move the test part, and evaluation looks at the same.
    let again = read_text_split(path, &TextSource::default(), &data.labels).expect("readable");
    assert_eq!(again, test);
}

#[test]
fn an_unknown_name_lists_what_there_is() {
    let error =
        read_text(Path::new("builtin:spm"), &TextSource::default(), 1).expect_err("unknown");
    assert!(
        error.to_string().contains("there is builtin:spam"),
        "{error}"
    );
}
