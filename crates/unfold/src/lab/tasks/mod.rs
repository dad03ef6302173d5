//! Tasks that can be solved only by who remembers: each file makes the sequences of one.

mod adding;
mod copy;
mod order;
mod pixels;
mod question;

use serde::Serialize;

pub use adding::Adding;
pub(super) use adding::NEAR;
pub use copy::Copying;
pub use order::Order;
pub use pixels::Pixels;
pub use question::Question;

use crate::ragged::Ragged;
use crate::random::Key;
use crate::{Float, Tensor};

/// A source of sequences whose answer lies a given distance back.
pub trait Task: Send + Sync {
    /// What the page calls it.
    fn title(&self) -> String;

    /// What a sequence is, what is asked, and who posed the task first.
    fn about(&self) -> String;

    /// What distances are counted in.
    fn unit(&self) -> &'static str {
        "steps"
    }

    /// Features of each step, C.
    fn features(&self) -> usize;

    /// Outputs, O: the classes, or 1 where the answer is a number.
    fn outputs(&self) -> usize;

    /// The least distance there is.
    fn nearest(&self) -> usize;

    /// Steps of a sequence of that distance, T.
    fn steps(&self, distance: usize) -> usize;

    /// How many of the last answers need memory; accuracy counts these.
    fn remembered(&self) -> usize {
        1
    }

    /// The accuracy of an answer that remembers nothing.
    fn chance(&self) -> f64;

    /// The loss of the best answer that remembers nothing.
    fn memoryless_loss(&self, distance: usize) -> f64;

    /// The loss at which there is nothing left to learn.
    fn solved_loss(&self, distance: usize) -> f64 {
        0.01 * self.memoryless_loss(distance)
    }

    /// How many sequences there are to measure on; nothing where they are drawn without end.
    fn tests(&self) -> Option<usize> {
        None
    }

    /// How many sequences are measured on where `wanted` would be.
    fn tested(&self, wanted: usize) -> usize {
        self.tests().map_or(wanted, |tests| tests.min(wanted))
    }

    /// One sequence: which one is decided by `key` alone, but where there are [`Task::tests`] by the number of the test.
    fn example(&self, distance: usize, split: Split, key: Key) -> Example;

    /// A sequence as people may read it.
    fn show(&self, example: &Example) -> String;
}

/// Which sequences are wanted. What is drawn afresh has no end, and needs no split; pictures have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Sequences to learn from.
    Train,
    /// Sequences to measure on, from this number on.
    Test(u64),
}

/// One sequence with its answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// `[T, C]`.
    pub inputs: Vec<f32>,
    /// Those of the last steps, as many as there are.
    pub answers: Answers,
}

/// What a network should say.
#[derive(Clone, Debug, PartialEq)]
pub enum Answers {
    /// Numbers, measured by their squared distance.
    Numbers(Vec<f32>),
    /// Classes, measured by cross-entropy.
    Classes(Vec<u32>),
}

impl Answers {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Answers::Numbers(all) => all.len(),
            Answers::Classes(all) => all.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Sequences of one length, step by step: row t B + b is step t of sequence b.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Sequences, B.
    pub size: usize,
    /// Steps, T.
    pub steps: usize,
    /// `[T B, C]`.
    pub inputs: Vec<f32>,
    /// Those of the last steps, `[K B]`.
    pub answers: Answers,
}

impl Batch {
    /// `size` sequences of `task`.
    pub fn new(task: &dyn Task, distance: usize, size: usize, split: Split, key: Key) -> Batch {
        let examples: Vec<Example> = (0..size as u64)
            .map(|b| {
                let split = match split {
                    Split::Train => Split::Train,
                    Split::Test(first) => Split::Test(first + b),
                };
                task.example(distance, split, key.child(b))
            })
            .collect();
        let (steps, c) = (task.steps(distance), task.features());
        let mut inputs = Vec::with_capacity(steps * size * c);
        for t in 0..steps {
            for example in &examples {
                inputs.extend_from_slice(&example.inputs[t * c..][..c]);
            }
        }
        let mut answers = match examples.first().map(|example| &example.answers) {
            Some(Answers::Numbers(_)) => Answers::Numbers(Vec::new()),
            _ => Answers::Classes(Vec::new()),
        };
        for k in 0..examples.first().map_or(0, |example| example.answers.len()) {
            for example in &examples {
                match (&mut answers, &example.answers) {
                    (Answers::Numbers(all), Answers::Numbers(own)) => all.push(own[k]),
                    (Answers::Classes(all), Answers::Classes(own)) => all.push(own[k]),
                    _ => unreachable!("the answers of a task are of one kind"),
                }
            }
        }
        Batch {
            size,
            steps,
            inputs,
            answers,
        }
    }

