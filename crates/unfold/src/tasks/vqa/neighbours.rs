//! The pictures nearest to the one that a question is about, and to which of them another answer is right.

use std::collections::{HashMap, HashSet};

use super::questions::Questions;
use crate::data::{QuestionSet, question_words};
use crate::error::Result;
use crate::random::Key;
use crate::tasks::encoder::Gallery;
use crate::tensor::Tensor;

/// Pictures that are read, and compared with all others, at a time.
const TOGETHER: usize = 64;

/// A picture near the one that a question is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) picture: usize,
    /// Whether the question was asked of it as well, and has another answer there.
    pub(super) counter: bool,
}

/// The nearest pictures of each question, for those questions where they tell something.
pub(super) struct Neighbours {
    /// By place among the questions, nearest first; empty where none or all of them are counter-examples.
    examples: Vec<Vec<Example>>,
}

impl Neighbours {
    /// The `most` nearest pictures of each question: those of which the same question was asked, then, as in the data of the VQA
    /// challenge where it was asked of two, others, of which none is taken for a counter-example.
    /// `watch` is told the share that is done.
    ///
    /// # Errors
    /// When a picture cannot be read any more.
    pub(super) fn of(
        set: &QuestionSet,
        questions: &Questions,
        gallery: &Gallery,
        most: usize,
        watch: &mut dyn FnMut(f64),
    ) -> Result<Neighbours> {
        let asked = Asked::of(set, questions);
        let shown = gallery.shown();
        let mut examples = vec![Vec::new(); questions.len()];
        let mut about = HashMap::<usize, Vec<usize>>::new();
        for (question, group) in asked.group.iter().enumerate() {
            if let (Some(picture), Some(_)) = (questions.all[question].picture, group) {
                about.entry(picture).or_default().push(question);
            }
        }
        let like = Likeness::of(&shown, gallery)?;
        let pictures: Vec<usize> = (0..shown.len())
            .filter(|&place| about.contains_key(&shown[place]))
            .collect();
        for (number, some) in pictures.chunks(TOGETHER).enumerate() {
            watch((number * TOGETHER) as f64 / pictures.len() as f64);
            let ids: Vec<u32> = some.iter().map(|&place| place as u32).collect();
            let distances = like.distances(&like.rows.gather(&ids));
            for (&place, distances) in some.iter().zip(distances) {
                let nearest = nearest(&distances).into_iter();
                let others = nearest.filter(|&other| other != place);
                let others: Vec<usize> = others.map(|other| shown[other]).collect();
                for &question in &about[&shown[place]] {
                    examples[question] = asked.examples(question, &others, most);
                }
            }
        }
        Ok(Neighbours { examples })
    }

    /// The nearest pictures of a question; none where they tell nothing.
    pub(super) fn examples(&self, question: usize) -> &[Example] {
        &self.examples[question]
    }

    /// The questions whose nearest pictures tell something, in order.
    pub(super) fn telling(&self) -> Vec<usize> {
        let all = 0..self.examples.len();
        all.filter(|&q| !self.examples[q].is_empty()).collect()
    }

    /// Of each picture one of the questions drawn at random, with a counter-example and another picture drawn at random.
    /// `about` are the pictures of the questions.
    pub(super) fn draw(&self, about: &[(usize, usize)], key: Key) -> Vec<(usize, [usize; 2])> {
        let mut seen = HashSet::new();
        let mut drawn = Vec::new();
        let order = key.named("questions").permutation(about.len());
        for (number, place) in (0..).zip(order) {
            let (question, picture) = about[place];
            let examples = self.examples(question);
            if examples.is_empty() || !seen.insert(picture) {
                continue;
            }
            let one = |counter: bool| {
                let some: Vec<usize> = examples
                    .iter()
                    .filter(|example| example.counter == counter)
                    .map(|example| example.picture)
                    .collect();
                let name = if counter { "counter" } else { "other" };
                some[key.named(name).below(number, some.len())]
            };
            drawn.push((question, [one(true), one(false)]));
        }
        drawn
    }
}

/// Which pictures the same question was asked of, and what the answers were.
struct Asked {
    /// By place among the questions; nothing where there is no answer that the model can give.
    group: Vec<Option<usize>>,
    /// The answer of each question.
    answer: Vec<u32>,
    /// The answers by picture.
    groups: Vec<HashMap<usize, u32>>,
}

impl Asked {
    fn of(set: &QuestionSet, questions: &Questions) -> Asked {
        let mut numbers = HashMap::<Vec<String>, usize>::new();
        let mut asked = Asked {
            group: vec![None; questions.len()],
            answer: vec![0; questions.len()],
            groups: Vec::new(),
        };
        for (place, question) in questions.all.iter().enumerate() {
            let (Some(picture), Some(answer)) = (question.picture, question.rightest()) else {
                continue;
            };
            let words = question_words(&set.questions[question.number].text);
            let group = *numbers.entry(words).or_insert(asked.groups.len());
            if group == asked.groups.len() {
                asked.groups.push(HashMap::new());
            }
            // Asked twice of a picture: the first answer holds.
            asked.groups[group].entry(picture).or_insert(answer);
            asked.group[place] = Some(group);
            asked.answer[place] = answer;
        }
        asked
    }

