//! Stratified, seeded splits: every class is split in the same proportion, and which document
//! goes where depends on the seed and on the order of the documents alone.

use super::parts::Part;
use crate::error::{Error, Result};
use crate::random::Key;

/// What a recipe says about splitting.
pub(super) struct Plan {
    pub(super) test_fraction: f64,
    pub(super) valid_fraction: f64,
    pub(super) folds: Option<usize>,
    pub(super) fold: usize,
}

impl Plan {
    /// Refuses what cannot be meant.
    pub(super) fn check(&self) -> Result<()> {
        let wrong = |field: &str, problem: String, remedy: &str| {
            Err(Error::recipe(format!("data.{field}"), problem, remedy))
        };
        for (name, fraction) in [
            ("test_fraction", self.test_fraction),
            ("valid_fraction", self.valid_fraction),
        ] {
            if !(0.0..1.0).contains(&fraction) {
                return wrong(
                    name,
                    format!("{fraction} is not a fraction"),
                    "give a number from 0 to below 1",
                );
            }
        }
        match self.folds {
            Some(folds) if folds < 2 => wrong(
                "folds",
                format!("{folds} folds leave nothing to train or test on"),
                "give 2 or more, such as 10",
            ),
            Some(folds) if self.fold >= folds => {
                let problem = format!("there is no fold {} among {folds}", self.fold);
                wrong("fold", problem, &format!("count from 0 to {}", folds - 1))
            }
            _ => Ok(()),
        }
    }
}

/// Something with a class.
pub(super) trait Labelled {
    /// The number of its class.
    fn label(&self) -> usize;
}

/// The parts of a split.
pub(super) struct Parts<E> {
    pub(super) train: Vec<E>,
    pub(super) valid: Option<Vec<E>>,
    pub(super) test: Option<Vec<E>>,
}

impl<E: Labelled> Parts<E> {
    /// Splits as the data says itself, and takes what is missing from the training part. `noun` says what is split.
    ///
    /// # Errors
    /// When there is too little, or the data's own split does not go with the plan.
    pub(super) fn of(
        name: &str,
        examples: impl Iterator<Item = (Option<Part>, E)>,
        plan: &Plan,
        key: Key,
        noun: &str,
        notes: &mut Vec<String>,
    ) -> Result<Parts<E>> {
        let mut parts = Parts::given(examples);
        if parts.test.is_some() && plan.folds.is_some() {
            let problem = "the data gives its own split, so it cannot be split into folds";
            return Err(Error::data(name, problem, "leave `folds` out"));
        }
        let count = parts.train.len();
        if let Some(folds) = plan.folds.filter(|folds| *folds > count) {
            let problem = format!("{count} {noun} cannot be split into {folds} folds");
            return Err(Error::data(name, problem, "make `folds` smaller"));
        }
        parts.complete(plan, key);
        if parts.test.as_ref().is_some_and(Vec::is_empty) {
            let problem = format!("{} {noun} are too few to split", parts.train.len());
            let remedy =
                format!("give at least two {noun} of each class, or set test_fraction to 0");
            return Err(Error::data(name, problem, remedy));
        }
        parts.valid = parts.valid.filter(|valid| !valid.is_empty());
        if parts.valid.is_none() && plan.valid_fraction > 0.0 {
            notes.push(format!("too few {noun} to take a validation part from"));
        }
        Ok(parts)
    }

    /// What the data says itself; all of it is for training when it says nothing.
    fn given(examples: impl Iterator<Item = (Option<Part>, E)>) -> Parts<E> {
        let mut parts = Parts {
            train: Vec::new(),
            valid: None,
            test: None,
        };
        for (part, example) in examples {
            match part {
                None | Some(Part::Train) => parts.train.push(example),
                Some(Part::Valid) => parts.valid.get_or_insert_default().push(example),
                Some(Part::Test) => parts.test.get_or_insert_default().push(example),
            }
        }
        parts
    }

    /// Takes the parts that are missing from the training part.
    fn complete(&mut self, plan: &Plan, key: Key) {
        if let Some(folds) = plan.folds {
            let deal = |labels: &[usize]| fold(labels, folds, plan.fold, key.named("folds"));
            self.test = Some(self.take(deal));
        } else if self.test.is_none() && plan.test_fraction > 0.0 {
            let fraction = plan.test_fraction;
            self.test = Some(self.take(|labels| take(labels, fraction, key.named("test"))));
        }
        if self.valid.is_none() && plan.valid_fraction > 0.0 {
            let fraction = plan.valid_fraction;
            self.valid = Some(self.take(|labels| take(labels, fraction, key.named("valid"))));
        }
    }

