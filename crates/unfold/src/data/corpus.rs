//! Running text for language models: files of any number and size, split into parts.

use std::fs;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::encoding::Charset;
use super::files::Files;
use super::format::Format;
use super::parts::{self, Part};
use super::{TokenKind, builtin};
use crate::error::{Error, Result};

/// Where a text is over and `<eos>`, the end of a sequence, is put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ends {
    /// For words: after each paragraph where blank lines part them, else after each line. For
    /// characters and subwords, to which line breaks are tokens like any other: nowhere, but
    /// after each object of JSON Lines.
    #[default]
    Auto,
    /// After each line.
    Line,
    /// After each paragraph: where one or more blank lines follow.
    Paragraph,
    /// After each file, or each object of JSON Lines.
    Document,
    /// Nowhere.
    Never,
}

/// How running text is read. The default suits most data; see each field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CorpusSource {
    /// The field of JSON Lines that holds the text; when absent `text`, `content` or `body`.
    pub text: Option<String>,
    /// The encoding of the text, such as `latin-1`; when absent it is found out.
    pub encoding: Option<String>,
    /// Reads only the files inside DATA whose name or path matches; `*` stands for any text.
    pub only: Option<String>,
    /// Where `<eos>` is put.
    pub eos: Ends,
    /// The share at the end of the text kept for testing when the data gives no test part.
    pub test_fraction: f64,
    /// The share at the end of the rest kept for choosing and stopping when the data gives no
    /// validation part. 0 for none.
    pub valid_fraction: f64,
}

impl Default for CorpusSource {
    fn default() -> CorpusSource {
        CorpusSource {
            text: None,
            encoding: None,
            only: None,
            eos: Ends::Auto,
            test_fraction: 0.1,
            valid_fraction: 0.05,
        }
    }
}

impl CorpusSource {
    /// Refuses what cannot be meant.
    ///
    /// # Errors
    /// Naming the key and what it may be.
    pub fn check(&self) -> Result<()> {
        let fractions = [
            ("test_fraction", self.test_fraction),
            ("valid_fraction", self.valid_fraction),
        ];
        for (name, fraction) in fractions {
            if !(0.0..1.0).contains(&fraction) {
                return Err(Error::recipe(
                    format!("data.{name}"),
                    format!("{fraction} is not a fraction"),
                    "give a number from 0 to below 1",
                ));
            }
        }
        Ok(())
    }
}

/// Running text, split.
#[derive(Debug)]
pub struct Corpus {
    name: String,
    text: Option<String>,
    train: Vec<Piece>,
    valid: Vec<Piece>,
    test: Vec<Piece>,
    /// What was done to the data, as sentences for a person to read.
    pub notes: Vec<String>,
}

/// A part of a corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CorpusPart {
    /// What to learn from.
    Train,
    /// What to choose and stop by.
    Valid,
    /// What to look at once.
    Test,
}

impl CorpusPart {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            CorpusPart::Train => "train",
            CorpusPart::Valid => "valid",
            CorpusPart::Test => "test",
        }
    }
}

/// Is told, now and then, which share of a part has been handed out, 0..=1; `None` while that cannot
/// be said.
pub type Watch<'a> = dyn FnMut(Option<f64>) + 'a;

/// A stretch of one file.
#[derive(Clone, Debug)]
struct Piece {
    text: Text,
    /// Which of its bytes.
    range: Range<u64>,
    json: bool,
    place: String,
}

#[derive(Clone, Debug)]
enum Text {
    Memory(Arc<str>),
    /// UTF-8, read line by line each time.
    Disk(PathBuf),
}

/// Bytes between two calls of a [`Watch`].
const WATCHED: u64 = 1 << 18;

/// Plain files larger than this stay on disk and are read line by line, twice.
const LARGE: u64 = 256 << 20;

impl Corpus {
    /// Reads the text at `path`: a file, a folder, an archive or `builtin:moby-dick`. Files named
    /// for a part (`train`, `valid` or `dev`, `test`) make up those; what is missing is taken from
    /// the end of the text. JSON Lines (`.jsonl`, `.ndjson`) hold one text an object; tables are no
    /// running text and are passed over.
    ///
    /// # Errors
    /// When there is no text, as in `builtin:spam` and other labelled data, or it cannot be read.
    pub fn read(path: &Path, source: &CorpusSource) -> Result<Corpus> {
        Corpus::read_with(path, source, LARGE)
    }

