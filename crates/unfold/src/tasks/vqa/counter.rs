//! Counter-examples: pictures like the one that a question is about, to which another answer is right (Goyal et al. 2017,
//! section 5).

use serde::{Deserialize, Serialize};

use super::neighbours::Example;
use crate::error::{Error, Result};
use crate::nn::{Embedding, Linear, Pass, Scope};
use crate::ragged::{Packed, Ragged, pack};
use crate::tensor::Tensor;

/// How a model learns to find counter-examples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CounterExamplesConfig {
    /// How many of the nearest pictures it chooses among, K.
    pub neighbours: usize,
    /// By how much a counter-example has to be scored above a picture to which the answer fits as well, M.
    pub margin: f64,
    /// How much this counts beside the answers, λ.
    pub weight: f64,
    /// Features that answers and pictures are compared in.
    pub size: usize,
}

impl Default for CounterExamplesConfig {
    fn default() -> CounterExamplesConfig {
        CounterExamplesConfig {
            neighbours: 24,
            margin: 1.0,
            weight: 0.2,
            size: 128,
        }
    }
}

impl CounterExamplesConfig {
    /// Checks what the types cannot: that numbers make sense.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |key: &str, value: String, remedy: &str| {
            let key = format!("counter_examples.{key}");
            Err(Error::recipe(&key, format!("is {value}"), remedy))
        };
        for (key, size, least, most) in [
            ("neighbours", self.neighbours, 2, 1000),
            ("size", self.size, 1, 10_000),
        ] {
            if !(least..=most).contains(&size) {
                let remedy = format!("choose a whole number in {least}..={most}");
                return wrong(key, size.to_string(), &remedy);
            }
        }
        for (key, value) in [("margin", self.margin), ("weight", self.weight)] {
            if !(value > 0.0 && value.is_finite()) {
                return wrong(key, value.to_string(), "choose a number above 0");
            }
        }
        Ok(())
    }
}

/// The head that says how well a picture I shows that the answer A to the question Q need not be A:
/// S(A, Q, I) = e_A · (W (q ⊙ v) + b), with q ⊙ v as the head that answers gets it.
pub(super) struct CounterHead {
    answers: Embedding,
    seen: Linear,
}

impl CounterHead {
    pub(super) fn new(
        scope: &mut Scope<'_, f32>,
        config: &CounterExamplesConfig,
        joint: usize,
        answers: usize,
    ) -> CounterHead {
        CounterHead {
            answers: Embedding::new(&mut scope.scope("answers"), answers, config.size),
            seen: Linear::new(&mut scope.scope("seen"), joint, config.size),
        }
    }

    /// The scores `[B]` of pictures and questions that became `joint` `[B, J]`, as counter-examples to `answers`.
    pub(super) fn scores(&self, pass: &Pass<f32>, joint: &Tensor, answers: &[u32]) -> Tensor {
        let answers = self.answers.forward(pass, answers); // [B, S]
        answers.mul(&self.seen.forward(pass, joint)).sum_axis(1)
    }
}

/// Questions asked again, about other pictures.
pub(super) struct Again {
    /// The words, `[N]`.
    pub(super) words: Vec<u32>,
    pub(super) questions: Ragged,
    /// Which of the pictures each question is about, `[B]`.
    pub(super) pictures: Vec<u32>,
    /// The answer to its own picture, `[B]`.
    pub(super) answers: Vec<u32>,
    /// Where each lies that was asked, in the order in which they were.
    rows: Vec<u32>,
}

impl Again {
    /// `asked`: the words, the place of the picture and the answer of each.
    pub(super) fn of(asked: &[(&[u32], u32, u32)]) -> Again {
        let words: Vec<&[u32]> = asked.iter().map(|(words, _, _)| *words).collect();
        let Packed {
            items,
            sequences,
            order,
        } = pack(&words);
        let mut rows = vec![0; asked.len()];
        for (row, &place) in order.iter().enumerate() {
            rows[place] = row as u32;
        }
        Again {
            words: items,
            questions: sequences,
            pictures: order.iter().map(|&place| asked[place].1).collect(),
            answers: order.iter().map(|&place| asked[place].2).collect(),
            rows,
        }
    }

    /// `[B]` or `[B, C]` as the batch lies, in the order in which they were asked.
    pub(super) fn in_order(&self, rows: &Tensor) -> Tensor {
        let b = self.rows.len();
        let width = rows.len() / b.max(1);
        rows.reshape([b, width])
            .gather(&self.rows)
            .reshape(rows.dims())
    }
}

