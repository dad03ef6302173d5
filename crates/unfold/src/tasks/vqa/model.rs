//! A trained model that answers questions about pictures: its file, its answers, how good they are.

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::config::VqaConfig;
use super::counter::{Again, CounterExamplesConfig, CounterHead, CounterScores};
use super::neighbours::Neighbours;
use super::network::{Answers, Network, Seen, mean};
use super::questions::{Batch, Questions};
use crate::data::{
    Picture, PictureForm, QuestionData, QuestionSet, QuestionSource, QuestionSplit, Vocabulary,
    question_words, read_questions, read_questions_split, without_picture,
};
use crate::error::{Error, Result};
use crate::metrics::{Answered, VqaScores};
use crate::nn::{Params, Pass};
use crate::ops::{CrossEntropy, IGNORE};
use crate::tasks::Prediction;
use crate::tasks::damage::listed;
use crate::tasks::encoder::{Encoder, EncoderCard, Gallery, Sight};
use crate::tasks::files::{self, Card as _};
use crate::tensor::Tensor;
use crate::tensors;
use crate::train::{Evaluation, Observer, Stage};

/// Questions that are answered together.
const ANSWERED_TOGETHER: usize = 128;
/// Questions to which counter-examples are looked for when that is measured, at most.
const MOST_EXPLAINED: usize = 1000;

/// A model that answers questions about pictures, with everything it needs: vocabulary, answers, the form of its pictures, the
/// networks that see and answer.
pub struct VqaModel {
    pub(super) card: Card,
    pub(super) params: Params<f32>,
    /// Nothing where it does not look.
    pub(super) encoder: Option<Encoder>,
    pub(super) network: Network,
    /// Nothing where it did not learn to find counter-examples.
    pub(super) counter: Option<CounterHead>,
}

/// What a model file says of itself besides the weights.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Card {
    pub(super) format: u32,
    pub(super) task: String,
    pub(super) words: Vocabulary,
    pub(super) answers: Vec<String>,
    pub(super) max_length: usize,
    pub(super) encoder: Option<EncoderCard>,
    pub(super) model: VqaConfig,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) counter_examples: Option<CounterExamplesConfig>,
    pub(super) source: QuestionSource,
    /// The seed of the split and of the initial values.
    pub(super) seed: u64,
    /// A fingerprint of the training questions.
    pub(super) trained_on: u64,
}

impl files::Card for Card {
    const TASK: &'static str = "vqa";
    const FORMAT: u32 = 1;

    fn task(&self) -> &str {
        &self.task
    }

    fn format(&self) -> u32 {
        self.format
    }

    fn check(&self) -> Result<()> {
        self.encoder.as_ref().map_or(Ok(()), EncoderCard::check)?;
        if self.answers.is_empty() || self.encoder.is_some() != self.model.features().is_some() {
            return Err(Error::recipe("model", "its parts do not fit together", ""));
        }
        if let Some(config) = &self.counter_examples {
            config.check()?;
            if self.model.joint_size().is_none() {
                return Err(Error::recipe("model", "its parts do not fit together", ""));
            }
        }
        self.model.check()
    }
}

impl Card {
    /// The head that finds counter-examples, where there is to be one, with its parameters among `params`.
    pub(super) fn counter_head(&self, params: &mut Params<f32>) -> Option<CounterHead> {
        let (config, joint) = (self.counter_examples.as_ref()?, self.model.joint_size()?);
        let mut scope = params.scope("counter");
        Some(CounterHead::new(
            &mut scope,
            config,
            joint,
            self.answers.len(),
        ))
    }
}

/// How good answers are on one split.
#[derive(Clone, Debug, Serialize)]
pub struct VqaReport {
    /// `vqa`.
    pub task: &'static str,
    /// What was measured: `test`, `valid` or `train`, the split of the training data; `given`, other data.
    pub split: String,
    /// By the rules of the VQA challenge where ten people answered, else the share of right answers.
    #[serde(flatten)]
    pub scores: VqaScores,
    /// Mean loss, in nats, over the questions to which the model can give a right answer.
    pub loss: f64,
    /// How well it finds counter-examples, where it learned to and there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counter_examples: Option<CounterScores>,
    /// How many questions were asked.
    pub examples: usize,
    /// How many of them have no right answer that the model can give.
    pub out_of_reach: usize,
    /// How many of them have no word that the model knows.
    pub unknown: usize,
    /// Pictures that could not be read, after a training those of all parts: where each is and what is wrong with it.
    pub damaged: Vec<String>,
    /// Seconds: of training and testing, or of testing alone.
    pub seconds: f64,
}

/// An answer with what led to it.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The answers, likeliest first.
    pub prediction: Prediction,
    /// Words of the question that the model does not know.
    pub unknown: Vec<String>,
    /// Where it looked: the shares of the places, `[H, W]`; nothing for models that take a picture as one vector.
    pub looked: Option<Tensor>,
}

