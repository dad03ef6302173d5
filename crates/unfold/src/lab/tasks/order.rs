//! Temporal order (Hochreiter and Schmidhuber 1997, experiments 6a and 6b).

use super::{Answers, Example, Split, Task, put, shortened, symbols};
use crate::random::Key;

/// In which order did X and Y come?
///
/// A sequence of T steps, T being the distance, begins with E, ends with B and has one of a, b, c, d at each step
/// between, but for two (6a) or three (6b) places where X or Y stands. The class is the series of those: one
/// of 4 or 8. The places are drawn from the shares of T that the paper has for T = 100.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// How many of X and Y there are: 2 or 3.
    pub marks: usize,
}

const NAMES: [&str; 8] = ["a", "b", "c", "d", "X", "Y", "E", "B"];
const OTHERS: usize = 4;
const X: usize = 4;
const BEGIN: usize = 6;
const END: usize = 7;

impl Order {
    /// First and last place of each mark in a sequence of 100 steps.
    fn places(&self) -> &'static [(usize, usize)] {
        match self.marks {
            2 => &[(10, 20), (50, 60)],
            _ => &[(10, 20), (33, 43), (66, 76)],
        }
    }
}

impl Task for Order {
    fn title(&self) -> String {
        let part = if self.marks == 2 { "6a" } else { "6b" };
        format!("Temporal order {part}")
    }

    fn about(&self) -> String {
        let count = if self.marks == 2 { "two" } else { "three" };
        format!(
            "Among letters without meaning stand {count} that are X or Y, far apart: which were they, in order? One \
             of {} classes (Hochreiter and Schmidhuber 1997). The distance is the length of the sequence; its last \
             letter asks.",
            self.outputs()
        )
    }

    fn features(&self) -> usize {
        NAMES.len()
    }

    fn outputs(&self) -> usize {
        1 << self.marks
    }

    fn nearest(&self) -> usize {
        10
    }

    fn steps(&self, distance: usize) -> usize {
        distance
    }

    fn chance(&self) -> f64 {
        1.0 / self.outputs() as f64
    }

    fn memoryless_loss(&self, _: usize) -> f64 {
        (self.outputs() as f64).ln()
    }

    fn example(&self, distance: usize, _: Split, key: Key) -> Example {
        let mut steps: Vec<usize> = (0..distance as u64).map(|t| key.below(t, OTHERS)).collect();
        (steps[0], steps[distance - 1]) = (BEGIN, END);
        let (places, kinds) = (key.named("places"), key.named("kinds"));
        let mut class = 0;
        for (i, &(first, last)) in self.places().iter().enumerate() {
            let (first, last) = (first * distance / 100, last * distance / 100);
            let place = first + places.below(i as u64, last - first + 1);
            let kind = kinds.below(i as u64, 2);
            steps[place] = X + kind;
            class = 2 * class + kind;
        }
        let mut inputs = vec![0.0; distance * NAMES.len()];
        for (t, &symbol) in steps.iter().enumerate() {
            put(&mut inputs, NAMES.len(), t, symbol);
        }
        Example {
            inputs,
            answers: Answers::Classes(vec![class as u32]),
        }
    }

    fn show(&self, example: &Example) -> String {
        let name = |&symbol: &usize| NAMES[symbol].to_owned();
        let steps = symbols(&example.inputs, NAMES.len());
        let marks = steps.iter().filter(|s| (X..BEGIN).contains(*s)).map(name);
        let marks: Vec<String> = marks.collect();
        let steps: Vec<String> = steps.iter().map(name).collect();
        format!("{} → {}", shortened(&steps, " "), marks.join(" then "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_is_the_order_of_the_marks() {
        for marks in [2, 3] {
            let task = Order { marks };
            let mut seen = vec![false; task.outputs()];
            for i in 0..300 {
                let distance = [10, 47, 100][i % 3];
                let example = task.example(distance, Split::Train, Key::new(i as u64));
                let steps = symbols(&example.inputs, task.features());
                assert_eq!(steps.len(), distance);
                assert_eq!((steps[0], steps[distance - 1]), (BEGIN, END));
                let kinds: Vec<usize> = steps
                    .iter()
                    .filter(|s| (X..BEGIN).contains(*s))
                    .map(|s| s - X)
                    .collect();
                assert_eq!(kinds.len(), marks);
                let class = kinds.iter().fold(0, |class, kind| 2 * class + kind);
                assert_eq!(example.answers, Answers::Classes(vec![class as u32]));
                seen[class] = true;
            }
            assert!(seen.iter().all(|&seen| seen));
        }
    }
}
