//! A recurrent network learns to remember: the answer is the first of 30 symbols.
//!
//! An LSTM learns it; an Elman network, h_t = tanh(U x_t + W h_(t-1) + b), with the same training
//! loses it on the way (Bengio, Simard and Frasconi 1994). States and checks its result: the LSTM
//! has more than 99 % of 400 new sequences right.

use unfold::nn::{
    Embedding, Linear, Optimizer, OptimizerConfig, Params, Pass, Recurrent, RecurrentConfig,
    clip_norm,
};
use unfold::ops::Cell;
use unfold::ragged::{Packed, pack};
use unfold::{Key, Tensor};

const SYMBOLS: usize = 4;
const LENGTH: u64 = 30;

fn sequences(count: u64, key: Key) -> (Packed<u32>, Vec<u32>) {
    let one = |i: u64| -> Vec<u32> {
        (0..LENGTH)
            .map(|t| key.child(i).below(t, SYMBOLS) as u32)
            .collect()
    };
    let all: Vec<Vec<u32>> = (0..count).map(one).collect();
    let packed = pack(&all.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let first = packed.order.iter().map(|&i| all[i][0]).collect();
    (packed, first)
}

/// The share of new sequences right after training.
fn train(cell: Cell) -> f64 {
    let mut params = Params::<f32>::new(1);
    let symbols = Embedding::new(&mut params.scope("symbols"), SYMBOLS, 8);
    let config = RecurrentConfig::new(cell, 32);
    let memory = Recurrent::new(&mut params.scope("memory"), 8, config);
    let head = Linear::new(&mut params.scope("head"), 32, SYMBOLS);
    let network = |pass: &Pass<f32>, batch: &Packed<u32>| -> Tensor {
        let x = symbols.forward(pass, &batch.items); // [N, C]
        let out = memory.forward(pass, &x, &batch.sequences, None);
        head.forward(pass, &out.states.last()) // [B, SYMBOLS]
    };
    let mut adam = Optimizer::new(OptimizerConfig::default(), &params);
    for step in 0..600 {
        let (batch, first) = sequences(32, Key::new(1).child(step));
        let pass = Pass::training(&params, Key::new(2).child(step));
        let loss = network(&pass, &batch).cross_entropy(&first, &Default::default());
        params.backward(&pass, loss);
        drop(pass);
        clip_norm(&mut params, 1.0);
        adam.step(&mut params, 0.01);
    }
    let (batch, first) = sequences(400, Key::new(3));
    let logits = network(&Pass::evaluation(&params), &batch);
    let best = |l: &[f32]| (0..SYMBOLS).max_by(|&a, &b| l[a].total_cmp(&l[b]));
    let said = logits.data().chunks(SYMBOLS).map(best);
    let right = said
        .zip(&first)
        .filter(|(said, first)| *said == Some(**first as usize));
    right.count() as f64 / first.len() as f64
}

fn main() {
    let (elman, lstm) = (train(Cell::ElmanTanh), train(Cell::Lstm));
    println!(
        "right after {LENGTH} steps: Elman {:.1} %, LSTM {:.1} %",
        100.0 * elman,
        100.0 * lstm
    );
    assert!(lstm > 0.99, "expected the LSTM to remember");
}
