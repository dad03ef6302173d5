//! Recurrence.

use crate::testing::{Random, at_every_level, close, same_bits, with_threads};
use crate::{
    Cell, Float, PackedRnn, Ragged, RnnBack, RnnRun, naive, rnn_backward, rnn_backward_weights,
    rnn_forward,
};

const CELLS: [Cell; 4] = [Cell::ElmanTanh, Cell::ElmanRelu, Cell::Gru, Cell::Lstm];

/// A layer with its inputs, and the gradients that come back to it.
struct Layer<E> {
    cell: Cell,
    seq: Ragged,
    d: usize,
    reverse: bool,
    x: Vec<E>,
    w_hh: Vec<E>,
    b_hn: Option<Vec<E>>,
    h0: Vec<E>,
    c0: Vec<E>,
    dy: Vec<E>,
    dh_last: Option<Vec<E>>,
    dc_last: Option<Vec<E>>,
}

/// What a pass forward writes.
struct Out<E> {
    gates: Vec<E>,
    y: Vec<E>,
    c: Vec<E>,
    hn: Vec<E>,
}

/// What a pass backward writes.
struct Back<E> {
    dgates: Vec<E>,
    dhn: Vec<E>,
    dh0: Vec<E>,
    dc0: Vec<E>,
    dw_hh: Vec<E>,
}

impl<E: Float> Layer<E> {
    fn new(random: &mut Random, cell: Cell, seq: Ragged, d: usize, reverse: bool) -> Self {
        let (n, b, g) = (seq.rows(), seq.batch(), cell.gates() * d);
        let (lstm, gru) = (cell == Cell::Lstm, cell == Cell::Gru);
        // Smaller with size, as initialisers make them: else a tiny change grows from step to step.
        let scale = E::ONE / E::from_usize(d.max(1)).sqrt();
        Layer {
            cell,
            d,
            reverse,
            x: random.vec(n * g),
            w_hh: random.vec::<E>(d * g).iter().map(|&w| w * scale).collect(),
            b_hn: gru.then(|| random.vec(d)),
            h0: random.vec(b * d),
            c0: random.vec(if lstm { b * d } else { 0 }),
            dy: match random.below(3) {
                0 => vec![E::ZERO; n * d],
                _ => random.vec(n * d),
            },
            dh_last: (random.below(2) == 0).then(|| random.vec(b * d)),
            dc_last: (lstm && random.below(2) == 0).then(|| random.vec(b * d)),
            seq,
        }
    }

