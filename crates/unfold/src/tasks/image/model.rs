//! A trained image classifier: its file, its answers.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::data::{
    Album, AlbumConfig, AugmentConfig, Batcher, Border, Damage, Normalise, Picture, PictureForm,
    PictureSet, PictureSource, PictureSplit, read_pictures, read_pictures_split,
};
use crate::error::{Error, Result};
use crate::metrics::Confusion;
use crate::nn::Params;
use crate::nn::network::{FrozenNetwork, LayerConfig, Network, Outline};
use crate::tasks::files::{self, Card as _};
use crate::tasks::prediction::{Prediction, best, mean_loss};
use crate::tasks::spelling;
use crate::tensor::Tensor;
use crate::tensors;
use crate::train::{Evaluation, Observer, Stage};

/// Pictures that go through the network together when nothing is trained.
const EVALUATION_BATCH: usize = 64;

/// An image classifier with everything it needs: labels, the form of its pictures, layers, weights.
pub struct ImageModel {
    pub(super) card: Card,
    pub(super) params: Params<f32>,
    pub(super) network: Network,
    outline: Outline,
}

/// What a model file says of itself besides the weights.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Card {
    pub(super) format: u32,
    pub(super) task: String,
    pub(super) labels: Vec<String>,
    pub(super) form: PictureForm,
    pub(super) normalise: Normalise,
    pub(super) layers: Vec<LayerConfig>,
    /// Whether a picture and its mirror image answer together.
    pub(super) flip: bool,
    /// By how many pixels a picture is also moved to answer together with where it was.
    #[serde(default)]
    pub(super) shift: usize,
    pub(super) source: PictureSource,
    /// The seed of the split and of the initial values.
    pub(super) seed: u64,
    /// [`PictureSet::fingerprint`] of the training pictures.
    pub(super) trained_on: u64,
}

impl files::Card for Card {
    const TASK: &'static str = "image";
    const FORMAT: u32 = 1;

    fn task(&self) -> &str {
        &self.task
    }

    fn format(&self) -> u32 {
        self.format
    }

    fn check(&self) -> Result<()> {
        self.form.check("form")?;
        let shorter = self.form.height.min(self.form.width);
        if !self.normalise.fits(self.form.channels)
            || self.labels.is_empty()
            || self.shift >= shorter.max(1)
        {
            return Err(Error::recipe("model", "its sizes cannot be meant", ""));
        }
        let outline = outline(self)?;
        match outline.output().dims() {
            [classes] if *classes == self.labels.len() => Ok(()),
            _ => Err(Error::recipe(
                "model",
                "it has no output for each label",
                "",
            )),
        }
    }
}

/// The shapes of a model's layers.
fn outline(card: &Card) -> Result<Outline> {
    let PictureForm {
        height,
        width,
        channels,
        ..
    } = card.form;
    Outline::new(&card.layers, [height, width, channels], "model.layers")
}

/// How good a classifier is on one split.
#[derive(Clone, Debug, Serialize)]
pub struct ImageReport {
    /// `image`.
    pub task: &'static str,
    /// What was measured: `test`, `valid` or `train`, the split of the training data; `given`, other data.
    pub split: String,
    /// The share of right answers, 0..=1.
    pub accuracy: f64,
    /// The plain mean of the classes' F1, 0..=1.
    pub macro_f1: f64,
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// How many pictures were measured.
    pub examples: usize,
    /// Pictures that could not be read, after a training those of all parts: where each is and what is wrong with it.
    pub damaged: Vec<String>,
    /// Seconds: of training and testing, or of testing alone.
    pub seconds: f64,
    /// The share of the time of training steps in which they waited for pictures, 0..=1; of a training alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_wait_share: Option<f64>,
    /// The labels in the order of the confusion matrix.
    pub labels: Vec<String>,
    /// `confusion[truth][answer]` counts pictures.
    pub confusion: Vec<Vec<u64>>,
    /// What leads to the first of the pictures, as [`PictureSet::address`] says, to try the model with.
    #[serde(skip)]
    pub first: Option<String>,
}