impl VqaModel {
    /// Reads a model: the file itself or the folder of a finished run.
    ///
    /// # Errors
    /// When there is none, or the file is damaged, of another task or of a newer version.
    pub fn load(path: &Path) -> Result<VqaModel> {
        let (file, card, stored) = files::load::<Card>(path)?;
        let mut params = Params::restoring(stored);
        let encoder = card
            .encoder
            .clone()
            .map(|encoder| Encoder::restore(encoder, path, &mut params))
            .transpose()?;
        let network = Network::new(
            &mut params,
            &card.model,
            encoder.as_ref().map(Encoder::shape),
            card.words.len(),
            card.answers.len(),
        );
        let counter = card.counter_head(&mut params);
        params
            .restored()
            .map_err(|problem| files::damaged(&file, problem))?;
        Ok(VqaModel {
            card,
            params,
            encoder,
            network,
            counter,
        })
    }

    /// Writes the model to `path`, all or nothing.
    ///
    /// # Errors
    /// When the system cannot write; an earlier file is then untouched.
    pub fn save(&self, path: &Path) -> Result<()> {
        let own = self.encoder.as_ref().and_then(Encoder::own);
        let own = own.into_iter().flat_map(files::tensors);
        tensors::write(path, &self.card, own.chain(files::tensors(&self.params)))
    }

    /// The answers that it can give, the most frequent first.
    pub fn answers(&self) -> &[String] {
        &self.card.answers
    }

    /// The form in which the network takes pictures; nothing where it does not look.
    pub fn form(&self) -> Option<&PictureForm> {
        self.card.encoder.as_ref().map(|encoder| &encoder.form)
    }

    /// Answers a question about a picture; a model that does not look needs none.
    ///
    /// # Errors
    /// When the question has no word that the model knows, or there is no picture for a model that looks.
    pub fn ask(&self, picture: Option<&Picture>, question: &str) -> Result<Reply> {
        let unknown: Vec<String> = words(question)
            .into_iter()
            .filter(|word| self.card.words.id(word).is_none())
            .collect();
        let numbers = self.encode(question);
        if numbers.iter().all(|&number| number == Vocabulary::UNKNOWN) {
            return Err(Error::data(
                format!("`{question}`"),
                "the model knows none of these words",
                "ask with words of the questions that it learned from",
            ));
        }
        let features = match (&self.encoder, picture) {
            (None, _) => None,
            (Some(encoder), Some(picture)) => Some(encoder.looker(&self.params).look(picture)),
            (Some(_), None) => {
                let remedy = "give one: this model looks at pictures";
                return Err(Error::data(
                    format!("`{question}`"),
                    "there is no picture",
                    remedy,
                ));
            }
        };
        let pass = Pass::evaluation(&self.params);
        let one = crate::Ragged::new(&[numbers.len()]);
        let seen = features.as_ref().map(|features| Seen {
            features,
            pictures: &[0],
        });
        let Answers { logits, alpha, .. } = self.network.forward(&pass, &numbers, &one, seen);
        let grid = self.encoder.as_ref().and_then(Encoder::grid);
        Ok(Reply {
            prediction: self.predict(mean(&logits).data()),
            unknown,
            looked: alpha.zip(grid).map(|(alpha, grid)| alpha.reshape(grid)),
        })
    }

    /// The words of a question as numbers, cut to the longest one; one unknown word where there is none.
    pub(super) fn encode(&self, question: &str) -> Vec<u32> {
        let words = words(question);
        let number = |word: &String| self.card.words.id(word).unwrap_or(Vocabulary::UNKNOWN);
        let words = words.iter().take(self.card.max_length).map(number);
        let words: Vec<u32> = words.collect();
        match words.is_empty() {
            true => vec![Vocabulary::UNKNOWN],
            false => words,
        }
    }

    /// Measures the model on questions: on the test split that the training would use where it is the very data that the model
    /// was trained on, else on the test part of the data, or all of it.
    ///
    /// # Errors
    /// When the data cannot be read.
    pub fn evaluate(&self, data: &str, observer: &mut dyn Observer) -> Result<VqaReport> {
        let began = Instant::now();
        observer.stage(Stage::Reading, None);
        let path = Path::new(data);
        let whole = read_questions(path, &self.card.source, self.card.seed);
        let (split, found) = match whole {
            Ok(QuestionData {
                train,
                test: Some(set),
                notes,
                damaged,
                ..
            }) if fingerprint(&train) == self.card.trained_on => {
                let split = QuestionSplit {
                    set,
                    notes,
                    damaged,
                };
                ("test", split)
            }
            _ => ("given", read_questions_split(path, &self.card.source)?),
        };
        let QuestionSplit {
            set,
            notes,
            damaged,
        } = found;
        notes.iter().for_each(|note| observer.note(note));
        let gallery = self.gallery(&set, observer)?;
        let mut report = self.report(&set, gallery.as_ref(), split, began, observer)?;
        report.damaged.splice(0..0, listed(&damaged));
        Ok(report)
    }

