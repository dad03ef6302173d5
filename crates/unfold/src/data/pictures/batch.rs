//! Batches of pictures.

use std::sync::{Mutex, PoisonError};

use unfold_kernels::Buffer;

use super::album::Album;
use super::augment::{AugmentConfig, Augmenter, Canvas, Mixed, cut_mix, mix_up};
use super::normalise::Normalise;
use crate::data::concurrent;
use crate::error::{Error, Result};
use crate::random::{Key, Moment};
use crate::tensor::Tensor;

/// Pictures with their classes.
#[derive(Clone)]
pub struct PictureBatch {
    /// Normalised, `[B, H, W, C]`.
    pub pixels: Tensor,
    /// The number of each one's class, `[B]`.
    pub labels: Vec<u32>,
    /// Which pictures of the album they are, `[B]`.
    pub pictures: Vec<usize>,
    /// How they were mixed, if they were.
    pub mixed: Option<Mixed>,
}

/// Makes batches out of the pictures of an album.
#[derive(Debug)]
pub struct Batcher {
    album: Album,
    normalise: Normalise,
    augmenter: Augmenter,
}

/// Bytes of pictures that are worth a thread, where they are decoded already.
const WORTH_A_THREAD: usize = 1 << 21;

impl Batcher {
    /// Batches of these pictures, normalised so and changed at random as `augment` says.
    ///
    /// # Errors
    /// When `augment` cannot be meant for pictures of this form.
    ///
    /// # Panics
    /// When `normalise` is for another number of channels.
    pub fn new(album: Album, normalise: Normalise, augment: AugmentConfig) -> Result<Batcher> {
        let form = album.form().clone();
        let channels = form.channels;
        assert!(
            normalise.fits(channels),
            "batcher: expected mean and deviation of {channels} channels, got {normalise:?}"
        );
        augment.check(&form)?;
        let augmenter = Augmenter::new(augment, form, normalise.mean_colour());
        Ok(Batcher {
            album,
            normalise,
            augmenter,
        })
    }

    /// The pictures.
    pub fn album(&self) -> &Album {
        &self.album
    }

    /// How values are normalised.
    pub fn normalise(&self) -> &Normalise {
        &self.normalise
    }

    /// A batch of these pictures of the album, on as many threads as the album decodes on.
    ///
    /// While training they are changed at random, each by the draws that the moment's key has for its number, and a picture that turns
    /// out to be damaged makes room for the next in the album that is not. Else nothing is random, and a damaged
    /// picture is left out, so that the batch is smaller. Neither depends on the number of threads.
    ///
    /// # Errors
    /// When no picture of the album can be read, or one cannot and the album is strict.
    ///
    /// # Panics
    /// When there is no such picture.
    pub fn batch(&self, pictures: &[usize], moment: Option<Moment>) -> Result<PictureBatch> {
        let form = self.album.form();
        let size = form.values();
        let mut pixels = Buffer::scratch(pictures.len() * size);
        let mut used: Vec<Option<usize>> = vec![None; pictures.len()];
        let failure: Mutex<Option<(usize, Error)>> = Mutex::new(None);
        let places = pictures.iter().enumerate();
        let items = places.zip(pixels.chunks_exact_mut(size)).zip(&mut used);
        let threads = self.threads(pictures.len() * size);
        concurrent::each(items, threads, Canvas::default, |canvas, item| {
            let (((place, &picture), pixels), used) = item;
            match self.one(picture, moment, canvas, pixels) {
                Ok(found) => *used = found,
                Err(error) => {
                    // Of several mistakes the first in the batch is told, whichever thread was faster.
                    let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                    if failure.as_ref().is_none_or(|(first, _)| place < *first) {
                        *failure = Some((place, error));
                    }
                }
            }
        });
        let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, error)) = failure {
            return Err(error);
        }
        if used.contains(&None) {
            let kept: Vec<&[f32]> = pixels
                .chunks_exact(size)
                .zip(&used)
                .filter_map(|(picture, used)| used.map(|_| picture))
                .collect();
            pixels = Buffer::from_slice(&kept.concat());
        }
        let pictures: Vec<usize> = used.into_iter().flatten().collect();
        let shape = [pictures.len(), form.height, form.width, form.channels];
        let mixed = match (moment, pictures.first()) {
            (Some(moment), Some(&first)) => {
                let key = moment.key.named("mix").child(first as u64);
                self.mix(&mut pixels, shape, key)
            }
            _ => None,
        };
        Ok(PictureBatch {
            pixels: Tensor::from_buffer(pixels, shape),
            labels: pictures
                .iter()
                .map(|&picture| self.album.label(picture) as u32)
                .collect(),
            pictures,
            mixed,
        })
    }

    fn threads(&self, bytes: usize) -> usize {
        let most = self.album.config().threads;
        match self.album.in_memory() {
            true => most.min(1 + bytes / WORTH_A_THREAD),
            false => most,
        }
    }

    /// Writes one normalised picture; says which it is, if any.
    fn one(
        &self,
        picture: usize,
        moment: Option<Moment>,
        canvas: &mut Canvas,
        out: &mut [f32],
    ) -> Result<Option<usize>> {
        let album = &self.album;
        let tries = if moment.is_some() { album.len() } else { 1 };
        let mut last = None;
        for found in (0..tries).map(|further| (picture + further) % album.len()) {
            if album.is_damaged(found) {
                continue;
            }
            let leaf = match album.leaf(found) {
                Ok(leaf) => leaf,
                Err(error) if album.config().strict => return Err(error),
                Err(error) => {
                    album.note_damage(found, &error);
                    last = Some(error);
                    continue;
                }
            };
            let view = leaf.view();
            match moment {
                Some(moment) => self.augmenter.apply(view, picture, moment, canvas),
                None if album.form().is_of(view) => {
                    self.normalise.apply(view.pixels, out);
                    return Ok(Some(found));
                }
                None => canvas.resampler.fit(view, album.form(), &mut canvas.pixels),
            }
            self.normalise.apply(&canvas.pixels, out);
            return Ok(Some(found));
        }
        match (moment, last) {
            (None, _) => Ok(None),
            (Some(_), last) => Err(last.unwrap_or_else(|| {
                let problem = "none of the pictures can be read";
                Error::data(album.place(picture), problem, "fetch or make them again")
            })),
        }
    }

    /// Mixes the pictures of a batch, if they are to be.
    fn mix(&self, pixels: &mut [f32], shape: [usize; 4], key: Key) -> Option<Mixed> {
        let config = self.augmenter.config();
        let (mixup, cutmix) = (config.mixup, config.cutmix);
        let draws = key.child(1);
        match (mixup > 0.0, cutmix > 0.0) {
            (false, false) => None,
            (true, true) if key.uniform(0) < 0.5 => Some(mix_up(pixels, shape[0], mixup, draws)),
            (true, false) => Some(mix_up(pixels, shape[0], mixup, draws)),
            (_, true) => Some(cut_mix(pixels, shape, cutmix, draws)),
        }
    }
}