/// Where a model is wrong on some pictures.
#[derive(Clone, Debug)]
pub struct Mistakes {
    /// How many of them are answered wrongly.
    pub wrong: usize,
    /// How many pictures were answered.
    pub examples: usize,
    /// The surest of the wrong answers, the surest first.
    pub surest: Vec<Mistake>,
}

/// An answer that was wrong.
#[derive(Clone, Debug)]
pub struct Mistake {
    /// What leads to the picture, as [`PictureSet::address`] says.
    pub address: String,
    /// The picture as the network takes it.
    pub picture: Picture,
    /// Its label.
    pub truth: String,
    /// What the network says.
    pub prediction: Prediction,
}

impl ImageModel {
    /// A new classifier with initial weights.
    pub(super) fn new(card: Card) -> Result<ImageModel> {
        let outline = outline(&card)?;
        let mut params = Params::new(card.seed);
        let network = Network::new(&mut params.scope(""), &outline);
        Ok(ImageModel {
            card,
            params,
            network,
            outline,
        })
    }

    /// Reads a model: the file itself or the folder of a finished run.
    ///
    /// # Errors
    /// When there is none, or the file is damaged, of another task or of a newer version.
    pub fn load(path: &Path) -> Result<ImageModel> {
        let (file, card, stored) = files::load::<Card>(path)?;
        let outline = outline(&card)?;
        // Layers take their values from the file; what is not in it is never allocated.
        let mut params = Params::restoring(stored);
        let network = Network::new(&mut params.scope(""), &outline);
        params
            .restored()
            .map_err(|problem| files::damaged(&file, problem))?;
        Ok(ImageModel {
            card,
            params,
            network,
            outline,
        })
    }

    /// Writes the model to `path`, all or nothing.
    ///
    /// # Errors
    /// When the system cannot write; an earlier file is then untouched.
    pub fn save(&self, path: &Path) -> Result<()> {
        tensors::write(path, &self.card, files::tensors(&self.params))
    }

    /// The labels, in the order of the model's outputs.
    pub fn labels(&self) -> &[String] {
        &self.card.labels
    }

    /// The number of the output that stands for a label.
    ///
    /// # Errors
    /// When the model has no such label, with those that are spelled alike.
    pub fn class(&self, label: &str) -> Result<usize> {
        spelling::class(self.labels(), label)
    }

    /// The form in which the network takes pictures.
    pub fn form(&self) -> &PictureForm {
        &self.card.form
    }

    /// How the network's values follow from those of pictures.
    pub fn normalise(&self) -> &Normalise {
        &self.card.normalise
    }

    /// The layers that the network is made of.
    pub fn layers(&self) -> &[LayerConfig] {
        &self.card.layers
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Every layer's name, shapes and sizes.
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// The parameters.
    pub fn params(&self) -> &Params<f32> {
        &self.params
    }

    /// A picture as the network takes it: `[1, H, W, C]`.
    pub fn input(&self, picture: &Picture) -> Tensor {
        let PictureForm {
            height,
            width,
            channels,
            ..
        } = self.card.form;
        let fitted = self.card.form.apply(picture);
        let mut values = vec![0.0; fitted.pixels.len()];
        self.card.normalise.apply(&fitted.pixels, &mut values);
        Tensor::from_vec(values, [1, height, width, channels])
    }

    /// The model made ready for many answers.
    pub fn classifier(&self) -> ImageClassifier<'_> {
        self.classifier_with(&self.params)
    }

