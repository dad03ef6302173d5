//! From the files of DATA to captions: which files hold them, and what stands in them.

use std::collections::{BTreeSet, HashMap};

use super::documents;
use super::lists::{self, without_number};
use super::source::CaptionSource;
use crate::data::dataset::{
    CAPTION, Candidate, Dataset, PICTURE, Text, begins, part_of, table, tally,
};
use crate::data::format::Format;
use crate::data::parts::Part;
use crate::error::{Error, Result};

/// A picture by its name, and its captions.
pub(super) struct Described {
    pub(super) part: Option<Part>,
    pub(super) name: String,
    /// The number that COCO gives it.
    pub(super) id: Option<String>,
    pub(super) captions: Vec<String>,
    /// The path of the file that says so.
    pub(super) text: String,
}

impl Described {
    /// One without anything but the file that it is from.
    pub(super) fn of(text: &Text) -> Described {
        Described {
            part: None,
            name: String::new(),
            id: None,
            captions: Vec::new(),
            text: text.path.clone(),
        }
    }
}

/// All captions of DATA, with the parts that it gives them.
///
/// # Errors
/// When it is unclear where they are, or they cannot be read.
pub(super) fn collect(
    dataset: &Dataset,
    source: &CaptionSource,
    notes: &mut Vec<String>,
) -> Result<Vec<Described>> {
    let (mut texts, mut lists) = (Vec::new(), Vec::new());
    for (part, key, path) in source.parts() {
        let text = dataset.text(path, key)?;
        let head = &text.bytes[..text.bytes.len().min(1 << 12)];
        if is_list(&text.path, head) {
            lists.push((part, text));
        } else {
            texts.push((Some(part), text));
        }
    }
    let named = source.captions.as_deref().or(dataset.lone.as_deref());
    if let Some(path) = named.filter(|_| source.captions.is_some() || texts.is_empty()) {
        texts.push((None, dataset.text(path, "captions")?));
    }
    let mut candidates = Vec::new();
    if texts.is_empty() || lists.is_empty() {
        candidates = dataset.candidates();
    }
    if texts.is_empty() {
        texts = find(dataset, &candidates, notes)?;
    }
    let (mut all, mut unsplit) = (Vec::new(), Vec::new());
    for (part, text) in texts {
        let captions = read(text, notes, &mut unsplit)?;
        all.extend(captions.into_iter().map(|described| Described {
            part: described.part.or(part),
            ..described
        }));
    }
    if lists.is_empty() && all.iter().all(|described| described.part.is_none()) {
        for candidate in candidates.iter().filter(|c| is_list(&c.path, &c.head)) {
            if let Some(part) = part_of(&candidate.path, true) {
                lists.push((part, dataset.text(&candidate.path, "captions")?));
            }
        }
    }
    lists::apply(&lists, &mut all, notes)?;
    if all.iter().all(|described| described.part.is_none()) {
        notes.extend(unsplit.into_iter().map(|path| {
            format!("no picture of {path} has a `split`: parts are made by picture, by the seed")
        }));
    }
    Ok(all)
}

/// Leaves out captions without a word, and pictures without any other; a note says how many there were.
pub(super) fn leave_blank(all: &mut Vec<Described>) -> Option<String> {
    let mut blank = Vec::new();
    for described in all.iter_mut() {
        let captions = &mut described.captions;
        let before = captions.len();
        captions.retain(|caption| !caption.trim().is_empty());
        let lost = before - captions.len();
        blank.extend(std::iter::repeat_n(described.name.clone(), lost));
    }
    all.retain(|described| !described.captions.is_empty());
    tally(&blank, "caption", "without a word left out")
}

/// Whether DATA has captions, as far as is seen without reading them.
pub(super) fn has_captions(dataset: &Dataset, source: &CaptionSource) -> bool {
    let named = source.captions.is_some() || dataset.lone.is_some();
    let found = |candidate: &Candidate| !matches!(holds_captions(candidate), Holds::Others);
    named || source.parts().next().is_some() || dataset.candidates().iter().any(found)
}

