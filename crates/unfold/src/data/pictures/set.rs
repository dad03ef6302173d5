//! Pictures and their classes, still where they lie.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::decode::{self, decode};
use super::packed;
use super::picture::Picture;
use crate::data::concurrent;
use crate::data::split::Labelled;
use crate::data::store::{Place, Store};
use crate::error::{Error, Result};

/// Where a picture is.
#[derive(Clone, Debug)]
pub(super) enum Content {
    /// The bytes of a picture file.
    Encoded(Place),
    /// Grey pixels in a store, `[H, W]`.
    Grey {
        pixels: Range<u64>,
        height: usize,
        width: usize,
    },
}

/// What a picture is called inside DATA.
#[derive(Clone, Debug)]
pub(super) enum Name {
    /// The path of its file.
    File(String),
    /// Its number, from 1, in a file of many, where each is a `unit`.
    Inside {
        file: String,
        unit: &'static str,
        number: usize,
    },
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::File(path) => f.write_str(path),
            Name::Inside { file, unit, number } => write!(f, "{file}, {unit} {number}"),
        }
    }
}

/// Where pictures are from: a folder, an archive or a file.
#[derive(Debug)]
pub(super) struct Origin {
    /// As the user named it.
    pub(super) data: String,
    pub(super) store: Store,
}

/// One picture.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) origin: Arc<Origin>,
    /// Where it is in there.
    pub(super) name: Name,
    pub(super) content: Content,
    pub(super) label: usize,
}

impl Labelled for Entry {
    fn label(&self) -> usize {
        self.label
    }
}

/// Pictures and their classes. Nothing is decoded before it is asked for.
#[derive(Clone, Debug)]
pub struct PictureSet {
    pub(super) entries: Vec<Entry>,
}

/// A picture that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Damage {
    /// The picture.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// A sentence that says how many pictures are damaged, if any is.
pub(in crate::data) fn note_damage(damaged: &[Damage]) -> Option<String> {
    let first = damaged.first()?;
    let count = damaged.len();
    let s = if count == 1 { "" } else { "s" };
    Some(format!(
        "{count} damaged picture{s} left out (first: {first})"
    ))
}

/// Refuses a damaged picture where `strict` is set.
///
/// # Errors
/// Naming the first.
pub(in crate::data) fn refuse_damage(damaged: &[Damage], strict: bool) -> Result<()> {
    match damaged.first().filter(|_| strict) {
        Some(first) => {
            let remedy = "mend or remove it, or leave `strict` out";
            Err(Error::data(&first.place, &first.problem, remedy))
        }
        None => Ok(()),
    }
}

/// What pictures look like, from some of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// The shape [H, W] that all have, if they do.
    pub size: Option<[usize; 2]>,
    /// The middle one of the shorter sides.
    pub shorter_side: usize,
    /// Whether all are grey.
    pub grey: bool,
}

impl PictureSet {
    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of a picture's class.
    ///
    /// # Panics
    /// When there is no such picture.
    pub fn label(&self, picture: usize) -> usize {
        self.entries[picture].label
    }

    /// A number that changes with the pictures: their names and labels, their order. What is in them is not read.
    pub fn fingerprint(&self) -> u64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64; // FNV-1a
        for entry in &self.entries {
            let label = (entry.label as u64).to_le_bytes();
            let name = entry.name.to_string();
            for byte in name.bytes().chain([0xff]).chain(label) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        hash
    }

    /// The numbers of all classes, in the order of the pictures.
    pub fn labels(&self) -> Vec<usize> {
        self.entries.iter().map(|entry| entry.label).collect()
    }

    /// Where a picture is: DATA and the place in it.
    ///
    /// # Panics
    /// When there is no such picture.
    pub fn place(&self, picture: usize) -> String {
        let Entry { origin, name, .. } = &self.entries[picture];
        format!("{}, {name}", origin.data)
    }

    /// What leads to a picture alone, also for [`PictureFiles::open`](super::PictureFiles::open): the path of its file, else
    /// DATA, `#`, and what it is called in there: the path, or the number in a file of many, as in `mnist#test-4`.
    ///
    /// # Panics
    /// When there is no such picture.
    pub fn address(&self, picture: usize) -> String {
        let Entry {
            origin,
            name,
            content,
            ..
        } = &self.entries[picture];
        let data = &origin.data;
        match (content, name) {
            (Content::Encoded(Place::Disk(path)), Name::File(_)) => path.display().to_string(),
            (_, Name::File(path)) => format!("{data}#{path}"),
            (_, Name::Inside { file, number, .. }) => {
                format!("{data}#{}", packed::member(file, *number))
            }
        }
    }

