//! A convolutional network learns to find a phrase anywhere in a text.
//!
//! Each text is random words; the answer is yes when word 7 stands right before word 8. A bag of
//! words cannot know: both words are in every text. States and checks its result: all of 200 new
//! texts right.

use unfold::nn::{Conv1d, Embedding, Linear, Optimizer, OptimizerConfig, Params, Pass};
use unfold::ragged::{Packed, pack};
use unfold::{Key, Tensor, ops};

/// `count` texts and their answers, packed.
fn texts(count: u64, key: Key) -> (Packed<u32>, Vec<u32>) {
    let mut answers = Vec::new();
    let texts: Vec<Vec<u32>> = (0..count)
        .map(|i| {
            let key = key.child(i);
            let length = 4 + key.below(0, 20);
            let mut text: Vec<u32> = (0..length)
                .map(|t| 10 + key.below(1 + t as u64, 40) as u32)
                .collect();
            let at = key.below(100, length - 1);
            let yes = key.below(101, 2) == 1;
            (text[at], text[at + 1]) = if yes { (7, 8) } else { (8, 7) };
            answers.push(u32::from(yes));
            text
        })
        .collect();
    let packed = pack(&texts.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let answers = packed.order.iter().map(|&i| answers[i]).collect();
    (packed, answers)
}

fn main() {
    let mut params = Params::<f32>::new(1);
    let words = Embedding::new(&mut params.scope("words"), 50, 8);
    let geometry = ops::Conv1d {
        kernel: 2,
        stride: 1,
        padding: 0,
        dilation: 1,
    };
    let filters = Conv1d::new(&mut params.scope("filters"), 8, 16, geometry);
    let head = Linear::new(&mut params.scope("head"), 16, 2);
    let network = |pass: &Pass<f32>, batch: &Packed<u32>| -> Tensor {
        let x = words.forward(pass, &batch.items); // [N, C]
        let (y, lengths) = filters.forward(pass, &x, &batch.sequences); // [M, O]
        head.forward(pass, &y.seq_max(&lengths).relu()) // [B, 2]
    };
    let mut adam = Optimizer::new(OptimizerConfig::default(), &params);
    for step in 0..300 {
        let (batch, answers) = texts(32, Key::new(1).child(step));
        let pass = Pass::training(&params, Key::new(2).child(step));
        let loss = network(&pass, &batch).cross_entropy(&answers, &Default::default());
        params.backward(&pass, loss);
        drop(pass);
        adam.step(&mut params, 0.01);
    }
    let (batch, answers) = texts(200, Key::new(3));
    let logits = network(&Pass::evaluation(&params), &batch);
    let said = logits.data().chunks(2).map(|l| u32::from(l[1] > l[0]));
    let right = said
        .zip(&answers)
        .filter(|(said, answer)| said == *answer)
        .count();
    println!("{right} of 200 new texts right");
    assert_eq!(right, 200);
}
