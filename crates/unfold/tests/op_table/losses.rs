//! Losses and probabilities.

use super::*;

pub(super) fn loss_rows() -> Vec<Row> {
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
            |x| {
                x[0].clone()
                    .cross_entropy(&[4, IGNORE, 1], &CrossEntropy::default())
            },
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
                x[0].clone().cross_entropy(&[1, 2], &options)
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
