//! All parameters of a model: one flat buffer of values with names, one of gradients.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use unfold_kernels::{Buffer, Rows};

use crate::flat::{Flat, Sink};
use crate::nn::{Init, Pass};
use crate::random::Key;
use crate::shape::Shape;
use crate::tape::Gradients;
use crate::tensors::{Place, Stored};
use crate::{Float, Tensor};

/// Names one parameter of the [`Params`] that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParamId(pub(crate) usize);

/// What is known of one parameter besides its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its full name, such as `encoder.layer0.forward.w_hh`.
    pub name: String,
    /// Its extents.
    pub shape: Shape,
    /// Where its values lie in the flat buffers.
    pub range: Range<usize>,
    /// Whether training changes it.
    pub trainable: bool,
    /// Whether weight decay applies to it: by default to matrices, not to biases and norms.
    pub decay: bool,
    /// What its learning rate is multiplied by: 1 by default.
    pub rate: f64,
}

/// All parameters of a model.
///
/// The values lie one after the other in one flat buffer, and so do the gradients; saving,
/// clipping, an optimizer's step and a sum over workers are each one pass over them. Layers add
/// their parameters under a [`Scope`], and initial values depend only on the seed and the
/// parameter's full name: adding a layer leaves the others as they were.
///
/// ```
/// use unfold::Tensor;
/// use unfold::nn::{Linear, Params, Pass};
///
/// let mut params = Params::<f32>::new(7);
/// let head = Linear::new(&mut params.scope("head"), 3, 2);
/// assert_eq!(params.entries().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["head.weight", "head.bias"]);
///
/// let pass = Pass::evaluation(&params);
/// let y = head.forward(&pass, &Tensor::zeros([4, 3]));
/// assert_eq!(y.dims(), [4, 2]);
/// ```
#[derive(Clone)]
pub struct Params<E: Float = f32> {
    origin: Origin,
    entries: Arc<Vec<Entry>>,
    ids: HashMap<String, ParamId>,
    /// The first `len` values are in use; the rest is room to grow.
    values: Arc<Buffer<E>>,
    /// Empty until the first backward pass.
    gradients: Flat<E>,
    /// New values of frozen parameters that the last backward pass brought, until the values are written.
    updates: Vec<(ParamId, Tensor<E>)>,
    len: usize,
}

/// Where the values of new parameters come from.
#[derive(Clone)]
enum Origin {
    /// They are drawn.
    Drawn(Key),
    /// They are there already, by name; the first thing that did not fit.
    Stored(HashMap<String, Place>, Option<String>),
}

/// Values that an optimizer changes alike.
pub(crate) struct Stretch<'a, E> {
    pub(crate) values: &'a mut [E],
    pub(crate) gradients: &'a [E],
    /// The rows outside which the gradient is zero, if it is known.
    pub(crate) rows: Option<&'a Rows>,
    /// Whether weight decay applies.
    pub(crate) decay: bool,
    /// What the learning rate is multiplied by.
    pub(crate) rate: f64,
    /// Where the values lie among all.
    pub(crate) range: Range<usize>,
}

impl Params<f32> {
    /// No parameters yet; those that layers add will find their values in `stored`, where they stay. Nothing is
    /// allocated for one that is not there or has another shape: ask [`Params::restored`] once
    /// all layers are made.
    pub fn restoring(stored: Stored) -> Params {
        let Stored { values, places } = stored;
        Params {
            len: values.len(),
            values: Arc::new(values),
            ..Params::with_origin(Origin::Stored(places, None))
        }
    }
}

impl<E: Float> Params<E> {
    /// No parameters yet; initial values will be drawn from `seed`.
    pub fn new(seed: u64) -> Params<E> {
        Params::with_origin(Origin::Drawn(Key::new(seed).named("parameters")))
    }

    /// Ends [`Params::restoring`].
    ///
    /// # Errors
    /// With what was missing, of another shape, or left over.
    pub fn restored(&mut self) -> Result<(), String> {
        let Origin::Stored(tensors, problem) = &mut self.origin else {
            return Ok(());
        };
        let left = tensors.keys().min();
        let left = left.map(|name| format!("tensor `{name}` belongs to no layer"));
        problem.take().or(left).map_or(Ok(()), Err)
    }

    fn with_origin(origin: Origin) -> Params<E> {
        Params {
            origin,
            entries: Arc::default(),
            ids: HashMap::new(),
            values: Arc::new(Buffer::zeros(0)),
            gradients: Flat::empty(),
            updates: Vec::new(),
            len: 0,
        }
    }