    fn take(&mut self, choose: impl Fn(&[usize]) -> (Vec<usize>, Vec<usize>)) -> Vec<E> {
        let (kept, taken) = divide(std::mem::take(&mut self.train), choose);
        self.train = kept;
        taken
    }
}

/// What stays of the examples and what `choose` takes, given their classes; each in order.
pub(super) fn divide<E: Labelled>(
    examples: Vec<E>,
    choose: impl Fn(&[usize]) -> (Vec<usize>, Vec<usize>),
) -> (Vec<E>, Vec<E>) {
    let labels: Vec<usize> = examples.iter().map(E::label).collect();
    let (_, taken) = choose(&labels);
    let mut take = vec![false; examples.len()];
    taken.into_iter().for_each(|index| take[index] = true);
    let (taken, kept): (Vec<_>, Vec<_>) =
        examples.into_iter().zip(take).partition(|(_, take)| *take);
    let plain = |pairs: Vec<(E, bool)>| pairs.into_iter().map(|(example, _)| example).collect();
    (plain(kept), plain(taken))
}

/// Takes `fraction` of each class away; gives what stays and what was taken, each in order. Of a
/// class with two members or more, at least one stays and one is taken.
pub(super) fn take(labels: &[usize], fraction: f64, key: Key) -> (Vec<usize>, Vec<usize>) {
    let mut taken = vec![false; labels.len()];
    if fraction > 0.0 {
        for members in shuffled_classes(labels, key) {
            let count = (members.len() as f64 * fraction).round() as usize;
            let count = if members.len() < 2 {
                0
            } else {
                count.clamp(1, members.len() - 1)
            };
            members[..count]
                .iter()
                .for_each(|&member| taken[member] = true);
        }
    }
    (0..labels.len()).partition(|&index| !taken[index])
}

/// Deals each class out over `folds`; gives what is not in `fold` and what is, each in order.
pub(super) fn fold(
    labels: &[usize],
    folds: usize,
    fold: usize,
    key: Key,
) -> (Vec<usize>, Vec<usize>) {
    let mut of = vec![0; labels.len()];
    // Dealing goes on from class to class, so that folds differ by one member at most.
    for (dealt, member) in shuffled_classes(labels, key)
        .into_iter()
        .flatten()
        .enumerate()
    {
        of[member] = dealt % folds;
    }
    (0..labels.len()).partition(|&index| of[index] != fold)
}

fn shuffled_classes(labels: &[usize], key: Key) -> Vec<Vec<usize>> {
    let classes = labels.iter().max().map_or(0, |&last| last + 1);
    let mut members = vec![Vec::new(); classes];
    for (index, &label) in labels.iter().enumerate() {
        members[label].push(index);
    }
    let shuffle = |(class, members): (usize, Vec<usize>)| {
        let order = key.child(class as u64).permutation(members.len());
        order.into_iter().map(|place| members[place]).collect()
    };
    members.into_iter().enumerate().map(shuffle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(indices: &[usize], labels: &[usize], label: usize) -> usize {
        indices
            .iter()
            .filter(|&&index| labels[index] == label)
            .count()
    }

    #[test]
    fn classes_keep_their_proportion() {
        let labels: Vec<usize> = (0..1000).map(|i| usize::from(i % 10 == 0)).collect();
        let (kept, taken) = take(&labels, 0.2, Key::new(1));
        assert_eq!(
            (count(&taken, &labels, 0), count(&taken, &labels, 1)),
            (180, 20)
        );
        assert_eq!(kept.len() + taken.len(), 1000);
        assert_eq!(take(&labels, 0.2, Key::new(1)).1, taken);
        assert_ne!(take(&labels, 0.2, Key::new(2)).1, taken);
    }

    #[test]
    fn small_classes_are_on_both_sides() {
        let (kept, taken) = take(&[0, 0, 1, 2, 2, 2], 0.1, Key::new(1));
        assert_eq!((kept.len(), taken.len()), (4, 2));
        assert!(take(&[0, 0, 1], 0.0, Key::new(1)).1.is_empty());
    }

    #[test]
    fn folds_are_disjoint_and_cover_everything() {
        let labels: Vec<usize> = (0..107).map(|i| i % 3).collect();
        let mut all = Vec::new();
        for k in 0..10 {
            let (train, test) = fold(&labels, 10, k, Key::new(5));
            assert_eq!(train.len() + test.len(), 107);
            assert!((10..=11).contains(&test.len()));
            assert!((3..=4).contains(&count(&test, &labels, 1)));
            all.extend(test);
        }
        all.sort_unstable();
        assert_eq!(all, (0..107).collect::<Vec<_>>());
    }
}
