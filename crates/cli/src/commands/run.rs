//! `unfold run`.

use std::io::{BufRead, BufReader, IsTerminal as _, Read};
use std::mem::ManuallyDrop;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use unfold::tasks::Prediction;
use unfold::tasks::TaskKind;
use unfold::tasks::text::TextModel;

use super::{find, see, write};
use crate::failure::unusable;
use crate::output;
use crate::plan::{Input, Run};
use crate::tell::tell;

/// As many lines as are answered together, when so many wait.
const MOST_LINES: usize = 256;

/// Answers with whatever kind of model it is.
pub(super) fn run(plan: &Run) -> Result<()> {
    match (plan.task, &plan.input) {
        (TaskKind::Text, Input::Texts(texts)) => classify(plan, Some(texts)),
        (TaskKind::Text, Input::Lines) => classify(plan, None),
        (TaskKind::Image, Input::Texts(files)) => see::classify(plan, Some(files)),
        (TaskKind::Image, Input::Lines) => see::classify(plan, None),
        (TaskKind::Caption, Input::Texts(files)) => see::caption(plan, Some(files)),
        (TaskKind::Vqa, Input::Texts(texts)) => see::ask(plan, texts),
        (TaskKind::Vqa, Input::Lines) => see::ask_lines(plan),
        (TaskKind::Caption, Input::Lines) => see::caption(plan, None),
        (TaskKind::Align, Input::Texts(texts)) => find::find(plan, Some(texts)),
        (TaskKind::Align, Input::Lines) => find::find(plan, None),
        (
            TaskKind::Text | TaskKind::Image | TaskKind::Caption | TaskKind::Vqa | TaskKind::Align,
            Input::Prompt(_) | Input::Interactive,
        ) => Err(unusable(
            format!("{}: this model goes on with no text", plan.run.display()),
            "give texts or pictures without --prompt, or name a run of `unfold train language`",
        )),
        (TaskKind::Language, Input::Texts(_) | Input::Lines) => Err(unusable(
            format!(
                "{}: this model writes, it does not answer texts",
                plan.run.display()
            ),
            "give it the beginning of a text with --prompt '…', or talk to it with --interactive",
        )),
        (TaskKind::Language, Input::Prompt(prompt)) => write::go_on(plan, prompt),
        (TaskKind::Language, Input::Interactive) => write::interactive(plan),
    }
}

/// Classifies texts, a line of output for each.
fn classify(plan: &Run, texts: Option<&Vec<String>>) -> Result<()> {
    // Never dropped: the end of the program gives everything back at once.
    let model = ManuallyDrop::new(TextModel::load(&plan.run)?);
    if let Some(texts) = texts {
        for text in texts.iter().filter(|text| Path::new(text).is_file()) {
            tell!(
                "note: {text} is a file, but these words are what is classified; for its lines: < {text}"
            );
        }
        return answer(&model, texts, plan.json);
    }
    if std::io::stdin().is_terminal() {
        tell!("type a text and press Enter; Ctrl-D ends");
    }
    let mut lines = Lines::new(std::io::stdin().lock());
    while let Some(texts) = lines.waiting().context("standard input: cannot read")? {
        answer(&model, &texts, plan.json)?;
    }
    Ok(())
}

fn answer(model: &TextModel, texts: &[String], json: bool) -> Result<()> {
    let mut answers = String::new();
    for prediction in model.classify(texts) {
        if json {
            let answer = Answer {
                picture: None,
                prediction: &prediction,
            };
            answers.push_str(&serde_json::to_string(&answer)?);
        } else {
            answers.push_str(&format!(
                "{}\t{:.4}",
                one_line(&prediction.label),
                prediction.probability
            ));
        }
        answers.push('\n');
    }
    output::print(&answers)
}

/// A label that cannot be taken for the end of its field.
pub(super) fn one_line(label: &str) -> String {
    label.replace(['\t', '\n', '\r'], " ")
}

/// A prediction with its probabilities as an object, likeliest first; and of which picture, if it is of one.
pub(super) struct Answer<'a> {
    pub(super) picture: Option<&'a str>,
    pub(super) prediction: &'a Prediction,
}

impl Serialize for Answer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Probabilities<'a>(&'a [(String, f32)]);
        impl Serialize for Probabilities<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(
                    self.0
                        .iter()
                        .map(|(label, probability)| (label, probability)),
                )
            }
        }
        let mut map = serializer.serialize_map(None)?;
        if let Some(picture) = self.picture {
            map.serialize_entry("picture", picture)?;
        }
        let Prediction {
            label,
            probability,
            probabilities,
        } = self.prediction;
        map.serialize_entry("label", label)?;
        map.serialize_entry("probability", probability)?;
        map.serialize_entry("probabilities", &Probabilities(probabilities))?;
        map.end()
    }
}

/// Lines in groups: what has arrived is taken together, and nothing waits for more.
pub(super) struct Lines<R> {
    input: BufReader<R>,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(1 << 16, input),
        }
    }

    /// Waits for a line and takes those that came with it; `None` at the end.
    pub(super) fn waiting(&mut self) -> std::io::Result<Option<Vec<String>>> {
        let mut lines = Vec::new();
        while lines.is_empty() || (lines.len() < MOST_LINES && self.input.buffer().contains(&b'\n'))
        {
            let mut line = Vec::new();
            if self.input.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let line = String::from_utf8_lossy(&line);
            lines.push(
                line.strip_suffix('\n')
                    .map_or(&*line, |line| line.strip_suffix('\r').unwrap_or(line))
                    .to_owned(),
            );
        }
        Ok((!lines.is_empty()).then_some(lines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_together_and_whole() {
        let mut lines = Lines::new("one\r\ntwo\n\nthree".as_bytes());
        assert_eq!(lines.waiting().unwrap().unwrap(), ["one", "two", ""]);
        assert_eq!(lines.waiting().unwrap().unwrap(), ["three"]);
        assert!(lines.waiting().unwrap().is_none());
    }

    #[test]
    fn broken_letters_are_replaced() {
        let mut lines = Lines::new(&b"a\xffb\n"[..]);
        assert_eq!(lines.waiting().unwrap().unwrap(), ["a\u{fffd}b"]);
    }

    #[test]
    fn probabilities_keep_their_order() {
        let prediction = Prediction {
            label: "spam".into(),
            probability: 0.75,
            probabilities: vec![("spam".into(), 0.75), ("ham".into(), 0.25)],
        };
        assert_eq!(
            serde_json::to_string(&Answer {
                picture: Some("a.png"),
                prediction: &prediction
            })
            .unwrap(),
            r#"{"picture":"a.png","label":"spam","probability":0.75,"probabilities":{"spam":0.75,"ham":0.25}}"#
        );
    }
}
