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

const WORDS: [(&str, Part); 3] = [
    ("train", Part::Train),
    ("test", Part::Test),
    ("valid", Part::Valid),
];
/// Too short to be looked for inside other words.
const SHORT_WORDS: [(&str, Part); 3] = [
    ("dev", Part::Valid),
    ("val", Part::Valid),
    ("eval", Part::Valid),
];

const LONG_WORDS: [(&str, Part); 3] = [
    ("training", Part::Train),
    ("testing", Part::Test),
    ("validation", Part::Valid),
];

/// The part that a table's column `split` names; `place` is that of the row.
///
/// # Errors
/// When it names none.
pub(super) fn of_cell(cell: &str, place: &str) -> Result<Part> {
    let word = cell.trim().to_lowercase();
    let mut all = WORDS.iter().chain(&LONG_WORDS).chain(&SHORT_WORDS);
    let found = all.find(|(name, _)| *name == word).map(|(_, part)| *part);
    found.ok_or_else(|| {
        let problem = format!("the column `split` has `{cell}`, which is no part of a split");
        let remedy = "write train, valid or test there, or give the column another name";
        Error::data(place, problem, remedy)
    })
}

/// The part that a folder above class folders is for: `*train*`, `*test*`, `*valid*`, `*dev*`.
pub(super) fn of_folder(name: &str) -> Option<Part> {
    let name = name.to_lowercase();
    let word = WORDS.iter().find(|(word, _)| name.contains(word));
    word.map(|(_, part)| *part)
        .or_else(|| of_words(&name, &SHORT_WORDS))
        .or_else(|| name.contains("dev").then_some(Part::Valid))
}

/// The part that a file of rows is for; the word must stand alone, as in `train-00000.parquet`.
pub(super) fn of_file(path: &str) -> Option<Part> {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    of_words(&name, &WORDS)
        .or_else(|| of_words(&name, &LONG_WORDS))
        .or_else(|| of_words(&name, &SHORT_WORDS))
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

fn of_words(name: &str, known: &[(&str, Part)]) -> Option<Part> {
    let find = |word: &str| {
        known
            .iter()
            .find(|(name, _)| *name == word)
            .map(|(_, part)| *part)
    };
    name.split(|c: char| !c.is_alphanumeric()).find_map(find)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_in_names() {
        assert_eq!(of_folder("20news-bydate-train"), Some(Part::Train));
        assert_eq!(of_folder("mydevset"), Some(Part::Valid));
        assert_eq!(of_folder("pos"), None);
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