    /// [`Corpus::read`], where plain files of `large` bytes stay on disk.
    fn read_with(path: &Path, source: &CorpusSource, large: u64) -> Result<Corpus> {
        source.check()?;
        let mut corpus = Corpus {
            name: path.display().to_string(),
            text: source.text.clone(),
            train: Vec::new(),
            valid: Vec::new(),
            test: Vec::new(),
            notes: Vec::new(),
        };
        let utf8 = source.encoding.is_none();
        if path == Path::new(builtin::SORTED) {
            return Err(Error::data(
                builtin::SORTED,
                "these are mails sorted into classes, not running text",
                "train a classifier with `unfold train text builtin:spam`, or give running text such as \
                 builtin:moby-dick",
            ));
        }
        if let Some(piece) = on_disk(path, large).filter(|_| utf8) {
            corpus.train.push(piece);
        } else {
            corpus.read_files(path, source)?;
        }
        if corpus.train.is_empty() {
            // A lone `test.txt` is simply the text.
            let lone = [&mut corpus.valid, &mut corpus.test];
            corpus.train = lone.into_iter().flat_map(std::mem::take).collect();
        }
        if corpus.test.is_empty() && corpus.valid.is_empty() {
            corpus.test = take_end(&mut corpus.train, source.test_fraction)?;
        }
        if corpus.valid.is_empty() {
            corpus.valid = take_end(&mut corpus.train, source.valid_fraction)?;
        }
        Ok(corpus)
    }

    fn read_files(&mut self, path: &Path, source: &CorpusSource) -> Result<()> {
        let files = Files::open(path, source.only.as_deref())?;
        let charset = Charset::of(&files.files, source.encoding.as_deref())?;
        self.notes.extend(files.notes);
        self.notes.extend(charset.note());
        let mut tables = 0;
        for file in &files.files {
            let place = match files.single {
                true => files.name.clone(),
                false => format!("{}, {}", files.name, file.path),
            };
            if Format::is_table(file) {
                tables += 1;
                self.notes.push(format!(
                    "{place} is a table, no running text, and was passed over"
                ));
                continue;
            }
            if super::encoding::looks_binary(&file.bytes) {
                self.notes
                    .push(format!("{place} is no text and was passed over"));
                continue;
            }
            let text: Arc<str> = charset
                .decode(&file.bytes, &place)?
                .replace("\r\n", "\n")
                .into();
            let piece = Piece {
                range: 0..text.len() as u64,
                text: Text::Memory(text),
                json: is_json(&file.path),
                place,
            };
            let folder = file.path.rsplit_once('/').map(|(folder, _)| folder);
            let part = parts::of_file(&file.path)
                .or_else(|| folder.and_then(|f| f.split('/').find_map(parts::of_folder)));
            match part {
                Some(Part::Valid) => self.valid.push(piece),
                Some(Part::Test) => self.test.push(piece),
                Some(Part::Train) | None => self.train.push(piece),
            }
        }
        if self.train.is_empty() && self.valid.is_empty() && self.test.is_empty() {
            let (problem, remedy) = match tables {
                0 => ("holds no text", "give plain text or JSON Lines"),
                _ => (
                    "is a table, such as labelled texts come in, and no running text",
                    "sort its texts with `unfold train text`, or write them as plain text or as JSON Lines, \
                     {\"text\": \"…\"} on each line",
                ),
            };
            return Err(Error::data(&self.name, problem, remedy));
        }
        Ok(())
    }

