use unfold::nn::{Params, Pass, Recurrent, RecurrentConfig};
use unfold::ops::Cell;
use unfold::random::Key;
use unfold::{Ragged, Tensor};

use crate::{Case, Precision, cases};

fn run<E: Precision>(case: &Case) {
    let cell = match case.setting::<String>("cell").as_str() {
        "elman_tanh" => Cell::ElmanTanh,
        "elman_relu" => Cell::ElmanRelu,
        "gru" => Cell::Gru,
        "lstm" => Cell::Lstm,
        other => panic!("{}: cell {other}", case.name),
    };
    let config = RecurrentConfig {
        layers: case.setting("layers"),
        bidirectional: case.setting("bidirectional"),
        ..RecurrentConfig::new(cell, case.setting("hidden_size"))
    };
    let mut params = Params::<E>::new(0);
    let layer = Recurrent::new(&mut params.scope("rnn"), case.setting("input_size"), config);
    let names: Vec<String> = params.entries().map(|entry| entry.name.clone()).collect();
    let ids: Vec<_> = names
        .iter()
        .map(|name| params.id(name).expect("its name"))
        .collect();
    let own = |name: &str| name.strip_prefix("rnn.").expect("the scope").to_string();
    for (name, &id) in names.iter().zip(&ids) {
        case.set(&mut params, id, &format!("param:{}", own(name)));
    }
    let stored = case
        .tensors
        .keys()
        .filter(|name| name.starts_with("param:"))
        .count();
    assert_eq!(stored, ids.len(), "{}", case.name);

    let sequences = Ragged::new(&case.setting::<Vec<usize>>("lengths"));
    let pass = Pass::training(&params, Key::new(0));
    let x = case.tensor("x").watch();
    let initial = case.has("h0").then(|| {
        let mut states = layer.zero_states(sequences.batch());
        states.h = parts(&case.tensor("h0"));
        if case.has("c0") {
            states.c = parts(&case.tensor("c0"));
        }
        states
    });
    let out = layer.forward(&pass, &x, &sequences, initial.as_ref());
    case.check("y", out.y.data());
    case.check("h", &joined(&out.states.h));

    let mut loss = case.upstream(&out.y, "d_y");
    let mut finals = vec![("d_h", &out.states.h)];
    if config.cell == Cell::Lstm {
        case.check("c", &joined(&out.states.c));
        finals.push(("d_c", &out.states.c));
    }
    for (name, states) in finals {
        for (state, upstream) in states.iter().zip(parts(&case.tensor(name))) {
            loss = loss.add(&state.mul(&upstream).sum());
        }
    }

    let gradients = params.backward(&pass, loss);
    case.check_gradient("grad_x", &gradients, &x);
    for (name, &id) in names.iter().zip(&ids) {
        case.check_param(&format!("grad:{}", own(name)), &params, id);
    }
    if let Some(initial) = initial {
        let of = |states: &[Tensor<E>]| {
            let each = states
                .iter()
                .map(|state| gradients.get(state).expect("a gradient").clone());
            joined(&each.collect::<Vec<_>>())
        };
        case.check("grad_h0", &of(&initial.h));
        if config.cell == Cell::Lstm {
            case.check("grad_c0", &of(&initial.c));
        }
    }
}

/// `[n, B, D]` as n watched tensors.
fn parts<E: Precision>(all: &Tensor<E>) -> Vec<Tensor<E>> {
    let [n, b, d] = *all.dims() else {
        panic!("expected [n, B, D], got {}", all.shape());
    };
    let part = |i| all.narrow(0, i, 1).reshape([b, d]).watch();
    (0..n).map(part).collect()
}

fn joined<E: Precision>(parts: &[Tensor<E>]) -> Vec<E> {
    parts.iter().flat_map(Tensor::to_vec).collect()
}

#[test]
fn recurrent() {
    for case in &cases(include_str!("recurrent.json")) {
        run::<f64>(case);
        run::<f32>(case);
    }
}

#[test]
fn layer_norm_lstm() {
    fn run<E: Precision>(case: &Case) {
        let mut params = Params::<E>::new(0);
        let config = RecurrentConfig {
            layer_norm: true,
            ..RecurrentConfig::new(Cell::Lstm, 3)
        };
        let layer = Recurrent::new(&mut params.scope("rnn"), 2, config);
        let names = [
            "w_ih", "w_hh", "gain_ih", "gain_hh", "bias", "gain_c", "bias_c",
        ];
        let ids = names.map(|name| {
            params
                .id(&format!("rnn.layer0.forward.{name}"))
                .expect("its name")
        });
        for (name, id) in names.iter().zip(ids) {
            case.set(&mut params, id, name);
        }
        let sequences = Ragged::new(&case.setting::<Vec<usize>>("lengths"));
        let pass = Pass::training(&params, Key::new(0));
        let x = case.tensor("x").watch();
        let mut initial = layer.zero_states(sequences.batch());
        (initial.h, initial.c) = (parts(&case.tensor("h0")), parts(&case.tensor("c0")));
        let out = layer.forward(&pass, &x, &sequences, Some(&initial));
        let mut loss = case.upstream(&out.y, "d_y");
        for (name, state) in [("h", &out.states.h[0]), ("c", &out.states.c[0])] {
            case.check(name, state.data());
            loss = loss.add(&case.upstream(state, &format!("d_{name}")));
        }
        case.check("y", out.y.data());
        let gradients = params.backward(&pass, loss);
        case.check_gradient("grad_x", &gradients, &x);
        case.check_gradient("grad_h0", &gradients, &initial.h[0]);
        case.check_gradient("grad_c0", &gradients, &initial.c[0]);
        for (name, id) in names.iter().zip(ids) {
            case.check_param(&format!("grad_{name}"), &params, id);
        }
    }
    for case in &cases(include_str!("layer_norm_lstm.json")) {
        run::<f64>(case);
        run::<f32>(case);
    }
}