    fn classifier_with(&self, params: &Params<f32>) -> ImageClassifier<'_> {
        ImageClassifier {
            model: self,
            network: self.network.frozen(params),
        }
    }

    /// Loss and accuracy under the given parameters.
    pub(super) fn measure(&self, params: &Params<f32>, on: &Batcher) -> Result<Evaluation> {
        let classifier = self.classifier_with(params);
        let Scored { scores, truth, .. } = classifier.scores(on, &mut |_| {})?;
        let right = scores.iter().zip(&truth).filter(|(s, t)| best(s) == **t);
        Ok(Evaluation {
            accuracy: Some(right.count() as f64 / truth.len().max(1) as f64),
            loss: mean_loss(&scores, &truth),
        })
    }

    /// Measures the model on labelled pictures, read as the training data was: on its test split where it gives one; on
    /// the pictures held out in training where it is the very data that the model was trained on; else on all of it.
    ///
    /// `observer` is told how far it is.
    ///
    /// # Errors
    /// When the data cannot be read, or holds labels that the model does not know.
    pub fn evaluate(&self, data: &str, observer: &mut dyn Observer) -> Result<ImageReport> {
        let began = Instant::now();
        let (split, batcher, damaged) = self.held_out(data, observer)?;
        let mut report = self.report(&batcher, split, began, observer)?;
        let earlier = damaged.iter().map(Damage::to_string);
        report.damaged.splice(0..0, earlier);
        Ok(report)
    }

    /// The pictures of `data` on which the model gives wrong answers, `most` of them at most; chosen as for
    /// [`ImageModel::evaluate`].
    ///
    /// # Errors
    /// As there.
    pub fn mistakes(
        &self,
        data: &str,
        most: usize,
        observer: &mut dyn Observer,
    ) -> Result<Mistakes> {
        let (_, batcher, _) = self.held_out(data, observer)?;
        let scored = self.classifier().scores(&batcher, &mut |share| {
            observer.stage(Stage::Measuring, Some(share));
        })?;
        let wrong = |i: &usize| best(&scored.scores[*i]) != scored.truth[*i];
        let places = (0..scored.truth.len()).filter(wrong);
        let mut wrong: Vec<(usize, Prediction)> = places
            .map(|i| (i, Prediction::of(self.labels(), &scored.scores[i])))
            .collect();
        wrong.sort_by(|a, b| b.1.probability.total_cmp(&a.1.probability));
        let (count, examples) = (wrong.len(), scored.truth.len());
        wrong.truncate(most);
        let album = batcher.album();
        let surest: Result<Vec<Mistake>> = wrong
            .into_iter()
            .map(|(i, prediction)| {
                Ok(Mistake {
                    address: album.address(scored.pictures[i]),
                    picture: album.picture(scored.pictures[i])?,
                    truth: self.labels()[scored.truth[i]].clone(),
                    prediction,
                })
            })
            .collect();
        Ok(Mistakes {
            wrong: count,
            examples,
            surest: surest?,
        })
    }

    /// What to measure on, and what was left out of it before anything was decoded.
    fn held_out(
        &self,
        data: &str,
        observer: &mut dyn Observer,
    ) -> Result<(&'static str, Batcher, Vec<Damage>)> {
        observer.stage(Stage::Reading, None);
        let path = Path::new(data);
        // Other data may well hold one class alone, which training would refuse.
        if let Ok(pictures) = read_pictures(path, &self.card.source, self.card.seed)
            && pictures.labels == self.labels()
            && pictures.train.fingerprint() == self.card.trained_on
            && let Some(test) = pictures.test
        {
            return Ok(("test", self.batcher(test)?, pictures.damaged));
        }
        let PictureSplit { set, damaged, .. } =
            read_pictures_split(path, &self.card.source, self.labels())?;
        Ok(("given", self.batcher(set)?, damaged))
    }

    /// Pictures ready to be measured on.
    pub(super) fn batcher(&self, set: PictureSet) -> Result<Batcher> {
        let config = AlbumConfig {
            strict: self.card.source.strict,
            ..AlbumConfig::default()
        };
        let album = Album::open(set, &self.card.form, config)?;
        let normalise = self.card.normalise.clone();
        Batcher::new(album, normalise, AugmentConfig::default())
    }

    /// Measures the model on pictures.
    pub(super) fn report(
        &self,
        batcher: &Batcher,
        split: &str,
        began: Instant,
        observer: &mut dyn Observer,
    ) -> Result<ImageReport> {
        let mut watch = |share| observer.stage(Stage::Measuring, Some(share));
        let Scored {
            pictures,
            scores,
            truth,
        } = self.classifier().scores(batcher, &mut watch)?;
        let answers = scores.iter().map(|logits| best(logits));
        let pairs = truth.iter().copied().zip(answers);
        let confusion = Confusion::of(self.labels().len(), pairs);
        let classes = 0..confusion.classes();
        let row = |truth| -> Vec<u64> {
            let answers = classes.clone();
            answers
                .map(|answer| confusion.count(truth, answer))
                .collect()
        };
        Ok(ImageReport {
            task: Card::TASK,
            split: split.to_string(),
            accuracy: confusion.accuracy(),
            macro_f1: confusion.macro_f1(),
            loss: mean_loss(&scores, &truth),
            examples: truth.len(),
            damaged: batcher
                .album()
                .damaged()
                .iter()
                .map(Damage::to_string)
                .collect(),
            seconds: began.elapsed().as_secs_f64(),
            data_wait_share: None,
            labels: self.labels().to_vec(),
            confusion: classes.clone().map(row).collect(),
            first: pictures
                .first()
                .map(|&first| batcher.album().address(first)),
        })
    }
}

