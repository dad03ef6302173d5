//! How much memory training needs. Bytes of buffers are counted for the whole process, so this is a single test.

use unfold::nn::{
    BatchNorm, Conv2d, Linear, Params, Pass, Recurrent, RecurrentConfig, through_time,
};
use unfold::ops::{self, Activation, Cell};
use unfold::{Key, Ragged, Tensor};
use unfold_kernels::{pool_stats, reset_pool_peak};

const B: usize = 16;
const C: usize = 8;
const D: usize = 32;

/// The most bytes that a training step needs beyond what there was before it.
fn peak(steps: usize, segment: Option<usize>) -> usize {
    let mut params = Params::<f32>::new(1);
    let lstm = Recurrent::new(
        &mut params.scope("lstm"),
        C,
        RecurrentConfig::new(Cell::Lstm, D),
    );
    let head = Linear::new(&mut params.scope("head"), D, C);
    let initial = lstm.zero_states(B);
    let before = pool_stats().in_use;
    reset_pool_peak();
    let pass = Pass::training(&params, Key::new(1));
    let (loss, _) = through_time(
        &pass,
        steps,
        segment,
        &initial,
        move |pass, steps, states| {
            let n = steps.len() * B;
            let x = Tensor::full([n, C], 0.1);
            let out = lstm.forward(pass, &x, &Ragged::new(&[steps.len(); B]), Some(states));
            let loss = head
                .forward(pass, &out.y)
                .cross_entropy(&vec![1; n], &Default::default());
            (loss, out.states)
        },
    );
    params.backward(&pass, loss);
    pool_stats().peak - before
}

/// The most bytes that it takes to go back through a wide and many narrow operations.
fn peak_on_the_way_back(keep: bool) -> usize {
    let x = Tensor::<f32>::full([1 << 16], 0.5).watch();
    let before = pool_stats().in_use;
    let mut narrow = x.tanh().narrow(0, 0, 1 << 14);
    for _ in 0..12 {
        narrow = narrow.tanh();
    }
    let loss = narrow.sum();
    drop(narrow);
    reset_pool_peak();
    let kept = keep.then(|| loss.clone());
    assert!(loss.backward().get(&x).is_some());
    drop(kept);
    pool_stats().peak - before
}

/// The loss and gradient of some logits, and the most bytes that they take beyond the logits.
fn of_logits(keep: bool) -> (f32, Vec<f32>, usize) {
    let x = Tensor::full([64, 4], 0.1).watch();
    let logits = x.linear(&Tensor::full([4, 1024], 0.2), None);
    let kept = keep.then(|| logits.clone());
    let before = pool_stats().in_use;
    reset_pool_peak();
    let loss = logits.cross_entropy(&[7; 64], &Default::default());
    let bytes = pool_stats().peak - before;
    drop(kept);
    let value = loss.item();
    (value, loss.backward().get(&x).unwrap().to_vec(), bytes)
}

/// The most bytes that the way back through a layer takes beyond those kept for it, in those of a state at each step.
fn states_on_the_way_back(cell: Cell, keep: bool) -> f64 {
    const STEPS: usize = 200;
    let mut params = Params::<f32>::new(1);
    let config = RecurrentConfig::new(cell, D);
    let layer = Recurrent::new(&mut params.scope("layer"), C, config);
    let x = Tensor::full([STEPS * B, C], 0.1);
    let mut bytes = 0;
    // The first step makes the gradients' place.
    for _ in 0..2 {
        let pass = Pass::training(&params, Key::new(1));
        let sequences = Ragged::new(&[STEPS; B]);
        let out = layer.forward(&pass, &x, &sequences, None);
        let loss = out.states.last().sum();
        drop(out);
        let kept = keep.then(|| loss.clone());
        let before = pool_stats().in_use;
        reset_pool_peak();
        params.backward(&pass, loss);
        bytes = pool_stats().peak - before;
        drop(kept);
    }
    bytes as f64 / (STEPS * B * D * size_of::<f32>()) as f64
}

/// The maps that two convolutions with a normalisation between them keep for the way back, in those of its result.
fn maps_kept() -> f64 {
    let mut params = Params::<f32>::new(1);
    let geometry = ops::Conv2d::new([3, 3]).same([32, 32]);
    let mut conv = |name, c, o| Conv2d::without_bias(&mut params.scope(name), c, o, geometry);
    let (first, second) = (conv("first", 1, 64), conv("second", 64, 1));
    let norm = BatchNorm::new(&mut params.scope("norm"), 64).with_activation(Activation::Relu);
    let x = Tensor::full([16, 32, 32, 1], 0.1);
    let pass = Pass::training(&params, Key::new(1));
    let before = pool_stats().in_use;
    let y = norm.forward(&pass, &first.forward(&pass, &x));
    let loss = second.forward(&pass, &y).mean();
    let map = y.len() * size_of::<f32>();
    drop(y);
    let kept = pool_stats().in_use - before;
    params.backward(&pass, loss);
    assert!(params.grads().iter().all(|g| g.is_finite()));
    kept as f64 / map as f64
}

#[test]
fn memory_is_given_back_and_grows_with_the_root_of_the_steps() {
    let (freed, kept) = (peak_on_the_way_back(false), peak_on_the_way_back(true));
    assert!(
        freed + (4 << 16) < kept,
        "{freed} bytes, {kept} where all is kept"
    );
    let ((loss, gradient, alone), (same, copied, kept)) = (of_logits(false), of_logits(true));
    assert_eq!((loss, gradient), (same, copied));
    assert!(alone < 64 * 1024 && kept >= 64 * 1024 * 4, "{alone} {kept}");
    // Gates' gradients lie where the gates did: what comes on top are the states before each step and parts of a sum.
    for (cell, gates) in [(Cell::Lstm, 4.0), (Cell::Gru, 3.0), (Cell::ElmanTanh, 1.0)] {
        let [last, kept] = [false, true].map(|keep| states_on_the_way_back(cell, keep));
        assert!(
            last < 1.5 && kept > last + gates - 0.5,
            "{cell:?}: {last}, {kept} where all is kept"
        );
    }
    let maps = maps_kept();
    assert!(maps < 1.2, "{maps}: normalised values are computed again");
    let checkpointed = |steps| peak(steps, None);
    let plain = |steps| peak(steps, Some(steps));
    let (short, long) = (checkpointed(200), checkpointed(3200));
    assert!(
        long <= 4 * short,
        "{short} bytes for 200 steps, {long} for 16 times as many"
    );
    let (few, all) = (checkpointed(800), plain(800));
    assert!(all > 3 * plain(200), "a plain run keeps all steps");
    assert!(few * 10 < all, "{few} bytes, {all} in a plain run");
}
