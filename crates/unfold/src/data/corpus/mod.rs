//! Running text for language models: files of any number and size, split into parts.

mod ends;
mod json;
mod lines;
mod piece;
mod read;
mod source;

use std::path::Path;

use super::parts::Part;
use super::{TokenKind, builtin};
use crate::error::{Error, Result};

pub use ends::Ends;
pub use source::CorpusSource;

use ends::Stretch;
use piece::{Piece, Stores, take_end};

/// Running text, split.
#[derive(Debug)]
pub struct Corpus {
    name: String,
    /// The field of JSON Lines that holds the text.
    field: Option<String>,
    stores: Stores,
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

/// Bytes between two calls of a [`Watch`].
const WATCHED: u64 = 1 << 18;

impl Corpus {
    /// Reads the text at `path`: a file, a folder, an archive or `builtin:moby-dick`. Files named
    /// for a part (`train`, `valid` or `dev`, `test`) make up those; what is missing is taken from
    /// the end of the text. Where a part to learn from and one to measure on are named, files named for none are left
    /// out. JSON Lines (`.jsonl`, `.ndjson`, or `.json` with an object a line) hold one text an object; tables are no
    /// running text and are passed over.
    ///
    /// The text is not held: files in UTF-8 that are not packed are read where they lie whenever
    /// they are visited, and everything else is unpacked once, past some size into a temporary file.
    ///
    /// # Errors
    /// When there is no text, as in `builtin:spam` and other labelled data, or it cannot be read.
    pub fn read(path: &Path, source: &CorpusSource) -> Result<Corpus> {
        source.check()?;
        if path == Path::new(builtin::SORTED) {
            return Err(Error::data(
                builtin::SORTED,
                "these are mails sorted into classes, not running text",
                "train a classifier with `unfold train text builtin:spam`, or give running text such as \
                 builtin:moby-dick",
            ));
        }
        let texts = read::read(path, source)?;
        let (mut train, mut valid, mut test) = (Vec::new(), Vec::new(), Vec::new());
        for (part, piece) in texts.pieces {
            match part {
                Some(Part::Valid) => valid.push(piece),
                Some(Part::Test) => test.push(piece),
                Some(Part::Train) | None => train.push(piece),
            }
        }
        if train.is_empty() {
            // A lone `test.txt` is simply the text.
            let lone = [&mut valid, &mut test];
            train = lone.into_iter().flat_map(std::mem::take).collect();
        }
        let stores = texts.stores;
        if test.is_empty() {
            test = take_end(&mut train, source.test_fraction, &stores)?;
        }
        if valid.is_empty() {
            valid = take_end(&mut train, source.valid_fraction, &stores)?;
        }
        Ok(Corpus {
            name: path.display().to_string(),
            field: source.text.clone(),
            stores,
            train,
            valid,
            test,
            notes: texts.notes,
        })
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
                match self.train.iter().any(|piece| piece.parted) {
                    true => Ends::Paragraph,
                    false => Ends::Line,
                }
            }
        }
    }

    /// Hands out a part in stretches of text, and says after each whether a text is over, where
    /// `<eos>` belongs. With [`Ends::Never`] none is: then they are the text as it is. A text of
    /// more than some thousand bytes comes in several stretches.
    ///
    /// # Errors
    /// When a file cannot be read to its end, or a line of JSON Lines holds no text.
    pub fn visit(
        &self,
        part: CorpusPart,
        ends: Ends,
        watch: &mut Watch<'_>,
        visit: &mut dyn FnMut(&str, bool) -> Result<()>,
    ) -> Result<()> {
        let lengths = self.pieces(part).iter().map(Piece::len);
        let all = lengths.sum::<u64>().max(1);
        let (mut read, mut told) = (0, 0);
        watch(Some(0.0));
        let mut stretch = Stretch::new(ends, visit);
        for piece in self.pieces(part) {
            piece.lines(&self.stores, &mut |number, line| {
                read += line.len() as u64;
                if read - told >= WATCHED {
                    told = read;
                    watch(Some(read.min(all) as f64 / all as f64));
                }
                if !piece.json {
                    return stretch.line(line);
                }
                if line.trim().is_empty() {
                    return Ok(());
                }
                let place = || format!("{}, line {number}", piece.name);
                let text = json::text_of(line, self.field.as_deref(), place)?;
                text.split_inclusive('\n')
                    .try_for_each(|line| stretch.line(line))?;
                stretch.end()
            })?;
            stretch.end()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Cursor, Write as _};

    use tempfile::TempDir;

    use super::*;

    /// The folder is where the text stays.
    fn read(name: &str, text: &str, source: &CorpusSource) -> Result<(TempDir, Corpus)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let corpus = Corpus::read(&path, source)?;
        Ok((folder, corpus))
    }

    fn stretches(corpus: &Corpus, part: CorpusPart, ends: Ends) -> Vec<String> {
        let mut all = Vec::new();
        let mut add = |text: &str, over| {
            assert_eq!(over, ends != Ends::Never);
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
        let (_folder, corpus) = read("a.txt", "one\ntwo\n\n\nthree\r\nfour", &source).unwrap();
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
        let (_folder, lines) = lines.unwrap();
        assert_eq!(
            lines.ends(Ends::Auto, TokenKind::Characters),
            Ends::Document
        );
        assert_eq!(
            stretches(&lines, CorpusPart::Train, Ends::Document),
            ["a\nb", "c"]
        );
        let wrong = read("a.jsonl", "{\"text\":\"a\"}\n{\"words\":\"b\"}\n", &source);
        let (_folder, wrong) = wrong.unwrap();
        let said = wrong.visit(CorpusPart::Train, Ends::Line, &mut |_| {}, &mut |_, _| {
            Ok(())
        });
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
    fn json_lines_are_known_by_what_they_hold() {
        let source = CorpusSource {
            test_fraction: 0.0,
            valid_fraction: 0.0,
            ..CorpusSource::default()
        };
        let text = "{\"text\": \"a {\"}\n\n {\"text\": \"b\"}\n";
        for name in ["a.json", "a.JSONL"] {
            let (_folder, corpus) = read(name, text, &source).unwrap();
            let texts = stretches(&corpus, CorpusPart::Train, Ends::Document);
            assert_eq!(texts, ["a {", "b"], "{name}");
        }
        let (_folder, corpus) = read("a.txt", text, &source).unwrap();
        assert!(
            corpus.notes[0].contains("call it .jsonl"),
            "{:?}",
            corpus.notes
        );
        let (_folder, corpus) = read("a.txt", "{\n{\n", &source).unwrap();
        assert!(corpus.notes.is_empty(), "{:?}", corpus.notes);
    }

    #[test]
    fn what_is_named_for_no_part_is_left_out_beside_parts() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| fs::write(folder.path().join(name), format!("{name}\n")).unwrap();
        let source = CorpusSource {
            test_fraction: 0.0,
            valid_fraction: 0.0,
            ..CorpusSource::default()
        };
        let learned = || {
            let corpus = Corpus::read(folder.path(), &source).unwrap();
            let texts = stretches(&corpus, CorpusPart::Train, Ends::Line);
            (texts, corpus.notes)
        };
        // A title may be about trains.
        write("train.txt");
        write("readme.md");
        assert_eq!(
            learned(),
            (vec!["readme.md".into(), "train.txt".into()], vec![])
        );
        write("test.txt");
        let (texts, notes) = learned();
        assert_eq!(texts, ["train.txt"]);
        assert!(notes[0].contains("readme.md is not named"), "{notes:?}");
        write("about.txt");
        let (_, notes) = learned();
        assert!(notes[0].contains("about.txt and 1 more are"), "{notes:?}");
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let fast = flate2::Compression::fast();
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), fast);
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn tar(files: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, name, &bytes[..]).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            let options = zip::write::SimpleFileOptions::default();
            zip.start_file(name, options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    /// Every stretch of every part, however they end.
    fn all(path: &Path, source: &CorpusSource) -> Vec<Vec<String>> {
        let corpus = Corpus::read(path, source).unwrap();
        let parts = [CorpusPart::Train, CorpusPart::Valid, CorpusPart::Test];
        let ends = [Ends::Line, Ends::Paragraph, Ends::Document, Ends::Never];
        let of = |part| ends.map(|ends| stretches(&corpus, part, ends));
        parts.into_iter().flat_map(of).collect()
    }

    #[test]
    fn wherever_texts_lie_they_read_alike() {
        let text = |file: usize| -> String {
            let lines = 0..200;
            let ends = ["\r\n\n", "\n"][file % 2];
            lines
                .map(|i| format!("{file}, line {i}: größer{ends}"))
                .collect()
        };
        let json = (0..200).map(|i| format!("{{\"text\":\"a {i}\\nb\"}}\n"));
        let source = CorpusSource::default();
        let named = ["a.txt", "b.md", "c"].map(|name| format!("book/{name}"));
        let parts = ["x.train.txt", "x.valid.txt", "x.test.txt"].map(str::to_owned);
        for names in [named, parts] {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            let texts = names.iter().enumerate().map(|(i, name)| (name, text(i)));
            let mut texts: Vec<(String, String)> =
                texts.map(|(name, text)| (name.clone(), text)).collect();
            texts.push(("posts.jsonl".to_owned(), json.clone().collect()));
            let files = |form: &dyn Fn(&str) -> Vec<u8>, packing: &str| {
                let files = texts
                    .iter()
                    .map(|(name, text)| (format!("{name}{packing}"), form(text)));
                files.collect::<Vec<_>>()
            };
            let plain = files(&|text| text.into(), "");
            let packed = files(&|text| gzip(text.as_bytes()), ".gz");
            let units = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let encoded = files(&|text| [b"\xff\xfe".to_vec(), units(text)].concat(), "");
            let latin = files(&|text| text.chars().map(|c| c as u8).collect(), "");
            let marked = files(&|text| format!("\u{feff}{text}").into(), "");
            let folders = [&plain, &packed, &encoded, &latin, &marked];
            for (number, files) in folders.into_iter().enumerate() {
                for (name, bytes) in files {
                    let path = path(&format!("{number}/{name}"));
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(path, bytes).unwrap();
                }
            }
            fs::write(path("a.zip"), zip(&plain)).unwrap();
            fs::write(path("a.tar"), tar(&plain)).unwrap();
            fs::write(path("packed.tar"), tar(&packed)).unwrap();
            fs::write(path("latin.tgz"), gzip(&tar(&latin))).unwrap();
            let expected = all(&path("0"), &source);
            let forms = [
                "1",
                "2",
                "3",
                "4",
                "a.zip",
                "a.tar",
                "packed.tar",
                "latin.tgz",
            ];
            for form in forms {
                assert!(all(&path(form), &source) == expected, "{form}");
            }
            // Plain files stay where they are, and only there.
            let corpus = Corpus::read(&path("0"), &source).unwrap();
            fs::remove_dir_all(path("0")).unwrap();
            let mut nothing = |_: &str, _| Ok(());
            let gone = corpus.visit(CorpusPart::Train, Ends::Line, &mut |_| {}, &mut nothing);
            assert!(gone.is_err());
        }
    }

    #[test]
    fn long_objects_are_held_out_whole() {
        let object = |i: usize| format!("{{\"text\":\"{i}{}\"}}\n", " whale".repeat(2000));
        let text: String = (0..20).map(object).collect();
        let source = CorpusSource::default();
        let (_folder, corpus) = read("a.jsonl", &text, &source).unwrap();
        let texts = |part| {
            let mut texts = 0;
            let mut count = |_: &str, over| {
                texts += usize::from(over);
                Ok(())
            };
            let visited = corpus.visit(part, Ends::Document, &mut |_| {}, &mut count);
            visited.map(|()| texts).unwrap()
        };
        let parts = [CorpusPart::Train, CorpusPart::Valid, CorpusPart::Test];
        // What begins in the last tenth, and in the twentieth before it.
        assert_eq!(parts.map(texts), [19, 0, 1]);
    }

    #[test]
    fn the_end_is_held_out() {
        let text: String = (0..100).map(|i| format!("line {i:02}\n")).collect();
        let (_folder, corpus) = read("a.txt", &text, &CorpusSource::default()).unwrap();
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
