//! A recipe says everything about a training but where its data lies.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::de::DeTable;

use super::spelling::likeness;
use crate::error::{Error, Result};

/// The jobs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskKind {
    /// Text classification.
    Text,
    /// Language modelling.
    Language,
    /// Image classification.
    Image,
    /// Captioning.
    Caption,
    /// Visual question answering.
    Vqa,
    /// Alignment of pictures and sentences.
    Align,
}

impl TaskKind {
    /// The name in recipes and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            TaskKind::Text => "text",
            TaskKind::Language => "language",
            TaskKind::Image => "image",
            TaskKind::Caption => "caption",
            TaskKind::Vqa => "vqa",
            TaskKind::Align => "align",
        }
    }
}

/// The recipe of one kind of task: plain data that TOML can hold, with a `task` that is [`Recipe::TASK`].
pub trait Recipe: Serialize + DeserializeOwned + Default {
    /// The job it is for.
    const TASK: TaskKind;

    /// Sets the seed of everything random.
    fn set_seed(&mut self, seed: u64);

    /// Checks what the types cannot: that numbers make sense and fit together.
    ///
    /// # Errors
    /// Naming the key and what it may be.
    fn check(&self) -> Result<()>;

    /// Reads a recipe; `origin` names it in errors. What it does not say is as in the default recipe of the job; a table that names
    /// a `kind` has the rest of that kind's own defaults.
    ///
    /// # Errors
    /// When it is not TOML, or a key or value is unknown.
    fn from_toml(text: &str, origin: &str) -> Result<Self> {
        let table: toml::Table = toml::from_str(text).map_err(|error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text[..start].matches('\n').count() + 1;
            let message = error.message().trim();
            Error::recipe(format!("{origin}, line {line}"), message, "")
        })?;
        let usual = toml::Table::try_from(Self::default()).expect("a recipe is plain data");
        from_table(&table, &usual).map_err(|wrong| {
            let line = line_of(text, &wrong.key);
            let place = line.map_or(origin.to_string(), |line| format!("{origin}, line {line}"));
            wrong.explain(&place)
        })
    }

    /// The whole recipe as TOML.
    fn to_toml(&self) -> String {
        toml::to_string(self).expect("a recipe is plain data")
    }

    /// Changes one value, written `key=value` with a dotted key such as `train.epochs=3`.
    /// The value is TOML; a bare word counts as a string. A part of the key that has dots or `=` in it stands in quotes, as in
    /// TOML: `parameters.rates."24.linear*"=0.1`. Setting `model.kind`
    /// takes that kind's defaults for the rest.
    ///
    /// # Errors
    /// When the key does not exist or the value does not fit it.
    fn set(&mut self, setting: &str) -> Result<()> {
        let origin = format!("--set {setting}");
        let (path, value) = key_and_value(setting).ok_or_else(|| {
            Error::recipe(
                &origin,
                "has no `=`",
                "write it as key=value, e.g. train.epochs=3",
            )
        })?;
        let mut table = toml::Table::try_from(&*self).expect("a recipe is plain data");
        let (last, parents) = path.split_last().expect("a key has at least one part");
        let mut at = &mut table;
        for part in parents {
            let inner = at.entry(part).or_insert_with(|| toml::Table::new().into());
            at = inner.as_table_mut().ok_or_else(|| {
                let remedy = format!("`{part}` holds a value, not further keys");
                let key = path.join(".");
                Error::recipe(&origin, format!("there is no key `{key}`"), remedy)
            })?;
        }
        if last == "kind" {
            at.clear();
        }
        at.insert(last.clone(), parse_value(value.trim()));
        *self = from_table(&table, &toml::Table::new()).map_err(|wrong| wrong.explain(&origin))?;
        Ok(())
    }
}