    /// The pictures of a set, to be seen by the encoder as it is; nothing where the model does not look.
    pub(super) fn gallery(
        &self,
        set: &QuestionSet,
        observer: &mut dyn Observer,
    ) -> Result<Option<Gallery>> {
        let Some(encoder) = &self.encoder else {
            return Ok(None);
        };
        let pictures = pictures(set)?.clone();
        let strict = self.card.source.strict;
        encoder
            .gallery(&self.params, pictures, strict, observer)
            .map(Some)
    }

    /// The questions of a set as numbers.
    pub(super) fn questions(&self, set: &QuestionSet, gallery: Option<&Gallery>) -> Questions {
        let numbers: std::collections::HashMap<&str, u32> =
            (self.card.answers.iter().map(String::as_str))
                .zip(0..)
                .collect();
        let number = |answer: &str| numbers.get(answer).copied();
        Questions::of(set, gallery, |question| self.encode(question), number)
    }

    /// Each member's scores of all answers, `[B, V]`, in the order of the batch; and where questions are asked again, those of
    /// their pictures as counter-examples, `[2 E]`.
    pub(super) fn forward(&self, pass: &Pass<f32>, batch: &Batch) -> (Vec<Tensor>, Option<Tensor>) {
        let sight = batch.sight.as_ref().zip(self.encoder.as_ref());
        let see = |(sight, encoder): (&Sight, &Encoder)| encoder.see(pass, sight);
        let features = sight.map(see);
        let seen = features.as_ref().map(|features| Seen {
            features,
            pictures: &batch.pictures,
        });
        let (words, questions) = (&batch.words, &batch.questions);
        let logits = self.network.forward(pass, words, questions, seen).logits;
        let again = batch.again.as_ref().zip(features.as_ref());
        let again = again.map(|(again, features)| self.ask_again(pass, features, again).1);
        (logits, again)
    }

    /// The scores of all answers, `[B, V]`, to questions about pictures of these features, and those of the pictures as
    /// counter-examples, `[B]`, in the order in which they were asked.
    ///
    /// # Panics
    /// When the model did not learn to find counter-examples.
    pub(super) fn ask_again(
        &self,
        pass: &Pass<f32>,
        features: &Tensor,
        again: &Again,
    ) -> (Tensor, Tensor) {
        let head = self.counter.as_ref().expect("a head for counter-examples");
        let pictures = &again.pictures[..];
        let seen = Seen { features, pictures };
        let Answers { logits, joint, .. } =
            self.network
                .forward(pass, &again.words, &again.questions, Some(seen));
        let joint = joint.expect("a network that looks");
        let scores = head.scores(pass, &joint, &again.answers);
        (again.in_order(&mean(&logits)), again.in_order(&scores))
    }

    /// How well counter-examples are found to the questions of a set; nothing where it was not learned or there are none.
    fn counter_scores(
        &self,
        set: &QuestionSet,
        questions: &Questions,
        gallery: Option<&Gallery>,
        watch: &mut dyn FnMut(f64),
    ) -> Result<Option<CounterScores>> {
        let parts = (&self.card.counter_examples, &self.encoder, gallery);
        let (Some(config), Some(encoder), Some(gallery)) = parts else {
            return Ok(None);
        };
        let neighbours = Neighbours::of(set, questions, gallery, config.neighbours, watch)?;
        let telling = neighbours.telling();
        let step = telling.len().div_ceil(MOST_EXPLAINED).max(1);
        let chosen: Vec<usize> = telling.into_iter().step_by(step).collect();
        let mut scored = Vec::with_capacity(chosen.len());
        for (done, &question) in chosen.iter().enumerate() {
            watch(done as f64 / chosen.len() as f64);
            let examples = neighbours.examples(question);
            let pictures: Vec<usize> = examples.iter().map(|example| example.picture).collect();
            let asked = &questions.all[question];
            let answer = asked.rightest().expect("a question with an answer");
            let again = (0..pictures.len() as u32).map(|place| (&asked.words[..], place, answer));
            let again = Again::of(&again.collect::<Vec<_>>());
            let pass = Pass::evaluation(&self.params);
            let features = encoder.see(&pass, &gallery.look(&pictures, None)?);
            let scores = self.ask_again(&pass, &features, &again).1;
            scored.push((examples, scores.to_vec()));
        }
        Ok(CounterScores::of(scored.into_iter()))
    }

    /// The answer that the scores of all answers mean.
    pub(super) fn predict(&self, logits: &[f32]) -> Prediction {
        match self.card.model.is_soft() {
            true => Prediction::of_each(&self.card.answers, logits),
            false => Prediction::of(&self.card.answers, logits),
        }
    }

