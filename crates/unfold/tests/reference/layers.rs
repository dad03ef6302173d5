use unfold::nn::network::{LayerConfig, Network, Outline};
use unfold::nn::{
    BatchNorm, Conv1d, Conv2d, ConvTranspose2d, Embedding, GroupNorm, LayerNorm, Linear, Params,
    Pass, Pool,
};
use unfold::random::Key;
use unfold::{Ragged, Tensor, ops};

use crate::{Case, Precision, cases};

fn for_each(text: &str, f32s: impl Fn(&Case), f64s: impl Fn(&Case)) {
    for case in &cases(text) {
        f64s(case);
        f32s(case);
    }
}

#[test]
fn linear() {
    fn run<E: Precision>(case: &Case) {
        let mut params = Params::<E>::new(0);
        let mut scope = params.scope("layer");
        let layer = match case.has("b") {
            true => Linear::new(&mut scope, 3, 5),
            false => Linear::without_bias(&mut scope, 3, 5),
        };
        case.set(&mut params, layer.weight(), "w");
        if let Some(bias) = layer.bias() {
            case.set(&mut params, bias, "b");
        }
        let pass = Pass::training(&params, Key::new(0));
        let x = case.tensor("x").watch();
        let y = layer.forward(&pass, &x);
        case.check("y", y.data());
        let gradients = params.backward(&pass, case.upstream(&y, "d_y"));
        case.check_gradient("grad_x", &gradients, &x);
        case.check_param("grad_w", &params, layer.weight());
        if let Some(bias) = layer.bias() {
            case.check_param("grad_b", &params, bias);
        }
    }
    for_each(include_str!("linear.json"), run::<f32>, run::<f64>);
}

#[test]
fn embedding() {
    fn run<E: Precision>(case: &Case) {
        let mut params = Params::<E>::new(0);
        let layer = Embedding::pretrained(&mut params.scope("layer"), &case.tensor("w"));
        let pass = Pass::training(&params, Key::new(0));
        let ids: Vec<u32> = case.setting("ids");
        let y = if case.has("weights") {
            let offsets: Vec<usize> = case.setting("offsets");
            layer.bag(&pass, &ids, case.tensor("weights").data(), &offsets)
        } else {
            layer.forward(&pass, &ids)
        };
        case.check("y", y.data());
        params.backward(&pass, case.upstream(&y, "d_y"));
        case.check_param("grad_w", &params, layer.weight());
    }
    for_each(include_str!("embedding.json"), run::<f32>, run::<f64>);
}

#[test]
fn conv1d() {
    fn run<E: Precision>(case: &Case) {
        let geometry = ops::Conv1d {
            kernel: case.setting("kernel"),
            stride: case.setting("stride"),
            padding: case.setting("padding"),
            dilation: case.setting("dilation"),
        };
        let mut params = Params::<E>::new(0);
        let layer = Conv1d::new(&mut params.scope("layer"), 3, 4, geometry);
        case.set(&mut params, layer.weight(), "w");
        case.set(&mut params, layer.bias(), "b");
        let pass = Pass::training(&params, Key::new(0));
        let x = case.tensor("x").watch();
        let lengths: Vec<usize> = case.setting("lengths");
        let (y, sequences) = layer.forward(&pass, &x, &Ragged::new(&lengths));
        assert_eq!(
            sequences.lengths(),
            case.setting::<Vec<usize>>("out_lengths")
        );
        case.check("y", y.data());
        let gradients = params.backward(&pass, case.upstream(&y, "d_y"));
        case.check_gradient("grad_x", &gradients, &x);
        case.check_param("grad_w", &params, layer.weight());
        case.check_param("grad_b", &params, layer.bias());
    }
    for_each(include_str!("conv1d.json"), run::<f32>, run::<f64>);
}

#[test]
fn conv2d() {
    fn run<E: Precision>(case: &Case) {
        let geometry = ops::Conv2d {
            kernel: case.setting("kernel"),
            stride: case.setting("stride"),
            padding: case.setting("padding"),
            dilation: case.setting("dilation"),
            groups: case.setting("groups"),
        };
        let x = case.tensor("x").watch();
        let outputs = case.tensor::<E>("b").len();
        let mut params = Params::<E>::new(0);
        let layer = Conv2d::new(&mut params.scope("layer"), x.dim(3), outputs, geometry);
        let bias = layer.bias().expect("a bias");
        case.set(&mut params, layer.weight(), "w");
        case.set(&mut params, bias, "b");
        let pass = Pass::training(&params, Key::new(0));
        let y = layer.forward(&pass, &x);
        case.check("y", y.data());
        let gradients = params.backward(&pass, case.upstream(&y, "d_y"));
        case.check_gradient("grad_x", &gradients, &x);
        case.check_param("grad_w", &params, layer.weight());
        case.check_param("grad_b", &params, bias);
    }
    for_each(include_str!("conv2d.json"), run::<f32>, run::<f64>);
}

