//! Splits in which what belongs to one picture stays together.

use std::collections::HashMap;

use crate::data::parts::Part;
use crate::data::split::{Labelled, Parts, Plan};
use crate::error::{Error, Result};
use crate::random::Key;

/// The numbers of the items in each part of a split, each in order.
#[derive(Debug)]
pub(in crate::data) struct Shared {
    pub(in crate::data) train: Vec<usize>,
    pub(in crate::data) valid: Option<Vec<usize>>,
    pub(in crate::data) test: Option<Vec<usize>>,
}

/// Items of one picture.
struct Group(Vec<usize>);

impl Labelled for Group {
    fn label(&self) -> usize {
        0 // there are no classes to keep in proportion
    }
}

/// Splits items as the data says itself, and takes what is missing from the training part, whole pictures at a time. Of
/// each item its part and the number of its picture are given.
///
/// # Errors
/// When there is too little to split, or nothing to train on.
pub(in crate::data) fn share(
    name: &str,
    items: &[(Option<Part>, usize)],
    plan: &Plan,
    key: Key,
    notes: &mut Vec<String>,
) -> Result<Shared> {
    let mut groups: Vec<(Option<Part>, Group)> = Vec::new();
    let mut known: HashMap<(Option<Part>, usize), usize> = HashMap::new();
    for (item, &(part, picture)) in items.iter().enumerate() {
        let group = *known.entry((part, picture)).or_insert_with(|| {
            groups.push((part, Group(Vec::new())));
            groups.len() - 1
        });
        groups[group].1.0.push(item);
    }
    let parts = Parts::of(name, groups.into_iter(), plan, key, "pictures", notes)?;
    if parts.train.is_empty() {
        let remedy = "name the file or list of the training part with `train`";
        return Err(Error::data(name, "there is nothing to train on", remedy));
    }
    Ok(Shared {
        train: flat(parts.train),
        valid: parts.valid.map(flat),
        test: parts.test.map(flat),
    })
}

/// The numbers of the items to measure on: those of the test part if the data gives one, else of the test part that `made`
/// makes, else all.
///
/// # Errors
/// Those of `made`.
pub(in crate::data) fn measured(
    parts: &[Option<Part>],
    made: impl FnOnce() -> Result<Option<Shared>>,
) -> Result<Vec<usize>> {
    let all = 0..parts.len();
    let given = |item: &usize| parts[*item] == Some(Part::Test);
    let given: Vec<usize> = all.clone().filter(given).collect();
    if !given.is_empty() {
        return Ok(given);
    }
    let test = made()?.and_then(|made| made.test);
    Ok(test.unwrap_or_else(|| all.collect()))
}

fn flat(groups: Vec<Group>) -> Vec<usize> {
    let mut items: Vec<usize> = groups.into_iter().flat_map(|Group(items)| items).collect();
    items.sort_unstable();
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan {
        test_fraction: 0.25,
        valid_fraction: 0.25,
        folds: None,
        fold: 0,
    };

    #[test]
    fn a_picture_is_in_one_part() {
        let items: Vec<(Option<Part>, usize)> =
            (0..200).map(|item| (None, item * 7 % 40)).collect();
        let parts = |seed| share("x", &items, &PLAN, Key::new(seed), &mut Vec::new()).unwrap();
        let Shared { train, valid, test } = parts(1);
        let all = [train, valid.unwrap(), test.unwrap()];
        let sizes: Vec<usize> = all.iter().map(Vec::len).collect();
        assert_eq!(sizes, [110, 40, 50]);
        for picture in 0..40 {
            let has = |part: &&Vec<usize>| part.iter().any(|&item| items[item].1 == picture);
            assert_eq!(all.iter().filter(has).count(), 1, "picture {picture}");
        }
        assert_eq!(parts(1).train, all[0]);
        assert_ne!(parts(2).train, all[0]);
    }

    #[test]
    fn nothing_to_train_on() {
        let items = [(Some(Part::Test), 0), (Some(Part::Valid), 1)];
        let error = share("x", &items, &PLAN, Key::new(1), &mut Vec::new());
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("nothing to train on")
        );
    }
}
