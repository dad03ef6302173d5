//! Looking into an image classifier: its filters, its maps, and what it looked at.

use super::model::ImageModel;
use crate::data::Picture;
use crate::error::{Error, Result};
use crate::nn::{Pass, Probe};
use crate::tensor::Tensor;
use crate::train::{Observer, Stage};

/// The filters of a convolution.
pub struct Filters {
    /// The layer's name.
    pub layer: String,
    /// The weights, `[KH, KW, C / groups, O]`.
    pub weight: Tensor,
    /// Parts of the channels that do not see each other.
    pub groups: usize,
    /// Whether the layer sees the picture itself, and no maps of other layers.
    pub first: bool,
}

/// What a layer put out for a picture.
pub struct Maps {
    /// The layer's name.
    pub layer: String,
    /// Its output, `[H, W, C]`.
    pub maps: Tensor,
}

/// Windows that are covered together in [`ImageModel::occlusion`].
const COVERED_TOGETHER: usize = 32;

impl ImageModel {
    /// The filters of every convolution, in the order of the layers.
    pub fn filters(&self) -> Vec<Filters> {
        let rows = self.outline().rows();
        let convolutions = rows.iter().filter_map(|row| {
            let conv = self.network().conv2d(&row.name)?;
            Some(Filters {
                layer: row.name.clone(),
                weight: self.params().tensor(conv.weight()),
                groups: conv.geometry().groups,
                first: row.name == rows[0].name,
            })
        });
        convolutions.collect()
    }

    /// What every layer that puts out pictures makes of one.
    pub fn maps(&self, picture: &Picture) -> Vec<Maps> {
        let pass = Pass::evaluation(self.params()).with_probes();
        self.network().forward(&pass, &self.input(picture));
        let maps = pass.probes().into_iter().filter(is_grid).map(|probe| {
            let [_, h, w, c] = *probe.output.dims() else {
                unreachable!("a grid")
            };
            Maps {
                maps: probe.output.detach().reshape([h, w, c]),
                layer: probe.name,
            }
        });
        maps.collect()
    }

    /// How strongly the logit of a class changes with each pixel: the largest |∂logit / ∂x| of its channels (Simonyan et
    /// al. 2014), `[H, W]`.
    ///
    /// # Panics
    /// When there is no class of that number.
    pub fn saliency(&self, picture: &Picture, label: usize) -> Tensor {
        let x = self.input(picture).watch(); // [1, H, W, C]
        let pass = Pass::evaluation(self.params());
        let logit = self.network().forward(&pass, &x).narrow(1, label, 1).sum();
        let gradients = logit.backward();
        let [_, h, w, c] = *x.dims() else {
            unreachable!("a picture")
        };
        let Some(gradient) = gradients.get(&x) else {
            return Tensor::zeros([h, w]);
        };
        let largest = |pixel: &[f32]| pixel.iter().fold(0.0f32, |m, g| m.max(g.abs()));
        let pixels = gradient.data().chunks_exact(c).map(largest);
        Tensor::from_vec(pixels.collect(), [h, w])
    }

