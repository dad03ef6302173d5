//! Operations on packed sequences.

use super::*;

pub(super) fn sequence_rows() -> Vec<Row> {
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