    /// The mean loss over the questions of a batch that have an answer.
    pub(super) fn loss(&self, logits: &Tensor, batch: &Batch) -> Tensor {
        match &batch.shares {
            // The sum over answers, the mean over questions.
            Some(shares) => {
                let all = logits.dim(1) as f64;
                logits.binary_cross_entropy(shares).affine(all, 0.0)
            }
            None => logits
                .clone()
                .cross_entropy(&batch.answers, &CrossEntropy::default()),
        }
    }

    /// How many answers there are, where it is asked how right each is.
    pub(super) fn soft(&self) -> Option<usize> {
        self.card.model.is_soft().then_some(self.card.answers.len())
    }

    /// The number of the best answer to each question, in their order, and the mean loss.
    fn answer_all(
        &self,
        params: &Params<f32>,
        questions: &Questions,
        gallery: Option<&Gallery>,
        watch: &mut dyn FnMut(f64),
    ) -> Result<(Vec<usize>, f64)> {
        let mut answers = vec![0; questions.len()];
        let (mut sum, mut count) = (0.0, 0);
        for some in questions.in_order(ANSWERED_TOGETHER) {
            watch(some[0] as f64 / questions.len() as f64);
            let batch = questions.batch(&some, gallery, self.soft(), None, None)?;
            let pass = Pass::evaluation(params);
            let logits = mean(&self.forward(&pass, &batch).0);
            let known = batch.answers.iter().filter(|a| **a != IGNORE).count();
            if known > 0 {
                sum += f64::from(self.loss(&logits, &batch).item()) * known as f64;
                count += known;
            }
            let rows = logits.data().chunks_exact(self.card.answers.len());
            for (&place, row) in batch.order.iter().zip(rows) {
                answers[some[place]] = crate::tasks::prediction::best(row);
            }
        }
        Ok((answers, sum / count.max(1) as f64))
    }

    /// How good the answers are.
    fn scores(&self, set: &QuestionSet, questions: &Questions, answers: &[usize]) -> VqaScores {
        let scored = questions.all.iter().zip(answers).map(|(asked, &answer)| {
            let question = &set.questions[asked.number];
            Answered {
                answer: &self.card.answers[answer],
                people: &question.answers,
                question_type: question.question_type.as_deref(),
                answer_type: question.answer_type.as_deref(),
            }
        });
        VqaScores::of(scored)
    }

    /// Loss and accuracy under the given parameters.
    pub(super) fn measure(
        &self,
        params: &Params<f32>,
        set: &QuestionSet,
        questions: &Questions,
        gallery: Option<&Gallery>,
    ) -> Result<Evaluation> {
        let (answers, loss) = self.answer_all(params, questions, gallery, &mut |_| {})?;
        Ok(Evaluation {
            accuracy: Some(self.scores(set, questions, &answers).accuracy),
            loss,
        })
    }

    /// Measures the model on questions.
    pub(super) fn report(
        &self,
        set: &QuestionSet,
        gallery: Option<&Gallery>,
        split: &str,
        began: Instant,
        observer: &mut dyn Observer,
    ) -> Result<VqaReport> {
        let questions = self.questions(set, gallery);
        let mut watch = |share| observer.stage(Stage::Measuring, Some(share));
        let (answers, loss) = self.answer_all(&self.params, &questions, gallery, &mut watch)?;
        let reached = questions.rightest().count();
        let counter_examples = self.counter_scores(set, &questions, gallery, &mut watch)?;
        Ok(VqaReport {
            task: Card::TASK,
            split: split.to_string(),
            scores: self.scores(set, &questions, &answers),
            loss,
            counter_examples,
            examples: questions.len(),
            out_of_reach: questions.len() - reached,
            unknown: questions.unknown(),
            damaged: listed(gallery.into_iter().flat_map(Gallery::damaged)),
            seconds: began.elapsed().as_secs_f64(),
        })
    }
}

/// The words of a question; those that only name its picture, as DAQUAR's `in the image3`, are none of it.
fn words(question: &str) -> Vec<String> {
    question_words(&without_picture(question))
}

/// The pictures of a set.
pub(super) fn pictures(set: &QuestionSet) -> Result<&crate::data::PictureSet> {
    set.pictures.as_ref().ok_or_else(|| {
        Error::data(
            "",
            "there are questions without pictures, which this model cannot answer",
            "give the pictures, or train with model.kind = \"language\"",
        )
    })
}

/// A number that changes with the questions of a set.
pub(super) fn fingerprint(set: &QuestionSet) -> u64 {
    let start = set.pictures.as_ref().map_or(0, |p| p.fingerprint());
    set.questions.iter().fold(start, |state, question| {
        files::mix(state, question.text.as_bytes())
    })
}
