//! Pooling and normalisation of pictures.

use super::*;

/// The means or maxima over windows of `[B, H, W, C]`: output o of an axis sees the elements of
/// `window(axis, o)`, places before the start or past the end counting as not there.
fn pool_windows(
    x: &T,
    [oh, ow]: [usize; 2],
    window: impl Fn(usize, usize) -> std::ops::Range<isize>,
    reduce: fn(&[f64]) -> f64,
) -> Vec<f64> {
    let (b, h, w, c) = (x.dim(0), x.dim(1), x.dim(2), x.dim(3));
    let mut y = Vec::new();
    for n in 0..b * oh * ow * c {
        let (picture, i, j) = (n / (oh * ow * c), n / (ow * c) % oh, n / c % ow);
        let inside = |range: std::ops::Range<isize>, extent: usize| {
            let inside = move |i: &isize| (0..extent as isize).contains(i);
            range.filter(inside).map(|i| i as usize)
        };
        let mut seen = Vec::new();
        for row in inside(window(0, i), h) {
            for column in inside(window(1, j), w) {
                seen.push(x.data()[((picture * h + row) * w + column) * c + n % c]);
            }
        }
        y.push(reduce(&seen));
    }
    y
}

pub(super) fn image_rows() -> Vec<Row> {
    let max = |v: &[f64]| v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
    let x = || vec![values("x", [2, 5, 6, 3])];
    let geometry = Pool2d {
        kernel: [3, 2],
        stride: [2, 1],
        padding: [[1, 1], [0, 1]],
        ceil_mode: false,
        count_include_pad: false,
    };
    let sliding = |axis: usize, o: usize| match axis {
        0 => 2 * o as isize - 1..2 * o as isize + 2,
        _ => o as isize..o as isize + 2,
    };
    let adaptive = |axis: usize, o: usize| {
        let (input, outputs) = ([5, 6][axis], [2, 4][axis]);
        (o * input / outputs) as isize..((o + 1) * input).div_ceil(outputs) as isize
    };
    let constant = || Moments {
        mean: values("mean", [3]),
        variance: positive("variance", &[3]),
    };
    let options = |activation| BatchNorm {
        eps: 1e-3,
        activation,
    };
    let norm_inputs = || {
        let gamma = positive("gamma", &[3]);
        vec![values("x", [2, 2, 4, 3]), gamma, values("beta", [3])]
    };
    let normal = |x: &[T], moments: &Moments<f64>, eps: f64| -> Vec<f64> {
        let value = |(i, v): (usize, &f64)| {
            let at = |t: &T| t.data()[i % 3];
            at(&x[1]) * (v - at(&moments.mean)) / (at(&moments.variance) + eps).sqrt() + at(&x[2])
        };
        x[0].data().iter().enumerate().map(value).collect()
    };
    let own = |x: &T| {
        let rows = x.reshape([x.len() / 3, 3]);
        let mean = rows.mean_axis(0);
        let variance = rows.sub(&mean).square().mean_axis(0);
        Moments { mean, variance }
    };
    vec![
        row(
            "max_pool2d",
            x(),
            move |x| x[0].max_pool2d(geometry),
            move |x| pool_windows(&x[0], [3, 6], sliding, max),
        ),
        row(
            "relu_max_pool2d",
            x(),
            move |x| x[0].affine(1.0, -0.5).relu_max_pool2d(geometry),
            move |x| pool_windows(&x[0].affine(1.0, -0.5).relu(), [3, 6], sliding, max),
        ),
        row(
            "avg_pool2d",
            x(),
            move |x| x[0].avg_pool2d(geometry),
            move |x| pool_windows(&x[0], [3, 6], sliding, mean),
        ),
        row(
            "adaptive_max_pool2d",
            x(),
            |x| x[0].adaptive_max_pool2d([2, 4]),
            move |x| pool_windows(&x[0], [2, 4], adaptive, max),
        ),
        row(
            "adaptive_avg_pool2d",
            x(),
            |x| x[0].adaptive_avg_pool2d([2, 4]),
            move |x| pool_windows(&x[0], [2, 4], adaptive, mean),
        ),
        row(
            "global_avg_pool2d",
            x(),
            |x| x[0].global_avg_pool2d(),
            move |x| pool_windows(&x[0], [1, 1], |_, _| 0..6, mean),
        ),
        row(
            "group_norm",
            vec![
                values("x", [2, 3, 2, 4]),
                positive("gamma", &[4]),
                values("beta", [4]),
            ],
            |x| x[0].group_norm(2, &x[1], &x[2], 1e-3),
            |x| {
                let part = |i: usize| (i / 24, i % 4 / 2);
                let value = |i: usize| {
                    let own: Vec<f64> = (0..48)
                        .filter(|&j| part(j) == part(i))
                        .map(|j| x[0].data()[j])
                        .collect();
                    let mean = own.iter().sum::<f64>() / 12.0;
                    let variance = own.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 12.0;
                    let h = (x[0].data()[i] - mean) / (variance + 1e-3).sqrt();
                    x[1].data()[i % 4] * h + x[2].data()[i % 4]
                };
                (0..48).map(value).collect()
            },
        ),
        row(
            "spatial_dropout",
            vec![values("x", [3, 2, 2, 5])],
            |x| x[0].spatial_dropout(0.4, Key::new(7)),
            |x| {
                let limit = (0.4 * f64::from(u32::MAX)) as u32;
                let kept = |i: usize| Key::new(7).word((i / 20 * 5 + i % 5) as u64) >= limit;
                let value = |(i, x): (usize, &f64)| if kept(i) { x / 0.6 } else { 0.0 };
                x[0].data().iter().enumerate().map(value).collect()
            },
        ),
        row(
            "batch_norm",
            norm_inputs(),
            move |x| {
                x[0].batch_norm(&x[1], &x[2], options(Activation::Identity))
                    .0
            },
            move |x| normal(x, &own(&x[0]), 1e-3),
        ),
        row(
            "batch_norm, relu",
            norm_inputs(),
            move |x| x[0].batch_norm(&x[1], &x[2], options(Activation::Relu)).0,
            move |x| {
                let y = normal(x, &own(&x[0]), 1e-3);
                y.into_iter().map(|y| y.max(0.0)).collect()
            },
        ),
        row(
            "batch_norm, relu6",
            norm_inputs(),
            move |x| {
                let gamma = x[1].affine(6.0, 0.0);
                x[0].batch_norm(&gamma, &x[2], options(Activation::Relu6)).0
            },
            move |x| {
                let widened = [x[0].clone(), x[1].affine(6.0, 0.0), x[2].clone()];
                let y = normal(&widened, &own(&x[0]), 1e-3);
                y.into_iter().map(|y| y.clamp(0.0, 6.0)).collect()
            },
        ),
        row(
            "batch_norm_with, relu",
            norm_inputs(),
            move |x| x[0].batch_norm_with(&x[1], &x[2], constant(), options(Activation::Relu)),
            move |x| {
                let y = normal(x, &constant(), 1e-3);
                y.into_iter().map(|y| y.max(0.0)).collect()
            },
        ),
    ]
}
