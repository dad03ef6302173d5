//! `unfold run` with a model that aligns pictures and sentences: finds either by the other.

use std::collections::HashSet;
use std::io::IsTerminal as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use unfold::data::caption_words;
use unfold::tasks::align::{AlignModel, Collection, Found};

use super::mistakes::Mistakes;
use super::run::{Lines, one_line};
use super::see;
use crate::failure::unusable;
use crate::output;
use crate::plan::Run;
use crate::progress::with_reporter;
use crate::tell::tell;

/// Endings by which a word is taken for the name of a picture even where there is no such file.
const ENDINGS: [&str; 6] = ["jpg", "jpeg", "png", "webp", "bmp", "gif"];

/// Finds pictures for sentences, and sentences for pictures.
pub(super) fn find(plan: &Run, queries: Option<&Vec<String>>) -> Result<()> {
    let Some(among) = &plan.among else {
        return Err(unusable(
            "--among DATA is missing: nothing is said of where to look",
            "name a folder of pictures, or the data with captions that the model was trained on",
        ));
    };
    let model = AlignModel::load(&plan.run)?;
    let collection = with_reporter(|reporter| model.among(among, reporter))?;
    let notes = collection.notes().iter();
    notes.for_each(|note| tell!("note: {note}"));
    let mut mistakes = Mistakes::default();
    if let Some(queries) = queries {
        answer(plan, &model, &collection, queries, &mut mistakes)?;
        return mistakes.end();
    }
    if std::io::stdin().is_terminal() {
        tell!("type a sentence or the path of a picture and press Enter; Ctrl-D ends");
    }
    let mut lines = Lines::new(std::io::stdin().lock());
    while let Some(queries) = lines.waiting().context("standard input: cannot read")? {
        answer(plan, &model, &collection, &queries, &mut mistakes)?;
    }
    mistakes.end()
}

/// Prints what is found for some queries, in their order; mistakes are passed over.
fn answer(
    plan: &Run,
    model: &AlignModel,
    collection: &Collection<'_>,
    queries: &[String],
    mistakes: &mut Mistakes,
) -> Result<()> {
    let mut queries: Vec<&String> = queries.iter().collect();
    queries.retain(|q| names_picture(q) || mistakes.pass(check(model, q)).is_some());
    let sentences = queries.iter().filter(|q| !names_picture(q));
    let sentences: Vec<String> = sentences.map(|q| (*q).clone()).collect();
    let pictures = with_reporter(|reporter| collection.pictures(&sentences, reporter))?;
    let mut pictures = pictures.into_iter();
    for query in queries {
        if names_picture(query) {
            let Some(found) = mistakes.pass(sentences_of(plan, collection, query)) else {
                continue;
            };
            let line = |found| Line::Picture {
                picture: query,
                sentences: found,
            };
            print(plan, query, &found, line)?;
        } else {
            let found = pictures.next().expect("an answer for each");
            let line = |found| Line::Sentence {
                sentence: query,
                pictures: found,
                unknown: model.unknown(query),
            };
            print(plan, query, &found, line)?;
        }
    }
    Ok(())
}

/// The sentences that fit the picture in a file, the best first, each once.
fn sentences_of(plan: &Run, collection: &Collection<'_>, file: &str) -> Result<Vec<Found>> {
    if collection.sentences_len() == 0 {
        let among = plan.among.as_deref().unwrap_or_default();
        let problem = format!("{among}: has no sentences to find for a picture");
        return Err(unusable(problem, "name data with captions"));
    }
    let mut found = collection.sentences(&[see::read(file)?]).remove(0);
    let mut said = HashSet::new();
    found.retain(|sentence| said.insert(sentence.text.clone()));
    Ok(found)
}

/// Whether a query is a picture, and not a sentence.
fn names_picture(query: &str) -> bool {
    let path = Path::new(query);
    let ending = path.extension().and_then(|ending| ending.to_str());
    let looks = ending.is_some_and(|ending| ENDINGS.contains(&&*ending.to_lowercase()));
    see::names_picture(query) || (looks && !query.contains(' '))
}

/// Refuses a sentence that says nothing to the model, and tells which words do not.
pub(in crate::commands) fn check(model: &AlignModel, sentence: &str) -> Result<()> {
    let words = caption_words(sentence);
    if words.is_empty() {
        let problem = format!("'{sentence}': there is no word in it");
        return Err(unusable(problem, "say what a picture shows"));
    }
    let unknown = model.unknown(sentence);
    if words.iter().all(|word| unknown.contains(word)) {
        let problem = format!("'{sentence}': the model knows no word of it");
        return Err(unusable(problem, "say it in words such as captions have"));
    }
    if !unknown.is_empty() {
        tell!("note: the model does not know: {}", unknown.join(", "));
    }
    Ok(())
}

/// What was found, as an object.
#[derive(Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Sentence {
        sentence: &'a str,
        pictures: Vec<Match<'a>>,
        /// Words that the model does not know.
        unknown: Vec<String>,
    },
    Picture {
        picture: &'a str,
        sentences: Vec<Match<'a>>,
    },
}

#[derive(Serialize)]
struct Match<'a> {
    found: &'a str,
    score: f64,
}

fn print<'a>(
    plan: &Run,
    query: &str,
    found: &'a [Found],
    line: impl FnOnce(Vec<Match<'a>>) -> Line<'a>,
) -> Result<()> {
    let first = found.iter().take(plan.top);
    if plan.json {
        let matches = first.map(|Found { text, score }| Match {
            found: text,
            score: *score,
        });
        let line = serde_json::to_string(&line(matches.collect()))?;
        return output::print(&(line + "\n"));
    }
    let lines = first.map(|Found { text, score }| {
        format!("{}\t{}\t{score:.3}\n", one_line(query), one_line(text))
    });
    output::print(&lines.collect::<String>())
}
