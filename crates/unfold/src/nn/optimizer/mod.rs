//! Optimizers: how gradients change parameters.

mod adadelta;
mod adam;
mod rmsprop;
mod sgd;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use unfold_kernels::{self as kernels, Buffer};

pub use adadelta::Adadelta;
pub use adam::{Adam, AdamW};
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

use crate::Float;
use crate::error::{Error, Result};
use crate::nn::Params;
use crate::nn::choice::{Choice, kind_or_table};
use crate::nn::params::Stretch;

/// Which optimizer, and its settings; what is left out is as in PyTorch.
///
/// In a recipe it is a kind or a table: `"adamw"`, or `{ kind = "sgd", momentum = 0.9 }`. The
/// learning rate is not part of it: [`Optimizer::step`] is told the rate of each step.
///
/// ```
/// use unfold::nn::{OptimizerConfig, Sgd};
/// let config: OptimizerConfig = serde_json::from_str(r#"{"kind": "sgd", "momentum": 0.9}"#).unwrap();
/// assert_eq!(config, OptimizerConfig::Sgd(Sgd { momentum: 0.9, ..Sgd::default() }));
/// assert_eq!(OptimizerConfig::default().name(), "adam");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", remote = "Self")]
pub enum OptimizerConfig {
    /// Stochastic gradient descent, with momentum.
    Sgd(Sgd),
    /// Adam.
    Adam(Adam),
    /// Adam with decoupled weight decay.
    AdamW(AdamW),
    /// RMSprop.
    RmsProp(RmsProp),
    /// Adadelta.
    Adadelta(Adadelta),
}

impl Default for OptimizerConfig {
    fn default() -> OptimizerConfig {
        OptimizerConfig::Adam(Adam::default())
    }
}

impl OptimizerConfig {
    /// The name in recipes.
    pub fn name(&self) -> &'static str {
        match self {
            OptimizerConfig::Sgd(_) => "sgd",
            OptimizerConfig::Adam(_) => "adam",
            OptimizerConfig::AdamW(_) => "adamw",
            OptimizerConfig::RmsProp(_) => "rmsprop",
            OptimizerConfig::Adadelta(_) => "adadelta",
        }
    }

    /// A learning rate that usually works.
    pub fn usual_rate(&self) -> f64 {
        match self {
            OptimizerConfig::Sgd(_) => 0.1,
            OptimizerConfig::Adam(_) | OptimizerConfig::AdamW(_) => 1e-3,
            OptimizerConfig::RmsProp(_) => 1e-3,
            OptimizerConfig::Adadelta(_) => 1.0,
        }
    }

    /// Checks the settings, so that a mistake in a recipe is told before training starts.
    ///
    /// # Errors
    /// When a setting lies outside its range.
    pub fn check(&self) -> Result<()> {
        let rule = self.rule::<f32>();
        let settings = rule.settings();
        for (name, value, range) in settings {
            if !range.holds(value) {
                return Err(Error::recipe(
                    format!("optimizer {}", self.name()),
                    format!("{name} = {value}"),
                    format!("{name} must be {}", range.text()),
                ));
            }
        }
        Ok(())
    }

    fn rule<E: Float>(&self) -> &dyn Rule<E> {
        match self {
            OptimizerConfig::Sgd(rule) => rule,
            OptimizerConfig::Adam(rule) => rule,
            OptimizerConfig::AdamW(rule) => rule,
            OptimizerConfig::RmsProp(rule) => rule,
            OptimizerConfig::Adadelta(rule) => rule,
        }
    }
}

impl Choice for OptimizerConfig {
    const WHAT: &'static str = "an optimizer";

    fn from_table<'de, D: Deserializer<'de>>(table: D) -> Result<Self, D::Error> {
        // With `remote = "Self"` this is the derived function, not the trait's.
        OptimizerConfig::deserialize(table)
    }
}

impl<'de> Deserialize<'de> for OptimizerConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        kind_or_table(deserializer)
    }
}

impl Serialize for OptimizerConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        OptimizerConfig::serialize(self, serializer)
    }
}

/// One way of changing values along their gradients.
trait Rule<E: Float>: Sync {
    /// The buffers it keeps beside the values, each as long as all values.
    fn slots(&self) -> &'static [&'static str];

    /// Its settings and the range each must lie in.
    fn settings(&self) -> Vec<(&'static str, f64, Range)>;

    /// Whether values whose gradient is 0 stay as they are; only without slots.
    fn leaves_still(&self, _: &Moment) -> bool {
        false
    }

    /// Changes some values, and the same places of each slot.
    fn update(&self, at: &Moment, values: &mut [E], gradients: &[E], slots: &mut [&mut [E]]);
}

/// Values changed by one task.
const CHUNK: usize = 16 * 1024;

/// Changes all values of a stretch, in one pass over memory.
fn update_in_parallel<E: Float>(
    rule: &dyn Rule<E>,
    at: &Moment,
    stretch: Stretch<'_, E>,
    slots: &mut [Buffer<E>],
) {
    let Stretch {
        values,
        gradients,
        rows,
        range,
        ..
    } = stretch;
    if let Some(rows) = rows
        && rule.leaves_still(at)
    {
        rows.for_each(values, |first, values| {
            let gradients = &gradients[first..][..values.len()];
            rule.update(at, values, gradients, &mut []);
        });
        return;
    }
    let mut own = slots.iter_mut().map(|slot| &mut slot[range.clone()]);
    let mut slot = || own.next().unwrap_or_default();
    let parts = [values, slot(), slot(), slot()];
    let used = rule.slots().len();
    kernels::parallel_parts(parts, CHUNK, |first, [values, slots @ ..]| {
        let (gradients, mut slots) = (&gradients[first..][..values.len()], slots);
        rule.update(at, values, gradients, &mut slots[..used]);
    });
}

