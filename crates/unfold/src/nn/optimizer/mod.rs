//! Optimizers: how gradients change parameters.

mod adadelta;
mod adam;
mod average;
mod clock;
mod lookahead;
mod non_monotone;
mod rmsprop;
mod sgd;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use unfold_kernels::{self as kernels, Buffer};

pub use adadelta::Adadelta;
pub use adam::{Adam, AdamW};
use average::Average;
use clock::Clock;
pub use lookahead::Lookahead;
use lookahead::Slow;
pub use non_monotone::NonMonotone;
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
/// params.backward(&pass, loss);
/// drop(pass);
/// optimizer.step(&mut params, 0.25);
/// assert_eq!(params.get(x), [0.5]);
/// ```
#[derive(Clone)]
pub struct Optimizer<E: Float = f32> {
    config: OptimizerConfig,
    steps: Clock<E>,
    /// How many values the parameters have.
    len: usize,
    slots: Vec<Buffer<E>>,
    slow: Option<Slow<E>>,
    average: Option<Average<E>>,
}

/// Names of parts of the state: how many steps, slow values, the average, of how many values it is and how it forgets.
const STEPS: &str = "steps";
const SLOW: &str = "slow";
const AVERAGE: &str = "average";
const AVERAGED: &str = "averaged";
const DECAY: &str = "average_decay";

impl<E: Float> Optimizer<E> {
    /// An optimizer that has not made a step, for parameters laid out as `params` are now.
    pub fn new(config: OptimizerConfig, params: &Params<E>) -> Optimizer<E> {
        let (slots, len) = (config.rule::<E>().slots(), params.len());
        Optimizer {
            slots: slots.iter().map(|_| Buffer::zeros(len)).collect(),
            config,
            steps: Clock::new(0),
            len,
            slow: None,
            average: None,
        }
    }

    /// Which optimizer this is.
    pub fn config(&self) -> &OptimizerConfig {
        &self.config
    }

