//! A trained language model: its file, and how well it predicts.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use unfold_kernels::{self as kernels, Quantized};

use super::beam;
use super::columns::Columns;
use super::config::LanguageConfig;
use super::dynamic;
use super::generate::Generator;
use super::network::{Head, Network};
use super::parts::{Parts, encode, fingerprint};
use super::recipe::LanguageRecipe;
use super::sample::Sampling;
use super::step::Stepper;
use super::unit;
use crate::data::{Codec, Corpus, CorpusPart, CorpusSource, TokenStream};
use crate::error::{Error, Result};
use crate::nn::{Params, Pass, States};
use crate::tasks::Recipe as _;
use crate::tasks::beam::Continuation;
use crate::tasks::files::{self, Card as _, hash};
use crate::tensor::Tensor;
use crate::tensors;
use crate::train::{Observer, Stage, Unit};

/// A language model with everything it needs: vocabulary, preprocessing, weights.
pub struct LanguageModel {
    card: Card,
    pub(super) params: Params<f32>,
    pub(super) network: Network,
    int8: bool,
}

/// What a model file says of itself besides the weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Card {
    format: u32,
    task: String,
    model: LanguageConfig,
    source: CorpusSource,
    /// [`fingerprint`] of the training part.
    trained_on: u64,
    codec: Codec,
}

impl files::Card for Card {
    const TASK: &'static str = "language";
    const FORMAT: u32 = 1;

    fn task(&self) -> &str {
        &self.task
    }

    fn format(&self) -> u32 {
        self.format
    }

    fn check(&self) -> Result<()> {
        self.model.check()?;
        self.model.check_size(self.codec.classes())
    }
}

/// How well a model predicts a text.
#[derive(Clone, Debug, Serialize)]
pub struct LanguageReport {
    /// `language`.
    pub task: &'static str,
    /// What was measured: `test`, `valid` or `train`, a part of the data; `given`, all of it.
    pub split: String,
    /// e to the power of `nats_per_token`: among how many equally likely words the model is as
    /// unsure.
    pub perplexity: f64,
    /// The mean of -ln p(next token) over every token but the first.
    pub nats_per_token: f64,
    /// With characters and pieces: how many bits the text takes, by its characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits_per_character: Option<f64>,
    /// With pieces: the perplexity of the text by its words, to compare with that of other tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub perplexity_per_word: Option<f64>,
    /// Tokens predicted.
    pub tokens: usize,
    /// The share of them that the model does not know.
    pub unknown: f64,
    /// The rate at which it learned from what had been measured; nothing where it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic_rate: Option<f64>,
    /// What tokens are.
    pub unit: Unit,
    /// Seconds: of training and testing, or of testing alone.
    pub seconds: f64,
}

/// Tokens of each column that go through the network together when nothing is trained.
const EVALUATION_STEPS: usize = 256;

impl LanguageModel {
    /// A new model with initial weights.
    pub(super) fn new(
        recipe: &LanguageRecipe,
        codec: Codec,
        trained_on: u64,
    ) -> Result<LanguageModel> {
        if codec.classes() < 2 + usize::from(codec.eos().is_some()) {
            return Err(Error::data(
                "vocabulary",
                "there is nothing to predict: the text has a single word",
                "give more text, or lower tokens.min_count",
            ));
        }
        recipe.model.check_size(codec.classes())?;
        let card = Card {
            format: Card::FORMAT,
            task: Card::TASK.into(),
            model: recipe.model.clone(),
            source: recipe.data.clone(),
            trained_on,
            codec,
        };
        let mut params = Params::new(recipe.seed);
        let network = Network::new(&mut params, &card.model, card.codec.classes());
        Ok(LanguageModel {
            card,
            params,
            network,
            int8: false,
        })
    }

    /// Reads a model: the file itself or the folder of a finished run.
    ///
    /// # Errors
    /// When there is none, or the file is damaged, of another task or of a newer version.
    pub fn load(path: &Path) -> Result<LanguageModel> {
        let (file, card, stored) = files::load::<Card>(path)?;
        // Layers take their values from the file; what is not in it is never allocated.
        let mut params = Params::restoring(stored);
        let network = Network::new(&mut params, &card.model, card.codec.classes());
        params
            .restored()
            .map_err(|problem| files::damaged(&file, problem))?;
        Ok(LanguageModel {
            card,
            params,
            network,
            int8: false,
        })
    }

    /// Writes the model to `path`, all or nothing.
    ///
    /// # Errors
    /// When the system cannot write; an earlier file is then untouched.
    pub fn save(&self, path: &Path) -> Result<()> {
        tensors::write(path, &self.card, files::tensors(&self.params))
    }

