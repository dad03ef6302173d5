//! Reshaping, cutting, joining and sums along axes.

use super::*;

pub(super) fn shape_rows() -> Vec<Row> {
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
