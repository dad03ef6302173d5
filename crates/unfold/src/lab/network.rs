//! The network of the laboratory: one recurrent layer and an output.

use super::cell::CellKind;
use super::results::Score;
use super::tasks::{Answers, Batch, NEAR, Task};
use crate::nn::{Linear, Params, Pass, Recurrent, RecurrentConfig};
use crate::random::Key;
use crate::{Float, Ragged, Tensor};

/// One recurrent layer of D units and a linear output of each answered step.
#[derive(Clone, Debug)]
pub struct Network {
    recurrent: Recurrent,
    head: Linear,
}

impl Network {
    /// A network for `task`, with its parameters. `longest` is the number of steps of the longest sequence.
    pub fn new<E: Float>(
        task: &dyn Task,
        kind: CellKind,
        units: usize,
        longest: usize,
        seed: u64,
    ) -> (Network, Params<E>) {
        let mut params = Params::new(seed);
        let config = RecurrentConfig::new(kind.cell(), units);
        let recurrent = Recurrent::new(&mut params.scope("recurrent"), task.features(), config);
        let head = Linear::new(&mut params.scope("head"), units, task.outputs());
        let key = Key::new(seed).named(kind.name());
        kind.initialise(&mut params, "recurrent.layer0.forward", units, longest, key);
        (Network { recurrent, head }, params)
    }

    /// The outputs of the answered steps, `[K B, O]`.
    pub fn forward<E: Float>(&self, pass: &Pass<E>, batch: &Batch) -> Tensor<E> {
        let x = batch.tensor(); // [T B, C]
        let out = self.recurrent.forward(pass, &x, &batch.sequences(), None);
        let answered = batch.answered() * batch.size;
        let y = out.y.narrow(0, out.y.dim(0) - answered, answered); // [K B, D]
        self.head.forward(pass, &y)
    }

    /// How much of the loss reaches back: the norm of its gradient with respect to the hidden state, by steps
    /// before the last one, `[T]`: the mean over sequences of |dL_b / dh_t|, L_b being the loss of sequence b.
    ///
    /// The network runs step by step here, so that each state is a tensor of its own; for an LSTM the cell state of
    /// that step is held.
    pub fn gradient_norms<E: Float>(&self, params: &Params<E>, batch: &Batch) -> Vec<f64> {
        let pass = Pass::evaluation(params);
        let (size, steps) = (batch.size, batch.steps);
        let one_step = Ragged::new(&vec![1; size]);
        let x = batch.tensor::<E>(); // [T B, C]
        let mut states = self.recurrent.zero_states(size);
        let (mut nudges, mut hidden) = (Vec::with_capacity(steps), Vec::with_capacity(steps));
        for t in 0..steps {
            let x = x.narrow(0, t * size, size); // [B, C]
            states = self
                .recurrent
                .forward(&pass, &x, &one_step, Some(&states))
                .states;
            // The gradient of a zero that is added to the state is the state's.
            let nudge = Tensor::zeros(states.h[0].shape()).watch();
            states.h[0] = states.h[0].add(&nudge); // [B, D]
            hidden.push(states.h[0].clone());
            nudges.push(nudge);
        }
        let answered = &hidden[steps - batch.answered()..];
        let y = Tensor::concat(&answered.iter().collect::<Vec<_>>(), 0); // [K B, D]
        let gradients = loss(&self.head.forward(&pass, &y), batch).backward();
        let norm = |nudge: &Tensor<E>| {
            let Some(gradient) = gradients.get(nudge) else {
                return 0.0;
            };
            let units = gradient.dim(1).max(1);
            let norm = |row: &[E]| row.iter().map(|g| g.to_f64().powi(2)).sum::<f64>().sqrt();
            // The loss is a mean over B sequences, so B / B falls out.
            gradient.data().chunks_exact(units).map(norm).sum()
        };
        nudges.iter().rev().map(norm).collect()
    }

