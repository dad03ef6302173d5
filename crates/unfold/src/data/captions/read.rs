//! From DATA to pictures with captions, split for training.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::layout::{Described, collect, has_captions, leave_blank};
use super::source::CaptionSource;
use crate::data::dataset::{Dataset, Gallery, Shared, manifest, measured, share, tally};
use crate::data::parts::{self, Part};
use crate::data::pictures::{Damage, PictureSet, note_damage, refuse_damage};
use crate::error::{Error, Result};
use crate::random::Key;

/// Pictures and their captions.
#[derive(Clone, Debug)]
pub struct CaptionSet {
    /// The pictures, of one class.
    pub pictures: PictureSet,
    /// What the captions call each picture.
    pub names: Vec<String>,
    /// The captions of each picture as raw text; see [`caption_words`](crate::data::caption_words).
    pub captions: Vec<Vec<String>>,
}

/// Pictures with captions, split. No picture is in two parts.
#[derive(Clone, Debug)]
pub struct CaptionData {
    /// What to learn from.
    pub train: CaptionSet,
    /// What to choose and stop by; taken from train when the data does not give it.
    pub valid: Option<CaptionSet>,
    /// What to look at once.
    pub test: Option<CaptionSet>,
    /// What was done to the data, as sentences for a person to read.
    pub notes: Vec<String>,
    /// Pictures that have captions but were left out, because their first bytes are no picture's. Others turn out to be
    /// damaged when they are decoded; see [`Album::damaged`](crate::data::Album::damaged).
    pub damaged: Vec<Damage>,
}

/// Finds pictures and their captions and splits them by picture: as the data itself says (lists of names, a part in
/// JSON or in the names of files), else by the seed in `source` or by `seed`. Pictures are found and recognised, not
/// decoded.
///
/// `path` is a folder or archive with everything in it, the file of the captions, or a `dataset.toml`. Captions are a
/// table with the columns `image` and `caption` (CSV, TSV or JSON Lines), COCO's JSON or Karpathy's. Pictures lie in
/// folders, or in archives beside the captions, which are read in place unless they are packed.
///
/// # Errors
/// When the data cannot be read or cannot be used for training; the message says what to do.
pub fn read_captions(path: &Path, source: &CaptionSource, seed: u64) -> Result<CaptionData> {
    let dataset = Dataset::open(path, false)?;
    let notes = dataset.notes().to_vec();
    let mut collection = Collection::open(dataset, source, false, notes)?;
    collection.refuse_lost(&Part::ALL)?;
    let Shared { train, valid, test } = collection.share(seed)?;
    Ok(CaptionData {
        train: collection.set(&train),
        valid: valid.map(|items| collection.set(&items)),
        test: test.map(|items| collection.set(&items)),
        notes: collection.notes,
        damaged: collection.damaged,
    })
}

/// Captioned pictures to evaluate a model on.
#[derive(Clone, Debug)]
pub struct CaptionSplit {
    /// The pictures and their captions.
    pub set: CaptionSet,
    /// What was done to the data, as sentences for a person to read.
    pub notes: Vec<String>,
    /// As in [`CaptionData`].
    pub damaged: Vec<Damage>,
}

/// Finds pictures and their captions to evaluate a model on: the test part if the data gives one, else the one that
/// [`read_captions`] makes if the source says by which seed, else everything.
///
/// # Errors
/// When the data cannot be read.
pub fn read_captions_split(path: &Path, source: &CaptionSource) -> Result<CaptionSplit> {
    let mut collection = elsewhere(path, source, false)?;
    collection.refuse_lost(&[Part::Test])?;
    let parts: Vec<_> = collection.items.iter().map(|item| item.part).collect();
    let items = measured(&parts, || {
        let seed = collection.source.seed;
        seed.map(|seed| collection.share(seed)).transpose()
    })?;
    Ok(CaptionSplit {
        set: collection.set(&items),
        notes: collection.notes,
        damaged: collection.damaged,
    })
}

/// Finds all pictures of DATA, whichever part they are in, with the captions that they have: none where DATA has none.
/// Also says what was done to the data.
///
/// # Errors
/// When the data cannot be read, or there is no picture.
pub fn read_pictures_and_captions(
    path: &Path,
    source: &CaptionSource,
) -> Result<(CaptionSet, Vec<String>)> {
    let collection = elsewhere(path, source, true)?;
    let all: Vec<usize> = (0..collection.items.len()).collect();
    Ok((collection.set(&all), collection.notes))
}

/// Opens DATA that may be other than what `source` was written for, as [`Collection::open`] does.
fn elsewhere(path: &Path, source: &CaptionSource, bare: bool) -> Result<Collection> {
    let dataset = Dataset::open(path, false)?;
    let mut notes = dataset.notes().to_vec();
    let source = source.elsewhere(&dataset, &mut notes);
    let mut collection = Collection::open(dataset, &source, bare, notes)?;
    collection.notes.extend(note_damage(&collection.damaged));
    Ok(collection)
}

/// A picture that is there, and its captions.
struct Item {
    part: Option<Part>,
    picture: usize,
    name: String,
    captions: Vec<String>,
}

/// What DATA holds, not split yet.
struct Collection {
    name: String,
    source: CaptionSource,
    gallery: Gallery,
    items: Vec<Item>,
    notes: Vec<String>,
    damaged: Vec<Damage>,
    /// What has no picture that is there: its part, and what it calls the picture.
    lost: Vec<(Option<Part>, String)>,
}

