//! The likeliest continuations of a prompt.

use super::model::LanguageModel;
use super::step::Stepper;
use crate::data::Codec;
use crate::tasks::beam::{Beam, Continuation};

/// The `width` likeliest continuations of a prompt of at most `length` words that the search finds, likeliest first by the mean
/// of ln p over their words.
pub(super) fn search(
    model: &LanguageModel,
    prompt: &[u32],
    width: usize,
    length: usize,
) -> Vec<Continuation> {
    let codec = model.codec();
    let stepper = Stepper::new(model);
    let mut state = stepper.start(width);
    let mut logits = vec![0.0; width * codec.classes()];
    for word in codec.before().iter().chain(prompt) {
        logits.copy_from_slice(stepper.step(&vec![*word; width], &mut state));
    }
    let mut beam = Beam::new(width, false, 1.0);
    for _ in 0..length {
        let Some(next) = beam.advance(&logits, codec.eos(), &[Codec::UNKNOWN]) else {
            break;
        };
        state.select(&next.from);
        logits.copy_from_slice(stepper.step(&next.words, &mut state));
    }
    beam.finish()
}
