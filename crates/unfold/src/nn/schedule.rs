//! The learning rate over the course of training.

use std::f64::consts::PI;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};
use crate::nn::choice::{Choice, kind_or_table};

/// How the learning rate changes: a factor on it for each step of the optimizer.
///
/// In a recipe a schedule is a kind or a table: `"cosine"`, or
/// `{ kind = "cosine", warmup = 100, floor = 0.1 }`. All but one-cycle can start with a `warmup`:
/// that many steps over which the factor rises evenly to 1; the schedule proper begins after it.
///
/// ```
/// use unfold::nn::Schedule;
/// let schedule = Schedule::Cosine { floor: 0.0, warmup: 2 };
/// let factors: Vec<f64> = (0..6).map(|step| schedule.factor(step, 6)).collect();
/// assert_eq!(factors[..3], [0.5, 1.0, 1.0]);
/// assert!((factors[4] - 0.5).abs() < 1e-12);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "snake_case",
    deny_unknown_fields,
    remote = "Self"
)]
pub enum Schedule {
    /// Always 1.
    Constant {
        /// Steps of warm-up.
        #[serde(default)]
        warmup: usize,
    },
    /// Multiplied by `factor` after `hold` steps and then every `every` steps.
    Step {
        /// Steps between two changes.
        every: usize,
        /// Steps before the first change (Zaremba et al. 2014); `every` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hold: Option<usize>,
        /// What each change multiplies by.
        #[serde(default = "tenth")]
        factor: f64,
        /// Steps of warm-up.
        #[serde(default)]
        warmup: usize,
    },
    /// Down from 1 to `floor` along half a cosine (Loshchilov and Hutter 2017).
    Cosine {
        /// Where it ends.
        #[serde(default)]
        floor: f64,
        /// Steps of warm-up.
        #[serde(default)]
        warmup: usize,
    },
    /// Down from 1 to `floor` in a straight line.
    Linear {
        /// Where it ends.
        #[serde(default)]
        floor: f64,
        /// Steps of warm-up.
        #[serde(default)]
        warmup: usize,
    },
    /// Up from `start` to 1 over the share `rise` of training, then down to `end`
    /// (Smith and Topin 2019).
    OneCycle {
        /// The share of training spent rising, in 0..1.
        #[serde(default = "three_tenths")]
        rise: f64,
        /// Where it starts.
        #[serde(default = "one_cycle_start")]
        start: f64,
        /// Where it ends.
        #[serde(default = "one_cycle_end")]
        end: f64,
        /// The shape of the way up and down.
        #[serde(default)]
        anneal: Anneal,
    },
    /// Multiplied by `factor` whenever the measure has not improved for more than `patience`
    /// evaluations.
    Plateau {
        /// What each change multiplies by.
        #[serde(default = "tenth")]
        factor: f64,
        /// Evaluations without improvement that are borne.
        #[serde(default = "ten")]
        patience: usize,
        /// The share by which a measure must beat the best one to count as better.
        #[serde(default = "ten_thousandth")]
        threshold: f64,
        /// Evaluations after a change during which none is counted as bad.
        #[serde(default)]
        cooldown: usize,
        /// The factor never falls below this.
        #[serde(default)]
        floor: f64,
        /// Which measure is best.
        #[serde(default)]
        goal: Goal,
        /// Steps of warm-up.
        #[serde(default)]
        warmup: usize,
    },
}

/// The shape of a one-cycle schedule's way up and down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anneal {
    /// Half a cosine.
    #[default]
    Cosine,
    /// A straight line.
    Linear,
}

/// Which measure is best.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The lowest, as for a loss.
    #[default]
    Lowest,
    /// The highest, as for an accuracy.
    Highest,
}

fn tenth() -> f64 {
    0.1
}

fn three_tenths() -> f64 {
    0.3
}

fn one_cycle_start() -> f64 {
    1.0 / 25.0
}

fn one_cycle_end() -> f64 {
    one_cycle_start() / 1e4
}

fn ten() -> usize {
    10
}

