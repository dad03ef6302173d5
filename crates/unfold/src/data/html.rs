//! The text a reader of an HTML mail sees. Mail in the wild rarely holds well-formed HTML (a
//! missing `</head>` is common), so nothing here depends on tags being closed.

use mail_parser::decoders::html::add_html_token;

/// Tags that end a line of text.
const BREAKS: [&str; 14] = [
    "br", "p", "div", "tr", "li", "ul", "ol", "table", "hr", "h1", "h2", "h3", "h4", "title",
];
/// Tags whose content is not text.
const HIDDEN: [&str; 2] = ["script", "style"];
/// The longest entity that is decoded, `&` and `;` included.
const LONGEST_ENTITY: usize = 32;

/// Drops tags, comments, scripts and styles, decodes entities, collapses white space.
pub(super) fn to_text(html: &str) -> String {
    let mut text = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        push_words(&mut text, &rest[..at]);
        rest = &rest[at..];
        rest = if rest.starts_with('<') {
            skip_tag(&mut text, rest)
        } else {
            entity(&mut text, rest)
        };
    }
    push_words(&mut text, rest);
    text.truncate(text.trim_end().len());
    text
}

/// Reads one tag or comment at the start of `html`; gives what follows it.
fn skip_tag<'a>(text: &mut String, html: &'a str) -> &'a str {
    if let Some(comment) = html.strip_prefix("<!--") {
        return comment.find("-->").map_or("", |end| &comment[end + 3..]);
    }
    let inside = &html[1..];
    if !inside.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
        text.push('<'); // "a < b" is no tag
        return inside;
    }
    let Some(end) = inside.find('>') else {
        return "";
    };
    let after = &inside[end + 1..];
    let name: String = inside[..end]
        .trim_start_matches('/')
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    if BREAKS.contains(&name.as_str()) {
        new_line(text);
    } else if matches!(name.as_str(), "td" | "th") {
        space(text);
    } else if HIDDEN.contains(&name.as_str()) && !inside.starts_with('/') {
        return closing_tag(after, &name);
    }
    after
}

/// What follows the closing tag `name`; everything when it is never closed.
fn closing_tag<'a>(html: &'a str, name: &str) -> &'a str {
    let closes = |at: &usize| {
        let tag = html.as_bytes().get(at + 2..at + 2 + name.len());
        tag.is_some_and(|tag| tag.eq_ignore_ascii_case(name.as_bytes()))
    };
    match html.match_indices("</").map(|(at, _)| at).find(closes) {
        Some(at) => &html[at..], // its `</name>` is dropped as any other tag
        None => html,
    }
}

/// Decodes the entity at the start of `html`, or copies its `&`; gives what follows.
fn entity<'a>(text: &mut String, html: &'a str) -> &'a str {
    let end = html
        .bytes()
        .take(LONGEST_ENTITY)
        .position(|byte| byte == b';');
    let is_entity = |token: &str| {
        token[1..]
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'#')
    };
    match end
        .and_then(|end| html.get(..end))
        .filter(|token| is_entity(token))
    {
        Some(token) => {
            let mut decoded = String::new();
            add_html_token(&mut decoded, &html.as_bytes()[..token.len() + 1], false);
            if decoded.chars().all(char::is_whitespace) {
                space(text);
            } else {
                text.push_str(&decoded);
            }
            &html[token.len() + 1..]
        }
        None => {
            text.push('&');
            &html[1..]
        }
    }
}

/// Appends text with its white space collapsed.
fn push_words(text: &mut String, words: &str) {
    for c in words.chars() {
        if c.is_whitespace() {
            space(text);
        } else {
            text.push(c);
        }
    }
}

fn space(text: &mut String) {
    if !text.is_empty() && !text.ends_with([' ', '\n']) {
        text.push(' ');
    }
}

fn new_line(text: &mut String) {
    text.truncate(text.trim_end_matches(' ').len());
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_go_and_words_stay() {
        let html = "<html><head><title>Hi</title><style>p {}</style><body><p>Buy&nbsp;&lt;now&gt; \
                    &amp; <b>save</b>!<br>50&#37; <!-- no --> off<script>x < y</script> today &bogus; a < b";
        assert_eq!(
            to_text(html),
            "Hi\nBuy <now> & save!\n50% off today &bogus; a < b"
        );
    }

    #[test]
    fn broken_html_does_not_swallow_the_mail() {
        assert_eq!(to_text("<head>Offer <style>hot"), "Offer hot");
        assert_eq!(to_text("text <a href="), "text");
        assert_eq!(to_text("&"), "&");
        assert_eq!(to_text("é&é;ü"), "é&é;ü");
    }
}
