//! A convolutional network as a module of bigger ones: pictures in, features out.
//!
//! An encoder that learns is part of the task's parameters. One that does not has its own, and what it makes of pictures is
//! computed once and kept in a file. A gallery hands out either the pictures or their features.

mod cache;
mod config;
mod gallery;

use std::path::{Path, PathBuf};

use half::bf16;
use serde::{Deserialize, Serialize};

pub use config::{EncoderConfig, Features};
pub(super) use gallery::{Gallery, Sight, by_picture, each_once};

use super::files::{hash, mix};
use super::image::{ImageModel, ModelConfig};
use crate::data::{Album, AlbumConfig, AugmentConfig, Normalise, Picture, PictureForm, PictureSet};
use crate::error::{Error, Result};
use crate::nn::network::{FrozenNetwork, LayerConfig, Network, Outline, without_head};
use crate::nn::{Params, Pass};
use crate::tensor::Tensor;
use crate::train::Observer;

/// Pictures over which mean and deviation are taken, at most.
const NORMALISED_OVER: usize = 2_000;
/// The scope of its parameters.
const SCOPE: &str = "encoder";

/// What a model file says of its encoder besides the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct EncoderCard {
    pub(super) form: PictureForm,
    pub(super) normalise: Normalise,
    pub(super) layers: Vec<LayerConfig>,
    pub(super) features: Features,
    /// Whether it learned with the rest of the model.
    pub(super) learned: bool,
}

impl EncoderCard {
    /// Checks that its numbers make sense.
    pub(super) fn check(&self) -> Result<()> {
        self.form.check("encoder.form")?;
        if !self.normalise.fits(self.form.channels) {
            return Err(Error::recipe("encoder", "its sizes cannot be meant", ""));
        }
        self.outline().map(drop)
    }

    fn outline(&self) -> Result<Outline> {
        let PictureForm {
            height,
            width,
            channels,
            ..
        } = self.form;
        Outline::new(&self.layers, [height, width, channels], "encoder.network")
    }
}

/// A network that sees.
pub(super) struct Encoder {
    card: EncoderCard,
    network: Network,
    /// Where it does not learn: its parameters. Else they are among the task's.
    own: Option<Params<f32>>,
    /// The folder in which its features are kept; the usual one when `None`.
    cache: Option<PathBuf>,
}

/// An encoder whose parameters no longer change.
pub(super) struct Looker<'e> {
    encoder: &'e Encoder,
    network: FrozenNetwork,
}

impl Encoder {
    /// The encoder that a recipe asks for, where one that names no network gets the `usual` one. Where it learns, its parameters
    /// are added to `params`.
    ///
    /// # Errors
    /// When what it is to begin with cannot be read or is not what the recipe says, or the network does not fit the pictures.
    pub(super) fn begin(
        config: &EncoderConfig,
        usual: &ModelConfig,
        features: Features,
        pictures: &PictureSet,
        seed: u64,
        params: &mut Params<f32>,
    ) -> Result<Encoder> {
        let (card, trained) = match &config.from {
            Some(path) => {
                let model = ImageModel::to_see_with(path, &config.network, usual, &config.input)?;
                let card = EncoderCard {
                    form: model.form().clone(),
                    normalise: model.normalise().clone(),
                    layers: without_head(model.layers()).to_vec(),
                    features,
                    learned: config.learns(),
                };
                (card, Some(model))
            }
            None => {
                let form = config.input.form(pictures)?;
                let measured = AlbumConfig {
                    memory: 0,
                    ..AlbumConfig::default()
                };
                let album = Album::open(pictures.clone(), &form, measured)?;
                let layers = config.network.layers([form.height, form.width], 1);
                let card = EncoderCard {
                    normalise: album.normalise(NORMALISED_OVER)?,
                    form,
                    layers: without_head(&layers).to_vec(),
                    features,
                    learned: config.learns(),
                };
                (card, None)
            }
        };
        let outline = card.outline()?;
        let mut own = (!config.learns()).then(|| Params::new(seed));
        let home = own.as_mut().unwrap_or(params);
        let network = Network::new(&mut home.scope(SCOPE), &outline);
        if let Some(model) = trained {
            let ids = home.entries().map(|entry| entry.name.clone());
            let inside: Vec<String> = ids.filter(|name| network.holds(name)).collect();
            for name in inside {
                let (id, old) = (home.id(&name), &name[SCOPE.len() + 1..]);
                let old = model.params().id(old);
                let (Some(id), Some(old)) = (id, old) else {
                    unreachable!("the same layers")
                };
                home.get_mut(id).copy_from_slice(model.params().get(old));
            }
        }
        let encoder = Encoder {
            card,
            network,
            own,
            cache: config.cache.clone(),
        };
        encoder.check()?;
        Ok(encoder)
    }

    /// The encoder of the model at `model`, a file or the folder of a run, with its parameters among `params`.
    ///
    /// # Errors
    /// When the network does not fit, or the run's recipe cannot be read.
    pub(super) fn restore(
        card: EncoderCard,
        model: &Path,
        params: &mut Params<f32>,
    ) -> Result<Encoder> {
        let outline = card.outline()?;
        let network = Network::new(&mut params.scope(SCOPE), &outline);
        let encoder = Encoder {
            card,
            network,
            own: None,
            cache: cache::folder_of_run(model)?,
        };
        encoder.check()?;
        Ok(encoder)
    }

