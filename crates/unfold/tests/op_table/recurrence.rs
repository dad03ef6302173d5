//! Recurrent cells, and what is computed again on the way back.

use super::*;

/// Every cell in one direction, the other and both, against its equations composed of elementary operations,
/// one step of one sequence at a time.
pub(super) fn recurrent_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (cell, name) in [
        (Cell::ElmanTanh, "elman tanh"),
        (Cell::ElmanRelu, "elman relu"),
        (Cell::Gru, "gru"),
        (Cell::Lstm, "lstm"),
    ] {
        for reverse in [&[false][..], &[true], &[false, true]] {
            let (c, d, n, b) = (3, 2, sequences().rows(), sequences().batch());
            let g = cell.gates() * d;
            let mut inputs = vec![values("x", [n, c])];
            for reverse in reverse {
                let values = |name: &str, shape: &[usize]| {
                    let name = if *reverse {
                        format!("{name} reverse")
                    } else {
                        name.into()
                    };
                    values(&name, shape)
                };
                inputs.extend([
                    values("w_ih", &[c, g]),
                    values("w_hh", &[d, g]),
                    values("bias", &[g]),
                    values("bias_hn", &[d]),
                    values("h0", &[b, d]),
                    values("c0", &[b, d]),
                ]);
            }
            let op = move |x: &[T]| {
                let own = x[1..].chunks_exact(6).zip(reverse);
                let runs = own.map(|(own, reverse)| Recurrent {
                    cell,
                    reverse: *reverse,
                    w_ih: &own[0],
                    w_hh: &own[1],
                    bias: &own[2],
                    bias_hn: (cell == Cell::Gru).then_some(&own[3]),
                    h0: Some(&own[4]),
                    c0: (cell == Cell::Lstm).then_some(&own[5]),
                });
                let out = x[0].recurrent(&sequences(), &runs.collect::<Vec<_>>());
                let states = out
                    .iter()
                    .flat_map(|out| [&out.y, &out.h, out.c.as_ref().unwrap_or(&out.h)]);
                T::concat(&states.collect::<Vec<_>>(), 0)
            };
            let naive = move |x: &[T]| {
                let own = x[1..].chunks_exact(6).zip(reverse);
                let all = own.map(|(own, reverse)| composed_recurrence(cell, *reverse, &x[0], own));
                T::concat(&all.collect::<Vec<_>>().iter().collect::<Vec<_>>(), 0).to_vec()
            };
            rows.push(row(name, inputs, op, naive));
        }
    }
    rows
}

fn composed_recurrence(cell: Cell, reverse: bool, inputs: &T, x: &[T]) -> T {
    let (s, d) = (sequences(), x[1].dim(0));
    let mut y = vec![None; s.rows()];
    let (mut last_h, mut last_c) = (Vec::new(), Vec::new());
    for b in 0..s.batch() {
        let (mut h, mut c) = (x[4].narrow(0, b, 1), x[5].narrow(0, b, 1));
        for step in 0..s.lengths()[b] {
            let t = if reverse {
                s.lengths()[b] - 1 - step
            } else {
                step
            };
            let input = inputs.narrow(0, s.row(t, b), 1);
            let (from_x, from_h) = (input.linear(&x[0], Some(&x[2])), h.matmul(&x[1]));
            let sum = from_x.add(&from_h);
            let gate = |i: usize| sum.narrow(1, i * d, d);
            h = match cell {
                Cell::ElmanTanh => sum.tanh(),
                Cell::ElmanRelu => sum.relu(),
                Cell::Gru => {
                    let (r, z) = (gate(0).sigmoid(), gate(1).sigmoid());
                    let hn = from_h.narrow(1, 2 * d, d).add(&x[3]);
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
pub(super) fn checkpoint_rows() -> Vec<Row> {
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
