//! Operations on each element alone.

use super::*;

pub(super) fn elementwise_rows() -> Vec<Row> {
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
