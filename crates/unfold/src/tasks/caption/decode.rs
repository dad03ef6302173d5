//! Finding captions: the likeliest ones, or drawn ones.

use super::model::CaptionModel;
use super::network::{Memory, Step};
use super::recipe::AnswerConfig;
use super::sentences::{BOUNDARY, UNKNOWN};
use crate::nn::{Params, Pass};
use crate::random::Key;
use crate::tasks::beam::{Beam, Continuation};
use crate::tasks::language::{Sampler, Sampling};
use crate::tensor::Tensor;

/// A caption that a model found.
#[derive(Clone, Debug, PartialEq)]
pub struct Caption {
    /// Its words.
    pub words: Vec<String>,
    /// ln of its probability given the picture, its end included.
    pub log_probability: f64,
}

impl Caption {
    /// The caption as people write it: one line, no space before 's and n't.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for word in &self.words {
            let glued = word.starts_with('\'') || word == "n't";
            if !(text.is_empty() || glued) {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    }
}

/// The likeliest captions of pictures with these features, `[B, ..]`: for each as many as the search is wide, best first.
pub(super) fn search(
    model: &CaptionModel,
    params: &Params<f32>,
    features: &Tensor,
    answer: &AnswerConfig,
) -> Vec<Vec<Caption>> {
    let (width, pictures) = (answer.beam, features.dim(0));
    let classes = model.card.words.len();
    let pass = Pass::evaluation(params);
    let mut memory = model.network.begin(&pass, &repeated(features, width));
    let streams = pictures * width;
    let mut step = model
        .network
        .step(&pass, &vec![BOUNDARY; streams], &mut memory);
    let mut searches: Vec<Option<Beam>> = (0..pictures)
        .map(|_| Some(Beam::new(width, answer.length_power)))
        .collect();
    let mut found: Vec<Vec<Continuation>> = vec![Vec::new(); pictures];
    for _ in 0..=model.card.max_length {
        let (mut from, mut words) = ((0..streams).collect::<Vec<_>>(), vec![BOUNDARY; streams]);
        for (picture, search) in searches.iter_mut().enumerate() {
            let Some(beam) = search else { continue };
            let first = picture * width;
            let scores = &step.logits.data()[first * classes..][..width * classes];
            match beam.advance(scores, Some(BOUNDARY), &[UNKNOWN]) {
                Some(next) => {
                    for i in 0..width {
                        from[first + i] = first + next.from[i];
                        words[first + i] = next.words[i];
                    }
                }
                None => found[picture] = search.take().map_or_else(Vec::new, Beam::finish),
            }
        }
        if searches.iter().all(Option::is_none) {
            break;
        }
        memory.select(&from);
        step = model.network.step(&pass, &words, &mut memory);
    }
    for (found, search) in found.iter_mut().zip(searches) {
        if let Some(beam) = search {
            *found = beam.finish();
        }
    }
    let caption = |found: Continuation| caption(model, &found.words, found.log_probability);
    let captions = found
        .into_iter()
        .map(|all| all.into_iter().map(caption).collect());
    captions.collect()
}

/// A caption of a picture with these features, `[1, ..]`, drawn word by word.
pub(super) fn sample(
    model: &CaptionModel,
    features: &Tensor,
    temperature: f64,
    key: Key,
) -> Caption {
    let mut sampler = Sampler::new(Sampling {
        temperature,
        ..Sampling::default()
    });
    let pass = Pass::evaluation(&model.params);
    let mut memory = model.network.begin(&pass, features);
    let (mut words, mut log_probability, mut word) = (Vec::new(), 0.0, BOUNDARY);
    for number in 0..=model.card.max_length {
        let step = model.network.step(&pass, &[word], &mut memory);
        word = sampler.draw(step.logits.data(), &[], &[UNKNOWN], key, number as u64);
        words.push(word);
        log_probability += f64::from(step.logits.log_softmax().data()[word as usize]);
        if word == BOUNDARY {
            break;
        }
    }
    caption(model, &words, log_probability)
}

/// Where the model looks in a picture with these features, `[1, ..]`, as it writes these words, `[1, L]` for each and for the end;
/// nothing for models that do not look.
pub(super) fn looked(model: &CaptionModel, features: &Tensor, words: &[String]) -> Vec<Tensor> {
    let pass = Pass::evaluation(&model.params);
    let mut memory: Memory = model.network.begin(&pass, features);
    let number = |word: &String| model.card.words.id(word).unwrap_or(UNKNOWN);
    let read = std::iter::once(BOUNDARY).chain(words.iter().map(number));
    let look = |word: u32| -> Option<Tensor> {
        let Step { alpha, .. } = model.network.step(&pass, &[word], &mut memory);
        alpha
    };
    read.map_while(look).collect()
}

/// The words with these numbers; the boundary at the end is none.
fn caption(model: &CaptionModel, numbers: &[u32], log_probability: f64) -> Caption {
    let words = numbers.iter().filter(|number| **number != BOUNDARY);
    let words = words.filter_map(|&number| model.card.words.word(number));
    Caption {
        words: words.map(str::to_owned).collect(),
        log_probability,
    }
}

/// Each picture's features so many times in a row: `[B, ..]` to `[B times, ..]`.
fn repeated(features: &Tensor, times: usize) -> Tensor {
    let dims = features.dims();
    let size = features.len() / dims[0].max(1);
    let rows = features.data().chunks_exact(size.max(1));
    let values: Vec<f32> = rows.flat_map(|row| row.repeat(times)).collect();
    let mut shape = dims.to_vec();
    shape[0] *= times;
    Tensor::from_vec(values, &shape[..])
}