fn ten_thousandth() -> f64 {
    1e-4
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule::Constant { warmup: 0 }
    }
}

impl Schedule {
    /// The factor on the learning rate at `step`, counted from 0, of `total` steps. On a plateau
    /// schedule this is the warm-up alone: a [`Scheduler`] knows the rest.
    pub fn factor(&self, step: usize, total: usize) -> f64 {
        let warmup = self.warmup();
        if step < warmup {
            return (step + 1) as f64 / warmup as f64;
        }
        let (at, span) = (step - warmup, total.saturating_sub(warmup).max(1));
        let progress = (at as f64 / span as f64).min(1.0);
        match *self {
            Schedule::Constant { .. } | Schedule::Plateau { .. } => 1.0,
            Schedule::Step {
                every,
                hold,
                factor,
                ..
            } => {
                let (every, hold) = (every.max(1), hold.unwrap_or(every));
                let changes = at.checked_sub(hold).map_or(0, |since| 1 + since / every);
                factor.powf(changes as f64)
            }
            Schedule::Cosine { floor, .. } => Anneal::Cosine.between(1.0, floor, progress),
            Schedule::Linear { floor, .. } => Anneal::Linear.between(1.0, floor, progress),
            Schedule::OneCycle {
                rise,
                start,
                end,
                anneal,
            } => {
                let last = total.saturating_sub(1).max(1) as f64;
                let top = (rise * total as f64 - 1.0).clamp(0.0, last);
                let step = (step as f64).min(last);
                if step < top {
                    anneal.between(start, 1.0, step / top)
                } else {
                    anneal.between(1.0, end, (step - top) / (last - top).max(f64::MIN_POSITIVE))
                }
            }
        }
    }

    /// Checks the settings, so that a mistake in a recipe is told before training starts.
    ///
    /// # Errors
    /// Naming the setting, as in `train.schedule.rise`, and the range it must lie in.
    pub fn check(&self) -> Result<()> {
        const SHARE: &str = "a number in 0..=1";
        const FACTOR: &str = "a number above 0 and at most 1";
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let factor = |value: f64| value > 0.0 && value <= 1.0;
        let checks = match *self {
            Schedule::Constant { .. } => Vec::new(),
            Schedule::Step {
                every, factor: by, ..
            } => vec![
                ("every", every as f64, every > 0, "a whole number above 0"),
                ("factor", by, by > 0.0 && by.is_finite(), "a number above 0"),
            ],
            Schedule::Cosine { floor, .. } | Schedule::Linear { floor, .. } => {
                vec![("floor", floor, share(floor), SHARE)]
            }
            Schedule::OneCycle {
                rise, start, end, ..
            } => vec![
                ("rise", rise, share(rise), SHARE),
                ("start", start, share(start), SHARE),
                ("end", end, share(end), SHARE),
            ],
            Schedule::Plateau {
                factor: by,
                threshold,
                floor,
                ..
            } => vec![
                ("factor", by, factor(by), FACTOR),
                ("threshold", threshold, share(threshold), SHARE),
                ("floor", floor, share(floor), SHARE),
            ],
        };
        match checks.into_iter().find(|(_, _, holds, _)| !holds) {
            None => Ok(()),
            Some((key, value, _, range)) => Err(Error::recipe(
                format!("train.schedule.{key}"),
                format!("is {value}"),
                format!("choose {range}"),
            )),
        }
    }

    fn warmup(&self) -> usize {
        match *self {
            Schedule::Constant { warmup }
            | Schedule::Step { warmup, .. }
            | Schedule::Cosine { warmup, .. }
            | Schedule::Linear { warmup, .. }
            | Schedule::Plateau { warmup, .. } => warmup,
            Schedule::OneCycle { .. } => 0,
        }
    }
}

impl Anneal {
    /// From `a` to `b` as `progress` goes from 0 to 1.
    fn between(self, a: f64, b: f64, progress: f64) -> f64 {
        match self {
            Anneal::Cosine => b + (a - b) * (1.0 + (PI * progress).cos()) / 2.0,
            Anneal::Linear => a + (b - a) * progress,
        }
    }
}

