//! The pictures of one part of the data, as a network takes them.

use std::collections::{BTreeMap, HashMap};

use super::cache::{self, Cache};
use super::{Encoder, Features, Looker};
use crate::data::{Album, AlbumConfig, AugmentConfig, Batcher, Damage, PictureSet};
use crate::error::Result;
use crate::nn::Params;
use crate::random::{Key, Moment};
use crate::tensor::Tensor;
use crate::train::{Observer, Stage};

/// Pictures that go through a network together when it does not learn.
const BATCH: usize = 32;

/// What a network gets of some pictures.
#[derive(Clone)]
pub(in crate::tasks) enum Sight {
    /// What an encoder that does not learn makes of them.
    Features(Tensor),
    /// Themselves, normalised.
    Pixels(Tensor),
}

/// Rows and columns of the small copy of a picture by which it is compared with others.
const SMALL: [usize; 2] = [16, 16];

impl Sight {
    /// A short vector of each picture, `[B, ..]`, in which like pictures are near each other: the mean of its features over
    /// places, or a small copy of it.
    pub(in crate::tasks) fn short(&self) -> Tensor {
        match self {
            Sight::Features(features) if features.dims().len() == 3 => features.mean_axis(1),
            Sight::Features(features) => features.clone(),
            Sight::Pixels(pixels) => {
                let small = pixels.adaptive_avg_pool2d(SMALL);
                let b = small.dim(0);
                small.reshape([b, small.len() / b.max(1)])
            }
        }
    }
}

/// The pictures of a set.
pub(in crate::tasks) struct Gallery {
    held: Held,
    /// By number in the set.
    damaged: BTreeMap<usize, Damage>,
    /// How many there are in the set.
    len: usize,
}

enum Held {
    Features {
        cache: Cache,
        /// Of each picture; 0 for a damaged one.
        digests: Vec<u128>,
        shape: [usize; 2],
        features: Features,
    },
    Pixels(Box<Batcher>),
}

impl Gallery {
    /// The pictures of `set` for an encoder that learns, changed at random as `augment` says.
    ///
    /// # Errors
    /// When none can be read, or one cannot and `strict` holds.
    pub(in crate::tasks) fn of_pixels(
        encoder: &Encoder,
        set: PictureSet,
        augment: AugmentConfig,
        strict: bool,
    ) -> Result<Gallery> {
        let config = AlbumConfig {
            whole: augment.resized_crop.is_some(),
            strict,
            ..AlbumConfig::default()
        };
        let len = set.len();
        let album = Album::open(set, &encoder.card.form, config)?;
        let damaged = album.check()?;
        let batcher = Batcher::new(album, encoder.card.normalise.clone(), augment)?;
        Ok(Gallery {
            held: Held::Pixels(Box::new(batcher)),
            damaged,
            len,
        })
    }

    /// What an encoder makes of the pictures of `set`, as it is now: from the file in its folder, to which what is missing is
    /// added. `observer` is told how far it is.
    ///
    /// # Errors
    /// When none can be read, one cannot and `strict` holds, or no file can be written.
    pub(in crate::tasks) fn of_features(
        encoder: &Encoder,
        params: &Params<f32>,
        set: PictureSet,
        strict: bool,
        observer: &mut dyn Observer,
    ) -> Result<Gallery> {
        let shape = encoder.shape();
        let folder = encoder.cache.clone().unwrap_or_else(cache::folder);
        let print = encoder.fingerprint(params);
        // It may have to wait for another process that fills the file.
        observer.stage(Stage::Seeing, None);
        let note = |note: &str| observer.note(note);
        let mut cache = Cache::open(&folder, print, shape[0] * shape[1], note)?;
        let mut digests = set.digests(strict)?;
        let len = set.len();
        let mut damaged = BTreeMap::new();
        for (picture, digest) in digests.iter().enumerate() {
            if let Err(damage) = digest {
                damaged.insert(picture, damage.clone());
            }
        }
        let missing = |(picture, digest): (usize, &Result<u128, Damage>)| {
            let unseen = digest.as_ref().is_ok_and(|digest| !cache.holds(*digest));
            unseen.then_some(picture)
        };
        let missing: Vec<usize> = digests.iter().enumerate().filter_map(missing).collect();
        if !missing.is_empty() {
            let unread = fill(
                &mut cache,
                &encoder.looker(params),
                set,
                &missing,
                &digests,
                strict,
                observer,
            )?;
            for (picture, damage) in unread {
                digests[picture] = Err(damage.clone());
                damaged.insert(picture, damage);
            }
        }
        cache.release()?;
        Ok(Gallery {
            held: Held::Features {
                cache,
                digests: digests.into_iter().map(|d| d.unwrap_or(0)).collect(),
                shape,
                features: encoder.card.features,
            },
            damaged,
            len,
        })
    }

