//! The gradient of every layer, with respect to its parameters and its input, against central
//! finite differences in f64.

use std::ops::Range;

use unfold::nn::network::{LayerConfig, Network, Outline};
use unfold::nn::{
    ActivationPenalty, AdaptiveSoftmax, BatchNorm, Conv1d, Conv2d, ConvTranspose2d, Dropout,
    Embedding, GroupNorm, Init, LayerNorm, Linear, LockedDropout, Params, Pass, Pool, Recurrent,
    RecurrentConfig, SpatialDropout, States, through_time,
};
use unfold::ops::{self, Cell, CrossEntropy};
use unfold::random::Key;
use unfold::testkit::{difference, values};
use unfold::{Ragged, Tensor};

const STEP: f64 = 1e-5;
const TOLERANCE: f64 = 1e-7;

/// Checks the gradients of `f` with respect to all parameters and all inputs. `f` may give any
/// shape; fixed unequal weights make it one number.
fn check(
    name: &str,
    mut params: Params<f64>,
    inputs: &[Tensor<f64>],
    f: impl Fn(&Pass<f64>, &[Tensor<f64>]) -> Tensor<f64>,
) {
    let loss = |params: &Params<f64>, inputs: &[Tensor<f64>]| {
        let pass = Pass::training(params, Key::new(1));
        let y = f(&pass, inputs);
        let weights = values("gradient weights", y.shape()).affine(1.0, 0.3);
        let loss = y.mul(&weights).sum();
        (pass, loss)
    };
    let watched: Vec<_> = inputs.iter().map(Tensor::watch).collect();
    let (pass, result) = loss(&params, &watched);
    // What a graph keeps for later is not written over, what it keeps for the last time may be: to the same gradients.
    let found = |params: &mut Params<f64>, result| {
        let gradients = params.backward(&pass, result);
        let all: Vec<f64> = watched
            .iter()
            .filter_map(|x| gradients.get(x))
            .flat_map(Tensor::to_vec)
            .collect();
        (gradients, [params.grads(), &all].concat())
    };
    let [(_, kept), (_, again)] = [result.clone(), result.clone()].map(|r| found(&mut params, r));
    let (gradients, last) = found(&mut params, result);
    assert!(
        kept == again && kept == last,
        "{name}: gradients that differ"
    );
    drop(pass);

    let analytic = params.grads().to_vec();
    let mut numeric = vec![0.0; params.len()];
    for (i, numeric) in numeric.iter_mut().enumerate() {
        let value = params.values()[i];
        let mut at = |moved| {
            params.values_mut()[i] = moved;
            loss(&params, inputs).1.item()
        };
        *numeric = (at(value + STEP) - at(value - STEP)) / (2.0 * STEP);
        params.values_mut()[i] = value;
    }
    for entry in params.entries() {
        let range = entry.range.clone();
        let error = difference(&analytic[range.clone()], &numeric[range]);
        assert!(
            error < TOLERANCE,
            "{name}: gradient of {}: off by {error}",
            entry.name
        );
    }

    for (i, input) in inputs.iter().enumerate() {
        let analytic = gradients
            .get(&watched[i])
            .expect("every input is used")
            .to_vec();
        let numeric: Vec<f64> = (0..input.len())
            .map(|j| {
                let at = |delta: f64| {
                    let mut values = input.to_vec();
                    values[j] += delta;
                    let mut moved = inputs.to_vec();
                    moved[i] = Tensor::from_vec(values, input.shape());
                    loss(&params, &moved).1.item()
                };
                (at(STEP) - at(-STEP)) / (2.0 * STEP)
            })
            .collect();
        let error = difference(&analytic, &numeric);
        assert!(
            error < TOLERANCE,
            "{name}: gradient of input {i}: off by {error}"
        );
    }
}

