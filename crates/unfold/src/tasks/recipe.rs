//! A recipe says everything about a training but where its data lies.

use serde::{Deserialize, Serialize};

use crate::data::{TextSource, TokenConfig};
use crate::error::{Error, Result};
use crate::tasks::loss::LossConfig;
use crate::tasks::text::ModelConfig;
use crate::train::TrainConfig;

/// A whole recipe. In TOML:
///
/// ```toml
/// task = "text"
/// seed = 1
///
/// [data]
/// remove = ["headers", "footers", "quotes"]
///
/// [tokens]
/// min_count = 2
///
/// [model]
/// kind = "cnn"
///
/// [train]
/// epochs = 10
/// optimizer = "adam"
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recipe {
    /// The job: `text`.
    pub task: TaskKind,
    /// Decides splits, initial values, the order of examples and everything random.
    pub seed: u64,
    /// How the data is read and split.
    pub data: TextSource,
    /// How text becomes tokens.
    pub tokens: TokenConfig,
    /// The network.
    pub model: ModelConfig,
    /// What is minimised.
    pub loss: LossConfig,
    /// How it is trained.
    pub train: TrainConfig,
}

/// The jobs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskKind {
    /// Text classification.
    Text,
}

impl Default for Recipe {
    fn default() -> Recipe {
        Recipe::default_text()
    }
}

impl Recipe {
    /// The recipe for text classification when none is given: a convolutional network that does
    /// well on most sets of some thousand texts.
    pub fn default_text() -> Recipe {
        Recipe {
            task: TaskKind::Text,
            seed: 1,
            data: TextSource::default(),
            // What a text is about mostly shows in its first few hundred words, and a word
            // met once teaches nothing.
            tokens: TokenConfig {
                min_count: 2,
                max_length: 400,
                ..TokenConfig::default()
            },
            model: ModelConfig::default(),
            loss: LossConfig::default(),
            train: TrainConfig {
                epochs: 6,
                patience: 2,
                ..TrainConfig::default()
            },
        }
    }

    /// Reads a recipe; `origin` names it in errors.
    ///
    /// # Errors
    /// When it is not TOML, or a key or value is unknown.
    pub fn from_toml(text: &str, origin: &str) -> Result<Recipe> {
        toml::from_str(text)
            .map_err(|error| understood(origin, error.message(), error.span(), text))
    }

    /// The whole recipe as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a recipe is plain data")
    }

    /// Checks what the types cannot: that numbers make sense and fit together.
    ///
    /// # Errors
    /// Naming the key and what it may be.
    pub fn check(&self) -> Result<()> {
        self.model.check()?;
        self.train.check()?;
        self.loss.check()
    }

    /// Changes one value, written `key=value` with a dotted key such as `train.epochs=3`.
    /// The value is TOML; a bare word counts as a string. Setting `model.kind`
    /// takes that kind's defaults for the rest.
    ///
    /// # Errors
    /// When the key does not exist or the value does not fit it.
    pub fn set(&mut self, setting: &str) -> Result<()> {
        let origin = format!("--set {setting}");
        let (key, value) = setting.split_once('=').ok_or_else(|| {
            Error::recipe(
                &origin,
                "has no `=`",
                "write it as key=value, e.g. train.epochs=3",
            )
        })?;
        let mut table = toml::Table::try_from(&*self).expect("a recipe is plain data");
        let path: Vec<&str> = key.trim().split('.').collect();
        let (last, parents) = path.split_last().expect("split gives at least one part");
        let mut at = &mut table;
        for part in parents {
            let inner = at.entry(*part).or_insert_with(|| toml::Table::new().into());
            at = inner.as_table_mut().ok_or_else(|| {
                let remedy = format!("`{part}` holds a value, not further keys");
                Error::recipe(&origin, format!("there is no key `{key}`"), remedy)
            })?;
        }
        if *last == "kind" {
            at.clear();
        }
        at.insert(last.to_string(), parse_value(value.trim()));
        let text = toml::to_string(&table).expect("a table is plain data");
        *self = toml::from_str(&text)
            .map_err(|error| understood(&origin, error.message(), None, ""))?;
        Ok(())
    }
}

/// A TOML value; whatever is not one counts as a string.
fn parse_value(text: &str) -> toml::Value {
    let wrapped = format!("value = {text}");
    let parsed = toml::from_str::<toml::Table>(&wrapped).ok();
    parsed
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| text.into())
}

/// Turns what the TOML reader says into our form: the line, and the nearest key to an unknown
/// one.
fn understood(
    origin: &str,
    message: &str,
    span: Option<std::ops::Range<usize>>,
    text: &str,
) -> Error {
    let place = match span {
        Some(span) => {
            let line = text[..span.start.min(text.len())].matches('\n').count() + 1;
            format!("{origin}, line {line}")
        }
        None => origin.to_string(),
    };
    let message = message.trim();
    let mut quoted = message.split('`').skip(1).step_by(2);
    let remedy = match quoted.next() {
        Some(unknown) if message.starts_with("unknown") => match nearest(unknown, quoted) {
            Some(near) => format!("did you mean `{near}`?"),
            None => String::new(),
        },
        _ => String::new(),
    };
    Error::recipe(place, message, remedy)
}

/// The candidate most like `word`, unless none is.
fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn survives_toml() {
        let recipe = Recipe::default_text();
        assert_eq!(Recipe::from_toml(&recipe.to_toml(), "x").unwrap(), recipe);
        assert_eq!(Recipe::from_toml("", "x").unwrap(), recipe);
    }

    #[test]
    fn sets_one_value() {
        let mut recipe = Recipe::default_text();
        recipe.set("train.epochs=3").unwrap();
        assert_eq!(recipe.train.epochs, 3);
        recipe.set("model.kind=rnn").unwrap();
        assert!(matches!(recipe.model, ModelConfig::Rnn(_)));
        recipe.set("model.hidden_size = 7").unwrap();
        assert!(matches!(&recipe.model, ModelConfig::Rnn(rnn) if rnn.hidden_size == 7));
    }

    #[test]
    fn names_the_nearest_key() {
        let error = Recipe::from_toml("[train]\n\nepoch = 3\n", "a.toml").unwrap_err();
        let said = error.to_string();
        assert!(
            said.starts_with("a.toml, line 3: unknown field `epoch`"),
            "{said}"
        );
        assert!(said.ends_with("did you mean `epochs`?"), "{said}");
        let error = Recipe::default_text().set("train.epochs=many").unwrap_err();
        assert!(
            error.to_string().contains("--set train.epochs=many"),
            "{error}"
        );
    }
}
