//! What the sizes in recipes of composed models have in common.

use crate::error::{Error, Result};

/// The largest size of anything.
const LARGEST: usize = 1 << 16;

/// Checks sizes, each with its key below `model`, and a share of dropout.
///
/// # Errors
/// Naming the key and what it may be.
pub(super) fn check_sizes(sizes: &[(&str, usize)], dropout: f64) -> Result<()> {
    for (key, value) in sizes {
        if !(1..=LARGEST).contains(value) {
            return Err(Error::recipe(
                format!("model.{key}"),
                format!("is {value}"),
                format!("choose a whole number in 1..={LARGEST}"),
            ));
        }
    }
    match (0.0..1.0).contains(&dropout) {
        true => Ok(()),
        false => Err(Error::recipe(
            "model.dropout",
            format!("is {dropout}"),
            "choose a share from 0 and below 1",
        )),
    }
}
