//! How good predictions are.
//!
//! Classes: every definition is scikit-learn's. Captions: those of coco-caption (Chen et al. 2015), the evaluation of
//! Microsoft COCO. Answers to questions about pictures: the accuracy of the VQA challenge (Antol et al. 2015).

mod bleu;
mod captions;
mod cider;
mod classes;
mod contractions;
mod log_loss;
mod ngrams;
mod recall;
mod rouge;
mod vqa;

pub use bleu::bleu;
pub use captions::{CaptionScores, Captioned};
pub use cider::{cider, cider_d};
pub use classes::{Averages, Confusion, Scores};
pub use log_loss::log_loss;
pub use recall::Recall;
pub use rouge::rouge_l;
pub use vqa::{Answered, VqaScores, normalise_answer, vqa_accuracy};
