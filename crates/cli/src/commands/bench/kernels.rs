//! Kernels alone.

use std::time::Instant;

use unfold::nn::{Params, Pass, Recurrent, RecurrentConfig};
use unfold::ops::Cell;
use unfold::{Key, Ragged, Tensor};
use unfold_kernels::{Mat, MatMut, gemm};

use super::{Job, Workload};

/// The kernels there are.
pub(super) const ALL: [Workload; 5] = [
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
        params.backward(&pass, &loss);
        began.elapsed()
    };
    Job {
        flops: if backward { 2.0 * products } else { products },
        bytes: 0.0,
        run: Box::new(run),
    }
}
