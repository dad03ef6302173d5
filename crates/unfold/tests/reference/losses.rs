use unfold::ops::CrossEntropy;

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
            x.cross_entropy(&targets, &options)
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