#[test]
fn conv_transpose2d() {
    fn run<E: Precision>(case: &Case) {
        let geometry = ops::ConvTranspose2d {
            kernel: case.setting("kernel"),
            stride: case.setting("stride"),
            padding: case.setting("padding"),
            output_padding: case.setting("output_padding"),
            dilation: case.setting("dilation"),
            groups: case.setting("groups"),
        };
        let x = case.tensor("x").watch();
        let outputs = case.tensor::<E>("b").len();
        let mut params = Params::<E>::new(0);
        let mut scope = params.scope("layer");
        let layer = ConvTranspose2d::new(&mut scope, x.dim(3), outputs, geometry, true);
        let bias = layer.bias().expect("a bias");
        case.set(&mut params, layer.weight(), "w");
        case.set(&mut params, bias, "b");
        let pass = Pass::training(&params, Key::new(0));
        let y = layer.forward(&pass, &x);
        case.check("y", y.data());
        let gradients = params.backward(&pass, case.upstream(&y, "d_y"));
        case.check_gradient("grad_x", &gradients, &x);
        case.check_param("grad_w", &params, layer.weight());
        case.check_param("grad_b", &params, bias);
    }
    let text = include_str!("conv_transpose2d.json");
    for_each(text, run::<f32>, run::<f64>);
}

#[test]
fn activation() {
    fn run<E: Precision>(case: &Case) {
        let x = case.tensor::<E>("x").watch();
        let y = match case.name.as_str() {
            "relu" => x.relu(),
            "relu6" => x.relu6(),
            "leaky_relu" => x.leaky_relu(0.2),
            "silu" => x.silu(),
            "gelu" => x.gelu(),
            "hard_swish" => x.hard_swish(),
            "tanh" => x.tanh(),
            "sigmoid" => x.sigmoid(),
            "softmax" => x.softmax(),
            other => panic!("{other}"),
        };
        case.check("y", y.data());
        let gradients = case.upstream(&y, "d_y").backward();
        case.check_gradient("grad_x", &gradients, &x);
    }
    for_each(include_str!("activation.json"), run::<f32>, run::<f64>);
}

#[test]
fn group_norm() {
    fn run<E: Precision>(case: &Case) {
        let x = case.tensor("x").watch();
        let mut params = Params::<E>::new(0);
        let channels = x.shape().last();
        let layer = GroupNorm::new(&mut params.scope("layer"), channels, case.setting("groups"));
        case.set(&mut params, layer.weight(), "w");
        case.set(&mut params, layer.bias(), "b");
        let pass = Pass::training(&params, Key::new(0));
        let y = layer.forward(&pass, &x);
        case.check("y", y.data());
        let gradients = params.backward(&pass, case.upstream(&y, "d_y"));
        case.check_gradient("grad_x", &gradients, &x);
        case.check_param("grad_w", &params, layer.weight());
        case.check_param("grad_b", &params, layer.bias());
    }
    for_each(include_str!("group_norm.json"), run::<f32>, run::<f64>);
}

#[test]
fn pool() {
    fn run<E: Precision>(case: &Case) {
        let pool: Pool = case.setting("pool");
        let lengths: Vec<usize> = case.setting("lengths");
        let x = case.tensor::<E>("x").watch();
        let y = pool.forward(&x, &Ragged::new(&lengths));
        case.check("y", y.data());
        let gradients = case.upstream(&y, "d_y").backward();
        case.check_gradient("grad_x", &gradients, &x);
    }
    for_each(include_str!("pool.json"), run::<f32>, run::<f64>);
}

#[test]
fn layer_norm() {
    fn run<E: Precision>(case: &Case) {
        let x = case.tensor("x").watch();
        let mut params = Params::<E>::new(0);
        let layer = LayerNorm::new(&mut params.scope("layer"), x.dim(1));
        case.set(&mut params, layer.weight(), "w");
        case.set(&mut params, layer.bias(), "b");
        let pass = Pass::training(&params, Key::new(0));
        let y = layer.forward(&pass, &x);
        case.check("y", y.data());
        let gradients = params.backward(&pass, case.upstream(&y, "d_y"));
        case.check_gradient("grad_x", &gradients, &x);
        case.check_param("grad_w", &params, layer.weight());
        case.check_param("grad_b", &params, layer.bias());
    }
    for_each(include_str!("layer_norm.json"), run::<f32>, run::<f64>);
}

