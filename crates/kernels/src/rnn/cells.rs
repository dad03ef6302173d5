//! One step of one sequence for some units, forward and backward.

use super::Cell;
use super::panels::Row;
use crate::float::Float;
use crate::simd::Vector;

/// Runs a block for each vector of `n` units: `j` counts them, `at` are the units. Written twice, so that the length of whole
/// vectors is known where they are read.
macro_rules! each {
    ($v:ty, $n:expr, |$j:ident, $at:ident| $block:block) => {
        let (n, lanes) = ($n, <$v>::LANES);
        for $j in 0..n / lanes {
            let $at = $j * lanes..$j * lanes + lanes;
            $block
        }
        if n % lanes > 0 {
            let $j = n / lanes;
            let $at = $j * lanes..n;
            let _ = $j;
            $block
        }
    };
}

/// What a step forward reads and writes. Lists that the cell lacks are empty.
pub(super) struct Ahead<'a, E> {
    /// In: the input's share. Out: the activated gates.
    pub(super) gates: [&'a mut [E]; 4],
    /// GRU: the bias inside the reset gate.
    pub(super) bias_hn: &'a [E],
    /// The states before; for the LSTM the cell states.
    pub(super) before: &'a [E],
    /// The states after.
    pub(super) y: &'a mut [E],
    /// LSTM: the cell states after. GRU: h W_hn + b_hn.
    pub(super) kept: &'a mut [E],
}

/// A step forward, given the recurrent products.
#[inline(always)]
pub(super) fn forward<V: Vector>(cell: Cell, step: Ahead<'_, V::Elem>, product: Row<'_, V::Elem>) {
    let Ahead {
        gates: [g0, g1, g2, g3],
        bias_hn,
        before,
        y,
        kept,
    } = step;
    let zero = V::splat(V::Elem::ZERO);
    match cell {
        Cell::ElmanTanh | Cell::ElmanRelu => {
            each!(V, y.len(), |j, at| {
                let a = product.with::<V>(&g0[at.clone()], 0, j);
                let h = match cell {
                    Cell::ElmanTanh => a.tanh(),
                    _ => zero.select_gt(a, zero, a), // a NaN stays one
                };
                h.write(&mut g0[at.clone()]);
                h.write(&mut y[at]);
            });
        }
        // Two passes, for the second has a long function of what the first's long functions give: a machine looks ahead over
        // several vectors of one function, but not over both.
        Cell::Gru => {
            each!(V, y.len(), |j, at| {
                product
                    .with::<V>(&g0[at.clone()], 0, j)
                    .sigmoid()
                    .write(&mut g0[at.clone()]);
                product
                    .with::<V>(&g1[at.clone()], 1, j)
                    .sigmoid()
                    .write(&mut g1[at]);
            });
            each!(V, y.len(), |j, at| {
                let (r, z) = (V::read(&g0[at.clone()]), V::read(&g1[at.clone()]));
                let inner = product.get::<V>(2, j).add(V::read(&bias_hn[at.clone()]));
                let n = r.mul_add(inner, V::read(&g2[at.clone()])).tanh();
                let h = z.mul_add(V::read(&before[at.clone()]).sub(n), n);
                n.write(&mut g2[at.clone()]);
                inner.write(&mut kept[at.clone()]);
                h.write(&mut y[at]);
            });
        }
        Cell::Lstm => {
            each!(V, y.len(), |j, at| {
                let i = product.with::<V>(&g0[at.clone()], 0, j).sigmoid();
                let f = product.with::<V>(&g1[at.clone()], 1, j).sigmoid();
                let g = product.with::<V>(&g2[at.clone()], 2, j).tanh();
                let o = product.with::<V>(&g3[at.clone()], 3, j).sigmoid();
                let c = f.mul_add(V::read(&before[at.clone()]), i.mul(g));
                i.write(&mut g0[at.clone()]);
                f.write(&mut g1[at.clone()]);
                g.write(&mut g2[at.clone()]);
                o.write(&mut g3[at.clone()]);
                c.write(&mut kept[at]);
            });
            each!(V, y.len(), |j, at| {
                let (o, c) = (V::read(&g3[at.clone()]), V::read(&kept[at.clone()]));
                o.mul(c.tanh()).write(&mut y[at]);
            });
        }
    }
}

