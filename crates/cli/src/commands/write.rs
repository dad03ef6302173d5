//! `unfold run` with a language model: it goes on with a text.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::{Context as _, Result};
use serde::Serialize;
use unfold::data::{Codec, Detokenizer, TokenKind};
use unfold::tasks::language::{Candidate, Generator, LanguageModel};

use crate::failure::unusable;
use crate::output;
use crate::plan::{Run, Writing};
use crate::tell::tell;

/// Candidates shown at each step of an explanation.
const SHOWN: usize = 5;

/// Writes the prompt and goes on with it.
pub(super) fn go_on(plan: &Run, prompt: &str) -> Result<()> {
    let model = load(plan)?;
    let (codec, writing) = (model.codec(), &plan.writing);
    let words = read_prompt(codec, prompt)?;
    if let Some(width) = writing.beam {
        return search(plan, &model, prompt, &words, width);
    }
    let mut writer = Writer::new(&model, writing)?;
    let mut told = Detokenizer::new(codec);
    // The prompt stands as it was typed, known words or not.
    words.iter().for_each(|&word| drop(told.push(word)));
    let mut text = prompt.to_owned();
    if !plan.json && !writing.explain {
        output::print(&text)?;
    }
    writer.generator.read(&words);
    let (mut steps, mut count) = (Vec::new(), 0);
    for _ in 0..writer.length {
        let candidates = match writing.explain {
            true => writer.generator.candidates(SHOWN),
            false => Vec::new(),
        };
        let Some(word) = writer.next() else {
            break;
        };
        let piece = told.push(word);
        text.push_str(&piece);
        count += 1;
        if plan.json {
            steps.extend(writing.explain.then(|| Step::new(codec, word, &candidates)));
        } else if writing.explain {
            output::print(&explanation(codec, word, &candidates))?;
        } else {
            output::print(&piece)?;
        }
    }
    if plan.json {
        let answer = Answer {
            text: &text,
            tokens: count,
            log_probability: None,
            steps,
        };
        return output::print(&(serde_json::to_string(&answer)? + "\n"));
    }
    if writing.explain {
        return output::print(&format!("\n{text}\n"));
    }
    output::print("\n")
}

/// Goes on with what is typed, line after line.
pub(super) fn interactive(plan: &Run) -> Result<()> {
    let model = load(plan)?;
    let codec = model.codec();
    let mut writer = Writer::new(&model, &plan.writing)?;
    if std::io::stdin().is_terminal() {
        tell!(
            "type the beginning of a sentence and press Enter: the model goes on with it; Ctrl-D ends"
        );
    }
    for line in std::io::stdin().lock().lines() {
        let line = line.context("standard input: cannot read")?;
        warn_unknown(codec, &line);
        let words = codec.encode(&line);
        writer.generator.read(&words);
        let mut told = Detokenizer::new(codec);
        words.iter().for_each(|&word| drop(told.push(word)));
        output::print(&line)?;
        for _ in 0..writer.length {
            match writer.next() {
                Some(word) => output::print(&told.push(word))?,
                None => break,
            }
        }
        output::print("\n")?;
        if let Some(eos) = codec.eos() {
            writer.generator.read(&[eos]);
        }
    }
    Ok(())
}

fn load(plan: &Run) -> Result<LanguageModel> {
    let model = LanguageModel::load(&plan.run)?;
    Ok(match plan.writing.int8 {
        true => model.into_int8(),
        false => model,
    })
}

/// A generator and when it stops.
struct Writer<'m> {
    generator: Generator<'m>,
    length: usize,
    stop: Vec<u32>,
    eos: Option<u32>,
    one: bool,
}

impl<'m> Writer<'m> {
    fn new(model: &'m LanguageModel, writing: &Writing) -> Result<Self> {
        let codec = model.codec();
        let stop = writing.stop.iter().map(|word| {
            codec.class(word).ok_or_else(|| {
                unusable(
                    format!(
                        "--stop {word}: the model does not know this word, so it never writes it"
                    ),
                    "give a word as the model cuts text, such as a single mark",
                )
            })
        });
        Ok(Self {
            generator: model.generate(writing.sampling.clone(), writing.seed),
            length: length(codec, writing),
            stop: stop.collect::<Result<_>>()?,
            eos: codec.eos(),
            one: writing.one,
        })
    }

    /// The next word, unless it is time to stop.
    fn next(&mut self) -> Option<u32> {
        let word = self.generator.next()?;
        let over = self.stop.contains(&word) || self.one && Some(word) == self.eos;
        (!over).then_some(word)
    }
}

/// How much is written.
fn length(codec: &Codec, writing: &Writing) -> usize {
    let usual = match codec.encoder().config().tokenizer {
        TokenKind::Characters => 500,
        _ => 100,
    };
    writing.length.unwrap_or(usual)
}

/// The words of a prompt; those that the model does not know are told.
fn read_prompt(codec: &Codec, prompt: &str) -> Result<Vec<u32>> {
    warn_unknown(codec, prompt);
    Ok(codec.encode(prompt))
}

fn warn_unknown(codec: &Codec, text: &str) {
    let unknown = codec.unknown(text);
    if !unknown.is_empty() {
        let quoted: Vec<String> = unknown.iter().map(|word| format!("“{word}”")).collect();
        tell!(
            "note: the model does not know {}; it reads <unk> there",
            quoted.join(", ")
        );
    }
}

fn search(
    plan: &Run,
    model: &LanguageModel,
    prompt: &str,
    words: &[u32],
    width: usize,
) -> Result<()> {
    let (codec, writing) = (model.codec(), &plan.writing);
    for found in model.beam(words, width, length(codec, writing)) {
        let mut told = Detokenizer::new(codec);
        words.iter().for_each(|&word| drop(told.push(word)));
        let written = found.words.iter().map(|&word| told.push(word));
        let text = prompt.to_owned() + &written.collect::<String>();
        let text = text.trim_end_matches('\n');
        if plan.json {
            let answer = Answer {
                text,
                tokens: found.words.len(),
                log_probability: Some(found.log_probability),
                steps: Vec::new(),
            };
            output::print(&(serde_json::to_string(&answer)? + "\n"))?;
        } else {
            let mean = found.log_probability / found.words.len().max(1) as f64;
            output::print(&format!("{mean:8.3}  {}\n", text.replace('\n', "⏎")))?;
        }
    }
    Ok(())
}

/// A line for a step: the word taken, then the likeliest ones with bars.
fn explanation(codec: &Codec, word: u32, candidates: &[Candidate]) -> String {
    let shown = |word: u32| match codec.word(word) {
        "\n" => "⏎".to_owned(),
        " " => "␣".to_owned(),
        word => word.to_owned(),
    };
    let mut line = format!("{:<16}", shown(word));
    for candidate in candidates {
        let taken = if candidate.word == word { "*" } else { " " };
        line.push_str(&format!(
            " {taken}{:<14}{:>5.1} %",
            shown(candidate.word),
            candidate.probability * 100.0
        ));
    }
    line.push('\n');
    line
}

/// What --json prints.
#[derive(Serialize)]
struct Answer<'a> {
    text: &'a str,
    tokens: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_probability: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Step>,
}

#[derive(Serialize)]
struct Step {
    word: String,
    likeliest: Vec<(String, f64)>,
}

impl Step {
    fn new(codec: &Codec, word: u32, candidates: &[Candidate]) -> Self {
        let named = |c: &Candidate| (codec.word(c.word).to_owned(), c.probability);
        Self {
            word: codec.word(word).to_owned(),
            likeliest: candidates.iter().map(named).collect(),
        }
    }
}
