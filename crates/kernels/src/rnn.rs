//! Recurrence over packed sequences of different lengths, forward and backward.
//!
//! The input's share of all gates comes ready from one product over all steps. The sequences are dealt out
//! to blocks, and each block runs through time alone, so threads never wait for each other; recurrent
//! weights are packed once. Weight gradients wait for one product over all steps. No step does work for a
//! sequence that has ended.

use crate::buffer::Buffer;
use crate::float::Float;
use crate::gemm::{Mat, MatMut, gemm, gemm_packed, pack};
use crate::seq::Ragged;
use crate::shared::Shared;
use crate::simd::{Kernel, Vector, places};
use crate::threads::{parallel, parallel_rows};

/// Most sequences in a block.
const BLOCK: usize = 16;

/// The kind of recurrent cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// h = tanh(a), with a the sum of input and recurrent products (Elman 1990).
    ElmanTanh,
    /// h = max(a, 0)
    ElmanRelu,
    /// Gates r, z, n: n = tanh(x_n + r (h W_hn + b_hn)), h' = (1 - z) n + z h (Cho et al. 2014).
    Gru,
    /// Gates i, f, g, o: c' = f c + i g, h' = o tanh(c') (Hochreiter and Schmidhuber 1997).
    Lstm,
}

impl Cell {
    /// How many vectors of `D` values a step computes, `G`.
    pub fn gates(self) -> usize {
        match self {
            Cell::ElmanTanh | Cell::ElmanRelu => 1,
            Cell::Gru => 3,
            Cell::Lstm => 4,
        }
    }
}

/// How the sequences are dealt out: block `j` of `n` has the sequences `j, j + n, j + 2 n, ..`, so that
/// every block gets long and short ones.
#[derive(Clone, Copy)]
struct Blocks {
    count: usize,
    batch: usize,
}

impl Blocks {
    fn new(batch: usize) -> Blocks {
        // Two at least where there is work for two: by shape alone, never by the number of threads.
        let least = if batch >= 8 { 2 } else { 1 };
        Blocks {
            count: batch.div_ceil(BLOCK).max(least),
            batch,
        }
    }

    /// How many of the sequences `0 .. alive` are in block `j`.
    fn members(&self, j: usize, alive: usize) -> usize {
        alive.min(self.batch).saturating_sub(j).div_ceil(self.count)
    }
}

/// The row of each sequence's state before step `t`: `None` where that is the initial one.
fn previous(seq: &Ragged, reverse: bool, t: usize, b: usize) -> Option<usize> {
    match reverse {
        false => t.checked_sub(1).map(|t| seq.row(t, b)),
        true => (b < seq.alive(t + 1)).then(|| seq.row(t + 1, b)),
    }
}

/// What a step of one sequence reads and writes, forward.
struct Forward<'a, E> {
    cell: Cell,
    /// In: the input's share. Out: the activated gates. [G D]
    gates: &'a mut [E],
    /// The recurrent product, [G D].
    product: &'a [E],
    /// GRU: the bias inside the reset gate.
    bias_hn: &'a [E],
    /// GRU: where h W_hn + b_hn is kept.
    hn: &'a mut [E],
    /// The state before, then after.
    h: &'a mut [E],
    /// LSTM: the same for the cell.
    c: &'a mut [E],
}

