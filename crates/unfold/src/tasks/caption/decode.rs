//! Finding captions: the likeliest ones, or drawn ones.

use unfold_kernels as kernels;

use super::model::CaptionModel;
use super::network::{Memory, Step};
use super::recipe::AnswerConfig;
use crate::nn::{Params, Pass};
use crate::random::Key;
use crate::tasks::beam::{Advance, Beam, Continuation};
use crate::tasks::language::{RECENT, Sampler, Sampling};
use crate::tasks::sentences::{BOUNDARY, UNKNOWN};
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

/// At most this share of the streams goes on when those that ended are left out: what is kept of pictures has to be copied for it.
const WORTH_LEAVING: f64 = 0.75;

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
    // The streams of a picture are one until they have read different words.
    let each: Vec<u32> = (0..pictures as u32).collect();
    let mut memory = model.network.begin(&pass, features, &each);
    let first = vec![BOUNDARY; pictures];
    let mut step = model.network.step(&pass, &first, &mut memory);
    let own = (0..pictures * width).map(|stream| stream / width);
    memory.keep(&own.clone().collect::<Vec<_>>());
    let own: Vec<u32> = own.map(|picture| picture as u32).collect();
    step.logits = step.logits.gather(&own);
    let begun = || Search {
        beam: Beam::new(width, true, answer.length_power),
        next: None,
        over: false,
    };
    let mut searches: Vec<Search> = (0..pictures).map(|_| begun()).collect();
    // Whose streams there still are.
    let mut shown: Vec<usize> = (0..pictures).collect();
    for _ in 0..=model.card.max_length {
        let streams = shown.len() * width;
        let scores = step.logits.data();
        // Each picture's search is one of its own.
        let mut place = vec![None; pictures];
        (0..)
            .zip(&shown)
            .for_each(|(i, &picture)| place[picture] = Some(i));
        kernels::parallel_rows(&mut searches, 1, 1, |picture, search| {
            if let Some(place) = place[picture] {
                let scores = &scores[place * width * classes..][..width * classes];
                search[0].advance(scores);
            }
        });
        let (mut from, mut words) = ((0..streams).collect::<Vec<_>>(), vec![BOUNDARY; streams]);
        for (place, &picture) in shown.iter().enumerate() {
            if let Some(next) = &searches[picture].next {
                let first = place * width;
                for i in 0..width {
                    from[first + i] = first + next.from[i];
                    words[first + i] = next.words[i];
                }
            }
        }
        let goes_on = |picture: &usize| !searches[*picture].over;
        let going = shown.iter().filter(|picture| goes_on(picture)).count();
        if going == 0 {
            break;
        }
        memory.select(&from);
        let left = left(shown.len(), going);
        if left < shown.len() {
            let mut over = left - going;
            let mut stays = |place: &usize| {
                let stays = goes_on(&shown[*place]) || over > 0;
                over -= usize::from(stays && !goes_on(&shown[*place]));
                stays
            };
            let kept: Vec<usize> = (0..shown.len()).filter(&mut stays).collect();
            let rows = kept
                .iter()
                .flat_map(|place| place * width..(place + 1) * width);
            let rows: Vec<usize> = rows.collect();
            memory.keep(&rows);
            words = rows.iter().map(|&row| words[row]).collect();
            shown = kept.iter().map(|&place| shown[place]).collect();
        }
        step = model.network.step(&pass, &words, &mut memory);
    }
    let found = searches.into_iter().map(|search| search.beam.finish());
    let caption = |found: Continuation| caption(model, &found.words, found.log_probability);
    found
        .map(|all| all.into_iter().map(caption).collect())
        .collect()
}

/// How many pictures stay of so many of which these go on. Among all that do there may be some that are over: then the search for
/// the next pictures comes to the same sizes, whose memory is there already.
fn left(pictures: usize, going: usize) -> usize {
    let mut left = pictures;
    while going as f64 <= WORTH_LEAVING * left as f64 {
        left = (WORTH_LEAVING * left as f64) as usize;
    }
    left
}

/// The search for the captions of a picture.
struct Search {
    beam: Beam,
    /// How its streams go on, once it has begun and until it is over.
    next: Option<Advance>,
    over: bool,
}

impl Search {
    /// Reads the scores of all words after each stream, `[width, V]`.
    fn advance(&mut self, scores: &[f32]) {
        if !self.over {
            self.next = self.beam.advance(scores, Some(BOUNDARY), &[UNKNOWN]);
            self.over = self.next.is_none();
        }
    }
}

/// A caption of each of B pictures with these features, `[B, ..]`, drawn word by word, with a key for each.
pub(super) fn sample(
    model: &CaptionModel,
    features: &Tensor,
    sampling: &Sampling,
    keys: &[Key],
) -> Vec<Caption> {
    let mut sampler = Sampler::new(sampling.clone());
    let pass = Pass::evaluation(&model.params);
    let own: Vec<u32> = (0..keys.len() as u32).collect();
    let mut memory = model.network.begin(&pass, features, &own);
    let mut last = vec![BOUNDARY; keys.len()];
    let mut drawn = vec![(Vec::new(), 0.0); keys.len()];
    let mut going = vec![true; keys.len()];
    for number in 0..=model.card.max_length {
        let logits = model.network.step(&pass, &last, &mut memory).logits;
        let (classes, shares) = (logits.dim(1), logits.log_softmax());
        for stream in 0..keys.len() {
            if !going[stream] {
                continue;
            }
            let row = stream * classes..(stream + 1) * classes;
            let scores = &logits.data()[row.clone()];
            let (words, log_probability): &mut (Vec<u32>, f64) = &mut drawn[stream];
            let recent = &words[words.len().saturating_sub(RECENT)..];
            let word = sampler.draw(scores, recent, &[UNKNOWN], keys[stream], number as u64);
            words.push(word);
            *log_probability += f64::from(shares.data()[row][word as usize]);
            going[stream] = word != BOUNDARY;
            last[stream] = word;
        }
        if !going.contains(&true) {
            break;
        }
    }
    let each = drawn.into_iter();
    each.map(|(words, log_probability)| caption(model, &words, log_probability))
        .collect()
}

/// Where the model looks in a picture with these features, `[1, ..]`, as it writes these words, `[1, L]` for each and for the end;
/// nothing for models that do not look.
pub(super) fn looked(model: &CaptionModel, features: &Tensor, words: &[String]) -> Vec<Tensor> {
    let pass = Pass::evaluation(&model.params);
    let mut memory: Memory = model.network.begin(&pass, features, &[0]);
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

#[cfg(test)]
mod tests {
    use super::left;

    #[test]
    fn no_picture_that_goes_on_is_left_out() {
        for pictures in 1..200 {
            for going in 1..=pictures {
                let left = left(pictures, going);
                assert!(
                    (going..=pictures).contains(&left),
                    "{pictures} {going} {left}"
                );
                assert!(left == pictures || 4 * left <= 3 * pictures);
            }
        }
        assert_eq!(
            [97, 96, 70, 40].map(|going| left(128, going)),
            [128, 96, 72, 40]
        );
    }
}
