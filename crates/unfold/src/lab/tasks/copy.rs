//! Copy memory (Hochreiter and Schmidhuber 1997; in this form Arjovsky, Shah and Bengio 2016).

use super::{Answers, Example, Split, Task, put, shortened, symbols};
use crate::random::Key;

/// Ten symbols, to be repeated after a pause.
///
/// A sequence of T + 20 steps, T being the distance, has ten of eight symbols, T - 1 blanks, a sign, and ten
/// blanks, under which the symbols are to be repeated in order. Before that the answer is the blank; the loss
/// is the mean over all steps. Who remembers nothing has a cross-entropy of 10 ln 8 / (T + 20).
#[derive(Clone, Copy, Debug)]
pub struct Copying;

const SYMBOLS: usize = 8;
const COPIED: usize = 10;
const BLANK: usize = SYMBOLS;
const SIGN: usize = SYMBOLS + 1;

impl Task for Copying {
    fn title(&self) -> String {
        "Copy memory".into()
    }

    fn about(&self) -> String {
        format!(
            "{COPIED} symbols out of {SYMBOLS}, then a pause, then a sign: repeat the symbols in order (Hochreiter \
             and Schmidhuber 1997; Arjovsky, Shah and Bengio 2016). Accuracy is the share of repeated symbols that \
             are right. The distance is the length of the pause: from a symbol to its repetition it is {COPIED} \
             steps more."
        )
    }

    fn features(&self) -> usize {
        SYMBOLS + 2
    }

    fn outputs(&self) -> usize {
        SYMBOLS + 1
    }

    fn nearest(&self) -> usize {
        1
    }

    fn steps(&self, distance: usize) -> usize {
        distance + 2 * COPIED
    }

    fn remembered(&self) -> usize {
        COPIED
    }

    fn chance(&self) -> f64 {
        1.0 / SYMBOLS as f64
    }

    fn memoryless_loss(&self, distance: usize) -> f64 {
        COPIED as f64 * (SYMBOLS as f64).ln() / self.steps(distance) as f64
    }

    fn solved_loss(&self, distance: usize) -> f64 {
        0.05 * self.memoryless_loss(distance)
    }

    fn example(&self, distance: usize, _: Split, key: Key) -> Example {
        let steps = self.steps(distance);
        let copied: Vec<usize> = (0..COPIED as u64).map(|i| key.below(i, SYMBOLS)).collect();
        let mut inputs = vec![0.0; steps * self.features()];
        for t in 0..steps {
            let symbol = match t {
                t if t < COPIED => copied[t],
                t if t == steps - COPIED - 1 => SIGN,
                _ => BLANK,
            };
            put(&mut inputs, self.features(), t, symbol);
        }
        let blanks = std::iter::repeat_n(BLANK, steps - COPIED);
        let answers = blanks.chain(copied).map(|symbol| symbol as u32);
        Example {
            inputs,
            answers: Answers::Classes(answers.collect()),
        }
    }

    fn show(&self, example: &Example) -> String {
        let name = |symbol: usize| match symbol {
            BLANK => "·".to_owned(),
            SIGN => "?".to_owned(),
            symbol => char::from(b'a' + symbol as u8).to_string(),
        };
        let Answers::Classes(answers) = &example.answers else {
            unreachable!("the answers are symbols")
        };
        let steps = symbols(&example.inputs, self.features());
        let steps: Vec<String> = steps.into_iter().map(name).collect();
        let copied = &answers[answers.len() - COPIED..];
        let copied: Vec<String> = copied.iter().map(|&s| name(s as usize)).collect();
        format!("{} → {}", shortened(&steps, " "), copied.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_symbols_come_again_at_the_end() {
        for distance in [1, 2, 37] {
            let example = Copying.example(distance, Split::Train, Key::new(distance as u64));
            let steps = symbols(&example.inputs, Copying.features());
            let Answers::Classes(answers) = example.answers else {
                panic!("no classes")
            };
            assert_eq!(steps.len(), distance + 20);
            assert_eq!(answers.len(), steps.len());
            let sign = steps.iter().position(|&s| s == SIGN).unwrap();
            assert_eq!(sign, 10 + distance - 1);
            assert!(steps[..10].iter().all(|&s| s < SYMBOLS));
            assert!(steps[10..sign].iter().all(|&s| s == BLANK));
            assert!(steps[sign + 1..].iter().all(|&s| s == BLANK));
            assert!(answers[..=sign].iter().all(|&s| s as usize == BLANK));
            for i in 0..10 {
                assert_eq!(answers[sign + 1 + i] as usize, steps[i]);
            }
        }
        assert!((Copying.memoryless_loss(1000) - 0.0204).abs() < 5e-5);
    }
}
