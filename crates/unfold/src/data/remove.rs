//! Drops headers, footers and quoted lines from posts, exactly as scikit-learn's
//! `fetch_20newsgroups(remove=...)` does, so that results compare with published ones.

use super::Remove;

/// Applies the wanted removals, in scikit-learn's order whatever order they are named in.
pub(super) fn strip(text: &str, remove: &[Remove]) -> String {
    let mut text = text.to_owned();
    if remove.contains(&Remove::Headers) {
        text = strip_header(&text).to_owned();
    }
    if remove.contains(&Remove::Footers) {
        text = strip_footer(&text);
    }
    if remove.contains(&Remove::Quotes) {
        text = strip_quotes(&text);
    }
    text
}

/// Everything after the first blank line; nothing when there is no blank line.
fn strip_header(text: &str) -> &str {
    text.split_once("\n\n").map_or("", |(_, after)| after)
}

/// Cuts the text at its last blank or dashed line, taking what follows for a signature.
fn strip_footer(text: &str) -> String {
    let lines: Vec<&str> = trim(text).split('\n').collect();
    let is_rule = |line: &&str| trim(line).trim_matches('-').is_empty();
    match lines.iter().rposition(is_rule) {
        Some(last) if last > 0 => lines[..last].join("\n"),
        _ => text.to_owned(),
    }
}

/// Drops the lines that quote another post or introduce a quotation.
fn strip_quotes(text: &str) -> String {
    let quotes = |line: &str| {
        ["writes in", "writes:", "wrote:", "says:", "said:"]
            .iter()
            .any(|phrase| line.contains(phrase))
            || ["In article", "Quoted from", "|", ">"]
                .iter()
                .any(|start| line.starts_with(start))
    };
    let kept: Vec<&str> = text.split('\n').filter(|line| !quotes(line)).collect();
    kept.join("\n")
}

/// Python's `str.strip`, whose white space includes four separators that Rust's does not.
fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_keeps_its_own_words() {
        let post = "From: a@b.c\nSubject: x\n\nIn article <1> d@e.f writes:\n> old words\nMy own words.\n\n--\nSignature";
        let all = [Remove::Quotes, Remove::Headers, Remove::Footers];
        assert_eq!(strip(post, &all), "My own words.\n");
        assert_eq!(strip("no header at all", &[Remove::Headers]), "");
        assert_eq!(strip("one line", &[Remove::Footers]), "one line");
    }
}
