//! The parts of captioned data, as a model sees and reads them.

use std::path::Path;

use super::{Sentences, encode};
use crate::data::{
    AugmentConfig, CaptionData, CaptionSet, CaptionSource, CaptionSplit, Damage, Vocabulary,
    read_captions, read_captions_split,
};
use crate::error::Result;
use crate::nn::Params;
use crate::tasks::damage::damage_notes;
use crate::tasks::encoder::{Encoder, Gallery};
use crate::train::Observer;

/// Captioned pictures, seen and read.
pub(in crate::tasks) struct Part {
    pub(in crate::tasks) set: CaptionSet,
    pub(in crate::tasks) gallery: Gallery,
    /// The captions of the pictures that can be seen.
    pub(in crate::tasks) sentences: Sentences,
}

/// All parts of the data for a training.
pub(in crate::tasks) struct Parts {
    pub(in crate::tasks) train: Part,
    pub(in crate::tasks) valid: Option<Part>,
    pub(in crate::tasks) test: Option<Part>,
    /// What was done to the data, as sentences for a person to read.
    pub(in crate::tasks) notes: Vec<String>,
    /// Pictures of all parts that cannot be read.
    pub(in crate::tasks) damaged: Vec<Damage>,
}

/// How pictures are seen and captions are read.
pub(in crate::tasks) struct Preparation<'a> {
    pub(in crate::tasks) encoder: &'a Encoder,
    pub(in crate::tasks) params: &'a Params<f32>,
    /// Whether a picture that cannot be read is an error.
    pub(in crate::tasks) strict: bool,
    pub(in crate::tasks) words: &'a Vocabulary,
    pub(in crate::tasks) max_length: usize,
}

impl Preparation<'_> {
    /// A part to be seen as it is.
    ///
    /// # Errors
    /// Those of [`Encoder::gallery`].
    pub(in crate::tasks) fn part(
        &self,
        set: CaptionSet,
        observer: &mut dyn Observer,
    ) -> Result<Part> {
        let pictures = set.pictures.clone();
        let gallery = self
            .encoder
            .gallery(self.params, pictures, self.strict, observer)?;
        Ok(self.read(set, gallery))
    }

    /// All parts. Where the encoder learns, training pictures are changed at random as `augment` says.
    ///
    /// # Errors
    /// Those of [`Encoder::gallery`].
    pub(in crate::tasks) fn parts(
        &self,
        data: CaptionData,
        augment: &AugmentConfig,
        observer: &mut dyn Observer,
    ) -> Result<Parts> {
        let CaptionData {
            train,
            valid,
            test,
            mut notes,
            damaged: mut lost,
        } = data;
        notes.extend(damage_notes(&lost, "the data"));
        let mut note = |part: &Part, name: &str| {
            let damaged: Vec<_> = part.gallery.damaged().cloned().collect();
            notes.extend(damage_notes(&damaged, &format!("the {name} part")));
            lost.extend(damaged);
            let (captions, gallery) = (part.set.captions.iter().enumerate(), &part.gallery);
            let shown = captions.filter(|(picture, _)| gallery.shows(*picture));
            let given: usize = shown.map(|(_, captions)| captions.len()).sum();
            match given - part.sentences.len() {
                0 => {}
                wordless => notes.push(format!(
                    "of the captions of the {name} part {wordless} without a word left out"
                )),
            }
        };
        let train = match self.encoder.card().learned {
            true => {
                let (pictures, augment) = (train.pictures.clone(), augment.clone());
                let gallery = Gallery::of_pixels(self.encoder, pictures, augment, self.strict)?;
                self.read(train, gallery)
            }
            false => self.part(train, observer)?,
        };
        note(&train, "training");
        let valid = valid.map(|set| self.part(set, observer)).transpose()?;
        valid.iter().for_each(|part| note(part, "validation"));
        let test = test.map(|set| self.part(set, observer)).transpose()?;
        test.iter().for_each(|part| note(part, "test"));
        Ok(Parts {
            train,
            valid,
            test,
            notes,
            damaged: lost,
        })
    }

    fn read(&self, set: CaptionSet, gallery: Gallery) -> Part {
        let encode = |caption: &str| encode(self.words, caption, self.max_length);
        Part {
            sentences: Sentences::of(&set, &gallery, encode),
            set,
            gallery,
        }
    }
}

/// What a model that was trained on pictures of this fingerprint is measured on, and what that is called: the test split that
/// the training would use where `data` is the very data that it was trained on, else the test part of the data, or all of it.
/// `observer` is told what was done to the data. Gives also the pictures whose first bytes are no picture's.
///
/// # Errors
/// When the data cannot be read.
pub(in crate::tasks) fn held_out(
    data: &Path,
    source: &CaptionSource,
    seed: u64,
    trained_on: u64,
    observer: &mut dyn Observer,
) -> Result<(&'static str, CaptionSet, Vec<Damage>)> {
    let (split, found) = match read_captions(data, source, seed) {
        Ok(CaptionData {
            train,
            test: Some(set),
            notes,
            damaged,
            ..
        }) if train.pictures.fingerprint() == trained_on => (
            "test",
            CaptionSplit {
                set,
                notes,
                damaged,
            },
        ),
        _ => ("given", read_captions_split(data, source)?),
    };
    found.notes.iter().for_each(|note| observer.note(note));
    Ok((split, found.set, found.damaged))
}
