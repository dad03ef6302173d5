//! A page of sentences and a question about one of them.

use super::{Answers, Example, Split, Task, put, symbols};
use crate::random::Key;

/// Who joined the class?
///
/// A page has some sentences, the fact ("ana joined the class ."), more sentences, and the question ("who joined
/// the class ?"), whose answer is one of the names. The distance is the number of words between fact and
/// question, full stops among them. The other sentences name the same people: some leave the class, some read a
/// book. So a name must be kept until the verb tells whether it matters, and then for the whole distance.
#[derive(Clone, Copy, Debug)]
pub struct Question;

const NAMES: [&str; 8] = ["ana", "ben", "chi", "dan", "eva", "finn", "gina", "hugo"];
/// The vocabulary after the names.
const WORDS: [&str; 20] = [
    ".", "?", "who", "joined", "left", "the", "class", "slept", "smiled", "waited", "sang", "saw",
    "called", "read", "found", "drew", "book", "map", "house", "bird",
];
/// Words before the fact.
const LEAD: usize = 12;
/// Words of the fact, and of the question.
const SENTENCE: usize = 5;
/// Words of the shortest sentence.
const SHORTEST: usize = 3;

/// The number of a word.
fn id(word: &str) -> usize {
    let all = NAMES.iter().chain(&WORDS);
    let mut found = all.enumerate().filter(|(_, known)| **known == word);
    found.next().expect("a known word").0
}

/// Draws one after the other.
struct Draws {
    key: Key,
    drawn: u64,
}

impl Draws {
    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        self.drawn += 1;
        of[self.key.below(self.drawn, of.len())]
    }

    fn length(&mut self, of: &[usize]) -> usize {
        self.drawn += 1;
        of[self.key.below(self.drawn, of.len())]
    }

    /// A sentence of 3, 4 or 5 words, with its full stop, in which nobody joins.
    fn sentence(&mut self, length: usize, page: &mut Vec<&str>) {
        page.push(self.one(&NAMES));
        match length {
            3 => page.push(self.one(&["slept", "smiled", "waited", "sang"])),
            4 => {
                page.push(self.one(&["saw", "called"]));
                page.push(self.one(&NAMES));
            }
            _ => match self.one(&["left", "other"]) {
                "left" => page.extend(["left", "the", "class"]),
                _ => {
                    page.push(self.one(&["read", "found", "drew", "saw"]));
                    page.push("the");
                    page.push(self.one(&["book", "map", "house", "bird"]));
                }
            },
        }
        page.push(".");
    }

    /// Sentences of `words` words in all.
    fn sentences(&mut self, mut words: usize, page: &mut Vec<&str>) {
        while words > 0 {
            let fits = |length: &usize| *length == words || *length + SHORTEST <= words;
            let lengths: Vec<usize> = [3, 4, 5].into_iter().filter(fits).collect();
            let length = self.length(&lengths);
            self.sentence(length, page);
            words -= length;
        }
    }
}

impl Question {
    /// The words of a page.
    pub fn words(&self, example: &Example) -> Vec<&'static str> {
        let all: Vec<&str> = NAMES.into_iter().chain(WORDS).collect();
        let ids = symbols(&example.inputs, self.features());
        ids.into_iter().map(|id| all[id]).collect()
    }
}

impl Task for Question {
    fn title(&self) -> String {
        "Who joined the class?".into()
    }

    fn about(&self) -> String {
        format!(
            "A page of simple sentences: one of {} people joins the class, the others leave it, read a book, meet each \
             other. At the end: who joined the class? The distance is the number of words between the fact and the \
             question.",
            NAMES.len()
        )
    }

    fn unit(&self) -> &'static str {
        "words"
    }

    fn features(&self) -> usize {
        NAMES.len() + WORDS.len()
    }

    fn outputs(&self) -> usize {
        NAMES.len()
    }

    fn nearest(&self) -> usize {
        SHORTEST
    }

    fn steps(&self, distance: usize) -> usize {
        LEAD + SENTENCE + distance + SENTENCE
    }

    fn chance(&self) -> f64 {
        1.0 / NAMES.len() as f64
    }

    fn memoryless_loss(&self, _: usize) -> f64 {
        (NAMES.len() as f64).ln()
    }

    fn example(&self, distance: usize, _: Split, key: Key) -> Example {
        let mut draws = Draws { key, drawn: 0 };
        let mut page = Vec::with_capacity(self.steps(distance));
        draws.sentences(LEAD, &mut page);
        let name = draws.one(&NAMES);
        page.extend([name, "joined", "the", "class", "."]);
        draws.sentences(distance, &mut page);
        page.extend(["who", "joined", "the", "class", "?"]);
        let mut inputs = vec![0.0; page.len() * self.features()];
        for (t, word) in page.iter().enumerate() {
            put(&mut inputs, self.features(), t, id(word));
        }
        Example {
            inputs,
            answers: Answers::Classes(vec![id(name) as u32]),
        }
    }

    fn show(&self, example: &Example) -> String {
        let Answers::Classes(answer) = &example.answers else {
            unreachable!("the answer is a name")
        };
        format!(
            "{} → {}",
            self.words(example).join(" "),
            NAMES[answer[0] as usize]
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_who_joined_at_that_distance() {
        let mut seen = [false; NAMES.len()];
        for i in 0..200 {
            let distance = [3, 4, 5, 6, 7, 100][i % 6];
            let example = Question.example(distance, Split::Train, Key::new(i as u64));
            let page = Question.words(&example);
            assert_eq!(page.len(), Question.steps(distance));
            let joined: Vec<usize> = (0..page.len()).filter(|&t| page[t] == "joined").collect();
            let [fact, question] = joined[..] else {
                panic!("{page:?}")
            };
            assert_eq!(page[question - 1..], ["who", "joined", "the", "class", "?"]);
            assert_eq!(page[fact..fact + 4], ["joined", "the", "class", "."]);
            assert_eq!(question - 1 - (fact + 4), distance);
            let Answers::Classes(answer) = example.answers else {
                panic!("no class")
            };
            assert_eq!(NAMES[answer[0] as usize], page[fact - 1]);
            seen[answer[0] as usize] = true;
        }
        assert!(seen.iter().all(|&seen| seen));
    }

    #[test]
    fn every_word_has_its_number() {
        for (i, word) in NAMES.iter().chain(&WORDS).enumerate() {
            assert_eq!(id(word), i);
        }
    }
}