impl Choice for Schedule {
    const WHAT: &'static str = "a schedule";

    fn from_table<'de, D: Deserializer<'de>>(table: D) -> Result<Self, D::Error> {
        // With `remote = "Self"` this is the derived function, not the trait's.
        Schedule::deserialize(table)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        kind_or_table(deserializer)
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Schedule::serialize(self, serializer)
    }
}

/// A [`Schedule`] in use, with what it remembers between evaluations: a few numbers that can be
/// stored in a checkpoint and read back.
///
/// ```
/// use unfold::nn::{Schedule, Scheduler};
/// let plateau: Schedule = serde_json::from_str(r#"{"kind": "plateau", "patience": 0}"#).unwrap();
/// let mut scheduler = Scheduler::new(plateau, 10);
/// scheduler.observe(0.7);
/// scheduler.observe(0.8); // the loss grew
/// assert_eq!(scheduler.factor(2), 0.1);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Scheduler {
    schedule: Schedule,
    total: usize,
    /// What the plateaus so far multiply by.
    reduced: f64,
    best: Option<f64>,
    /// Evaluations in a row that were no better.
    bad: usize,
    /// Evaluations of the cool-down still to come.
    resting: usize,
}

impl Scheduler {
    /// The schedule at the beginning of `total` steps.
    pub fn new(schedule: Schedule, total: usize) -> Scheduler {
        Scheduler {
            schedule,
            total,
            reduced: 1.0,
            best: None,
            bad: 0,
            resting: 0,
        }
    }

    /// The schedule.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The factor on the learning rate at `step`, counted from 0.
    pub fn factor(&self, step: usize) -> f64 {
        self.schedule.factor(step, self.total) * self.reduced
    }

    /// What it remembers.
    pub fn state(&self) -> Vec<f64> {
        let counts = [self.bad as f64, self.resting as f64];
        let best = self.best.into_iter();
        [self.reduced]
            .into_iter()
            .chain(counts)
            .chain(best)
            .collect()
    }

    /// Goes on from what another remembered.
    ///
    /// # Errors
    /// When `state` is not what [`Scheduler::state`] gives.
    pub fn restore(&mut self, state: &[f64]) -> Result<()> {
        let (&[reduced, bad, resting], best) = state.split_first_chunk().ok_or_else(|| {
            Error::model(
                "checkpoint",
                format!("schedule: expected at least 3 numbers, got {}", state.len()),
                "train again without --resume",
            )
        })?;
        self.reduced = reduced;
        self.bad = bad as usize;
        self.resting = resting as usize;
        self.best = best.first().copied();
        Ok(())
    }

