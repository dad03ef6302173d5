//! Metrics against those of the field.

mod captions;
mod classes;
mod vqa;
