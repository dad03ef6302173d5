//! One pass through a network.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use unfold_kernels::Buffer;

use crate::nn::{Entry, ParamId, Params};
use crate::random::Key;
use crate::tape::Gradients;
use crate::{Float, Tensor};

/// One pass through a network: what its layers need besides their input.
///
/// A pass hands out parameters as tensors, says whether this is training, and gives each caller
/// fresh randomness. It shares the values of the [`Params`] as they were when it was made; drop
/// it, and what was computed with it, before the parameters change, or they must be copied.
///
/// ```
/// use unfold::nn::{Linear, Params, Pass};
/// use unfold::{Tensor, random::Key};
///
/// let mut params = Params::<f32>::new(1);
/// let layer = Linear::new(&mut params.scope("layer"), 2, 1);
/// let pass = Pass::training(&params, Key::new(1).child(0)); // a key for each step
/// let loss = layer.forward(&pass, &Tensor::full([3, 2], 1.0)).square().mean();
/// params.backward(&pass, loss);
/// assert_eq!(params.grads().len(), 3);
/// ```
pub struct Pass<E: Float = f32> {
    entries: Arc<Vec<Entry>>,
    values: Arc<Buffer<E>>,
    key: Option<Key>,
    tracked: bool,
    /// How far running statistics move to those of the batch, where not as far as their layer says.
    share: Option<f64>,
    draws: Cell<u64>,
    leaves: RefCell<Vec<Option<Tensor<E>>>>,
    /// Which of them were asked for, in the order of the first time.
    used: RefCell<Vec<ParamId>>,
    /// Which of them have a new value, from then on handed out.
    updated: RefCell<Vec<ParamId>>,
    probes: Option<RefCell<Vec<Probe<E>>>>,
}

/// What a pass was at one moment: where passes like it begin.
pub(super) struct Moment<E: Float> {
    entries: Arc<Vec<Entry>>,
    values: Arc<Buffer<E>>,
    key: Option<Key>,
    draws: u64,
    updates: Vec<(ParamId, Tensor<E>)>,
}

impl<E: Float> Moment<E> {
    /// A pass that goes on from here by itself, with these tensors as parameters.
    pub(super) fn pass(&self, params: impl IntoIterator<Item = (ParamId, Tensor<E>)>) -> Pass<E> {
        let mut leaves = vec![None; self.entries.len()];
        for (id, tensor) in self.updates.iter().cloned().chain(params) {
            leaves[id.0] = Some(tensor);
        }
        Pass {
            entries: Arc::clone(&self.entries),
            values: Arc::clone(&self.values),
            key: self.key,
            tracked: false,
            share: None,
            draws: Cell::new(self.draws),
            leaves: RefCell::new(leaves),
            used: RefCell::default(),
            updated: RefCell::new(self.updates.iter().map(|(id, _)| *id).collect()),
            probes: None,
        }
    }
}

/// What a layer put out during a pass that keeps probes.
#[derive(Clone)]
pub struct Probe<E: Float = f32> {
    /// The layer's name.
    pub name: String,
    /// Its output.
    pub output: Tensor<E>,
    /// A zero added to the output, so that its gradient is the output's.
    nudge: Tensor<E>,
}

impl<E: Float> Probe<E> {
    /// The gradient with respect to the output, in its shape.
    pub fn gradient<'g>(&self, gradients: &'g Gradients<E>) -> Option<&'g Tensor<E>> {
        gradients.get(&self.nudge)
    }
}

impl<E: Float> Pass<E> {
    /// A pass for training: gradients are wanted and layers such as dropout are on. `key` should
    /// be a new one for each step.
    pub fn training(params: &Params<E>, key: Key) -> Pass<E> {
        Pass::new(params, Some(key), true)
    }

    /// A pass for using the network: no gradients, no randomness.
    pub fn evaluation(params: &Params<E>) -> Pass<E> {
        Pass::new(params, None, false)
    }

