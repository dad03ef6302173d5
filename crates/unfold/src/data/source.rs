//! What a recipe says about the data: everything but where it lies.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::split::Plan;
use super::table::{TEXT_NAMES, Wanted};
use super::{builtin, clean};
use crate::error::{Error, Result};

/// What scikit-learn's `fetch_20newsgroups(remove=...)` can take out of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Remove {
    /// Everything up to the first blank line.
    Headers,
    /// What follows the last blank or dashed line.
    Footers,
    /// Lines that quote another post, or introduce a quotation.
    Quotes,
}

/// How to read labelled texts. The default suits most data; see each field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextSource {
    /// The column that holds the text, by name or number from 1; several are joined as
    /// `title+body`. When absent it is found by its name or content.
    pub text: Option<String>,
    /// The column that holds the label, by name or number from 1. When absent it is found by its
    /// name or content.
    pub label: Option<String>,
    /// Whether the first row of a CSV or TSV file names the columns; when absent it is found out.
    pub header: Option<bool>,
    /// `csv`, `tsv`, `jsonl`, `json`, `parquet`, `lines` (a label and a text on each line) or
    /// `folders` (one a class); when absent it is found out.
    pub format: Option<String>,
    /// The encoding of the text, such as `latin-1`; when absent UTF-8 is tried first, then the
    /// encoding is guessed from all files together.
    pub encoding: Option<String>,
    /// Reads only the files inside DATA whose name or path matches; `*` stands for any text.
    pub only: Option<String>,
    /// What to take out of each post.
    pub remove: Vec<Remove>,
    /// Whether the texts are raw mails: then subject and body are decoded (MIME, HTML) and kept,
    /// and everything else is dropped.
    pub mail: bool,
    /// Removes duplicates before splitting.
    pub deduplicate: bool,
    /// The part of the data kept for testing when the data gives no test part itself.
    pub test_fraction: f64,
    /// The part of the training data kept for choosing and stopping when the data gives no
    /// validation part itself. 0 for none.
    pub valid_fraction: f64,
    /// Splits into so many stratified folds instead; `fold` is the one to test on.
    pub folds: Option<usize>,
    /// Which fold to test on, from 0.
    pub fold: usize,
    /// The seed of the split; when absent, the seed of the whole run.
    pub seed: Option<u64>,
    /// Longer texts are cut to so many bytes.
    pub max_bytes: usize,
}

impl Default for TextSource {
    fn default() -> TextSource {
        TextSource {
            text: None,
            label: None,
            header: None,
            format: None,
            encoding: None,
            only: None,
            remove: Vec::new(),
            mail: false,
            deduplicate: false,
            test_fraction: 0.2,
            valid_fraction: 0.1,
            folds: None,
            fold: 0,
            seed: None,
            max_bytes: 1 << 20,
        }
    }
}

impl TextSource {
    /// The source with what is fixed for data that comes with the program: `builtin:spam` is raw
    /// mail without duplicates, split once and for all.
    pub fn resolved(&self, path: &Path) -> TextSource {
        if !builtin::is_builtin(path) {
            return self.clone();
        }
        let split = TextSource::default();
        TextSource {
            mail: true,
            deduplicate: true,
            test_fraction: split.test_fraction,
            folds: None,
            fold: 0,
            seed: Some(0),
            ..self.clone()
        }
    }

    /// Cleans one text as the training data was cleaned: to be called on every text that a trained
    /// model is asked about.
    pub fn clean(&self, text: &str) -> String {
        clean::text(text, self).text
    }

    /// Which columns of a table to look for.
    pub(super) fn wanted(&self) -> Wanted<'_> {
        Wanted {
            what: "text",
            names: &TEXT_NAMES,
            column: self.text.as_deref(),
            label: self.label.as_deref(),
            header: self.header,
        }
    }

    /// How to split.
    pub(super) fn plan(&self) -> Plan {
        Plan {
            test_fraction: self.test_fraction,
            valid_fraction: self.valid_fraction,
            folds: self.folds,
            fold: self.fold,
        }
    }

    /// Refuses what cannot be meant.
    pub(super) fn check(&self) -> Result<()> {
        self.plan().check()?;
        if self.max_bytes == 0 {
            let problem = "0 bytes hold no text";
            return Err(Error::recipe("data.max_bytes", problem, "leave it out"));
        }
        Ok(())
    }
}
