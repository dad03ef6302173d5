//! The names of classes, and whether a classifier can be made of them.

use std::collections::{BTreeSet, HashMap};

use super::parts::Part;
use crate::error::{Error, Result};

/// All classes; numbers are ordered by value, so that class 10 does not come before class 2.
pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let names: BTreeSet<&str> = names.collect();
    let mut labels: Vec<String> = names.into_iter().map(str::to_owned).collect();
    let numbers: Option<Vec<f64>> = labels
        .iter()
        .map(|label| label.parse().ok().filter(|n: &f64| n.is_finite()))
        .collect();
    if numbers.is_some() {
        let value = |label: &String| label.parse::<f64>().unwrap_or(0.0);
        labels.sort_by(|a, b| value(a).total_cmp(&value(b)));
    }
    labels
}

/// The number of each class by its name.
pub(super) fn numbers(labels: &[String]) -> HashMap<&str, usize> {
    labels
        .iter()
        .enumerate()
        .map(|(index, label)| (label.as_str(), index))
        .collect()
}

/// Refuses what no classifier can be made of. `noun` says what is classified.
///
/// # Errors
/// When fewer than two classes can be learned, or the labels are no labels.
pub(super) fn check(
    name: &str,
    labelled: &[(Option<Part>, &str)],
    labels: &[String],
    noun: &str,
) -> Result<()> {
    let seen: BTreeSet<&str> = labelled
        .iter()
        .filter(|(part, _)| part.is_none_or(|part| part == Part::Train))
        .map(|(_, label)| *label)
        .collect();
    match seen.len() {
        0 => {
            let remedy = "name a folder or file `train`, or leave part names such as `test` out";
            Err(Error::data(name, "there is nothing to train on", remedy))
        }
        1 => {
            let class = seen.first().unwrap_or(&"");
            let problem = format!("there is only one class, `{class}`");
            let remedy = format!("give {noun} of at least two classes");
            Err(Error::data(name, problem, remedy))
        }
        _ if labelled.len() >= 20 && labels.len() * 2 > labelled.len() => {
            let problem = format!(
                "{} {noun} have {} different labels",
                labelled.len(),
                labels.len()
            );
            let remedy = format!(
                "name the column that holds the label with `label`; found labels such as {}",
                list(&labels[..3])
            );
            Err(Error::data(name, problem, remedy))
        }
        _ => Ok(()),
    }
}

/// A sentence about the classes that no training example has, if there are any.
pub(super) fn unlearnable(
    labels: &[String],
    seen: impl Iterator<Item = usize>,
    noun: &str,
) -> Option<String> {
    let seen: BTreeSet<usize> = seen.collect();
    let unseen: Vec<String> = (0..labels.len())
        .filter(|label| !seen.contains(label))
        .map(|label| labels[label].clone())
        .collect();
    (!unseen.is_empty()).then(|| {
        let unseen = list(&unseen);
        format!("no training {noun} has the label {unseen}: it cannot be learned")
    })
}

/// Names for a message; not more than a person reads.
pub(super) fn list(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(20)
        .map(|name| format!("`{}`", shorten(name)))
        .collect();
    let more = if names.len() > 20 {
        format!(" and {} more", names.len() - 20)
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(", "))
}

fn shorten(name: &str) -> String {
    if name.chars().count() <= 40 {
        name.to_owned()
    } else {
        name.chars().take(39).chain(['…']).collect()
    }
}
