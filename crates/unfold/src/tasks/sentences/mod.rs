//! Captions as numbers, and batches of them with their pictures: what models that write captions and models that compare
//! them with pictures are given.

mod config;
mod parts;

pub use config::WordConfig;
pub(super) use parts::{Part, Parts, Preparation, held_out};

use crate::data::{CaptionSet, Vocabulary, bucketed_batches, caption_words};
use crate::error::Result;
use crate::ragged::{Packed, Ragged, pack};
use crate::random::{Key, Moment};
use crate::tasks::encoder::{Gallery, Sight, by_picture, each_once};
use crate::tasks::words;

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

/// The words met at least so often in the captions of a set.
///
/// # Errors
/// When there is none.
pub(super) fn vocabulary(set: &CaptionSet, min_count: usize) -> Result<Vocabulary> {
    let captions = set.captions.iter().flatten();
    words::vocabulary(captions.map(|caption| caption_words(caption)), min_count)
}

/// The words of a caption as numbers, cut to the longest one; never empty where the caption is not.
pub(super) fn encode(words: &Vocabulary, caption: &str, max_length: usize) -> Vec<u32> {
    let number = |word: &String| words.id(word).unwrap_or(UNKNOWN);
    let all = caption_words(caption);
    all.iter().take(max_length).map(number).collect()
}

/// Some captions, longest first, time by time, each with its picture.
pub(super) struct Pairs {
    /// What the network gets of their pictures, in the order of the captions.
    pub(super) sight: Sight,
    /// The words, `[N]`.
    pub(super) words: Vec<u32>,
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
    pub(super) fn order(&self, batch_size: usize, together: bool, key: Key) -> Vec<Vec<usize>> {
        if together {
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

    /// Batches of one epoch in each of which every picture is once: one caption of each picture, then another one.
    pub(super) fn rounds(&self, batch_size: usize, key: Key) -> Vec<Vec<usize>> {
        let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
        for (i, (picture, _)) in self.all.iter().enumerate() {
            match groups.last_mut() {
                Some((last, group)) if last == picture => group.push(i),
                _ => groups.push((*picture, vec![i])),
            }
        }
        let longest = groups.iter().map(|(_, group)| group.len()).max();
        let orders: Vec<Vec<usize>> = groups
            .iter()
            .map(|(picture, group)| key.child(*picture as u64).permutation(group.len()))
            .collect();
        let mut batches = Vec::new();
        for round in 0..longest.unwrap_or(0) {
            let taken = |group: usize| Some(groups[group].1[*orders[group].get(round)?]);
            let order = key
                .named("round")
                .child(round as u64)
                .permutation(groups.len());
            let row: Vec<usize> = order.into_iter().filter_map(taken).collect();
            batches.extend(row.chunks(batch_size).map(<[usize]>::to_vec));
        }
        batches
    }

    /// These captions with their pictures; while training pictures are changed at random.
    pub(super) fn pairs(
        &self,
        numbers: &[usize],
        gallery: &Gallery,
        moment: Option<Moment>,
    ) -> Result<Pairs> {
        let words: Vec<&[u32]> = numbers.iter().map(|&i| &self.all[i].1[..]).collect();
        let Packed {
            items,
            sequences,
            order,
        } = pack(&words);
        let pictures = order.iter().map(|&place| self.all[numbers[place]].0);
        Ok(Pairs {
            sight: gallery.look(&pictures.collect::<Vec<_>>(), moment)?,
            words: items,
            sequences,
        })
    }

    /// A batch of these captions; while training pictures are changed at random.
    pub(super) fn batch(
        &self,
        numbers: &[usize],
        gallery: &Gallery,
        moment: Option<Moment>,
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
            sight: gallery.look(&shown, moment)?,
            pictures,
            words: items,
            next: pack(&next).items,
            sequences,
        })
    }
}