    /// A pass that computes what [`Pass::evaluation`] does, but gradients are wanted.
    pub fn tracked(params: &Params<E>) -> Pass<E> {
        Pass::new(params, None, true)
    }

    /// A pass for looking into the network: as [`Pass::tracked`], and the outputs of all layers are kept as
    /// [`Pass::probes`].
    pub fn inspection(params: &Params<E>) -> Pass<E> {
        Pass::tracked(params).with_probes()
    }

    /// A pass that computes what training does, without gradients, for its statistics alone: running ones move by `share` to
    /// those of the batch. With 1, 1/2, 1/3, .. they become the means over all batches ([`Params::follow`]).
    pub fn statistics(params: &Params<E>, key: Key, share: f64) -> Pass<E> {
        Pass {
            share: Some(share),
            ..Pass::new(params, Some(key), false)
        }
    }

    /// Keeps the outputs of all layers as [`Pass::probes`].
    pub fn with_probes(mut self) -> Pass<E> {
        self.probes = Some(RefCell::default());
        self
    }

    fn new(params: &Params<E>, key: Option<Key>, tracked: bool) -> Pass<E> {
        let (entries, values) = params.share();
        let leaves = RefCell::new(vec![None; entries.len()]);
        Pass {
            entries,
            values,
            key,
            tracked,
            share: None,
            draws: Cell::new(0),
            leaves,
            used: RefCell::default(),
            updated: RefCell::default(),
            probes: None,
        }
    }

    /// Whether this is training.
    pub fn is_training(&self) -> bool {
        self.key.is_some()
    }

    /// A parameter's values, tracked where its gradient is wanted. Asking again gives the same
    /// tensor, so that all uses add to one gradient.
    pub fn param(&self, id: ParamId) -> Tensor<E> {
        let leaf = &mut self.leaves.borrow_mut()[id.0];
        leaf.get_or_insert_with(|| {
            self.used.borrow_mut().push(id);
            let entry = &self.entries[id.0];
            let values = Arc::clone(&self.values);
            let tensor = Tensor::from_shared(values, entry.range.start, entry.shape);
            if self.tracked && entry.trainable {
                tensor.watch()
            } else {
                tensor
            }
        })
        .clone()
    }

    /// Whether training changes a parameter.
    pub(super) fn learns(&self, id: ParamId) -> bool {
        self.entries[id.0].trainable
    }

    /// Gives a parameter that training leaves as it is, such as a running statistic, a new value: the
    /// pass hands it out from now on, and [`Params::backward`] takes it along.
    ///
    /// # Panics
    /// When training changes the parameter, or the shape is another.
    #[track_caller]
    pub fn update(&self, id: ParamId, value: &Tensor<E>) {
        let entry = &self.entries[id.0];
        assert!(
            !entry.trainable && entry.shape == value.shape(),
            "update: expected a frozen parameter of shape {} for `{}`, got {}",
            value.shape(),
            entry.name,
            entry.shape
        );
        self.leaves.borrow_mut()[id.0] = Some(value.detach());
        let mut updated = self.updated.borrow_mut();
        if !updated.contains(&id) {
            updated.push(id);
        }
    }

    /// The numbers of the tracked parameters' nodes, rising, each with the parameter's.
    pub(crate) fn leaves(&self) -> Vec<(u64, usize)> {
        let (used, leaves) = (self.used.borrow(), self.leaves.borrow());
        let number = |id: &ParamId| Some((leaves[id.0].as_ref()?.source()?.number(), id.0));
        // They were made in the order of use.
        used.iter().filter_map(number).collect()
    }

    /// The parameters with new values.
    pub(crate) fn updates(&self) -> Vec<(ParamId, Tensor<E>)> {
        let updated = self.updated.borrow();
        updated.iter().map(|&id| (id, self.param(id))).collect()
    }