    fn run<'a>(&'a self, weights: &'a PackedRnn<E>, out: &'a mut Out<E>) -> RnnRun<'a, E> {
        RnnRun {
            weights,
            reverse: self.reverse,
            gates: &mut out.gates,
            b_hn: self.b_hn.as_deref().unwrap_or(&[]),
            h0: &self.h0,
            c0: &self.c0,
            y: &mut out.y,
            c: &mut out.c,
            hn: &mut out.hn,
        }
    }

    /// Nothing in place of zeros.
    fn dy(&self) -> Option<&[E]> {
        Some(&self.dy[..]).filter(|dy| dy.iter().any(|&g| g != E::ZERO))
    }

    fn run_back<'a>(&'a self, out: &'a Out<E>, back: &'a mut Back<E>) -> RnnBack<'a, E> {
        back.dgates.copy_from_slice(&out.gates);
        back.dhn.copy_from_slice(&out.hn);
        RnnBack {
            w_hh: &self.w_hh,
            reverse: self.reverse,
            gates: &mut back.dgates,
            h0: &self.h0,
            c0: &self.c0,
            y: &out.y,
            c: &out.c,
            hn: &mut back.dhn,
            dy: self.dy(),
            dh_last: self.dh_last.as_deref(),
            dc_last: self.dc_last.as_deref(),
            dh0: &mut back.dh0,
            dc0: &mut back.dc0,
        }
    }

    fn weights_back(&self, out: &Out<E>, back: &mut Back<E>) {
        let (states, gradients) = ([&out.y[..], &self.h0], [&back.dgates[..], &back.dhn]);
        let (reverse, dw) = (self.reverse, &mut back.dw_hh);
        rnn_backward_weights(self.cell, &self.seq, self.d, reverse, states, gradients, dw);
    }

    /// Room for a pass forward, with the input's share in the gates.
    fn out(&self) -> Out<E> {
        let n = self.seq.rows() * self.d;
        Out {
            gates: self.x.clone(),
            y: vec![E::ONE; n],
            c: vec![E::ONE; if self.cell == Cell::Lstm { n } else { 0 }],
            hn: vec![E::ONE; if self.cell == Cell::Gru { n } else { 0 }],
        }
    }

    /// Room for a pass backward.
    fn back(&self, out: &Out<E>) -> Back<E> {
        Back {
            dgates: vec![E::ONE; out.gates.len()],
            dhn: vec![E::ONE; out.hn.len()],
            dh0: vec![E::ONE; self.h0.len()],
            dc0: vec![E::ONE; self.c0.len()],
            dw_hh: vec![E::ONE; self.w_hh.len()],
        }
    }

    fn forward(&self, plain: bool) -> Out<E> {
        let mut out = self.out();
        if plain {
            naive::rnn_forward(
                self.cell,
                &self.seq,
                self.d,
                self.reverse,
                &mut out.gates,
                &self.w_hh,
                self.b_hn.as_deref(),
                &self.h0,
                &self.c0,
                &mut out.y,
                &mut out.c,
                &mut out.hn,
            );
        } else {
            let weights = PackedRnn::new(self.cell, self.d, &self.w_hh);
            rnn_forward(&self.seq, vec![self.run(&weights, &mut out)]);
        }
        out
    }

    fn backward(&self, plain: bool, out: &Out<E>) -> Back<E> {
        let mut back = self.back(out);
        if plain {
            naive::rnn_backward(
                self.cell,
                &self.seq,
                self.d,
                self.reverse,
                &out.gates,
                &self.w_hh,
                &self.h0,
                &self.c0,
                &out.y,
                &out.c,
                &out.hn,
                &self.dy,
                self.dh_last.as_deref(),
                self.dc_last.as_deref(),
                &mut back.dgates,
                &mut back.dhn,
                &mut back.dh0,
                &mut back.dc0,
                &mut back.dw_hh,
            );
        } else {
            let run = self.run_back(out, &mut back);
            rnn_backward(self.cell, &self.seq, self.d, vec![run]);
            self.weights_back(out, &mut back);
        }
        back
    }

    /// The number whose gradient `backward` computes: all outputs weighted by the gradients that come back.
    fn loss(&self) -> f64 {
        let out = self.forward(true);
        let dot = |a: &[E], b: &[E]| -> f64 {
            a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum()
        };
        let mut loss = dot(&out.y, &self.dy);
        for b in 0..self.seq.batch() {
            let last = if self.reverse {
                0
            } else {
                self.seq.lengths()[b] - 1
            };
            let row = self.seq.row(last, b) * self.d;
            if let Some(dh) = &self.dh_last {
                loss += dot(&dh[b * self.d..][..self.d], &out.y[row..]);
            }
            if let Some(dc) = &self.dc_last {
                loss += dot(&dc[b * self.d..][..self.d], &out.c[row..]);
            }
        }
        loss
    }
}

fn all<E: Float>() {
    let mut random = Random::new(21);
    for cell in CELLS {
        for reverse in [false, true] {
            for (batch, most, d) in [
                (1, 1, 1),
                (1, 1, 19),
                (3, 1, 16),
                (2, 3, 7),
                (9, 5, 8),
                (5, 3, 15),
                (17, 4, 9),
                (35, 6, 17),
            ] {
                let seq = random.ragged(batch, most);
                let what = format!("{cell:?} {:?} D {d} reverse {reverse}", seq.lengths());
                let layer = Layer::<E>::new(&mut random, cell, seq, d, reverse);
                let (got, want) = (layer.forward(false), layer.forward(true));
                close(&got.gates, &want.gates, 200.0, &what);
                close(&got.y, &want.y, 200.0, &what);
                close(&got.c, &want.c, 200.0, &what);
                close(&got.hn, &want.hn, 200.0, &what);
                // From the same pass forward: one that rounds otherwise may bend elsewhere.
                let (got, want) = (layer.backward(false, &want), layer.backward(true, &want));
                close(&got.dgates, &want.dgates, 400.0, &what);
                close(&got.dhn, &want.dhn, 400.0, &what);
                close(&got.dh0, &want.dh0, 400.0, &what);
                close(&got.dc0, &want.dc0, 400.0, &what);
                close(&got.dw_hh, &want.dw_hh, 400.0, &what);
            }
        }
    }
}

#[test]
fn agrees_with_the_plain_form() {
    at_every_level(|| {
        all::<f32>();
        all::<f64>();
    });
}

/// Where to nudge a layer.
type Part = fn(&mut Layer<f64>) -> &mut [f64];