    /// DATA as the user named it.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn pieces(&self, part: CorpusPart) -> &[Piece] {
        match part {
            CorpusPart::Train => &self.train,
            CorpusPart::Valid => &self.valid,
            CorpusPart::Test => &self.test,
        }
    }

    /// Whether there is anything in a part.
    pub fn has(&self, part: CorpusPart) -> bool {
        !self.pieces(part).is_empty()
    }

    /// What [`Ends::Auto`] means for this text cut into such tokens.
    pub fn ends(&self, chosen: Ends, tokens: TokenKind) -> Ends {
        if chosen != Ends::Auto {
            return chosen;
        }
        match tokens {
            _ if self.train.iter().all(|piece| piece.json) => Ends::Document,
            TokenKind::Characters | TokenKind::File | TokenKind::Bpe => Ends::Never,
            TokenKind::Words | TokenKind::Whitespace => {
                let parted = |piece: &Piece| match &piece.text {
                    Text::Memory(text) => text.contains("\n\n"),
                    Text::Disk(path) => head(path).is_ok_and(|head| head.contains("\n\n")),
                };
                match self.train.iter().any(parted) {
                    true => Ends::Paragraph,
                    false => Ends::Line,
                }
            }
        }
    }

    /// Hands out a part in stretches of text, after each of which `<eos>` belongs; with
    /// [`Ends::Never`], after none: then they are the text as it is, piece by piece.
    ///
    /// # Errors
    /// When a file cannot be read to its end, or a line of JSON Lines holds no text.
    pub fn visit(
        &self,
        part: CorpusPart,
        ends: Ends,
        watch: &mut Watch<'_>,
        visit: &mut dyn FnMut(&str) -> Result<()>,
    ) -> Result<()> {
        let lengths = self.pieces(part).iter().map(Piece::len);
        let all = lengths.sum::<u64>().max(1);
        let (mut read, mut told) = (0, 0);
        watch(Some(0.0));
        let mut open = Open {
            ends,
            text: String::new(),
            visit,
        };
        for piece in self.pieces(part) {
            let mut number = 0;
            piece.lines(&mut |line| {
                number += 1;
                read += line.len() as u64;
                if read - told >= WATCHED {
                    told = read;
                    watch(Some(read.min(all) as f64 / all as f64));
                }
                if !piece.json {
                    return open.line(line);
                }
                if line.trim().is_empty() {
                    return Ok(());
                }
                let place = || format!("{}, line {number}", piece.place);
                let text = text_of(line, self.text.as_deref(), place)?;
                text.split_inclusive('\n')
                    .try_for_each(|line| open.line(line))?;
                open.end()
            })?;
            open.end()?;
        }
        Ok(())
    }
}

/// What has been read of a stretch of text.
struct Open<'a> {
    ends: Ends,
    text: String,
    visit: &'a mut dyn FnMut(&str) -> Result<()>,
}

impl Open<'_> {
    /// A line, with its end if it has one.
    fn line(&mut self, line: &str) -> Result<()> {
        match self.ends {
            Ends::Never => (self.visit)(line),
            Ends::Line | Ends::Auto => (self.visit)(line.strip_suffix('\n').unwrap_or(line)),
            Ends::Paragraph if line.trim().is_empty() => self.end(),
            Ends::Paragraph | Ends::Document => {
                self.text.push_str(line);
                Ok(())
            }
        }
    }

    /// The end of a document.
    fn end(&mut self) -> Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        let text = std::mem::take(&mut self.text);
        (self.visit)(text.trim_end_matches('\n'))
    }
}

impl Piece {
    /// How many bytes it has.
    fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Its lines, with their ends.
    fn lines(&self, visit: &mut dyn FnMut(&str) -> Result<()>) -> Result<()> {
        let path = match &self.text {
            Text::Memory(text) => {
                let range = self.range.start as usize..self.range.end as usize;
                return text[range].split_inclusive('\n').try_for_each(visit);
            }
            Text::Disk(path) => path,
        };
        let unread = |error| Error::io(path, "read", &error);
        let mut file = fs::File::open(path).map_err(unread)?;
        file.seek(SeekFrom::Start(self.range.start))
            .map_err(unread)?;
        let mut file = BufReader::with_capacity(1 << 20, file.take(self.len()));
        let mut line = String::new();
        loop {
            line.clear();
            if file.read_line(&mut line).map_err(unread)? == 0 {
                return Ok(());
            }
            match line.strip_suffix("\r\n") {
                Some(plain) => visit(&format!("{plain}\n"))?,
                None => visit(&line)?,
            }
        }
    }

