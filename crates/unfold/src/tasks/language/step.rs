//! A language model one word at a time.

use unfold_kernels::{self as kernels, Buffer, Mat, MatMut, Quantized};

use super::model::LanguageModel;
use super::network::Head;
use crate::nn::{Pass, RecurrentInt8, RecurrentState};
use crate::tensor::Tensor;

/// A trained model ready to read and write word by word, any number of streams side by side.
///
/// Memory is constant and a step allocates nothing (but with an adaptive softmax).
///
/// ```no_run
/// use unfold::tasks::language::LanguageModel;
///
/// let model = LanguageModel::load("runs/language-moby-dick".as_ref())?;
/// let stepper = model.stepper();
/// let mut state = stepper.start(1); // one stream
/// let mut logits = Vec::new();
/// for word in model.codec().encode("The white") {
///     logits = stepper.step(&[word], &mut state).to_vec();
/// }
/// // Two continuations of the same beginning.
/// let mut other = state.clone();
/// let whale = model.codec().class("whale").expect("a whaling novel");
/// println!("{:?}", stepper.step(&[whale], &mut other));
/// state.reset();
/// # assert_eq!(logits.len(), model.codec().classes());
/// # Ok::<(), unfold::Error>(())
/// ```
pub struct Stepper<'m> {
    model: &'m LanguageModel,
    head: Scores,
    /// The recurrent weights in eight bits, where the model's are.
    int8: Option<RecurrentInt8>,
}

/// The weights of the softmax in the form that a step reads.
enum Scores {
    /// The model's own, `[D, V]`.
    Own,
    /// `[D, V]`, where the model has them the other way round.
    Turned(Buffer<f32>),
    /// `[D, V]` in eight bits.
    Int8(Quantized),
}

/// Where B streams are in their texts: explicit, to be cloned or reset at will.
#[derive(Clone, Debug)]
pub struct StreamState {
    recurrent: RecurrentState,
    words: Buffer<f32>,
    logits: Buffer<f32>,
}

impl StreamState {
    /// How many streams there are, B.
    pub fn batch(&self) -> usize {
        self.recurrent.batch()
    }

    /// Back to the beginning, before any word.
    pub fn reset(&mut self) {
        self.recurrent.reset();
    }

    /// One stream back to its beginning, while the others stay where they are.
    ///
    /// # Panics
    /// Unless there is such a stream.
    pub fn reset_stream(&mut self, stream: usize) {
        self.recurrent.reset_stream(stream);
    }

    /// Gives stream b the place of stream `from[b]`.
    ///
    /// # Panics
    /// Unless `from` names a stream for each.
    pub fn select(&mut self, from: &[usize]) {
        self.recurrent.select(from);
    }

    /// The hidden states of a layer, `[B, D]`.
    pub fn hidden(&self, layer: usize) -> &[f32] {
        self.recurrent.hidden(layer)
    }

    /// The gates of a layer at the last step, `[B, G D]`.
    pub fn gates(&self, layer: usize) -> &[f32] {
        self.recurrent.gates(layer)
    }
}

impl<'m> Stepper<'m> {
    pub(super) fn new(model: &'m LanguageModel) -> Stepper<'m> {
        let (params, classes) = (&model.params, model.codec().classes());
        let turned = |table: &[f32]| {
            let mut turned = Buffer::scratch(table.len());
            kernels::transpose(table, table.len() / classes, classes, &mut turned);
            turned
        };
        let head = match (model.network.head(), model.is_int8()) {
            (Head::Adaptive(_), _) | (Head::Own(_), false) => Scores::Own,
            (Head::Own(linear), true) => {
                Scores::Int8(Quantized::new(params.get(linear.weight()), classes))
            }
            (Head::Tied { table, .. }, false) => Scores::Turned(turned(params.get(*table))),
            (Head::Tied { table, .. }, true) => {
                Scores::Int8(Quantized::new(&turned(params.get(*table)), classes))
            }
        };
        let recurrent = model.network.recurrent();
        Stepper {
            head,
            int8: model.is_int8().then(|| recurrent.int8(params)),
            model,
        }
    }

    /// B streams at their beginning.
    pub fn start(&self, batch: usize) -> StreamState {
        let size = self.model.config().embedding_size;
        StreamState {
            recurrent: self.model.network.recurrent().stream(batch),
            words: Buffer::zeros(batch * size),
            logits: Buffer::zeros(batch * self.model.codec().classes()),
        }
    }

    /// Reads one more word in each stream and gives the scores of what may come next, `[B, V]`
    /// (their softmax are the probabilities).
    ///
    /// # Panics
    /// Unless there is one word, of the model's vocabulary, for each stream.
    pub fn step<'s>(&self, words: &[u32], state: &'s mut StreamState) -> &'s [f32] {
        let (batch, network) = (state.batch(), &self.model.network);
        let params = &self.model.params;
        let h = self.advance(words, &mut state.words, &mut state.recurrent);
        let (d, classes) = (h.len() / batch, self.model.codec().classes());
        let bias = match network.head() {
            Head::Own(linear) => linear.bias().map(|bias| params.get(bias)),
            Head::Tied { bias, .. } => Some(params.get(*bias)),
            Head::Adaptive(_) => None,
        };
        let bias = bias.unwrap_or(&[]);
        let weight = match (&self.head, network.head()) {
            (Scores::Int8(head), _) => {
                head.product(h, bias, &mut state.logits);
                return &state.logits;
            }
            (Scores::Turned(head), _) => head,
            (Scores::Own, Head::Own(linear)) => params.get(linear.weight()),
            (Scores::Own, _) => {
                let y = Tensor::from_slice(h, [batch, d]);
                let logits = network.logits(&Pass::evaluation(params), &y);
                state.logits.copy_from_slice(logits.data());
                return &state.logits;
            }
        };
        let out = MatMut::new(&mut state.logits, classes);
        let (h, weight) = (Mat::new(h, d), Mat::new(weight, classes));
        kernels::gemm_bias(batch, classes, d, h, weight, bias, out);
        &state.logits
    }

    /// Reads one more word in each stream where nobody asks what comes next, as inside a beginning: without the
    /// scores of all words, which for thousands of them are most of a step's arithmetic.
    ///
    /// # Panics
    /// As [`Stepper::step`].
    pub fn read(&self, words: &[u32], state: &mut StreamState) {
        self.advance(words, &mut state.words, &mut state.recurrent);
    }

    /// The last layer's states `[B, D]` after one more word of each stream.
    fn advance<'s>(
        &self,
        words: &[u32],
        vectors: &mut [f32],
        inner: &'s mut RecurrentState,
    ) -> &'s [f32] {
        let network = &self.model.network;
        assert_eq!(words.len(), inner.batch(), "step: a word for each stream");
        let params = &self.model.params;
        let table = params.get(network.table());
        let size = self.model.config().embedding_size;
        for (row, &word) in vectors.chunks_exact_mut(size).zip(words) {
            row.copy_from_slice(&table[word as usize * size..][..size]);
        }
        let recurrent = network.recurrent();
        match &self.int8 {
            Some(int8) => recurrent.step_int8(params, int8, vectors, inner),
            None => recurrent.step(params, vectors, inner),
        }
    }
}
