//! One row per operation: its value against a plain reference, its gradient against finite
//! differences, and its gradient when one tensor is used for every input of the same shape.

use unfold::ops::{
    Activation, BatchNorm, Cell, Conv1d, Conv2d, ConvTranspose2d, CrossEntropy, IGNORE, Moments,
    Pool2d, Recurrent,
};
use unfold::testkit::{difference, gradient_error, values};
use unfold::{Key, Ragged, Tensor};

type T = Tensor<f64>;

/// A function of tensors under test.
type Function = Box<dyn Fn(&[T]) -> T>;

/// Its plain form.
type Naive = Box<dyn Fn(&[T]) -> Vec<f64>>;

struct Row {
    name: &'static str,
    inputs: Vec<T>,
    op: Function,
    naive: Naive,
}

fn row(
    name: &'static str,
    inputs: Vec<T>,
    op: impl Fn(&[T]) -> T + 'static,
    naive: impl Fn(&[T]) -> Vec<f64> + 'static,
) -> Row {
    Row {
        name,
        inputs,
        op: Box::new(op),
        naive: Box::new(naive),
    }
}

fn map(f: impl Fn(f64) -> f64 + 'static) -> impl Fn(&[T]) -> Vec<f64> {
    move |x| x[0].data().iter().map(|&x| f(x)).collect()
}

/// Values in 0.5..1.5, for functions that want positive input.
fn positive(name: &str, shape: &[usize]) -> T {
    values(name, shape).affine(0.5, 1.0)
}

/// Values no closer to 0 than 0.1, for functions with a kink there.
fn away_from_zero(name: &str, shape: &[usize]) -> T {
    let v = values(name, shape);
    let moved = v.data().iter().map(|v| v + 0.1 * v.signum()).collect();
    T::from_vec(moved, shape)
}

fn matmul(a: &T, b: &T) -> Vec<f64> {
    let (m, k, n) = (a.dim(0), a.dim(1), b.dim(1));
    let product = |i: usize, j: usize| {
        (0..k)
            .map(|p| a.data()[i * k + p] * b.data()[p * n + j])
            .sum()
    };
    (0..m * n).map(|at| product(at / n, at % n)).collect()
}

/// Adds `[n]` to every row of `[m, n]`.
fn add_rows(mut y: Vec<f64>, b: &T) -> Vec<f64> {
    for row in y.chunks_mut(b.len()) {
        for (y, b) in row.iter_mut().zip(b.data()) {
            *y += b;
        }
    }
    y
}

fn softmax(row: &[f64]) -> Vec<f64> {
    let sum: f64 = row.iter().map(|x| x.exp()).sum();
    row.iter().map(|x| x.exp() / sum).collect()
}

fn sequences() -> Ragged {
    Ragged::new(&[5, 3, 3, 1])
}

