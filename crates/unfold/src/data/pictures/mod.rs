//! Pictures: from files to batches of pixels.
//!
//! [`read_pictures`] finds pictures and their classes, an [`Album`] decodes them, and a [`Batcher`] changes them at
//! random and makes tensors of them.

mod album;
mod augment;
mod batch;
mod decode;
mod files;
mod form;
mod idx_files;
mod jpeg;
mod layout;
mod names;
mod normalise;
mod packed;
mod picture;
mod read;
mod set;
mod source;
mod tables;
#[cfg(test)]
mod testing;

pub use album::{Album, AlbumConfig};
pub use augment::{
    AugmentConfig, Border, Erase, Flip, Mixed, RandAugment, ResizedCrop, cut_mix, mix_up,
};
pub use batch::{Batcher, PictureBatch};
pub use decode::{MOST_PIXELS, decode};
pub use files::PictureFiles;
pub(super) use files::{LookedUp, is_picture};
pub use form::{Fit, PictureForm};
pub use normalise::Normalise;
pub use picture::Picture;
pub use read::{PictureData, PictureSplit, read_pictures, read_pictures_split};
pub use set::{Damage, PictureSet, Survey};
pub(super) use set::{note_damage, refuse_damage};
pub use source::PictureSource;
