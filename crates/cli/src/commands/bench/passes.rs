//! Kernels that are passes over memory, on images.

use std::time::Instant;

use unfold::Key;
use unfold_kernels::{
    Activation, BatchNorm, Pool2d, Windows, batch_norm, batch_norm_backward, column_moments,
    max_pool2d, max_pool2d_backward,
};

use super::kernels::random;
use super::{Job, Workload};

/// The passes there are.
pub(super) const ALL: [Workload; 4] = [
    Workload {
        name: "batch_norm_forward",
        prepare: || norm(false),
    },
    Workload {
        name: "batch_norm_backward",
        prepare: || norm(true),
    },
    Workload {
        name: "max_pool_forward",
        prepare: || pool(false),
    },
    Workload {
        name: "max_pool_backward",
        prepare: || pool(true),
    },
];

/// Images in a batch, their height and width, and channels: more than caches hold.
const B: usize = 64;
const SIZE: usize = 56;
const C: usize = 64;
const VALUES: usize = B * SIZE * SIZE * C;

/// Batch normalisation with ReLU, statistics included.
fn norm(backward: bool) -> Job {
    let (x, dy) = (random(VALUES, Key::new(1)), random(VALUES, Key::new(2)));
    let mut out = vec![0.0; VALUES];
    let (gamma, beta) = (vec![1.0; C], vec![0.1; C]);
    let (mut mean, mut variance) = (vec![0.0; C], vec![0.0; C]);
    let (mut dgamma, mut dbeta) = (vec![0.0; C], vec![0.0; C]);
    // Forward reads x twice and writes y; backward reads x and dy twice and writes dx.
    let matrices = if backward { 5 } else { 3 };
    let run = move || {
        let began = Instant::now();
        column_moments(&x, &mut mean, &mut variance);
        let rstd: Vec<f32> = variance.iter().map(|v| (v + 1e-5).sqrt().recip()).collect();
        let norm = BatchNorm {
            mean: &mean,
            rstd: &rstd,
            gamma: &gamma,
            beta: &beta,
            activation: Activation::Relu,
        };
        if !backward {
            batch_norm(&x, &norm, &mut out);
            return began.elapsed();
        }
        let began = Instant::now();
        batch_norm_backward(&x, &norm, false, &dy, &mut out, &mut dgamma, &mut dbeta);
        began.elapsed()
    };
    Job {
        flops: 0.0,
        bytes: (matrices * 4 * VALUES) as f64,
        run: Box::new(run),
    }
}

/// The maximum of windows of 3 by 3 at a stride of 2.
fn pool(backward: bool) -> Job {
    let geometry = Pool2d {
        stride: [2, 2],
        padding: [[1, 1], [1, 1]],
        ..Pool2d::new([3, 3])
    };
    let windows = geometry.windows([SIZE, SIZE]).expect("large images");
    let pooled = B * windows.iter().map(Windows::outputs).product::<usize>() * C;
    let mut x = random(VALUES, Key::new(1));
    let (mut y, mut place) = (vec![0.0; pooled], vec![0; pooled]);
    max_pool2d(&x, C, &windows, false, &mut y, &mut place);
    // The larger matrix, and the smaller one with its places of two bytes.
    Job::timed(0.0, (4 * VALUES + 6 * pooled) as f64, move || {
        if backward {
            max_pool2d_backward(&place, &y, C, &windows, &mut x);
        } else {
            max_pool2d(&x, C, &windows, false, &mut y, &mut place);
        }
    })
}
