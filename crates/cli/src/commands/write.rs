//! `unfold run` with a language model: it goes on with a text.

use std::io::{BufRead as _, IsTerminal as _};

use anyhow::{Context as _, Result};
use serde::Serialize;
use unfold::data::{Codec, Detokenizer, TokenKind};
use unfold::tasks::language::{Candidate, Generator, LanguageModel};

use super::written::Written;
use crate::failure::unusable;
use crate::output;
use crate::plan::{Run, Writing};
use crate::tell::tell;
use crate::wording::visible;

/// Candidates shown at each step of an explanation.
const SHOWN: usize = 5;

/// Unknown words, or characters, named in a note.
const NAMED: usize = 10;

/// Writes the prompt and goes on with it.
pub(super) fn go_on(plan: &Run, prompt: &str) -> Result<()> {
    let model = load(plan)?;
    let (codec, writing) = (model.codec(), &plan.writing);
    note_unknown(codec, prompt);
    let words = codec.encode(prompt);
    if let Some(width) = writing.search.beam {
        return search(plan, &model, prompt, &words, width);
    }
    let mut writer = Writer::new(&model, writing)?;
    // The prompt stands as it was typed, known words or not.
    if !plan.json && !writing.explain {
        output::print(prompt)?;
    }
    writer.generator.read(&words);
    let mut steps = Vec::new();
    let written = writer.write(prompt, &mut |step, ready| {
        match (plan.json, step) {
            (true, step) => steps.extend(step.map(|step| Step::new(codec, step))),
            (false, Some(step)) => output::print(&explanation(codec, step))?,
            (false, None) => output::print(ready)?,
        }
        Ok(())
    })?;
    let text = prompt.to_owned() + &written.text;
    if plan.json {
        // The beginning of what writing stopped at is not part of the text.
        steps.truncate(written.starts.len());
        let answer = Answer {
            text: &text,
            tokens: written.starts.len(),
            log_probability: None,
            steps,
        };
        return output::print(&(serde_json::to_string(&answer)? + "\n"));
    }
    if writing.explain {
        return output::print(&format!("\n{text}\n"));
    }
    output::print(&format!("{}\n", written.rest()))
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
    let (mut input, mut bytes) = (std::io::stdin().lock(), Vec::new());
    let mut read = |bytes: &mut Vec<u8>| {
        bytes.clear();
        let read = input.read_until(b'\n', bytes);
        read.context("standard input: cannot read")
    };
    while read(&mut bytes)? > 0 {
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end_matches(['\n', '\r']);
        note_unknown(codec, line);
        writer.generator.read(&codec.encode(line));
        output::print(line)?;
        let written = writer.write(line, &mut |_, ready| output::print(ready))?;
        output::print(&format!("{}\n", written.rest()))?;
        if let Some(end) = codec.before() {
            writer.generator.read(&[end]);
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
    codec: &'m Codec,
    generator: Generator<'m>,
    length: usize,
    stops: Vec<String>,
    one: bool,
    explain: bool,
}

/// A word that was drawn, and those that were likeliest.
struct Drawn {
    word: Candidate,
    likeliest: Vec<Candidate>,
}

impl<'m> Writer<'m> {
    fn new(model: &'m LanguageModel, writing: &Writing) -> Result<Self> {
        let codec = model.codec();
        if writing.one && codec.eos().is_none() {
            return Err(unusable(
                "--one: this model does not know where texts end",
                "say where to stop with --stop TEXT or --length N, or train with data.eos set",
            ));
        }
        let stops = writing.stop.iter().map(|stop| spelled(codec, stop));
        Ok(Self {
            codec,
            generator: model.generate(writing.sampling.clone(), writing.seed),
            length: length(codec, writing),
            stops: stops.collect::<Result<_>>()?,
            one: writing.one,
            explain: writing.explain,
        })
    }

    /// Goes on with a text that was read until it is time to stop, and tells `each` of every word how it was
    /// chosen, where that is to be explained, and what may be shown now.
    fn write(
        &mut self,
        text: &str,
        each: &mut dyn FnMut(Option<&Drawn>, &str) -> Result<()>,
    ) -> Result<Written> {
        let mut told = Detokenizer::after(self.codec, text);
        let whole = !matches!(
            self.codec.encoder().config().tokenizer,
            TokenKind::File | TokenKind::Bpe
        );
        let mut written = Written::new(self.stops.clone(), whole);
        for _ in 0..self.length {
            let word = self.generator.draw();
            // Every word's probability is a pass over all of them, so only where it is asked for.
            let drawn = self.explain.then(|| Drawn {
                word: self.generator.candidate(word),
                likeliest: self.generator.candidates(SHOWN),
            });
            self.generator.read(&[word]);
            let end = self.one && Some(word) == self.codec.eos();
            if end {
                break;
            }
            if told.pieces(word).iter().any(|piece| written.push(piece)) {
                return Ok(written);
            }
            each(drawn.as_ref(), written.ready())?;
        }
        if let Some(waited) = told.finish() {
            written.push(&waited);
        }
        Ok(written)
    }
}

/// A text to stop before, as the model writes it.
fn spelled(codec: &Codec, stop: &str) -> Result<String> {
    if stop.is_empty() {
        return Err(unusable(
            "--stop: no text to stop before is given",
            "give one, such as --stop . or --stop 'The end'; --length N alone ends a text after N tokens",
        ));
    }
    // Alone it begins no paragraph that it could end, and inside a text it is white space between words.
    if stop.contains('\n') && stop.trim().is_empty() && codec.eos().is_some() {
        return Ok("\n".to_owned());
    }
    let tokens = match codec.class(stop) {
        Some(token) => vec![token],
        None => codec.encode(stop),
    };
    match tokens.is_empty() || tokens.contains(&Codec::UNKNOWN) {
        true => Err(unusable(
            format!("--stop {stop}: the model does not know this text, so it never writes it"),
            "give words that it knows, such as a single mark",
        )),
        false => Ok(Detokenizer::text(codec, &tokens)),
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

/// Tells which words of a text the model does not know, and what of it no token stands for.
pub(super) fn note_unknown(codec: &Codec, text: &str) {
    if let Some(names) = named(&codec.unknown(text)) {
        tell!("note: the model does not know {names}; it reads <unk> there");
    }
    if let Some(names) = named(&codec.lost(text)) {
        tell!("note: the model's tokenizer has no token for {names} there; it reads what is left");
    }
}

/// The first of some things, in quotes.
fn named<T: std::fmt::Display>(things: &[T]) -> Option<String> {
    let names = things.iter().take(NAMED);
    let mut names: Vec<String> = names.map(|thing| format!("“{thing}”")).collect();
    if let Some(more @ 1..) = things.len().checked_sub(NAMED) {
        names.push(format!("and {more} more"));
    }
    (!names.is_empty()).then(|| names.join(", "))
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
        let mut told = Detokenizer::after(codec, prompt);
        let written = found.words.iter().map(|&word| told.push(word));
        let written: String = written.collect();
        let text = prompt.to_owned() + &written + &told.finish().unwrap_or_default();
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
            output::print(&format!("{mean:8.3}  {}\n", text.replace('\n', "↵")))?;
        }
    }
    Ok(())
}

/// A line for a step: the word taken and its probability, then the likeliest ones.
fn explanation(codec: &Codec, step: &Drawn) -> String {
    let percent = |word: &Candidate| word.probability * 100.0;
    let shown = |word: &Candidate| visible(&codec.text(word.word));
    let mut line = format!("{:<16}{:>5.1} % ", shown(&step.word), percent(&step.word));
    for candidate in &step.likeliest {
        let taken = if candidate.word == step.word.word {
            "*"
        } else {
            " "
        };
        let (word, percent) = (shown(candidate), percent(candidate));
        line.push_str(&format!(" {taken}{word:<14}{percent:>5.1} %"));
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
    probability: f64,
    likeliest: Vec<(String, f64)>,
}

impl Step {
    fn new(codec: &Codec, step: &Drawn) -> Self {
        let named = |c: &Candidate| (codec.text(c.word), c.probability);
        let (word, probability) = named(&step.word);
        Self {
            word,
            probability,
            likeliest: step.likeliest.iter().map(named).collect(),
        }
    }
}