    /// Its words, and text to them and back.
    pub fn codec(&self) -> &Codec {
        &self.card.codec
    }

    /// The network's sizes.
    pub fn config(&self) -> &LanguageConfig {
        &self.card.model
    }

    /// How many parameters there are.
    pub fn parameters(&self) -> usize {
        self.params.len()
    }

    /// The model with the weights of its recurrent layers and of its softmax in eight bits, each
    /// column with a scale of its own: nearly as good, and a word costs a quarter of the memory
    /// traffic. An adaptive softmax stays as it is.
    pub fn into_int8(mut self) -> LanguageModel {
        let (network, params) = (&self.network, &mut self.params);
        network.recurrent().round_to_int8(params);
        let classes = self.card.codec.classes();
        match network.head() {
            Head::Own(linear) => {
                let weight = params.get_mut(linear.weight());
                Quantized::new(weight, classes).values(weight);
            }
            Head::Tied { table, .. } => {
                let table = params.get_mut(*table);
                let size = table.len() / classes;
                let mut turned = vec![0.0; table.len()];
                kernels::transpose(table, size, classes, &mut turned);
                Quantized::new(&turned, classes).values(&mut turned);
                kernels::transpose(&turned, classes, size, table);
            }
            Head::Adaptive(_) => {}
        }
        self.int8 = true;
        self
    }

    pub(super) fn is_int8(&self) -> bool {
        self.int8
    }

