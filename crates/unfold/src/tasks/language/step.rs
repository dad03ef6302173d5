//! A language model one word at a time.

use unfold_kernels::{self as kernels, Buffer, Mat, MatMut};

use super::model::LanguageModel;
use crate::nn::RecurrentState;

/// A trained model ready to read and write word by word, any number of streams side by side.
///
/// Memory is constant and a step allocates nothing.
pub struct Stepper<'m> {
    model: &'m LanguageModel,
    /// The weights of the softmax, `[D, V]`, where the model has them the other way round.
    head: Option<Buffer<f32>>,
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
        let head = model.network.tied().then(|| {
            let table = model.params.get(model.network.table());
            let classes = model.codec().classes();
            let mut head = Buffer::scratch(table.len());
            kernels::transpose(table, classes, table.len() / classes, &mut head);
            head
        });
        Stepper { model, head }
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
        assert_eq!(words.len(), batch, "step: a word for each stream");
        let params = &self.model.params;
        let table = params.get(network.table());
        let size = self.model.config().embedding_size;
        for (row, &word) in state.words.chunks_exact_mut(size).zip(words) {
            row.copy_from_slice(&table[word as usize * size..][..size]);
        }
        let h = network
            .recurrent()
            .step(params, &state.words, &mut state.recurrent);
        let (weight, bias) = network.head();
        let weight = self.head.as_deref().unwrap_or_else(|| params.get(weight));
        let (d, classes) = (h.len() / batch, self.model.codec().classes());
        let out = MatMut::new(&mut state.logits, classes);
        let (h, weight) = (Mat::new(h, d), Mat::new(weight, classes));
        kernels::gemm_bias(batch, classes, d, h, weight, params.get(bias), out);
        &state.logits
    }
}
