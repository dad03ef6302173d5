//! Beginning with a network that was trained before.

use std::path::Path;

use super::model::{Card, ImageModel};
use crate::data::PictureForm;
use crate::error::{Error, Result};
use crate::nn::network::{LayerConfig, LayerKind};

/// A network to begin with.
pub(super) struct Start {
    model: ImageModel,
}

impl Start {
    /// Reads the model of a run.
    pub(super) fn read(path: &Path) -> Result<Start> {
        Ok(Start {
            model: ImageModel::load(path)?,
        })
    }

    /// The form in which it takes pictures.
    pub(super) fn form(&self) -> PictureForm {
        self.model.card.form.clone()
    }

    /// A new model that sees pictures as the old one does, with its parameters but for those of the last layer, which is
    /// for the labels of `card`.
    pub(super) fn with_labels(&self, card: Card) -> Result<ImageModel> {
        let old = &self.model;
        let mut layers = old.card.layers.clone();
        set_classes(&mut layers, card.labels.len())?;
        let mut new = ImageModel::new(Card {
            form: old.card.form.clone(),
            normalise: old.card.normalise.clone(),
            layers,
            ..card
        })?;
        let head = new.network.head();
        for entry in old
            .params
            .entries()
            .filter(|entry| !head.holds(&entry.name))
        {
            let id = new.params.id(&entry.name).expect("the same layers");
            new.params
                .get_mut(id)
                .copy_from_slice(&old.params.values()[entry.range.clone()]);
        }
        Ok(new)
    }
}

/// Lets the last fully connected layer put out so many classes.
pub(super) fn set_classes(layers: &mut [LayerConfig], classes: usize) -> Result<()> {
    for layer in layers.iter_mut().rev() {
        if let LayerKind::Linear(linear) = &mut layer.kind {
            linear.size = classes;
            return Ok(());
        }
    }
    Err(Error::model(
        "parameters.from",
        "the network has no fully connected layer at its end",
        "begin with another one",
    ))
}
