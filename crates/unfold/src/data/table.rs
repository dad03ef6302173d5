//! Rows and columns, whatever format they come from, and which columns hold text and label.

use std::collections::HashSet;

use super::missing::distance;
use crate::error::{Error, Result};

/// Which columns are looked for.
pub(super) struct Wanted<'a> {
    /// What is wanted besides the label; a setting of this name says where it is.
    pub(super) what: &'static str,
    /// Column names that usually hold it, the likeliest first.
    pub(super) names: &'static [&'static str],
    /// Where it is: several columns as `title+body`.
    pub(super) column: Option<&'a str>,
    /// Where the label is.
    pub(super) label: Option<&'a str>,
    /// Whether the first row names the columns.
    pub(super) header: Option<bool>,
}

/// Column names that usually hold the text, the likeliest first.
pub(super) const TEXT_NAMES: [&str; 17] = [
    "text",
    "sentence",
    "content",
    "review",
    "message",
    "body",
    "comment",
    "tweet",
    "document",
    "description",
    "question",
    "sms",
    "email",
    "post",
    "utterance",
    "title",
    "v2",
];
/// Column names that usually hold a picture or the name of its file, the likeliest first.
pub(super) const PICTURE_NAMES: [&str; 17] = [
    "image",
    "picture",
    "img",
    "photo",
    "file_name",
    "filename",
    "file",
    "image_path",
    "filepath",
    "path",
    "image_name",
    "image_file",
    "image_id",
    "imageid",
    "images",
    "name",
    "id",
];
/// Column names that usually hold the label, the likeliest first.
const LABEL_NAMES: [&str; 15] = [
    "label",
    "labels",
    "class",
    "category",
    "target",
    "sentiment",
    "polarity",
    "topic",
    "intent",
    "rating",
    "stars",
    "score",
    "y",
    "tag",
    "v1",
];

/// One file's rows.
pub(super) struct Table {
    /// The file, for messages.
    pub(super) place: String,
    /// What its rows are called in messages ("line" or "row").
    pub(super) unit: &'static str,
    /// Names, when the format or a header gives them.
    pub(super) columns: Option<Vec<String>>,
    pub(super) rows: Vec<Row>,
}

/// One row; a missing cell is an absent value, which is not the empty text.
pub(super) struct Row {
    pub(super) number: usize,
    pub(super) cells: Vec<Option<String>>,
}

/// Which columns to use.
pub(super) struct Columns {
    /// Joined by a line break when there are several.
    pub(super) content: Vec<usize>,
    pub(super) label: usize,
    /// A sentence about a guess that was made.
    pub(super) note: Option<String>,
}

impl Table {
    /// Takes the first row for a header when the source says so, or names one of its cells, or the
    /// row looks like one.
    pub(super) fn split_header(&mut self, wanted: &Wanted<'_>) {
        let Some(first) = self.rows.first() else {
            return;
        };
        let cells: Vec<&str> = first
            .cells
            .iter()
            .map(|cell| cell.as_deref().unwrap_or("").trim())
            .collect();
        let known = |names: &[&str]| {
            cells
                .iter()
                .any(|cell| names.contains(&cell.to_lowercase().as_str()))
        };
        // A column that is named by something else than its number is named in a header.
        let named = [wanted.column, wanted.label]
            .into_iter()
            .flatten()
            .any(|name| name.parse::<usize>().is_err());
        let header = wanted.header.unwrap_or_else(|| {
            named
                || known(wanted.names) && known(&LABEL_NAMES)
                || self.first_row_names_a_rare_label()
        });
        if header {
            let first = self.rows.remove(0);
            self.columns = Some(
                first
                    .cells
                    .into_iter()
                    .map(|cell| cell.unwrap_or_default().trim().to_owned())
                    .collect(),
            );
        }
    }

    /// Labels repeat; a header's name for them does not.
    fn first_row_names_a_rare_label(&self) -> bool {
        let Some(label) = self.likely_label() else {
            return false;
        };
        let value = |row: &Row| row.cells.get(label).cloned().flatten();
        let first = value(&self.rows[0]);
        let others: Vec<Option<String>> = self.rows[1..].iter().map(value).collect();
        let distinct: HashSet<&Option<String>> = others.iter().collect();
        others.len() >= 4 && distinct.len() * 2 <= others.len() && !distinct.contains(&first)
    }

