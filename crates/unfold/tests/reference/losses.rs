use unfold::Ragged;
use unfold::nn::{ActivationPenalty, AdaptiveSoftmax, Params, Pass};
use unfold::ops::CrossEntropy;
use unfold::random::Key;

use crate::{Case, Precision, cases};

fn run<E: Precision>(case: &Case) {
    let x = case.tensor::<E>("x").watch();
    let loss = match case.setting::<String>("loss").as_str() {
        "cross_entropy" => {
            let targets: Vec<u32> = case.setting("targets");
            let options = CrossEntropy {
                label_smoothing: case.setting("label_smoothing"),
                class_weights: case.setting("class_weights"),
            };
            x.clone().cross_entropy(&targets, &options)
        }
        "binary_cross_entropy" => x.binary_cross_entropy(&case.tensor("t")),
        "squared_error" => x.squared_error(&case.tensor("t")),
        other => panic!("{}: loss {other}", case.name),
    };
    case.check("y", loss.data());
    case.check_gradient("grad_x", &loss.backward(), &x);
}

#[test]
fn losses() {
    for case in &cases(include_str!("loss.json")) {
        run::<f64>(case);
        run::<f32>(case);
    }
}

#[test]
fn activation_penalty() {
    fn run<E: Precision>(case: &Case) {
        let penalty = ActivationPenalty {
            alpha: case.setting("alpha"),
            beta: case.setting("beta"),
        };
        let sequences = Ragged::new(&case.setting::<Vec<usize>>("lengths"));
        let (dropped, x) = (
            case.tensor::<E>("dropped").watch(),
            case.tensor("x").watch(),
        );
        let loss = penalty.forward(&dropped, &x, &sequences);
        case.check("y", loss.data());
        let gradients = loss.backward();
        case.check_gradient("grad_dropped", &gradients, &dropped);
        case.check_gradient("grad_x", &gradients, &x);
    }
    for case in &cases(include_str!("activation_penalty.json")) {
        run::<f64>(case);
        run::<f32>(case);
    }
}

#[test]
fn adaptive_softmax() {
    fn run<E: Precision>(case: &Case) {
        let cutoffs: Vec<usize> = case.setting("cutoffs");
        let div_value = case.setting("div_value");
        let mut params = Params::<E>::new(0);
        let scope = &mut params.scope("layer");
        let layer = AdaptiveSoftmax::new(scope, 9, 20, &cutoffs, div_value);
        let names: Vec<String> = params.entries().map(|entry| entry.name.clone()).collect();
        let own = |name: &str| name.strip_prefix("layer.").expect("the scope").to_string();
        for name in &names {
            let id = params.id(name).expect("its name");
            case.set(&mut params, id, &format!("param:{}", own(name)));
        }
        let x = case.tensor("x").watch();
        let targets: Vec<u32> = case.setting("targets");
        for kind in ["loss", "log"] {
            let pass = Pass::training(&params, Key::new(0));
            let loss = match kind {
                "loss" => {
                    let loss = layer.loss(&pass, &x, &targets);
                    case.check("loss", loss.data());
                    loss
                }
                _ => {
                    let y = layer.log_probabilities(&pass, &x);
                    case.check("y", y.data());
                    case.upstream(&y, "d_y")
                }
            };
            let gradients = params.backward(&pass, loss);
            drop(pass);
            case.check_gradient(&format!("grad_{kind}_x"), &gradients, &x);
            for name in &names {
                let id = params.id(name).expect("its name");
                case.check_param(&format!("grad_{kind}:{}", own(name)), &params, id);
            }
        }
    }
    for case in &cases(include_str!("adaptive_softmax.json")) {
        run::<f64>(case);
        run::<f32>(case);
    }
}