/// An [`ImageModel`] made ready for many answers: its convolutions are packed.
pub struct ImageClassifier<'m> {
    model: &'m ImageModel,
    network: FrozenNetwork<f32>,
}

/// Logits and labels of the pictures of an album.
pub(super) struct Scored {
    /// Which pictures of the album they are.
    pictures: Vec<usize>,
    scores: Vec<Vec<f32>>,
    truth: Vec<usize>,
}

impl ImageClassifier<'_> {
    /// Classifies pictures.
    pub fn classify(&self, pictures: &[Picture]) -> Vec<Prediction> {
        let answer = |picture: &Picture| {
            let logits = self.logits(&self.model.input(picture));
            Prediction::of(self.model.labels(), logits.data())
        };
        pictures.iter().map(answer).collect()
    }

    /// The logits `[B, V]` of normalised pictures `[B, H, W, C]`.
    pub fn logits(&self, x: &Tensor) -> Tensor {
        let in_place = self.mirrored_logits(x);
        let shift = self.model.card.shift as isize;
        if shift == 0 {
            return in_place;
        }
        let [before, after] = [shift, -shift].map(|by| self.mirrored_logits(&moved(x, by)));
        in_place
            .affine(0.5, 0.0)
            .add(&before.add(&after).affine(0.25, 0.0))
    }

    /// The logits of pictures as they lie, together with their mirror images' where the model says so.
    fn mirrored_logits(&self, x: &Tensor) -> Tensor {
        let logits = self.network.forward(x);
        match self.model.card.flip {
            true => logits
                .add(&self.network.forward(&mirrored(x)))
                .affine(0.5, 0.0),
            false => logits,
        }
    }

    /// The logits and labels of all pictures of a batcher that can be read. `watch` is told the share that is done.
    pub(super) fn scores(&self, batcher: &Batcher, watch: &mut dyn FnMut(f64)) -> Result<Scored> {
        let all: Vec<usize> = (0..batcher.album().len()).collect();
        let mut scored = Scored {
            pictures: Vec::new(),
            scores: Vec::new(),
            truth: Vec::new(),
        };
        for (i, some) in all.chunks(EVALUATION_BATCH).enumerate() {
            watch((i * EVALUATION_BATCH) as f64 / all.len() as f64);
            let batch = batcher.batch(some, None)?;
            if batch.labels.is_empty() {
                continue; // all of them damaged
            }
            let logits = self.logits(&batch.pixels);
            let rows = logits.data().chunks_exact(self.model.labels().len());
            scored.scores.extend(rows.map(<[f32]>::to_vec));
            let truth = batch.labels.iter().map(|&label| label as usize);
            scored.truth.extend(truth);
            scored.pictures.extend(batch.pictures);
        }
        Ok(scored)
    }
}

