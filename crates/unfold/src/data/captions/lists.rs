//! Lists of pictures: which part of a split each belongs to.

use std::collections::{HashMap, HashSet};

use super::layout::Described;
use crate::data::dataset::{Text, tally};
use crate::data::parts::Part;
use crate::error::{Error, Result};

/// Gives captions the parts of the lists that name their pictures, and says what does not fit.
///
/// # Errors
/// When a list names no picture that has captions, or none that an earlier list does not name for another part: the part
/// would be missing, and be made anew of other pictures.
pub(super) fn apply(
    lists: &[(Part, Text)],
    all: &mut [Described],
    notes: &mut Vec<String>,
) -> Result<()> {
    let known: HashSet<String> = all.iter().map(|described| key(&described.name)).collect();
    let mut parts: HashMap<String, Part> = HashMap::new();
    let mut twice = Vec::new();
    for (part, text) in lists {
        let content = String::from_utf8_lossy(&text.bytes);
        let names = content.lines().map(str::trim);
        let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
        let (mut unknown, mut own) = (Vec::new(), 0);
        for name in &names {
            let key = key(name);
            if !known.contains(&key) {
                unknown.push(name);
                continue;
            }
            match *parts.entry(key).or_insert(*part) == *part {
                true => own += 1,
                false => twice.push((*name).to_owned()),
            }
        }
        if own == 0 {
            let first = names.first().copied().unwrap_or_default();
            let problem = match unknown.len() == names.len() {
                true => format!(
                    "none of the pictures that have captions is in the list, which begins with {first}"
                ),
                false => "all of its pictures are in earlier lists, for other parts".into(),
            };
            let remedy =
                "write the names of the pictures of a part, one a line, as the captions name them";
            return Err(Error::data(&text.place, problem, remedy));
        }
        let passed_over = format!("in {} that no caption is about passed over", text.path);
        notes.extend(tally(&unknown, "name", &passed_over));
    }
    for described in all {
        if let Some(part) = parts.get(&key(&described.name)) {
            described.part = Some(*part);
        }
    }
    notes.extend(tally(
        &twice,
        "picture",
        "listed for several parts of the split, of which the first counts",
    ));
    Ok(())
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
