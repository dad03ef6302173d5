//! How good predictions are. Every definition is scikit-learn's.

mod classes;
mod log_loss;

pub use classes::{Averages, Confusion, Scores};
pub use log_loss::log_loss;