impl<E: Float> Kernel<E> for Forward<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let Forward {
            cell,
            gates,
            product,
            bias_hn,
            hn,
            h,
            c,
        } = self;
        let d = h.len();
        let zero = V::splat(E::ZERO);
        match cell {
            Cell::ElmanTanh => {
                for at in places::<V>(d) {
                    let y = V::read(&gates[at.clone()])
                        .add(V::read(&product[at.clone()]))
                        .tanh();
                    y.write(&mut gates[at.clone()]);
                    y.write(&mut h[at]);
                }
            }
            Cell::ElmanRelu => {
                for at in places::<V>(d) {
                    let a = V::read(&gates[at.clone()]).add(V::read(&product[at.clone()]));
                    let y = zero.select_gt(a, zero, a);
                    y.write(&mut gates[at.clone()]);
                    y.write(&mut h[at]);
                }
            }
            Cell::Gru => {
                let (gr, rest) = gates.split_at_mut(d);
                let (gz, gn) = rest.split_at_mut(d);
                let (pr, rest) = product.split_at(d);
                let (pz, pn) = rest.split_at(d);
                for at in places::<V>(d) {
                    let at = || at.clone();
                    let r = V::read(&gr[at()]).add(V::read(&pr[at()])).sigmoid();
                    let z = V::read(&gz[at()]).add(V::read(&pz[at()])).sigmoid();
                    let inner = V::read(&pn[at()]).add(V::read(&bias_hn[at()]));
                    let n = r.mul_add(inner, V::read(&gn[at()])).tanh();
                    let before = V::read(&h[at()]);
                    r.write(&mut gr[at()]);
                    z.write(&mut gz[at()]);
                    n.write(&mut gn[at()]);
                    inner.write(&mut hn[at()]);
                    z.mul_add(before.sub(n), n).write(&mut h[at()]);
                }
            }
            Cell::Lstm => {
                let (gi, rest) = gates.split_at_mut(d);
                let (gf, rest) = rest.split_at_mut(d);
                let (gg, go) = rest.split_at_mut(d);
                let (pi, rest) = product.split_at(d);
                let (pf, rest) = rest.split_at(d);
                let (pg, po) = rest.split_at(d);
                for at in places::<V>(d) {
                    let at = || at.clone();
                    let i = V::read(&gi[at()]).add(V::read(&pi[at()])).sigmoid();
                    let f = V::read(&gf[at()]).add(V::read(&pf[at()])).sigmoid();
                    let g = V::read(&gg[at()]).add(V::read(&pg[at()])).tanh();
                    let o = V::read(&go[at()]).add(V::read(&po[at()])).sigmoid();
                    let cell = f.mul_add(V::read(&c[at()]), i.mul(g));
                    i.write(&mut gi[at()]);
                    f.write(&mut gf[at()]);
                    g.write(&mut gg[at()]);
                    o.write(&mut go[at()]);
                    cell.write(&mut c[at()]);
                    o.mul(cell.tanh()).write(&mut h[at()]);
                }
            }
        }
    }
}

/// Checks the lengths of the lists that go by rows and by sequences.
fn check(name: &str, expected: &[(&str, usize, usize)]) {
    for (list, len, want) in expected {
        assert!(
            len == want,
            "{name}: expected {want} elements of {list}, got {len}"
        );
    }
}

/// Runs a recurrent layer over packed sequences, in one direction.
///
/// `gates [N, G D]` holds the input's share (products and bias) and gets the activated gates; `w_hh
/// [D, G D]`; for a GRU `b_hn [D]`, and `hn [N, D]` gets `h W_hn + b_hn`; `h0 [B, D]`; for an LSTM
/// `c0 [B, D]`, and `c [N, D]` gets the cell states; `y [N, D]` gets the hidden states. Lists that a cell
/// lacks are empty. With `reverse` each sequence runs from its own last step to its first.
///
/// # Panics
/// If the shapes do not fit.
pub fn rnn_forward<E: Float>(
    cell: Cell,
    seq: &Ragged,
    d: usize,
    reverse: bool,
    gates: &mut [E],
    w_hh: &[E],
    b_hn: Option<&[E]>,
    h0: &[E],
    c0: &[E],
    y: &mut [E],
    c: &mut [E],
    hn: &mut [E],
) {
    let (n, batch, g) = (seq.rows(), seq.batch(), cell.gates() * d);
    let (lstm, gru) = (
        usize::from(cell == Cell::Lstm),
        usize::from(cell == Cell::Gru),
    );
    let b_hn = b_hn.unwrap_or(&[]);
    check(
        "rnn_forward",
        &[
            ("gates", gates.len(), n * g),
            ("w_hh", w_hh.len(), d * g),
            ("b_hn", b_hn.len(), gru * d),
            ("h0", h0.len(), batch * d),
            ("c0", c0.len(), lstm * batch * d),
            ("y", y.len(), n * d),
            ("c", c.len(), lstm * n * d),
            ("hn", hn.len(), gru * n * d),
        ],
    );
    if d == 0 || n == 0 {
        return;
    }
    let weights = pack(d, g, Mat::new(w_hh, g));
    let blocks = Blocks::new(batch);
    let (gates, y, c, hn) = (
        Shared::new(gates),
        Shared::new(y),
        Shared::new(c),
        Shared::new(hn),
    );
    parallel(blocks.count, |j| {
        let size = blocks.members(j, batch);
        // The states of the block's sequences, rows one after the other.
        let mut h = Buffer::<E>::scratch(size * d);
        let mut cells = Buffer::<E>::scratch(lstm * size * d);
        let mut product = Buffer::<E>::scratch(size * g);
        for i in 0..size {
            let b = j + i * blocks.count;
            h[i * d..][..d].copy_from_slice(&h0[b * d..][..d]);
            if lstm == 1 {
                cells[i * d..][..d].copy_from_slice(&c0[b * d..][..d]);
            }
        }
        for step in 0..seq.steps() {
            let t = if reverse {
                seq.steps() - 1 - step
            } else {
                step
            };
            let live = blocks.members(j, seq.alive(t));
            if live == 0 {
                continue;
            }
            gemm_packed(
                live,
                Mat::new(&h, d),
                &weights,
                false,
                MatMut::new(&mut product, g),
            );
            for i in 0..live {
                let row = seq.row(t, j + i * blocks.count);
                // SAFETY: each row belongs to one sequence, and each sequence to one block.
                let (gates, y) = unsafe { (gates.part(row * g, g), y.part(row * d, d)) };
                // SAFETY: as above; the lists are empty where the cell lacks them.
                let (kept_c, kept_hn) = unsafe {
                    (
                        c.part(row * d * lstm, d * lstm),
                        hn.part(row * d * gru, d * gru),
                    )
                };
                let h = &mut h[i * d..][..d];
                let c = &mut cells[i * d * lstm..][..d * lstm];
                let product = &product[i * g..][..g];
                E::dispatch(Forward {
                    cell,
                    gates,
                    product,
                    bias_hn: b_hn,
                    hn: kept_hn,
                    h,
                    c,
                });
                y.copy_from_slice(h);
                kept_c.copy_from_slice(c);
            }
        }
    });
}

