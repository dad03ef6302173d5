//! N-grams of words and characters as hashes. The hash is part of what a stored model means: it
//! must never change.

/// The 64-bit FNV-1a hash of `bytes`, going on from `state`.
fn fnv(state: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(state, |state, &byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// Spreads every bit over the whole word (the finaliser of MurmurHash3), so that the lowest bits
/// choose buckets evenly.
fn spread(mut hash: u64) -> u64 {
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}

/// The hash of one word.
pub(super) fn word(word: &str) -> u64 {
    spread(fnv(FNV_START, word.as_bytes()))
}

/// Visits the hash of each sequence of 2 to `longest` words, given the words' hashes.
pub(super) fn word_ngrams(words: &[u64], longest: usize, mut visit: impl FnMut(u64)) {
    for start in 0..words.len() {
        let mut hash = words[start];
        for next in words[start + 1..].iter().take(longest - 1) {
            hash = spread(hash.rotate_left(23) ^ next);
            visit(hash);
        }
    }
}

/// Visits the hash of each sequence of `from` to `to` characters.
pub(super) fn char_ngrams(text: &str, (from, to): (usize, usize), mut visit: impl FnMut(u64)) {
    let mut utf8 = [0; 4];
    for (start, _) in text.char_indices() {
        let mut hash = !FNV_START; // apart from the hashes of words
        for (index, c) in text[start..].chars().take(to).enumerate() {
            hash = fnv(hash, c.encode_utf8(&mut utf8).as_bytes());
            if index + 1 >= from {
                visit(spread(hash));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_stay_what_stored_models_expect() {
        assert_eq!(fnv(FNV_START, b"foobar"), 0x8594_4171_f739_67e8); // published with the hash
        let mut seen = Vec::new();
        word_ngrams(&[word("a"), word("b"), word("c")], 3, |hash| {
            seen.push(hash)
        });
        assert_eq!(seen.len(), 3); // ab, abc, bc
        seen.clear();
        char_ngrams("<añ>", (2, 3), |hash| seen.push(hash));
        assert_eq!(seen.len(), 5); // <a <añ añ añ> ñ>
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 5);
    }
}
