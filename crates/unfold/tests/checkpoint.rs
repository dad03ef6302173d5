//! What is computed again on the way back gives the gradients of what was kept.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use unfold::nn::{
    BatchNorm, Dropout, Embedding, Linear, Params, Pass, Recurrent, RecurrentConfig, States,
    through_time,
};
use unfold::ops::Cell;
use unfold::testkit::{difference, values};
use unfold::{Float, Key, Ragged, Tensor};

/// Sequences, steps and words.
const B: usize = 3;
const T: usize = 11;
const V: usize = 5;

/// A small language model.
#[derive(Clone)]
struct Model {
    words: Embedding,
    recurrent: Recurrent,
    dropout: Dropout,
    head: Linear,
}

impl Model {
    fn new<E: Float>(cell: Cell, dropout: f64) -> (Params<E>, Model) {
        let mut params = Params::new(7);
        let config = RecurrentConfig {
            layers: 2,
            dropout,
            ..RecurrentConfig::new(cell, 6)
        };
        let model = Model {
            words: Embedding::new(&mut params.scope("words"), V, 4),
            recurrent: Recurrent::new(&mut params.scope("recurrent"), 4, config),
            dropout: Dropout::new(dropout),
            head: Linear::new(&mut params.scope("head"), 6, V),
        };
        (params, model)
    }

    /// The mean loss of some steps, and the states after them.
    fn segment<E: Float>(
        &self,
        pass: &Pass<E>,
        steps: Range<usize>,
        states: &States<E>,
    ) -> (Tensor<E>, States<E>) {
        let word = |i: usize, of: &str| Key::new(3).named(of).below(i as u64, V) as u32;
        let rows = || steps.start * B..steps.end * B;
        let inputs: Vec<u32> = rows().map(|i| word(i, "inputs")).collect();
        let targets: Vec<u32> = rows().map(|i| word(i, "targets")).collect();
        let sequences = Ragged::new(&[steps.len(); B]);
        let x = self.words.forward(pass, &inputs); // [N, C]
        let out = self.recurrent.forward(pass, &x, &sequences, Some(states));
        let y = self.dropout.forward(pass, &out.y); // [N, D]
        let logits = self.head.forward(pass, &y); // [N, V]
        (
            logits.cross_entropy(&targets, &Default::default()),
            out.states,
        )
    }

    /// Initial states, watched unless they are zeros.
    fn initial<E: Float>(&self, zeros: bool) -> States<E> {
        let mut states = self.recurrent.zero_states(B);
        let all = states.h.iter_mut().chain(&mut states.c);
        for (i, state) in all.enumerate().filter(|_| !zeros) {
            let drawn = values(&format!("state {i}"), state.shape());
            let drawn = drawn.data().iter().map(|&v| E::from_f64(v)).collect();
            *state = Tensor::from_vec(drawn, state.shape()).watch();
        }
        states
    }
}

/// How to run over all steps.
#[derive(Clone, Copy)]
enum Way {
    /// Segments computed again.
    Checkpoints(Option<usize>),
    /// Segments kept.
    Kept(usize),
}

/// Runs forward and back: the loss, the last states, the parameters' gradients, those of the initial
/// states. The last states count as well.
fn train<E: Float>(cell: Cell, dropout: f64, zeros: bool, way: Way) -> Vec<Vec<E>> {
    let (mut params, model) = Model::new::<E>(cell, dropout);
    let pass = Pass::training(&params, Key::new(1));
    let initial = model.initial(zeros);
    let (loss, last) = match way {
        Way::Checkpoints(segment) => {
            let model = model.clone();
            through_time(&pass, T, segment, &initial, move |pass, steps, states| {
                model.segment(pass, steps, states)
            })
        }
        Way::Kept(segment) => {
            let (mut states, mut losses) = (initial.clone(), Vec::new());
            for start in (0..T).step_by(segment) {
                let steps = start..T.min(start + segment);
                let share = steps.len() as f64 / T as f64;
                let (loss, after) = model.segment(&pass, steps, &states);
                (states, losses) = (after, [losses, vec![loss.affine(share, 0.0)]].concat());
            }
            let loss = losses.into_iter().reduce(|sum, loss| sum.add(&loss));
            (loss.expect("at least one segment"), states)
        }
    };
    let all = |states: &States<E>| -> Vec<Tensor<E>> {
        states.h.iter().chain(&states.c).cloned().collect()
    };
    let ends = all(&last).into_iter().map(|state| state.square().sum());
    let total = ends.fold(loss.clone(), |sum, end| sum.add(&end));
    let gradients = params.backward(&pass, total);
    let mut found = vec![loss.to_vec(), params.grads().to_vec()];
    found.extend(all(&last).iter().map(Tensor::to_vec));
    let of_initial = |state| gradients.get(state).map(Tensor::to_vec);
    found.extend(all(&initial).iter().filter_map(of_initial));
    found
}

