//! Back-propagation through time in little memory.

use std::ops::Range;
use std::sync::Arc;

use crate::nn::{Pass, States};
use crate::{Float, Tensor};

/// Runs a recurrent network over `steps` steps in segments and gives the loss of all of them and the last
/// states. Going back, each segment is computed again from the states before it, so training keeps the
/// states between segments and the values within two of them: memory that grows with the square root of
/// `steps`, for the time of one more forward pass (Chen et al. 2016; Gruslys et al., "Memory-Efficient
/// Backpropagation Through Time", 2016).
///
/// `run` gets the steps of a segment and the states before it, and gives the mean loss of its steps and
/// the states after it. The result is the mean over all steps: each segment counts by its steps. A segment
/// has `segment` steps, about √`steps` where that is `None`; the last one may have fewer. What `run` takes
/// along it owns, and it uses the pass that it gets ([`Pass::checkpoint`]).
///
/// Gradients are those of one run over all steps but for rounding, since a weight's are summed segment by
/// segment, and (at one use of each parameter in `run`) to the bit those of the same segments without
/// checkpoints. Dropout draws anew for each segment. Sequences must be equally long and read in one
/// direction.
///
/// ```
/// use unfold::nn::{Linear, Params, Pass, Recurrent, RecurrentConfig, through_time};
/// use unfold::ops::Cell;
/// use unfold::random::Key;
/// use unfold::{Ragged, Tensor};
///
/// const B: usize = 2; // sequences
/// const T: usize = 100; // steps
/// let mut params = Params::<f32>::new(1);
/// let lstm = Recurrent::new(&mut params.scope("lstm"), 1, RecurrentConfig::new(Cell::Lstm, 8));
/// let head = Linear::new(&mut params.scope("head"), 8, 5);
/// // Step by step, as all packed batches: row t B + b.
/// let inputs = Tensor::from_vec((0..T * B).map(|i| (i % 7) as f32).collect(), [T * B, 1]);
/// let targets: Vec<u32> = (0..T * B).map(|i| (i % 5) as u32).collect();
///
/// let pass = Pass::training(&params, Key::new(1));
/// let initial = lstm.zero_states(B); // or the last batch's, detached
/// let (loss, states) = through_time(&pass, T, None, &initial, move |pass, steps, states| {
///     let sequences = Ragged::new(&[steps.len(); B]);
///     let x = inputs.narrow(0, steps.start * B, steps.len() * B);
///     let out = lstm.forward(pass, &x, &sequences, Some(states));
///     let logits = head.forward(pass, &out.y);
///     let targets = &targets[steps.start * B..steps.end * B];
///     (logits.cross_entropy(targets, &Default::default()), out.states)
/// });
/// params.backward(&pass, loss);
/// assert!(states.detach().last().dims() == [B, 8] && params.grads().iter().any(|&g| g != 0.0));
/// ```
///
/// # Panics
/// Without a step or with segments of none, when `run` gives other states than it gets, and where
/// [`Pass::checkpoint`] does.
#[track_caller]
pub fn through_time<E: Float>(
    pass: &Pass<E>,
    steps: usize,
    segment: Option<usize>,
    initial: &States<E>,
    run: impl Fn(&Pass<E>, Range<usize>, &States<E>) -> (Tensor<E>, States<E>) + Send + Sync + 'static,
) -> (Tensor<E>, States<E>) {
    let segment = segment.unwrap_or_else(|| steps.isqrt());
    assert!(
        steps > 0 && segment > 0,
        "through_time: expected at least 1 step in segments of at least 1, got {steps} in segments of {segment}"
    );
    let arrange = initial.arrangement();
    let run = Arc::new(
        move |pass: &Pass<E>, range: Range<usize>, before: &[Tensor<E>]| {
            let share = range.len() as f64 / steps as f64;
            let (loss, after) = run(pass, range, &arrange(before));
            let mut all = after.tensors();
            assert!(
                all.len() == before.len(),
                "through_time: expected {} states after a segment, got {}",
                before.len(),
                all.len()
            );
            all.push(loss.affine(share, 0.0));
            all
        },
    );
    let (mut states, mut total) = (initial.tensors(), None);
    for start in (0..steps).step_by(segment) {
        let range = start..steps.min(start + segment);
        states = if range.end == steps {
            // The way back begins here at once: there is nothing to gain.
            run(pass, range, &states)
        } else {
            let run = Arc::clone(&run);
            let before: Vec<&Tensor<E>> = states.iter().collect();
            pass.checkpoint(&before, move |pass, states| {
                run(pass, range.clone(), states)
            })
        };
        let loss = states.pop().expect("the loss");
        total = Some(total.map_or_else(|| loss.clone(), |total: Tensor<E>| total.add(&loss)));
    }
    (total.expect("at least one segment"), arrange(&states))
}
