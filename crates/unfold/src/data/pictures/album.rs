//! Pictures ready to be put into batches: decoded once where they fit into memory, else decoded each time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::form::{PictureForm, Resampler, View};
use super::normalise::{Normalise, Sums};
use super::picture::Picture;
use super::set::{Damage, PictureSet, spread};
use crate::data::concurrent;
use crate::error::{Error, Result};

/// How to hold pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlbumConfig {
    /// Decoded pictures are kept in memory if they take no more bytes than this.
    pub memory: u64,
    /// Whether pictures are kept whole, in the size that they have, because rectangles are to be cut out of them
    /// ([`AugmentConfig::cuts`](super::AugmentConfig::cuts)).
    pub whole: bool,
    /// Whether a damaged picture is an error; otherwise it is left out.
    pub strict: bool,
    /// How many threads decode.
    pub threads: usize,
}

impl Default for AlbumConfig {
    fn default() -> AlbumConfig {
        AlbumConfig {
            memory: 1 << 30,
            whole: false,
            strict: false,
            threads: crate::threads(),
        }
    }
}

/// Pictures in the form of a network, or on the way to it.
///
/// Where all fit into memory they are decoded when the album is opened, and damaged ones are left out then. Where they
/// do not, each is decoded whenever it is asked for, and damage shows only then; see
/// [`Batcher::batch`](super::Batcher::batch) for what becomes of it.
#[derive(Debug)]
pub struct Album {
    form: PictureForm,
    config: AlbumConfig,
    held: Held,
    /// By place in the set that was opened.
    damaged: Mutex<BTreeMap<usize, Damage>>,
}

#[derive(Debug)]
enum Held {
    Memory {
        pictures: Vec<Picture>,
        labels: Vec<usize>,
        places: Vec<String>,
        addresses: Vec<String>,
    },
    Encoded(PictureSet),
}

/// A picture of an album.
pub(super) enum Leaf<'a> {
    Held(&'a Picture),
    Decoded(Picture),
}

impl Leaf<'_> {
    pub(super) fn view(&self) -> View<'_> {
        match self {
            Leaf::Held(picture) => View::of(picture),
            Leaf::Decoded(picture) => View::of(picture),
        }
    }
}

impl Album {
    /// Opens a set of pictures for a network that takes this form.
    ///
    /// # Errors
    /// When no picture can be read, or one cannot and `config` is strict.
    pub fn open(set: PictureSet, form: &PictureForm, config: AlbumConfig) -> Result<Album> {
        let (held, damaged) = match Album::decode_all(&set, form, &config) {
            None => (Held::Encoded(set), BTreeMap::new()),
            Some(decoded) => sort_out(&set, decoded, config.strict)?,
        };
        let album = Album {
            form: form.clone(),
            config,
            held,
            damaged: Mutex::new(damaged),
        };
        if album.is_empty() {
            let first = album.damaged().into_iter().next();
            let problem = first.map_or("there is no picture".to_owned(), |first| {
                format!("none of the pictures can be read (first: {first})")
            });
            return Err(Error::data("", problem, "fetch or make the pictures again"));
        }
        Ok(album)
    }

