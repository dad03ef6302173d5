//! Pictures pixel by pixel (Le, Jaitly and Hinton 2015).

use std::sync::Arc;

use super::{Answers, Example, Split, Task};
use crate::data::{GreyPictures, Mnist};
use crate::error::{Error, Result};
use crate::random::Key;

/// MNIST, one pixel a step, row by row or in one order drawn for all.
///
/// The distance is the number of pixels, T: 784, or 196 or 49 where blocks of 2 x 2 or 4 x 4 pixels are taken
/// together as their mean. The answer after the last pixel is the digit.
#[derive(Clone, Debug)]
pub struct Pixels {
    mnist: Arc<Mnist>,
    /// Decides the order of the pixels; row by row without.
    order: Option<Key>,
    /// The order in which test pictures are taken, so that any number of them are of all kinds.
    tests: Vec<usize>,
}

/// Pixels in each direction of the pictures that are read.
const SIDE: usize = 28;
const CLASSES: usize = 10;

impl Pixels {
    /// The distances there are.
    pub const DISTANCES: [usize; 3] = [49, 196, 784];

    /// The task of these pictures, in the order that `order` decides, row by row without.
    ///
    /// # Errors
    /// When they are not 28 x 28 pixels of 10 classes.
    pub fn new(mnist: Arc<Mnist>, order: Option<Key>) -> Result<Pixels> {
        for pictures in [&mnist.train, &mnist.test] {
            let (height, width) = (pictures.height, pictures.width);
            let problem = match pictures.labels.iter().max() {
                _ if (height, width) != (SIDE, SIDE) => format!("are {height} x {width}"),
                Some(&class) if class as usize >= CLASSES => format!("have a class {class}"),
                _ => continue,
            };
            return Err(Error::data(
                "--mnist",
                format!("the pictures {problem}"),
                format!(
                    "give pictures of {SIDE} x {SIDE} pixels with classes 0 to {}",
                    CLASSES - 1
                ),
            ));
        }
        let tests = Key::new(0).permutation(mnist.test.labels.len());
        Ok(Pixels {
            mnist,
            order,
            tests,
        })
    }

    /// The pictures of a split, and which of them is meant.
    fn picture(&self, split: Split, key: Key) -> (&GreyPictures, usize) {
        let Mnist { train, test } = &*self.mnist;
        match split {
            Split::Train => (train, key.below(0, train.labels.len())),
            Split::Test(number) => (test, self.tests[number as usize % self.tests.len()]),
        }
    }
}

impl Task for Pixels {
    fn title(&self) -> String {
        let kind = if self.order.is_some() {
            "Permuted"
        } else {
            "Sequential"
        };
        format!("{kind} MNIST")
    }

    fn about(&self) -> String {
        let order = match self.order {
            Some(_) => "in an order without meaning, the same for all",
            None => "row by row",
        };
        format!(
            "A picture of a digit, one pixel a step, {order}: which digit was it (Le, Jaitly and Hinton 2015)? The \
             distance is the number of pixels: with fewer than 784, each is the mean of a block. No test picture counts              twice."
        )
    }