    /// Refuses a network without a grid where one is needed.
    fn check(&self) -> Result<()> {
        let shape = self.layers().output();
        let fits = match self.card.features {
            Features::Vector => shape.rank() == 1,
            Features::Grid => shape.rank() == 3,
        };
        match fits {
            true => Ok(()),
            false => Err(Error::recipe(
                "encoder.network",
                format!("puts out {shape} for a picture, not what the model takes"),
                "choose one of convolutions, with pooling over the whole picture at its end",
            )),
        }
    }

    pub(super) fn card(&self) -> &EncoderCard {
        &self.card
    }

    /// What a picture's features are: how many places (1 for a vector), and how many channels each.
    pub(super) fn shape(&self) -> [usize; 2] {
        let shape = self.layers().output();
        [shape.len() / shape.last().max(1), shape.last()]
    }

    /// Rows and columns of places, where there is a grid of them.
    pub(super) fn grid(&self) -> Option<[usize; 2]> {
        match *self.layers().output().dims() {
            [h, w, _] => Some([h, w]),
            _ => None,
        }
    }

    /// The layers that see.
    fn layers(&self) -> Network {
        match self.card.features {
            Features::Vector => self.network.clone(),
            Features::Grid => self.network.grid(),
        }
    }

    /// The features `[B, C]` or `[B, L, C]` of what a [`Gallery`] gave.
    pub(super) fn see(&self, pass: &Pass<f32>, sight: &Sight) -> Tensor {
        match sight {
            Sight::Features(features) => features.clone(),
            Sight::Pixels(pixels) => self.shaped(self.layers().forward(pass, pixels)),
        }
    }

    /// `[B, H, W, C]` as `[B, L, C]`.
    fn shaped(&self, y: Tensor) -> Tensor {
        match *y.dims() {
            [b, h, w, c] => y.reshape([b, h * w, c]),
            _ => y,
        }
    }

    /// A picture in the network's form, normalised, `[1, H, W, C]`.
    fn pixels(&self, picture: &Picture) -> Tensor {
        let card = &self.card;
        let fitted = card.form.apply(picture);
        let mut values = vec![0.0; fitted.pixels.len()];
        card.normalise.apply(&fitted.pixels, &mut values);
        let PictureForm {
            height,
            width,
            channels,
            ..
        } = card.form;
        Tensor::from_vec(values, [1, height, width, channels])
    }

    /// What a [`Gallery`] of this encoder would give of a picture.
    pub(super) fn sight(&self, params: &Params<f32>, picture: &Picture) -> Sight {
        match self.card.learned {
            true => Sight::Pixels(self.pixels(picture)),
            false => Sight::Features(self.looker(params).look(picture)),
        }
    }

    /// The encoder as its parameters are, which are its own or among `params`.
    pub(super) fn looker(&self, params: &Params<f32>) -> Looker<'_> {
        let params = self.own.as_ref().unwrap_or(params);
        Looker {
            encoder: self,
            network: self.layers().frozen(params),
        }
    }

    /// Its own parameters, where it does not learn: what a model file holds besides the task's.
    pub(super) fn own(&self) -> Option<&Params<f32>> {
        self.own.as_ref()
    }

    /// Pictures to be seen as they are. What an encoder that did not learn makes of them is kept in a file, in the folder that
    /// the recipe names or in the usual one.
    ///
    /// # Errors
    /// When none can be read, one cannot and `strict` holds, or the file cannot be written.
    pub(super) fn gallery(
        &self,
        params: &Params<f32>,
        pictures: PictureSet,
        strict: bool,
        observer: &mut dyn Observer,
    ) -> Result<Gallery> {
        match self.card.learned {
            true => Gallery::of_pixels(self, pictures, AugmentConfig::default(), strict),
            false => Gallery::of_features(self, params, pictures, strict, observer),
        }
    }

    /// A number that changes with everything that its features depend on but the picture.
    fn fingerprint(&self, params: &Params<f32>) -> u64 {
        let params = self.own.as_ref().unwrap_or(params);
        let card = serde_json::to_vec(&self.card).expect("a card is plain data");
        let entries = params.entries().filter(|e| self.network.holds(&e.name));
        entries.fold(hash(&card), |state, entry| {
            let values = &params.values()[entry.range.clone()];
            let bits = values.iter().flat_map(|value| value.to_le_bytes());
            mix(state, &bits.collect::<Vec<u8>>())
        })
    }
}

/// What `[P, ..]` is about each of P pictures, for examples about the pictures of these numbers: `[B, ..]`.
pub(super) fn spread(each: &Tensor, pictures: &[u32]) -> Tensor {
    let mut dims = each.dims().to_vec();
    let rows = each.reshape([dims[0], each.len() / dims[0].max(1)]);
    dims[0] = pictures.len();
    rows.gather(pictures).reshape(&dims[..])
}

impl Looker<'_> {
    /// The features of some pictures in the network's form, normalised, `[B, H, W, C]`: `[B, C]` or `[B, L, C]`, rounded as
    /// the cache holds them.
    fn features(&self, pixels: &Tensor) -> Tensor {
        let y = self.encoder.shaped(self.network.forward(pixels));
        let rounded = y.data().iter().map(|&x| bf16::from_f32(x).to_f32());
        Tensor::from_vec(rounded.collect(), y.dims())
    }

    /// The features of one picture, `[1, C]` or `[1, L, C]`.
    pub(super) fn look(&self, picture: &Picture) -> Tensor {
        self.features(&self.encoder.pixels(picture))
    }
}
