//! Sentences and questions about scenes.

use super::{COLOURS, FORMS, Shape};
use crate::random::Key;

const NUMBERS: [&str; 4] = ["no", "one", "two", "three"];

/// Three different sentences about a scene.
pub(super) fn captions(shapes: &[Shape], key: Key) -> Vec<String> {
    let order: Vec<Shape> = key
        .permutation(shapes.len())
        .iter()
        .map(|&i| shapes[i])
        .collect();
    let listed = list(&order);
    match order[..] {
        [one] => vec![
            format!("a {} in the {}", one.name(), corner(one)),
            format!("there is a {} in the {} corner", one.name(), corner(one)),
            format!("one shape which is a {}", one.name()),
        ],
        [first, second, ..] => vec![
            format!(
                "a {} {} a {}",
                first.name(),
                relation(first, second),
                second.name()
            ),
            listed.clone(),
            format!("{} shapes: {listed}", NUMBERS[shapes.len()]).replace(':', " which are"),
        ],
        [] => Vec::new(),
    }
}

/// `a red circle and a blue square`.
fn list(shapes: &[Shape]) -> String {
    let names: Vec<String> = shapes
        .iter()
        .map(|shape| format!("a {}", shape.name()))
        .collect();
    names.join(" and ")
}

fn corner(shape: Shape) -> &'static str {
    match (shape.row, shape.column) {
        (0, 0) => "upper left",
        (0, _) => "upper right",
        (_, 0) => "lower left",
        _ => "lower right",
    }
}

/// Where the first is, seen from the second.
fn relation(first: Shape, second: Shape) -> &'static str {
    if first.row < second.row {
        "above"
    } else if first.row > second.row {
        "below"
    } else if first.column < second.column {
        "left of"
    } else {
        "right of"
    }
}

/// Questions about colour, form, count and position, with their answers.
pub(super) fn questions(shapes: &[Shape], key: Key) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut ask = |question: String, answer: &str| all.push((question, answer.to_owned()));
    let yes = |holds: bool| if holds { "yes" } else { "no" };
    ask("how many shapes are there?".into(), NUMBERS[shapes.len()]);
    for shape in shapes {
        let (form, colour) = (shape.form.name(), shape.colour());
        ask(format!("what color is the {form}?"), colour);
        ask(format!("where is the {form}?"), corner(*shape));
        let alike = shapes.iter().filter(|other| other.colour == shape.colour);
        if alike.count() == 1 {
            ask(format!("what shape is {colour}?"), form);
        }
    }
    // Something that is there, and something that mostly is not.
    let one = shapes[key.below(0, shapes.len())];
    let form = FORMS[key.below(1, 3)];
    let colour = COLOURS[key.below(2, COLOURS.len())].0;
    for [form, colour] in [[one.form.name(), one.colour()], [form.name(), colour]] {
        let is_there = |shape: &Shape| shape.form.name() == form && shape.colour() == colour;
        let there = yes(shapes.iter().any(is_there));
        ask(format!("is there a {colour} {form}?"), there);
    }
    for (pair, draw) in shapes.windows(2).zip(4..) {
        let [first, second] = [pair[0], pair[1]];
        let asked = ["above", "below", "left of", "right of"][key.below(draw, 4)];
        let holds = match asked {
            "above" => first.row < second.row,
            "below" => first.row > second.row,
            "left of" => first.column < second.column,
            _ => first.column > second.column,
        };
        let [a, b] = [first, second].map(|shape| shape.form.name());
        ask(format!("is the {a} {asked} the {b}?"), yes(holds));
    }
    all
}
