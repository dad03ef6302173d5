//! Unfold trains and runs convolutional and recurrent networks on a CPU, from raw files to a
//! served answer.

pub mod error;
pub mod nn;
pub mod ops;
pub mod ragged;
pub mod random;
pub mod shape;
pub mod tape;
pub mod tensor;
pub mod testkit;

pub use error::{Error, ErrorKind, Result};
pub use ragged::Ragged;
pub use random::Key;
pub use shape::Shape;
pub use tape::Gradients;
pub use tensor::Tensor;
pub use unfold_kernels::{Float, set_threads, threads};