    /// Where the steps of the sequences are.
    pub fn sequences(&self) -> Ragged {
        Ragged::new(&vec![self.steps; self.size])
    }

    /// The inputs as a tensor `[T B, C]`.
    pub fn tensor<E: Float>(&self) -> Tensor<E> {
        let rows = self.steps * self.size;
        let values = self.inputs.iter().map(|&x| E::from_f64(x.into())).collect();
        Tensor::from_vec(values, [rows, self.inputs.len() / rows.max(1)])
    }

    /// How many of the last steps have an answer, K.
    pub fn answered(&self) -> usize {
        self.answers.len() / self.size.max(1)
    }
}

/// The tasks there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// [`Adding`].
    Adding,
    /// [`Copying`].
    Copy,
    /// [`Order`] of two symbols.
    #[serde(rename = "order-6a")]
    Order6a,
    /// [`Order`] of three symbols.
    #[serde(rename = "order-6b")]
    Order6b,
    /// [`Question`].
    Question,
    /// [`Pixels`], row by row.
    Mnist,
    /// [`Pixels`] in an order without meaning.
    PermutedMnist,
}

impl TaskKind {
    /// All of them.
    pub const ALL: [TaskKind; 7] = [
        TaskKind::Adding,
        TaskKind::Copy,
        TaskKind::Order6a,
        TaskKind::Order6b,
        TaskKind::Question,
        TaskKind::Mnist,
        TaskKind::PermutedMnist,
    ];

    /// The name by which it is asked for.
    pub fn name(self) -> &'static str {
        match self {
            TaskKind::Adding => "adding",
            TaskKind::Copy => "copy",
            TaskKind::Order6a => "order-6a",
            TaskKind::Order6b => "order-6b",
            TaskKind::Question => "question",
            TaskKind::Mnist => "mnist",
            TaskKind::PermutedMnist => "permuted-mnist",
        }
    }

    /// Whether it needs MNIST's files.
    pub fn needs_pictures(self) -> bool {
        matches!(self, TaskKind::Mnist | TaskKind::PermutedMnist)
    }
}

/// Writes 1 at `symbol` of step `t` of a sequence `[T, C]` of symbols.
fn put(inputs: &mut [f32], features: usize, t: usize, symbol: usize) {
    inputs[t * features + symbol] = 1.0;
}

/// The symbol of each step of a sequence made with [`put`].
fn symbols(inputs: &[f32], features: usize) -> Vec<usize> {
    let symbol = |step: &[f32]| step.iter().position(|&x| x == 1.0).expect("a symbol");
    inputs.chunks_exact(features).map(symbol).collect()
}

/// Few enough of `parts` to be read: the first ones and the last ones.
fn shortened(parts: &[String], space: &str) -> String {
    const ENDS: usize = 12;
    if parts.len() <= 2 * ENDS {
        return parts.join(space);
    }
    let (head, tail) = (&parts[..ENDS], &parts[parts.len() - ENDS..]);
    let left_out = parts.len() - 2 * ENDS;
    format!(
        "{} … ({left_out} more) … {}",
        head.join(space),
        tail.join(space)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_step_by_step() {
        let task = Copying;
        let key = Key::new(4);
        let batch = Batch::new(&task, 3, 2, Split::Train, key);
        let rows: Vec<usize> = symbols(&batch.inputs, task.features());
        for b in 0..2 {
            let example = task.example(3, Split::Train, key.child(b as u64));
            let own: Vec<usize> = rows.iter().skip(b).step_by(2).copied().collect();
            assert_eq!(own, symbols(&example.inputs, task.features()));
            let (Answers::Classes(all), Answers::Classes(one)) = (&batch.answers, &example.answers)
            else {
                panic!("copying has classes")
            };
            let own: Vec<u32> = all.iter().skip(b).step_by(2).copied().collect();
            assert_eq!(&own, one);
        }
        assert_eq!((batch.steps, batch.answered()), (23, 23));
        assert_eq!(batch.tensor::<f64>().dims(), [46, 10]);
    }
}
