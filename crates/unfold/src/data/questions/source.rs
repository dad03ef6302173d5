//! What a recipe says about questions as data: everything but where they lie.

use serde::{Deserialize, Serialize};

use crate::data::dataset::Dataset;
use crate::data::parts::Part;
use crate::data::split::Plan;

/// How to read questions about pictures. Every key is optional, and what is not said is found out. Paths are seen from DATA; all keys may
/// also stand in a file `dataset.toml` there, which those of a recipe override.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QuestionSource {
    /// The folder or archive of the pictures; a folder may hold several archives of them.
    pub pictures: Option<String>,
    /// The file of the questions: JSON of the VQA challenge or of easy-VQA, pairs of lines as DAQUAR has them, or a table
    /// with the columns `question`, `answer` and `image`, and `split` where it gives the parts.
    pub questions: Option<String>,
    /// The file of the answers, which the VQA challenge calls annotations, where they stand in one of their own.
    pub answers: Option<String>,
    /// The file of the questions to learn from.
    pub train: Option<String>,
    /// The file of the questions to choose and stop by.
    pub valid: Option<String>,
    /// The file of the questions to test on.
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

impl Default for QuestionSource {
    fn default() -> QuestionSource {
        QuestionSource {
            pictures: None,
            questions: None,
            answers: None,
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

impl QuestionSource {
    /// What is said here, and where nothing is, what `below` says.
    pub(super) fn over(&self, below: QuestionSource) -> QuestionSource {
        let usual = QuestionSource::default();
        let fraction = |here: f64, below: f64, usual: f64| if here == usual { below } else { here };
        QuestionSource {
            pictures: self.pictures.clone().or(below.pictures),
            questions: self.questions.clone().or(below.questions),
            answers: self.answers.clone().or(below.answers),
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
    pub(super) fn elsewhere(&self, dataset: &Dataset, notes: &mut Vec<String>) -> QuestionSource {
        let mut source = self.clone();
        let mut names = [
            ("pictures", &mut source.pictures),
            ("questions", &mut source.questions),
            ("answers", &mut source.answers),
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
