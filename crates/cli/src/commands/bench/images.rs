//! Whole steps of training, and answers to one image, of networks of images.

use unfold::nn::network::{
    Conv2dConfig, LayerConfig, LayerKind, LinearConfig, Network, Outline, Padding, PoolConfig,
    Stem, efficientnet_lite0, resnet18,
};
use unfold::nn::{OptimizerConfig, Params, Sgd};
use unfold::{Key, Tensor};

use super::kernels::random;
use super::steps::{Trainer, numbers, training};
use super::{Job, Workload};

/// The networks there are.
pub(super) const ALL: [Workload; 5] = [
    Workload {
        name: "lenet_mnist_b64_train",
        prepare: || train([64, 28, 28, 1], 10, &lenet()),
    },
    Workload {
        name: "resnet18_cifar_b64_train",
        prepare: || train([64, 32, 32, 3], 10, &resnet18(10, Stem::Small)),
    },
    Workload {
        name: "lenet_b1_infer",
        prepare: || answer([1, 28, 28, 1], &lenet()),
    },
    Workload {
        name: "resnet18_224_b1_infer",
        prepare: || answer([1, 224, 224, 3], &resnet18(1000, Stem::Large)),
    },
    Workload {
        name: "efficientnet_lite0_224_b1_infer",
        prepare: || answer([1, 224, 224, 3], &efficientnet_lite0(1000)),
    },
];

/// Two convolutions and a hidden layer, after LeCun et al. (1998).
fn lenet() -> Vec<LayerConfig> {
    let mut layers = Vec::new();
    for channels in [32, 64] {
        let conv = Conv2dConfig {
            padding: Padding::Same,
            ..Conv2dConfig::new(channels, 3)
        };
        layers.extend([
            LayerKind::Conv2d(conv),
            LayerKind::Relu {},
            LayerKind::MaxPool(PoolConfig::new(2)),
        ]);
    }
    layers.extend([
        LayerKind::Flatten {},
        LayerKind::Linear(LinearConfig::new(128)),
        LayerKind::Relu {},
        LayerKind::Linear(LinearConfig::new(10)),
    ]);
    layers.into_iter().map(LayerConfig::from).collect()
}

/// A network, its parameters, images, and the operations of each of its products, going forward.
struct Made {
    network: Network,
    params: Params<f32>,
    x: Tensor,
    flops: Vec<f64>,
}

fn make(size: [usize; 4], layers: &[LayerConfig]) -> Made {
    let [batch, h, w, c] = size;
    let outline = Outline::new(layers, [h, w, c], "layers").expect("layers that fit");
    let mut params = Params::new(1);
    let network = Network::new(&mut params.scope("network"), &outline);
    let products = outline.rows().into_iter().map(|row| row.multiply_adds);
    let products = products.filter(|&count| count > 0);
    Made {
        network,
        params,
        x: Tensor::from_vec(random(size.iter().product(), Key::new(1)), size),
        flops: products
            .map(|count| (2 * count) as f64 * batch as f64)
            .collect(),
    }
}

fn train(size: [usize; 4], classes: usize, layers: &[LayerConfig]) -> Job {
    let Made {
        network,
        params,
        x,
        flops,
    } = make(size, layers);
    let targets = numbers(size[0], classes, Key::new(2));
    // The images themselves need no gradient.
    let flops = training(flops.iter().sum()) - flops[0];
    let momentum = OptimizerConfig::Sgd(Sgd {
        momentum: 0.9,
        ..Sgd::default()
    });
    let mut trainer = Trainer::new(params, momentum, 0.01, None);
    Job::timed(flops, 0.0, move || {
        trainer.step(|pass| {
            let logits = network.forward(pass, &x);
            logits.cross_entropy(&targets, &Default::default())
        });
    })
}

fn answer(size: [usize; 4], layers: &[LayerConfig]) -> Job {
    let Made {
        network,
        params,
        x,
        flops,
    } = make(size, layers);
    let network = network.frozen(&params);
    Job::timed(flops.iter().sum(), 0.0, move || {
        std::hint::black_box(network.forward(&x).data());
    })
}
