//! Captions as numbers, and batches of them with their pictures.

use crate::data::{CaptionSet, Vocabulary, bucketed_batches};
use crate::error::Result;
use crate::ragged::{Packed, Ragged, pack};
use crate::random::Key;
use crate::tasks::encoder::{Gallery, Sight, by_picture, each_once};

/// The number that stands before the first word and after the last one.
pub(super) const BOUNDARY: u32 = Vocabulary::PAD;
/// The number of every unknown word.
pub(super) const UNKNOWN: u32 = Vocabulary::UNKNOWN;

/// Captions of pictures that can be seen.
pub(super) struct Sentences {
    /// Each one's picture and words; never empty.
    all: Vec<(usize, Vec<u32>)>,
}

/// Some captions, longest first, time by time.
pub(super) struct Batch {
    /// What the network gets of their pictures, each once.
    pub(super) sight: Sight,
    /// Which of them each one is about, `[B]`.
    pub(super) pictures: Vec<u32>,
    /// The words that are read, the boundary first, `[N]`.
    pub(super) words: Vec<u32>,
    /// The words that follow each, the boundary last, `[N]`.
    pub(super) next: Vec<u32>,
    pub(super) sequences: Ragged,
}

impl Sentences {
    /// The captions of a set as numbers; empty ones, and those of pictures that cannot be seen, are left out.
    pub(super) fn of(
        set: &CaptionSet,
        gallery: &Gallery,
        encode: impl Fn(&str) -> Vec<u32>,
    ) -> Sentences {
        let shown = (0..set.captions.len()).filter(|picture| gallery.shows(*picture));
        let all = shown.flat_map(|picture| {
            let captions = set.captions[picture].iter();
            let words = captions.map(|caption| encode(caption)).collect::<Vec<_>>();
            words.into_iter().map(move |words| (picture, words))
        });
        Sentences {
            all: all.filter(|(_, words)| !words.is_empty()).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    fn lengths(&self) -> Vec<usize> {
        self.all.iter().map(|(_, words)| words.len()).collect()
    }

    /// Calls `with` for every word that follows another one, the boundary included.
    pub(super) fn each_next(&self, mut with: impl FnMut(u32)) {
        for (_, words) in &self.all {
            words.iter().for_each(|&word| with(word));
            with(BOUNDARY);
        }
    }

    /// Batches of one epoch: captions of like lengths together, or all of a picture.
    pub(super) fn order(&self, batch_size: usize, seen_anew: bool, key: Key) -> Vec<Vec<usize>> {
        if seen_anew {
            let pictures: Vec<usize> = self.all.iter().map(|(picture, _)| *picture).collect();
            return by_picture(&pictures, batch_size, key);
        }
        bucketed_batches(&self.lengths(), batch_size, key)
    }

    /// All of them in batches of like lengths.
    pub(super) fn like_lengths(&self, batch_size: usize) -> Vec<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(self.all[i].1.len()));
        order.chunks(batch_size).map(<[usize]>::to_vec).collect()
    }

    /// A batch of these captions; with a key pictures are changed at random.
    pub(super) fn batch(
        &self,
        numbers: &[usize],
        gallery: &Gallery,
        key: Option<Key>,
    ) -> Result<Batch> {
        let bounded = |&i: &usize| {
            let words = self.all[i].1.iter().copied();
            let ends = std::iter::once(BOUNDARY);
            ends.clone().chain(words).chain(ends).collect::<Vec<u32>>()
        };
        let bounded: Vec<Vec<u32>> = numbers.iter().map(bounded).collect();
        let read: Vec<&[u32]> = bounded
            .iter()
            .map(|words| &words[..words.len() - 1])
            .collect();
        let next: Vec<&[u32]> = bounded.iter().map(|words| &words[1..]).collect();
        let Packed {
            items,
            sequences,
            order,
        } = pack(&read);
        let pictures = order.iter().map(|&place| self.all[numbers[place]].0);
        let (shown, pictures) = each_once(&pictures.collect::<Vec<_>>());
        Ok(Batch {
            sight: gallery.look(&shown, key)?,
            pictures,
            words: items,
            next: pack(&next).items,
            sequences,
        })
    }
}
