//! The accuracy of the VQA challenge (Antol et al. 2015; Goyal et al. 2017), as its evaluation computes it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::contractions;

/// So many other people must have given an answer for it to count as right.
const ENOUGH: f64 = 3.0;

/// What is taken out of an answer, or becomes a space.
const PUNCTUATION: [char; 21] = [
    ';', '/', '[', ']', '"', '{', '}', '(', ')', '=', '+', '\\', '_', '-', '>', '<', '@', '`', ',',
    '?', '!',
];

/// So many periods are taken out of an answer: the evaluation gives the number of a flag where one of a count belongs.
const MOST_PERIODS: usize = 32;

const ARTICLES: [&str; 3] = ["a", "an", "the"];

const NUMBERS: [(&str, &str); 12] = [
    ("none", "0"),
    ("zero", "0"),
    ("one", "1"),
    ("two", "2"),
    ("three", "3"),
    ("four", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("nine", "9"),
    ("ten", "10"),
];

/// An answer in the form in which the VQA challenge compares answers that people disagree on: lower case, without articles
/// and most punctuation, numbers up to ten as digits, and contractions with their apostrophes.
///
/// ```
/// use unfold::metrics::normalise_answer;
/// assert_eq!(normalise_answer("The T-shirt, dont you see?"), "t shirt don't you see");
/// assert_eq!(normalise_answer("Two a.m."), "2 am");
/// ```
pub fn normalise_answer(answer: &str) -> String {
    let plain = without_periods(&without_punctuation(answer)).to_lowercase();
    let words = plain.split(is_space).filter(|word| !word.is_empty());
    let words = words.map(|word| {
        let number = NUMBERS.iter().find(|(name, _)| *name == word);
        number.map_or(word, |(_, digits)| digits)
    });
    let words = words.filter(|word| !ARTICLES.contains(word));
    let words: Vec<&str> = words.map(contractions::expand).collect();
    words.join(" ")
}

/// Each mark of punctuation becomes a space, but all marks of a kind go without one where any of them stands beside a
/// space, and all of any kind where there is a number such as 1,000.
fn without_punctuation(answer: &str) -> String {
    let digit = |at: usize| answer.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
    let grouped = answer
        .match_indices(',')
        .any(|(at, _)| at > 0 && digit(at - 1) && digit(at + 1));
    let loose = PUNCTUATION.map(|mark| {
        grouped || answer.contains(&format!("{mark} ")) || answer.contains(&format!(" {mark}"))
    });
    let kept = |letter: char| match PUNCTUATION.iter().position(|&mark| mark == letter) {
        None => Some(letter),
        Some(mark) => (!loose[mark]).then_some(' '),
    };
    answer.chars().filter_map(kept).collect()
}

/// Takes out the periods that no digit follows.
fn without_periods(answer: &str) -> String {
    let mut letters = answer.chars().peekable();
    let (mut out, mut taken) = (String::with_capacity(answer.len()), 0);
    while let Some(letter) = letters.next() {
        let decimal = letters.peek().is_some_and(char::is_ascii_digit);
        if letter == '.' && !decimal && taken < MOST_PERIODS {
            taken += 1;
        } else {
            out.push(letter);
        }
    }
    out
}

/// White space as Python knows it.
fn is_space(letter: char) -> bool {
    letter.is_whitespace() || ('\x1c'..='\x1f').contains(&letter)
}

/// How right an answer is, in 0..=1: the mean over the people of `min(1, n / 3)`, where n of the *other* people gave that
/// answer. Answers are compared as they are where all people agree, and else in the form of [`normalise_answer`].
///
/// Where a single answer is known there are no others, and the result is 1 or 0 for the same answer or another one; the
/// challenge itself always has ten.
pub fn vqa_accuracy<S: AsRef<str>>(answer: &str, people: &[S]) -> f64 {
    let tidy = |text: &str| {
        text.replace(['\n', '\t'], " ")
            .trim_matches(is_space)
            .to_owned()
    };
    let mut answer = tidy(answer);
    let mut people: Vec<String> = people.iter().map(|one| tidy(one.as_ref())).collect();
    if let [one] = &people[..] {
        return f64::from(*one == answer);
    }
    if people.iter().any(|one| *one != people[0]) {
        answer = normalise_answer(&answer);
        people
            .iter_mut()
            .for_each(|one| *one = normalise_answer(one));
    }
    let matches = people.iter().filter(|one| **one == answer).count();
    let of_others = |one: &String| matches - usize::from(*one == answer);
    let sum: f64 = people
        .iter()
        .map(|one| (of_others(one) as f64 / ENOUGH).min(1.0))
        .sum();
    sum / people.len().max(1) as f64
}

/// An answer to be scored, and what people said.
#[derive(Clone, Debug)]
pub struct Answered<'a> {
    /// The answer to be scored.
    pub answer: &'a str,
    /// The answers that people gave.
    pub people: &'a [String],
    /// How the question begins, as the data sorts questions.
    pub question_type: Option<&'a str>,
    /// What kind of answer it asks for, as the data sorts them.
    pub answer_type: Option<&'a str>,
}

/// How good answers to questions are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VqaScores {
    /// The mean of [`vqa_accuracy`], in 0..=1; 0 of nothing.
    pub accuracy: f64,
    /// The same for each type of question, rounded to four decimals: the official evaluation's percent with two.
    pub by_question_type: BTreeMap<String, f64>,
    /// The same for each type of answer, rounded so too.
    pub by_answer_type: BTreeMap<String, f64>,
}

impl VqaScores {
    /// Scores a set of answers.
    pub fn of<'a>(answers: impl IntoIterator<Item = Answered<'a>>) -> VqaScores {
        let mut all = Mean::default();
        let mut question_types: BTreeMap<String, Mean> = BTreeMap::new();
        let mut answer_types: BTreeMap<String, Mean> = BTreeMap::new();
        for one in answers {
            let accuracy = vqa_accuracy(one.answer, one.people);
            all.add(accuracy);
            for (types, name) in [
                (&mut question_types, one.question_type),
                (&mut answer_types, one.answer_type),
            ] {
                if let Some(name) = name {
                    types.entry(name.to_owned()).or_default().add(accuracy);
                }
            }
        }
        let rounded = |types: BTreeMap<String, Mean>| {
            let rounded = types.into_iter().map(|(name, mean)| (name, mean.rounded()));
            rounded.collect()
        };
        VqaScores {
            accuracy: all.sum / all.count.max(1.0),
            by_question_type: rounded(question_types),
            by_answer_type: rounded(answer_types),
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1.0;
    }

    /// To four decimals: the digits of the percentage decide, as in the official evaluation, so they are written and read.
    fn rounded(self) -> f64 {
        let written = format!("{:.2}e-2", 100.0 * self.sum / self.count);
        written.parse().unwrap_or(0.0)
    }
}
