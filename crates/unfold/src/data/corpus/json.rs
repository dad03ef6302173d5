//! JSON Lines: an object a line, of which one field holds a text.

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Whether a file is so, by its name.
pub(super) fn is_json(path: &str) -> bool {
    path.ends_with(".jsonl") || path.ends_with(".ndjson")
}

/// The text of an object.
pub(super) fn text_of(
    line: &str,
    field: Option<&str>,
    place: impl Fn() -> String,
) -> Result<String> {
    let object: Map<String, Value> = serde_json::from_str(line).map_err(|_| {
        let remedy = "write one object a line, such as {\"text\": \"…\"}";
        Error::data(place(), "the line is not a JSON object", remedy)
    })?;
    let usual = ["text", "content", "body"];
    let names = field.as_ref().map_or(&usual[..], std::slice::from_ref);
    let found = names.iter().find_map(|name| object.get(*name)?.as_str());
    if let (None, Some(name)) = (found, names.iter().find(|name| object.contains_key(**name))) {
        let problem = format!("`{name}` is {}, which is no text", object[*name]);
        let remedy = "write texts in quotes, or name another field with data.text";
        return Err(Error::data(place(), problem, remedy));
    }
    found.map(str::to_owned).ok_or_else(|| {
        let fields: Vec<&str> = object.keys().map(String::as_str).collect();
        Error::data(
            place(),
            format!("the object has no text in {}", names.join(", ")),
            format!(
                "name the field with data.text; there is {}",
                fields.join(", ")
            ),
        )
    })
}
