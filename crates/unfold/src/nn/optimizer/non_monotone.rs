//! When to begin averaging.

/// The trigger of NT-ASGD (Merity et al. 2017, algorithm 1): it is time to average
/// ([`Optimizer::start_averaging`](crate::nn::Optimizer::start_averaging)) when the validation loss is above the
/// best of those before the last `interval` checks, so that a single bad check does not count.
///
/// ```
/// use unfold::nn::NonMonotone;
/// let mut trigger = NonMonotone::new(2);
/// assert!(![5.0, 4.0, 4.5, 4.2].map(|loss| trigger.observe(loss)).contains(&true));
/// assert!(trigger.observe(4.1)); // 4.0 lies before the last two
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NonMonotone {
    interval: usize,
    losses: Vec<f64>,
}

impl NonMonotone {
    /// A trigger that has seen no check. The paper's interval is 5.
    pub fn new(interval: usize) -> NonMonotone {
        NonMonotone {
            interval,
            losses: Vec::new(),
        }
    }

    /// Takes note of the validation loss of a check, and says whether it is time to average.
    pub fn observe(&mut self, loss: f64) -> bool {
        let old = self.losses.len().saturating_sub(self.interval);
        let due = self.losses[..old].iter().any(|&earlier| loss > earlier);
        self.losses.push(loss);
        due
    }

    /// The losses so far, to store.
    pub fn state(&self) -> &[f64] {
        &self.losses
    }

    /// Goes on from a stored state.
    pub fn restore(&mut self, state: &[f64]) {
        self.losses = state.to_vec();
    }
}
