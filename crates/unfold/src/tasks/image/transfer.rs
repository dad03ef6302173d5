//! Beginning with a network that was trained before.

use std::path::{Path, PathBuf};

use super::config::{LayersConfig, ModelConfig};
use super::model::{Card, ImageModel};
use super::recipe::{ImageRecipe, InputConfig};
use crate::data::{Fit, Normalise, PictureForm, PictureSource};
use crate::error::{Error, Result};
use crate::nn::network::{LayerConfig, LayerKind, Parts, pytorch_channels};
use crate::tasks::files::{self, Card as _};

/// The channels of the pictures that published networks take.
const PUBLISHED_CHANNELS: usize = 3;

/// A network to begin with.
pub(super) enum Start {
    /// A model of this program.
    Model(Box<ImageModel>),
    /// The weights of a network as PyTorch names them, and the form in which it takes pictures.
    PyTorch(PathBuf, PictureForm),
}

impl Start {
    /// Reads the model of a run, or finds weights of PyTorch, of the network `kind`.
    pub(super) fn read(path: &Path, kind: &ModelConfig, input: &InputConfig) -> Result<Start> {
        if path.is_file() && !files::is_model(path) {
            let form = published_form(path, kind, input)?;
            return Ok(Start::PyTorch(path.to_path_buf(), form));
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
            Start::PyTorch(..) => recipe.model.clone(),
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
        let form = self.taken();
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
        let own = self.taken().clone();
        let [height, width] = input.size.unwrap_or([own.height, own.width]);
        PictureForm {
            height,
            width,
            ..own
        }
    }

    /// The form in which it takes pictures.
    fn taken(&self) -> &PictureForm {
        match self {
            Start::Model(model) => &model.card.form,
            Start::PyTorch(_, form) => form,
        }
    }

    /// A new model that sees pictures as the old one does, with its parameters but for those of the last layer, which is
    /// for the labels of `card`. What is to be known of it is added to `notes`.
    pub(super) fn with_labels(
        &self,
        card: Card,
        kind: &ModelConfig,
        notes: &mut Vec<String>,
    ) -> Result<ImageModel> {
        let old = match self {
            Start::Model(model) => model,
            Start::PyTorch(path, form) => {
                // None is published for grey pictures: those of the data are as good as any.
                let normalise = match form.channels {
                    PUBLISHED_CHANNELS => kind.published_normalise(),
                    _ => card.normalise.clone(),
                };
                let (model, passed) = read(path, Card { normalise, ..card }, Parts::Features)?;
                if !passed.is_empty() {
                    notes.push(format!(
                        "{}: passed over `{}`: the last layer is a new one",
                        path.display(),
                        passed.join("`, `")
                    ));
                }
                return Ok(model);
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
        let start = Start::read(path, kind, input)?;
        start.check_input(input, "encoder.")?;
        match start {
            Start::Model(model) => {
                if kind != usual {
                    model.kind(kind, "encoder.network")?;
                }
                Ok(*model)
            }
            Start::PyTorch(path, form) => {
                let card = published_card(kind, form, vec![String::new()]);
                Ok(read(&path, card, Parts::Features)?.0)
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
    let form = published_form(path, kind, &InputConfig::default())?;
    Ok(read(path, published_card(kind, form, labels), Parts::All)?.0)
}

fn published_card(kind: &ModelConfig, form: PictureForm, labels: Vec<String>) -> Card {
    let colours = kind.published_normalise();
    let mean = |values: &[f32]| vec![values.iter().sum::<f32>() / values.len() as f32];
    Card {
        format: Card::FORMAT,
        task: Card::TASK.into(),
        layers: kind.layers([form.height, form.width], labels.len()),
        labels,
        normalise: match form.channels {
            PUBLISHED_CHANNELS => colours,
            _ => Normalise {
                mean: mean(&colours.mean),
                std: mean(&colours.std),
            },
        },
        form,
        flip: false,
        shift: 0,
        source: PictureSource::default(),
        seed: 0,
        trained_on: 0,
    }
}

/// The model of `card` with the weights of a file, and the names of those that were passed over.
fn read(path: &Path, card: Card, parts: Parts) -> Result<(ImageModel, Vec<String>)> {
    let mut model = ImageModel::new(card)?;
    let network = model.network.clone();
    let passed = network.read_pytorch(&mut model.params, path, parts)?;
    Ok((model, passed))
}

/// The form in which the network `kind` takes pictures whose weights PyTorch stored at `path`, as far as that is to be seen there, and
/// else as asked for or as usual.
fn published_form(path: &Path, kind: &ModelConfig, input: &InputConfig) -> Result<PictureForm> {
    let [height, width] = input.size.unwrap_or([kind.published_side(); 2]);
    let channels = pytorch_channels(&kind.layers([height, width], 1), path)?;
    // A file with other channels than pictures have is not of this network, which is told with all that does not fit.
    let channels = channels.filter(|channels| [1, PUBLISHED_CHANNELS].contains(channels));
    Ok(PictureForm {
        height,
        width,
        channels: channels.or(input.channels).unwrap_or(PUBLISHED_CHANNELS),
        fit: input.fit,
    })
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