impl Collection {
    /// What DATA holds: pictures with captions, or where `bare` holds those without, too.
    fn open(
        dataset: Dataset,
        source: &CaptionSource,
        bare: bool,
        mut notes: Vec<String>,
    ) -> Result<Collection> {
        let source = match manifest(&dataset)? {
            Some(below) => source.over(below),
            None => source.clone(),
        };
        source.plan().check()?;
        let mut all = match bare && !has_captions(&dataset, &source) {
            true => Vec::new(),
            false => match collect(&dataset, &source, &mut notes) {
                // Tables beside photographs may well be about something else.
                Err(error) if bare && source.captions.is_none() => {
                    let (place, problem) = (error.place(), error.problem());
                    notes.push(format!(
                        "no captions are read ({place}: {problem}), pictures alone are"
                    ));
                    Vec::new()
                }
                read => read?,
            },
        };
        notes.extend(leave_blank(&mut all));
        let name = dataset.name.clone();
        let pictures = dataset.pictures(source.pictures.as_deref())?;
        let Some(pictures) = pictures else {
            let problem = match all.is_empty() {
                true => "holds no pictures",
                false => "the captions have no pictures beside them",
            };
            let remedy = "name their folder or archive with `pictures`";
            return Err(Error::data(name, problem, remedy));
        };
        let mut collection = Collection {
            name,
            source,
            gallery: Gallery::new(pictures),
            items: Vec::new(),
            notes,
            damaged: Vec::new(),
            lost: Vec::new(),
        };
        collection.add(all, bare)?;
        if bare {
            collection.add_others();
        }
        Ok(collection)
    }

    /// Finds the pictures of captions, and says which are not there.
    fn add(&mut self, all: Vec<Described>, bare: bool) -> Result<()> {
        let names = all
            .iter()
            .map(|described| (described.name.as_str(), described.text.as_str()));
        let found = self.gallery.find(names);
        self.damaged = match bare {
            true => self.gallery.damaged().to_vec(),
            false => found.damaged,
        };
        refuse_damage(&self.damaged, self.source.strict)?;
        // Without a training part that is named, all that no part is named for is for training.
        let split = all
            .iter()
            .any(|described| described.part == Some(Part::Train));
        let (mut outside, mut in_two) = (Vec::new(), BTreeSet::new());
        let mut used = vec![false; self.gallery.len()];
        let mut known: HashMap<usize, usize> = HashMap::new();
        let count = all.len();
        for (described, picture) in all.into_iter().zip(found.pictures) {
            let Described {
                part,
                name,
                captions,
                ..
            } = described;
            let Some(picture) = picture else {
                self.lost.push((part, name));
                continue;
            };
            used[picture] = true;
            if split && part.is_none() && !bare {
                outside.push(name);
            } else if let Some(&item) = known.get(&picture) {
                let item: &mut Item = &mut self.items[item];
                if item.part != part {
                    in_two.insert(name);
                }
                item.captions.extend(captions);
            } else {
                known.insert(picture, self.items.len());
                self.items.push(Item {
                    part,
                    picture,
                    name,
                    captions,
                });
            }
        }
        let missing = "with captions but not there left out";
        self.notes.extend(tally(&found.missing, "picture", missing));
        let several = "of a name that fits several left out";
        self.notes.extend(tally(&found.several, "picture", several));
        if !bare {
            let others = (0..self.gallery.len()).filter(|&picture| !used[picture]);
            let others: Vec<&str> = others.map(|picture| self.gallery.path(picture)).collect();
            self.notes
                .extend(tally(&others, "picture", "without a caption left out"));
        }
        self.notes
            .extend(tally(&outside, "picture", "outside the split left out"));
        let twice = "in several parts of the split, of which the first counts";
        let in_two: Vec<String> = in_two.into_iter().collect();
        self.notes.extend(tally(&in_two, "picture", twice));
        if self.items.is_empty() && !bare {
            let first = found.missing.first().or(found.several.first());
            let first = first.or(outside.first());
            let first = first
                .map(|first| format!(" (first: {first})"))
                .unwrap_or_default();
            let problem =
                format!("none of the {count} pictures that have captions can be used{first}");
            let remedy = "name the folder or archive of the pictures with `pictures`, the captions with `captions`, and \
                          lists of names with `train`, `valid` and `test`";
            return Err(Error::data(&self.name, problem, remedy));
        }
        Ok(())
    }

    /// Adds the pictures that no caption is about.
    fn add_others(&mut self) {
        let mut known = vec![false; self.gallery.len()];
        self.items
            .iter()
            .for_each(|item| known[item.picture] = true);
        for picture in (0..known.len()).filter(|&picture| !known[picture]) {
            self.items.push(Item {
                part: None,
                picture,
                name: self.gallery.path(picture).to_owned(),
                captions: Vec::new(),
            });
        }
    }

    /// Of the parts `wanted` that the data gives, some picture must be there.
    fn refuse_lost(&self, wanted: &[Part]) -> Result<()> {
        let there: Vec<_> = self.items.iter().map(|item| item.part).collect();
        parts::refuse_lost(&self.name, wanted, &there, &self.lost)
    }

    fn share(&mut self, seed: u64) -> Result<Shared> {
        let key = Key::new(self.source.seed.unwrap_or(seed)).named("split");
        let items = self.items.iter().enumerate();
        let items: Vec<_> = items.map(|(number, item)| (item.part, number)).collect();
        share(
            &self.name,
            &items,
            &self.source.plan(),
            key,
            &mut self.notes,
        )
    }

    fn set(&self, items: &[usize]) -> CaptionSet {
        let items: Vec<&Item> = items.iter().map(|&item| &self.items[item]).collect();
        let pictures: Vec<usize> = items.iter().map(|item| item.picture).collect();
        CaptionSet {
            pictures: self.gallery.select(&pictures),
            names: items.iter().map(|item| item.name.clone()).collect(),
            captions: items.iter().map(|item| item.captions.clone()).collect(),
        }
    }
}