    /// The place under which a part of the model adds its parameters: their names start with
    /// `name` and a dot.
    pub fn scope(&mut self, name: &str) -> Scope<'_, E> {
        Scope {
            params: self,
            path: name.to_string(),
        }
    }

    /// How many values there are in all.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no parameter.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All parameters, in the order they were added.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// What is known of one parameter.
    pub fn entry(&self, id: ParamId) -> &Entry {
        &self.entries[id.0]
    }

    /// The parameter of that full name.
    pub fn id(&self, name: &str) -> Option<ParamId> {
        self.ids.get(name).copied()
    }

    /// All values: those of each parameter at the range of its entry.
    pub fn values(&self) -> &[E] {
        &self.values[..self.len]
    }

    /// All values, for writing. Tensors that still share them keep the old values: they cost a
    /// copy, so drop the pass and what it computed first.
    pub fn values_mut(&mut self) -> &mut [E] {
        self.written()
    }

    /// The values of one parameter.
    pub fn get(&self, id: ParamId) -> &[E] {
        &self.values[self.entry(id).range.clone()]
    }

    /// The values of one parameter, for writing.
    pub fn get_mut(&mut self, id: ParamId) -> &mut [E] {
        let range = self.entry(id).range.clone();
        &mut self.values_mut()[range]
    }

    /// One parameter as a tensor that shares its values.
    pub fn tensor(&self, id: ParamId) -> Tensor<E> {
        let entry = self.entry(id);
        Tensor::from_shared(Arc::clone(&self.values), entry.range.start, entry.shape)
    }

    /// All gradients, in the places of the values; empty before the first backward pass.
    pub fn grads(&self) -> &[E] {
        self.gradients.values()
    }

    /// All gradients, for summing over workers.
    pub fn grads_mut(&mut self) -> &mut [E] {
        self.gradients.values_mut()
    }

    /// All gradients, for passes that know where they are zero.
    pub(crate) fn flat(&self) -> &Flat<E> {
        &self.gradients
    }

    /// All gradients, for passes that know where they are zero.
    pub(crate) fn flat_mut(&mut self) -> &mut Flat<E> {
        &mut self.gradients
    }

    /// The gradient of one parameter; `None` before the first backward pass.
    pub fn grad(&self, id: ParamId) -> Option<&[E]> {
        self.grads().get(self.entry(id).range.clone())
    }

    /// The values, with what passes brought for frozen parameters.
    fn written(&mut self) -> &mut [E] {
        let values = &mut Arc::make_mut(&mut self.values)[..self.len];
        for (id, value) in self.updates.drain(..) {
            values[self.entries[id.0].range.clone()].copy_from_slice(value.data());
        }
        values
    }

    /// Runs `f` on each stretch of values that training changes. Neighbours with the same rate that weight decay treats alike are
    /// one stretch, but for tables of which some rows alone have a gradient.
    pub(crate) fn for_each_stretch(&mut self, mut f: impl FnMut(Stretch<'_, E>)) {
        self.written();
        let values = &mut Arc::make_mut(&mut self.values)[..self.len];
        let gradients = &self.gradients;
        let mut entries = self.entries.iter().enumerate().peekable();
        while let Some((i, first)) = entries.next() {
            if !first.trainable {
                continue;
            }
            let (mut range, rows) = (first.range.clone(), gradients.rows(i));
            let joins = |&(i, e): &(usize, &Entry), end| {
                e.trainable
                    && e.decay == first.decay
                    && e.rate == first.rate
                    && e.range.start == end
                    && gradients.rows(i).is_none()
            };
            while rows.is_none()
                && let Some((_, next)) = entries.next_if(|next| joins(next, range.end))
            {
                range.end = next.range.end;
            }
            f(Stretch {
                values: &mut values[range.clone()],
                gradients: &gradients.values()[range.clone()],
                rows,
                decay: first.decay,
                rate: first.rate,
                range,
            });
        }
    }

    /// Lets training change a parameter, or keeps it as it is.
    pub fn set_trainable(&mut self, id: ParamId, trainable: bool) {
        Arc::make_mut(&mut self.entries)[id.0].trainable = trainable;
    }

    /// Lets weight decay apply to a parameter, or exempts it.
    pub fn set_decay(&mut self, id: ParamId, decay: bool) {
        Arc::make_mut(&mut self.entries)[id.0].decay = decay;
    }

    /// Multiplies the learning rate of a parameter by `factor`, which makes layers learn at different rates.
    pub fn set_rate(&mut self, id: ParamId, factor: f64) {
        Arc::make_mut(&mut self.entries)[id.0].rate = factor;
    }

    /// Computes the gradients of `loss` with respect to all trainable parameters that `pass` used
    /// and writes them straight into the flat gradients; every other gradient becomes 0. The result holds
    /// the gradients of whatever else was watched. What was kept for them is given back on the way
    /// ([`Tensor::backward`]).
    ///
    /// New values that the pass has for frozen parameters ([`Pass::update`]) come into force with the
    /// next write to the values, an optimizer's step as a rule: until then `pass` shares them.
    ///
    /// # Panics
    /// When `loss` is not a single value.
    #[track_caller]
    pub fn backward(&mut self, pass: &Pass<E>, loss: Tensor<E>) -> Gradients<E> {
        let mut flat = std::mem::replace(&mut self.gradients, Flat::empty());
        flat.begin(self.len, self.entries.iter().map(|e| e.range.clone()));
        let sink = Sink::new(flat, pass.leaves());
        let gradients = loss.backward_into(&sink);
        self.gradients = sink.into_flat();
        self.gradients.end();
        self.updates = pass.updates();
        gradients
    }

    /// Takes over the new values that a pass has for frozen parameters ([`Pass::update`]), at once.
    pub fn follow(&mut self, pass: Pass<E>) {
        self.updates = pass.updates();
        drop(pass); // it shares the values that are written now
        self.written();
    }

    /// The entries and values as they are now, for one pass.
    pub(crate) fn share(&self) -> (Arc<Vec<Entry>>, Arc<Buffer<E>>) {
        (Arc::clone(&self.entries), Arc::clone(&self.values))
    }

    fn add(&mut self, name: String, shape: Shape, init: Init, trainable: bool) -> ParamId {
        let (shape, range) = match &mut self.origin {
            Origin::Drawn(key) => {
                let key = key.named(&name);
                let range = self.len..self.len + shape.len();
                self.reserve(range.end);
                self.len = range.end;
                init.fill(key, shape, &mut self.values_mut()[range.clone()]);
                (shape, range)
            }
            Origin::Stored(places, problem) => {
                match places.remove(&name).filter(|p| p.shape == shape.dims()) {
                    Some(place) => (shape, place.range),
                    None => {
                        let wanted = format!("expected a tensor `{name}` of shape {shape}");
                        problem.get_or_insert(wanted);
                        ([0].into(), 0..0)
                    }
                }
            }
        };
        let id = ParamId(self.entries.len());
        let earlier = self.ids.insert(name.clone(), id);
        assert!(
            earlier.is_none(),
            "params: there is already a parameter `{name}`"
        );
        Arc::make_mut(&mut self.entries).push(Entry {
            name,
            shape,
            range,
            trainable,
            decay: shape.rank() > 1,
            rate: 1.0,
        });
        id
    }

    /// Makes room for `len` values, doubling so that many additions stay cheap.
    fn reserve(&mut self, len: usize) {
        if len > self.values.len() {
            let mut grown = Buffer::zeros(len.max(2 * self.values.len()));
            grown[..self.len].copy_from_slice(&self.values[..self.len]);
            let old = std::mem::replace(&mut self.values, Arc::new(grown));
            if let Some(old) = Arc::into_inner(old) {
                old.release();
            }
        }
    }
}

