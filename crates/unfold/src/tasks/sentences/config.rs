//! Which words of captions are learned.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Which words a model of captions learns.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WordConfig {
    /// Words met less often in training captions are unknown.
    pub min_count: usize,
    /// Longer captions are cut to so many words.
    pub max_length: usize,
}

impl Default for WordConfig {
    fn default() -> WordConfig {
        WordConfig {
            min_count: 5,
            max_length: 30,
        }
    }
}

/// The longest caption.
const LONGEST: usize = 1000;

impl WordConfig {
    /// Checks that its numbers make sense.
    pub(in crate::tasks) fn check(&self) -> Result<()> {
        match (1..=LONGEST).contains(&self.max_length) {
            true => Ok(()),
            false => Err(Error::recipe(
                "words.max_length",
                format!("is {}", self.max_length),
                format!("choose a whole number in 1..={LONGEST}"),
            )),
        }
    }
}
