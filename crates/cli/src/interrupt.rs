//! Ctrl-C, or the system's request to end: the first one asks a training to stop after its step, the second
//! one ends the program.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};

use crate::failure::INTERRUPTED;
use crate::tell::tell;

/// Knows whether the user asked to stop.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<State>);

#[derive(Debug)]
struct State {
    /// Whether there is a training that will stop when asked.
    training: AtomicBool,
    asked: AtomicBool,
    /// What to say when there is none.
    outside: Mutex<&'static str>,
}

impl Default for State {
    fn default() -> State {
        State {
            training: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            outside: Mutex::new("stopped before the first step: nothing was learned"),
        }
    }
}

impl Interrupt {
    /// Catches Ctrl-C from now on.
    pub(crate) fn install() -> Result<Self> {
        let interrupt = Self::default();
        let state = Arc::clone(&interrupt.0);
        ctrlc::set_handler(move || {
            let training = state.training.load(Ordering::SeqCst);
            if !training {
                let outside = state.outside.lock();
                tell!("\n{}", outside.unwrap_or_else(PoisonError::into_inner));
            }
            if !training || state.asked.swap(true, Ordering::SeqCst) {
                std::process::exit(INTERRUPTED.into());
            }
            tell!("\nsaving after this step; press Ctrl-C again to stop at once without saving");
        })
        .context("cannot catch Ctrl-C")?;
        Ok(interrupt)
    }

    /// A training has begun that asks [`asked`](Self::asked) after each step.
    pub(crate) fn training_began(&self) {
        self.0.training.store(true, Ordering::SeqCst);
    }

    /// Nobody asks now: Ctrl-C says `what` and ends the program at once.
    pub(crate) fn outside(&self, what: &'static str) {
        let mut outside = self.0.outside.lock();
        **outside
            .as_mut()
            .unwrap_or_else(|poisoned| poisoned.get_mut()) = what;
        self.0.training.store(false, Ordering::SeqCst);
    }

    /// Whether the user pressed Ctrl-C.
    pub(crate) fn asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }
}