/// The part of the [`Params`] whose names start with one path.
pub struct Scope<'p, E: Float = f32> {
    params: &'p mut Params<E>,
    path: String,
}

impl<E: Float> Scope<'_, E> {
    /// The path, such as `encoder.layer0`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The scope `name` within this one.
    pub fn scope(&mut self, name: &str) -> Scope<'_, E> {
        let path = self.within(name);
        Scope {
            params: self.params,
            path,
        }
    }

    /// Adds a parameter that training changes.
    ///
    /// # Panics
    /// When the name is taken.
    pub fn add(&mut self, name: &str, shape: impl Into<Shape>, init: Init) -> ParamId {
        let name = self.within(name);
        self.params.add(name, shape.into(), init, true)
    }

    /// Adds a parameter that training leaves as it is.
    ///
    /// # Panics
    /// When the name is taken.
    pub fn add_frozen(&mut self, name: &str, shape: impl Into<Shape>, init: Init) -> ParamId {
        let name = self.within(name);
        self.params.add(name, shape.into(), init, false)
    }

    /// The values of a parameter just added, for writing.
    pub fn get_mut(&mut self, id: ParamId) -> &mut [E] {
        self.params.get_mut(id)
    }

    fn within(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_string()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initial_values_depend_on_seed_and_name_alone() {
        let add = |params: &mut Params, scope: &str| {
            params.scope(scope).add("weight", [3, 2], Init::Normal(1.0))
        };
        let mut one = Params::new(1);
        let a = add(&mut one, "a");
        let mut two = Params::new(1);
        add(&mut two, "before");
        let later = add(&mut two, "a");
        assert_eq!(one.get(a), two.get(later));
        let mut three = Params::new(2);
        let other = add(&mut three, "a");
        assert_ne!(one.get(a), three.get(other));
    }

    #[test]
    fn values_lie_one_after_the_other() {
        let mut params = Params::<f32>::new(0);
        let mut scope = params.scope("net");
        let weight = scope.add("weight", [2, 2], Init::Ones);
        let bias = scope.scope("inner").add("bias", [3], Init::Zeros);
        assert_eq!(params.values(), [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
        assert_eq!(params.entry(bias).name, "net.inner.bias");
        assert_eq!(params.entry(bias).range, 4..7);
        assert!(params.entry(weight).decay && !params.entry(bias).decay);
        assert_eq!(params.id("net.weight"), Some(weight));
    }

    #[test]
    #[should_panic(expected = "already a parameter `a.weight`")]
    fn a_name_is_given_once() {
        let mut params = Params::<f32>::new(0);
        params.scope("a").add("weight", [1], Init::Zeros);
        params.scope("a").add("weight", [1], Init::Zeros);
    }

    #[test]
    fn a_dropped_pass_leaves_the_values_unshared() {
        let mut params = Params::<f32>::new(0);
        let weight = params.scope("a").add("weight", [2], Init::Ones);
        let pass = Pass::training(&params, Key::new(0));
        let loss = pass.param(weight).square().sum();
        params.backward(&pass, loss);
        drop(pass);
        assert_eq!(params.grad(weight), Some(&[2.0, 2.0][..]));
        assert!(Arc::get_mut(&mut params.values).is_some());
    }

    #[test]
    fn new_values_of_frozen_parameters_come_with_the_next_write() {
        let mut params = Params::<f32>::new(0);
        let weight = params.scope("a").add("weight", [2], Init::Ones);
        let frozen = params.scope("b").add_frozen("mean", [2], Init::Ones);
        let pass = Pass::training(&params, Key::new(0));
        for _ in 0..2 {
            let twice = pass.param(frozen).affine(2.0, 0.0);
            pass.update(frozen, &twice);
        }
        let loss = pass.param(weight).mul(&pass.param(frozen)).sum();
        params.backward(&pass, loss);
        assert_eq!(params.grad(weight), Some(&[4.0, 4.0][..]));
        assert_eq!(params.get(frozen), [1.0, 1.0]);
        drop(pass);
        params.get_mut(weight)[0] = 3.0;
        assert_eq!(params.values(), [3.0, 1.0, 4.0, 4.0]);
    }

    #[test]
    #[should_panic(expected = "update: expected a frozen parameter of shape [2] for `a.weight`")]
    fn a_trained_parameter_is_not_updated() {
        let mut params = Params::<f32>::new(0);
        let weight = params.scope("a").add("weight", [2], Init::Ones);
        let pass = Pass::training(&params, Key::new(0));
        pass.update(weight, &Tensor::zeros([2]));
    }

    #[test]
    fn unused_parameters_get_gradient_zero() {
        let mut params = Params::<f32>::new(0);
        let used = params.scope("a").add("weight", [2], Init::Ones);
        let unused = params.scope("b").add("weight", [2], Init::Ones);
        let frozen = params.scope("c").add_frozen("weight", [2], Init::Ones);
        for _ in 0..2 {
            let pass = Pass::training(&params, Key::new(0));
            let loss = pass.param(used).mul(&pass.param(frozen)).sum();
            params.backward(&pass, loss);
        }
        assert_eq!(params.grad(used), Some(&[1.0, 1.0][..]));
        assert_eq!(params.grad(unused), Some(&[0.0, 0.0][..]));
        assert_eq!(params.grad(frozen), Some(&[0.0, 0.0][..]));
    }
}