#[test]
fn pool2d() {
    fn run<E: Precision>(case: &Case) {
        let x = case.tensor::<E>("x").watch();
        let max = case.setting::<Pool>("pool") == Pool::Max;
        let y: Tensor<E> = if case.settings.contains_key("output") {
            let output = case.setting("output");
            match max {
                true => x.adaptive_max_pool2d(output),
                false => x.adaptive_avg_pool2d(output),
            }
        } else {
            let geometry = ops::Pool2d {
                kernel: case.setting("kernel"),
                stride: case.setting("stride"),
                padding: case.setting("padding"),
                ceil_mode: case.setting("ceil_mode"),
                count_include_pad: case.setting("count_include_pad"),
            };
            match max {
                true => x.max_pool2d(geometry),
                false => x.avg_pool2d(geometry),
            }
        };
        case.check("y", y.data());
        let gradients = case.upstream(&y, "d_y").backward();
        case.check_gradient("grad_x", &gradients, &x);
    }
    for_each(include_str!("pool2d.json"), run::<f32>, run::<f64>);
}

#[test]
fn batch_norm() {
    fn run<E: Precision>(case: &Case) {
        let mut params = Params::<E>::new(0);
        let channels = case.tensor::<E>("w").len();
        let mut layer = BatchNorm::new(&mut params.scope("layer"), channels);
        if case.setting("relu") {
            layer = layer.with_activation(ops::Activation::Relu);
        }
        case.set(&mut params, layer.weight(), "w");
        case.set(&mut params, layer.bias(), "b");
        for step in 0..3 {
            let pass = Pass::training(&params, Key::new(step));
            let x = case.tensor(&format!("x{step}")).watch();
            let y = layer.forward(&pass, &x);
            case.check(&format!("y{step}"), y.data());
            let gradients = params.backward(&pass, case.upstream(&y, "d_y"));
            if step == 2 {
                case.check_gradient("grad_x", &gradients, &x);
            }
            drop((pass, y));
            params.values_mut(); // where an optimizer would change them
        }
        case.check_param("grad_w", &params, layer.weight());
        case.check_param("grad_b", &params, layer.bias());
        case.check("running_mean", params.get(layer.running_mean()));
        case.check("running_var", params.get(layer.running_variance()));

        let pass = Pass::inspection(&params);
        let x = case.tensor("x_eval").watch();
        let y = layer.forward(&pass, &x);
        case.check("y_eval", y.data());
        let gradients = params.backward(&pass, case.upstream(&y, "d_y"));
        case.check_gradient("grad_x_eval", &gradients, &x);
        case.check_param("grad_w_eval", &params, layer.weight());
        case.check_param("grad_b_eval", &params, layer.bias());
    }
    for_each(include_str!("batch_norm.json"), run::<f32>, run::<f64>);
}

/// Lists of layers as recipes write them.
#[test]
fn layer_list() {
    fn run<E: Precision>(case: &Case) {
        let layers: Vec<LayerConfig> = case.setting("layers");
        let x = case.tensor("x").watch();
        let input = [x.dim(1), x.dim(2), x.dim(3)];
        let outline = Outline::new(&layers, input, "layers").expect("layers that fit");
        let mut params = Params::<E>::new(0);
        let network = Network::new(&mut params.scope(""), &outline);
        let stored = case.tensors.keys();
        let names: Vec<&str> = stored
            .filter_map(|name| name.strip_prefix("param:"))
            .collect();
        let trained = params.entries().filter(|entry| entry.trainable).count();
        assert_eq!(names.len(), trained, "{}: other parameters", case.name);
        let id = |params: &Params<E>, name: &str| params.id(name).expect("a parameter");
        for name in &names {
            let id = id(&params, name);
            case.set(&mut params, id, &format!("param:{name}"));
        }
        let pass = Pass::training(&params, Key::new(0));
        let y = network.forward(&pass, &x);
        case.check("y", y.data());
        let gradients = params.backward(&pass, case.upstream(&y, "d_y"));
        case.check_gradient("grad_x", &gradients, &x);
        for name in names {
            case.check_param(&format!("grad:{name}"), &params, id(&params, name));
        }
    }
    for_each(include_str!("layer_list.json"), run::<f32>, run::<f64>);
}