    /// The first line that begins at byte `at`, which is inside, or after it; in text without
    /// lines, the next letter.
    fn line_from(&self, at: u64) -> Result<u64> {
        // The end of the line before tells.
        let before = at.saturating_sub(1);
        match &self.text {
            Text::Memory(text) => {
                let rest = &text.as_bytes()[before as usize..];
                let near = &rest[..rest.len().min(NEAR)];
                if let Some(end) = near.iter().position(|&byte| byte == b'\n') {
                    return Ok(before + end as u64 + 1);
                }
                let letter = |at: &u64| text.is_char_boundary(*at as usize);
                Ok((at..).find(letter).expect("the end is one"))
            }
            Text::Disk(path) => {
                let unread = |error| Error::io(path, "read", &error);
                let mut file = fs::File::open(path).map_err(unread)?;
                file.seek(SeekFrom::Start(before)).map_err(unread)?;
                let mut rest = Vec::new();
                let read = BufReader::new(file).read_until(b'\n', &mut rest);
                read.map_err(unread)?;
                Ok(before + rest.len() as u64)
            }
        }
    }
}

/// A line's end is looked for so far from where text is divided.
const NEAR: usize = 4096;

/// Takes a share off the end of the text, at the start of a line.
fn take_end(from: &mut Vec<Piece>, fraction: f64) -> Result<Vec<Piece>> {
    let all: u64 = from.iter().map(Piece::len).sum();
    let mut left = (all as f64 * fraction).round() as u64;
    let mut taken = Vec::new();
    while left > 0 {
        let Some(mut piece) = from.pop() else {
            break;
        };
        if piece.len() > left {
            let cut = piece.line_from(piece.range.end - left)?;
            let cut = cut.min(piece.range.end);
            left = 0;
            let kept = Piece {
                range: piece.range.start..cut,
                ..piece.clone()
            };
            piece.range.start = cut;
            from.push(kept);
        } else {
            left -= piece.len();
        }
        if !piece.range.is_empty() {
            taken.insert(0, piece);
        }
    }
    Ok(taken)
}

/// A plain file too large for memory.
fn on_disk(path: &Path, large: u64) -> Option<Piece> {
    if builtin::is_builtin(path) {
        return None;
    }
    let found = fs::metadata(path).ok()?; // told when it is read
    let name = path.to_string_lossy();
    let plain = [".txt", ".text", ".md", ".jsonl", ".ndjson", ".tokens"];
    if !found.is_file() || found.len() < large || !plain.iter().any(|end| name.ends_with(end)) {
        return None;
    }
    Some(Piece {
        text: Text::Disk(path.to_owned()),
        range: 0..found.len(),
        json: is_json(&name),
        place: name.into_owned(),
    })
}

