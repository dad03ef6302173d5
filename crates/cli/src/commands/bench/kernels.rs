//! Kernels alone.

use std::time::Instant;

use unfold::nn::{Params, Pass, Recurrent, RecurrentConfig};
use unfold::ops::Cell;
use unfold::{Key, Ragged, Tensor};
use unfold_kernels::{
    Conv2d, Mat, MatMut, conv2d, conv2d_backward_data, conv2d_backward_weights, gemm,
};

use super::{Job, Workload};

/// The kernels there are.
pub(super) const ALL: [Workload; 14] = [
    Workload {
        name: "gemm_512",
        prepare: || product(512),
    },
    Workload {
        name: "gemm_1024",
        prepare: || product(1024),
    },
    Workload {
        name: "gemm_2048",
        prepare: || product(2048),
    },
    Workload {
        name: "conv3x3_64_forward",
        prepare: || convolution(64, Direction::Forward),
    },
    Workload {
        name: "conv3x3_64_backward_data",
        prepare: || convolution(64, Direction::BackwardData),
    },
    Workload {
        name: "conv3x3_64_backward_weights",
        prepare: || convolution(64, Direction::BackwardWeights),
    },
    Workload {
        name: "conv3x3_128_forward",
        prepare: || convolution(128, Direction::Forward),
    },
    Workload {
        name: "conv3x3_128_backward_data",
        prepare: || convolution(128, Direction::BackwardData),
    },
    Workload {
        name: "conv3x3_128_backward_weights",
        prepare: || convolution(128, Direction::BackwardWeights),
    },
    Workload {
        name: "conv3x3_256_forward",
        prepare: || convolution(256, Direction::Forward),
    },
    Workload {
        name: "conv3x3_256_backward_data",
        prepare: || convolution(256, Direction::BackwardData),
    },
    Workload {
        name: "conv3x3_256_backward_weights",
        prepare: || convolution(256, Direction::BackwardWeights),
    },
    Workload {
        name: "lstm_b20_h650_forward",
        prepare: || lstm(false),
    },
    Workload {
        name: "lstm_b20_h650_backward",
        prepare: || lstm(true),
    },
];

/// Values in -1..1.
pub(super) fn random(count: usize, key: Key) -> Vec<f32> {
    let value = |i| (2.0 * key.uniform(i as u64) - 1.0) as f32;
    (0..count).map(value).collect()
}

/// C = A B of square matrices.
fn product(n: usize) -> Job {
    let (a, b) = (random(n * n, Key::new(1)), random(n * n, Key::new(2)));
    let mut c = vec![0.0; n * n];
    Job::timed(2.0 * (n as f64).powi(3), 0.0, move || {
        gemm(
            n,
            n,
            n,
            Mat::new(&a, n),
            Mat::new(&b, n),
            false,
            MatMut::new(&mut c, n),
        );
    })
}

/// What a convolution computes.
enum Direction {
    Forward,
    BackwardData,
    BackwardWeights,
}

/// A 3x3 convolution of 64 pictures, as deep networks for small pictures have them: 32x32 with 64 channels, and half
/// the pixels along each side with twice the channels.
fn convolution(channels: usize, direction: Direction) -> Job {
    const B: usize = 64;
    let side = 32 * 64 / channels;
    let geometry = Conv2d::new([3, 3]).same([side, side]);
    let size = [B, side, side, channels];
    let values = B * side * side * channels;
    let (mut x, mut dy) = (random(values, Key::new(1)), random(values, Key::new(2)));
    let mut w = random(9 * channels * channels, Key::new(3));
    // Of the direct form, zeros outside the picture included.
    let flops = 2.0 * (values * 9 * channels) as f64;
    Job::timed(flops, 0.0, move || match direction {
        Direction::Forward => conv2d(&x, size, &w, None, geometry, &mut dy),
        Direction::BackwardData => conv2d_backward_data(&dy, size, &w, geometry, &mut x),
        Direction::BackwardWeights => conv2d_backward_weights(&x, size, &dy, geometry, &mut w),
    })
}

/// An LSTM of 650 units over 20 sequences of 35 steps.
fn lstm(backward: bool) -> Job {
    const B: usize = 20;
    const T: usize = 35;
    const D: usize = 650;
    let mut params = Params::<f32>::new(1);
    let layer = Recurrent::new(
        &mut params.scope("lstm"),
        D,
        RecurrentConfig::new(Cell::Lstm, D),
    );
    let sequences = Ragged::new(&[T; B]);
    let x = Tensor::from_vec(random(B * T * D, Key::new(1)), [B * T, D]);
    let products = 2.0 * (B * T) as f64 * (2 * D * 4 * D) as f64;
    let run = move || {
        let pass = match backward {
            true => Pass::training(&params, Key::new(2)),
            false => Pass::evaluation(&params),
        };
        let x = if backward { x.watch() } else { x.clone() };
        let began = Instant::now();
        let out = layer.forward(&pass, &x, &sequences, None);
        let forward = began.elapsed();
        if !backward {
            return forward;
        }
        let loss = out.y.sum();
        let began = Instant::now();
        params.backward(&pass, loss);
        began.elapsed()
    };
    Job {
        flops: if backward { 2.0 * products } else { products },
        bytes: 0.0,
        run: Box::new(run),
    }
}
