//! Lists of pictures: which part of a split each belongs to.

use std::collections::HashMap;

use super::layout::Described;
use crate::data::dataset::{Text, tally};
use crate::data::parts::Part;

/// Gives captions the parts of the lists that name their pictures, and says what does not fit.
pub(super) fn apply(lists: &[(Part, Text)], all: &mut [Described], notes: &mut Vec<String>) {
    let mut parts: HashMap<String, (Part, &str)> = HashMap::new();
    let mut twice = Vec::new();
    let contents: Vec<(Part, String)> = lists
        .iter()
        .map(|(part, text)| (*part, String::from_utf8_lossy(&text.bytes).into_owned()))
        .collect();
    for (part, content) in &contents {
        for name in content
            .lines()
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            let first = parts.entry(key(name)).or_insert((*part, name));
            if first.0 != *part {
                twice.push(name);
            }
        }
    }
    for described in all {
        if let Some((part, _)) = parts.get(&key(&described.name)) {
            described.part = Some(*part);
        }
    }
    notes.extend(tally(
        &twice,
        "picture",
        "listed for several parts of the split, of which the first counts",
    ));
}

/// The names that captions and lists have in common: without folders, ending and number of the caption.
fn key(name: &str) -> String {
    let name = without_number(name).replace('\\', "/");
    let name = name.rsplit('/').next().unwrap_or(&name);
    match name.rsplit_once('.') {
        Some((stem, ending)) if ending.len() <= 4 && ending.starts_with(char::is_alphabetic) => {
            stem.to_owned()
        }
        _ => name.to_owned(),
    }
}

/// A picture's name without what Flickr8k puts behind it: `picture.jpg#0` is caption 0 of a picture.
pub(super) fn without_number(name: &str) -> &str {
    match name.rsplit_once('#') {
        Some((name, number)) if number.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => name,
    }
}