fn elementwise_rows() -> Vec<Row> {
    let x = || vec![away_from_zero("x", &[3, 7])];
    let ab = || vec![values("a", [4, 5]), away_from_zero("b", &[4, 5])];
    let zip = |f: fn(f64, f64) -> f64| {
        move |x: &[T]| {
            let pairs = x[0].data().iter().zip(x[1].data());
            pairs.map(|(&a, &b)| f(a, b)).collect()
        }
    };
    vec![
        row("neg", x(), |x| x[0].neg(), map(|x| -x)),
        row("exp", x(), |x| x[0].exp(), map(f64::exp)),
        row("ln", vec![positive("x", &[9])], |x| x[0].ln(), map(f64::ln)),
        row(
            "sqrt",
            vec![positive("x", &[9])],
            |x| x[0].sqrt(),
            map(f64::sqrt),
        ),
        row("square", x(), |x| x[0].square(), map(|x| x * x)),
        row("tanh", x(), |x| x[0].tanh(), map(f64::tanh)),
        row(
            "sigmoid",
            x(),
            |x| x[0].sigmoid(),
            map(|x| 1.0 / (1.0 + (-x).exp())),
        ),
        row("relu", x(), |x| x[0].relu(), map(|x| x.max(0.0))),
        row(
            "relu6",
            x(),
            |x| x[0].affine(9.0, 0.1).relu6(),
            map(|x| (9.0 * x + 0.1).clamp(0.0, 6.0)),
        ),
        row(
            "leaky_relu",
            x(),
            |x| x[0].leaky_relu(0.2),
            map(|x| if x > 0.0 { x } else { 0.2 * x }),
        ),
        row(
            "silu",
            x(),
            |x| x[0].silu(),
            map(|x| x / (1.0 + (-x).exp())),
        ),
        row(
            "gelu",
            x(),
            |x| x[0].affine(3.0, 0.0).gelu(),
            map(|x| 3.0 * x * normal_cdf(3.0 * x)),
        ),
        row(
            "hard_swish",
            x(),
            |x| x[0].affine(5.0, 0.1).hard_swish(),
            map(|x| {
                let x = 5.0 * x + 0.1;
                x * (x + 3.0).clamp(0.0, 6.0) / 6.0
            }),
        ),
        row(
            "affine",
            x(),
            |x| x[0].affine(2.5, -1.0),
            map(|x| 2.5 * x - 1.0),
        ),
        row("add", ab(), |x| x[0].add(&x[1]), zip(|a, b| a + b)),
        row(
            "add_relu",
            ab(),
            |x| x[0].add_relu(&x[1]),
            zip(|a, b| (a + b).max(0.0)),
        ),
        row("sub", ab(), |x| x[0].sub(&x[1]), zip(|a, b| a - b)),
        row("mul", ab(), |x| x[0].mul(&x[1]), zip(|a, b| a * b)),
        row("div", ab(), |x| x[0].div(&x[1]), zip(|a, b| a / b)),
        row(
            "add, rows",
            vec![values("a", [4, 5]), values("b", [5])],
            |x| x[0].add(&x[1]),
            |x| add_rows(x[0].to_vec(), &x[1]),
        ),
        row(
            "mul, both stretched",
            vec![values("a", [3, 1]), values("b", [1, 4])],
            |x| x[0].mul(&x[1]),
            |x| matmul(&x[0], &x[1]),
        ),
        row(
            "sub, scalar first",
            vec![values("a", []), values("b", [2, 3])],
            |x| x[0].sub(&x[1]),
            |x| x[1].data().iter().map(|b| x[0].item() - b).collect(),
        ),
        row(
            "dropout",
            vec![values("x", [11, 3])],
            |x| x[0].dropout(0.4, Key::new(7)),
            |x| {
                let limit = (0.4 * f64::from(u32::MAX)) as u32;
                let kept = |i: usize| Key::new(7).word(i as u64) >= limit;
                let value = |(i, x): (usize, &f64)| if kept(i) { x / 0.6 } else { 0.0 };
                x[0].data().iter().enumerate().map(value).collect()
            },
        ),
    ]
}

/// The share of a normal distribution below x: the density's sum in small steps.
fn normal_cdf(x: f64) -> f64 {
    const STEPS: usize = 4000;
    let density = |t: f64| (-t * t / 2.0).exp() / std::f64::consts::TAU.sqrt();
    let h = x / STEPS as f64;
    // Simpson's rule.
    let weight = |i: usize| match i {
        0 | STEPS => 1.0,
        i if i % 2 == 1 => 4.0,
        _ => 2.0,
    };
    let sum: f64 = (0..=STEPS).map(|i| weight(i) * density(i as f64 * h)).sum();
    0.5 + sum * h / 3.0
}

fn shape_rows() -> Vec<Row> {
    vec![
        row(
            "reshape",
            vec![values("x", [4, 6])],
            |x| x[0].square().reshape([2, 3, 4]).sum_axis(1),
            |x| {
                let at = |i: usize, j: usize, k: usize| x[0].data()[(i * 3 + j) * 4 + k].powi(2);
                let sum = |i, k| (0..3).map(|j| at(i, j, k)).sum();
                (0..8).map(|n| sum(n / 4, n % 4)).collect()
            },
        ),
        row(
            "transpose",
            vec![values("x", [3, 5])],
            |x| x[0].transpose(),
            |x| (0..15).map(|n| x[0].data()[(n % 3) * 5 + n / 3]).collect(),
        ),
        row(
            "narrow",
            vec![values("x", [2, 5, 3])],
            |x| x[0].narrow(1, 1, 3),
            |x| {
                let rows = x[0].data().chunks(15);
                rows.flat_map(|r| r[3..12].to_vec()).collect()
            },
        ),
        row(
            "concat",
            vec![values("a", [2, 2, 3]), values("b", [2, 2, 3])],
            |x| T::concat(&[&x[0], &x[1]], 1),
            |x| {
                let pairs = x[0].data().chunks(6).zip(x[1].data().chunks(6));
                pairs.flat_map(|(a, b)| [a, b].concat()).collect()
            },
        ),
        row(
            "sum",
            vec![values("x", [7, 9])],
            |x| x[0].sum(),
            |x| vec![x[0].data().iter().sum()],
        ),
        row(
            "mean",
            vec![values("x", [7, 9])],
            |x| x[0].mean(),
            |x| vec![x[0].data().iter().sum::<f64>() / 63.0],
        ),
        row(
            "sum_axis, last",
            vec![values("x", [7, 9])],
            |x| x[0].sum_axis(1),
            |x| x[0].data().chunks(9).map(|r| r.iter().sum()).collect(),
        ),
        row(
            "mean_axis, first",
            vec![values("x", [7, 9])],
            |x| x[0].mean_axis(0),
            |x| {
                (0..9)
                    .map(|j| (0..7).map(|i| x[0].data()[i * 9 + j]).sum::<f64>() / 7.0)
                    .collect()
            },
        ),
    ]
}