    /// Whether a picture can be seen.
    pub(in crate::tasks) fn shows(&self, picture: usize) -> bool {
        !self.damaged.contains_key(&picture)
    }

    /// The numbers of those that can, in order.
    pub(in crate::tasks) fn shown(&self) -> Vec<usize> {
        (0..self.len).filter(|&p| self.shows(p)).collect()
    }

    /// Those that cannot, in order.
    pub(in crate::tasks) fn damaged(&self) -> impl Iterator<Item = &Damage> {
        self.damaged.values()
    }

    /// What a network gets of some pictures, `[B, ..]`: while training pixels are changed at random.
    ///
    /// # Errors
    /// When one cannot be read any more.
    ///
    /// # Panics
    /// When one is damaged or not there.
    pub(in crate::tasks) fn look(
        &self,
        pictures: &[usize],
        moment: Option<Moment>,
    ) -> Result<Sight> {
        for picture in pictures {
            assert!(
                self.shows(*picture),
                "gallery: picture {picture} is damaged"
            );
        }
        match &self.held {
            Held::Features {
                cache,
                digests,
                shape: [l, c],
                features,
            } => {
                let mut values = vec![0.0; pictures.len() * l * c];
                let rows = values.chunks_exact_mut((l * c).max(1));
                for (&picture, row) in pictures.iter().zip(rows) {
                    cache.get(digests[picture], row)?;
                }
                let b = pictures.len();
                Ok(Sight::Features(match features {
                    Features::Vector => Tensor::from_vec(values, [b, *c]),
                    Features::Grid => Tensor::from_vec(values, [b, *l, *c]),
                }))
            }
            Held::Pixels(batcher) => {
                let album = batcher.album();
                let held = pictures.iter().map(|&picture| album.number(picture));
                let held: Vec<usize> = held.map(|n| n.expect("a good picture")).collect();
                Ok(Sight::Pixels(batcher.batch(&held, moment)?.pixels))
            }
        }
    }
}

/// The pictures of some examples, each once, and which of them each example is about.
pub(in crate::tasks) fn each_once(pictures: &[usize]) -> (Vec<usize>, Vec<u32>) {
    let (mut once, mut places) = (Vec::new(), HashMap::new());
    let place = |picture: &usize| {
        *places.entry(*picture).or_insert_with(|| {
            once.push(*picture);
            once.len() as u32 - 1
        })
    };
    let rows = pictures.iter().map(place).collect();
    (once, rows)
}

/// Batches of one epoch in which all examples about a picture stand together, so that it is seen once, or twice at a seam:
/// `pictures` are those of all examples.
pub(in crate::tasks) fn by_picture(
    pictures: &[usize],
    batch_size: usize,
    key: Key,
) -> Vec<Vec<usize>> {
    let (once, rows) = each_once(pictures);
    let mut groups = vec![Vec::new(); once.len()];
    for (example, row) in rows.into_iter().enumerate() {
        groups[row as usize].push(example);
    }
    let order = key.permutation(groups.len()).into_iter();
    let row: Vec<usize> = order.flat_map(|group| groups[group].clone()).collect();
    row.chunks(batch_size).map(<[usize]>::to_vec).collect()
}

/// Computes the features of pictures that the cache does not hold; gives those that cannot be read.
fn fill(
    cache: &mut Cache,
    looker: &Looker<'_>,
    set: PictureSet,
    missing: &[usize],
    digests: &[Result<u128, Damage>],
    strict: bool,
    observer: &mut dyn Observer,
) -> Result<BTreeMap<usize, Damage>> {
    let card = looker.encoder.card();
    // Each picture is decoded once: none is worth keeping.
    let config = AlbumConfig {
        memory: 0,
        strict,
        ..AlbumConfig::default()
    };
    let album = Album::open(set, &card.form, config)?;
    let batcher = Batcher::new(album, card.normalise.clone(), AugmentConfig::default())?;
    let mut done = 0;
    for some in missing.chunks(BATCH) {
        let share = done as f64 / missing.len() as f64;
        observer.stage(Stage::Seeing, Some(share));
        let batch = batcher.batch(some, None)?;
        if !batch.pictures.is_empty() {
            let features = looker.features(&batch.pixels);
            let rows = features
                .data()
                .chunks_exact(features.len() / batch.pictures.len());
            for (&picture, row) in batch.pictures.iter().zip(rows) {
                if let Ok(digest) = digests[picture] {
                    cache.add(digest, row)?;
                }
            }
        }
        done += some.len();
    }
    Ok(batcher.album().damage())
}