    /// Finds the columns that the source names, or the likely ones.
    pub(super) fn columns(&self, wanted: &Wanted<'_>) -> Result<Columns> {
        let what = wanted.what;
        let content = wanted
            .column
            .map(|names| self.named(what, names))
            .transpose()?;
        let label = wanted
            .label
            .map(|name| self.one("label", name))
            .transpose()?;
        let mut guessed = false;
        let label = match label.or_else(|| self.known(&LABEL_NAMES, content.as_deref())) {
            Some(label) => label,
            None => {
                guessed = true;
                self.likely_label().ok_or_else(|| self.unsure("label"))?
            }
        };
        let content = match content.or_else(|| {
            self.known(wanted.names, Some(&[label]))
                .map(|column| vec![column])
        }) {
            Some(content) => content,
            None => {
                guessed = true;
                vec![self.longest(label).ok_or_else(|| self.unsure(what))?]
            }
        };
        if content.contains(&label) {
            let problem = format!(
                "column {} cannot be both {what} and label",
                self.name(label)
            );
            return Err(Error::data(&self.place, problem, self.list()));
        }
        let note = guessed.then(|| {
            let content: Vec<String> = content.iter().map(|&column| self.name(column)).collect();
            let label = self.name(label);
            format!("{}: took column {} for the {what} and column {label} for the label; say otherwise with `{what}` \
                     and `label`", self.place, content.join(" + "))
        });
        Ok(Columns {
            content,
            label,
            note,
        })
    }

    /// The column that says which part of a split each row is for.
    pub(super) fn split(&self) -> Option<usize> {
        self.known(&["split"], None)
    }

    fn width(&self) -> usize {
        let names = self.columns.as_ref().map_or(0, Vec::len);
        self.rows
            .iter()
            .map(|row| row.cells.len())
            .max()
            .unwrap_or(0)
            .max(names)
    }

    /// The columns of `title+body`, unless one column has that whole name.
    fn named(&self, what: &str, names: &str) -> Result<Vec<usize>> {
        if let Ok(column) = self.one(what, names) {
            return Ok(vec![column]);
        }
        names.split('+').map(|name| self.one(what, name)).collect()
    }

    /// A column by its name, else by its number from 1.
    fn one(&self, what: &str, name: &str) -> Result<usize> {
        let name = name.trim();
        let columns = self.columns.as_deref().unwrap_or(&[]);
        let exact = columns.iter().position(|column| column == name);
        let number = || {
            name.parse::<usize>()
                .ok()
                .filter(|n| (1..=self.width()).contains(n))
                .map(|n| n - 1)
        };
        exact
            .or_else(|| {
                columns
                    .iter()
                    .position(|column| column.eq_ignore_ascii_case(name))
            })
            .or_else(number)
            .ok_or_else(|| {
                let near = columns
                    .iter()
                    .filter(|column| distance(column, name) <= 2)
                    .min_by_key(|column| distance(column, name));
                let hint = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
                let problem = format!("there is no column `{name}` for the {what}");
                Error::data(&self.place, problem, format!("{hint}{}", self.list()))
            })
    }

    fn known(&self, names: &[&str], not: Option<&[usize]>) -> Option<usize> {
        let columns = self.columns.as_ref()?;
        let find = |name: &&str| {
            columns
                .iter()
                .position(|column| column.eq_ignore_ascii_case(name))
        };
        names
            .iter()
            .filter_map(find)
            .find(|column| !not.unwrap_or(&[]).contains(column))
    }

    /// The column with the fewest different values, if they repeat as labels do.
    fn likely_label(&self) -> Option<usize> {
        let rows = &self.rows[..self.rows.len().min(10_000)];
        let distinct = |column: usize| {
            let values = rows
                .iter()
                .filter_map(|row| row.cells.get(column)?.as_deref());
            values
                .map(|value| value.trim())
                .collect::<HashSet<_>>()
                .len()
        };
        let columns = (0..self.width()).filter(|&column| self.split() != Some(column));
        let counts = columns.map(|column| (distinct(column), column));
        let (count, column) = counts.filter(|(count, _)| *count > 1).min()?;
        (self.width() > 1 && (count * 2 <= rows.len() || count <= 3)).then_some(column)
    }

    fn longest(&self, label: usize) -> Option<usize> {
        let length = |column: usize| -> usize {
            let cells = self
                .rows
                .iter()
                .take(10_000)
                .filter_map(|row| row.cells.get(column)?.as_deref());
            cells.map(str::len).sum()
        };
        (0..self.width())
            .filter(|&column| column != label)
            .max_by_key(|&column| (length(column), usize::MAX - column))
    }

    fn name(&self, column: usize) -> String {
        match self
            .columns
            .as_ref()
            .and_then(|columns| columns.get(column))
        {
            Some(name) => format!("`{name}`"),
            None => (column + 1).to_string(),
        }
    }

    /// Says which columns there are.
    fn list(&self) -> String {
        match &self.columns {
            Some(columns) => format!("the columns are: {}", columns.join(", ")),
            None => format!(
                "there is no header; name the columns by number, 1 to {}",
                self.width()
            ),
        }
    }

    fn unsure(&self, what: &str) -> Error {
        let problem = format!("it is unclear which column holds the {what}");
        Error::data(
            &self.place,
            problem,
            format!("say so with `{what}`; {}", self.list()),
        )
    }
}
