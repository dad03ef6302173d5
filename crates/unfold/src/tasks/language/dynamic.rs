//! Dynamic evaluation: the model goes on learning from the text that it is measured on.

use super::columns::Columns;
use super::model::LanguageModel;
use crate::nn::{Adam, Optimizer, OptimizerConfig, Pass};

/// Tokens that are predicted, and then learned from, together.
const STRETCH: usize = 50;

/// The mean of -ln p(next token) over columns, where a copy of the parameters learns from each stretch of text once it has
/// been measured, so that no token is predicted by parameters that have seen it (Krause et al. 2018, "Dynamic evaluation of
/// neural sequence models"). As there, gradients are divided by the root of their mean square: Adam without momentum.
///
/// Not finite where the rate is too large.
pub(super) fn measure(
    model: &LanguageModel,
    columns: &Columns,
    rate: f64,
    watch: &mut dyn FnMut(f64),
) -> f64 {
    let mut params = model.params.clone();
    let rule = Adam {
        beta1: 0.0,
        ..Adam::default()
    };
    let mut optimizer = Optimizer::new(OptimizerConfig::Adam(rule), &params);
    let mut states = model.states(columns.count(), &[]);
    let mut sum = 0.0;
    for from in (0..columns.len()).step_by(STRETCH) {
        watch(from as f64 / columns.len() as f64);
        let to = columns.len().min(from + STRETCH);
        let pass = Pass::tracked(&params);
        let (loss, after) = model
            .network
            .loss(&pass, &columns.window(from, to), &states);
        sum += f64::from(loss.item()) * (to - from) as f64;
        states = after.detach();
        params.backward(&pass, loss);
        drop(pass);
        optimizer.step(&mut params, rate);
    }
    sum / columns.len().max(1) as f64
}
