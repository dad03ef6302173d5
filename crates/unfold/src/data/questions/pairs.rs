//! Questions as DAQUAR (Malinowski and Fritz 2014) has them: a line with the question, which says `in the image3 ?`, and a
//! line with the answer.

use std::borrow::Cow;

use super::layout::Asked;
use crate::data::dataset::Text;
use crate::data::parts::Part;
use crate::error::{Error, Result};

/// What stands before the name of a picture; `th` as in DAQUAR's `in th eimage999`.
const ARTICLES: [&str; 3] = ["the", "this", "th"];
const PREPOSITIONS: [&str; 3] = ["in", "of", "on"];

/// Whether a text begins so.
pub(super) fn begins(head: &[u8]) -> bool {
    let head = String::from_utf8_lossy(head);
    head.lines()
        .next()
        .is_some_and(|line| picture_in(line).is_some())
}

/// The questions of a file. What stands on the line of the answer is one answer, commas and all.
///
/// # Errors
/// When a question names no picture or has no answer.
pub(super) fn read(part: Option<Part>, text: &Text) -> Result<Vec<Asked>> {
    let content = String::from_utf8_lossy(&text.bytes);
    let lines = content.lines().enumerate();
    let mut lines = lines.filter(|(_, line)| !line.trim().is_empty());
    let remedy = "write a line with the question, such as `what is on the desk in the image3 ?`, and one with the answer";
    let wrong = |line: usize, problem: &str| {
        Error::data(
            format!("{}, line {}", text.place, line + 1),
            problem,
            remedy,
        )
    };
    let mut all = Vec::new();
    while let Some((line, question)) = lines.next() {
        let (picture, question) =
            picture_in(question).ok_or_else(|| wrong(line, "the question names no picture"))?;
        let (_, answer) = lines
            .next()
            .ok_or_else(|| wrong(line, "the question has no answer"))?;
        all.push(Asked {
            part,
            picture: Some(picture),
            text: question,
            answers: vec![answer.trim().to_owned()],
            ..Asked::of(text)
        });
    }
    Ok(all)
}

/// A question without the name of its picture.
pub(crate) fn without_picture(question: &str) -> Cow<'_, str> {
    let named = picture_in(question).map(|(_, rest)| rest.into());
    named.unwrap_or(question.into())
}

/// The last picture that a question names, and the question without `in the image3`.
fn picture_in(question: &str) -> Option<(String, String)> {
    let mut words: Vec<&str> = question.split_whitespace().collect();
    let mut picture = None;
    while let Some((at, name)) = last_picture(&words) {
        picture.get_or_insert_with(|| name.to_owned());
        let mut start = at;
        for before in [&ARTICLES[..], &PREPOSITIONS[..]] {
            if start > 0 && before.contains(&words[start - 1]) {
                start -= 1;
            }
        }
        words.drain(start..=at);
    }
    Some((picture?, words.join(" ")))
}

/// The last word that names a picture, and the name; `eimage999` stands for one too.
fn last_picture<'a>(words: &[&'a str]) -> Option<(usize, &'a str)> {
    let name = |word: &'a str| {
        let word = word.trim_end_matches(['?', '.', ',']);
        let (_, number) = word.rsplit_once("image")?;
        let digits = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
        digits.then(|| &word[word.len() - number.len() - "image".len()..])
    };
    let mut words = words.iter().enumerate().rev();
    words.find_map(|(at, word)| Some((at, name(word)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_taken_out_of_the_question() {
        for (question, picture, text) in [
            (
                "what is on the desk in the image3 ?",
                "image3",
                "what is on the desk ?",
            ),
            (
                "what is left of the image8 in the image9?",
                "image9",
                "what is left",
            ),
            (
                "how many chairs are in this image12 ?",
                "image12",
                "how many chairs are ?",
            ),
            (
                "what is in image7 on the wall ?",
                "image7",
                "what is on the wall ?",
            ),
        ] {
            assert_eq!(picture_in(question), Some((picture.into(), text.into())));
        }
        let slip = picture_in("how many drawers are visible in th eimage999 ?");
        assert_eq!(
            slip.map(|(picture, _)| picture).as_deref(),
            Some("image999")
        );
        assert_eq!(picture_in("what is an image ?"), None);
        assert_eq!(picture_in(""), None);
    }
}