/// Makes a layer under the scope `layer`, with no parameter exactly 0: an Elman unit whose inputs
/// are all 0 would sit on the corner of its ReLU.
fn made<L>(make: impl FnOnce(&mut unfold::nn::Scope<'_, f64>) -> L) -> (Params<f64>, L) {
    let mut params = Params::new(5);
    let layer = make(&mut params.scope("layer"));
    let noise = values("noise", [params.len()]);
    for (value, noise) in params.values_mut().iter_mut().zip(noise.data()) {
        *value += 0.1 * noise;
    }
    (params, layer)
}

#[test]
fn linear() {
    let (params, layer) = made(|scope| Linear::new(scope, 3, 2));
    let x = values("x", [4, 3]);
    check("linear", params, &[x], |pass, x| layer.forward(pass, &x[0]));
    let (params, layer) = made(|scope| Linear::without_bias(scope, 3, 3));
    let x = values("x", [2, 2, 3]);
    check("a layer used twice", params, &[x], |pass, x| {
        layer.forward(pass, &layer.forward(pass, &x[0]).tanh())
    });
}

#[test]
fn embedding() {
    let (params, layer) = made(|scope| Embedding::new(scope, 5, 3));
    check("embedding", params, &[], |pass, _| {
        layer.forward(pass, &[4, 0, 4, 2])
    });
    let (params, layer) = made(|scope| Embedding::new(scope, 5, 3));
    check("bag", params, &[], |pass, _| {
        layer.bag(pass, &[4, 0, 4, 2], &[0.5, -1.0, 2.0, 1.5], &[0, 3, 3, 4])
    });
    let (params, layer) = made(|scope| Embedding::new(scope, 9, 3).with_dropout(0.4));
    check("embedding with dropout", params, &[], |pass, _| {
        let weights = [0.5, -1.0, 2.0, 1.5];
        let bags = layer.bag(pass, &[4, 7, 4, 2], &weights, &[0, 3, 3, 4]);
        Tensor::concat(&[&layer.forward(pass, &[8, 0, 8, 2, 5, 1]), &bags], 0)
    });
}

#[test]
fn dropout() {
    let layer = Dropout::new(0.4);
    check(
        "dropout",
        Params::new(0),
        &[values("x", [5, 4])],
        |pass, x| layer.forward(pass, &x[0]).square(),
    );
    let layer = SpatialDropout::new(0.4);
    let x = values("x", [2, 2, 3, 4]);
    check("spatial_dropout", Params::new(0), &[x], |pass, x| {
        layer.forward(pass, &x[0]).square()
    });
    let (layer, sequences) = (LockedDropout::new(0.4), Ragged::new(&[4, 2, 2, 1]));
    check(
        "locked_dropout",
        Params::new(0),
        &[values("x", [9, 4])],
        |pass, x| layer.forward(pass, &x[0], &sequences).square(),
    );
}

#[test]
fn conv1d_and_pooling() {
    let sequences = Ragged::new(&[6, 4, 4, 2]);
    let x = values("x", [sequences.rows(), 2]);
    for (kernel, stride, padding, dilation) in [(3, 1, 2, 1), (2, 2, 1, 1), (3, 1, 2, 2)] {
        let geometry = ops::Conv1d {
            kernel,
            stride,
            padding,
            dilation,
        };
        for pool in [None, Some(Pool::Max), Some(Pool::Mean)] {
            let (params, layer) = made(|scope| Conv1d::new(scope, 2, 3, geometry));
            check(
                &format!("{geometry:?}, {pool:?}"),
                params,
                std::slice::from_ref(&x),
                |pass, x| {
                    let (y, lengths) = layer.forward(pass, &x[0], &sequences);
                    match pool {
                        Some(pool) => pool.forward(&y, &lengths),
                        None => y,
                    }
                },
            );
        }
    }
}

#[test]
fn conv2d() {
    for (stride, groups) in [([1, 1], 1), ([2, 3], 1), ([2, 1], 2), ([1, 2], 4)] {
        let geometry = ops::Conv2d {
            stride,
            groups,
            ..ops::Conv2d::new([3, 2])
        };
        let geometry = geometry.same([5, 4]);
        let (params, layer) = made(|scope| Conv2d::new(scope, 4, 8, geometry));
        let x = values("x", [2, 5, 4, 4]);
        check(&format!("{geometry:?}"), params, &[x], |pass, x| {
            layer.forward(pass, &x[0])
        });
    }
    let (params, layer) =
        made(|scope| Conv2d::without_bias(scope, 2, 2, ops::Conv2d::new([3, 3]).same([4, 3])));
    let x = values("x", [1, 4, 3, 2]);
    check("a convolution used twice", params, &[x], |pass, x| {
        layer.forward(pass, &layer.forward(pass, &x[0]).tanh())
    });
}

#[test]
fn conv_transpose2d() {
    for (stride, groups, bias) in [([1, 1], 1, true), ([2, 3], 1, false), ([2, 1], 2, true)] {
        let geometry = ops::ConvTranspose2d {
            stride,
            groups,
            padding: [[1, 0], [0, 1]],
            output_padding: stride.map(|stride| stride - 1),
            ..ops::ConvTranspose2d::new([3, 2])
        };
        let (params, layer) = made(|scope| ConvTranspose2d::new(scope, 4, 2, geometry, bias));
        let x = values("x", [2, 3, 2, 4]);
        check(&format!("{geometry:?}"), params, &[x], |pass, x| {
            layer.forward(pass, &x[0])
        });
    }
}

#[test]
fn group_norm() {
    let (params, layer) = made(|scope| GroupNorm::new(scope, 6, 2));
    let x = values("x", [3, 2, 2, 6]);
    check("group_norm", params, &[x], |pass, x| {
        layer.forward(pass, &x[0])
    });
}

/// A list of layers with every kind of list within, each a pass of its own or part of the one before.
#[test]
fn network() {
    let text = r#"[
        { "layer": "conv2d", "channels": 4, "kernel": 3, "padding": "same", "stride": 2 },
        { "layer": "batch_norm" },
        { "layer": "relu" },
        { "layer": "residual",
          "body": [
            { "layer": "conv2d", "channels": 4, "kernel": 3, "padding": 1, "groups": 4 },
            { "layer": "batch_norm" },
            { "layer": "silu" }
          ],
          "shortcut": [{ "layer": "conv2d", "channels": 4, "kernel": 1 }] },
        { "layer": "relu" },
        { "layer": "parallel", "branches": [
            [{ "layer": "conv_transpose2d", "channels": 2, "kernel": 1 }],
            [],
            [{ "layer": "group_norm", "groups": 2 }, { "layer": "gelu" }]
        ] },
        { "layer": "spatial_dropout", "p": 0.3 },
        { "layer": "relu" },
        { "layer": "max_pool", "kernel": 2, "stride": 1 },
        { "layer": "layer_norm" },
        { "layer": "flatten" },
        { "layer": "linear", "size": 3 },
        { "layer": "scale", "by": 0.5 }
    ]"#;
    let layers: Vec<LayerConfig> = serde_json::from_str(text).unwrap();
    let outline = Outline::new(&layers, [5, 4, 2], "layers").unwrap();
    let (params, network) = made(|scope| Network::new(scope, &outline));
    let x = values("x", [2, 5, 4, 2]);
    check("network", params, &[x], |pass, x| {
        network.forward(pass, &x[0])
    });
}

