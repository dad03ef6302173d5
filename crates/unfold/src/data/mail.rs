//! Real mail as it lies on disk (RFC 5322 with MIME) turned into the text its reader sees.
//!
//! Only subject and body are kept. The other headers name servers, lists and people: in a
//! collection of mail they reveal the class without saying anything about the message, and a
//! filter that learns them fails on anybody else's mail.

use std::borrow::Cow;

use mail_parser::{Message, MessageParser, PartType};

use super::html;

/// Header names that say that a text is a mail; one of them must be among its headers.
const TELLING: [&str; 10] = [
    "subject",
    "from",
    "to",
    "date",
    "received",
    "return-path",
    "message-id",
    "mime-version",
    "content-type",
    "delivered-to",
];

/// What is kept of a mail.
pub(super) struct Mail {
    /// Decoded, without the `[name]` that mailing lists put in front.
    pub(super) subject: String,
    /// All text parts, decoded; HTML as its text.
    pub(super) body: String,
}

impl Mail {
    /// Decodes `raw` when it is a mail, that is when it begins with mail headers.
    pub(super) fn decode(raw: &[u8]) -> Option<Mail> {
        let raw = without_envelope(raw);
        if !begins_with_headers(raw) {
            return None;
        }
        let message = MessageParser::default().parse(raw)?;
        let subject = without_list_tag(message.subject().unwrap_or(""))
            .trim()
            .to_owned();
        Some(Mail {
            subject,
            body: body(&message),
        })
    }

    /// Subject and body as one text.
    pub(super) fn text(&self) -> String {
        format!("{}\n\n{}", self.subject, self.body)
    }
}

/// Drops the `From someone Thu Aug 22 ...` line that mailboxes put before each mail.
fn without_envelope(raw: &[u8]) -> &[u8] {
    if !raw.starts_with(b"From ") && !raw.starts_with(b">From ") {
        return raw;
    }
    let end = raw.iter().position(|&byte| byte == b'\n');
    end.map_or(raw, |end| &raw[end + 1..])
}

fn begins_with_headers(raw: &[u8]) -> bool {
    let mut telling = false;
    for (number, line) in raw.split(|&byte| byte == b'\n').enumerate().take(200) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return telling;
        }
        if number > 0 && (line.starts_with(b" ") || line.starts_with(b"\t")) {
            continue; // a header's next line
        }
        let name = line.split(|&byte| byte == b':').next().unwrap_or(line);
        let is_name = name.len() < line.len() && name.iter().all(|byte| (33..127).contains(byte));
        if number == 0 && !is_name {
            return false;
        }
        telling |= is_name
            && TELLING
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known.as_bytes()));
    }
    telling
}

/// `Re: [list-name] words` without the list's name: it is the same in all of a list's mail.
fn without_list_tag(subject: &str) -> Cow<'_, str> {
    let Some((before, rest)) = subject.split_once('[') else {
        return subject.into();
    };
    let is_reply =
        |word: &str| ["re:", "fw:", "fwd:"].contains(&word.to_ascii_lowercase().as_str());
    let Some((tag, after)) = rest.split_once(']') else {
        return subject.into();
    };
    if tag.contains(char::is_whitespace) || !before.split_whitespace().all(is_reply) {
        return subject.into();
    }
    format!("{before}{}", after.trim_start()).into()
}

fn body(message: &Message<'_>) -> String {
    let plain = join(message.text_bodies().map(|part| &part.body));
    if plain.trim().is_empty() {
        join(message.html_bodies().map(|part| &part.body))
    } else {
        plain
    }
}

fn join<'a>(parts: impl Iterator<Item = &'a PartType<'a>>) -> String {
    let texts = parts.filter_map(|part| match part {
        PartType::Text(text) => Some(Cow::from(text.as_ref())),
        PartType::Html(html) => Some(html::to_text(html).into()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subject_and_body_are_decoded() {
        let raw = b"From x@y Thu Aug 22\nReceived: from a\n\tby b\nSubject: Re: [ILUG] =?utf-8?Q?caf=C3=A9?=\n\
            Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\n\
            <p>Th=E9 is <b>cheap</b></p>\n";
        let mail = Mail::decode(raw).expect("a mail");
        assert_eq!(mail.text(), "Re: café\n\nThé is cheap");
    }

    #[test]
    fn the_plain_part_wins_unless_it_is_empty() {
        let mail = |plain: &str| {
            format!(
                "From: a@b\nContent-Type: multipart/alternative; boundary=X\n\n--X\nContent-Type: text/plain\n\n\
                 {plain}\n--X\nContent-Type: text/html\n\n<b>rich</b>\n--X--\n"
            )
        };
        assert_eq!(
            Mail::decode(mail("plain").as_bytes())
                .expect("a mail")
                .body
                .trim(),
            "plain"
        );
        assert_eq!(
            Mail::decode(mail("").as_bytes())
                .expect("a mail")
                .body
                .trim(),
            "rich"
        );
    }

    #[test]
    fn other_text_is_no_mail() {
        assert!(Mail::decode(b"Dear all,\nSubject: not a header\n\n").is_none());
        assert!(Mail::decode(b"note: x\n\nwords").is_none());
        assert!(Mail::decode(b"").is_none());
    }

    #[test]
    fn only_a_lists_name_is_taken_from_the_subject() {
        assert_eq!(without_list_tag("[Razor-users] help"), "help");
        assert_eq!(without_list_tag("RE: [ILUG] help"), "RE: help");
        assert_eq!(without_list_tag("Win [a lot] now"), "Win [a lot] now");
        assert_eq!(without_list_tag("Win [now]"), "Win [now]");
        assert_eq!(without_list_tag("[half"), "[half");
    }
}