/// Each picture of `[B, H, W, C]` moved down and right by as many pixels, or up and left where `by` is negative; what
/// comes in is the reflection at its edge.
fn moved(x: &Tensor, by: isize) -> Tensor {
    let (h, w, c) = (x.dim(1), x.dim(2), x.dim(3));
    let source = |place: usize, side: usize| {
        let there = Border::Mirror.place(place as isize - by, side);
        there.expect("a mirror shows a pixel at every place")
    };
    let mut values = Vec::with_capacity(x.len());
    for picture in x.data().chunks_exact((h * w * c).max(1)) {
        for row in 0..h {
            let row = &picture[source(row, h) * w * c..][..w * c];
            values.extend((0..w).flat_map(|column| &row[source(column, w) * c..][..c]));
        }
    }
    Tensor::from_vec(values, x.shape())
}

/// Each picture of `[B, H, W, C]` with left and right exchanged.
fn mirrored(x: &Tensor) -> Tensor {
    let (w, c) = (x.dim(2), x.dim(3));
    let mut values = Vec::with_capacity(x.len());
    for row in x.data().chunks_exact((w * c).max(1)) {
        values.extend(row.chunks_exact(c).rev().flatten());
    }
    Tensor::from_vec(values, x.shape())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Fit;
    use crate::nn::network::{LayerConfig, LayerKind, LinearConfig};
    use crate::tasks::image::config::ModelConfig;
    use crate::tasks::image::recipe::AnswerConfig;
    use crate::train::{EpochEnd, Progress, Quiet, Start};

    /// Reflection does not repeat the edge; a picture of one row stays, however far it is moved.
    #[test]
    fn moved_pictures_are_filled_with_their_reflection() {
        let x = Tensor::from_vec((0..9).map(|v| v as f32).collect(), [1, 3, 3, 1]);
        let down = [4., 3., 4., 1., 0., 1., 4., 3., 4.];
        assert_eq!(moved(&x, 1).data(), down);
        let up = [4., 5., 4., 7., 8., 7., 4., 5., 4.];
        assert_eq!(moved(&x, -1).data(), up);
        let two = Tensor::from_vec(vec![1., 2., 3., 4., 5., 6.], [2, 1, 3, 1]);
        assert_eq!(moved(&two, 0).data(), two.data());
        assert_eq!(moved(&two, -1).data(), [2., 3., 2., 5., 6., 5.]);
        let one = Tensor::from_vec(vec![1., 2.], [1, 1, 1, 2]);
        assert_eq!(moved(&one, 7).data(), one.data());
    }

    fn model(flip: bool, shift: usize) -> ImageModel {
        let form = form(8);
        let layers = ModelConfig::default().layers([form.height, form.width], 3);
        model_of(layers, form, flip, shift)
    }

    fn model_of(
        layers: Vec<LayerConfig>,
        form: PictureForm,
        flip: bool,
        shift: usize,
    ) -> ImageModel {
        ImageModel::new(Card {
            format: 1,
            task: "image".into(),
            labels: vec!["a".into(), "b".into(), "c".into()],
            layers,
            normalise: ModelConfig::default().published_normalise(),
            form,
            flip,
            shift,
            source: PictureSource::default(),
            seed: 5,
            trained_on: 0,
        })
        .unwrap()
    }

    fn form(side: usize) -> PictureForm {
        PictureForm {
            height: side,
            width: side,
            channels: 3,
            fit: Fit::default(),
        }
    }

    #[test]
    fn moved_and_mirrored_pictures_answer_with_their_weights() {
        let values = (0..2 * 8 * 8 * 3).map(|v| (v as f32 * 0.7).sin()).collect();
        let x = Tensor::from_vec(values, [2, 8, 8, 3]);
        let plain = model(false, 0);
        let alone = |x: &Tensor| plain.classifier().logits(x);
        let pair = |x: &Tensor| alone(x).add(&alone(&mirrored(x))).affine(0.5, 0.0);
        let sum = pair(&moved(&x, 2)).add(&pair(&moved(&x, -2)));
        let expected = pair(&x).affine(0.5, 0.0).add(&sum.affine(0.25, 0.0));
        let found = model(true, 2).classifier().logits(&x);
        let apart = |y: &Tensor| {
            let pairs = found.data().iter().zip(y.data());
            pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        let (in_place, plainly) = (apart(&pair(&x)), apart(&alone(&x)));
        assert!(
            apart(&expected) < 1e-5 && in_place > 1e-4 && plainly > 1e-4,
            "{} {in_place} {plainly}",
            apart(&expected)
        );
    }

    #[test]
    fn occlusion_says_how_far_it_is() {
        struct Shares(Vec<f64>);
        impl Observer for Shares {
            fn stage(&mut self, stage: Stage, share: Option<f64>) {
                assert_eq!(stage, Stage::Covering);
                self.0.extend(share);
            }
            fn start(&mut self, _: &Start) {}
            fn step(&mut self, _: &Progress) {}
            fn epoch(&mut self, _: &EpochEnd) {}
        }
        let picture = Picture::new(8, 8, 3, (0..8 * 8 * 3).collect());
        let mut shares = Shares(Vec::new());
        let falls = model(false, 0).occlusion(&picture, 1, 2, 1, &mut shares);
        assert_eq!(falls.dims(), [8, 8]);
        assert_eq!(shares.0, [0.0, 32.0 / 49.0]);
    }

    /// A class that is one spot: the probability falls most around it, wherever the spot is.
    #[test]
    fn occlusion_lies_over_what_was_covered() {
        let layers = vec![
            LayerKind::Flatten {}.into(),
            LayerKind::Linear(LinearConfig::new(3)).into(),
        ];
        let mut model = model_of(layers, form(60), false, 0);
        let weight = model.params.id("1.linear.weight").unwrap();
        for (y, x) in [(30, 30), (15, 15), (20, 45)] {
            let spot = |row: usize, column: usize| {
                (y - 3..y + 3).contains(&row) && (x - 3..x + 3).contains(&column)
            };
            let inside: Vec<bool> = (0..60 * 60).map(|i| spot(i / 60, i % 60)).collect();
            let values = model.params.get_mut(weight).chunks_exact_mut(3);
            for (i, row) in values.enumerate() {
                row.copy_from_slice(&[0.0, if inside[i / 3] { 0.02 } else { 0.0 }, 0.0]);
            }
            let pixels = inside
                .iter()
                .flat_map(|&spot| [if spot { 255 } else { 90 }; 3]);
            let picture = Picture::new(60, 60, 3, pixels.collect());
            let falls = model.occlusion(&picture, 1, 12, 4, &mut Quiet);
            assert_eq!(falls.dims(), [60, 60]);
            let most = falls.data().iter().copied().fold(0.0, f32::max);
            let peak: Vec<usize> = (0..60 * 60)
                .filter(|&i| falls.data()[i] >= 0.999 * most)
                .collect();
            let centre = |at: &dyn Fn(usize) -> usize| {
                peak.iter().map(|&i| at(i) as f32 + 0.5).sum::<f32>() / peak.len() as f32
            };
            let (down, across) = (centre(&|i| i / 60), centre(&|i| i % 60));
            assert!(
                (down - y as f32).abs() < 2.0 && (across - x as f32).abs() < 2.0,
                "({y}, {x}): ({down}, {across})"
            );
        }
    }

    #[test]
    fn a_picture_cannot_be_moved_by_its_side() {
        let answer = |shift| AnswerConfig {
            shift,
            ..AnswerConfig::default()
        };
        assert!(answer(7).check(&form(8)).is_ok());
        let error = answer(8).check(&form(8)).unwrap_err().to_string();
        assert!(error.contains("answer.shift"), "{error}");
        assert!(answer(usize::MAX).check(&form(8)).is_err());
    }
}
