//! Beginning with a network that was trained before.

use std::path::{Path, PathBuf};

use super::config::ModelConfig;
use super::model::{Card, ImageModel};
use super::recipe::InputConfig;
use crate::data::{PictureForm, PictureSource};
use crate::error::{Error, Result};
use crate::nn::network::{LayerConfig, LayerKind, Parts};
use crate::tasks::files::{self, Card as _};

/// The side of the pictures that published networks take.
const PUBLISHED_SIDE: usize = 224;

/// A network to begin with.
pub(super) enum Start {
    /// A model of this program.
    Model(Box<ImageModel>),
    /// The weights of a network as PyTorch names them.
    PyTorch(PathBuf),
}

impl Start {
    /// Reads the model of a run, or finds weights of PyTorch.
    pub(super) fn read(path: &Path) -> Result<Start> {
        if path.is_file() && !files::is_model(path) {
            return Ok(Start::PyTorch(path.to_path_buf()));
        }
        Ok(Start::Model(Box::new(ImageModel::load(path)?)))
    }

    /// The form in which it takes pictures.
    pub(super) fn form(&self, input: &InputConfig) -> PictureForm {
        match self {
            Start::Model(model) => model.card.form.clone(),
            Start::PyTorch(_) => published_form(input),
        }
    }

    /// A new model that sees pictures as the old one does, with its parameters but for those of the last layer, which is
    /// for the labels of `card`.
    pub(super) fn with_labels(&self, card: Card, kind: &ModelConfig) -> Result<ImageModel> {
        let old = match self {
            Start::Model(model) => model,
            Start::PyTorch(path) => {
                let normalise = kind.published_normalise();
                return read(path, Card { normalise, ..card }, Parts::Features);
            }
        };
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
            let values = &old.params.values()[entry.range.clone()];
            new.params.get_mut(id).copy_from_slice(values);
        }
        Ok(new)
    }
}

impl ImageModel {
    /// A trained network to begin with: a run or its model, or PyTorch's weights of the network `kind`, whose last layer is
    /// then without meaning.
    pub(in crate::tasks) fn to_begin_with(
        path: &Path,
        kind: &ModelConfig,
        input: &InputConfig,
    ) -> Result<ImageModel> {
        match Start::read(path)? {
            Start::Model(model) => Ok(*model),
            Start::PyTorch(path) => {
                let card = published_card(kind, published_form(input), vec![String::new()]);
                read(&path, card, Parts::Features)
            }
        }
    }
}

/// A model of the network `kind` with the weights that PyTorch stored in a safetensors file at `path`, which answers with
/// `labels`.
///
/// # Errors
/// When the file cannot be read, or is of another network.
pub fn import(path: &Path, kind: &ModelConfig, labels: Vec<String>) -> Result<ImageModel> {
    let form = published_form(&InputConfig::default());
    read(path, published_card(kind, form, labels), Parts::All)
}

fn published_card(kind: &ModelConfig, form: PictureForm, labels: Vec<String>) -> Card {
    Card {
        format: Card::FORMAT,
        task: Card::TASK.into(),
        layers: kind.layers([form.height, form.width], labels.len()),
        labels,
        form,
        normalise: kind.published_normalise(),
        flip: false,
        shift: 0,
        source: PictureSource::default(),
        seed: 0,
        trained_on: 0,
    }
}

fn read(path: &Path, card: Card, parts: Parts) -> Result<ImageModel> {
    let mut model = ImageModel::new(card)?;
    let network = model.network.clone();
    network.read_pytorch(&mut model.params, path, parts)?;
    Ok(model)
}

fn published_form(input: &InputConfig) -> PictureForm {
    let [height, width] = input.size.unwrap_or([PUBLISHED_SIDE; 2]);
    PictureForm {
        height,
        width,
        channels: 3,
        fit: input.fit,
    }
}

/// Lets the last fully connected layer put out so many classes.
fn set_classes(layers: &mut [LayerConfig], classes: usize) -> Result<()> {
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
