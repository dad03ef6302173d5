//! JSON Lines: an object a line, of which one field holds a text.

use serde_json::{Map, Value};

use crate::data::format::Format;
use crate::error::{Error, Result};

/// Whether a file is so, by its name, or where that says no more than JSON by its first bytes.
pub(super) fn is_json(path: &str, head: &[u8]) -> bool {
    match Format::by_name(path) {
        Some(Format::JsonLines) => true,
        Some(Format::Json) => holds_objects(head),
        _ => false,
    }
}

/// Whether the first two lines that are not blank hold an object each.
pub(super) fn holds_objects(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let lines = head.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let mut lines = lines.filter(|line| !line.is_empty());
    let whole = |line| serde_json::from_slice::<Map<String, Value>>(line).is_ok();
    lines.next().is_some_and(whole) && lines.next().is_some_and(|line| line.starts_with(b"{"))
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
