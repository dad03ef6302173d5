//! Whole steps of training, and answers to one image, of networks of images.

use unfold::nn::{BatchNorm, Conv2d, FrozenConv2d, Linear, OptimizerConfig, Params, Pass, Sgd};
use unfold::ops::{Activation, Conv2d as Geometry, Pool2d};
use unfold::{Key, Tensor};

use super::kernels::random;
use super::steps::{Trainer, numbers, product, training};
use super::{Job, Workload};

/// The networks there are.
pub(super) const ALL: [Workload; 4] = [
    Workload {
        name: "lenet_mnist_b64_train",
        prepare: || train([64, 28, 28, 1], 10, lenet),
    },
    Workload {
        name: "resnet18_cifar_b64_train",
        prepare: || train([64, 32, 32, 3], 10, |layers| resnet18(layers, false, 10)),
    },
    Workload {
        name: "lenet_b1_infer",
        prepare: || answer([1, 28, 28, 1], lenet),
    },
    Workload {
        name: "resnet18_224_b1_infer",
        prepare: || answer([1, 224, 224, 3], |layers| resnet18(layers, true, 1000)),
    },
];

/// A network: `[B, H, W, C]` to logits.
type Network = Box<dyn Fn(&Pass<f32>, &Tensor) -> Tensor>;

/// Makes layers one after the other, and counts their operations.
struct Layers {
    params: Params<f32>,
    made: usize,
    batch: usize,
    /// The height and width of the images at this depth.
    side: usize,
    /// Operations of the layers so far, going forward.
    flops: Vec<f64>,
    /// Whether the network will only answer.
    frozen: bool,
}

impl Layers {
    fn new([batch, side, ..]: [usize; 4], frozen: bool) -> Layers {
        Layers {
            params: Params::new(1),
            made: 0,
            batch,
            side,
            flops: Vec::new(),
            frozen,
        }
    }

    /// What comes next has images of so many times fewer pixels along each side.
    fn shrink(&mut self, stride: usize) {
        self.side = self.side.div_ceil(stride);
    }

    fn name(&mut self) -> String {
        self.made += 1;
        format!("layer{}", self.made)
    }

    /// The geometry of a convolution whose images have been shrunk by its stride.
    fn convolution(&mut self, [c, o]: [usize; 2], kernel: usize, stride: usize) -> Geometry {
        let pixels = self.batch * self.side * self.side;
        self.flops.push(product(pixels, kernel * kernel * c, o));
        Geometry {
            stride: [stride; 2],
            padding: [[kernel / 2; 2]; 2],
            ..Geometry::new([kernel; 2])
        }
    }

    fn biased(&mut self, [c, o]: [usize; 2], kernel: usize) -> Layer {
        let (name, geometry) = (self.name(), self.convolution([c, o], kernel, 1));
        let convolution = Conv2d::new(&mut self.params.scope(&name), c, o, geometry);
        match self.frozen {
            true => Layer::Frozen(convolution.frozen(&self.params, None)),
            false => Layer::Biased(convolution),
        }
    }

    fn normed(&mut self, [c, o]: [usize; 2], kernel: usize, stride: usize, relu: bool) -> Layer {
        let (name, geometry) = (self.name(), self.convolution([c, o], kernel, stride));
        let mut scope = self.params.scope(&name);
        let convolution = Conv2d::without_bias(&mut scope, c, o, geometry);
        let mut norm = BatchNorm::new(&mut scope.scope("norm"), o);
        if relu {
            norm = norm.with_relu();
        }
        match self.frozen {
            true => Layer::Frozen(convolution.frozen(&self.params, Some(&norm))),
            false => Layer::Normed(convolution, norm),
        }
    }

    fn block(&mut self, [c, o]: [usize; 2], stride: usize) -> Block {
        self.shrink(stride);
        let unlike = stride > 1 || c != o;
        Block {
            first: self.normed([c, o], 3, stride, true),
            second: self.normed([o, o], 3, 1, false),
            shortcut: unlike.then(|| self.normed([c, o], 1, stride, false)),
        }
    }

    fn linear(&mut self, c: usize, o: usize) -> Linear {
        self.flops.push(product(self.batch, c, o));
        let name = self.name();
        Linear::new(&mut self.params.scope(&name), c, o)
    }
}

/// A convolution.
enum Layer {
    Biased(Conv2d),
    /// Without bias, then batch normalisation.
    Normed(Conv2d, BatchNorm),
    /// Either, as it is once trained.
    Frozen(FrozenConv2d),
}