#[test]
fn the_plain_gradient_agrees_with_finite_differences() {
    let mut random = Random::new(22);
    for cell in CELLS {
        for reverse in [false, true] {
            let seq = random.ragged(4, 5);
            let mut layer = Layer::<f64>::new(&mut random, cell, seq, 3, reverse);
            let back = layer.backward(true, &layer.forward(true));
            let parts: [(&str, Part, &[f64]); 4] = [
                ("x", |l| &mut l.x, &back.dgates),
                ("w_hh", |l| &mut l.w_hh, &back.dw_hh),
                ("h0", |l| &mut l.h0, &back.dh0),
                ("c0", |l| &mut l.c0, &back.dc0),
            ];
            for (name, part, gradient) in parts {
                for (i, want) in gradient.iter().enumerate() {
                    let step = 1e-6;
                    let old = part(&mut layer)[i];
                    part(&mut layer)[i] = old + step;
                    let up = layer.loss();
                    part(&mut layer)[i] = old - step;
                    let down = layer.loss();
                    part(&mut layer)[i] = old;
                    let slope = (up - down) / (2.0 * step);
                    assert!(
                        (slope - want).abs() < 1e-7,
                        "{cell:?} reverse {reverse} {name}[{i}]: {slope}, not {want}"
                    );
                }
            }
        }
    }
}

/// Batches, lengths and units of which threads take whole sequences, and those of which they take some units of all
/// sequences and meet at each step: few sequences, or weights that no near cache holds.
#[cfg(not(miri))]
const SHARED: [(usize, usize, usize); 4] = [(37, 9, 31), (4, 5, 190), (14, 3, 265), (2, 4, 520)];
#[cfg(miri)]
const SHARED: [(usize, usize, usize); 1] = [(13, 2, 3)];

/// The passes of two directions of a layer side by side.
fn side_by_side(layers: &[Layer<f32>; 2]) -> [(Out<f32>, Back<f32>); 2] {
    let pack = |layer: &Layer<f32>| PackedRnn::new(layer.cell, layer.d, &layer.w_hh);
    let weights = layers.each_ref().map(pack);
    let mut outs = layers.each_ref().map(Layer::out);
    let all = layers.iter().zip(&weights).zip(&mut outs);
    let runs = all.map(|((layer, weights), out)| layer.run(weights, out));
    rnn_forward(&layers[0].seq, runs.collect());
    let all = layers.iter().zip(outs);
    let mut all: Vec<_> = all
        .map(|(layer, out)| (layer, layer.back(&out), out))
        .collect();
    let runs = all
        .iter_mut()
        .map(|(layer, back, out)| layer.run_back(out, back));
    rnn_backward(layers[0].cell, &layers[0].seq, layers[0].d, runs.collect());
    let all = all.into_iter().map(|(layer, mut back, out)| {
        layer.weights_back(&out, &mut back);
        (out, back)
    });
    let all: Vec<_> = all.collect();
    all.try_into().ok().expect("two of them")
}

fn values((out, back): (Out<f32>, Back<f32>)) -> Vec<f32> {
    let out = [out.gates, out.y, out.c, out.hn];
    let back = [back.dgates, back.dhn, back.dh0, back.dc0, back.dw_hh];
    out.into_iter().chain(back).flatten().collect()
}

/// Neither the number of threads shows, nor whether directions run side by side or alone.
#[test]
fn same_bits_with_any_number_of_threads() {
    let mut random = Random::new(23);
    for cell in CELLS {
        for (batch, most, d) in SHARED {
            let seq = random.ragged(batch, most);
            let layers = [false, true]
                .map(|reverse| Layer::<f32>::new(&mut random, cell, seq.clone(), d, reverse));
            let alone = || {
                let pass = |layer: &Layer<f32>| {
                    let out = layer.forward(false);
                    let back = layer.backward(false, &out);
                    values((out, back))
                };
                layers.each_ref().map(pass).concat()
            };
            same_bits("rnn", alone);
            let bits =
                |values: Vec<f32>| -> Vec<u32> { values.iter().map(|x| x.to_bits()).collect() };
            let want = bits(alone());
            for threads in [1, 2, 3, 5] {
                let both = with_threads(threads, || side_by_side(&layers).map(values).concat());
                let lengths = layers[0].seq.lengths();
                assert!(
                    bits(both) == want,
                    "{cell:?} {lengths:?} D {d}: other bits side by side on {threads} threads"
                );
            }
        }
    }
}

/// No sequence, no unit, and no step give nothing and write nothing.
#[test]
fn nothing_goes_to_nothing() {
    let mut random = Random::new(24);
    for cell in CELLS {
        for (lengths, d) in [(vec![], 5), (vec![3, 1], 0), (vec![], 0)] {
            let seq = Ragged::new(&lengths);
            let layer = Layer::<f32>::new(&mut random, cell, seq, d, false);
            let out = layer.forward(false);
            let back = layer.backward(false, &out);
            assert!(out.y.is_empty() && back.dh0.is_empty());
            assert!(back.dw_hh.iter().all(|w| *w == 0.0));
        }
    }
}