    /// The examples of a question among other pictures, nearest first.
    fn examples(&self, question: usize, others: &[usize], most: usize) -> Vec<Example> {
        let Some(group) = self.group[question].map(|group| &self.groups[group]) else {
            return Vec::new();
        };
        let known = others.iter().filter_map(|&picture| {
            let counter = *group.get(&picture)? != self.answer[question];
            Some(Example { picture, counter })
        });
        let mut examples: Vec<Example> = known.take(most).collect();
        if !examples.iter().any(|example| example.counter) {
            return Vec::new();
        }
        let unknown = others.iter().filter(|picture| !group.contains_key(picture));
        let unknown = unknown.map(|&picture| Example {
            picture,
            counter: false,
        });
        let missing = most - examples.len();
        examples.extend(unknown.take(missing));
        match examples.iter().all(|example| example.counter) {
            true => Vec::new(),
            false => examples,
        }
    }
}

/// The pictures of a gallery as short vectors, to be compared by distance.
pub(super) struct Likeness {
    /// `[P, C]`.
    rows: Tensor,
    squares: Vec<f32>,
}

impl Likeness {
    /// # Errors
    /// When a picture cannot be read any more.
    pub(super) fn of(pictures: &[usize], gallery: &Gallery) -> Result<Likeness> {
        let (mut values, mut width) = (Vec::new(), 0);
        for some in pictures.chunks(TOGETHER) {
            let short = gallery.look(some, None)?.short();
            width = short.dim(1);
            values.extend_from_slice(short.data());
        }
        let square = |row: &[f32]| row.iter().map(|x| x * x).sum();
        Ok(Likeness {
            squares: values.chunks_exact(width.max(1)).map(square).collect(),
            rows: Tensor::from_vec(values, [pictures.len(), width]),
        })
    }

    /// How far each picture is from each of some rows `[B, C]`: |b|² - 2 a · b, which orders as the distance does.
    fn distances(&self, rows: &Tensor) -> Vec<Vec<f32>> {
        let products = rows.matmul(&self.rows.transpose()); // [B, P]
        let far = |row: &[f32]| {
            let each = self.squares.iter().zip(row);
            each.map(|(square, product)| square - 2.0 * product)
                .collect()
        };
        let width = self.squares.len().max(1);
        products.data().chunks_exact(width).map(far).collect()
    }

    /// The places of the pictures nearest to a row `[1, C]`, nearest first.
    pub(super) fn nearest(&self, row: &Tensor, most: usize) -> Vec<usize> {
        let mut nearest = nearest(&self.distances(row)[0]);
        nearest.truncate(most);
        nearest
    }
}

/// Places by distance; of equals the first one first.
fn nearest(distances: &[f32]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..distances.len()).collect();
    places.sort_by(|&a, &b| distances[a].total_cmp(&distances[b]));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(answers: &[(usize, u32)]) -> Asked {
        Asked {
            group: vec![Some(0); answers.len()],
            answer: answers.iter().map(|(_, answer)| *answer).collect(),
            groups: vec![answers.iter().copied().collect()],
        }
    }

    fn example(picture: usize, counter: bool) -> Example {
        Example { picture, counter }
    }

    #[test]
    fn pictures_of_the_same_question_come_before_others() {
        let asked = asked(&[(0, 5), (1, 5), (2, 6)]);
        let others = [9, 2, 8, 1];
        let known = [example(2, true), example(1, false)];
        assert_eq!(asked.examples(0, &others, 2), known);
        let filled = [known[0], known[1], example(9, false)];
        assert_eq!(asked.examples(0, &others, 3), filled);
    }

    #[test]
    fn a_question_without_both_kinds_tells_nothing() {
        let asked = asked(&[(0, 5), (1, 5), (2, 6), (3, 6)]);
        assert!(asked.examples(0, &[1], 4).is_empty());
        assert!(asked.examples(0, &[2, 3], 2).is_empty());
        assert_eq!(asked.examples(0, &[2, 3, 4], 3).len(), 3);
    }

    #[test]
    fn of_each_picture_one_question_is_drawn() {
        let both = vec![example(7, true), example(8, false), example(9, false)];
        let neighbours = Neighbours {
            examples: vec![both.clone(), both.clone(), Vec::new(), both],
        };
        assert_eq!(neighbours.telling(), [0, 1, 3]);
        let about = [(0, 1), (1, 1), (2, 1), (3, 2)];
        let mut met = HashSet::new();
        for seed in 0..20 {
            let drawn = neighbours.draw(&about, Key::new(seed));
            assert_eq!(drawn.len(), 2);
            for (question, [counter, other]) in drawn {
                assert!(counter == 7 && (other == 8 || other == 9));
                met.insert((question, other));
            }
        }
        assert_eq!(met.len(), 6, "{met:?}");
    }

    #[test]
    fn near_pictures_come_first() {
        let rows = Tensor::from_vec(vec![0.0, 0.0, 3.0, 4.0, 1.0, 0.0], [3, 2]);
        let like = Likeness {
            squares: vec![0.0, 25.0, 1.0],
            rows,
        };
        let near = |x, y| like.nearest(&Tensor::from_vec(vec![x, y], [1, 2]), 2);
        assert_eq!(near(0.1, 0.0), [0, 2]);
        assert_eq!(near(3.0, 3.0), [1, 2]);
    }
}
