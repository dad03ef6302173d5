//! Metrics that follow from how often each class was taken for each other.

use serde::{Deserialize, Serialize};

/// How often each true class (row) was predicted as each class (column).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

/// How well one class is recognised. What is undefined, such as the precision of a class that was
/// never predicted, is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The part of its predictions that are right.
    pub precision: f64,
    /// The part of its examples that are found.
    pub recall: f64,
    /// The harmonic mean of precision and recall.
    pub f1: f64,
    /// How many examples it has.
    pub support: u64,
}

/// Precision, recall and F1 over all classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Averages {
    /// Mean (or pooled) precision.
    pub precision: f64,
    /// Mean (or pooled) recall.
    pub recall: f64,
    /// Mean (or pooled) F1.
    pub f1: f64,
}

impl Confusion {
    /// Nothing counted yet.
    pub fn new(classes: usize) -> Confusion {
        Confusion {
            classes,
            counts: vec![0; classes * classes],
        }
    }

    /// Counts pairs of a true and a predicted class.
    ///
    /// # Panics
    /// When a class is not below `classes`.
    pub fn of(classes: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Confusion {
        let mut confusion = Confusion::new(classes);
        pairs
            .into_iter()
            .for_each(|(truth, predicted)| confusion.add(truth, predicted));
        confusion
    }

    /// Counts one example.
    ///
    /// # Panics
    /// When a class is not below the number of classes.
    pub fn add(&mut self, truth: usize, predicted: usize) {
        let classes = self.classes;
        assert!(
            truth < classes && predicted < classes,
            "confusion: expected classes below {classes}, got {truth} and {predicted}"
        );
        self.counts[truth * classes + predicted] += 1;
    }

    /// How many classes there are.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How often the class `truth` was predicted as `predicted`.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.counts[truth * self.classes + predicted]
    }

    /// How many examples were counted.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The part that is right; 0 of nothing.
    pub fn accuracy(&self) -> f64 {
        ratio(self.correct(), self.total())
    }

    /// Each class against the others.
    pub fn per_class(&self) -> Vec<Scores> {
        (0..self.classes).map(|class| self.binary(class)).collect()
    }

    /// One class, the positive one, against the others.
    pub fn binary(&self, positive: usize) -> Scores {
        let right = self.count(positive, positive);
        let support: u64 = (0..self.classes)
            .map(|class| self.count(positive, class))
            .sum();
        let predicted: u64 = (0..self.classes)
            .map(|class| self.count(class, positive))
            .sum();
        Scores {
            precision: ratio(right, predicted),
            recall: ratio(right, support),
            f1: ratio(2 * right, support + predicted),
            support,
        }
    }

    /// The mean over the classes that have examples or were predicted.
    pub fn macro_average(&self) -> Averages {
        let appears = |class: &usize| {
            (0..self.classes).any(|other| self.count(*class, other) + self.count(other, *class) > 0)
        };
        let scores: Vec<Scores> = (0..self.classes)
            .filter(appears)
            .map(|class| self.binary(class))
            .collect();
        let mean = |value: fn(&Scores) -> f64| {
            scores.iter().map(value).sum::<f64>() / scores.len().max(1) as f64
        };
        Averages {
            precision: mean(|s| s.precision),
            recall: mean(|s| s.recall),
            f1: mean(|s| s.f1),
        }
    }

    /// All examples pooled; with one label an example each of the three is the accuracy.
    pub fn micro_average(&self) -> Averages {
        let accuracy = self.accuracy();
        Averages {
            precision: accuracy,
            recall: accuracy,
            f1: accuracy,
        }
    }

    /// The mean F1 over the classes.
    pub fn macro_f1(&self) -> f64 {
        self.macro_average().f1
    }

    /// F1 of all examples pooled.
    pub fn micro_f1(&self) -> f64 {
        self.micro_average().f1
    }

    fn correct(&self) -> u64 {
        (0..self.classes)
            .map(|class| self.count(class, class))
            .sum()
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
