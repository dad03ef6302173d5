//! Looking into a model while it reads a text.

use std::ops::Range;

use unfold_kernels::log_sum_exp;

use super::model::LanguageModel;
use crate::data::Codec;
use crate::nn::Pass;
use crate::ops::CrossEntropy;
use crate::tensor::Tensor;

/// A word that a model has read.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where it stands in the text, in bytes.
    pub place: Range<usize>,
    /// The word as the model knows it, of a piece its text; an unknown one as it stands there.
    pub word: String,
    /// Whether the model knows it; else it has read `<unk>`.
    pub known: bool,
    /// How surprised the model was: -ln p(word), in nats; of an unknown word, by there being one.
    pub surprise: f64,
    /// The word that it thought likeliest, as above, and its probability.
    pub expected: (String, f64),
    /// What is inside each layer after the word.
    pub layers: Vec<Inside>,
}

/// What is inside a layer after a word.
#[derive(Clone, Debug)]
pub struct Inside {
    /// The hidden states, `[D]`.
    pub hidden: Vec<f32>,
    /// The activated gates, each `[D]`: r, z, n of a GRU; i, f, g, o of an LSTM; none of an Elman
    /// cell.
    pub gates: Vec<Vec<f32>>,
}

impl LanguageModel {
    /// Reads a text from its beginning and tells what it saw and thought; nothing for a text
    /// without a token.
    pub fn inspect(&self, text: &str) -> Vec<Seen> {
        let (codec, stepper) = (self.codec(), self.stepper());
        let mut state = stepper.start(1);
        let mut logits = vec![0.0; codec.classes()];
        if let Some(before) = codec.before() {
            logits.copy_from_slice(stepper.step(&[before], &mut state));
        }
        let gates = match self.gates() {
            1 => 0,
            gates => gates,
        };
        let mut seen = Vec::new();
        for (place, word) in codec.tokens(text) {
            let class = codec.class(&word).unwrap_or(Codec::UNKNOWN);
            let known = class != Codec::UNKNOWN;
            let log_sum = f64::from(log_sum_exp(&logits));
            let log_p = |class: usize| f64::from(logits[class]) - log_sum;
            let likeliest =
                (0..logits.len()).reduce(|a, b| if logits[b] > logits[a] { b } else { a });
            let likeliest = likeliest.unwrap_or(0);
            let expected = (codec.text(likeliest as u32), log_p(likeliest).exp());
            let surprise = -log_p(class as usize);
            logits.copy_from_slice(stepper.step(&[class], &mut state));
            let inside = |layer: usize| {
                let hidden = state.hidden(layer).to_vec();
                let rows = state.gates(layer).chunks_exact(hidden.len().max(1));
                Inside {
                    gates: rows.take(gates).map(<[f32]>::to_vec).collect(),
                    hidden,
                }
            };
            seen.push(Seen {
                place,
                word: if known { codec.text(class) } else { word },
                known,
                surprise,
                expected,
                layers: (0..self.config().layers).map(inside).collect(),
            });
        }
        seen
    }

    /// How strongly the loss of a text's last word depends on the hidden states before it: for each
    /// layer the Euclidean norms of the gradient by the states after each word but the last, through time and
    /// through the layers above. Nothing for a text of fewer than two tokens.
    pub fn gradients_through_time(&self, text: &str) -> Vec<Vec<f64>> {
        let words = self.codec().encode(text);
        let Some((&last, words)) = words.split_last().filter(|(_, words)| !words.is_empty()) else {
            return Vec::new();
        };
        let pass = Pass::inspection(&self.params);
        let one = crate::Ragged::new(&[1]);
        let mut states = self.states(1, &[]);
        // A zero added to each state that is carried on has the gradient through time; a layer's output is the same state, and
        // the pass keeps its gradient through the layers above.
        let mut nudges: Vec<Vec<Tensor>> = vec![Vec::new(); states.h.len()];
        let mut y = None;
        for &word in words {
            let (out, after) = self.network.read(&pass, &[word], &one, &states);
            states = after;
            for (h, nudges) in states.h.iter_mut().zip(&mut nudges) {
                let nudge = Tensor::zeros(h.shape()).watch();
                *h = h.add(&nudge);
                nudges.push(nudge);
            }
            y = Some(out);
        }
        let y = y.expect("there is a word");
        let logits = self.network.logits(&pass, &y);
        let gradients = logits
            .cross_entropy(&[last], &CrossEntropy::default())
            .backward();
        let probes = pass.probes();
        let layer = |(layer, nudges): (usize, &Vec<Tensor>)| {
            let name = format!(".layer{layer}");
            let outputs = probes.iter().filter(|probe| probe.name.ends_with(&name));
            let both = nudges.iter().zip(outputs);
            let norm = both.map(|(nudge, output)| {
                let through_time = gradients.get(nudge).map_or(&[][..], |g| g.data());
                let above = output.gradient(&gradients).map_or(&[][..], |g| g.data());
                let units = 0..nudge.len();
                let at = |part: &[f32], unit: usize| part.get(unit).map_or(0.0, |&g| f64::from(g));
                let sum = units.map(|unit| (at(through_time, unit) + at(above, unit)).powi(2));
                sum.sum::<f64>().sqrt()
            });
            norm.collect()
        };
        nudges.iter().enumerate().map(layer).collect()
    }