/// What a step of one sequence reads and writes, backward.
struct Backward<'a, E> {
    cell: Cell,
    /// The activated gates, [G D].
    gates: &'a [E],
    /// The state after, before.
    y: &'a [E],
    h: &'a [E],
    /// LSTM: the cell state after, before.
    c: &'a [E],
    c_before: &'a [E],
    /// GRU: h W_hn + b_hn.
    hn: &'a [E],
    /// The gradient of the output.
    dy: &'a [E],
    /// In: what comes from the step after. Out: what goes to the step before past the product.
    dh: &'a mut [E],
    /// LSTM: the same for the cell.
    dc: &'a mut [E],
    /// Out: the gradient of the gates before activation, [G D].
    dgates: &'a mut [E],
    /// Out: the gradient of the recurrent product, [G D]; differs from `dgates` for a GRU.
    dproduct: &'a mut [E],
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

impl<E: Float> Kernel<E> for Backward<'_, E> {
    type Out = ();
    #[inline(always)]
    fn run<V: Vector<Elem = E>>(self) {
        let Backward {
            cell,
            gates,
            y,
            h,
            c,
            c_before,
            hn,
            dy,
            dh,
            dc,
            dgates,
            dproduct,
        } = self;
        let d = y.len();
        let (zero, one) = (V::splat(E::ZERO), V::splat(E::ONE));
        match cell {
            Cell::ElmanTanh | Cell::ElmanRelu => {
                for at in places::<V>(d) {
                    let (dh_at, y) = (&mut dh[at.clone()], V::read(&y[at.clone()]));
                    let sum = V::read(dh_at).add(V::read(&dy[at.clone()]));
                    let da = match cell {
                        Cell::ElmanTanh => sum.mul(tanh_slope(y)),
                        _ => y.select_gt(zero, sum, zero),
                    };
                    da.write(&mut dgates[at.clone()]);
                    da.write(&mut dproduct[at]);
                    zero.write(dh_at);
                }
            }
            Cell::Gru => {
                let (r, rest) = gates.split_at(d);
                let (z, n) = rest.split_at(d);
                let (dr, rest) = dgates.split_at_mut(d);
                let (dz, dn) = rest.split_at_mut(d);
                let (pr, rest) = dproduct.split_at_mut(d);
                let (pz, pn) = rest.split_at_mut(d);
                for at in places::<V>(d) {
                    let at = || at.clone();
                    let (r, z, n) = (V::read(&r[at()]), V::read(&z[at()]), V::read(&n[at()]));
                    let sum = V::read(&dh[at()]).add(V::read(&dy[at()]));
                    let n_in = sum.mul(one.sub(z)).mul(tanh_slope(n));
                    let z_in = sum.mul(V::read(&h[at()]).sub(n)).mul(sigmoid_slope(z));
                    let r_in = n_in.mul(V::read(&hn[at()])).mul(sigmoid_slope(r));
                    r_in.write(&mut dr[at()]);
                    z_in.write(&mut dz[at()]);
                    n_in.write(&mut dn[at()]);
                    r_in.write(&mut pr[at()]);
                    z_in.write(&mut pz[at()]);
                    n_in.mul(r).write(&mut pn[at()]);
                    sum.mul(z).write(&mut dh[at()]);
                }
            }
            Cell::Lstm => {
                let (i, rest) = gates.split_at(d);
                let (f, rest) = rest.split_at(d);
                let (g, o) = rest.split_at(d);
                let (di, rest) = dgates.split_at_mut(d);
                let (df, rest) = rest.split_at_mut(d);
                let (dg, d_o) = rest.split_at_mut(d);
                for at in places::<V>(d) {
                    let at = || at.clone();
                    let (i, f) = (V::read(&i[at()]), V::read(&f[at()]));
                    let (g, o) = (V::read(&g[at()]), V::read(&o[at()]));
                    let sum = V::read(&dh[at()]).add(V::read(&dy[at()]));
                    let squashed = V::read(&c[at()]).tanh();
                    let dcell = sum.mul(o).mul_add(tanh_slope(squashed), V::read(&dc[at()]));
                    dcell.mul(g).mul(sigmoid_slope(i)).write(&mut di[at()]);
                    dcell
                        .mul(V::read(&c_before[at()]))
                        .mul(sigmoid_slope(f))
                        .write(&mut df[at()]);
                    dcell.mul(i).mul(tanh_slope(g)).write(&mut dg[at()]);
                    sum.mul(squashed)
                        .mul(sigmoid_slope(o))
                        .write(&mut d_o[at()]);
                    dcell.mul(f).write(&mut dc[at()]);
                    zero.write(&mut dh[at()]);
                }
                dproduct.copy_from_slice(dgates);
            }
        }
    }
}

