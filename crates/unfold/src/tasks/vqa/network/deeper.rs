//! The deeper LSTM with a normalised picture (Antol et al. 2015, section 4.2; Goyal et al. 2017, section 4).

use super::{Answer, Reader, Seen};
use crate::nn::{Dropout, Linear, Pass, Scope};
use crate::ops::Cell;
use crate::ragged::Ragged;
use crate::tasks::encoder::spread;
use crate::tasks::vqa::config::DeeperConfig;
use crate::tensor::Tensor;

pub(in crate::tasks::vqa) struct Deeper {
    reader: Reader,
    question: Linear,
    picture: Linear,
    hidden: Linear,
    normalise: bool,
    dropout: Dropout,
    head: Linear,
}

/// Keeps the length of a vector of zeros from dividing by 0.
const TINY: f64 = 1e-12;

impl Deeper {
    pub(super) fn new(
        scope: &mut Scope<'_, f32>,
        config: &DeeperConfig,
        seen: usize,
        words: usize,
        answers: usize,
    ) -> Deeper {
        let (d, joint) = (config.hidden_size, config.joint_size);
        let sizes = [words, config.embedding_size, d, config.layers];
        // h of every layer, and c where there is one.
        let cell: Cell = config.cell.into();
        let states = config.layers * d * if cell == Cell::Lstm { 2 } else { 1 };
        Deeper {
            reader: Reader::new(scope, config.cell, sizes, config.dropout),
            question: Linear::new(&mut scope.scope("question"), states, joint),
            picture: Linear::new(&mut scope.scope("picture"), seen, joint),
            hidden: Linear::new(&mut scope.scope("hidden"), joint, config.answer_size),
            normalise: config.normalise,
            dropout: Dropout::new(config.dropout),
            head: Linear::new(&mut scope.scope("head"), config.answer_size, answers),
        }
    }

    pub(super) fn head(&self) -> &Linear {
        &self.head
    }

    pub(super) fn forward(
        &self,
        pass: &Pass<f32>,
        words: &[u32],
        questions: &Ragged,
        Seen { features, pictures }: Seen<'_>,
    ) -> Answer {
        let drop = |x: &Tensor| self.dropout.forward(pass, x);
        let states = self.reader.read(pass, words, questions);
        let all: Vec<&Tensor> = states.h.iter().chain(&states.c).collect();
        let read = Tensor::concat(&all, 1);
        let q = self.question.forward(pass, &drop(&read)).tanh(); // [B, J]
        let p = features.dim(0);
        let mut seen = features.reshape([p, features.len() / p]); // [P, C] or [P, L C]
        if self.normalise {
            let squares = seen.square().sum_axis(1).affine(1.0, TINY);
            seen = seen.div(&squares.sqrt().reshape([p, 1]));
        }
        let v = self.picture.forward(pass, &drop(&seen)).tanh(); // [P, J]
        let v = spread(&v, pictures); // [B, J]
        let joint = q.mul(&v);
        let h = self.hidden.forward(pass, &drop(&joint)).tanh();
        Answer {
            logits: self.head.forward(pass, &drop(&h)),
            joint: Some(joint),
            alpha: None,
        }
    }
}
