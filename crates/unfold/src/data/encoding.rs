//! Bytes to text. Text in UTF-8 (or with a byte order mark) is taken as it is; what is not is
//! guessed once for a whole set, because a single short file gives too little to guess from.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, WINDOWS_1252};

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
        if let Some(encoding) = named.map(by_name).transpose()? {
            return Ok(Charset {
                named: Some(encoding),
                otherwise: encoding,
                note: None,
            });
        }
        let mut guess = Guess::default();
        for file in files {
            let marked = Encoding::for_bom(&file.bytes).is_some();
            if marked || looks_binary(&file.bytes) || std::str::from_utf8(&file.bytes).is_ok() {
                continue;
            }
            let read = guess.look_at(&file.bytes[..]);
            read.map_err(|error| Error::io(&file.path, "read", &error))?;
        }
        let (otherwise, note) = guess.made();
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
                Err(not_utf8(place, line as u64, at as u64, bytes[at]))
            }
        }
    }
}

/// A byte that no text in UTF-8 has there.
pub(super) fn not_utf8(place: &str, line: u64, at: u64, byte: u8) -> Error {
    Error::data(
        format!("{place}, line {line}, byte {at}"),
        format!("byte 0x{byte:02x} is not valid UTF-8"),
        "name the right `encoding`, or leave it out to have it detected",
    )
}

/// The one encoding of all files of a set that are not UTF-8, guessed.
pub(super) struct Guess {
    detector: EncodingDetector,
    looked_at: usize,
    files: usize,
}

impl Default for Guess {
    fn default() -> Guess {
        Guess {
            detector: EncodingDetector::new(Iso2022JpDetection::Deny),
            looked_at: 0,
            files: 0,
        }
    }
}

impl Guess {
    /// Takes a file that is not UTF-8 into account.
    pub(super) fn look_at(&mut self, mut file: impl BufRead) -> io::Result<()> {
        self.files += 1;
        let mut line = Vec::new();
        while self.looked_at < LOOK_AT {
            line.clear();
            let room = (LOOK_AT - self.looked_at) as u64;
            if file.by_ref().take(room).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if !line.is_ascii() {
                self.detector.feed(&line, false);
                self.looked_at += line.len();
            }
        }
        Ok(())
    }

    /// The encoding, and a sentence about it where there is such a file.
    pub(super) fn made(&self) -> (&'static Encoding, Option<String>) {
        let files = match self.files {
            0 => return (WINDOWS_1252, None),
            1 => "1 file is".to_owned(),
            files => format!("{files} files are"),
        };
        let encoding = self.detector.guess(None, Utf8Detection::Deny);
        let note = format!(
            "{files} not UTF-8 and read as {}; say otherwise with `data.encoding`",
            encoding.name()
        );
        (encoding, Some(note))
    }
}

/// Text in UTF-8, decoded while it is read.
pub(super) struct Decoded<R> {
    encoded: R,
    decoder: Decoder,
    /// What is decoded; of it, `told` bytes are out.
    text: String,
    told: usize,
    ended: bool,
}

impl<R: BufRead> Decoded<R> {
    /// Of bytes after the mark of their encoding.
    pub(super) fn new(encoded: R, encoding: &'static Encoding) -> Decoded<R> {
        Decoded {
            encoded,
            decoder: encoding.new_decoder_without_bom_handling(),
            text: String::with_capacity(1 << 16),
            told: 0,
            ended: false,
        }
    }
}

impl<R: BufRead> Read for Decoded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.told == self.text.len() && !self.ended {
            self.text.clear();
            self.told = 0;
            let bytes = self.encoded.fill_buf()?;
            let last = bytes.is_empty();
            let (result, read, _) = self.decoder.decode_to_string(bytes, &mut self.text, last);
            self.encoded.consume(read);
            self.ended = last && result == CoderResult::InputEmpty;
        }
        let mut rest = &self.text.as_bytes()[self.told..];
        let read = rest.read(into)?;
        self.told += read;
        Ok(read)
    }
}

/// What says how a file that begins with `head` is encoded: its own mark, so many bytes of it, else the name that
/// the recipe gives.
pub(super) fn declared(
    head: &[u8],
    named: Option<&'static Encoding>,
) -> Option<(&'static Encoding, usize)> {
    Encoding::for_bom(head).or(named.map(|encoding| (encoding, 0)))
}

/// The encoding of a name as the web knows it, or as people write it (`latin-1`).
pub(super) fn by_name(name: &str) -> Result<&'static Encoding> {
    let short = name.replace(['-', '_'], "");
    let known = Encoding::for_label(name.as_bytes());
    let known = known.or_else(|| Encoding::for_label(short.as_bytes()));
    known.ok_or_else(|| {
        Error::recipe(
            "encoding",
            format!("`{name}` is not a known encoding"),
            "known are utf-8, latin-1, windows-1252, iso-8859-2, shift_jis, gbk, big5, euc-kr and the other names \
             of https://encoding.spec.whatwg.org; leave it out to have it detected",
        )
    })
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
