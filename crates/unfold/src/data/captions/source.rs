//! What a recipe says about captions as data: everything but where they lie.

use serde::{Deserialize, Serialize};

use crate::data::dataset::Dataset;
use crate::data::parts::Part;
use crate::data::split::Plan;

/// How to read captions. Every key is optional, and what is not said is found out. Paths are seen from DATA; all keys may
/// also stand in a file `dataset.toml` there, which those of a recipe override.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaptionSource {
    /// The folder or archive of the pictures; a folder may hold several archives of them.
    pub pictures: Option<String>,
    /// The file of the captions: a table with the columns `image` and `caption`, and `split` where it gives the parts, or JSON as COCO
    /// or Karpathy publish it.
    pub captions: Option<String>,
    /// The names of the pictures to learn from, one a line; or captions to learn from.
    pub train: Option<String>,
    /// The names of the pictures to choose and stop by, or their captions.
    pub valid: Option<String>,
    /// The names of the pictures to test on, or their captions.
    pub test: Option<String>,
    /// Whether a damaged picture is an error; otherwise it is reported and left out.
    pub strict: bool,
    /// The part of the pictures kept for testing when the data gives no test part itself.
    pub test_fraction: f64,
    /// The part of the training pictures kept for choosing and stopping when the data gives no validation part itself.
    /// 0 for none.
    pub valid_fraction: f64,
    /// The seed of the split; when absent, the seed of the whole run.
    pub seed: Option<u64>,
}

impl Default for CaptionSource {
    fn default() -> CaptionSource {
        CaptionSource {
            pictures: None,
            captions: None,
            train: None,
            valid: None,
            test: None,
            strict: false,
            test_fraction: 0.1,
            valid_fraction: 0.1,
            seed: None,
        }
    }
}

impl CaptionSource {
    /// What is said here, and where nothing is, what `below` says.
    pub(super) fn over(&self, below: CaptionSource) -> CaptionSource {
        let usual = CaptionSource::default();
        let fraction = |here: f64, below: f64, usual: f64| if here == usual { below } else { here };
        CaptionSource {
            pictures: self.pictures.clone().or(below.pictures),
            captions: self.captions.clone().or(below.captions),
            train: self.train.clone().or(below.train),
            valid: self.valid.clone().or(below.valid),
            test: self.test.clone().or(below.test),
            strict: self.strict || below.strict,
            test_fraction: fraction(self.test_fraction, below.test_fraction, usual.test_fraction),
            valid_fraction: fraction(
                self.valid_fraction,
                below.valid_fraction,
                usual.valid_fraction,
            ),
            seed: self.seed.or(below.seed),
        }
    }

    /// What a model's recipe says, as far as it holds for this DATA: without the names of what is not there.
    pub(super) fn elsewhere(&self, dataset: &Dataset, notes: &mut Vec<String>) -> CaptionSource {
        let mut source = self.clone();
        let mut names = [
            ("pictures", &mut source.pictures),
            ("captions", &mut source.captions),
            ("train", &mut source.train),
            ("valid", &mut source.valid),
            ("test", &mut source.test),
        ];
        dataset.keep_there(&mut names, notes);
        source
    }

    /// The files that are named for parts, with the key that names them.
    pub(super) fn parts(&self) -> impl Iterator<Item = (Part, &'static str, &str)> {
        let parts = [
            (Part::Train, "train", &self.train),
            (Part::Valid, "valid", &self.valid),
            (Part::Test, "test", &self.test),
        ];
        let named = |(part, key, path)| Some((part, key, Option::as_deref(path)?));
        parts.into_iter().filter_map(named)
    }

    /// How to split.
    pub(super) fn plan(&self) -> Plan {
        Plan {
            test_fraction: self.test_fraction,
            valid_fraction: self.valid_fraction,
            folds: None,
            fold: 0,
        }
    }
}