    /// All pictures, decoded; nothing when they do not fit into memory.
    fn decode_all(
        set: &PictureSet,
        form: &PictureForm,
        config: &AlbumConfig,
    ) -> Option<Vec<Option<Result<Picture>>>> {
        let least = if config.whole { 0 } else { form.values() };
        if least as u64 * set.len() as u64 > config.memory {
            return None;
        }
        let mut decoded: Vec<Option<Result<Picture>>> = Vec::new();
        decoded.resize_with(set.len(), || None);
        let taken = AtomicU64::new(0);
        let items = decoded.iter_mut().enumerate();
        concurrent::each(
            items,
            config.threads,
            Resampler::default,
            |resampler, (i, slot)| {
                if taken.load(Ordering::Relaxed) > config.memory {
                    return;
                }
                let picture = set.read(i);
                let picture = picture.map(|picture| keep(picture, form, config.whole, resampler));
                if let Ok(picture) = &picture {
                    taken.fetch_add(picture.pixels.len() as u64, Ordering::Relaxed);
                }
                *slot = Some(picture);
            },
        );
        (taken.into_inner() <= config.memory).then_some(decoded)
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        match &self.held {
            Held::Memory { pictures, .. } => pictures.len(),
            Held::Encoded(set) => set.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The form that pictures are brought to.
    pub fn form(&self) -> &PictureForm {
        &self.form
    }

    /// Whether the pictures are decoded already.
    pub fn in_memory(&self) -> bool {
        matches!(self.held, Held::Memory { .. })
    }

    /// The number of a picture's class.
    ///
    /// # Panics
    /// When there is no such picture.
    pub fn label(&self, picture: usize) -> usize {
        match &self.held {
            Held::Memory { labels, .. } => labels[picture],
            Held::Encoded(set) => set.label(picture),
        }
    }

    /// The numbers of all classes, in the order of the pictures.
    pub fn labels(&self) -> Vec<usize> {
        (0..self.len()).map(|picture| self.label(picture)).collect()
    }

    /// Where a picture is: DATA and the place in it.
    ///
    /// # Panics
    /// When there is no such picture.
    pub fn place(&self, picture: usize) -> String {
        match &self.held {
            Held::Memory { places, .. } => places[picture].clone(),
            Held::Encoded(set) => set.place(picture),
        }
    }

    /// What leads to a picture alone, as [`PictureSet::address`] says.
    ///
    /// # Panics
    /// When there is no such picture.
    pub fn address(&self, picture: usize) -> String {
        match &self.held {
            Held::Memory { addresses, .. } => addresses[picture].clone(),
            Held::Encoded(set) => set.address(picture),
        }
    }

    /// The picture in the album's form.
    ///
    /// # Errors
    /// When it is damaged.
    ///
    /// # Panics
    /// When there is no such picture.
    pub fn picture(&self, picture: usize) -> Result<Picture> {
        Ok(match self.leaf(picture)? {
            Leaf::Held(picture) => self.form.apply(picture),
            Leaf::Decoded(picture) => self.form.apply(&picture),
        })
    }

    /// The picture as it is held, with the channels of the form.
    pub(super) fn leaf(&self, picture: usize) -> Result<Leaf<'_>> {
        match &self.held {
            Held::Memory { pictures, .. } => Ok(Leaf::Held(&pictures[picture])),
            Held::Encoded(set) => {
                let decoded = set.read(picture)?;
                Ok(Leaf::Decoded(decoded.with_channels(self.form.channels)))
            }
        }
    }

    /// The number in the album of what had this number in the set that was opened; nothing when it is known to be damaged.
    pub(crate) fn number(&self, of_set: usize) -> Option<usize> {
        let damaged = self.lock();
        if damaged.contains_key(&of_set) {
            return None;
        }
        let before = match self.in_memory() {
            true => damaged.range(..of_set).count(),
            false => 0,
        };
        Some(of_set - before)
    }

    /// The damaged pictures that were met so far, by their number in the set that was opened.
    pub(crate) fn damage(&self) -> BTreeMap<usize, Damage> {
        self.lock().clone()
    }

    /// Finds all damaged pictures, by their number in the set that was opened: for data that would be wrong with another
    /// picture in place of one.
    ///
    /// # Errors
    /// When one is damaged and the album is strict.
    pub(crate) fn check(&self) -> Result<BTreeMap<usize, Damage>> {
        if let Held::Encoded(set) = &self.held {
            let failure = Mutex::new(None);
            concurrent::each(
                0..set.len(),
                self.config.threads,
                || (),
                |(), picture| {
                    let Err(error) = set.read(picture) else {
                        return;
                    };
                    self.note_damage(picture, &error);
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    if failure.as_ref().is_none_or(|(first, _)| picture < *first) {
                        *failure = Some((picture, error));
                    }
                },
            );
            let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
            if let Some((_, error)) = failure.filter(|_| self.config.strict) {
                return Err(error);
            }
        }
        Ok(self.damage())
    }

    /// Notes that a picture is damaged.
    pub(super) fn note_damage(&self, picture: usize, error: &Error) {
        let damage = Damage {
            place: self.place(picture),
            problem: error.problem().to_owned(),
        };
        self.lock().insert(picture, damage);
    }

    /// Whether a picture is known to be damaged.
    pub(super) fn is_damaged(&self, picture: usize) -> bool {
        !self.in_memory() && self.lock().contains_key(&picture)
    }

    /// The damaged pictures that were met so far, in order.
    pub fn damaged(&self) -> Vec<Damage> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Damage>> {
        // Inserting leaves the map whole whatever happens.
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn config(&self) -> &AlbumConfig {
        &self.config
    }

    /// Mean and deviation of each channel over up to `most` pictures, evenly spread.
    ///
    /// # Errors
    /// When none of them can be read.
    pub fn normalise(&self, most: usize) -> Result<Normalise> {
        let total = Mutex::new(Sums::default());
        let room = || (Resampler::default(), Vec::new());
        let threads = self.config.threads;
        concurrent::each(
            spread(self.len(), most),
            threads,
            room,
            |(resampler, pixels), i| match self.leaf(i) {
                Ok(leaf) => {
                    resampler.fit(leaf.view(), &self.form, pixels);
                    let sums = Sums::of(pixels, self.form.channels);
                    total
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .add(&sums);
                }
                Err(error) => self.note_damage(i, &error),
            },
        );
        let sums = total.into_inner().unwrap_or_else(PoisonError::into_inner);
        sums.normalise(self.form.channels).ok_or_else(|| {
            let first = self.damaged().into_iter().next();
            let place = first.as_ref().map_or("", |first| first.place.as_str());
            let problem = "none of the pictures can be read";
            Error::data(place, problem, "fetch or make the pictures again")
        })
    }
}

/// What is held of a picture.
fn keep(picture: Picture, form: &PictureForm, whole: bool, resampler: &mut Resampler) -> Picture {
    let picture = picture.with_channels(form.channels);
    if whole || form.is_of(View::of(&picture)) {
        return picture;
    }
    let mut pixels = Vec::new();
    resampler.fit(View::of(&picture), form, &mut pixels);
    Picture::new(form.width, form.height, form.channels, pixels)
}

/// Leaves the damaged pictures out.
fn sort_out(
    set: &PictureSet,
    decoded: Vec<Option<Result<Picture>>>,
    strict: bool,
) -> Result<(Held, BTreeMap<usize, Damage>)> {
    let mut damaged = BTreeMap::new();
    let (mut pictures, mut labels) = (Vec::new(), Vec::new());
    let (mut places, mut addresses) = (Vec::new(), Vec::new());
    for (i, picture) in decoded.into_iter().flatten().enumerate() {
        match picture {
            Ok(picture) => {
                pictures.push(picture);
                labels.push(set.label(i));
                places.push(set.place(i));
                addresses.push(set.address(i));
            }
            Err(error) if strict => return Err(error),
            Err(error) => {
                let (place, problem) = (set.place(i), error.problem().to_owned());
                damaged.insert(i, Damage { place, problem });
            }
        }
    }
    let held = Held::Memory {
        pictures,
        labels,
        places,
        addresses,
    };
    Ok((held, damaged))
}