#[test]
fn layer_norm() {
    let (params, layer) = made(|scope| LayerNorm::new(scope, 6));
    check("layer_norm", params, &[values("x", [3, 6])], |pass, x| {
        layer.forward(pass, &x[0])
    });
}

#[test]
fn batch_norm() {
    let x = values("x", [2, 3, 2, 3]);
    for relu in [false, true] {
        let (params, layer) = made(|scope| {
            let layer = BatchNorm::new(scope, 3);
            if relu {
                layer.with_activation(ops::Activation::Relu)
            } else {
                layer
            }
        });
        check(
            &format!("batch_norm, relu: {relu}"),
            params,
            std::slice::from_ref(&x),
            |pass, x| layer.forward(pass, &x[0]),
        );
    }
    let (params, layer) = made(|scope| BatchNorm::new(scope, 6));
    check(
        "batch_norm, rows",
        params,
        &[values("x", [4, 6])],
        |pass, x| layer.forward(pass, &x[0]),
    );
}

#[test]
fn recurrent() {
    let sequences = Ragged::new(&[4, 3, 1]);
    for cell in [Cell::ElmanTanh, Cell::ElmanRelu, Cell::Gru, Cell::Lstm] {
        for bidirectional in [false, true] {
            let config = RecurrentConfig {
                layers: 2,
                last_size: Some(2),
                bidirectional,
                dropout: 0.3,
                locked: bidirectional,
                weight_dropout: 0.3,
                ..RecurrentConfig::new(cell, 3)
            };
            let (params, layer) = made(|scope| Recurrent::new(scope, 2, config));
            let zeros: States<f64> = layer.zero_states(3);
            let runs = zeros.h.len();
            let mut inputs = vec![values("x", [sequences.rows(), 2])];
            for state in zeros.h.iter().chain(&zeros.c) {
                let name = format!("state {}", inputs.len());
                inputs.push(values(&name, state.shape()));
            }
            let name = format!("{cell:?}, bidirectional: {bidirectional}");
            check(&name, params, &inputs, |pass, inputs| {
                let mut initial: States<f64> = layer.zero_states(3);
                initial.h = inputs[1..][..runs].to_vec();
                initial.c = inputs[1 + runs..].to_vec();
                let out = layer.forward(pass, &inputs[0], &sequences, Some(&initial));
                // Everything it gives, in one row.
                let all = [&out.y]
                    .into_iter()
                    .chain(&out.states.h)
                    .chain(&out.states.c);
                let flat: Vec<_> = all.map(|t| t.reshape([t.len()])).collect();
                Tensor::concat(&flat.iter().collect::<Vec<_>>(), 0)
            });
        }
    }
}