    /// Loss and accuracy on a batch.
    pub fn evaluate(&self, params: &Params<f32>, task: &dyn Task, batch: &Batch) -> Score {
        let outputs = self.forward(&Pass::evaluation(params), batch);
        let loss = f64::from(loss(&outputs, batch).item());
        let rows = outputs.data().chunks_exact(task.outputs());
        let skipped = rows.len() - task.remembered() * batch.size;
        let right = |(i, row): (usize, &[f32])| match &batch.answers {
            Answers::Numbers(answers) => f64::from((row[0] - answers[i]).abs()) <= NEAR,
            Answers::Classes(answers) => highest(row) == answers[i] as usize,
        };
        let counted = task.remembered() * batch.size;
        let right = rows
            .enumerate()
            .skip(skipped)
            .filter(|&row| right(row))
            .count();
        Score {
            loss,
            accuracy: right as f64 / counted as f64,
        }
    }
}

/// The mean loss over all answers of a batch: squared errors of numbers, cross-entropy of classes.
pub fn loss<E: Float>(outputs: &Tensor<E>, batch: &Batch) -> Tensor<E> {
    match &batch.answers {
        Answers::Numbers(answers) => {
            let wanted = answers.iter().map(|&a| E::from_f64(a.into())).collect();
            let wanted = Tensor::from_vec(wanted, outputs.shape());
            outputs.sub(&wanted).square().mean()
        }
        Answers::Classes(answers) => outputs.clone().cross_entropy(answers, &Default::default()),
    }
}

