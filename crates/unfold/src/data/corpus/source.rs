//! How running text is read.

use serde::{Deserialize, Serialize};

use super::Ends;
use crate::error::{Error, Result};

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
