//! What a recipe says about pictures as data: everything but where they lie.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::data::builtin;
use crate::data::split::Plan;
use crate::data::table::{PICTURE_NAMES, Wanted};
use crate::error::Result;

/// How to read labelled pictures. The default suits most data; see each field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PictureSource {
    /// The column of a table that holds the picture or the path of its file, by name or number from 1. When absent it
    /// is found by its name or content.
    pub picture: Option<String>,
    /// The column that holds the label, by name or number from 1. When absent it is found by its name or content.
    pub label: Option<String>,
    /// Whether the first row of a CSV or TSV file names the columns; when absent it is found out.
    pub header: Option<bool>,
    /// `csv`, `tsv`, `jsonl`, `json`, `parquet` or `folders` (one a class); when absent it is found out.
    pub format: Option<String>,
    /// The encoding of a table, such as `latin-1`; when absent UTF-8 is tried first, then it is guessed.
    pub encoding: Option<String>,
    /// Reads only the files inside DATA whose name or path matches; `*` stands for any text.
    pub only: Option<String>,
    /// Whether a damaged picture is an error; otherwise it is reported and left out.
    pub strict: bool,
    /// The part of the data kept for testing when the data gives no test part itself.
    pub test_fraction: f64,
    /// The part of the training data kept for choosing and stopping when the data gives no validation part itself. 0
    /// for none.
    pub valid_fraction: f64,
    /// Splits into so many stratified folds instead; `fold` is the one to test on.
    pub folds: Option<usize>,
    /// Which fold to test on, from 0.
    pub fold: usize,
    /// The seed of the split; when absent, the seed of the whole run.
    pub seed: Option<u64>,
}

impl Default for PictureSource {
    fn default() -> PictureSource {
        PictureSource {
            picture: None,
            label: None,
            header: None,
            format: None,
            encoding: None,
            only: None,
            strict: false,
            test_fraction: 0.2,
            valid_fraction: 0.1,
            folds: None,
            fold: 0,
            seed: None,
        }
    }
}

impl PictureSource {
    /// The source with what is fixed for data that comes with the program: `builtin:digits` is split once and for all.
    pub fn resolved(&self, path: &Path) -> PictureSource {
        if !builtin::is_builtin(path) {
            return self.clone();
        }
        PictureSource {
            folds: None,
            fold: 0,
            seed: Some(0),
            ..self.clone()
        }
    }

    /// Which columns of a table to look for.
    pub(super) fn wanted(&self) -> Wanted<'_> {
        Wanted {
            what: "picture",
            names: &PICTURE_NAMES,
            column: self.picture.as_deref(),
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
        self.plan().check()
    }
}
