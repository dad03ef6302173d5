//! Unfold trains and runs convolutional and recurrent networks on a CPU.

pub mod data;
pub mod error;
pub mod metrics;
pub mod random;

pub use error::{Error, Result};
