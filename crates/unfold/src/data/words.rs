//! Words as the evaluation of captions knows them.

/// Ends of words that are words of their own.
const ENDS: [&str; 7] = ["n't", "'s", "'m", "'d", "'re", "'ve", "'ll"];

/// Words that stand for two.
const DOUBLE: [(&str, [&str; 2]); 6] = [
    ("cannot", ["can", "not"]),
    ("gimme", ["gim", "me"]),
    ("gonna", ["gon", "na"]),
    ("gotta", ["got", "ta"]),
    ("lemme", ["lem", "me"]),
    ("wanna", ["wan", "na"]),
];

/// Words that keep their period.
const ABBREVIATED: [&str; 9] = [
    "mr.", "mrs.", "ms.", "dr.", "st.", "jr.", "sr.", "prof.", "vs.",
];

/// Lower case words: the rules of the Penn Treebank as far as plain sentences need them, without punctuation. Ends such as
/// `'s` and `n't` are words; hyphens, numbers and abbreviations are left whole. Words that were joined by spaces give the
/// same words again.
pub(super) fn words(text: &str) -> Vec<String> {
    let text = text.to_lowercase().replace(['’', '‘'], "'");
    let mut words = Vec::new();
    for chunk in text.split_whitespace() {
        let bare = chunk.trim_matches(|c| is_punctuation(c) && c != '.' && c != '\'');
        if ENDS.contains(&bare) || keeps_period(bare) {
            words.push(bare.to_owned());
        } else {
            pieces(chunk, &mut words);
        }
    }
    words
}

/// `u.s.`, `p.m` or `mr.`
fn keeps_period(chunk: &str) -> bool {
    let letters = chunk.strip_suffix('.').unwrap_or(chunk).split('.');
    let initials = |part: &str| {
        let mut letters = part.chars();
        letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none()
    };
    ABBREVIATED.contains(&chunk) || letters.clone().count() > 1 && letters.clone().all(initials)
}

/// What is left out.
fn is_punctuation(letter: char) -> bool {
    ".,:;?!\"'`()[]{}-–—…“”«»".contains(letter)
}

/// The words in what stands between two spaces.
fn pieces(chunk: &str, words: &mut Vec<String>) {
    let letters: Vec<char> = chunk.chars().collect();
    let mut at = 0;
    while at < letters.len() {
        let start = at;
        at += 1;
        if letters[start].is_alphanumeric() {
            while at < letters.len() && goes_on(&letters, at) {
                at += 1;
            }
            let word: String = letters[start..at].iter().collect();
            let first = words.len();
            parts(&word, words);
            words[first..].reverse();
        } else if !is_punctuation(letters[start]) {
            words.push(letters[start].to_string());
        }
    }
}

/// Whether the letter at `at` belongs to the word before it.
fn goes_on(letters: &[char], at: usize) -> bool {
    let is = |at: usize, what: fn(char) -> bool| letters.get(at).is_some_and(|&c| what(c));
    match letters[at] {
        '-' | '\'' | '_' | '/' => is(at + 1, char::is_alphanumeric),
        '.' | ',' | ':' => is(at - 1, char::is_numeric) && is(at + 1, char::is_numeric),
        letter => letter.is_alphanumeric(),
    }
}

/// The parts of a word, the last one first.
fn parts(word: &str, into: &mut Vec<String>) {
    if let Some((_, [first, last])) = DOUBLE.iter().find(|(double, _)| *double == word) {
        into.extend([last.to_string(), first.to_string()]);
        return;
    }
    for end in ENDS {
        let start = word.strip_suffix(end);
        if let Some(start) = start.filter(|start| start.ends_with(char::is_alphanumeric)) {
            into.push(end.to_owned());
            return parts(start, into);
        }
    }
    into.push(word.to_owned());
}
