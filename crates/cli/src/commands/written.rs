//! A text while it is written, which ends before it has one of some texts in it.

/// What has been written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) text: String,
    /// Where each token's part of it begins.
    pub(super) starts: Vec<usize>,
    /// How much of it was handed out.
    shown: usize,
    stops: Vec<String>,
    /// Whether a text to stop before is made of whole tokens.
    whole: bool,
}

impl Written {
    /// Nothing yet.
    pub(super) fn new(stops: Vec<String>, whole: bool) -> Written {
        Written {
            text: String::new(),
            starts: Vec::new(),
            shown: 0,
            stops,
            whole,
        }
    }

    /// Adds what a token says, and tells whether the text was over before: then that is gone from it.
    pub(super) fn push(&mut self, piece: &str) -> bool {
        self.starts.push(self.text.len());
        self.text.push_str(piece);
        // What lies further back would have ended the text before.
        let longest = self.stops.iter().map(String::len).max().unwrap_or(0);
        let near = self.text.len().saturating_sub(longest + piece.len())..self.text.len();
        let over = near.filter(|&at| self.may_begin(at)).find(|&at| {
            let rest = &self.text[at..];
            let met = |stop: &String| match self.whole {
                true => rest == stop,
                false => rest.starts_with(stop.as_str()),
            };
            self.stops.iter().any(met)
        });
        if let Some(at) = over {
            self.text.truncate(self.before(at));
            self.starts.retain(|&start| start < self.text.len());
        }
        over.is_some()
    }

    /// What may be shown now and was not: no part of what may become a text to stop before.
    pub(super) fn ready(&mut self) -> &str {
        let new = self.shown..self.text.len();
        let begun = new.filter(|&at| self.may_begin(at)).find(|&at| {
            let rest = &self.text[at..];
            self.stops.iter().any(|stop| stop.starts_with(rest))
        });
        let from = self.shown;
        self.shown = begun
            .map_or(self.text.len(), |at| self.before(at))
            .max(from);
        &self.text[from..self.shown]
    }

    /// What was not shown.
    pub(super) fn rest(&self) -> &str {
        &self.text[self.shown..]
    }

    /// Whether a text to stop before may begin at a byte.
    fn may_begin(&self, at: usize) -> bool {
        let token = || {
            let token = self.starts.partition_point(|&start| start <= at) - 1;
            self.text[self.starts[token]..at].trim().is_empty()
        };
        self.text.is_char_boundary(at) && (!self.whole || token())
    }

    /// Where the text ends that is followed by something at byte `at`: before the space that its token begins with.
    fn before(&self, at: usize) -> usize {
        let token = self.starts.partition_point(|&start| start <= at) - 1;
        let start = self.starts[token];
        match self.text[start..at].trim().is_empty() {
            true => start,
            false => at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown piece by piece, and whether the text ended itself.
    fn shown(stop: &str, whole: bool, pieces: &[&str]) -> (Vec<String>, bool) {
        let mut written = Written::new(vec![stop.to_owned()], whole);
        let mut shown = Vec::new();
        for piece in pieces {
            if written.push(piece) {
                shown.push(written.rest().to_owned());
                return (shown, true);
            }
            shown.push(written.ready().to_owned());
        }
        shown.push(written.rest().to_owned());
        (shown, false)
    }

    #[test]
    fn a_text_ends_before_what_it_should_not_have() {
        let (text, over) = shown("don't", true, &["I", " said", " do", "n't", " go"]);
        assert_eq!((text.concat(), over), ("I said".to_owned(), true));
        // What begins like it is shown late, but whole.
        let (text, over) = shown("don't", true, &["I", " do", " go"]);
        assert_eq!(
            (text, over),
            (["I", "", " do go", ""].map(String::from).to_vec(), false)
        );
        let (text, over) = shown("don't", true, &["I", " do"]);
        assert_eq!((text.concat(), over), ("I do".to_owned(), false));
    }

    #[test]
    fn words_are_met_whole_and_pieces_anywhere() {
        assert!(!shown("at", true, &["that", " attic"]).1);
        assert!(shown("at", true, &["that", " at"]).1);
        assert_eq!(shown("at", false, &["x", " tha", "ts"]).0.concat(), "x th");
        let letters = shown("the", true, &["o", "f", " ", "t", "h", "e"]);
        assert_eq!((letters.0.concat(), letters.1), ("of ".to_owned(), true));
    }
}
