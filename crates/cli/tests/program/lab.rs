//! The memory laboratory.

use crate::desk::Desk;

/// A laboratory that takes a moment.
const SMALL: [&str; 14] = [
    "lab",
    "memory",
    "--quick",
    "--tasks",
    "question,mnist",
    "--cells",
    "elman,gru",
    "--distances",
    "4,9",
    "--steps",
    "3",
    "--test-size",
    "20",
    "--hidden-size=8",
];

#[test]
fn a_page_has_everything_in_it() {
    let desk = Desk::new();
    let both = [&SMALL[..], &["--clipping", "both"]].concat();
    let said = desk.unfold(&both).ended(0);
    assert_eq!(said.out, "lab-memory.html\n");
    said.complained(&["4/4  question  gru  not clipped  ended after 3 steps"]);
    let page = desk.read("lab-memory.html");
    assert_eq!(page.matches("<svg ").count(), 2);
    assert_eq!(
        page.matches("<figcaption>At a distance of 9 words, with clipping")
            .count(),
        1
    );
    assert_eq!(
        page.matches("<figcaption>Before training, the gradient of")
            .count(),
        1
    );
    assert!(page.contains("mnist was left out: name the folder of MNIST’s files with --mnist"));
    assert!(page.contains("who joined the class ? → "));
    for outside in ["src=", "href=", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let (_, data) = page.split_once("id=\"results\">\n").unwrap();
    let data = data
        .split_once("\n</script>")
        .unwrap()
        .0
        .replace("<\\/", "</");
    let data: serde_json::Value = serde_json::from_str(&data).unwrap();
    let cells = data["tasks"][0]["cells"].as_array().unwrap();
    assert_eq!(cells.len(), 2);
    for cell in cells {
        // 12 words before the fact, 5 of it, 9 between, 5 of the question.
        assert_eq!(cell["before"].as_array().unwrap().len(), 31);
        assert_eq!(cell["runs"][1]["scores"].as_array().unwrap().len(), 2);
    }
    // The next page gets a name of its own.
    assert_eq!(desk.unfold(&SMALL).ended(0).out, "lab-memory-2.html\n");
}

#[test]
fn results_come_as_json_too() {
    let desk = Desk::new();
    let more = ["--clipping", "off", "--quiet", "--json", "--out", "pages"];
    let said = desk.unfold(&[&SMALL[..], &more].concat()).ended(0);
    assert_eq!(said.err, "");
    let line = said.json();
    assert_eq!(line["page"], "pages/lab-memory.html");
    assert_eq!(line["complete"], true);
    assert_eq!(line["left_out"][0], "mnist");
    assert_eq!(
        line["tasks"][0]["cells"][1]["runs"][0]["clip_norm"],
        serde_json::Value::Null
    );
    assert!(desk.path("pages/lab-memory.html").exists());
}

#[test]
fn mistakes_are_named() {
    let desk = Desk::new();
    let cases: [(&[&str], &[&str]); 14] = [
        (&["--tasks", "addition"], &["addition", "--tasks", "adding"]),
        (&["--cells", "gru,ltsm"], &["ltsm", "lstm"]),
        (&["--distances", "0"], &["--distances 0", "choose"]),
        (&["--distances", "ten"], &["ten", "--distances"]),
        (
            &["--tasks", "question", "--distances", "2,10"],
            &["--distances 2", "at least 3 words"],
        ),
        (
            &["--mnist", "mnist", "--pixels", "50"],
            &["--pixels 50", "49,196,784"],
        ),
        (&["--pixels", "49"], &["--mnist"]),
        (
            &["--clip-norm", "2", "--clipping", "off"],
            &["--clip-norm 2", "--clipping off"],
        ),
        (&["--steps", "0"], &["--steps 0"]),
        (
            &["--steps", "5", "--seconds", "5"],
            &["--steps", "--seconds"],
        ),
        (&["--seconds=-1"], &["--seconds -1"]),
        (&["--clip-norm", "0"], &["--clip-norm 0"]),
        (&["--batch-size", "0"], &["--batch-size 0"]),
        (
            &["--tasks", "mnist", "--mnist", "nowhere"],
            &["nowhere", "check the path"],
        ),
    ];
    for (flags, parts) in cases {
        desk.unfold(&[&["lab", "memory"], flags].concat())
            .ended(2)
            .complained(parts);
    }
    std::fs::create_dir(desk.path("mnist")).unwrap();
    desk.write("mnist/train-images-idx3-ubyte", "no pictures");
    desk.unfold(&["lab", "memory", "--tasks", "mnist", "--mnist", "mnist"])
        .ended(2)
        .complained(&["train-images-idx3-ubyte", "no IDX file"]);
    assert!(!desk.path("lab-memory.html").exists());
}

#[cfg(unix)]
#[test]
fn who_interrupts_gets_the_page_of_what_is_done() {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    let desk = Desk::new();
    let line = [
        "lab",
        "memory",
        "--tasks",
        "adding",
        "--cells",
        "elman",
        "--distances",
        "50",
        "--seconds",
        "0.5",
        "--test-size",
        "20",
    ];
    let mut command = desk.command(&line);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.find(|line| {
        line.as_ref()
            .unwrap()
            .contains("1/2  adding  elman  clipped  ended after")
    });
    assert!(first.is_some());
    crate::resume::signal(&child, "-INT");
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    assert!(
        rest.last()
            .unwrap()
            .contains("the page has the trainings that were done"),
        "{rest:?}"
    );
    let page = desk.read("lab-memory.html");
    assert!(page.contains("Not everything that was asked for is here yet"));
    assert!(page.contains("<td>Elman (tanh)</td>"));
}