impl Layer {
    fn forward(&self, pass: &Pass<f32>, x: &Tensor) -> Tensor {
        match self {
            Layer::Biased(convolution) => convolution.forward(pass, x),
            Layer::Normed(convolution, norm) => norm.forward(pass, &convolution.forward(pass, x)),
            Layer::Frozen(convolution) => convolution.forward(x),
        }
    }
}

/// A basic block of He et al. (2016).
struct Block {
    first: Layer,
    second: Layer,
    shortcut: Option<Layer>,
}

impl Block {
    fn forward(&self, pass: &Pass<f32>, x: &Tensor) -> Tensor {
        let y = self.first.forward(pass, x);
        let shortcut = match &self.shortcut {
            Some(shortcut) => &shortcut.forward(pass, x),
            None => x,
        };
        match &self.second {
            Layer::Frozen(second) => second.forward_add(&y, shortcut, Activation::Relu),
            second => second.forward(pass, &y).add_relu(shortcut),
        }
    }
}

/// Two convolutions and a hidden layer, after LeCun et al. (1998).
fn lenet(layers: &mut Layers) -> Network {
    const FEATURES: usize = 64 * 7 * 7;
    let first = layers.biased([1, 32], 3);
    layers.shrink(2);
    let second = layers.biased([32, 64], 3);
    let (hidden, head) = (layers.linear(FEATURES, 128), layers.linear(128, 10));
    let halves = Pool2d::new([2, 2]);
    Box::new(move |pass, x| {
        let x = first.forward(pass, x).relu_max_pool2d(halves); // [B, 14, 14, 32]
        let x = second.forward(pass, &x).relu_max_pool2d(halves); // [B, 7, 7, 64]
        let x = x.reshape([x.dim(0), FEATURES]);
        head.forward(pass, &hidden.forward(pass, &x).relu())
    })
}

/// He et al. (2016): as for ImageNet with `large` images, else as for CIFAR.
fn resnet18(layers: &mut Layers, large: bool, classes: usize) -> Network {
    let (kernel, stride) = if large { (7, 2) } else { (3, 1) };
    layers.shrink(stride);
    let stem = layers.normed([3, 64], kernel, stride, true);
    let pool = large.then(|| {
        layers.shrink(2);
        Pool2d {
            stride: [2, 2],
            padding: [[1, 1]; 2],
            ..Pool2d::new([3, 3])
        }
    });
    let mut blocks = Vec::new();
    let (mut c, mut stride) = (64, 1);
    for o in [64, 128, 256, 512] {
        blocks.extend([layers.block([c, o], stride), layers.block([o, o], 1)]);
        (c, stride) = (o, 2);
    }
    let head = layers.linear(c, classes);
    Box::new(move |pass, x| {
        let mut x = stem.forward(pass, x);
        if let Some(pool) = pool {
            x = x.max_pool2d(pool);
        }
        let x = blocks.iter().fold(x, |x, block| block.forward(pass, &x)); // [B, H, W, 512]
        head.forward(pass, &x.global_avg_pool2d())
    })
}

fn train(size: [usize; 4], classes: usize, network: fn(&mut Layers) -> Network) -> Job {
    let mut layers = Layers::new(size, false);
    let network = network(&mut layers);
    let x = Tensor::from_vec(random(size.iter().product(), Key::new(1)), size);
    let targets = numbers(size[0], classes, Key::new(2));
    // The images themselves need no gradient.
    let flops = training(layers.flops.iter().sum()) - layers.flops[0];
    let momentum = OptimizerConfig::Sgd(Sgd {
        momentum: 0.9,
        ..Sgd::default()
    });
    let mut trainer = Trainer::new(layers.params, momentum, 0.01, None);
    Job::timed(flops, 0.0, move || {
        trainer.step(|pass| network(pass, &x).cross_entropy(&targets, &Default::default()));
    })
}

fn answer(size: [usize; 4], network: fn(&mut Layers) -> Network) -> Job {
    let mut layers = Layers::new(size, true);
    let network = network(&mut layers);
    let x = Tensor::from_vec(random(size.iter().product(), Key::new(1)), size);
    let Layers { params, flops, .. } = layers;
    Job::timed(flops.iter().sum(), 0.0, move || {
        std::hint::black_box(network(&Pass::evaluation(&params), &x).data());
    })
}