    /// How many steps it has made.
    pub fn steps(&self) -> u64 {
        self.steps.steps()
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
            params.grads().len() == len && self.len == len,
            "optimizer: expected {len} gradients and as many values in its state, got {} and {}",
            params.grads().len(),
            self.len,
        );
        self.steps = Clock::new(self.steps() + 1);
        let step = self.steps();
        let rule = self.config.rule::<E>();
        params.for_each_stretch(|stretch| {
            let moment = Moment {
                step,
                rate: rate * stretch.rate,
                decay: stretch.decay,
            };
            update_in_parallel(rule, &moment, stretch, &mut self.slots);
        });
        if let Some(slow) = &mut self.slow {
            slow.follow(step, params.values_mut());
        }
        if let Some(average) = &mut self.average {
            average.add(params.values());
        }
    }

    /// Looks ahead from the values of `params` on, over the `total` steps that this optimizer will have made in all.
    ///
    /// ```
    /// use unfold::nn::{Init, Lookahead, Optimizer, OptimizerConfig, Params, Pass, Sgd};
    /// use unfold::random::Key;
    ///
    /// let mut params = Params::<f32>::new(0);
    /// let x = params.scope("a").add("x", [1], Init::Ones);
    /// let mut optimizer = Optimizer::new(OptimizerConfig::Sgd(Sgd::default()), &params);
    /// optimizer.look_ahead(&params, Lookahead { every: 2, ..Lookahead::default() }, 10);
    /// for fast_or_slow in [0.5, 0.625] {
    ///     let pass = Pass::training(&params, Key::new(0));
    ///     let loss = pass.param(x).square().sum();
    ///     params.backward(&pass, loss);
    ///     drop(pass);
    ///     optimizer.step(&mut params, 0.25);
    ///     // After the second step 0.25, brought half of the way back to 1.
    ///     assert_eq!(params.values(), [fast_or_slow]);
    /// }
    /// ```
    ///
    /// # Panics
    /// When `params` are not laid out as those it was made for.
    #[track_caller]
    pub fn look_ahead(&mut self, params: &Params<E>, config: Lookahead, total: u64) {
        let (expected, got) = (self.len, params.len());
        assert!(
            got == expected,
            "optimizer: expected {expected} values to look ahead from, got {got}"
        );
        self.slow = Some(Slow::new(config, params.values(), total));
    }

    /// Averages all values (Polyak and Juditsky 1992) from those of `params` on, over the steps that follow:
    /// with plain descent that is averaged SGD, and when [`NonMonotone`] says so NT-ASGD (Merity et al.
    /// 2017). Called again, it begins anew. Each step then passes over all values once more.
    ///
    /// ```
    /// use unfold::nn::{Init, Optimizer, OptimizerConfig, Params, Pass, Sgd};
    /// use unfold::random::Key;
    ///
    /// let mut params = Params::<f32>::new(0);
    /// let x = params.scope("a").add("x", [1], Init::Ones);
    /// let mut optimizer = Optimizer::new(OptimizerConfig::Sgd(Sgd::default()), &params);
    /// optimizer.start_averaging(&params);
    /// let pass = Pass::training(&params, Key::new(0));
    /// let loss = pass.param(x).square().sum();
    /// params.backward(&pass, loss);
    /// drop(pass);
    /// optimizer.step(&mut params, 0.25);
    /// assert_eq!(params.values(), [0.5]);
    /// assert_eq!(optimizer.averaged().unwrap(), [0.75]);
    ///
    /// // The averaged model, to evaluate or to keep.
    /// let mut averaged = params.clone();
    /// averaged.values_mut().copy_from_slice(optimizer.averaged().unwrap());
    /// ```
    ///
    /// # Panics
    /// When `params` are not laid out as those it was made for.
    #[track_caller]
    pub fn start_averaging(&mut self, params: &Params<E>) {
        self.start_moving_average(params, 1.0);
    }

    /// As [`Optimizer::start_averaging`], with an average that forgets: a value counts `decay` times as much after
    /// each later step (an exponential moving average). Until 1 / (1 - decay) steps are made, all count alike.
    ///
    /// # Panics
    /// When `params` are not laid out as those it was made for.
    #[track_caller]
    pub fn start_moving_average(&mut self, params: &Params<E>, decay: f64) {
        let (expected, got) = (self.len, params.len());
        assert!(
            got == expected,
            "optimizer: expected {expected} values to average, got {got}"
        );
        self.average = Some(Average::new(params.values(), decay));
    }

    /// The averages of all values, each where it lies in [`Params::values`]; `None` before
    /// [`Optimizer::start_averaging`].
    pub fn averaged(&self) -> Option<&[E]> {
        self.average.as_ref().map(|average| &average.values[..])
    }

    /// The state to store: the number of steps, each buffer, slow values and the average, with their names.
    pub fn state(&self) -> Vec<(&'static str, &[E])> {
        let mut state = vec![(STEPS, &self.steps.digits()[..])];
        let names = self.config.rule::<E>().slots().iter().copied();
        state.extend(names.zip(self.slots.iter().map(|slot| &slot[..])));
        if let Some(slow) = &self.slow {
            state.push((SLOW, &slow.values));
        }
        if let Some(average) = &self.average {
            state.extend([
                (AVERAGE, &average.values[..]),
                (AVERAGED, average.count.digits()),
                (DECAY, &average.decay),
            ]);
        }
        state
    }

    /// Goes on from a stored state.
    ///
    /// # Errors
    /// When the state is not one of this optimizer and model.
    pub fn restore(&mut self, state: &[(&str, &[E])]) -> Result<()> {
        let find = |name: &str| {
            let stored = state.iter().find(|(stored, _)| *stored == name);
            stored.map(|(_, values)| *values)
        };
        let read = |name: &str, expected: usize| {
            let values = find(name).unwrap_or_default();
            if values.len() != expected {
                return Err(Error::model(
                    "checkpoint",
                    format!(
                        "optimizer {}: expected {expected} values of `{name}`, got {}",
                        self.config.name(),
                        values.len(),
                    ),
                    "resume with the recipe that the checkpoint was made with",
                ));
            }
            Ok(values)
        };
        let steps = Clock::read(read(STEPS, 2)?);
        let names = self.config.rule::<E>().slots().iter();
        let slots: Vec<_> = names
            .map(|name| read(name, self.len))
            .collect::<Result<_>>()?;
        if let Some(slow) = &mut self.slow {
            slow.values.copy_from_slice(read(SLOW, self.len)?);
        }
        let average = match find(AVERAGE) {
            Some(_) => Some(Average {
                values: Buffer::from_slice(read(AVERAGE, self.len)?),
                count: Clock::read(read(AVERAGED, 2)?),
                decay: [read(DECAY, 1)?[0]],
            }),
            None => None,
        };
        for (slot, values) in self.slots.iter_mut().zip(slots) {
            slot.copy_from_slice(values);
        }
        (self.steps, self.average) = (steps, average);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