/// What a step backward reads and writes. Lists that the cell lacks are empty.
pub(super) struct Back<'a, E> {
    /// In: the activated gates. Out: the gradient of the gates before activation.
    pub(super) gates: [&'a mut [E]; 4],
    /// The states after; for the LSTM the cell states.
    pub(super) after: &'a [E],
    /// The states before; for the LSTM the cell states.
    pub(super) before: &'a [E],
    /// GRU. In: h W_hn + b_hn. Out: the gradient of that.
    pub(super) hn: &'a mut [E],
    /// The gradient of the states after.
    pub(super) dy: &'a [E],
    /// In: what comes to the states after from elsewhere, the products aside. Out: what goes past the product
    /// to those before.
    pub(super) dh: &'a mut [E],
    /// LSTM: what comes to the cell states after, then to those before.
    pub(super) dc: &'a mut [E],
}

/// The derivative of tanh, from its value.
#[inline(always)]
fn tanh_slope<V: Vector>(y: V) -> V {
    V::splat(V::Elem::ONE).sub(y.mul(y))
}

/// The derivative of the logistic function, from its value.
#[inline(always)]
fn sigmoid_slope<V: Vector>(y: V) -> V {
    y.mul(V::splat(V::Elem::ONE).sub(y))
}

/// A step backward, given what the recurrent products bring back.
#[inline(always)]
pub(super) fn backward<V: Vector>(cell: Cell, step: Back<'_, V::Elem>, product: Row<'_, V::Elem>) {
    let Back {
        gates: [g0, g1, g2, g3],
        after,
        before,
        hn,
        dy,
        dh,
        dc,
    } = step;
    let (zero, one) = (V::splat(V::Elem::ZERO), V::splat(V::Elem::ONE));
    each!(V, dy.len(), |j, at| {
        let arrived = V::read(&dh[at.clone()]).add(product.get::<V>(0, j));
        let sum = arrived.add(V::read(&dy[at.clone()]));
        match cell {
            Cell::ElmanTanh | Cell::ElmanRelu => {
                let y = V::read(&after[at.clone()]);
                let da = match cell {
                    Cell::ElmanTanh => sum.mul(tanh_slope(y)),
                    _ => y.select_gt(zero, sum, zero),
                };
                da.write(&mut g0[at.clone()]);
                zero.write(&mut dh[at]);
            }
            Cell::Gru => {
                let r = V::read(&g0[at.clone()]);
                let z = V::read(&g1[at.clone()]);
                let n = V::read(&g2[at.clone()]);
                let n_in = sum.mul(one.sub(z)).mul(tanh_slope(n));
                let h = V::read(&before[at.clone()]);
                let z_in = sum.mul(h.sub(n)).mul(sigmoid_slope(z));
                let r_in = n_in.mul(V::read(&hn[at.clone()])).mul(sigmoid_slope(r));
                r_in.write(&mut g0[at.clone()]);
                z_in.write(&mut g1[at.clone()]);
                n_in.write(&mut g2[at.clone()]);
                n_in.mul(r).write(&mut hn[at.clone()]);
                sum.mul(z).write(&mut dh[at]);
            }
            Cell::Lstm => {
                let i = V::read(&g0[at.clone()]);
                let f = V::read(&g1[at.clone()]);
                let g = V::read(&g2[at.clone()]);
                let o = V::read(&g3[at.clone()]);
                let squashed = V::read(&after[at.clone()]).tanh();
                let dcell = sum.mul(o);
                let dcell = dcell.mul_add(tanh_slope(squashed), V::read(&dc[at.clone()]));
                let c = V::read(&before[at.clone()]);
                let f_in = dcell.mul(c).mul(sigmoid_slope(f));
                let o_in = sum.mul(squashed).mul(sigmoid_slope(o));
                let i_in = dcell.mul(g).mul(sigmoid_slope(i));
                let g_in = dcell.mul(i).mul(tanh_slope(g));
                i_in.write(&mut g0[at.clone()]);
                f_in.write(&mut g1[at.clone()]);
                g_in.write(&mut g2[at.clone()]);
                o_in.write(&mut g3[at.clone()]);
                dcell.mul(f).write(&mut dc[at.clone()]);
                zero.write(&mut dh[at]);
            }
        }
    });
}