fn product_rows() -> Vec<Row> {
    vec![
        row(
            "matmul",
            vec![values("a", [5, 5]), values("b", [5, 5])],
            |x| x[0].matmul(&x[1]),
            |x| matmul(&x[0], &x[1]),
        ),
        row(
            "linear",
            vec![
                values("x", [2, 3, 5]),
                values("w", [5, 4]),
                values("b", [4]),
            ],
            |x| x[0].linear(&x[1], Some(&x[2])),
            |x| add_rows(matmul(&x[0].reshape([6, 5]), &x[1]), &x[2]),
        ),
        row(
            "linear_t",
            vec![
                values("x", [2, 3, 5]),
                values("w", [4, 5]),
                values("b", [4]),
            ],
            |x| x[0].linear_t(&x[1], Some(&x[2])),
            |x| add_rows(matmul(&x[0].reshape([6, 5]), &x[1].transpose()), &x[2]),
        ),
        row(
            "linear, no bias",
            vec![values("x", [4, 4]), values("w", [4, 4])],
            |x| x[0].linear(&x[1], None),
            |x| matmul(&x[0], &x[1]),
        ),
        row(
            "gather",
            vec![values("table", [5, 3])],
            |x| x[0].gather(&[4, 0, 4, 2]),
            |x| {
                [4, 0, 4, 2]
                    .iter()
                    .flat_map(|i| x[0].data()[i * 3..][..3].to_vec())
                    .collect()
            },
        ),
        row(
            "bag",
            vec![values("table", [5, 3])],
            |x| x[0].bag(&[1, 4, 1], &[0.5, 2.0, -1.0], &[0, 2, 2, 3]),
            |x| {
                let t = |i: usize, c: usize| x[0].data()[i * 3 + c];
                let first = (0..3).map(|c| 0.5 * t(1, c) + 2.0 * t(4, c));
                first
                    .chain([0.0; 3])
                    .chain((0..3).map(|c| -t(1, c)))
                    .collect()
            },
        ),
        row(
            "layer_norm",
            vec![
                values("x", [4, 4]),
                values("gamma", [4]),
                values("beta", [4]),
            ],
            |x| x[0].layer_norm(&x[1], &x[2], 1e-3),
            |x| {
                let normal = |r: &[f64]| {
                    let mean = r.iter().sum::<f64>() / 4.0;
                    let variance = r.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 4.0;
                    let scale = (variance + 1e-3).sqrt();
                    (0..4)
                        .map(|c| x[1].data()[c] * (r[c] - mean) / scale + x[2].data()[c])
                        .collect::<Vec<_>>()
                };
                x[0].data().chunks(4).flat_map(normal).collect()
            },
        ),
    ]
}