/// When and how far a [`Rule`] steps.
struct Moment {
    /// The number of this step, from 1.
    step: u64,
    /// The learning rate.
    rate: f64,
    /// Whether weight decay applies to these values.
    decay: bool,
}

impl Moment {
    /// The weight decay that applies.
    fn decay<E: Float>(&self, weight_decay: f64) -> E {
        E::from_f64(if self.decay { weight_decay } else { 0.0 })
    }
}

/// Where a setting may lie.
#[derive(Clone, Copy)]
enum Range {
    AtLeastZero,
    AboveZero,
    Share,
}

impl Range {
    fn holds(self, value: f64) -> bool {
        match self {
            Range::AtLeastZero => value >= 0.0 && value.is_finite(),
            Range::AboveZero => value > 0.0 && value.is_finite(),
            Range::Share => (0.0..1.0).contains(&value),
        }
    }

    fn text(self) -> &'static str {
        match self {
            Range::AtLeastZero => "at least 0",
            Range::AboveZero => "above 0",
            Range::Share => "at least 0 and below 1",
        }
    }
}

/// An optimizer at work on the parameters of one model.
///
/// Weight decay applies to the parameters whose entry says so; frozen parameters are left alone.
/// The state is a few flat buffers, laid out as the parameters are, that can be stored in a
/// checkpoint and read back.
///
/// ```
/// use unfold::nn::{Init, Optimizer, OptimizerConfig, Params, Pass, Sgd};
/// use unfold::random::Key;
///
/// let mut params = Params::<f32>::new(0);
/// let x = params.scope("a").add("x", [1], Init::Ones);
/// let mut optimizer = Optimizer::new(OptimizerConfig::Sgd(Sgd::default()), &params);
/// let pass = Pass::training(&params, Key::new(0));
/// let loss = pass.param(x).square().sum();
/// params.backward(&pass, &loss);
/// drop((pass, loss));
/// optimizer.step(&mut params, 0.25);
/// assert_eq!(params.get(x), [0.5]);
/// ```
#[derive(Clone)]
pub struct Optimizer<E: Float = f32> {
    config: OptimizerConfig,
    steps: u64,
    /// The steps as numbers that any state can hold: see [`Optimizer::state`].
    clock: [E; 2],
    slots: Vec<Buffer<E>>,
}

/// A state counts steps in units of 1 and of this, so that both counts are exact in any type.
const CLOCK: u64 = 1 << 20;
/// The name of that part of the state.
const STEPS: &str = "steps";

impl<E: Float> Optimizer<E> {
    /// An optimizer that has not made a step, for parameters laid out as `params` are now.
    pub fn new(config: OptimizerConfig, params: &Params<E>) -> Optimizer<E> {
        let slots = config.rule::<E>().slots();
        Optimizer {
            slots: slots.iter().map(|_| Buffer::zeros(params.len())).collect(),
            config,
            steps: 0,
            clock: [E::ZERO; 2],
        }
    }

    /// Which optimizer this is.
    pub fn config(&self) -> &OptimizerConfig {
        &self.config
    }

    /// How many steps it has made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Changes all trainable parameters along their gradients.
    ///
    /// # Panics
    /// When the parameters have no gradients yet, or more were added since the optimizer was
    /// made.
    #[track_caller]
    pub fn step(&mut self, params: &mut Params<E>, rate: f64) {
        let len = params.len();
        assert!(
            params.grads().len() == len && self.slots.iter().all(|slot| slot.len() == len),
            "optimizer: expected {len} gradients and as many values in its state, got {} and {:?}",
            params.grads().len(),
            self.slots.iter().map(|slot| slot.len()).collect::<Vec<_>>(),
        );
        self.set_steps(self.steps + 1);
        let rule = self.config.rule::<E>();
        params.for_each_stretch(|stretch| {
            let moment = Moment {
                step: self.steps,
                rate,
                decay: stretch.decay,
            };
            update_in_parallel(rule, &moment, stretch, &mut self.slots);
        });
    }

    fn set_steps(&mut self, steps: u64) {
        self.steps = steps;
        let count = |n: u64| E::from_f64(n as f64);
        self.clock = [count(steps % CLOCK), count(steps / CLOCK)];
    }

    /// The state to store: the number of steps and each buffer, with their names.
    pub fn state(&self) -> Vec<(&'static str, &[E])> {
        let names = self.config.rule::<E>().slots().iter().copied();
        let slots = self.slots.iter().map(|slot| &slot[..]);
        let steps = (STEPS, &self.clock[..]);
        std::iter::once(steps).chain(names.zip(slots)).collect()
    }

    /// Goes on from a stored state.
    ///
    /// # Errors
    /// When the state is not one of this optimizer and model.
    pub fn restore(&mut self, state: &[(&str, &[E])]) -> Result<()> {
        let mut found = Vec::with_capacity(self.slots.len() + 1);
        for (name, own) in self.state() {
            let stored = state.iter().find(|(stored, _)| *stored == name);
            let stored = stored.map_or(&[][..], |(_, values)| values);
            if stored.len() != own.len() {
                return Err(Error::model(
                    "checkpoint",
                    format!(
                        "optimizer {}: expected {} values of `{name}`, got {}",
                        self.config.name(),
                        own.len(),
                        stored.len(),
                    ),
                    "resume with the recipe that the checkpoint was made with",
                ));
            }
            found.push(stored);
        }
        let (clock, slots) = found.split_first().expect("the steps");
        for (slot, values) in self.slots.iter_mut().zip(slots) {
            slot.copy_from_slice(values);
        }
        let count = |n: E| n.to_f64() as u64;
        self.set_steps(count(clock[0]) + CLOCK * count(clock[1]));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
