//! The adding problem (Hochreiter and Schmidhuber 1997).

use super::{Answers, Example, Split, Task, shortened};
use crate::random::Key;

/// The sum of two marked numbers.
///
/// A sequence of T steps, T being the distance, has a number in [0, 1) and a mark at each: 1 at one step of the
/// first half and one of the second, 0 elsewhere (as Arjovsky, Shah and Bengio 2016 have it). The answer is the
/// sum of the marked numbers. Who always says 1 has a mean squared error of 1/6.
#[derive(Clone, Copy, Debug)]
pub struct Adding;

/// An answer this near is right (Hochreiter and Schmidhuber 1997).
pub(in crate::lab) const NEAR: f64 = 0.04;

impl Task for Adding {
    fn title(&self) -> String {
        "The adding problem".into()
    }

    fn about(&self) -> String {
        format!(
            "Each step brings a number between 0 and 1; two of them are marked, one in each half. After the last \
             step: what is the sum of the two? An answer within {NEAR} is right (Hochreiter and Schmidhuber 1997). \
             The distance is the length of the sequence."
        )
    }

    fn features(&self) -> usize {
        2
    }

    fn outputs(&self) -> usize {
        1
    }

    fn nearest(&self) -> usize {
        2
    }

    fn steps(&self, distance: usize) -> usize {
        distance
    }

    fn chance(&self) -> f64 {
        // The sum of two uniform numbers has the density 1 - |s - 1|: the share within NEAR of 1.
        2.0 * NEAR - NEAR * NEAR
    }

    fn memoryless_loss(&self, _: usize) -> f64 {
        1.0 / 6.0
    }

    fn solved_loss(&self, _: usize) -> f64 {
        8e-5
    }

    fn example(&self, distance: usize, _: Split, key: Key) -> Example {
        let (marks, half) = (key.named("marks"), distance / 2);
        let marked = [marks.below(0, half), half + marks.below(1, distance - half)];
        let inputs: Vec<f32> = (0..distance)
            .flat_map(|t| {
                let mark = f32::from(u8::from(marked.contains(&t)));
                [key.uniform(t as u64) as f32, mark]
            })
            .collect();
        let sum = marked.iter().map(|t| inputs[2 * t]).sum();
        Example {
            inputs,
            answers: Answers::Numbers(vec![sum]),
        }
    }

    fn show(&self, example: &Example) -> String {
        let steps: Vec<String> = example
            .inputs
            .chunks_exact(2)
            .map(|step| format!("{:.2}{}", step[0], if step[1] > 0.0 { "*" } else { "" }))
            .collect();
        let Answers::Numbers(sum) = &example.answers else {
            unreachable!("the answer is a number")
        };
        format!("{} → {:.2}", shortened(&steps, " "), sum[0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_the_sum_of_the_marked() {
        for (i, distance) in [2, 3, 50, 51].into_iter().cycle().take(200).enumerate() {
            let example = Adding.example(distance, Split::Train, Key::new(i as u64));
            assert_eq!(example.inputs.len(), 2 * Adding.steps(distance));
            let marked: Vec<usize> = (0..distance)
                .filter(|t| example.inputs[2 * t + 1] == 1.0)
                .collect();
            assert_eq!(marked.len(), 2);
            assert!(marked[0] < distance / 2 && marked[1] >= distance / 2);
            let sum = example.inputs[2 * marked[0]] + example.inputs[2 * marked[1]];
            assert_eq!(example.answers, Answers::Numbers(vec![sum]));
        }
    }

    #[test]
    fn what_needs_no_memory_is_as_the_definition_says() {
        let (mut error, mut near, count) = (0.0, 0.0, 20_000);
        for i in 0..count {
            let example = Adding.example(2, Split::Test(0), Key::new(7).child(i));
            let Answers::Numbers(sum) = example.answers else {
                panic!("not a number")
            };
            let off = f64::from(sum[0]) - 1.0;
            error += off * off / count as f64;
            near += f64::from(u8::from(off.abs() < NEAR)) / count as f64;
        }
        assert!((error - Adding.memoryless_loss(2)).abs() < 0.01, "{error}");
        assert!((near - Adding.chance()).abs() < 0.01, "{near}");
    }
}