fn loss_rows() -> Vec<Row> {
    let log_softmax = |x: &T| -> Vec<Vec<f64>> {
        let rows = x.data().chunks(x.dim(1));
        rows.map(|r| softmax(r).iter().map(|p| p.ln()).collect())
            .collect()
    };
    vec![
        row(
            "softmax",
            vec![values("x", [3, 5])],
            |x| x[0].softmax(),
            |x| x[0].data().chunks(5).flat_map(softmax).collect(),
        ),
        row(
            "log_softmax",
            vec![values("x", [3, 5])],
            |x| x[0].log_softmax(),
            move |x| log_softmax(&x[0]).concat(),
        ),
        row(
            "cross_entropy",
            vec![values("x", [3, 5])],
            |x| x[0].cross_entropy(&[4, IGNORE, 1], &CrossEntropy::default()),
            move |x| {
                let l = log_softmax(&x[0]);
                vec![-(l[0][4] + l[2][1]) / 2.0]
            },
        ),
        row(
            "cross_entropy, weighted and smoothed",
            vec![values("x", [2, 3])],
            |x| {
                let options = CrossEntropy {
                    label_smoothing: 0.3,
                    class_weights: Some(vec![0.5, 2.0, 1.0]),
                };
                x[0].cross_entropy(&[1, 2], &options)
            },
            move |x| {
                let (l, w) = (log_softmax(&x[0]), [0.5, 2.0, 1.0]);
                let one = |r: usize, t: usize| {
                    let even: f64 = (0..3).map(|v| w[v] * l[r][v]).sum();
                    -(0.7 * w[t] * l[r][t] + 0.3 / 3.0 * even)
                };
                vec![(one(0, 1) + one(1, 2)) / (w[1] + w[2])]
            },
        ),
        row(
            "binary_cross_entropy",
            vec![values("x", [2, 3]), values("t", [2, 3])],
            |x| x[0].binary_cross_entropy(&x[1]),
            |x| {
                let one = |(x, t): (&f64, &f64)| {
                    let p = 1.0 / (1.0 + (-x).exp());
                    -(t * p.ln() + (1.0 - t) * (1.0 - p).ln())
                };
                vec![x[0].data().iter().zip(x[1].data()).map(one).sum::<f64>() / 6.0]
            },
        ),
        row(
            "squared_error",
            vec![values("y", [4, 3]), values("t", [4, 3])],
            |x| x[0].squared_error(&x[1]),
            |x| {
                vec![
                    x[0].data()
                        .iter()
                        .zip(x[1].data())
                        .map(|(y, t)| (y - t).powi(2))
                        .sum(),
                ]
            },
        ),
    ]
}