/// The files of captions among all texts, with the parts that their names say.
fn find(
    dataset: &Dataset,
    candidates: &[Candidate],
    notes: &mut Vec<String>,
) -> Result<Vec<(Option<Part>, Text)>> {
    // What says that it holds captions comes before what merely may.
    let of = |sure: bool| -> Vec<&Candidate> {
        let holds = |candidate: &&Candidate| match holds_captions(candidate) {
            Holds::Captions => true,
            Holds::Perhaps => !sure,
            Holds::Others => false,
        };
        candidates.iter().filter(holds).collect()
    };
    let found = Some(of(true)).filter(|found| !found.is_empty());
    let found = found.unwrap_or_else(|| of(false));
    if found.is_empty() {
        let remedy = "name the file of the captions with `captions`: a table with the columns image and caption, or JSON as \
                      COCO or Karpathy publish it";
        return Err(Error::data(&dataset.name, "no captions were found", remedy));
    }
    let part = |candidate: &&Candidate| part_of(&candidate.path, false).filter(|_| found.len() > 1);
    let parts: BTreeSet<Option<Part>> = found.iter().map(part).collect();
    if parts.len() < found.len() || found.len() > 1 && parts.contains(&None) {
        let paths: Vec<&str> = found
            .iter()
            .map(|candidate| candidate.path.as_str())
            .collect();
        let problem = format!("holds several files of captions: {}", paths.join(", "));
        let remedy = format!(
            "choose one with `captions`, such as captions = \"{}\"",
            paths[0]
        );
        return Err(Error::data(&dataset.name, problem, remedy));
    }
    let taken = |path: &str| found.iter().any(|candidate| candidate.path == path);
    let others = candidates
        .iter()
        .filter(|c| !taken(&c.path) && !is_list(&c.path, &c.head));
    let others: Vec<&str> = others.map(|candidate| candidate.path.as_str()).collect();
    notes.extend(dataset.passed_over(&others, "without captions"));
    let read =
        |candidate: &&Candidate| Ok((part(candidate), dataset.text(&candidate.path, "captions")?));
    found.iter().map(read).collect()
}

/// What a file seems to hold.
enum Holds {
    Captions,
    Perhaps,
    Others,
}

fn holds_captions(candidate: &Candidate) -> Holds {
    let path = candidate.path.to_lowercase();
    let name = path.rsplit('/').next().unwrap_or(&path);
    let is_table = matches!(Format::by_name(name), Some(format) if format != Format::Parquet);
    let document = matches!(candidate.head.trim_ascii_start().first(), Some(b'{' | b'['));
    let called_so = name.contains("caption") || name.starts_with("dataset");
    let asks = |key: &[u8]| candidate.head.windows(key.len()).any(|part| part == key);
    if document && (asks(b"\"question_id\"") || asks(b"\"questions\"")) {
        return Holds::Others;
    }
    if !document && begins(&candidate.head, [&PICTURE, &CAPTION])
        || called_so && (document || is_table)
    {
        Holds::Captions
    } else if is_table || document {
        Holds::Perhaps
    } else {
        Holds::Others
    }
}

/// Whether a text lists names, one a line.
fn is_list(path: &str, head: &[u8]) -> bool {
    let first = head.trim_ascii_start().first();
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or(head);
    Format::by_name(path).is_none()
        && !matches!(first, Some(b'{' | b'['))
        && !line.iter().any(|byte| b"\t,".contains(byte))
}

/// The captions in one file; one that could give each picture a part but gives none is added to `unsplit`.
fn read(text: Text, notes: &mut Vec<String>, unsplit: &mut Vec<String>) -> Result<Vec<Described>> {
    let lines = Format::by_name(&text.path) == Some(Format::JsonLines);
    if text.bytes.trim_ascii_start().starts_with(b"{") && !lines {
        return documents::read(&text, unsplit);
    }
    let path = text.path.clone();
    let found = table(text, [&PICTURE, &CAPTION])?;
    notes.extend(tally(
        &found.incomplete,
        "row",
        "without a picture or a caption passed over",
    ));
    let mut all: Vec<Described> = Vec::new();
    let mut known: HashMap<(String, Option<Part>), usize> = HashMap::new();
    for (part, [name, caption]) in found.rows {
        let name = without_number(&name).to_owned();
        let place = *known
            .entry((name, part))
            .or_insert_with_key(|(name, part)| {
                all.push(Described {
                    part: *part,
                    name: name.clone(),
                    id: None,
                    captions: Vec::new(),
                    text: path.clone(),
                });
                all.len() - 1
            });
        all[place].captions.push(caption);
    }
    Ok(all)
}
