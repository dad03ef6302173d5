//! A GRU that looks at the places of the picture once (after Teney et al. 2018).

use super::{Answer, Reader, Seen};
use crate::nn::{Dropout, Init, Linear, ParamId, Pass, Scope};
use crate::ops::Attended;
use crate::ragged::Ragged;
use crate::tasks::encoder::spread;
use crate::tasks::vqa::config::AttentionConfig;
use crate::tensor::Tensor;

pub(in crate::tasks::vqa) struct Attention {
    reader: Reader,
    places: Linear,
    keys: Linear,
    query: Linear,
    score: ParamId,
    question: Linear,
    picture: Linear,
    hidden: Linear,
    dropout: Dropout,
    head: Linear,
}

impl Attention {
    pub(super) fn new(
        scope: &mut Scope<'_, f32>,
        config: &AttentionConfig,
        channels: usize,
        words: usize,
        answers: usize,
    ) -> Attention {
        let AttentionConfig {
            hidden_size: d,
            attention_size: k,
            joint_size: joint,
            ..
        } = *config;
        Attention {
            reader: Reader::new(
                scope,
                config.cell,
                [words, config.embedding_size, d, 1],
                config.dropout,
            ),
            places: Linear::new(&mut scope.scope("places"), channels, joint),
            keys: Linear::new(&mut scope.scope("keys"), joint, k),
            query: Linear::without_bias(&mut scope.scope("query"), d, k),
            score: scope.scope("score").add("weight", [k], Init::Normal(0.1)),
            question: Linear::new(&mut scope.scope("question"), d, joint),
            picture: Linear::new(&mut scope.scope("picture"), joint, joint),
            hidden: Linear::new(&mut scope.scope("hidden"), joint, joint),
            dropout: Dropout::new(config.dropout),
            head: Linear::new(&mut scope.scope("head"), joint, answers),
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
        let q = self.reader.read(pass, words, questions).last(); // [B, D]
        let values = self.places.forward(pass, &drop(features)).relu(); // [P, L, J]
        let keys = spread(&self.keys.forward(pass, &values), pictures); // [B, L, K]
        let values = spread(&values, pictures); // [B, L, J]
        let query = self.query.forward(pass, &q); // [B, K]
        let Attended { context, alpha } = query.attention(&keys, &pass.param(self.score), &values);
        let asked = self.question.forward(pass, &drop(&q)).relu(); // [B, J]
        let seen = self.picture.forward(pass, &drop(&context)).relu(); // [B, J]
        let joint = asked.mul(&seen);
        let h = self.hidden.forward(pass, &drop(&joint)).relu();
        Answer {
            logits: self.head.forward(pass, &drop(&h)),
            joint: Some(joint),
            alpha: Some(alpha),
        }
    }
}
