//! The networks that answer: a question and a picture's features in, scores for all answers out.

mod attention;
mod deeper;

use super::config::{LanguageOnlyConfig, VqaConfig};
use crate::nn::{
    Dropout, Embedding, Init, Linear, ParamId, Params, Pass, Recurrent, RecurrentConfig, Scope,
    States,
};
use crate::ragged::Ragged;
use crate::tasks::CellName;
use crate::tensor::Tensor;

use attention::Attention;
use deeper::Deeper;

/// Word vectors start normal with this deviation.
const SPREAD: Init = Init::Normal(0.1);

/// The network that answers: members that begin with values of their own, learn the same and answer together.
pub(super) struct Network(Vec<Member>);

/// One of the members.
enum Member {
    /// The scores of all answers.
    Prior(ParamId),
    Language(Language),
    Deeper(Deeper),
    Attention(Attention),
}

/// What [`Network::forward`] gives.
pub(super) struct Answers {
    /// Each member's scores of all answers, `[B, V]`.
    pub(super) logits: Vec<Tensor>,
    /// The product of question and picture that the first member's come from, `[B, J]`, if it looks.
    pub(super) joint: Option<Tensor>,
    /// Where they looked in the mean, `[B, L]`, if they look.
    pub(super) alpha: Option<Tensor>,
}

/// What one member gives.
struct Answer {
    logits: Tensor,
    joint: Option<Tensor>,
    alpha: Option<Tensor>,
}

/// The mean of what the members give.
///
/// Of scores it is, but for a constant, the logarithm of the geometric mean of their probabilities.
pub(super) fn mean(of: &[Tensor]) -> Tensor {
    let (first, rest) = of.split_first().expect("a member");
    match rest.is_empty() {
        true => first.clone(),
        false => {
            let sum = rest.iter().fold(first.clone(), |sum, x| sum.add(x));
            sum.affine(1.0 / of.len() as f64, 0.0)
        }
    }
}

/// The pictures that questions are about.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    /// The features of P pictures, `[P, ..]`.
    pub(super) features: &'a Tensor,
    /// Which of them each question is about, `[B]`.
    pub(super) pictures: &'a [u32],
}

impl Network {
    /// Adds the network's parameters to `params`, for so many words and answers, and pictures of `features` `[L, C]`.
    pub(super) fn new(
        params: &mut Params<f32>,
        config: &VqaConfig,
        features: Option<[usize; 2]>,
        words: usize,
        answers: usize,
    ) -> Network {
        let member = |number: usize| {
            let mut scope = match number {
                1 => params.scope("answerer"),
                _ => params.scope(&format!("answerer{number}")),
            };
            Member::new(&mut scope, config, features, words, answers)
        };
        Network((1..=config.members()).map(member).collect())
    }

    /// The parameters that hold each member's scores before anything is known.
    pub(super) fn biases(&self) -> impl Iterator<Item = ParamId> {
        self.0.iter().map(Member::bias)
    }

    /// The scores of all answers to questions of these words.
    ///
    /// # Panics
    /// When the network looks and nothing was seen.
    pub(super) fn forward(
        &self,
        pass: &Pass<f32>,
        words: &[u32],
        questions: &Ragged,
        seen: Option<Seen<'_>>,
    ) -> Answers {
        let answers = self.0.iter();
        let answers = answers.map(|member| member.forward(pass, words, questions, seen));
        let (mut logits, mut joints, mut alphas) = (Vec::new(), Vec::new(), Vec::new());
        for answer in answers {
            logits.push(answer.logits);
            joints.extend(answer.joint);
            alphas.extend(answer.alpha);
        }
        Answers {
            logits,
            joint: joints.into_iter().next(),
            alpha: (!alphas.is_empty()).then(|| mean(&alphas)),
        }
    }
}

impl Member {
    fn new(
        scope: &mut Scope<'_, f32>,
        config: &VqaConfig,
        features: Option<[usize; 2]>,
        words: usize,
        answers: usize,
    ) -> Member {
        let [places, channels] = features.unwrap_or_default();
        match config {
            // Counted, not learned.
            VqaConfig::Prior(_) => Member::Prior(scope.add_frozen("bias", [answers], Init::Zeros)),
            VqaConfig::Language(config) => {
                Member::Language(Language::new(scope, config, words, answers))
            }
            VqaConfig::Deeper(config) => {
                let seen = places * channels;
                Member::Deeper(Deeper::new(scope, config, seen, words, answers))
            }
            VqaConfig::Attention(config) => {
                Member::Attention(Attention::new(scope, config, channels, words, answers))
            }
        }
    }

    fn bias(&self) -> ParamId {
        let of = |head: &Linear| head.bias().expect("a head with a bias");
        match self {
            Member::Prior(bias) => *bias,
            Member::Language(network) => of(&network.head),
            Member::Deeper(network) => of(network.head()),
            Member::Attention(network) => of(network.head()),
        }
    }

    fn forward(
        &self,
        pass: &Pass<f32>,
        words: &[u32],
        questions: &Ragged,
        seen: Option<Seen<'_>>,
    ) -> Answer {
        let seen = || seen.expect("the features of pictures");
        let blind = |logits| Answer {
            logits,
            joint: None,
            alpha: None,
        };
        match self {
            Member::Prior(bias) => {
                let zeros = Tensor::zeros([questions.batch(), 1]);
                blind(zeros.add(&pass.param(*bias)))
            }
            Member::Language(network) => blind(network.forward(pass, words, questions)),
            Member::Deeper(network) => network.forward(pass, words, questions, seen()),
            Member::Attention(network) => network.forward(pass, words, questions, seen()),
        }
    }
}