    /// Where a layer saw what speaks for a class: max(Σ_k α_k A_k, 0) over its maps A, with α_k the mean of ∂logit / ∂A_k
    /// (Grad-CAM: Selvaraju et al. 2017): the layer's name, and `[H, W]` of the layer. The last layer that has more than one
    /// pixel when `None`.
    ///
    /// # Errors
    /// When there is no layer of that name that puts out pictures.
    ///
    /// # Panics
    /// When there is no class of that number.
    pub fn grad_cam(
        &self,
        picture: &Picture,
        label: usize,
        layer: Option<&str>,
    ) -> Result<(String, Tensor)> {
        let pass = Pass::inspection(self.params());
        let logits = self.network().forward(&pass, &self.input(picture));
        let gradients = logits.narrow(1, label, 1).sum().backward();
        let probes = pass.probes();
        let mut grids = probes.iter().filter(|probe| is_grid(probe));
        let found = match layer {
            Some(name) => grids.find(|probe| probe.name == name),
            None => grids.rfind(|probe| probe.output.dim(1) * probe.output.dim(2) > 1),
        };
        let Some(probe) = found else {
            let names: Vec<&str> = probes
                .iter()
                .filter(|p| is_grid(p))
                .map(|p| p.name.as_str())
                .collect();
            let problem = match layer {
                Some(name) => format!("there is no layer `{name}` that puts out pictures"),
                None => "the network has no layer that puts out pictures".into(),
            };
            let remedy = match names.is_empty() {
                true => "choose another picture of it".into(),
                false => format!("choose one of {}", names.join(", ")),
            };
            return Err(Error::model("layer", problem, remedy));
        };
        let [_, h, w, c] = *probe.output.dims() else {
            unreachable!("a grid")
        };
        let Some(gradient) = probe.gradient(&gradients) else {
            return Ok((probe.name.clone(), Tensor::zeros([h, w])));
        };
        let mut alpha = vec![0.0f32; c];
        for pixel in gradient.data().chunks_exact(c) {
            alpha
                .iter_mut()
                .zip(pixel)
                .for_each(|(a, g)| *a += g / (h * w) as f32);
        }
        let weigh = |pixel: &[f32]| {
            let sum: f32 = pixel.iter().zip(&alpha).map(|(a, weight)| a * weight).sum();
            sum.max(0.0)
        };
        let pixels = probe.output.data().chunks_exact(c).map(weigh);
        let heat = Tensor::from_vec(pixels.collect(), [h, w]);
        Ok((probe.name.clone(), heat))
    }

    /// How much the probability of a class falls when a square of `side` pixels is covered with the mean colour (Zeiler and
    /// Fergus 2014): for each pixel `[H, W]` the mean over the squares that cover it, of those `stride` pixels apart; 0 where none
    /// does. Below 0 where covering makes it rise.
    ///
    /// `observer` is told how far it is.
    ///
    /// # Panics
    /// When there is no class of that number, or `side` or `stride` is 0.
    pub fn occlusion(
        &self,
        picture: &Picture,
        label: usize,
        side: usize,
        stride: usize,
        observer: &mut dyn Observer,
    ) -> Tensor {
        assert!(
            side > 0 && stride > 0,
            "occlusion: expected a side and a stride of 1 or more"
        );
        let x = self.input(picture);
        let [_, h, w, c] = *x.dims() else {
            unreachable!("a picture")
        };
        let places = |length: usize| (0..length.saturating_sub(side / 2)).step_by(stride);
        let corners: Vec<[usize; 2]> = places(h)
            .flat_map(|y| places(w).map(move |x| [y, x]))
            .collect();
        let classifier = self.classifier();
        let probability = |x: &Tensor| -> Vec<f32> {
            let probabilities = classifier.logits(x).softmax();
            let rows = probabilities.data().chunks_exact(self.labels().len());
            rows.map(|row| row[label]).collect()
        };
        let whole = probability(&x)[0];
        let mut falls = Vec::with_capacity(corners.len());
        for some in corners.chunks(COVERED_TOGETHER) {
            let share = falls.len() as f64 / corners.len() as f64;
            observer.stage(Stage::Covering, Some(share));
            let mut covered = Vec::with_capacity(some.len() * x.len());
            for &[top, left] in some {
                let start = covered.len();
                covered.extend_from_slice(x.data());
                for row in top..(top + side).min(h) {
                    let row = start + row * w * c;
                    // The mean colour is 0 once normalised.
                    covered[row + left * c..row + (left + side).min(w) * c].fill(0.0);
                }
            }
            let covered = Tensor::from_vec(covered, [some.len(), h, w, c]);
            falls.extend(probability(&covered).iter().map(|p| whole - p));
        }
        // A fall belongs to all pixels that were covered, not to the corner by which they are counted.
        let (mut sums, mut counts) = (vec![0.0f32; h * w], vec![0.0f32; h * w]);
        for (&[top, left], fall) in corners.iter().zip(&falls) {
            for row in top..(top + side).min(h) {
                for pixel in row * w + left..row * w + (left + side).min(w) {
                    sums[pixel] += fall;
                    counts[pixel] += 1.0;
                }
            }
        }
        let means = sums.iter().zip(&counts).map(|(sum, n)| sum / n.max(1.0));
        Tensor::from_vec(means.collect(), [h, w])
    }
}

/// Whether a layer put out a picture.
fn is_grid(probe: &Probe) -> bool {
    probe.output.shape().rank() == 4
}