/// The recipe that a table spells out; what it leaves unsaid is as `usual`.
fn from_table<R: Recipe>(
    table: &toml::Table,
    usual: &toml::Table,
) -> std::result::Result<R, Wrong> {
    let task = table.get("task").and_then(toml::Value::as_str);
    if let Some(other) = task.filter(|task| *task != R::TASK.name()) {
        return Err(Wrong {
            key: "task".into(),
            message: format!("is `{other}`, not `{}`", R::TASK.name()),
        });
    }
    let read = |recipe: toml::Value| {
        let toml::Value::Table(said) = recipe else {
            unreachable!("a recipe is a table")
        };
        toml::Value::Table(over(said, usual)).try_into::<R>()
    };
    let recipe = toml::Value::Table(table.clone());
    read(recipe.clone()).map_err(|error| {
        // Which key it is about is not said: the one without which all is well, or else
        // without which there is another complaint.
        let message = error.message();
        let left = |path: &Vec<Part>| {
            let mut rest = recipe.clone();
            take_out(&mut rest, path);
            read(rest).err()
        };
        let paths = paths(&recipe);
        let key = paths.iter().find(|path| left(path).is_none()).or_else(|| {
            paths
                .iter()
                .find(|path| left(path).is_some_and(|e| e.message() != message))
        });
        // Which keys a table has is told when it is asked for one that no table has.
        let keys = |path: &Vec<Part>| {
            let mut asked = recipe.clone();
            let none = toml::Table::from_iter([(String::new(), true.into())]);
            *inner_mut(&mut asked, path)? = none.into();
            let error = read(asked).err()?;
            let (_, keys) = error.message().trim().rsplit_once("expected ")?;
            let keys = keys.trim_start_matches("one of ").replace(" or ", ", ");
            keys.starts_with('`').then_some(keys)
        };
        let keys = key
            .filter(|_| message.contains("expected struct "))
            .and_then(keys);
        Wrong {
            key: key.map(|path| spelled(path)).unwrap_or_default(),
            message: match keys {
                Some(keys) => format!("{}: {keys}", in_words(message.trim())),
                None => in_words(message.trim()),
            },
        }
    })
}

/// What is said, and of what is not said what is `usual`; nothing of it where a `kind` is said, which has defaults of its own.
fn over(said: toml::Table, usual: &toml::Table) -> toml::Table {
    if said.contains_key("kind") {
        return said;
    }
    let mut all = usual.clone();
    for (key, value) in said {
        let value = match (value, usual.get(&key)) {
            (toml::Value::Table(inner), Some(toml::Value::Table(usual))) => {
                over(inner, usual).into()
            }
            (value, _) => value,
        };
        all.insert(key, value);
    }
    all
}

/// The parts of the key and the value of a setting. What is no key of TOML, such as one with a `*`, is taken apart at its dots.
fn key_and_value(setting: &str) -> Option<(Vec<String>, &str)> {
    let mut signs = setting.match_indices('=');
    let quoted = signs.find_map(|(at, _)| Some((key_parts(&setting[..at])?, &setting[at + 1..])));
    quoted.or_else(|| {
        let (key, value) = setting.split_once('=')?;
        let parts = key.trim().split('.').map(str::to_owned);
        Some((parts.collect(), value))
    })
}