    /// Takes note of the measure of an evaluation; only a plateau schedule minds.
    pub fn observe(&mut self, measure: f64) {
        let Schedule::Plateau {
            factor,
            patience,
            threshold,
            cooldown,
            floor,
            goal,
            ..
        } = self.schedule
        else {
            return;
        };
        let better = match (self.best, goal) {
            (None, _) => !measure.is_nan(),
            (Some(best), Goal::Lowest) => measure < best * (1.0 - threshold),
            (Some(best), Goal::Highest) => measure > best * (1.0 + threshold),
        };
        if better {
            self.best = Some(measure);
            self.bad = 0;
        } else {
            self.bad += 1;
        }
        if self.resting > 0 {
            self.resting -= 1;
            self.bad = 0;
        }
        if self.bad > patience {
            self.reduced = (self.reduced * factor).max(floor);
            self.resting = cooldown;
            self.bad = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_enough() {
        let read = |text: &str| toml::from_str::<std::collections::HashMap<String, Schedule>>(text);
        assert_eq!(
            read("schedule = 'cosine'").unwrap()["schedule"],
            Schedule::Cosine {
                floor: 0.0,
                warmup: 0
            }
        );
        assert_eq!(
            read("schedule = { kind = 'step', every = 5, warmup = 2 }").unwrap()["schedule"],
            Schedule::Step {
                every: 5,
                hold: None,
                factor: 0.1,
                warmup: 2
            }
        );
        let held = Schedule::Step {
            every: 2,
            hold: Some(3),
            factor: 0.5,
            warmup: 0,
        };
        let factors: Vec<f64> = (0..7).map(|step| held.factor(step, 7)).collect();
        assert_eq!(factors, [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25]);
        let unknown = read("schedule = 'cosinus'").unwrap_err().to_string();
        assert!(
            unknown.contains("unknown variant `cosinus`, expected one of"),
            "{unknown}"
        );
        let field = read("schedule = { kind = 'cosine', flor = 1 }")
            .unwrap_err()
            .to_string();
        assert!(field.contains("unknown field `flor`"), "{field}");
        let kind = read("schedule = 3").unwrap_err().to_string();
        assert!(
            kind.contains("the kind of a schedule, or a table with it"),
            "{kind}"
        );
    }

    #[test]
    fn a_scheduler_survives_a_checkpoint() {
        let plateau: Schedule = serde_json::from_str(r#"{"kind":"plateau","patience":1}"#).unwrap();
        let mut scheduler = Scheduler::new(plateau.clone(), 10);
        let mut restored = Scheduler::new(plateau, 10);
        for measure in [1.0, 2.0, 2.0] {
            restored.restore(&scheduler.state()).unwrap();
            assert_eq!(restored, scheduler);
            scheduler.observe(measure);
            restored.observe(measure);
        }
        assert_eq!(restored.factor(0), 0.1);
        let error = restored.restore(&[1.0]).unwrap_err().to_string();
        assert!(
            error.contains("schedule: expected at least 3 numbers, got 1"),
            "{error}"
        );
    }

    #[test]
    fn rates_below_0_or_above_the_highest_are_refused() {
        let said = |schedule: &str| {
            let schedule: Schedule = serde_json::from_str(schedule).unwrap();
            schedule.check().map_err(|error| error.to_string())
        };
        for (schedule, key) in [
            (r#"{"kind": "cosine", "floor": -1}"#, "floor: is -1"),
            (r#"{"kind": "linear", "floor": 2}"#, "floor: is 2"),
            (r#"{"kind": "one_cycle", "rise": 2}"#, "rise: is 2"),
            (r#"{"kind": "one_cycle", "start": -1}"#, "start: is -1"),
            (r#"{"kind": "one_cycle", "end": 1.5}"#, "end: is 1.5"),
            (r#"{"kind": "step", "every": 0}"#, "every: is 0"),
            (
                r#"{"kind": "step", "every": 1, "factor": 0}"#,
                "factor: is 0",
            ),
            (r#"{"kind": "plateau", "factor": 2}"#, "factor: is 2"),
            (
                r#"{"kind": "plateau", "threshold": -1}"#,
                "threshold: is -1",
            ),
        ] {
            let error = said(schedule).unwrap_err();
            let key = format!("train.schedule.{key}");
            assert!(error.starts_with(&key), "{schedule}: {error}");
        }
        let nan = Schedule::Cosine {
            floor: f64::NAN,
            warmup: 0,
        };
        assert!(nan.check().is_err());
        for kind in ["constant", "cosine", "linear", "one_cycle", "plateau"] {
            said(&format!("{kind:?}")).unwrap();
        }
        said(r#"{"kind": "one_cycle", "rise": 0, "start": 1, "end": 0}"#).unwrap();
    }

    #[test]
    fn odd_settings_stay_finite() {
        for name in ["constant", "cosine", "linear", "one_cycle", "plateau"] {
            let schedule: Schedule = serde_json::from_str(&format!("{name:?}")).unwrap();
            for total in 0..3 {
                for step in 0..4 {
                    let factor = schedule.factor(step, total);
                    assert!(
                        (0.0..=1.0).contains(&factor),
                        "{name} {step} of {total}: {factor}"
                    );
                }
            }
        }
    }
}