#[test]
fn layer_norm_lstm() {
    let sequences = Ragged::new(&[4, 3, 1]);
    let config = RecurrentConfig {
        layers: 2,
        dropout: 0.3,
        weight_dropout: 0.3,
        layer_norm: true,
        ..RecurrentConfig::new(Cell::Lstm, 3)
    };
    let (params, layer) = made(|scope| Recurrent::new(scope, 2, config));
    let states = ["h0", "h1", "c0", "c1"].map(|name| values(name, [3, 3]));
    let inputs = [&[values("x", [8, 2])], &states[..]].concat();
    check("layer_norm_lstm", params, &inputs, |pass, inputs| {
        let mut initial: States<f64> = layer.zero_states(3);
        (initial.h, initial.c) = (inputs[1..3].to_vec(), inputs[3..].to_vec());
        let out = layer.forward(pass, &inputs[0], &sequences, Some(&initial));
        let States { h, c, .. } = &out.states;
        Tensor::concat(&[&out.y, &h[0], &h[1], &c[0], &c[1]], 0)
    });
}

/// Five steps in segments of two, with dropout between layers.
#[test]
fn recurrent_through_time() {
    for cell in [Cell::ElmanTanh, Cell::ElmanRelu, Cell::Gru, Cell::Lstm] {
        let config = RecurrentConfig {
            layers: 2,
            dropout: 0.3,
            ..RecurrentConfig::new(cell, 3)
        };
        let (params, layer) = made(|scope| Recurrent::new(scope, 2, config));
        let states = if cell == Cell::Lstm { 4 } else { 2 };
        let inputs: Vec<_> = (0..states)
            .map(|i| values(&format!("state {i}"), [3, 3]))
            .collect();
        check(&format!("{cell:?}"), params, &inputs, |pass, inputs| {
            let mut initial: States<f64> = layer.zero_states(3);
            (initial.h, initial.c) = (inputs[..2].to_vec(), inputs[2..].to_vec());
            let layer = layer.clone();
            let run = move |pass: &Pass<f64>, steps: Range<usize>, states: &States<f64>| {
                let x = values(&format!("x {}", steps.start), [3 * steps.len(), 2]);
                let sequences = Ragged::new(&[steps.len(); 3]);
                let out = layer.forward(pass, &x, &sequences, Some(states));
                (out.y.square().mean(), out.states)
            };
            let (loss, states) = through_time(pass, 5, Some(2), &initial, run);
            states.last().add(&loss)
        });
    }
}

