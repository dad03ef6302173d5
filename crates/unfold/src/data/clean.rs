//! What is done to each text before anything is counted.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::encoding::Charset;
use super::mail::Mail;
use super::{TextSource, remove};
use crate::error::Result;

/// A text as the model will see it.
pub(super) struct Cleaned {
    pub(super) text: String,
    /// Equal for duplicates: the same text or, of mails, the same words in the body.
    pub(super) fingerprint: u128,
    /// Whether the end of the text was cut off.
    pub(super) cut: bool,
}

/// Cleans a document as it lies on disk.
pub(super) fn bytes(
    bytes: &[u8],
    place: &str,
    charset: &Charset,
    source: &TextSource,
) -> Result<Cleaned> {
    if let Some(mail) = source.mail.then(|| Mail::decode(bytes)).flatten() {
        return Ok(of_mail(&mail, source));
    }
    Ok(plain(&charset.decode(bytes, place)?, source))
}

/// Cleans a text that is decoded already; a mail's own encodings are undone.
pub(super) fn text(text: &str, source: &TextSource) -> Cleaned {
    match source.mail.then(|| Mail::decode(text.as_bytes())).flatten() {
        Some(mail) => of_mail(&mail, source),
        None => plain(text, source),
    }
}

fn of_mail(mail: &Mail, source: &TextSource) -> Cleaned {
    let mut cleaned = plain(&mail.text(), source);
    let words: Vec<String> = mail
        .body
        .split_whitespace()
        .map(str::to_lowercase)
        .collect();
    if !words.is_empty() {
        cleaned.fingerprint = fingerprint(&words.join(" "));
    }
    cleaned
}

fn plain(text: &str, source: &TextSource) -> Cleaned {
    let mut text = remove::strip(text, &source.remove);
    let mut end = source.max_bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let cut = end < text.len();
    text.truncate(end);
    Cleaned {
        fingerprint: fingerprint(&text),
        text,
        cut,
    }
}

/// 128 bits, so that two different texts of a large set do not meet by chance.
fn fingerprint(text: &str) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, text).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
