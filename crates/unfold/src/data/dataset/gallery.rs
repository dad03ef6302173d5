//! Pictures by what text about them calls them.

use std::collections::{HashMap, HashSet};

use crate::data::pictures::{Damage, LookedUp, PictureFiles, PictureSet};

/// Pictures that are found by a name or a number.
pub(in crate::data) struct Gallery {
    files: PictureFiles,
    /// Whether they lie among the same files as the text, so that paths begin at the text.
    beside: bool,
    /// The files whose names are or end in a number, such as `COCO_val2014_000000000042.jpg`.
    numbered: HashMap<u64, Vec<usize>>,
}

/// What many names led to.
#[derive(Default)]
pub(in crate::data) struct Found {
    /// Of each name, the number of the picture.
    pub(in crate::data) pictures: Vec<Option<usize>>,
    /// The names that led to nothing, as often as they were asked for.
    pub(in crate::data) missing: Vec<String>,
    /// Those that fit several pictures, once each, with two of these.
    pub(in crate::data) several: Vec<String>,
    /// What should be a picture but is none, once each.
    pub(in crate::data) damaged: Vec<Damage>,
}

impl Gallery {
    pub(in crate::data) fn new((files, beside): (PictureFiles, bool)) -> Gallery {
        let mut numbered: HashMap<u64, Vec<usize>> = HashMap::new();
        for (place, path) in files.paths().iter().enumerate() {
            if let Some(number) = number_at_end(path) {
                numbered.entry(number).or_default().push(place);
            }
        }
        Gallery {
            files,
            beside,
            numbered,
        }
    }

    /// Looks up names, each with the path of the text that it stands in.
    pub(in crate::data) fn find<'a>(
        &self,
        names: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Found {
        let mut found = Found::default();
        // A name may be asked for as often as there are questions.
        let (mut several, mut damaged) = (HashSet::new(), HashSet::new());
        for (name, text) in names {
            let text = if self.beside { text } else { "" };
            let looked_up = match self.files.look_up(name, text) {
                found @ (LookedUp::Nothing | LookedUp::Several(_)) => {
                    self.by_number(name, text).unwrap_or(found)
                }
                found => found,
            };
            let picture = match looked_up {
                LookedUp::Picture(picture) => Some(picture),
                LookedUp::Damaged(damage) => {
                    if damaged.insert(&damage.place) {
                        found.damaged.push(damage.clone());
                    }
                    None
                }
                LookedUp::Several([a, b]) => {
                    if several.insert((name, a)) {
                        found.several.push(format!("{name}: {a} or {b}"));
                    }
                    None
                }
                LookedUp::Nothing => {
                    found.missing.push(name.to_owned());
                    None
                }
            };
            found.pictures.push(picture);
        }
        found
    }

    /// The one file whose name ends in a number, of those below the folder of the text if any are.
    fn by_number(&self, name: &str, text: &str) -> Option<LookedUp<'_>> {
        let all = self.numbered.get(&name.parse().ok()?)?;
        let folder = text.rsplit_once('/').map_or("", |(folder, _)| folder);
        let below = |place: &&usize| {
            let rest = self.files.paths()[**place].strip_prefix(folder);
            rest.is_some_and(|rest| folder.is_empty() || rest.starts_with('/'))
        };
        let near: Vec<&usize> = all.iter().filter(below).collect();
        match (&near[..], &all[..]) {
            ([one], _) => Some(self.files.numbered(**one)),
            ([], [one]) => Some(self.files.numbered(*one)),
            _ => None,
        }
    }

    /// How many pictures there are.
    pub(in crate::data) fn len(&self) -> usize {
        self.files.len()
    }

    /// What should be a picture but is none.
    pub(in crate::data) fn damaged(&self) -> &[Damage] {
        self.files.damaged()
    }

    /// The path of a picture.
    pub(in crate::data) fn path(&self, picture: usize) -> &str {
        self.files.path(picture)
    }

    /// Some of the pictures, in this order.
    pub(in crate::data) fn select(&self, pictures: &[usize]) -> PictureSet {
        self.files.select(pictures.iter().copied())
    }
}

/// The number that a file's name is, or ends in after a separator, before its last dot. Digits after a letter are no number:
/// they may be the end of any name in hexadecimal digits.
fn number_at_end(path: &str) -> Option<u64> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let start = stem.trim_end_matches(|letter: char| letter.is_ascii_digit());
    match start.ends_with(char::is_alphanumeric) {
        true => None,
        false => stem[start.len()..].parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_at_the_end_of_names() {
        for (path, number) in [
            ("val2014/COCO_val2014_000000000042.jpg", Some(42)),
            ("images/7.png", Some(7)),
            ("7", Some(7)),
            ("photo-0012.jpg", Some(12)),
            ("a.b/image12.tar.jpg", None),
            ("a.b/9f86d081884c7d659a2f.jpg", None),
            ("3fa85f64-5717-4562-b3fc-2c963f66afa6.jpg", None),
            ("0a1b2c3d4e5f6789.jpg", None),
            ("99999999999999999999999.jpg", None),
            ("", None),
        ] {
            assert_eq!(number_at_end(path), number, "{path}");
        }
    }
}
