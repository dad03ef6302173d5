//! Unfold trains and runs convolutional and recurrent networks on a CPU, from raw files to a
//! served answer.

pub mod data;
pub mod error;
pub mod files;
mod flat;
pub mod lab;
pub mod metrics;
pub mod nn;
pub mod ops;
pub mod ragged;
pub mod random;
pub mod shape;
pub mod tape;
pub mod tasks;
pub mod tensor;
pub mod tensors;
pub mod testkit;
pub mod train;

pub use error::{Error, ErrorKind, Result};
pub use ragged::Ragged;
pub use random::{Key, Moment};
pub use shape::Shape;
pub use tape::Gradients;
pub use tensor::Tensor;
pub use unfold_kernels::{Float, limit_memory, set_exact, set_threads, threads};

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