/// Back-propagation through time for [`rnn_forward`], whose lists it takes (`gates` activated).
///
/// `dy [N, D]` is the gradient of all states; `dh_last`, `dc_last [B, D]` those of the final ones (after the
/// last step, or after the first with `reverse`). Writes `dgates [N, G D]`, the gradient of the gates
/// before activation; for a GRU `dhn [N, D]`, that of `h W_hn + b_hn`; `dh0` and `dc0 [B, D]`; and `dw_hh
/// [D, G D]`.
///
/// # Panics
/// If the shapes do not fit.
pub fn rnn_backward<E: Float>(
    cell: Cell,
    seq: &Ragged,
    d: usize,
    reverse: bool,
    gates: &[E],
    w_hh: &[E],
    h0: &[E],
    c0: &[E],
    y: &[E],
    c: &[E],
    hn: &[E],
    dy: &[E],
    dh_last: Option<&[E]>,
    dc_last: Option<&[E]>,
    dgates: &mut [E],
    dhn: &mut [E],
    dh0: &mut [E],
    dc0: &mut [E],
    dw_hh: &mut [E],
) {
    let (n, batch, g) = (seq.rows(), seq.batch(), cell.gates() * d);
    let (lstm, gru) = (
        usize::from(cell == Cell::Lstm),
        usize::from(cell == Cell::Gru),
    );
    check(
        "rnn_backward",
        &[
            ("gates", gates.len(), n * g),
            ("w_hh", w_hh.len(), d * g),
            ("h0", h0.len(), batch * d),
            ("c0", c0.len(), lstm * batch * d),
            ("y", y.len(), n * d),
            ("c", c.len(), lstm * n * d),
            ("hn", hn.len(), gru * n * d),
            ("dy", dy.len(), n * d),
            ("dh_last", dh_last.map_or(batch * d, <[E]>::len), batch * d),
            ("dc_last", dc_last.map_or(batch * d, <[E]>::len), batch * d),
            ("dgates", dgates.len(), n * g),
            ("dhn", dhn.len(), gru * n * d),
            ("dh0", dh0.len(), batch * d),
            ("dc0", dc0.len(), lstm * batch * d),
            ("dw_hh", dw_hh.len(), d * g),
        ],
    );
    if d == 0 || n == 0 {
        dh0.fill(E::ZERO);
        dc0.fill(E::ZERO);
        dw_hh.fill(E::ZERO);
        return;
    }
    let weights = pack(g, d, Mat::t(w_hh, g));
    let blocks = Blocks::new(batch);
    {
        let (dgates, dhn) = (Shared::new(&mut *dgates), Shared::new(&mut *dhn));
        let (dh0, dc0) = (Shared::new(dh0), Shared::new(dc0));
        parallel(blocks.count, |j| {
            let size = blocks.members(j, batch);
            let mut dh = Buffer::<E>::zeros(size * d);
            let mut dc = Buffer::<E>::zeros(lstm * size * d);
            let mut dproduct = Buffer::<E>::scratch(size * g);
            for i in 0..size {
                let b = j + i * blocks.count;
                if let Some(last) = dh_last {
                    dh[i * d..][..d].copy_from_slice(&last[b * d..][..d]);
                }
                if let Some(last) = dc_last.filter(|_| lstm == 1) {
                    dc[i * d..][..d].copy_from_slice(&last[b * d..][..d]);
                }
            }
            for step in 0..seq.steps() {
                let t = if reverse {
                    step
                } else {
                    seq.steps() - 1 - step
                };
                let live = blocks.members(j, seq.alive(t));
                for i in 0..live {
                    let b = j + i * blocks.count;
                    let row = seq.row(t, b);
                    let before = previous(seq, reverse, t, b);
                    let (h, c_before) = match before {
                        Some(row) => (&y[row * d..][..d], &c[row * d * lstm..][..d * lstm]),
                        None => (&h0[b * d..][..d], &c0[b * d * lstm..][..d * lstm]),
                    };
                    let dproduct = &mut dproduct[i * g..][..g];
                    // SAFETY: each row belongs to one sequence, and each sequence to one block.
                    let dgates = unsafe { dgates.part(row * g, g) };
                    E::dispatch(Backward {
                        cell,
                        gates: &gates[row * g..][..g],
                        y: &y[row * d..][..d],
                        h,
                        c: &c[row * d * lstm..][..d * lstm],
                        c_before,
                        hn: &hn[row * d * gru..][..d * gru],
                        dy: &dy[row * d..][..d],
                        dh: &mut dh[i * d..][..d],
                        dc: &mut dc[i * d * lstm..][..d * lstm],
                        dgates,
                        dproduct,
                    });
                    if gru == 1 {
                        // SAFETY: as above.
                        let dhn = unsafe { dhn.part(row * d, d) };
                        dhn.copy_from_slice(&dproduct[2 * d..]);
                    }
                }
                gemm_packed(
                    live,
                    Mat::new(&dproduct, g),
                    &weights,
                    true,
                    MatMut::new(&mut dh, d),
                );
            }
            for i in 0..size {
                let b = j + i * blocks.count;
                // SAFETY: each sequence belongs to one block.
                let (dh0, dc0) = unsafe { (dh0.part(b * d, d), dc0.part(b * d * lstm, d * lstm)) };
                dh0.copy_from_slice(&dh[i * d..][..d]);
                dc0.copy_from_slice(&dc[i * d * lstm..][..d * lstm]);
            }
        });
    }
    // The weights' gradient, all steps at once: the states before each step times what came back to it.
    let mut before = Buffer::<E>::scratch(n * d);
    let starts: Vec<usize> = (0..seq.steps()).map(|t| seq.offset(t)).collect();
    parallel_rows(&mut before, d, 256, |first, before| {
        for (i, to) in before.chunks_exact_mut(d).enumerate() {
            let row = first + i;
            let t = starts.partition_point(|&start| start <= row) - 1;
            let b = row - starts[t];
            to.copy_from_slice(match previous(seq, reverse, t, b) {
                Some(row) => &y[row * d..][..d],
                None => &h0[b * d..][..d],
            });
        }
    });
    let before = Mat::t(&before, d);
    if gru == 0 {
        gemm(
            d,
            g,
            n,
            before,
            Mat::new(dgates, g),
            false,
            MatMut::new(dw_hh, g),
        );
    } else {
        gemm(
            d,
            2 * d,
            n,
            before,
            Mat::new(dgates, g),
            false,
            MatMut {
                data: dw_hh,
                row_stride: g,
            },
        );
        let n_gate = MatMut {
            data: &mut dw_hh[2 * d..],
            row_stride: g,
        };
        gemm(d, d, n, before, Mat::new(dhn, d), false, n_gate);
    }
}