    /// The words whose vectors point most nearly where that of `word` does, with the cosine of the
    /// angle between, nearest first; `None` for what is no single word or piece that is known.
    pub fn neighbours(&self, word: &str, count: usize) -> Option<Vec<(String, f64)>> {
        let class = self.codec().named(word)?;
        let size = self.config().embedding_size;
        let table = self.params.get(self.network.table());
        let row = |class: usize| &table[class * size..][..size];
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
            products.sum()
        };
        let own = row(class as usize);
        let cosine = |other: &[f32]| {
            let lengths = (dot(own, own) * dot(other, other)).sqrt();
            dot(own, other) / lengths.max(1e-30)
        };
        let classes = 0..self.codec().classes();
        let others = classes.filter(|&other| other != class as usize);
        let mut all: Vec<(usize, f64)> = others.map(|other| (other, cosine(row(other)))).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        all.truncate(count);
        let named = |(class, cosine)| (self.codec().text(class as u32), cosine);
        Some(all.into_iter().map(named).collect())
    }

    /// How many gates a cell has, G.
    fn gates(&self) -> usize {
        crate::ops::Cell::from(self.config().cell).gates()
    }
}

#[cfg(test)]
mod tests {
    use crate::nn::{Params, Pass};
    use crate::ops::CrossEntropy;
    use crate::tasks::language::{LanguageModel, LanguageRecipe, train};
    use crate::tasks::{Recipe as _, RunOptions};
    use crate::train::Quiet;

    #[test]
    fn gradients_go_through_time_and_through_layers() {
        let folder = tempfile::tempdir().unwrap();
        let (data, out) = (folder.path().join("text.txt"), folder.path().join("run"));
        std::fs::write(&data, "anna saw the ship\nben saw the whale\n".repeat(200)).unwrap();
        let mut recipe = LanguageRecipe::default();
        for setting in [
            "tokens.min_count=1",
            "model.cell=elman",
            "model.layers=2",
            "model.hidden_size=6",
            "model.embedding_size=6",
            "window.length=10",
            "train.epochs=2",
        ] {
            recipe.set(setting).unwrap();
        }
        let options = RunOptions {
            out: out.clone(),
            resume: false,
        };
        train(data.to_str().unwrap(), &recipe, &options, &mut Quiet).unwrap();
        let model = LanguageModel::load(&out).unwrap();
        let text = "anna saw the ship";
        let words = model.codec().encode(text);
        let (&last, words) = words.split_last().unwrap();
        let ([.., bias], _) = model.network.recurrent().first_layer();

        // The loss of the last word, and the first layer's states after word `at`, with the first layer's bias of a unit
        // changed at that word alone.
        let one = crate::Ragged::new(&[1]);
        let run = |at: usize, unit: usize, by: f32| {
            let mut changed: Params<f32> = model.params.clone();
            changed.get_mut(bias)[unit] += by;
            let (mut states, mut out) = (model.states(1, &[]), None);
            let mut seen = Vec::new();
            for (i, &word) in words.iter().enumerate() {
                let pass = Pass::evaluation(if i == at { &changed } else { &model.params });
                let (y, after) = model.network.read(&pass, &[word], &one, &states);
                (states, out) = (after, Some(y));
                if i == at {
                    seen = states.h[0].data().to_vec();
                }
            }
            let logits = model
                .network
                .logits(&Pass::evaluation(&model.params), &out.unwrap());
            let loss = logits.cross_entropy(&[last], &CrossEntropy::default());
            (f64::from(loss.item()), seen)
        };
        let gradients = model.gradients_through_time(text);
        assert_eq!([gradients.len(), gradients[0].len()], [2, words.len()]);
        for (at, gradient) in gradients[0].iter().enumerate() {
            let by = 1e-2;
            let square = |unit: usize| {
                let slope = (run(at, unit, by).0 - run(at, unit, -by).0) / f64::from(2.0 * by);
                // h = tanh(.. + bias)
                let h = f64::from(run(at, unit, 0.0).1[unit]);
                (slope / (1.0 - h * h)).powi(2)
            };
            let expected = (0..6).map(square).sum::<f64>().sqrt();
            assert!(
                (gradient / expected - 1.0).abs() < 0.005,
                "word {at}: {gradient}, expected {expected}"
            );
        }
    }
}
