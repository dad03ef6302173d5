//! Softmax and negative log-likelihood in one: the loss of a choice among V classes.

use unfold_kernels::{self as kernels, Buffer};

use super::{Op, Reads, Saved, Wanted, apply_one, gradient, only};
use crate::{Float, Shape, Tensor};

/// As a target: leave the row out.
pub const IGNORE: u32 = u32::MAX;

/// What a cross-entropy loss counts; the default is the plain one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    /// The share of the target's probability spread evenly over all classes
    /// (Szegedy et al. 2016), in 0..1.
    pub label_smoothing: f64,
    /// How much an example of each class counts; `None` counts all alike.
    pub class_weights: Option<Vec<f64>>,
}

/// The weighted mean of -log softmax(x_r)\[target_r\].
struct CrossEntropyOp<E: Float> {
    options: CrossEntropy,
    targets: Buffer<u32>,
    /// x, and after the forward pass d loss / d x, [R, V].
    values: Tensor<E>,
}

impl<E: Float> Op<E> for CrossEntropyOp<E> {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn shapes(&self, inputs: &[Shape]) -> Result<Vec<Shape>, String> {
        let x = inputs[0];
        let [rows, classes] = *x.dims() else {
            return Err(format!("expected logits [R, V], got {x}"));
        };
        if rows != self.targets.len() {
            let targets = self.targets.len();
            return Err(format!(
                "expected {rows} targets for logits {x}, got {targets}"
            ));
        }
        let outside = |t: &&u32| **t as usize >= classes && **t != IGNORE;
        if let Some(target) = self.targets.iter().find(outside) {
            return Err(format!(
                "expected targets below {classes} for logits {x}, got {target}"
            ));
        }
        match &self.options.class_weights {
            Some(weights) if weights.len() != classes => {
                let got = weights.len();
                Err(format!(
                    "expected {classes} class weights for logits {x}, got {got}"
                ))
            }
            _ => Ok(vec![[].into()]),
        }
    }

    fn forward(&mut self, _: &[&Tensor<E>], outputs: &mut [Buffer<E>]) {
        let weights = self.options.class_weights.as_ref();
        let typed: Option<Vec<E>> =
            weights.map(|weights| weights.iter().map(|&w| E::from_f64(w)).collect());
        let counted = self.targets.iter().filter(|&&t| t != IGNORE);
        let total: f64 = match weights {
            Some(weights) => counted.map(|&t| weights[t as usize]).sum(),
            None => counted.count() as f64,
        };
        // No row counts: the loss of nothing is 0, not 0 / 0.
        let scale = E::from_f64(if total > 0.0 { 1.0 / total } else { 0.0 });
        let mut losses = Buffer::scratch(self.targets.len());
        // Logits that nobody else holds are not copied: there may be as many as numbers in the rest of the network.
        if self.values.unique_mut().is_none() {
            self.values = Tensor::from_slice(self.values.data(), self.values.shape());
        }
        let classes = self.values.dim(1);
        kernels::cross_entropy(
            self.values.unique_mut().expect("a copy of its own"),
            classes,
            &self.targets,
            typed.as_deref(),
            E::from_f64(self.options.label_smoothing),
            scale,
            &mut losses,
        );
        outputs[0][0] = scale * kernels::sum(&losses);
    }

    fn reads(&self) -> Reads {
        Reads::Nothing
    }

    fn backward(
        &self,
        saved: &Saved<E>,
        gradients: &[Option<Tensor<E>>],
        wanted: &[Wanted<'_, E>],
    ) -> Vec<Option<Tensor<E>>> {
        let (dy, derivative) = (only(gradients).item(), &self.values);
        // As a rule the loss is what is differentiated, and no pass over [R, V] is left to do.
        if dy == E::ONE && wanted[0].is() {
            return vec![Some(derivative.clone())];
        }
        vec![gradient(wanted[0], saved.shapes[0], |dx| {
            kernels::affine(derivative.data(), dy, E::ZERO, dx);
        })]
    }
}

impl<E: Float> Tensor<E> {
    /// The cross-entropy of logits `[R, V]` against R class numbers: the (weighted) mean of
    /// -log softmax(x_r)\[target_r\], as `torch.nn.functional.cross_entropy` defines it with
    /// label smoothing and class weights. Rows whose target is [`IGNORE`] do not count. The gradient is written over
    /// the logits, which are copied first where a clone of them is alive.
    ///
    /// # Panics
    /// When the number of targets or of class weights does not fit, or a target is too large.
    #[track_caller]
    pub fn cross_entropy(self, targets: &[u32], options: &CrossEntropy) -> Tensor<E> {
        let (values, x) = self.split();
        let op = CrossEntropyOp {
            options: options.clone(),
            targets: Buffer::from_slice(targets),
            values,
        };
        apply_one(op, &[&x])
    }
}
