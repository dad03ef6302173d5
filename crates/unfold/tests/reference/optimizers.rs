use unfold::nn::{Init, Optimizer, OptimizerConfig, Params, Pass, clip_norm, clip_value, max_norm};
use unfold::random::Key;

use crate::{Case, Precision, cases};

/// Ten steps along given gradients, which a linear loss produces.
fn run<E: Precision>(case: &Case, inputs: &Case) {
    let mut params = Params::<E>::new(0);
    let weight = params.scope("layer").add("weight", [2, 3], Init::Zeros);
    let bias = params.scope("layer").add("bias", [2], Init::Zeros);
    inputs.set(&mut params, weight, "weight");
    inputs.set(&mut params, bias, "bias");
    let config: OptimizerConfig = case.setting("config");
    config.check().expect("good settings");
    let mut optimizer = Optimizer::new(config, &params);

    let gradients = inputs.tensor::<E>("grads"); // [steps, 8]
    let rates: Vec<f64> = inputs.setting("rates");
    let mut trajectory = Vec::new();
    let (mut averages, averaged_from) = (Vec::new(), inputs.setting::<usize>("averaged_from"));
    for (t, rate) in rates.into_iter().enumerate() {
        let row = gradients.narrow(0, t, 1);
        let (dw, db) = (
            row.narrow(1, 0, 6).reshape([2, 3]),
            row.narrow(1, 6, 2).reshape([2]),
        );
        let pass = Pass::training(&params, Key::new(0));
        let loss = pass
            .param(weight)
            .mul(&dw)
            .sum()
            .add(&pass.param(bias).mul(&db).sum());
        params.backward(&pass, loss);
        drop(pass);
        optimizer.step(&mut params, rate);
        trajectory.extend_from_slice(params.values());
        if t == averaged_from {
            optimizer.start_averaging(&params);
        }
        averages.extend_from_slice(optimizer.averaged().unwrap_or_default());
    }
    case.check("trajectory", &trajectory);
    case.check("averages", &averages);
}

#[test]
fn optimizers() {
    let mut cases = cases(include_str!("optimizer.json"));
    let inputs = cases.pop().expect("the inputs come last");
    for case in &cases {
        run::<f64>(case, &inputs);
        run::<f32>(case, &inputs);
    }
}

#[test]
fn clips() {
    fn run<E: Precision>(case: &Case) {
        let limit: f64 = case.setting("limit");
        let before = case.tensor::<E>("before");
        let mut params = Params::new(0);
        let weight = params.scope("a").add("weight", before.shape(), Init::Zeros);
        let by: String = case.setting("by");
        if by == "max_norm" {
            case.set(&mut params, weight, "before");
            max_norm(&mut params, weight, limit);
            case.check("after", params.get(weight));
            return;
        }
        let pass = Pass::training(&params, Key::new(0));
        params.backward(&pass, pass.param(weight).mul(&before).sum());
        match by.as_str() {
            "norm" => {
                let norm = clip_norm(&mut params, limit);
                case.check("norm", &[E::from_f64(norm)]);
            }
            "value" => clip_value(&mut params, limit),
            other => panic!("{}: by {other}", case.name),
        }
        case.check("after", params.grads());
    }
    for case in &cases(include_str!("clip.json")) {
        run::<f64>(case);
        run::<f32>(case);
    }
}