    /// Reads a picture.
    ///
    /// # Errors
    /// When it is damaged, or not there any more.
    ///
    /// # Panics
    /// When there is no such picture.
    pub fn read(&self, picture: usize) -> Result<Picture> {
        let unread = |error| Error::io(self.place(picture), "read", &error);
        let Entry {
            origin, content, ..
        } = &self.entries[picture];
        match content {
            Content::Encoded(place) => {
                let bytes = origin.store.read(place).map_err(unread)?;
                decode(&bytes, &self.place(picture))
            }
            Content::Grey {
                pixels,
                height,
                width,
            } => {
                let place = Place::Store(pixels.clone());
                let pixels = origin.store.read(&place).map_err(unread)?;
                Ok(Picture::new(*width, *height, 1, pixels.into_owned()))
            }
        }
    }

    /// A number for each picture that changes with what is in its file (FNV-1a, 128 bits), or what is wrong with one that
    /// cannot be read.
    ///
    /// # Errors
    /// When one cannot be read and `strict` holds.
    pub(crate) fn digests(&self, strict: bool) -> Result<Vec<std::result::Result<u128, Damage>>> {
        let numbers: Vec<usize> = (0..self.len()).collect();
        let digests = concurrent::map(&numbers, |&picture| {
            let Entry {
                origin, content, ..
            } = &self.entries[picture];
            let (place, size) = match content {
                Content::Encoded(place) => (place.clone(), [0, 0]),
                Content::Grey {
                    pixels,
                    height,
                    width,
                } => (Place::Store(pixels.clone()), [*height, *width]),
            };
            let bytes = origin.store.read(&place)?;
            let size = size.map(usize::to_le_bytes).concat();
            Ok(digest(size.iter().chain(bytes.iter())))
        });
        let sort = |(picture, digest): (usize, std::io::Result<u128>)| match digest {
            Ok(digest) => Ok(Ok(digest)),
            Err(error) if strict => Err(Error::io(self.place(picture), "read", &error)),
            Err(error) => Ok(Err(Damage {
                place: self.place(picture),
                problem: error.to_string(),
            })),
        };
        digests.into_iter().enumerate().map(sort).collect()
    }

    /// What the heads of up to `most` of the files, evenly spread, say; damaged ones are passed over. Nothing when none
    /// can be read.
    pub fn survey(&self, most: usize) -> Option<Survey> {
        let look = |picture: usize| {
            let Entry {
                origin, content, ..
            } = &self.entries[picture];
            match content {
                Content::Encoded(place) => decode::look(&origin.store.read(place).ok()?),
                Content::Grey { height, width, .. } => Some(([*height, *width], true)),
            }
        };
        let looks: Vec<([usize; 2], bool)> = spread(self.len(), most).filter_map(look).collect();
        let mut sides: Vec<usize> = looks.iter().map(|(size, _)| size[0].min(size[1])).collect();
        sides.sort_unstable();
        let (first, _) = *looks.first()?;
        Some(Survey {
            size: looks
                .iter()
                .all(|(size, _)| *size == first)
                .then_some(first),
            shorter_side: sides[sides.len() / 2],
            grey: looks.iter().all(|(_, grey)| *grey),
        })
    }
}

/// The FNV-1a hash of some bytes, 128 bits.
fn digest<'a>(bytes: impl Iterator<Item = &'a u8>) -> u128 {
    bytes.fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}

/// At most `most` of `0..len`, evenly spread.
pub(super) fn spread(len: usize, most: usize) -> impl Iterator<Item = usize> + Clone {
    let count = len.min(most);
    (0..count).map(move |i| (i as u128 * len as u128 / count as u128) as usize)
}

/// What a file is, as far as its first bytes and its name tell; an unreadable file is damaged.
pub(super) fn kind(store: &Store, name: &str, place: &Place) -> decode::Kind {
    match store.head(place, decode::HEAD) {
        Ok(head) => decode::kind(name, &head),
        Err(_) => decode::Kind::Damaged("it cannot be read"),
    }
}
