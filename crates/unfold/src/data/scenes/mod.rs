//! `builtin:scenes`: pictures of coloured shapes, drawn by the program, with sentences and questions about them.
//!
//! The whole set is an archive like any other, made when it is asked for: pictures as BMP files, and tables of captions and of
//! questions for each part. The same number draws the same scene everywhere.

mod draw;
mod say;

use crate::random::Key;

/// Scenes to learn from, to choose by, to test on.
const PARTS: [(&str, usize); 3] = [("train", 2_000), ("valid", 200), ("test", 400)];

/// What can stand in a scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Circle,
    Square,
    Triangle,
}

const FORMS: [Form; 3] = [Form::Circle, Form::Square, Form::Triangle];

impl Form {
    fn name(self) -> &'static str {
        match self {
            Form::Circle => "circle",
            Form::Square => "square",
            Form::Triangle => "triangle",
        }
    }
}

/// Names and values, red, green, blue.
const COLOURS: [(&str, [u8; 3]); 5] = [
    ("red", [214, 40, 40]),
    ("green", [46, 160, 67]),
    ("blue", [48, 92, 222]),
    ("yellow", [240, 200, 30]),
    ("purple", [142, 68, 173]),
];

/// A form in a quarter of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    form: Form,
    /// Its number among [`COLOURS`].
    colour: usize,
    /// 0 for the left half, 1 for the right one.
    column: usize,
    /// 0 for the upper half, 1 for the lower one.
    row: usize,
}

impl Shape {
    fn colour(self) -> &'static str {
        COLOURS[self.colour].0
    }

    /// As in "a red circle", without the article.
    fn name(self) -> String {
        format!("{} {}", self.colour(), self.form.name())
    }
}

/// One to three shapes, no two of one form.
fn scene(key: Key) -> Vec<Shape> {
    let count = 1 + key.below(0, 3);
    let (forms, places) = (key.child(1).permutation(3), key.child(2).permutation(4));
    (0..count)
        .map(|i| Shape {
            form: FORMS[forms[i]],
            colour: key.below(10 + i as u64, COLOURS.len()),
            column: places[i] % 2,
            row: places[i] / 2,
        })
        .collect()
}

/// The whole set as a tar archive.
pub(super) fn archive() -> Vec<u8> {
    let key = Key::new(0).named("scenes");
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |path: String, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        let added = tar.append_data(&mut header, path, bytes);
        added.expect("writing to memory does not fail");
    };
    for (part, count) in PARTS {
        let mut captions = String::from("image,caption\n");
        let mut questions = String::from("image,question,answer\n");
        for i in 0..count {
            let key = key.named(part).child(i as u64);
            let (shapes, name) = (scene(key), format!("{part}-{i:04}.bmp"));
            add(
                format!("pictures/{name}"),
                &draw::bmp(&shapes, key.child(3)),
            );
            for caption in say::captions(&shapes, key.child(4)) {
                captions += &format!("{name},{caption}\n");
            }
            for (question, answer) in say::questions(&shapes, key.child(5)) {
                questions += &format!("{name},{question},{answer}\n");
            }
        }
        add(format!("captions-{part}.csv"), captions.as_bytes());
        add(format!("questions-{part}.csv"), questions.as_bytes());
    }
    tar.into_inner().expect("writing to memory does not fail")
}