    /// The model word by word, for streams of its own or others' words.
    pub fn stepper(&self) -> Stepper<'_> {
        Stepper::new(self)
    }

    /// Writes on and on, drawing words as `sampling` says; equal seeds write alike.
    pub fn generate(&self, sampling: Sampling, seed: u64) -> Generator<'_> {
        Generator::new(self, sampling, seed)
    }

    /// The likeliest continuations of a prompt that a beam search of some width finds, likeliest
    /// first; each has at most `length` words.
    ///
    /// # Panics
    /// With a beam of width 0.
    pub fn beam(&self, prompt: &[u32], width: usize, length: usize) -> Vec<Continuation> {
        assert!(width > 0, "beam: expected a width of at least 1, got 0");
        beam::search(self, prompt, width, length)
    }

    /// A number that changes with anything that decides the course of a training.
    pub(super) fn course(&self, recipe: &LanguageRecipe) -> u64 {
        let mut recipe = recipe.clone();
        // How often it is saved does not.
        recipe.train.checkpoint_seconds = 0.0;
        hash(recipe.to_toml().as_bytes()) ^ self.card.trained_on
    }

    /// The states that `tensors` hold, hidden ones first; zeros where there is none.
    pub(super) fn states(&self, batch: usize, tensors: &[Tensor]) -> States {
        let mut states = self.network.recurrent().zero_states(batch);
        if !tensors.is_empty() {
            let (h, c) = tensors.split_at(states.h.len());
            (states.h, states.c) = (h.to_vec(), c.to_vec());
        }
        states
    }

    /// The mean of -ln p(next token) over columns read from their first to their last token, while
    /// `watch` is told which share is done.
    pub(super) fn measure(
        &self,
        params: &Params<f32>,
        columns: &Columns,
        watch: &mut dyn FnMut(f64),
    ) -> f64 {
        let mut states = self.states(columns.count(), &[]);
        let mut sum = 0.0;
        for from in (0..columns.len()).step_by(EVALUATION_STEPS) {
            watch(from as f64 / columns.len() as f64);
            let to = columns.len().min(from + EVALUATION_STEPS);
            let pass = Pass::evaluation(params);
            let window = columns.window(from, to);
            let (loss, after) = self.network.loss(&pass, &window, &states);
            sum += f64::from(loss.item()) * (to - from) as f64;
            states = after;
        }
        sum / columns.len().max(1) as f64
    }

    /// Measures the model on text, read as the training text was: on its test part where it has
    /// one by the names of its files, on the end held out in training where it is the very text
    /// that the model was trained on, else on all of it. Every token but the first is predicted,
    /// with states carried from the first to the last.
    ///
    /// `observer` is told how far it is.
    ///
    /// # Errors
    /// When the text cannot be read, or has no two tokens.
    pub fn evaluate(&self, data: &str, observer: &mut dyn Observer) -> Result<LanguageReport> {
        self.evaluate_at(data, None, observer)
    }

    /// As [`evaluate`](Self::evaluate), where the model goes on learning, at this `rate`, from every 50 tokens once they
    /// have been predicted (dynamic evaluation, Krause et al. 2018). It learns the names and manners of a text as it reads;
    /// what it learned is forgotten at the end. 0.0003 suits characters; choose it on a validation part.
    ///
    /// # Errors
    /// As there, and when the rate is so large that the loss stops being finite.
    ///
    /// # Panics
    /// When the rate is not a finite number above 0.
    pub fn evaluate_dynamic(
        &self,
        data: &str,
        rate: f64,
        observer: &mut dyn Observer,
    ) -> Result<LanguageReport> {
        assert!(
            rate > 0.0 && rate.is_finite(),
            "evaluate_dynamic: expected a rate above 0, got {rate}"
        );
        let report = self.evaluate_at(data, Some(rate), observer)?;
        if report.perplexity.is_finite() {
            return Ok(report);
        }
        let problem = format!("the loss is {} nats a token", report.nats_per_token);
        let remedy = "choose a smaller rate, such as 0.0003";
        Err(Error::training(
            format!("a dynamic rate of {rate}"),
            problem,
            remedy,
        ))
    }

    fn evaluate_at(
        &self,
        data: &str,
        dynamic_rate: Option<f64>,
        observer: &mut dyn Observer,
    ) -> Result<LanguageReport> {
        let (began, path, codec) = (Instant::now(), Path::new(data), self.codec());
        observer.stage(Stage::Reading, None);
        let corpus = Corpus::read(path, &self.card.source)?;
        let train = encode(codec, &corpus, CorpusPart::Train, observer);
        if let Some(train) = train
            .ok()
            .filter(|t| fingerprint(t) == self.card.trained_on)
        {
            let (part, stream) = Parts::new(train, codec, &corpus, observer)?.to_measure();
            note_left_out(&stream, observer);
            return Ok(self.report(part.name(), stream, dynamic_rate, began, observer));
        }
        let whole = CorpusSource {
            test_fraction: 0.0,
            valid_fraction: 0.0,
            ..self.card.source.clone()
        };
        observer.stage(Stage::Reading, None);
        let corpus = Corpus::read(path, &whole)?;
        let parts = [
            (CorpusPart::Test, CorpusPart::Test.name()),
            (CorpusPart::Valid, CorpusPart::Valid.name()),
        ];
        let own = parts.into_iter().find(|&(part, _)| corpus.has(part));
        let (part, name) = own.unwrap_or((CorpusPart::Train, "given"));
        let stream = encode(codec, &corpus, part, observer)?;
        if stream.len() == 1 {
            let problem = "the text is a single token, after which nothing comes";
            return Err(Error::data(corpus.name(), problem, "give more text"));
        }
        note_left_out(&stream, observer);
        Ok(self.report(name, stream, dynamic_rate, began, observer))
    }

    /// Measures the model on a text of two tokens or more.
    pub(super) fn report(
        &self,
        split: &str,
        stream: Arc<TokenStream>,
        dynamic_rate: Option<f64>,
        began: Instant,
        observer: &mut dyn Observer,
    ) -> LanguageReport {
        let tokens = stream.len() - 1;
        let mut unknown = 0;
        stream.visit(1, &mut |ids| {
            unknown += ids.iter().filter(|&&id| id == Codec::UNKNOWN).count();
        });
        let text = stream.measure();
        let columns = Columns::new(stream, 1);
        let watch = &mut |share| observer.stage(Stage::Measuring, Some(share));
        let nats = match dynamic_rate {
            None => self.measure(&self.params, &columns, watch),
            Some(rate) => dynamic::measure(self, &columns, rate, watch),
        };
        let unit = unit(self.card.codec.encoder().config().tokenizer);
        let all = nats * tokens as f64;
        let pieces = unit == Unit::Tokens;
        let bits = match unit {
            Unit::Characters => Some(nats / std::f64::consts::LN_2),
            _ => pieces.then(|| all / std::f64::consts::LN_2 / text.characters as f64),
        };
        LanguageReport {
            task: "language",
            split: split.into(),
            perplexity: nats.exp(),
            nats_per_token: nats,
            bits_per_character: bits,
            perplexity_per_word: pieces.then(|| (all / text.words as f64).exp()),
            tokens,
            dynamic_rate,
            unknown: unknown as f64 / tokens as f64,
            unit,
            seconds: began.elapsed().as_secs_f64(),
        }
    }
}

fn note_left_out(stream: &TokenStream, observer: &mut dyn Observer) {
    if let Some(note) = stream.measure().note() {
        observer.note(&note);
    }
}
