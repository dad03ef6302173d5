//! Texts as numbers, and batches of them.

use super::config::{ModelConfig, Weighting};
use crate::data::Encoder;
use crate::ragged::{Packed, pack};
use crate::random::Key;

/// The id that stands for an unknown word.
const UNKNOWN: u32 = 1;

/// One text as numbers.
#[derive(Clone, Debug)]
pub(super) enum Encoded {
    /// Features and their weights.
    Bag(Vec<(u32, f32)>),
    /// Word by word; never empty.
    Sequence(Vec<u32>),
}

/// A batch of texts as a network takes it.
pub(super) enum Input {
    /// For feed-forward networks.
    Bags(Bags),
    /// For convolutional and recurrent networks. The rows of the result are in its order.
    Sequences(Packed<u32>),
}

/// Weighted features: those of text b are `offsets[b]..offsets[b + 1]`.
pub(super) struct Bags {
    pub(super) ids: Vec<u32>,
    pub(super) weights: Vec<f32>,
    pub(super) offsets: Vec<usize>,
}

impl Input {
    /// Which of the given texts each row of the network's result belongs to.
    pub(super) fn order(&self) -> Vec<usize> {
        match self {
            Input::Bags(bags) => (0..bags.offsets.len() - 1).collect(),
            Input::Sequences(packed) => packed.order.clone(),
        }
    }
}

/// How much each text's length counts when batches are gathered: texts of like length go
/// together where steps cost time.
impl Encoded {
    pub(super) fn len(&self) -> usize {
        match self {
            Encoded::Bag(_) => 1,
            Encoded::Sequence(ids) => ids.len(),
        }
    }
}

/// Encodes texts in the form that the network takes, on all cores.
pub(super) fn encode<S: AsRef<str> + Sync>(
    texts: &[S],
    encoder: &Encoder,
    config: &ModelConfig,
) -> Vec<Encoded> {
    match config {
        ModelConfig::Bag(bag) => {
            let bags = encoder.encode_all_bags(texts).into_iter();
            bags.map(|ids| Encoded::Bag(weigh(ids, encoder.idf(), bag.weighting)))
                .collect()
        }
        _ => {
            let sequences = encoder.encode_all(texts).into_iter();
            sequences.map(Encoded::Sequence).collect()
        }
    }
}

/// The features of a text, each once, with its weight.
fn weigh(mut ids: Vec<u32>, idf: &[f32], weighting: Weighting) -> Vec<(u32, f32)> {
    ids.sort_unstable();
    let mut features: Vec<(u32, f32)> = ids
        .chunk_by(|a, b| a == b)
        .map(|same| (same[0], same.len() as f32))
        .collect();
    let scale = match weighting {
        Weighting::Mean => features.iter().map(|f| f.1).sum::<f32>(),
        Weighting::TfIdf => {
            for (id, weight) in &mut features {
                *weight = (1.0 + weight.ln()) * idf[*id as usize];
            }
            features.iter().map(|f| f.1 * f.1).sum::<f32>().sqrt()
        }
    };
    if scale > 0.0 {
        for (_, weight) in &mut features {
            *weight /= scale;
        }
    }
    features
}

/// Puts encoded texts together. With a key, leaves out the share `dropout` of their features or
/// words at random: features vanish (the others count more), words become unknown.
pub(super) fn assemble(texts: &[&Encoded], dropout: f64, key: Option<Key>) -> Input {
    let key = key.filter(|_| dropout > 0.0);
    let drops = |text: usize, i: usize| {
        key.is_some_and(|key| key.child(text as u64).uniform(i as u64) < dropout)
    };
    let bagged = matches!(texts.first(), Some(Encoded::Bag(_)));
    if !bagged {
        let sequences: Vec<Vec<u32>> = texts
            .iter()
            .enumerate()
            .map(|(b, text)| {
                let Encoded::Sequence(ids) = text else {
                    unreachable!("one batch, one form");
                };
                let word = |(i, &id)| if drops(b, i) { UNKNOWN } else { id };
                ids.iter().enumerate().map(word).collect()
            })
            .collect();
        let views: Vec<&[u32]> = sequences.iter().map(Vec::as_slice).collect();
        return Input::Sequences(pack(&views));
    }
    let mut bags = Bags {
        ids: Vec::new(),
        weights: Vec::new(),
        offsets: vec![0],
    };
    let kept = if key.is_some() {
        1.0 / (1.0 - dropout) as f32
    } else {
        1.0
    };
    for (b, text) in texts.iter().enumerate() {
        let Encoded::Bag(features) = text else {
            unreachable!("one batch, one form");
        };
        for (i, &(id, weight)) in features.iter().enumerate() {
            if !drops(b, i) {
                bags.ids.push(id);
                bags.weights.push(weight * kept);
            }
        }
        bags.offsets.push(bags.ids.len());
    }
    Input::Bags(bags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_words_become_unknown_and_dropped_features_vanish() {
        let words = Encoded::Sequence(vec![5; 1000]);
        let Input::Sequences(packed) = assemble(&[&words], 0.3, Some(Key::new(1))) else {
            panic!("expected sequences");
        };
        let unknown = packed.items.iter().filter(|&&id| id == UNKNOWN).count();
        assert!((200..400).contains(&unknown), "{unknown}");
        let features = Encoded::Bag((0..1000).map(|id| (id, 0.7)).collect());
        let Input::Bags(bags) = assemble(&[&features, &features], 0.3, Some(Key::new(1))) else {
            panic!("expected bags");
        };
        assert!((600..800).contains(&bags.offsets[1]), "{:?}", bags.offsets);
        assert!((bags.weights[0] - 1.0).abs() < 1e-6);
        let Input::Bags(bags) = assemble(&[&features], 0.3, None) else {
            panic!("expected bags");
        };
        assert_eq!((bags.offsets[1], bags.weights[0]), (1000, 0.7));
    }
}
