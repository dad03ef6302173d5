//! Numbers and commands as people read them.

use std::path::Path;

/// `12345` as `12,345`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// So many of something, whose plural ends in s.
pub(crate) fn counted(value: u64, what: &str) -> String {
    let ending = if value == 1 { "" } else { "s" };
    format!("{} {what}{ending}", count(value))
}

/// A token with marks for white space and control characters, which the font of the pictures has.
pub(crate) fn visible(token: &str) -> String {
    let letter = |letter: char| match letter {
        '\n' => '↵',
        ' ' => '·',
        '\t' => '→',
        _ if letter.is_control() => '\u{fffd}',
        _ => letter,
    };
    token.chars().map(letter).collect()
}

/// A perplexity; one beyond all use with its power of ten.
pub(crate) fn perplexity(value: f64) -> String {
    match value < 1e6 {
        true => format!("{value:.2}"),
        false => format!("{value:.2e}"),
    }
}

/// A share of one in percent.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// Seconds as a time one can imagine.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 59.95 => format!("{seconds:.1} s"),
        0..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

/// A path as one may paste it into a POSIX shell.
pub(crate) fn shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+:,=@".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [count(0), count(999), count(1_234_567)],
            ["0", "999", "1,234,567"]
        );
        assert_eq!(
            [counted(1, "epoch"), counted(1200, "step")],
            ["1 epoch", "1,200 steps"]
        );
        assert_eq!(visible(" a\n\t\x1b"), "·a↵→\u{fffd}");
        assert_eq!(percent(0.98765), "98.77 %");
        assert_eq!(
            [perplexity(114.456), perplexity(1.5724e12)],
            ["114.46", "1.57e12"]
        );
        assert_eq!(
            [duration(4.25), duration(61.4), duration(7380.0)],
            ["4.2 s", "1 min 01 s", "2 h 03 min"]
        );
    }

    #[test]
    fn paths_survive_the_shell() {
        assert_eq!(shell(Path::new("runs/text-spam")), "runs/text-spam");
        assert_eq!(shell(Path::new("my run/it's")), r"'my run/it'\''s'");
    }
}