/// The first million bytes.
fn head(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(1 << 20)
        .read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn is_json(path: &str) -> bool {
    path.ends_with(".jsonl") || path.ends_with(".ndjson")
}

/// The text of an object of JSON Lines.
fn text_of(line: &str, field: Option<&str>, place: impl Fn() -> String) -> Result<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str, source: &CorpusSource) -> Result<Corpus> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        Corpus::read(&path, source)
    }

    fn stretches(corpus: &Corpus, part: CorpusPart, ends: Ends) -> Vec<String> {
        let mut all = Vec::new();
        let mut add = |text: &str| {
            all.push(text.to_owned());
            Ok(())
        };
        corpus.visit(part, ends, &mut |_| {}, &mut add).unwrap();
        all
    }

    #[test]
    fn texts_end_where_they_are_said_to() {
        let source = CorpusSource {
            test_fraction: 0.0,
            valid_fraction: 0.0,
            ..CorpusSource::default()
        };
        let corpus = read("a.txt", "one\ntwo\n\n\nthree\r\nfour", &source).unwrap();
        let of = |ends| stretches(&corpus, CorpusPart::Train, ends);
        assert_eq!(of(Ends::Line), ["one", "two", "", "", "three", "four"]);
        assert_eq!(of(Ends::Paragraph), ["one\ntwo", "three\nfour"]);
        assert_eq!(of(Ends::Document), ["one\ntwo\n\n\nthree\nfour"]);
        assert_eq!(of(Ends::Never).concat(), "one\ntwo\n\n\nthree\nfour");
        assert_eq!(corpus.ends(Ends::Auto, TokenKind::Words), Ends::Paragraph);
        assert_eq!(corpus.ends(Ends::Auto, TokenKind::Characters), Ends::Never);
        let lines = read(
            "a.jsonl",
            "{\"text\":\"a\\nb\"}\n\n{\"text\":\"c\"}\n",
            &source,
        );
        let lines = lines.unwrap();
        assert_eq!(
            lines.ends(Ends::Auto, TokenKind::Characters),
            Ends::Document
        );
        assert_eq!(
            stretches(&lines, CorpusPart::Train, Ends::Document),
            ["a\nb", "c"]
        );
        let wrong = read("a.jsonl", "{\"text\":\"a\"}\n{\"words\":\"b\"}\n", &source).unwrap();
        let said = wrong.visit(CorpusPart::Train, Ends::Line, &mut |_| {}, &mut |_| Ok(()));
        let said = said.unwrap_err().to_string();
        assert!(
            said.contains("a.jsonl, line 2") && said.contains("there is words"),
            "{said}"
        );
    }

    #[test]
    fn tables_are_no_running_text() {
        let source = CorpusSource::default();
        let tabs = "ham\tsee you\nspam\tcall now\n";
        let tables = [
            ("a.csv", "label,text\nham,see you\n"),
            ("a.json", "[{\"label\":\"ham\",\"text\":\"see you\"}]"),
            ("collection", tabs),
            ("b.txt", "__label__ham see you\n__label__spam call now\n"),
        ];
        for (name, text) in tables {
            let said = read(name, text, &source).unwrap_err().to_string();
            assert!(
                said.contains("is a table") && said.contains("train text"),
                "{name}: {said}"
            );
        }
        // A table beside texts is left alone, and indented lines are none.
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("index.csv"), "a,b\n1,2\n").unwrap();
        fs::write(
            folder.path().join("verse.txt"),
            "\tone line\n\tand another\n",
        )
        .unwrap();
        let corpus = Corpus::read(folder.path(), &source).unwrap();
        assert!(
            corpus.notes[0].contains("index.csv is a table"),
            "{:?}",
            corpus.notes
        );
        let parts = [CorpusPart::Train, CorpusPart::Valid, CorpusPart::Test];
        let text = parts.map(|part| stretches(&corpus, part, Ends::Never).concat());
        assert_eq!(text.concat(), "\tone line\n\tand another\n");
        let said = Corpus::read(Path::new("builtin:spam"), &source).unwrap_err();
        assert!(
            said.to_string().contains("unfold train text builtin:spam"),
            "{said}"
        );
    }

    #[test]
    fn large_files_are_read_from_disk_alike() {
        let folder = tempfile::tempdir().unwrap();
        let plain: String = (0..500)
            .map(|i| format!("line {i}: größer\r\n\n"))
            .collect();
        let json: String = (0..500)
            .map(|i| format!("{{\"text\":\"a {i}\\nb\"}}\n"))
            .collect();
        for (name, text) in [("a.txt", plain), ("b.jsonl", json)] {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            let source = CorpusSource::default();
            let memory = Corpus::read_with(&path, &source, u64::MAX).unwrap();
            let disk = Corpus::read_with(&path, &source, 1).unwrap();
            assert!(matches!(disk.train[0].text, Text::Disk(_)));
            for ends in [Ends::Line, Ends::Paragraph, Ends::Document, Ends::Never] {
                let all = |corpus| {
                    let parts = [CorpusPart::Train, CorpusPart::Valid, CorpusPart::Test];
                    parts.map(|part| stretches(corpus, part, ends)).concat()
                };
                assert_eq!(
                    all(&memory).concat(),
                    all(&disk).concat(),
                    "{name}, {ends:?}"
                );
            }
        }
    }

    #[test]
    fn the_end_is_held_out() {
        let text: String = (0..100).map(|i| format!("line {i:02}\n")).collect();
        let corpus = read("a.txt", &text, &CorpusSource::default()).unwrap();
        let of = |part| stretches(&corpus, part, Ends::Line);
        let (train, valid, test) = (
            of(CorpusPart::Train),
            of(CorpusPart::Valid),
            of(CorpusPart::Test),
        );
        assert_eq!((train.len(), valid.len(), test.len()), (86, 4, 10));
        let all = [train, valid, test].concat();
        assert_eq!(all.join("\n") + "\n", text);
    }
}
