//! Bytes to text. Text in UTF-8 (or with a byte order mark) is taken as it is; what is not is
//! guessed once for a whole set, because a single short file gives too little to guess from.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::files::File;
use crate::error::{Error, Result};

/// At most so many bytes that are not UTF-8 are looked at to guess an encoding.
const LOOK_AT: usize = 1 << 20;
/// NUL bytes among the first so many say that a file is no text.
const LOOK_FOR_NUL: usize = 8192;

/// How the text of one set is encoded.
pub(super) struct Charset {
    named: Option<&'static Encoding>,
    otherwise: &'static Encoding,
    note: Option<String>,
}

impl Charset {
    /// The encoding named in the recipe, or else the one that fits the files.
    pub(super) fn of(files: &[File], named: Option<&str>) -> Result<Charset> {
        if let Some(name) = named {
            let encoding = by_name(name).ok_or_else(|| {
                Error::recipe(
                    "encoding",
                    format!("`{name}` is not a known encoding"),
                    "known are utf-8, latin-1, windows-1252, iso-8859-2, shift_jis, gbk, big5, euc-kr and the \
                     other names of https://encoding.spec.whatwg.org; leave it out to have it detected",
                )
            })?;
            return Ok(Charset {
                named: Some(encoding),
                otherwise: encoding,
                note: None,
            });
        }
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        let mut looked_at = 0;
        let mut odd = 0;
        for file in files {
            let marked = Encoding::for_bom(&file.bytes).is_some();
            if marked || looks_binary(&file.bytes) || std::str::from_utf8(&file.bytes).is_ok() {
                continue;
            }
            odd += 1;
            for line in file
                .bytes
                .split_inclusive(|&byte| byte == b'\n')
                .filter(|line| !line.is_ascii())
            {
                let room = LOOK_AT - looked_at;
                let line = &line[..line.len().min(room)];
                detector.feed(line, false);
                looked_at += line.len();
            }
        }
        let otherwise = if odd == 0 {
            WINDOWS_1252
        } else {
            detector.guess(None, Utf8Detection::Deny)
        };
        let note = (odd > 0).then(|| {
            let files = if odd == 1 {
                "1 file is".to_owned()
            } else {
                format!("{odd} files are")
            };
            format!(
                "{files} not UTF-8 and read as {}; say otherwise with `encoding`",
                otherwise.name()
            )
        });
        Ok(Charset {
            named: None,
            otherwise,
            note,
        })
    }

    /// A sentence about a guess that was made.
    pub(super) fn note(&self) -> Option<String> {
        self.note.clone()
    }

    /// The text of `bytes`.
    ///
    /// # Errors
    /// When UTF-8 was asked for by name and `bytes` are not.
    pub(super) fn decode<'a>(&self, bytes: &'a [u8], place: &str) -> Result<Cow<'a, str>> {
        if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
            return Ok(encoding.decode_without_bom_handling(&bytes[mark..]).0);
        }
        if let Some(encoding) = self.named.filter(|&encoding| encoding != UTF_8) {
            return Ok(encoding.decode_without_bom_handling(bytes).0);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.into()),
            Err(_) if self.named.is_none() => {
                Ok(self.otherwise.decode_without_bom_handling(bytes).0)
            }
            Err(error) => {
                let at = error.valid_up_to();
                let line = 1 + bytes[..at].iter().filter(|&&byte| byte == b'\n').count();
                Err(Error::data(
                    format!("{place}, line {line}, byte {at}"),
                    format!("byte 0x{:02x} is not valid UTF-8", bytes[at]),
                    "name the right `encoding`, or leave it out to have it detected",
                ))
            }
        }
    }
}

/// The encoding of a name as the web knows it, or as people write it (`latin-1`).
fn by_name(name: &str) -> Option<&'static Encoding> {
    let short = name.replace(['-', '_'], "");
    Encoding::for_label(name.as_bytes()).or_else(|| Encoding::for_label(short.as_bytes()))
}

/// Pictures, programs and the like; UTF-16 with its mark is text.
pub(super) fn looks_binary(bytes: &[u8]) -> bool {
    Encoding::for_bom(bytes).is_none() && bytes[..bytes.len().min(LOOK_FOR_NUL)].contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> File {
        File {
            path: "f".into(),
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn each_file_is_decoded_as_what_it_is() {
        let files = [
            file("naïve".as_bytes()),
            file(b"caf\xe9 cr\xe8me, d\xe9j\xe0 vu"),
            file(b"\xff\xfeh\0i\0"),
        ];
        let charset = Charset::of(&files, None).expect("detected");
        let texts: Vec<_> = files
            .iter()
            .map(|f| charset.decode(&f.bytes, "f").expect("text"))
            .collect();
        assert_eq!(texts, ["naïve", "café crème, déjà vu", "hi"]);
        assert!(
            charset
                .note()
                .expect("a note")
                .starts_with("1 file is not UTF-8 and read as windows-1252")
        );
    }

    #[test]
    fn a_named_encoding_is_obeyed() {
        let charset = Charset::of(&[], Some("utf-8")).expect("known");
        let error = charset
            .decode(b"ok\nno\xff", "a.txt")
            .expect_err("not UTF-8");
        assert!(
            error
                .to_string()
                .starts_with("a.txt, line 2, byte 5: byte 0xff is not valid UTF-8"),
            "{error}"
        );
        assert!(Charset::of(&[], Some("klingon")).is_err());
        assert_eq!(
            Charset::of(&[], Some("latin-1"))
                .expect("known")
                .decode(b"\xe9", "")
                .expect("text"),
            "é"
        );
    }
}