    /// Fresh randomness: another key at each call; `None` outside training.
    pub fn key(&self) -> Option<Key> {
        let key = self.key?;
        let draw = self.draws.get();
        self.draws.set(draw + 1);
        Some(key.child(draw))
    }

    /// Called by each layer on its output: gives it back, and keeps it under the layer's name in
    /// a pass with probes.
    pub fn watch(&self, name: &str, output: Tensor<E>) -> Tensor<E> {
        let Some(probes) = &self.probes else {
            return output;
        };
        let nudge = Tensor::zeros(output.shape()).watch();
        let output = output.add(&nudge);
        probes.borrow_mut().push(Probe {
            name: name.to_string(),
            output: output.clone(),
            nudge,
        });
        output
    }

    /// The outputs kept so far, in the order in which the layers ran.
    pub fn probes(&self) -> Vec<Probe<E>> {
        let kept = self.probes.as_ref();
        kept.map_or_else(Vec::new, |probes| probes.borrow().clone())
    }

    /// How far running statistics move to those of the batch, for a layer that would move them by `momentum`.
    pub(super) fn share(&self, momentum: f64) -> f64 {
        self.share.unwrap_or(momentum)
    }

    /// This pass as it is now.
    pub(super) fn moment(&self) -> Moment<E> {
        Moment {
            entries: Arc::clone(&self.entries),
            values: Arc::clone(&self.values),
            key: self.key,
            draws: self.draws.get(),
            updates: self.updates(),
        }
    }

    /// Goes on after `later`, a pass that began at this one's [`Pass::moment`]: uses the parameters that it
    /// used, which are the result, and takes over its draws and new values.
    pub(super) fn follow(&self, later: &Pass<E>) -> Vec<(ParamId, Tensor<E>)> {
        let used = later.used().into_iter().map(|id| (id, self.param(id)));
        let used = used.collect();
        self.draws.set(later.draws.get());
        for (id, value) in later.updates() {
            self.update(id, &value);
        }
        used
    }

    /// Whether outputs are kept under their layers' names.
    pub(super) fn is_probing(&self) -> bool {
        self.probes.is_some()
    }

    /// The parameters handed out so far, in the order in which layers first asked for them.
    pub fn used(&self) -> Vec<ParamId> {
        self.used.borrow().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{Init, Linear};

    #[test]
    fn randomness_differs_between_calls_and_repeats_with_the_key() {
        let params = Params::<f32>::new(0);
        let draw = || {
            let pass = Pass::training(&params, Key::new(5));
            (pass.key(), pass.key())
        };
        let (a, b) = draw();
        assert_ne!(a, b);
        assert_eq!((a, b), draw());
        assert_eq!(Pass::evaluation(&params).key(), None);
    }

    #[test]
    fn a_parameter_used_twice_has_one_gradient() {
        let mut params = Params::<f32>::new(0);
        let id = params
            .scope("a")
            .add("weight", [1], Init::Values(vec![3.0]));
        let pass = Pass::training(&params, Key::new(0));
        let loss = pass.param(id).mul(&pass.param(id)).sum();
        params.backward(&pass, loss);
        assert_eq!(params.grads(), [6.0]);
    }

    #[test]
    fn probes_show_outputs_and_gradients_by_name() {
        let mut params = Params::<f64>::new(0);
        let layer = Linear::new(&mut params.scope("net.head"), 2, 3);
        let pass = Pass::inspection(&params);
        let y = layer.forward(&pass, &Tensor::full([1, 2], 0.5));
        let loss = y.square().sum();
        let gradients = params.backward(&pass, loss);
        let probes = pass.probes();
        assert_eq!(probes.len(), 1);
        assert_eq!(probes[0].name, "net.head");
        assert_eq!(probes[0].output.data(), y.data());
        let expected: Vec<f64> = y.data().iter().map(|y| 2.0 * y).collect();
        assert_eq!(probes[0].gradient(&gradients).unwrap().data(), expected);
        assert!(Pass::evaluation(&params).probes().is_empty());
    }
}