const CELLS: [Cell; 4] = [Cell::ElmanTanh, Cell::ElmanRelu, Cell::Gru, Cell::Lstm];

#[test]
fn segments_of_any_length_give_the_gradients_of_one_run() {
    for cell in CELLS {
        for zeros in [false, true] {
            let whole = train::<f64>(cell, 0.0, zeros, Way::Kept(T));
            let states = if cell == Cell::Lstm { 4 } else { 2 };
            assert_eq!(whole.len(), 2 + states * if zeros { 1 } else { 2 });
            for segment in [None, Some(1), Some(4), Some(T - 1), Some(T), Some(T + 5)] {
                let found = train::<f64>(cell, 0.0, zeros, Way::Checkpoints(segment));
                let error = difference(&found.concat(), &whole.concat());
                assert!(error < 1e-13, "{cell:?}, {segment:?}: off by {error:e}");
            }
        }
    }
}

#[test]
fn segments_computed_again_give_the_bits_of_segments_kept() {
    for cell in CELLS {
        for segment in [1, 4] {
            let mut kept = train::<f32>(cell, 0.4, false, Way::Kept(segment));
            let mut found = train::<f32>(cell, 0.4, false, Way::Checkpoints(Some(segment)));
            // Rows of the table are summed segment by segment, not occurrence by occurrence.
            let (kept_grads, found_grads) = (kept.remove(1), found.remove(1));
            assert!(found == kept, "{cell:?}, segments of {segment}");
            let table = V * 4;
            assert!(found_grads[table..] == kept_grads[table..], "{cell:?}");
            for (found, kept) in found_grads.iter().zip(&kept_grads) {
                assert!((found - kept).abs() < 1e-6, "{cell:?}: {found}, not {kept}");
            }
        }
    }
}

