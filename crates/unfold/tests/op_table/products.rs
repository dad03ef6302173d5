//! Matrix products and tables of rows.

use super::*;

pub(super) fn product_rows() -> Vec<Row> {
    vec![
        row(
            "matmul",
            vec![values("a", [5, 5]), values("b", [5, 5])],
            |x| x[0].matmul(&x[1]),
            |x| matmul(&x[0], &x[1]),
        ),
        row(
            "matmul, a batch",
            vec![values("a", [3, 4, 5]), values("b", [3, 5, 2])],
            |x| x[0].matmul(&x[1]),
            |x| {
                let one = |x: &T, i: usize| x.narrow(0, i, 1).reshape([x.dim(1), x.dim(2)]);
                let each = (0..3).map(|i| matmul(&one(&x[0], i), &one(&x[1], i)));
                each.flatten().collect()
            },
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