#[test]
fn losses() {
    let logits = values("logits", [4, 3]).affine(3.0, 0.0);
    for label_smoothing in [0.0, 0.2] {
        for class_weights in [None, Some(vec![0.5, 2.0, 1.0])] {
            let options = CrossEntropy {
                label_smoothing,
                class_weights,
            };
            check(
                &format!("{options:?}"),
                Params::new(0),
                std::slice::from_ref(&logits),
                |_, x| x[0].clone().cross_entropy(&[2, 0, 1, 2], &options),
            );
        }
    }
    let pair = [values("y", [5]), values("t", [5])];
    check("binary_cross_entropy", Params::new(0), &pair, |_, x| {
        x[0].binary_cross_entropy(&x[1])
    });
    check("squared_error", Params::new(0), &pair, |_, x| {
        x[0].squared_error(&x[1])
    });
}

#[test]
fn activation_penalty() {
    let sequences = Ragged::new(&[4, 2, 2, 1]);
    let penalty = ActivationPenalty {
        alpha: 0.7,
        beta: 1.3,
    };
    let inputs = [values("dropped", [9, 3]), values("y", [9, 3])];
    check("activation_penalty", Params::new(0), &inputs, |_, x| {
        penalty.forward(&x[0], &x[1], &sequences)
    });
}

#[test]
fn adaptive_softmax() {
    let make =
        |scope: &mut unfold::nn::Scope<'_, f64>| AdaptiveSoftmax::new(scope, 6, 9, &[3, 5], 2.0);
    let x = values("x", [6, 6]);
    // Targets everywhere, and none in the first tail.
    for targets in [[0, 3, 8, 2, 4, 5], [7, 1, ops::IGNORE, 0, 8, 7]] {
        let (params, layer) = made(make);
        let inputs = std::slice::from_ref(&x);
        check("adaptive_softmax", params, inputs, |pass, x| {
            layer.loss(pass, &x[0], &targets)
        });
    }
    let (params, layer) = made(make);
    check("log_probabilities", params, &[x], |pass, x| {
        layer.log_probabilities(pass, &x[0])
    });
}

/// Words, a recurrence one way, convolutions over it, and a frozen table beside: a whole network.
#[test]
fn a_network() {
    let sequences = Ragged::new(&[5, 3, 2]);
    let ids = [3, 1, 0, 2, 2, 4, 1, 0, 3, 3];
    let mut params = Params::new(2);
    let words = Embedding::with_init(&mut params.scope("words"), 5, 3, Init::Normal(1.0));
    let frozen = Embedding::frozen(&mut params.scope("frozen"), &values("vectors", [5, 3]));
    let gru = Recurrent::new(
        &mut params.scope("gru"),
        3,
        RecurrentConfig::new(Cell::Gru, 4),
    );
    let geometry = ops::Conv1d {
        kernel: 3,
        stride: 1,
        padding: 2,
        dilation: 1,
    };
    let conv = Conv1d::new(&mut params.scope("conv"), 4, 4, geometry);
    let norm = LayerNorm::new(&mut params.scope("norm"), 4);
    let head = Linear::new(&mut params.scope("head"), 4, 2);
    let forward = |pass: &Pass<f64>| {
        let x = words.forward(pass, &ids).add(&frozen.forward(pass, &ids)); // [10, 3]
        let h = gru.forward(pass, &x, &sequences, None).y; // [10, 4]
        let (y, lengths) = conv.forward(pass, &h, &sequences);
        let pooled = Pool::Max.forward(&norm.forward(pass, &y), &lengths); // [3, 4]
        head.forward(pass, &pooled)
            .cross_entropy(&[0, 1, 1], &CrossEntropy::default())
    };
    let pass = Pass::training(&params, Key::new(0));
    params.backward(&pass, forward(&pass));
    drop(pass);
    for entry in params.entries().cloned().collect::<Vec<_>>() {
        let analytic = params.grads()[entry.range.clone()].to_vec();
        if !entry.trainable {
            assert!(analytic.iter().all(|&g| g == 0.0), "{}", entry.name);
            continue;
        }
        let numeric: Vec<f64> = entry
            .range
            .clone()
            .map(|i| {
                let value = params.values()[i];
                let mut at = |moved| {
                    params.values_mut()[i] = moved;
                    forward(&Pass::evaluation(&params)).item()
                };
                let slope = (at(value + STEP) - at(value - STEP)) / (2.0 * STEP);
                params.values_mut()[i] = value;
                slope
            })
            .collect();
        let error = difference(&analytic, &numeric);
        assert!(error < TOLERANCE, "{}: off by {error}", entry.name);
    }
}
