//! What was probably meant by a name that is none.

use crate::error::{Error, Result};

/// How alike two names are spelled, 0..=1.
pub(super) fn likeness(word: &str, name: &str) -> f64 {
    strsim::jaro_winkler(word, name)
}

/// Classes that are told where a name is none of many.
const TOLD: usize = 5;
/// As many are all told.
const FEW: usize = 20;

/// The number of a class by its name.
///
/// # Errors
/// When there is none of that name; of many classes those are told of which the name, or a word of it, is spelled most alike.
pub(super) fn class(labels: &[String], name: &str) -> Result<usize> {
    if let Some(number) = labels.iter().position(|label| label == name) {
        return Ok(number);
    }
    let wanted = name.to_lowercase();
    let alike = |label: &String| {
        let label = label.to_lowercase();
        let words = label.split([' ', ',', '-', '_']);
        let best = words.map(|word| likeness(&wanted, word));
        best.fold(likeness(&wanted, &label), f64::max)
    };
    let mut told: Vec<&String> = labels.iter().collect();
    let many = labels.len() > FEW;
    if many {
        told.sort_by(|a, b| alike(b).total_cmp(&alike(a)));
        told.truncate(TOLD);
    }
    let told: Vec<String> = told.iter().map(|label| format!("`{label}`")).collect();
    let remedy = match many {
        true => format!(
            "the nearest of its {} classes are {}",
            labels.len(),
            told.join(", ")
        ),
        false => format!("choose one of {}", told.join(", ")),
    };
    let problem = "the model has no such class";
    Err(Error::model(format!("class `{name}`"), problem, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_classes_the_nearest_are_told() {
        let few = ["cat".to_owned(), "dog".to_owned()];
        assert_eq!(class(&few, "dog").unwrap(), 1);
        let error = class(&few, "dig").unwrap_err().to_string();
        assert!(error.contains("`cat`, `dog`"), "{error}");
        let mut many: Vec<String> = (0..998).map(|i| format!("number {i}")).collect();
        many.extend(["Egyptian cat".into(), "tabby, tabby cat".into()]);
        let error = class(&many, "cat").unwrap_err();
        let remedy = error.remedy();
        assert!(
            remedy.contains("1000 classes are `Egyptian cat`, `tabby, tabby cat`"),
            "{remedy}"
        );
        assert_eq!(remedy.matches('`').count(), 10);
    }
}