/// The parts of a dotted key as TOML reads it.
fn key_parts(key: &str) -> Option<Vec<String>> {
    let mut table: toml::Table = toml::from_str(&format!("{key} = 0")).ok()?;
    let mut parts = Vec::new();
    loop {
        let (part, value) = table.into_iter().next()?;
        parts.push(part);
        match value {
            toml::Value::Table(inner) => table = inner,
            _ => return Some(parts),
        }
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

/// What is wrong with a recipe, and the dotted key where it is known.
struct Wrong {
    key: String,
    message: String,
}

impl Wrong {
    /// The error, with the nearest key to an unknown one.
    fn explain(&self, place: &str) -> Error {
        let Wrong { key, message } = self;
        let mut quoted = message.split('`').skip(1).step_by(2);
        let near = quoted
            .next()
            .filter(|_| message.starts_with("unknown"))
            .and_then(|unknown| nearest(unknown, quoted));
        let remedy = near.map_or(String::new(), |near| format!("did you mean `{near}`?"));
        let problem = match key.as_str() {
            "" => message.clone(),
            key => format!("{key}: {message}"),
        };
        Error::recipe(place, problem, remedy)
    }
}

/// What was expected, told in words that are not Rust's.
fn in_words(message: &str) -> String {
    let Some((problem, expected)) = message.rsplit_once("expected ") else {
        return message.to_owned();
    };
    let words = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0",
        "f32" | "f64" => "a number",
        other if other.starts_with("struct ") => "keys of its own",
        other => other,
    };
    format!("{problem}expected {words}")
}

/// One step into a recipe.
#[derive(Clone)]
enum Part {
    Key(String),
    /// Into a list, counted from 0.
    Index(usize),
}

/// The path of every value in a recipe, those inside a table or a list before itself. Lists of plain values are one value.
fn paths(value: &toml::Value) -> Vec<Vec<Part>> {
    let inner: Vec<(Part, &toml::Value)> = match value {
        toml::Value::Table(table) => {
            let entries = table.iter();
            entries
                .map(|(key, value)| (Part::Key(key.clone()), value))
                .collect()
        }
        toml::Value::Array(items) => {
            let items = items
                .iter()
                .enumerate()
                .filter(|(_, item)| item.is_table() || item.is_array());
            items.map(|(i, item)| (Part::Index(i), item)).collect()
        }
        _ => Vec::new(),
    };
    let mut all = Vec::new();
    for (part, value) in inner {
        let longer = |path: Vec<Part>| [vec![part.clone()], path].concat();
        all.extend(paths(value).into_iter().map(longer));
        all.push(vec![part]);
    }
    all
}

/// What stands at `path` in a recipe.
fn inner_mut<'a>(recipe: &'a mut toml::Value, path: &[Part]) -> Option<&'a mut toml::Value> {
    path.iter().try_fold(recipe, |value, part| match part {
        Part::Key(key) => value.get_mut(key),
        Part::Index(i) => value.get_mut(*i),
    })
}

/// Takes the value at `path` out of a recipe.
fn take_out(recipe: &mut toml::Value, path: &[Part]) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    match (inner_mut(recipe, parents), last) {
        (Some(toml::Value::Table(table)), Part::Key(key)) => drop(table.remove(key)),
        (Some(toml::Value::Array(items)), Part::Index(i)) => drop(items.remove(*i)),
        _ => {}
    }
}

/// A path as one key, such as `model.layers[3].kernel`.
fn spelled(path: &[Part]) -> String {
    let mut all = String::new();
    for part in path {
        match part {
            Part::Key(key) if all.is_empty() => all.push_str(key),
            Part::Key(key) => all.extend([".", key]),
            Part::Index(i) => all.push_str(&format!("[{i}]")),
        }
    }
    all
}

/// The line, from 1, of what a dotted key such as `train.epochs` or `model.layers[3].body[1]` names in a recipe; of as
/// much of it as is there. `None` where nothing is, or the recipe is no TOML.
pub fn line_of(text: &str, key: &str) -> Option<usize> {
    let recipe = DeTable::parse(text).ok()?;
    let mut found = None;
    let mut table = Some(recipe.get_ref());
    for part in key.split('.') {
        let mut indices = part.split(['[', ']']).filter(|piece| !piece.is_empty());
        let name = indices.next()?;
        let Some((key, value)) = table.and_then(|table| table.get_key_value(name)) else {
            break;
        };
        found = Some(key.span().start);
        let mut value = value;
        for index in indices {
            let items = value.get_ref().as_array();
            let item = index.parse().ok().and_then(|i: usize| items?.get(i));
            let Some(item) = item else { break };
            found = Some(item.span().start);
            value = item;
        }
        table = value.get_ref().as_table();
    }
    found.map(|start| text[..start].matches('\n').count() + 1)
}

