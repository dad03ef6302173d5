//! Names that say to which part of a split a folder or file belongs.

use crate::error::{Error, Result};

/// A part of a split that the data itself gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Part {
    Train,
    Valid,
    Test,
}

impl Part {
    pub(super) const ALL: [Part; 3] = [Part::Train, Part::Valid, Part::Test];

    /// What messages call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Part::Train => "training",
            Part::Valid => "validation",
            Part::Test => "test",
        }
    }
}

/// Refuses data that gives one of the parts `wanted`, none of whose pictures is there: no other part is made in its place. Of what
/// is there its part is given, of what is lost also what to call it.
///
/// # Errors
/// Naming the part and the first of its pictures.
pub(super) fn refuse_lost(
    data: &str,
    wanted: &[Part],
    there: &[Option<Part>],
    lost: &[(Option<Part>, String)],
) -> Result<()> {
    for part in wanted {
        let first = lost.iter().find(|(of, _)| *of == Some(*part));
        if let Some((_, first)) = first.filter(|_| !there.contains(&Some(*part))) {
            let part = part.name();
            return Err(Error::data(
                data,
                format!("no picture of the {part} part can be read (first: {first})"),
                "fetch or make them again, or take that part out of the data",
            ));
        }
    }
    Ok(())
}

/// The words for the parts; what stands first in this list is looked for first.
const WORDS: [(&str, Part); 9] = [
    ("train", Part::Train),
    ("training", Part::Train),
    ("test", Part::Test),
    ("testing", Part::Test),
    ("valid", Part::Valid),
    ("validation", Part::Valid),
    ("dev", Part::Valid),
    ("val", Part::Valid),
    ("eval", Part::Valid),
];

/// The part that a table's column `split`, or a key of that name, says; `place` is that of the row.
///
/// # Errors
/// When it names none.
pub(super) fn of_cell(cell: &str, place: &str) -> Result<Part> {
    let word = cell.trim().to_lowercase();
    let found = WORDS.iter().find(|(name, _)| *name == word);
    let found = found.map(|(_, part)| *part);
    found.ok_or_else(|| {
        let problem = format!("`split` has `{cell}`, which is no part of a split");
        let remedy = "write train, valid or test there, or call it something else";
        Error::data(place, problem, remedy)
    })
}

/// The part that a folder is for: a word of its name, as in `20news-bydate-train`, `train2014` or `TestSet`.
pub(super) fn of_folder(name: &str) -> Option<Part> {
    let words = words(name);
    let mut known = WORDS.iter();
    let found = known.find(|(word, _)| words.iter().any(|own| own == word));
    found.map(|(_, part)| *part)
}

/// The part that a file is for, told by its name as by a folder's: `train-00000.parquet`.
pub(super) fn of_file(path: &str) -> Option<Part> {
    of_folder(path.rsplit('/').next().unwrap_or(path))
}

/// The words of a name in small letters: what stands between other signs and digits, or begins with a capital inside
/// (`myTrain`), each without `set` or `data` at its end (`devset`).
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for c in name.chars() {
        if !c.is_alphabetic() || (small && c.is_uppercase()) {
            words.push(String::new());
        }
        small = c.is_lowercase();
        if c.is_alphabetic() {
            words.last_mut().expect("a word").extend(c.to_lowercase());
        }
    }
    for word in &mut words {
        for end in ["set", "data"] {
            if let Some(length) = word.strip_suffix(end).map(str::len) {
                word.truncate(length);
            }
        }
    }
    words
}

/// What is left of a file's name without part words, numbers and the ending of its format: files
/// that share it belong to one set.
pub(super) fn set_of(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| {
        let number = word.chars().all(|c| c.is_ascii_digit());
        !number && *word != "of" && of_file(word).is_none()
    });
    words.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_in_names() {
        assert_eq!(of_folder("20news-bydate-train"), Some(Part::Train));
        for (name, part) in [
            ("train2014", Part::Train),
            ("TestSet", Part::Test),
            ("myTrain", Part::Train),
            ("my_devset", Part::Valid),
            ("VALIDATION", Part::Valid),
            ("train_val", Part::Train),
        ] {
            assert_eq!(of_folder(name), Some(part), "{name}");
        }
        // Words that only hold such a word name no part.
        for name in [
            "pos",
            "latest",
            "devotional",
            "trains",
            "contest",
            "testimony",
            "set",
            "",
        ] {
            assert_eq!(of_folder(name), None, "{name}");
        }
        assert_eq!(
            of_file("data/train-00000-of-00002.parquet"),
            Some(Part::Train)
        );
        assert_eq!(of_file("stsa.binary.dev"), Some(Part::Valid));
        assert_eq!(of_file("latest.csv"), None);
        assert_eq!(set_of("stsa.binary.dev"), "stsa.binary");
        assert_eq!(set_of("a/test-00001-of-00002.parquet"), "parquet");
    }
}
