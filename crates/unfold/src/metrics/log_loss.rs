//! How surprised a model is by the truth.

/// The mean of -ln p, p being the probability given to the true class, in rows of `classes`
/// probabilities. Certainty about what is wrong counts as a probability of 2^-23 and not as
/// infinite surprise; 0 of nothing.
///
/// # Panics
/// When there is not one row for each true class, or a class is not below `classes`.
pub fn log_loss(probabilities: &[f32], classes: usize, truth: &[usize]) -> f64 {
    assert_eq!(
        probabilities.len(),
        classes * truth.len(),
        "log_loss: expected {} rows of {classes}",
        truth.len()
    );
    let surprise =
        |(&class, row): (&usize, &[f32])| -f64::from(row[class]).clamp(LEAST, 1.0 - LEAST).ln();
    let sum: f64 = truth
        .iter()
        .zip(probabilities.chunks_exact(classes.max(1)))
        .map(surprise)
        .sum();
    if truth.is_empty() {
        0.0
    } else {
        sum / truth.len() as f64
    }
}

const LEAST: f64 = f32::EPSILON as f64;
