//! A text cut into columns that are read side by side.

use std::sync::Arc;

use super::network::Window;
use crate::data::TokenStream;
use crate::ragged::Ragged;

/// A text in B columns of equal length, of which each goes on where the one before it ends. What is
/// left over at the end of the text, fewer than B words, is not read.
#[derive(Debug)]
pub(super) struct Columns {
    stream: Arc<TokenStream>,
    columns: usize,
    /// Predictions in each column.
    len: usize,
}

impl Columns {
    /// As many columns as asked for, or fewer for a text that has no two words for each.
    pub(super) fn new(stream: Arc<TokenStream>, columns: usize) -> Columns {
        let predictions = stream.len().saturating_sub(1);
        let columns = columns.clamp(1, predictions.max(1));
        Columns {
            len: predictions / columns,
            columns,
            stream,
        }
    }

    /// How many columns there are, B.
    pub(super) fn count(&self) -> usize {
        self.columns
    }

    /// Predictions in each column.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Steps `from .. to` of all columns.
    pub(super) fn window(&self, from: usize, to: usize) -> Window {
        let (columns, steps) = (self.columns, to - from);
        let mut rows = Vec::with_capacity(columns * (steps + 1));
        for column in 0..columns {
            let start = column * self.len;
            self.stream.read(start + from..start + to + 1, &mut rows);
        }
        let at = |t: usize| rows.iter().skip(t).step_by(steps + 1).copied();
        Window {
            words: (0..steps).flat_map(at).collect(),
            next: (1..=steps).flat_map(at).collect(),
            sequences: Ragged::new(&vec![steps; columns]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::TokenWriter;

    fn columns(tokens: u32, columns: usize) -> Columns {
        let mut writer = TokenWriter::default();
        writer.push(&(0..tokens).collect::<Vec<_>>()).unwrap();
        Columns::new(Arc::new(writer.finish().unwrap()), columns)
    }

    #[test]
    fn columns_go_on_where_they_stopped() {
        let columns = columns(12, 3);
        assert_eq!((columns.count(), columns.len()), (3, 3));
        let window = columns.window(0, 2);
        assert_eq!(window.words, [0, 3, 6, 1, 4, 7]);
        assert_eq!(window.next, [1, 4, 7, 2, 5, 8]);
        assert_eq!(columns.window(2, 3).words, [2, 5, 8]);
    }

    #[test]
    fn a_short_text_has_fewer_columns() {
        assert_eq!((columns(3, 20).count(), columns(3, 20).len()), (2, 1));
        assert_eq!((columns(1, 20).count(), columns(1, 20).len()), (1, 0));
    }
}