#[test]
fn both_runs_draw_the_same_and_only_the_first_one_updates() {
    let run = |again: bool| {
        let mut params = Params::<f64>::new(1);
        let norm = BatchNorm::new(&mut params.scope("norm"), 4);
        let layer = Linear::new(&mut params.scope("layer"), 4, 4);
        let unused = Linear::new(&mut params.scope("unused"), 4, 4);
        let (mean, block_norm) = (norm.running_mean(), norm.clone());
        let block = move |pass: &Pass<f64>, x: &[Tensor<f64>]| {
            let y = layer.forward(pass, &block_norm.forward(pass, &x[0]));
            vec![Dropout::new(0.5).forward(pass, &y)]
        };
        let pass = Pass::training(&params, Key::new(2));
        let mut y = values("x", [6, 4]).watch();
        // Statistics that are new before the block, in it, in it once more, and after it.
        y = norm.forward(&pass, &y);
        for _ in 0..2 {
            y = match again {
                true => pass.checkpoint(&[&y], block.clone()).remove(0),
                false => block(&pass, &[y]).remove(0),
            };
        }
        y = norm.forward(&pass, &y);
        let (key, statistics, used) = (pass.key(), pass.param(mean).to_vec(), pass.used());
        params.backward(&pass, y.square().mean());
        drop((pass, y));
        let unused = params
            .id("unused.weight")
            .filter(|_| unused.bias().is_some());
        assert!(
            params
                .grad(unused.expect("a weight"))
                .unwrap()
                .iter()
                .all(|&g| g == 0.0)
        );
        let grads = params.grads().to_vec();
        params.values_mut();
        assert_eq!(params.get(mean), statistics);
        (key, used, params.values().to_vec(), grads)
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn checkpoints_within_checkpoints_and_inputs_used_twice() {
    let run = |depth: usize| {
        let mut params = Params::<f64>::new(1);
        let layer = Linear::new(&mut params.scope("layer"), 4, 4);
        let inner = {
            let layer = layer.clone();
            move |pass: &Pass<f64>, x: &[Tensor<f64>]| {
                let y = layer.forward(pass, &x[0]).tanh().mul(&x[1]);
                vec![y.narrow(0, 0, 1), Dropout::new(0.3).forward(pass, &y)]
            }
        };
        let outer = {
            let inner = inner.clone();
            move |pass: &Pass<f64>, x: &[Tensor<f64>]| {
                let (twice, one) = ([x[0].clone(), x[0].clone()], &x[0]);
                let mut out = match depth {
                    2 => pass.checkpoint(&[one, one], inner.clone()),
                    _ => inner(pass, &twice),
                };
                out[1] = layer.forward(pass, &out[1]).add(one);
                out
            }
        };
        let pass = Pass::training(&params, Key::new(2));
        let x = values("x", [3, 4]).watch();
        let out = match depth {
            0 => outer(&pass, std::slice::from_ref(&x)),
            _ => pass.checkpoint(&[&x], outer),
        };
        let loss = out[0].sum().add(&out[1].mul(&x).square().sum());
        let gradients = params.backward(&pass, loss.clone());
        let of_x = gradients.get(&x).expect("x is used").to_vec();
        [vec![loss.item()], params.grads().to_vec(), of_x].concat()
    };
    let plain = run(0);
    for depth in [1, 2] {
        let error = difference(&run(depth), &plain);
        assert!(error < 1e-14, "depth {depth}: off by {error:e}");
    }
}

/// What is computed again for it has the shape that it was given.
#[test]
fn normalised_values_may_be_reshaped() {
    let mut params = Params::<f64>::new(1);
    let norm = BatchNorm::new(&mut params.scope("norm"), 3);
    let layer = Linear::new(&mut params.scope("layer"), 6, 2);
    let mut run = |inside: bool| {
        let pass = Pass::training(&params, Key::new(2));
        let y = norm.forward(&pass, &values("x", [4, 3])).reshape([2, 6]);
        let layer = layer.clone();
        let rest = move |pass: &Pass<f64>, y: &[Tensor<f64>]| vec![layer.forward(pass, &y[0])];
        let out = match inside {
            true => pass.checkpoint(&[&y], rest),
            false => rest(&pass, &[y]),
        };
        params.backward(&pass, out[0].square().sum());
        params.grads().to_vec()
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn outside_training_it_is_a_plain_run() {
    let mut params = Params::<f64>::new(1);
    let layer = Linear::new(&mut params.scope("layer"), 4, 4);
    let x = values("x", [3, 4]);
    let run = |pass: &Pass<f64>| {
        let layer = layer.clone();
        pass.checkpoint(&[&x], move |pass, x| vec![layer.forward(pass, &x[0])])
            .remove(0)
    };
    let y = run(&Pass::evaluation(&params));
    assert!(!y.tracked() && y.data() == layer.forward(&Pass::evaluation(&params), &x).data());
    // Whoever looks into the network sees the layers.
    let pass = Pass::inspection(&params);
    assert!(run(&pass).tracked() && pass.probes().len() == 1);
}

#[test]
fn a_gradient_that_would_be_lost_is_refused() {
    let x = values("x", [2]).watch();
    let y = x.square();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let y = y.clone();
        Tensor::checkpoint(&[&x], move |x| vec![x[0].clone(), x[0].mul(&y)])
    }));
    let said = panic.map(|_| ()).expect_err("a tracked tensor is refused");
    assert_eq!(
        said.downcast_ref::<String>().expect("a text"),
        "checkpoint: expected outputs computed from the inputs alone, got a tracked tensor in output 1"
    );
}
