//! The jobs that Unfold does, from raw files to a trained model and its answers.

pub mod loss;
pub mod recipe;
pub mod text;

pub use recipe::Recipe;