/// Word vectors and recurrent layers over them.
struct Reader {
    table: Embedding,
    recurrent: Recurrent,
    dropout: Dropout,
}

impl Reader {
    fn new(
        scope: &mut Scope<'_, f32>,
        cell: CellName,
        [words, embedding_size, hidden_size, layers]: [usize; 4],
        dropout: f64,
    ) -> Reader {
        let config = RecurrentConfig {
            layers,
            dropout,
            ..RecurrentConfig::new(cell.into(), hidden_size)
        };
        let mut inner = scope.scope("embedding");
        let table = Embedding::with_init(&mut inner, words, embedding_size, SPREAD);
        let mut inner = scope.scope("recurrent");
        Reader {
            table,
            recurrent: Recurrent::new(&mut inner, embedding_size, config),
            dropout: Dropout::new(dropout),
        }
    }

    /// The states after the last word of each question.
    fn read(&self, pass: &Pass<f32>, words: &[u32], questions: &Ragged) -> States {
        let x = self.table.forward(pass, words); // [N, C]
        let x = self.dropout.forward(pass, &x);
        self.recurrent.forward(pass, &x, questions, None).states
    }
}

/// The question alone.
pub(super) struct Language {
    reader: Reader,
    head: Linear,
}

impl Language {
    fn new(
        scope: &mut Scope<'_, f32>,
        config: &LanguageOnlyConfig,
        words: usize,
        answers: usize,
    ) -> Language {
        let d = config.hidden_size;
        let sizes = [words, config.embedding_size, d, config.layers];
        Language {
            reader: Reader::new(scope, config.cell, sizes, config.dropout),
            head: Linear::new(&mut scope.scope("head"), d, answers),
        }
    }

    fn forward(&self, pass: &Pass<f32>, words: &[u32], questions: &Ragged) -> Tensor {
        let q = self.reader.read(pass, words, questions).last(); // [B, D]
        self.head
            .forward(pass, &self.reader.dropout.forward(pass, &q))
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::AttentionConfig;
    use super::*;
    use crate::random::Key;

    const ANSWERS: usize = 5;

    fn made(members: usize) -> (Params<f32>, Network) {
        let config = VqaConfig::Attention(AttentionConfig {
            hidden_size: 6,
            embedding_size: 4,
            attention_size: 3,
            joint_size: 8,
            dropout: 0.0,
            members,
            ..AttentionConfig::default()
        });
        let mut params = Params::new(3);
        let network = Network::new(&mut params, &config, Some([4, 9]), 7, ANSWERS);
        (params, network)
    }

    /// The answers to two questions about one picture.
    fn asked(pass: &Pass<f32>, network: &Network) -> Answers {
        let values = (0..4 * 9).map(|i| Key::new(5).normal(i) as f32);
        let features = Tensor::from_vec(values.collect(), [1, 4, 9]);
        let seen = Seen {
            features: &features,
            pictures: &[0, 0],
        };
        network.forward(pass, &[1, 2, 3], &Ragged::new(&[2, 1]), Some(seen))
    }

    #[test]
    fn members_answer_each_for_itself_and_together_by_the_mean() {
        let (params, network) = made(3);
        let Answers { logits, alpha, .. } = asked(&Pass::evaluation(&params), &network);
        assert_eq!(logits.len(), 3);
        assert!(logits[0].data() != logits[1].data() && logits[1].data() != logits[2].data());
        let together = mean(&logits);
        for (i, &score) in together.data().iter().enumerate() {
            let sum: f32 = logits.iter().map(|logits| logits.data()[i]).sum();
            assert!((score - sum / 3.0).abs() < 1e-6, "{score}, {sum}");
        }
        for shares in alpha.unwrap().data().chunks(4) {
            assert!(
                (shares.iter().sum::<f32>() - 1.0).abs() < 1e-6,
                "{shares:?}"
            );
        }
        // The first is what it would be alone.
        let (params, network) = made(1);
        let alone = asked(&Pass::evaluation(&params), &network).logits;
        assert_eq!(alone[0].data(), logits[0].data());
    }

    #[test]
    fn every_member_learns_as_it_would_alone() {
        let gradient = |members: usize| {
            let (mut params, network) = made(members);
            let pass = Pass::training(&params, Key::new(1));
            let logits = asked(&pass, &network).logits;
            let losses: Vec<Tensor> = logits.iter().map(|x| x.square().sum()).collect();
            params.backward(&pass, mean(&losses));
            drop(pass);
            let bias = network
                .biases()
                .map(|bias| params.grad(bias).unwrap().to_vec());
            bias.collect::<Vec<_>>()
        };
        let (alone, together) = (gradient(1), gradient(2));
        for (one, both) in alone[0].iter().zip(&together[0]) {
            assert!((one - 2.0 * both).abs() < 1e-6, "{one}, {both}");
        }
        assert!(together[1].iter().any(|&x| x != 0.0), "{together:?}");
    }
}