/// The place of the largest value, the first among equals; what is no number is never it.
fn highest(row: &[f32]) -> usize {
    let better = |best: usize, i: usize| {
        if row[i] > row[best] || row[best].is_nan() {
            i
        } else {
            best
        }
    };
    (1..row.len()).fold(0, better)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::tasks::{Adding, Copying, Order, Split};

    const UNITS: usize = 5;

    fn network(task: &dyn Task, kind: CellKind) -> (Network, Params<f64>) {
        Network::new(task, kind, UNITS, 12, 3)
    }

    /// The same norms by another way: finite differences of a loss whose recurrence is written out.
    fn by_differences(
        params: &Params<f64>,
        kind: CellKind,
        batch: &Batch,
        features: usize,
    ) -> Vec<f64> {
        let get = |name: &str| params.get(params.id(name).unwrap()).to_vec();
        let layer = |name: &str| get(&format!("recurrent.layer0.forward.{name}"));
        let (u, w, bias) = (layer("w_ih"), layer("w_hh"), layer("bias"));
        let (v, head_bias) = (get("head.weight"), get("head.bias"));
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let gates = kind.cell().gates();
        // The loss of sequence b with `nudge` added to unit `unit` of the state after step `at`.
        let loss = |b: usize, at: usize, unit: usize, nudge: f64| {
            let (mut h, mut c) = (vec![0.0; UNITS], vec![0.0; UNITS]);
            let mut total = 0.0;
            for t in 0..batch.steps {
                let x = &batch.inputs[(t * batch.size + b) * features..][..features];
                let sum = |gate: usize, d: usize, recurrent: &[f64]| {
                    let column = gate * UNITS + d;
                    let input: f64 = (0..features)
                        .map(|i| f64::from(x[i]) * u[i * gates * UNITS + column])
                        .sum();
                    let state: f64 = (0..UNITS)
                        .map(|i| recurrent[i] * w[i * gates * UNITS + column])
                        .sum();
                    (input + bias[column], state)
                };
                let before = h.clone();
                for d in 0..UNITS {
                    let all = |gate: usize| {
                        let (input, state) = sum(gate, d, &before);
                        input + state
                    };
                    h[d] = match kind.cell() {
                        crate::ops::Cell::ElmanTanh => all(0).tanh(),
                        crate::ops::Cell::ElmanRelu => all(0).max(0.0),
                        crate::ops::Cell::Gru => {
                            let (r, z) = (sigmoid(all(0)), sigmoid(all(1)));
                            let (input, state) = sum(2, d, &before);
                            let n = (input + r * (state + layer("bias_hn")[d])).tanh();
                            (1.0 - z) * n + z * before[d]
                        }
                        crate::ops::Cell::Lstm => {
                            c[d] = sigmoid(all(1)) * c[d] + sigmoid(all(0)) * all(2).tanh();
                            sigmoid(all(3)) * c[d].tanh()
                        }
                    };
                }
                if t == at {
                    h[unit] += nudge;
                }
                let first = batch.steps - batch.answered();
                if t < first {
                    continue;
                }
                let outputs = head_bias.len();
                let y: Vec<f64> = (0..outputs)
                    .map(|o| {
                        let sum: f64 = (0..UNITS).map(|d| h[d] * v[d * outputs + o]).sum();
                        sum + head_bias[o]
                    })
                    .collect();
                let row = (t - first) * batch.size + b;
                total += match &batch.answers {
                    Answers::Numbers(wanted) => (y[0] - f64::from(wanted[row])).powi(2),
                    Answers::Classes(wanted) => {
                        let sum: f64 = y.iter().map(|y| y.exp()).sum();
                        sum.ln() - y[wanted[row] as usize]
                    }
                } / batch.answered() as f64;
            }
            total
        };
        let norm = |at: usize| {
            let of = |b: usize| {
                let slope = |unit| {
                    let step = 1e-7; // small, as a ReLU has a corner
                    (loss(b, at, unit, step) - loss(b, at, unit, -step)) / (2.0 * step)
                };
                (0..UNITS)
                    .map(|unit| slope(unit).powi(2))
                    .sum::<f64>()
                    .sqrt()
            };
            (0..batch.size).map(of).sum::<f64>() / batch.size as f64
        };
        (0..batch.steps).rev().map(norm).collect()
    }

    #[test]
    fn gradient_norms_are_those_of_the_written_out_recurrence() {
        let tasks: [(&dyn Task, usize); 3] =
            [(&Adding, 9), (&Order { marks: 2 }, 10), (&Copying, 2)];
        for (task, distance) in tasks {
            let batch = Batch::new(task, distance, 3, Split::Test(0), Key::new(5));
            for kind in CellKind::ALL {
                let (network, params) = network(task, kind);
                let norms = network.gradient_norms(&params, &batch);
                let expected = by_differences(&params, kind, &batch, task.features());
                assert_eq!(norms.len(), batch.steps);
                for (back, (norm, expected)) in norms.iter().zip(&expected).enumerate() {
                    let room = 1e-8 + 1e-5 * expected;
                    assert!(
                        (norm - expected).abs() < room,
                        "{} {kind:?}, {back} steps back: {norm}, expected {expected}",
                        task.title()
                    );
                }
            }
        }
    }

    #[test]
    fn answers_are_counted_as_the_task_says() {
        let task = Copying;
        let batch = Batch::new(&task, 4, 3, Split::Test(0), Key::new(1));
        let (network, params) = Network::new::<f32>(&task, CellKind::Gru, 4, 24, 2);
        let found = network.evaluate(&params, &task, &batch);
        let outputs = network.forward(&Pass::evaluation(&params), &batch);
        let Answers::Classes(answers) = &batch.answers else {
            panic!("no classes")
        };
        let rows: Vec<&[f32]> = outputs.data().chunks_exact(9).collect();
        let last = 3 * 14..3 * 24;
        let right = last
            .filter(|&r| highest(rows[r]) == answers[r] as usize)
            .count();
        assert_eq!(found.accuracy, right as f64 / 30.0);
    }

    #[test]
    fn what_is_no_number_is_no_answer() {
        assert_eq!(highest(&[f32::NAN, 1.0, f32::NAN]), 1);
        assert_eq!(highest(&[2.0, 1.0, 2.0]), 0);
    }
}