fn sequence_rows() -> Vec<Row> {
    let geometry = Conv1d {
        kernel: 3,
        stride: 2,
        padding: 2,
        dilation: 1,
    };
    let column = |x: &T, b: usize, c: usize| -> Vec<f64> {
        let s = sequences();
        (0..s.lengths()[b])
            .map(|t| x.data()[s.row(t, b) * x.dim(1) + c])
            .collect()
    };
    let pool = move |f: fn(&[f64]) -> f64| {
        move |x: &[T]| {
            (0..8)
                .map(|n| f(&column(&x[0], n / 2, n % 2)))
                .collect::<Vec<_>>()
        }
    };
    vec![
        row(
            "locked_dropout",
            vec![values("x", [12, 3])],
            |x| x[0].locked_dropout(0.4, Key::new(7), &sequences()),
            |x| {
                let limit = (0.4 * f64::from(u32::MAX)) as u32;
                let kept = |i: usize| Key::new(7).word(i as u64) >= limit;
                let s = sequences();
                let mut y = vec![0.0; 36];
                for b in 0..s.batch() {
                    for t in 0..s.lengths()[b] {
                        for c in (0..3).filter(|c| kept(b * 3 + c)) {
                            let at = s.row(t, b) * 3 + c;
                            y[at] = x[0].data()[at] / 0.6;
                        }
                    }
                }
                y
            },
        ),
        row(
            "attention",
            vec![
                values("query", [2, 3]),
                values("keys", [3, 4, 3]),
                values("w", [3]),
                values("values", [3, 4, 3]),
            ],
            |x| {
                let seen = x[0].attention(&x[1], &x[2], &x[3]);
                T::concat(&[&seen.context, &seen.alpha], 1)
            },
            |x| {
                let [query, keys, w, values] = [0, 1, 2, 3].map(|i| x[i].data());
                let looked = |b: usize| {
                    let score = |l: usize| {
                        let key = &keys[(b * 4 + l) * 3..];
                        (0..3)
                            .map(|k| w[k] * (key[k] + query[b * 3 + k]).tanh())
                            .sum()
                    };
                    let alpha = softmax(&(0..4).map(score).collect::<Vec<f64>>());
                    let value = |l: usize, c: usize| values[(b * 4 + l) * 3 + c];
                    let seen = |c| (0..4).map(|l| alpha[l] * value(l, c)).sum();
                    let context: Vec<f64> = (0..3).map(seen).collect();
                    [context, alpha].concat()
                };
                (0..2).flat_map(looked).collect()
            },
        ),
        row(
            "seq_max",
            vec![values("x", [12, 2])],
            |x| x[0].seq_max(&sequences()),
            pool(|v| v.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
        ),
        row(
            "seq_mean",
            vec![values("x", [12, 2])],
            |x| x[0].seq_mean(&sequences()),
            pool(|v| v.iter().sum::<f64>() / v.len() as f64),
        ),
        row(
            "conv1d",
            vec![
                values("x", [12, 2]),
                values("w", [3, 2, 3]),
                values("b", [3]),
            ],
            move |x| x[0].conv1d(&sequences(), &x[1], Some(&x[2]), geometry).0,
            move |x| {
                let (from, to) = (sequences(), geometry.output(&sequences()).unwrap());
                let mut y = vec![0.0; to.rows() * 3];
                for b in 0..to.batch() {
                    for t in 0..to.lengths()[b] {
                        for o in 0..3 {
                            let mut sum = x[2].data()[o];
                            for k in 0..3 {
                                let at = (2 * t + k).checked_sub(2);
                                let Some(at) = at.filter(|&at| at < from.lengths()[b]) else {
                                    continue;
                                };
                                for c in 0..2 {
                                    sum += x[0].data()[from.row(at, b) * 2 + c]
                                        * x[1].data()[(k * 2 + c) * 3 + o];
                                }
                            }
                            y[to.row(t, b) * 3 + o] = sum;
                        }
                    }
                }
                y
            },
        ),
    ]
}

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

fn image_rows() -> Vec<Row> {
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

/// Transposed convolution of pictures in every kind of geometry: each input pixel adds to the output.
fn transposed_rows() -> Vec<Row> {
    let plain = ConvTranspose2d::new([3, 2]);
    let geometries = [
        ("conv_transpose2d", plain),
        (
            "conv_transpose2d, stride and uneven padding",
            ConvTranspose2d {
                stride: [2, 3],
                padding: [[0, 2], [1, 0]],
                output_padding: [1, 2],
                ..plain
            },
        ),
        (
            "conv_transpose2d, dilation",
            ConvTranspose2d {
                dilation: [2, 3],
                ..plain
            },
        ),
        (
            "conv_transpose2d, groups",
            ConvTranspose2d { groups: 2, ..plain },
        ),
        (
            "conv_transpose2d, depthwise",
            ConvTranspose2d { groups: 4, ..plain },
        ),
    ];
    let rows = geometries.into_iter().map(|(name, geometry)| {
        let [kh, kw] = geometry.kernel;
        let outs = 4 / geometry.groups;
        let inputs = vec![
            values("x", [2, 3, 4, 8]),
            values("w", [kh, kw, outs, 8]),
            values("b", [4]),
        ];
        row(
            name,
            inputs,
            move |x| x[0].conv_transpose2d(&x[1], Some(&x[2]), geometry),
            move |x| {
                let [oh, ow] = geometry.output([3, 4]).unwrap();
                let mut y: Vec<f64> = (0..2 * oh * ow).flat_map(|_| x[2].to_vec()).collect();
                let place = |axis: usize, at: usize, tap: usize, size: usize| {
                    let padded = at * geometry.stride[axis] + tap * geometry.dilation[axis];
                    let at = padded.checked_sub(geometry.padding[axis][0]);
                    at.filter(|at| *at < size)
                };
                for n in 0..2 * 3 * 4 * 8 * kh * kw {
                    let (tap, c, pixel) = (n % (kh * kw), n / (kh * kw) % 8, n / (kh * kw) / 8);
                    let (b, i, j) = (pixel / 12, pixel / 4 % 3, pixel % 4);
                    let (row, column) = (place(0, i, tap / kw, oh), place(1, j, tap % kw, ow));
                    let (Some(row), Some(column)) = (row, column) else {
                        continue;
                    };
                    for o in 0..outs {
                        let channel = c / (8 / geometry.groups) * outs + o;
                        y[((b * oh + row) * ow + column) * 4 + channel] +=
                            x[0].data()[pixel * 8 + c] * x[1].data()[(tap * outs + o) * 8 + c];
                    }
                }
                y
            },
        )
    });
    rows.collect()
}

/// Convolution of pictures in every kind of geometry, one product at a time.
fn picture_rows() -> Vec<Row> {
    let plain = Conv2d::new([3, 2]);
    let geometries = [
        ("conv2d", plain),
        ("conv2d, one pixel", Conv2d::new([1, 1])),
        (
            "conv2d, stride and uneven padding",
            Conv2d {
                stride: [2, 3],
                padding: [[0, 2], [1, 0]],
                ..plain
            },
        ),
        (
            "conv2d, dilation",
            Conv2d {
                dilation: [2, 3],
                ..plain.same([9, 8])
            },
        ),
        ("conv2d, groups", Conv2d { groups: 2, ..plain }),
        (
            "conv2d, depthwise",
            Conv2d {
                groups: 4,
                stride: [1, 2],
                ..plain.same([5, 6])
            },
        ),
    ];
    let rows = geometries.into_iter().map(|(name, geometry)| {
        let [kh, kw] = geometry.kernel;
        let ins = 4 / geometry.groups;
        let inputs = vec![
            values("x", [2, 5, 6, 4]),
            values("w", [kh, kw, ins, 8]),
            values("b", [8]),
        ];
        row(
            name,
            inputs,
            move |x| x[0].conv2d(&x[1], Some(&x[2]), geometry),
            move |x| {
                let [oh, ow] = geometry.output([5, 6]).unwrap();
                let place = |axis: usize, at: usize, tap: usize, size: usize| {
                    let padded = at * geometry.stride[axis] + tap * geometry.dilation[axis];
                    let at = padded.checked_sub(geometry.padding[axis][0]);
                    at.filter(|at| *at < size)
                };
                let value = |b: usize, i: usize, j: usize, o: usize| {
                    let mut sum = x[2].data()[o];
                    for tap in 0..kh * kw {
                        let (row, column) = (place(0, i, tap / kw, 5), place(1, j, tap % kw, 6));
                        let (Some(row), Some(column)) = (row, column) else {
                            continue;
                        };
                        for c in 0..ins {
                            let channel = o / (8 / geometry.groups) * ins + c;
                            sum += x[0].data()[((b * 5 + row) * 6 + column) * 4 + channel]
                                * x[1].data()[(tap * ins + c) * 8 + o];
                        }
                    }
                    sum
                };
                (0..2 * oh * ow * 8)
                    .map(|n| value(n / 8 / ow / oh, n / 8 / ow % oh, n / 8 % ow, n % 8))
                    .collect()
            },
        )
    });
    rows.collect()
}

/// Every cell in both directions, against its equations composed of elementary operations,
/// one step of one sequence at a time.
fn recurrent_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (cell, name) in [
        (Cell::ElmanTanh, "elman tanh"),
        (Cell::ElmanRelu, "elman relu"),
        (Cell::Gru, "gru"),
        (Cell::Lstm, "lstm"),
    ] {
        for reverse in [false, true] {
            let (c, d, n, b) = (3, 2, sequences().rows(), sequences().batch());
            let g = cell.gates() * d;
            let inputs = vec![
                values("x", [n, c]),
                values("w_ih", [c, g]),
                values("w_hh", [d, g]),
                values("bias", [g]),
                values("bias_hn", [d]),
                values("h0", [b, d]),
                values("c0", [b, d]),
            ];
            let op = move |x: &[T]| {
                let args = Recurrent {
                    cell,
                    reverse,
                    w_ih: &x[1],
                    w_hh: &x[2],
                    bias: &x[3],
                    bias_hn: (cell == Cell::Gru).then_some(&x[4]),
                    h0: Some(&x[5]),
                    c0: (cell == Cell::Lstm).then_some(&x[6]),
                };
                let out = x[0].recurrent(&sequences(), &args);
                let states = [&out.y, &out.h, out.c.as_ref().unwrap_or(&out.h)];
                T::concat(&states, 0)
            };
            let naive = move |x: &[T]| composed_recurrence(cell, reverse, x).to_vec();
            rows.push(row(name, inputs, op, naive));
        }
    }
    rows
}

fn composed_recurrence(cell: Cell, reverse: bool, x: &[T]) -> T {
    let (s, d) = (sequences(), x[2].dim(0));
    let mut y = vec![None; s.rows()];
    let (mut last_h, mut last_c) = (Vec::new(), Vec::new());
    for b in 0..s.batch() {
        let (mut h, mut c) = (x[5].narrow(0, b, 1), x[6].narrow(0, b, 1));
        for step in 0..s.lengths()[b] {
            let t = if reverse {
                s.lengths()[b] - 1 - step
            } else {
                step
            };
            let input = x[0].narrow(0, s.row(t, b), 1);
            let (from_x, from_h) = (input.linear(&x[1], Some(&x[3])), h.matmul(&x[2]));
            let sum = from_x.add(&from_h);
            let gate = |i: usize| sum.narrow(1, i * d, d);
            h = match cell {
                Cell::ElmanTanh => sum.tanh(),
                Cell::ElmanRelu => sum.relu(),
                Cell::Gru => {
                    let (r, z) = (gate(0).sigmoid(), gate(1).sigmoid());
                    let hn = from_h.narrow(1, 2 * d, d).add(&x[4]);
                    let n = from_x.narrow(1, 2 * d, d).add(&r.mul(&hn)).tanh();
                    n.add(&z.mul(&h.sub(&n)))
                }
                Cell::Lstm => {
                    let (i, f) = (gate(0).sigmoid(), gate(1).sigmoid());
                    let (g, o) = (gate(2).tanh(), gate(3).sigmoid());
                    c = f.mul(&c).add(&i.mul(&g));
                    o.mul(&c.tanh())
                }
            };
            y[s.row(t, b)] = Some(h.clone());
        }
        last_h.push(h.clone());
        last_c.push(if cell == Cell::Lstm { c } else { h });
    }
    let y: Vec<T> = y.into_iter().map(|row| row.expect("every row")).collect();
    T::concat(
        &y.iter().chain(&last_h).chain(&last_c).collect::<Vec<_>>(),
        0,
    )
}

/// What is computed again on the way back.
fn checkpoint_rows() -> Vec<Row> {
    let inputs = vec![values("a", [3, 4]), values("b", [3, 4])];
    let op = |x: &[T]| {
        let out = T::checkpoint(&[&x[0], &x[1]], |x| {
            let product = T::checkpoint(&[&x[0], &x[1]], |x| vec![x[0].mul(&x[1])]);
            vec![product[0].mul(&x[0]), x[1].narrow(0, 1, 1), x[0].clone()]
        });
        // The last output is left out.
        T::concat(&[&out[0], &out[1]], 0)
    };
    let naive = |x: &[T]| {
        let pairs = x[0].data().iter().zip(x[1].data());
        let mut y: Vec<f64> = pairs.map(|(a, b)| a * a * b).collect();
        y.extend(&x[1].data()[4..8]);
        y
    };
    vec![row("checkpoint", inputs, op, naive)]
}

fn table() -> Vec<Row> {
    let mut rows = elementwise_rows();
    rows.extend(shape_rows());
    rows.extend(product_rows());
    rows.extend(loss_rows());
    rows.extend(sequence_rows());
    rows.extend(image_rows());
    rows.extend(picture_rows());
    rows.extend(transposed_rows());
    rows.extend(recurrent_rows());
    rows.extend(checkpoint_rows());
    rows
}

#[test]
fn values_equal_the_naive_form() {
    for row in table() {
        let error = difference((row.op)(&row.inputs).data(), &(row.naive)(&row.inputs));
        assert!(error < 1e-12, "{}: value is off by {error:e}", row.name);
    }
}

#[test]
fn gradients_equal_finite_differences() {
    for row in table() {
        let error = gradient_error(&row.inputs, &row.op);
        assert!(error < 1e-6, "{}: gradient is off by {error:e}", row.name);
    }
}

/// The tape must add what arrives over several paths, also from inside one operation.
#[test]
fn gradients_add_up_when_one_tensor_is_used_twice() {
    for row in table() {
        let first = row.inputs[0].clone();
        let op = |x: &[T]| {
            let all: Vec<T> = row
                .inputs
                .iter()
                .map(|input| {
                    if input.shape() == first.shape() {
                        x[0].clone()
                    } else {
                        input.clone()
                    }
                })
                .collect();
            let y = (row.op)(&all);
            y.add(&(row.op)(&all).square())
        };
        let alone = match row.name {
            // Its input must be positive; a tensor divided by itself would be constant.
            "div" => away_from_zero("b", &[4, 5]),
            _ => first.clone(),
        };
        let error = gradient_error(&[alone], op);
        assert!(error < 1e-6, "{}: gradient is off by {error:e}", row.name);
    }
}