    fn unit(&self) -> &'static str {
        "pixels"
    }

    fn features(&self) -> usize {
        1
    }

    fn outputs(&self) -> usize {
        CLASSES
    }

    fn nearest(&self) -> usize {
        Self::DISTANCES[0]
    }

    fn tests(&self) -> Option<usize> {
        Some(self.tests.len())
    }

    fn steps(&self, distance: usize) -> usize {
        distance
    }

    fn chance(&self) -> f64 {
        1.0 / CLASSES as f64
    }

    fn memoryless_loss(&self, _: usize) -> f64 {
        (CLASSES as f64).ln()
    }

    fn example(&self, distance: usize, split: Split, key: Key) -> Example {
        let (pictures, picture) = self.picture(split, key);
        let pixels = &pictures.pixels[picture * SIDE * SIDE..][..SIDE * SIDE];
        let side = distance.isqrt();
        let block = SIDE / side;
        let mean = |place: usize| {
            let (top, left) = (place / side * block, place % side * block);
            let rows = (top..top + block).map(|y| &pixels[y * SIDE + left..][..block]);
            let sum: u32 = rows.flatten().map(|&pixel| u32::from(pixel)).sum();
            sum as f32 / (255 * block * block) as f32
        };
        let inputs = match self.order {
            None => (0..distance).map(mean).collect(),
            Some(order) => order.permutation(distance).into_iter().map(mean).collect(),
        };
        Example {
            inputs,
            answers: Answers::Classes(vec![pictures.labels[picture].into()]),
        }
    }

    fn show(&self, example: &Example) -> String {
        let Answers::Classes(answer) = &example.answers else {
            unreachable!("the answer is a digit")
        };
        let steps: Vec<String> = example.inputs.iter().map(|x| format!("{x:.2}")).collect();
        format!("{} → {}", super::shortened(&steps, " "), answer[0])
    }
}

#[cfg(test)]
mod tests {
    use super::super::Batch;
    use super::*;

    fn pictures(side: usize, labels: &[u8]) -> GreyPictures {
        let pixel = |i: usize| (i % 251) as u8;
        GreyPictures {
            height: side,
            width: side,
            pixels: (0..labels.len() * side * side).map(pixel).collect(),
            labels: labels.to_vec(),
        }
    }

    fn mnist(side: usize, labels: &[u8]) -> Arc<Mnist> {
        Arc::new(Mnist {
            train: pictures(side, labels),
            test: pictures(side, labels),
        })
    }

    #[test]
    fn small_pictures_are_means_and_permutations_lose_nothing() {
        let plain = Pixels::new(mnist(28, &[3, 7]), None).unwrap();
        let mixed = Pixels::new(mnist(28, &[3, 7]), Some(Key::new(9))).unwrap();
        let key = Key::new(1);
        let whole = plain.example(784, Split::Test(0), key);
        let block = |example: &Example, y: usize, x: usize, n: usize| -> f32 {
            let pixels = (0..n * n).map(|i| example.inputs[(y * n + i / n) * 28 + x * n + i % n]);
            pixels.sum::<f32>() / (n * n) as f32
        };
        for (distance, n) in [(49, 4), (196, 2), (784, 1)] {
            let example = plain.example(distance, Split::Test(0), key);
            assert_eq!(example.answers, whole.answers);
            let side = 28 / n;
            for (i, pixel) in example.inputs.iter().enumerate() {
                assert!((pixel - block(&whole, i / side, i % side, n)).abs() < 1e-5);
            }
            let mut permuted = mixed.example(distance, Split::Test(0), key).inputs;
            assert_ne!(permuted, example.inputs);
            let mut sorted = example.inputs;
            permuted.sort_by(f32::total_cmp);
            sorted.sort_by(f32::total_cmp);
            assert_eq!(permuted, sorted);
        }
    }

    #[test]
    fn every_test_picture_is_taken_once() {
        let labels = [0, 1, 2, 3, 4, 5, 6, 7];
        let task = Pixels::new(mnist(28, &labels), None).unwrap();
        let batch = |first, size| {
            let batch = Batch::new(&task, 49, size, Split::Test(first), Key::new(first));
            let Answers::Classes(answers) = batch.answers else {
                unreachable!("the answer is a digit")
            };
            answers
        };
        let mut all = [batch(0, 5), batch(5, 3)].concat();
        all.sort();
        assert_eq!(all, labels.map(u32::from));
    }

    #[test]
    fn other_pictures_are_refused() {
        let said = |side, labels: &[u8]| {
            Pixels::new(mnist(side, labels), None)
                .unwrap_err()
                .to_string()
        };
        assert!(said(27, &[1]).contains("27 x 27"));
        assert!(said(28, &[1, 10]).contains("a class 10"));
    }
}