/// The mean of max(0, M - (S(I') - S(I))) over pairs of a counter-example I' and another picture I: `scores` `[2 E]` are those
/// of all counter-examples, then those of the others.
pub(super) fn hinge(scores: &Tensor, margin: f64) -> Tensor {
    let pairs = scores.len() / 2;
    let (counter, other) = (scores.narrow(0, 0, pairs), scores.narrow(0, pairs, pairs));
    counter.sub(&other).affine(-1.0, margin).relu().mean()
}

/// How well counter-examples are found among the nearest pictures. Shares of 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CounterScores {
    /// How many questions were looked at: some of those with both counter-examples and others among the nearest pictures.
    pub questions: usize,
    /// To how many of them the picture with the highest score is a counter-example.
    pub found: f64,
    /// The same of the nearest picture: what distance alone finds.
    pub nearest: f64,
    /// The same of a picture drawn at random.
    pub chance: f64,
}

impl CounterScores {
    /// The scores of the candidates of each question.
    pub(super) fn of<'a>(
        scored: impl Iterator<Item = (&'a [Example], Vec<f32>)>,
    ) -> Option<CounterScores> {
        let (mut questions, mut found, mut nearest, mut chance) = (0, 0, 0, 0.0);
        for (candidates, scores) in scored {
            let counters = candidates.iter().filter(|c| c.counter).count();
            questions += 1;
            found += usize::from(candidates[crate::tasks::prediction::best(&scores)].counter);
            nearest += usize::from(candidates[0].counter);
            chance += counters as f64 / candidates.len() as f64;
        }
        let share = |sum: f64| sum / questions as f64;
        (questions > 0).then(|| CounterScores {
            questions,
            found: share(found as f64),
            nearest: share(nearest as f64),
            chance: share(chance),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Params;

    #[test]
    fn questions_asked_again_come_back_in_their_order() {
        let (short, long) = ([1u32, 2], [3u32, 4, 5]);
        let again = Again::of(&[(&short, 7, 0), (&long, 8, 1), (&short, 9, 2)]);
        assert_eq!(again.pictures, [8, 7, 9]);
        assert_eq!(again.answers, [1, 0, 2]);
        let scores = Tensor::from_vec(vec![10.0, 20.0, 30.0], [3]);
        assert_eq!(again.in_order(&scores).data(), [20.0, 10.0, 30.0]);
    }

    /// Two pairs: one apart by more than the margin, one the wrong way round.
    #[test]
    fn only_pairs_within_the_margin_cost() {
        let scores = Tensor::from_vec(vec![3.0f32, 0.0, 1.0, 0.5], [4]);
        assert_eq!(hinge(&scores, 1.0).item(), (0.0 + 1.5) / 2.0);
    }

    #[test]
    fn scores_are_products_of_answer_and_picture() {
        let mut params = Params::<f32>::new(1);
        let config = CounterExamplesConfig {
            size: 2,
            ..CounterExamplesConfig::default()
        };
        let head = CounterHead::new(&mut params.scope("counter"), &config, 3, 4);
        let joint = Tensor::from_vec(vec![1.0, 2.0, 3.0, -1.0, 0.0, 1.0], [2, 3]);
        let scores = head.scores(&Pass::evaluation(&params), &joint, &[3, 0]);
        let of = |name: &str| params.get(params.id(name).unwrap()).to_vec();
        let (e, w, b) = (
            of("counter.answers.weight"),
            of("counter.seen.weight"),
            of("counter.seen.bias"),
        );
        for (row, answer) in [3, 0].into_iter().enumerate() {
            let expected: f32 = (0..2)
                .map(|s| {
                    let x = (0..3).map(|j| w[j * 2 + s] * joint.data()[row * 3 + j]);
                    e[answer * 2 + s] * (x.sum::<f32>() + b[s])
                })
                .sum();
            assert!((scores.data()[row] - expected).abs() < 1e-5);
        }
    }

    #[test]
    fn what_is_found_stands_beside_distance_and_chance() {
        let example = |picture, counter| Example { picture, counter };
        let one = [example(4, false), example(5, true)];
        let two = [
            example(6, true),
            example(7, false),
            example(8, false),
            example(9, false),
        ];
        let scored = [
            (&one[..], vec![0.0, 1.0]),
            (&two[..], vec![0.0, 0.0, 3.0, 1.0]),
        ];
        let scores = CounterScores::of(scored.into_iter()).unwrap();
        assert_eq!(scores.questions, 2);
        assert_eq!(
            (scores.found, scores.nearest, scores.chance),
            (0.5, 0.5, 0.375)
        );
        assert_eq!(CounterScores::of(std::iter::empty()), None);
    }
}