/// The candidate most like `word`, unless none is.
fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (likeness(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::{OptimizerConfig, Sgd};
    use crate::tasks::image::ImageRecipe;
    use crate::tasks::language::LanguageRecipe;
    use crate::tasks::text::{ModelConfig, TextRecipe};
    use crate::tasks::vqa::{VqaConfig, VqaRecipe};

    #[test]
    fn survives_toml() {
        let recipe = TextRecipe::default();
        assert_eq!(
            TextRecipe::from_toml(&recipe.to_toml(), "x").unwrap(),
            recipe
        );
        assert_eq!(TextRecipe::from_toml("", "x").unwrap(), recipe);
    }

    #[test]
    fn what_is_not_said_is_as_in_the_default() {
        let read = |text: &str| LanguageRecipe::from_toml(text, "x").unwrap();
        let mut usual = LanguageRecipe::default();
        usual.train.epochs = 1;
        assert_eq!(read("[train]\nepochs = 1\n"), usual);
        let mut usual = LanguageRecipe::default();
        usual.model.dropout.hidden = 0.1;
        assert_eq!(read("[model.dropout]\nhidden = 0.1\n"), usual);
        let mut usual = LanguageRecipe::default();
        usual.train.optimizer = OptimizerConfig::Sgd(Sgd::default());
        assert_eq!(read("[train.optimizer]\nkind = \"sgd\"\n"), usual);
        let text = TextRecipe::from_toml("[model]\nmaps = 10\n", "x").unwrap();
        assert!(matches!(&text.model, ModelConfig::Cnn(cnn) if cnn.maps == 10));
        // A kind has defaults of its own.
        let own = VqaRecipe::from_toml("[model]\nkind = \"attention\"\n", "x").unwrap();
        assert_eq!(own.model, VqaConfig::Attention(Default::default()));
        assert!(own.model != VqaRecipe::default().model);
    }

    #[test]
    fn sets_one_value() {
        let mut recipe = TextRecipe::default();
        recipe.set("train.epochs=3").unwrap();
        assert_eq!(recipe.train.epochs, 3);
        recipe.set("model.kind=rnn").unwrap();
        assert!(matches!(recipe.model, ModelConfig::Rnn(_)));
        recipe.set("model.hidden_size = 7").unwrap();
        assert!(matches!(&recipe.model, ModelConfig::Rnn(rnn) if rnn.hidden_size == 7));
    }

    #[test]
    fn parts_of_a_key_may_be_quoted() {
        let mut recipe = ImageRecipe::default();
        recipe
            .set(r#"parameters.rates."24.linear*" = 0.5"#)
            .unwrap();
        recipe.set("parameters.rates.'a=b'=2").unwrap();
        recipe.set("parameters.rates.head*=3").unwrap();
        let rates = recipe.parameters.rates.iter();
        let rates: Vec<(&str, f64)> = rates.map(|(name, rate)| (name.as_str(), *rate)).collect();
        assert_eq!(rates, [("24.linear*", 0.5), ("a=b", 2.0), ("head*", 3.0)]);
        let mut text = TextRecipe::default();
        text.set(r#"data.label = "a = b""#).unwrap();
        assert_eq!(text.data.label.as_deref(), Some("a = b"));
    }

    #[test]
    fn keys_of_a_table_are_named() {
        let error = ImageRecipe::default().set("augment.randaugment=true");
        let error = error.unwrap_err().to_string();
        let expected = "expected keys of its own: `operations`, `magnitude`";
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn names_the_key_and_its_line() {
        let said = |text: &str| {
            TextRecipe::from_toml(text, "a.toml")
                .unwrap_err()
                .to_string()
        };
        let inside = said("seed = 1\n[model]\nkind = \"cnn\"\n# mapps = 2\nmapps = 3\n");
        assert!(
            inside.contains("line 5: model.mapps: unknown field"),
            "{inside}"
        );
        assert!(inside.contains("did you mean `maps`?"), "{inside}");
        let typed = said("[model]\nkind = \"cnn\"\n[model.embedding]\nsize = \"x\"\n");
        assert!(
            typed.contains("line 4: model.embedding.size: invalid type"),
            "{typed}"
        );
        assert!(typed.ends_with("expected a whole number from 0"), "{typed}");
        let whole = said("train = 3\n");
        assert!(
            whole.contains("train: invalid type: integer `3`, expected keys of its own: `"),
            "{whole}"
        );
        assert!(whole.contains("`epochs`"), "{whole}");
        let table = said("[trian]\nepochs = 3\n");
        assert!(table.contains("line 1: trian: unknown field"), "{table}");
        assert!(said("seed = \n").contains("a.toml, line 1: "));
    }

    #[test]
    fn names_the_layer_of_a_list_and_its_line() {
        let said = |layer: &str| {
            let text = format!(
                "[model]\nkind = \"layers\"\nlayers = [\n  {{ layer = \"relu\" }},\n  {{ layer = \"residual\", \
                 body = [\n    {{ layer = \"tanh\" }},\n    {layer},\n] }} ]\n"
            );
            ImageRecipe::from_toml(&text, "a.toml")
                .unwrap_err()
                .to_string()
        };
        let unknown = said("{ layer = \"conv2d\", chanels = 8, channels = 8, kernel = 3 }");
        assert!(
            unknown.starts_with(
                "a.toml, line 7: model.layers[1].body[1].chanels: unknown field `chanels`"
            ),
            "{unknown}"
        );
        assert!(unknown.ends_with("did you mean `channels`?"), "{unknown}");
        let missing = said("{ layer = \"conv2d\", channels = 8 }");
        assert!(
            missing.starts_with("a.toml, line 7: model.layers[1].body[1]: missing field `kernel`"),
            "{missing}"
        );
        let kind = said("{ layer = \"conv3d\" }");
        assert!(
            kind.contains("model.layers[1].body[1]: unknown variant `conv3d`"),
            "{kind}"
        );
        assert!(kind.ends_with("did you mean `conv2d`?"), "{kind}");
    }

    #[test]
    fn finds_the_line_of_a_layer() {
        let text = "[train]\nepochs = 1\n[model]\nkind = \"layers\"\nlayers = [\n  { layer = \"relu\" },\n  { layer = \
                    \"residual\", body = [\n    { layer = \"tanh\" },\n    { layer = \"gelu\" } ] },\n]\n";
        assert_eq!(line_of(text, "train.epochs"), Some(2));
        assert_eq!(line_of(text, "model.layers"), Some(5));
        assert_eq!(line_of(text, "model.layers[0]"), Some(6));
        assert_eq!(line_of(text, "model.layers[1].body[1]"), Some(9));
        assert_eq!(line_of(text, "model.layers[1].body[1].kernel"), Some(9));
        assert_eq!(line_of(text, "model.layers[7]"), Some(5));
        assert_eq!(line_of(text, "loss.kind"), None);
        assert_eq!(line_of("= nonsense", "loss"), None);
    }

    #[test]
    fn names_the_nearest_key() {
        let error = TextRecipe::from_toml("[train]\n\nepoch = 3\n", "a.toml").unwrap_err();
        let said = error.to_string();
        assert!(
            said.starts_with("a.toml, line 3: train.epoch: unknown field `epoch`"),
            "{said}"
        );
        assert!(said.ends_with("did you mean `epochs`?"), "{said}");
        let error = TextRecipe::default().set("train.epochs=many").unwrap_err();
        assert!(
            error.to_string().contains("--set train.epochs=many"),
            "{error}"
        );
    }
}
