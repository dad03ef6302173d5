//! Beginning with a network that was trained before.

use std::path::{Path, PathBuf};

use super::config::{LayersConfig, ModelConfig};
use super::model::{Card, ImageModel};
use super::recipe::{ImageRecipe, InputConfig};
use crate::data::{Fit, PictureForm, PictureSource};
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

    /// The recipe with what the network decides in it: how it takes pictures and, where it is a model of this program, its
    /// layers.
    ///
    /// # Errors
    /// When the recipe says otherwise.
    pub(super) fn resolve(&self, recipe: &ImageRecipe) -> Result<ImageRecipe> {
        // Whether its layers take pictures of another size shows when they are made.
        let input = InputConfig {
            size: None,
            ..recipe.input.clone()
        };
        self.check_input(&input, "")?;
        let form = self.form(&recipe.input);
        let model = match self {
            Start::Model(model) => model.kind(&recipe.model, "model")?,
            Start::PyTorch(_) => recipe.model.clone(),
        };
        Ok(ImageRecipe {
            input: InputConfig {
                size: Some([form.height, form.width]),
                channels: Some(form.channels),
                fit: form.fit,
            },
            model,
            ..recipe.clone()
        })
    }

    /// Refuses a recipe whose `input` says otherwise than the network how it takes pictures. The key stands in `table`.
    fn check_input(&self, input: &InputConfig, table: &str) -> Result<()> {
        let form = self.taken(input);
        let InputConfig {
            size,
            channels,
            fit,
        } = *input;
        let taken = [form.height, form.width];
        if let Some(size) = size.filter(|size| *size != taken) {
            return Err(decided(
                &format!("{table}input.size"),
                format!("is {size:?}"),
                format!("{taken:?}"),
            ));
        }
        if let Some(channels) = channels.filter(|channels| *channels != form.channels) {
            return Err(decided(
                &format!("{table}input.channels"),
                format!("is {channels}"),
                form.channels.to_string(),
            ));
        }
        if fit != Fit::default() && fit != form.fit {
            return Err(decided(
                &format!("{table}input.fit"),
                format!("is {fit:?}").to_lowercase(),
                format!("{:?}", form.fit).to_lowercase(),
            ));
        }
        Ok(())
    }

    /// The form in which it is to take pictures: its own, but of the size that is asked for.
    pub(super) fn form(&self, input: &InputConfig) -> PictureForm {
        let own = self.taken(input);
        let [height, width] = input.size.unwrap_or([own.height, own.width]);
        PictureForm {
            height,
            width,
            ..own
        }
    }

    /// The form in which it takes pictures.
    fn taken(&self, input: &InputConfig) -> PictureForm {
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
        let form = &card.form;
        let (asked, taken) = ([form.height, form.width], &old.card.form);
        let taken = [taken.height, taken.width];
        let unfit = || decided("input.size", format!("is {asked:?}"), format!("{taken:?}"));
        let mut new = ImageModel::new(Card {
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
            if new.params.entry(id).shape != entry.shape {
                return Err(unfit());
            }
            let values = &old.params.values()[entry.range.clone()];
            new.params.get_mut(id).copy_from_slice(values);
        }
        Ok(new)
    }
}

/// The error that a recipe says other than what a network to begin with decides.
fn decided(key: &str, problem: String, taken: String) -> Error {
    let remedy = "leave it out: the network and its input come from the model that training begins with (`from`, --from)";
    Error::recipe(key, format!("{problem}, not {taken}"), remedy)
}

impl ImageModel {
    /// What a recipe says of this network: what `asked` does, if that gives these layers, else the layers.
    ///
    /// # Errors
    /// When the recipe asks for another network, at `key`.
    fn kind(&self, asked: &ModelConfig, key: &str) -> Result<ModelConfig> {
        let PictureForm { height, width, .. } = self.card.form;
        let Some(own) = LayersConfig::of(&self.card.layers) else {
            return Err(no_head());
        };
        let layers = asked.layers([height, width], self.card.labels.len());
        if LayersConfig::of(&layers).as_ref() == Some(&own) {
            return Ok(asked.clone());
        }
        match *asked == ModelConfig::default() {
            true => Ok(ModelConfig::Layers(own)),
            false => {
                let problem = "is another network".to_owned();
                Err(decided(key, problem, "that of the model".to_owned()))
            }
        }
    }

    /// A trained network to see with, of a recipe's table `encoder`: a run or its model, or PyTorch's weights of the network
    /// `kind`, whose last layer is then without meaning. `usual` is the network where the recipe names none.
    ///
    /// # Errors
    /// When it cannot be read, or the recipe says otherwise of its layers or of how it takes pictures.
    pub(in crate::tasks) fn to_see_with(
        path: &Path,
        kind: &ModelConfig,
        usual: &ModelConfig,
        input: &InputConfig,
    ) -> Result<ImageModel> {
        let start = Start::read(path)?;
        start.check_input(input, "encoder.")?;
        match start {
            Start::Model(model) => {
                if kind != usual {
                    model.kind(kind, "encoder.network")?;
                }
                Ok(*model)
            }
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
    Err(no_head())
}

fn no_head() -> Error {
    Error::model(
        "parameters.from",
        "the network has no fully connected layer at its end",
        "begin with another one",
    )
}
